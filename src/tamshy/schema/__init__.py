"""The tables, as numbered SQL files that are applied in order and never edited after; no logic.

The only description of the database: Django's models could not express its composite keys (docs/adr/0018).
"""
