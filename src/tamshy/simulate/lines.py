"""The lines that a simulation prints: one JSON object for each entry, refusal, exit and decision."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

import orjson

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.simulate")
_SENT_AT_ONCE: Final = 1000
MILLISECOND: Final = 1000
"""Microseconds: less is not printed."""


def moment_text(moment: datetime) -> str:
    """A moment in UTC with ``Z``; milliseconds only where they are not zero."""
    if moment.utcoffset():
        moment = moment.astimezone(UTC)
    # Cut from the ISO text: a history has hundreds of thousands of them.
    return f"{moment.isoformat()[: 23 if moment.microsecond >= MILLISECOND else 19]}Z"


def journal_lines(conn: Connection, until: datetime) -> Iterator[dict[str, object]]:
    """The journal up to a moment as the lines of ``simulate``, in their order: written while the server still sends."""
    with conn.cursor() as cursor:
        for row in cursor.stream(_SQL["journal"], {"until": until}, size=_SENT_AT_ONCE):
            yield _line(row)


def _line(row: tuple[object, ...]) -> dict[str, object]:
    at, kind, profile, flow, step, message, outcome, reason, until, address, locale, subject, key, arms = row
    line: dict[str, object] = {"at": moment_text(at), "kind": kind, "profile": profile, "flow": flow}  # type: ignore[arg-type]
    if kind == "enrollment":
        line["state"] = outcome
        line.update({"key": key} if outcome == "entered" else {"reason": reason})
        return line
    line.update(step=step, message=message, decision=outcome)
    if outcome == "sent":
        line.update(to=address, locale=locale, subject=subject, arm=arms)
    else:
        line["reason"] = reason
    if until is not None:
        line["until"] = moment_text(until)  # type: ignore[arg-type]
    return line


def line_text(line: dict[str, object]) -> str:
    """A line as JSON text, keys in their order."""
    return orjson.dumps(line).decode()
