"""Files of people, of what happened, and of addresses never to be written to, taken in through ingest.

Reads CSV and JSON lines, batch by batch; leaves what ingest leaves, ``suppression`` rows for addresses, and in ``import``
how far each file has come, in the transaction that stored its lines. What a file says is history: it counts, and starts nothing.
"""

from __future__ import annotations

from tamshy.importing.files import BadFile, Format
from tamshy.importing.meaning import Meaning, Names
from tamshy.importing.provenance import PROVIDERS
from tamshy.importing.stage import BadOption, Busy, Counts, Kind, Options, Progress, Report, Target, Told, run

__all__ = [
    "PROVIDERS",
    "BadFile",
    "BadOption",
    "Busy",
    "Counts",
    "Format",
    "Kind",
    "Meaning",
    "Names",
    "Options",
    "Progress",
    "Report",
    "Target",
    "Told",
    "run",
]
