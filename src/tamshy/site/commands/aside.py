"""`aside`: whose items raised an error and wait, so that nobody else does; lets them in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy import worker
from tamshy.site.commands.saying import data, out
from tamshy.site.commands.surroundings import WrongUse, opened

if TYPE_CHECKING:
    import argparse

    from tamshy.site.commands.surroundings import Opened

_DONE: Final = 0
_NOT_SO: Final = 1


def aside(options: argparse.Namespace) -> int:
    """Tell who is set aside, or let them in again."""
    with opened(options) as work:
        if options.let_in:
            return _let_in(work, options.let_in)
        return _list(work, as_json=options.json)


def _list(work: Opened, *, as_json: bool) -> int:
    known = worker.aside(work.conn, work.first_bucket, work.buckets)
    for one in known:
        until = one.until.isoformat() if one.until else None
        if as_json:
            data(
                {
                    "profile": str(one.profile),
                    "since": one.since.isoformat(),
                    "tries": one.tries,
                    "until": until,
                    "error": one.error,
                }
            )
        else:
            then = f"tried again at {until}" if until else "waits for you"
            out(f"{one.profile}  since {one.since.isoformat()}, failed {one.tries} times, {then}: {one.error}")
    if not (known or as_json):
        out("nobody is set aside")
    return _DONE


def _let_in(work: Opened, text: str) -> int:
    try:
        profile = None if text == "all" else UUID(text)
    except ValueError as exc:
        raise WrongUse(f"{text!r} is no profile's own id; `tamshy aside` shows them, or say `all`") from exc
    count = worker.let_in(work.conn, work.first_bucket, work.buckets, profile)
    work.conn.commit()
    out(f"let in again: {count}")
    return _DONE if count or profile is None else _NOT_SO
