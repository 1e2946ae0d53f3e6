"""`pause` and `resume`: a flow stands still, and goes on with or without those for whom something was due meanwhile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from tamshy import publish
from tamshy.publish import Overdue
from tamshy.publish.outlook import told
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out
from tamshy.site.commands.surroundings import WrongUse, configured, opened

if TYPE_CHECKING:
    import argparse

    from tamshy.publish import Outlook

_DONE: Final = 0
_NOT_SO: Final = 1


def pause(options: argparse.Namespace) -> int:
    """Let a flow stand still."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        try:
            done = publish.pause(work.conn, work.workspace, options.flow, at=now)
        except LookupError as exc:
            raise WrongUse(str(exc)) from exc
        work.conn.commit()
    if options.json:
        data({"flow": options.flow, "paused": True, "changed": done})
    else:
        out(f"{options.flow} stands still" if done else f"{options.flow} stood still already")
    return _DONE


def resume(options: argparse.Namespace) -> int:
    """Say who is overdue and what would be done with them, and do it."""
    clock = clock_from(configured(options).clock)
    overdue = Overdue(options.overdue) if options.overdue else None
    with opened(options) as work:
        at = clock.now()
        try:
            found = publish.outlook(work.conn, work.workspace, options.flow, at=at)
        except LookupError as exc:
            raise WrongUse(str(exc)) from exc
        work.conn.rollback()
        if not options.json:
            _say(found)
        if not found.paused or options.dry_run:
            _print(found, None, as_json=options.json)
            return _DONE
        if not (options.yes or _agreed(overdue)):
            return _NOT_SO
        # The moment of what was said: who became due while a person read it is not among the overdue.
        people = publish.resume(work.conn, work.workspace, options.flow, at=at, overdue=overdue)
        work.conn.commit()
    _print(found, people, as_json=options.json)
    return _DONE


def _say(found: Outlook) -> None:
    if not found.paused:
        out(f"{found.flow} does not stand still; there is nothing to resume")
        return
    out(f"{found.flow}: for {found.overdue} of {found.inside} people something was due meanwhile")
    out(f"  without --overdue: {found.in_time} messages are decided now, {found.expired} skipped as expired")
    out(f"  --overdue skip:    {found.messages} messages are skipped as expired, and people go on behind them")
    out(f"  --overdue send:    {found.messages} messages are decided now, however late")
    out(f"  --overdue shift:   {found.shifted} people wait on from where they stood")
    if found.overdue > found.messages:
        out(f"  {found.overdue - found.messages} of them come to another step first, or to none")


def _print(found: Outlook, people: int | None, *, as_json: bool) -> None:
    if as_json:
        data(told(found) | {"resumed": people is not None})
    elif people is not None:
        out(f"{found.flow} goes on; {people} people were overdue")


def _agreed(overdue: Overdue | None) -> bool:
    """Ask a person at a terminal; a program that runs the command has said it by running it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    sys.stdout.write(f"Go on {f'with --overdue {overdue}' if overdue else 'as `expires` says'}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
