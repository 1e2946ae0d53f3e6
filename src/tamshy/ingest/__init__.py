"""Takes raw calls in every accepted dialect, validates, de-duplicates, and stores them durably.

Reads the bytes of a request, or the lines of a history, and the identifiers known so far. Leaves `seen_message`,
`identifier`, `naming`, `profile` (newcomers) and `inbox` rows; nothing else is written here, and nothing is decided
about flows.
"""

from __future__ import annotations

from tamshy.ingest.body import MAX_BODY, MAX_ITEMS, Body, parse_body, unpacked, why_unreadable
from tamshy.ingest.customerio import entity, read_customerio
from tamshy.ingest.dialect import KINDS, meant
from tamshy.ingest.lines import Engage, History, LineProblem, ProductLine, calls_from_lines, without_collecting
from tamshy.ingest.moments import moment
from tamshy.ingest.poison import cleaned
from tamshy.ingest.reading import Reading, read_calls
from tamshy.ingest.refusal import BodyReason, BodyRefused, Refusal, RefusalReason, Refused, unless_refused
from tamshy.ingest.store import Contended, Stored, prune, store, store_history
from tamshy.ingest.workspace import WorkspaceRef

__all__ = [
    "KINDS",
    "MAX_BODY",
    "MAX_ITEMS",
    "Body",
    "BodyReason",
    "BodyRefused",
    "Contended",
    "Engage",
    "History",
    "LineProblem",
    "ProductLine",
    "Reading",
    "Refusal",
    "RefusalReason",
    "Refused",
    "Stored",
    "WorkspaceRef",
    "calls_from_lines",
    "cleaned",
    "entity",
    "meant",
    "moment",
    "parse_body",
    "prune",
    "read_calls",
    "read_customerio",
    "store",
    "store_history",
    "unless_refused",
    "unpacked",
    "why_unreadable",
    "without_collecting",
]
