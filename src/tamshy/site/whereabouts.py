"""What a process can know of the place that its own database lies at: which folders on disk these are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit.folder import place

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.site.configuration import Configuration

_MADE_ONCE: Final = ("", "PG_VERSION", "global/pg_control")
"""What of a cluster is made once and then only written to: a copy has others."""


def folder_mark(configuration: Configuration) -> str:
    """Give a mark of the data folder's very files; a moved folder has the same, a copied one another. Empty: none is there.

    Made of the numbers that the file system knows the files by, which restarts and renaming leave as they are.
    """
    data = configuration.data_folder
    if not data.exists():
        return ""
    cluster = place(data, named=bool(configuration.data)).cluster
    looked_at = [data, *(cluster / name for name in _MADE_ONCE)]
    return hashlib.sha256(" ".join(str(_number(path)) for path in looked_at).encode()).hexdigest()[:16]


def _number(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
