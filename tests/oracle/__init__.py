"""A slow, obvious, row-at-a-time reading of the flow language, to hold the real engine against.

Written from ``flow-language.md`` and ``surface.md`` alone. It imports nothing of the package, has
its own calendar, its own reader of YAML and its own order of things. Where it is slow it is slow
on purpose: each rule stands in one place, with its number beside it.
"""
