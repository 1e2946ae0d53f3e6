"""`hold` and `confirm`: nothing leaves; and a person's word that this is the installation that mails."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tamshy import sqlkit, standing
from tamshy.site.clock import BELIEVED, boot, clock_from, since_boot
from tamshy.site.commands.saying import data, out
from tamshy.site.commands.surroundings import NoWorkspace, configured
from tamshy.site.database import database
from tamshy.site.whereabouts import folder_mark

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from tamshy.site.configuration import Configuration
    from tamshy.standing import Standing, Waiting, Whereabouts

_DONE: Final = 0
_NOT_SO: Final = 1


def hold(options: argparse.Namespace) -> int:
    """Let nothing leave until a person confirms."""
    configuration = configured(options)
    with database(configuration) as dsn, sqlkit.connect(dsn) as conn:
        _founded(conn)
        now = clock_from(configuration.clock).now()
        done = standing.hold(conn, ["by_hand"], now)
        conn.commit()
    out(f"on hold: {standing.MEND}" if done else "it was on hold by hand already")
    return _DONE


def confirm(options: argparse.Namespace) -> int:
    """Say what would leave, and let it."""
    configuration = configured(options)
    with database(configuration) as dsn, sqlkit.connect(dsn) as conn:
        _founded(conn)
        now = clock_from(configuration.clock).now()
        lies = here(conn, configuration)
        found, count = standing.look(conn, lies), standing.waiting(conn, now)
        ahead = told_ahead(conn, configuration)
        if options.json:
            data({"on_hold": not found.clear, "reasons": list(found.reasons), "clock_ahead_s": ahead, **asdict(count)})
        else:
            _say(found, count, ahead, skip=options.overdue == "skip")
        if options.dry_run or (found.clear and not ahead):
            return _DONE
        if not (options.yes or _agreed()):
            return _NOT_SO
        standing.confirm(conn, lies, uuid4(), now, skip=options.overdue == "skip")
        conn.commit()
    if not options.json:
        out("confirmed: work goes on within a second")
    return _DONE


def told_ahead(conn: sqlkit.Connection, configuration: Configuration) -> float:
    """Tell by how many seconds this machine's clock was put forward since its start, as far as that was noticed; else 0."""
    kept = standing.anchor(conn, boot())
    if kept is None:
        return 0.0
    told = clock_from(configuration.clock).real()
    ahead = (told - kept.at).total_seconds() - (since_boot() - kept.since_boot)
    return ahead if ahead > BELIEVED.total_seconds() else 0.0


def here(conn: sqlkit.Connection, configuration: Configuration) -> Whereabouts:
    """Give the whereabouts of a command's database."""
    folder = "" if configuration.database_url else folder_mark(configuration)
    return standing.whereabouts(conn, folder=folder, name=configuration.instance)


def _founded(conn: sqlkit.Connection) -> None:
    if conn.execute("select to_regclass('installation')").fetchone() == (None,):
        raise NoWorkspace("the database is empty, or older than this program: run `tamshy migrate` first")


def _say(found: Standing, count: Waiting, ahead: float, *, skip: bool) -> None:
    if found.clear and not ahead:
        out("it is not on hold; there is nothing to confirm")
        return
    since = f" since {_written(found.since)}" if found.since else ""
    if not found.clear:
        out(f"on hold{since}: {standing.because(found.reasons)}")
    if ahead:
        out(f"on hold: this machine's clock was put forward by {ahead / 60:.0f} minutes")
    out(f"{count.leaving} messages would leave:")
    out(f"  {count.queued} are decided and wait for their hand-over")
    out(f"  {count.messages} are due and would be decided now, of {count.due} people with a step due")
    if count.handing_over:
        out(f"  {count.handing_over} were being handed over; nobody knows whether they arrived")
    if skip:
        out("with --overdue skip none of these leave: what is decided is withdrawn, what is due is skipped as expired")


def _agreed() -> bool:
    """Ask a person at a terminal; a program that runs the command has said it by running it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    sys.stdout.write("Is this the one installation that shall mail? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
