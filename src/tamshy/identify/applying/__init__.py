"""Applies what an item on the agenda says of its profile: properties, zone, consent, suppression.

Reads ``agenda``; leaves ``profile``, ``consent`` and ``suppression`` as of the moment of each item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries(__name__)


def apply(conn: Connection, book: Rulebook, bucket: int, pass_: int, kinds: set[str], *, ambient: bool) -> None:
    """Apply the agenda's identify calls, consents and suppressions, and what contexts tell (``ambient``)."""
    params = {"bucket": bucket, "workspace": book.workspace, "zone": book.settings.timezone, "pass": pass_}
    if ambient or "identify" in kinds:
        conn.execute(_SQL["apply_properties"], params)
        conn.execute(_SQL["apply_zones"], params)
    if "identify" in kinds:
        conn.execute(_SQL["note_zones"], params)
    if "consent" in kinds:
        conn.execute(_SQL["apply_consents"], params)
    if "suppress" in kinds:
        conn.execute(_SQL["apply_suppressions"], params)
