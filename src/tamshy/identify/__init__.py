"""Takes in what calls say of a profile: properties, consent, merging.

Whose a call is was ruled by `domain.identity` when `ingest` stored it; what it changes about the profile is applied here.
"""
