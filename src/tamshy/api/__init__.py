"""What programs call: Segment's HTTP API for calls, consent by API key, and what operators look at.

Calls are read and stored by `ingest`; nothing is decided here. The composition root hands in connections, the clock
and the keys (`wiring.install`).
"""
