"""The groups of buyers by recency and frequency, and the constants of what is foreseen of them (ADR 99 and 100)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

FIFTHS: Final = 5
"""Recency, frequency and money are told in fifths, 5 the best; with fewer buyers than that there is nothing to divide."""

GRID: Final = (
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("about_to_sleep", "about_to_sleep", "needs_attention", "loyal", "loyal"),
    ("promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"),
    ("new", "potential_loyalist", "potential_loyalist", "champion", "champion"),
)
"""The group of each pair of fifths: a row for each fifth of recency from 1, a column for each of frequency."""

GROUPS: Final = (
    "champion",
    "loyal",
    "potential_loyalist",
    "new",
    "promising",
    "needs_attention",
    "about_to_sleep",
    "at_risk",
    "cannot_lose",
    "hibernating",
)
"""What ``rfm.segment`` can be, from the best to those who are nearly gone."""

APART: Final = timedelta(days=1)
"""Orders closer than this to the one before are one purchase: what was forgotten, or came in two parcels."""

ENOUGH_GAPS: Final = 20
"""Gaps between purchases from which on a shop's own is known: as many as a learnt interval takes (spec: `reorder_due`)."""

WEIGHT: Final = 1
"""How many of their own gaps, and orders, what the whole shop shows counts for beside somebody's own."""

RIPE: Final = 4
"""Usual gaps after which a purchase that nobody followed up is taken for somebody's last: in a fifth of cases wrongly."""

AHEAD: Final = timedelta(days=365)
"""How far ahead ``predicted.clv`` looks."""
