"""`forget` and `takeout`: a person erased; all that is held about one, written out."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from tamshy import privacy
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import configured, opened

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from tamshy.privacy import Erased, Somebody
    from tamshy.site.commands.surroundings import Opened

_DONE: Final = 0
_NOT_SO: Final = 1
_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.1


def forget(options: argparse.Namespace) -> int:
    """Erase everybody who goes by the name given; an address that was erased before is done already."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        people = privacy.find(work.conn, work.id, options.profile)
        since = privacy.erased_since(work.conn, work.id, options.profile)
        if not people:
            return _gone(options, since)
        if not options.json:
            for one in people:
                out(f"to erase: {_told(work, one)}")
        if not (options.yes or _agreed(len(people))):
            return _NOT_SO
        work.conn.commit()
        for one in people:
            erased = privacy.erase(work.conn, one, privacy.Pads.of(secrets.token_bytes(32)), now)
            work.conn.commit()
            late = _swept(work, one, erased)
            _say(options, one, erased, late)
    return _DONE


def takeout(options: argparse.Namespace) -> int:
    """Write all that is held about everybody who goes by the name given."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        work.conn.commit()
        work.conn.execute("set transaction isolation level repeatable read, read only")
        people = privacy.find(work.conn, work.id, options.profile)
        document = {
            "workspace": work.workspace,
            "taken_out_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "people": [{"profile": str(one.profile), "held": privacy.take_out(work.conn, one)} for one in people],
        }
        since = privacy.erased_since(work.conn, work.id, options.profile)
    if not people:
        return _nobody(options.profile, since)
    text = json.dumps(document, ensure_ascii=False, indent=None if options.json else 2)
    if options.out:
        Path(options.out).write_text(f"{text}\n", encoding="utf-8")
    else:
        out(text)
    return _DONE


def _nobody(name: str, since: datetime | None) -> int:
    if since is not None:
        remark(f"whoever had this address was erased on {since:%Y-%m-%d}; a keyed hash of it is all that is held")
    else:
        remark(f"nobody goes by {name!r}; give a user id, an address, an anonymous id or a profile's id")
    return _NOT_SO


def _gone(options: argparse.Namespace, since: datetime | None) -> int:
    """Say that there is nobody to erase; done where that is because they were erased."""
    if since is None:
        return _nobody(options.profile, since)
    if options.json:
        data({"erased": [], "erased_before": since.isoformat()})
    else:
        out(f"erased already, on {since:%Y-%m-%d}")
    return _DONE


def _told(work: Opened, somebody: Somebody) -> str:
    names = [value for _, value in privacy.names_of(work.conn, somebody)]
    return f"{somebody.profile}, also known as {', '.join(names)}" if names else str(somebody.profile)


def _agreed(count: int) -> bool:
    """Ask a person at a terminal; a program that runs the command has said it by running it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    whom = "this person" if count == 1 else f"these {count} people"
    sys.stdout.write(f"Erase {whom} for good? Nothing brings them back. [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _swept(work: Opened, somebody: Somebody, erased: Erased) -> dict[str, int]:
    """Erase what calls have left that were being stored when the person was erased, once none of them can be."""
    open_ = privacy.under_way(work.conn)
    work.conn.commit()
    until = monotonic() + _PATIENCE_S
    while open_ and monotonic() < until:
        sleep(_LOOK_S)
        open_ &= privacy.under_way(work.conn)
        work.conn.commit()
    late = privacy.sweep(work.conn, somebody, erased)
    work.conn.commit()
    if open_:
        remark(
            f"{len(open_)} transactions have been open for longer than {_PATIENCE_S:.0f} s; a call that one of them stores may"
            " be this person's: run the command again once they have ended"
        )
    return late


def _say(options: argparse.Namespace, one: Somebody, erased: Erased, late: dict[str, int]) -> None:
    rows = {table: erased.rows.get(table, 0) + late.get(table, 0) for table in sorted({*erased.rows, *late})}
    if options.json:
        data(
            {
                "erased": str(one.profile),
                "rows": rows,
                "enrollments_ended": erased.enrollments,
                "deliveries_withdrawn": erased.deliveries,
                "addresses_kept_as_hash": len(erased.addresses),
                "same_address": [str(other.profile) for other in erased.sharing],
            }
        )
        return
    out(f"erased: {sum(rows.values())} rows ({', '.join(f'{table} {count}' for table, count in rows.items())})")
    out(f"{erased.enrollments} flows left, {erased.deliveries} mails withdrawn")
    for other in erased.sharing:
        out(
            f"not erased: {other.profile} ({other.first_known_as}) has the same address, and is written to there no more"
        )
    out("backups made before still hold this person; see docs/how-to/import.md")
