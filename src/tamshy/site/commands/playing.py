"""`simulate`, `backtest` and `test`: the options read, the rest is `tamshy.simulate`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tamshy.domain.calendar import add
from tamshy.language import parse_duration, parse_moment, read_folder, read_workspace
from tamshy.simulate import command
from tamshy.simulate.past import Extent
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import remark
from tamshy.site.commands.surroundings import WrongUse, configured, opened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime


def simulate(options: argparse.Namespace) -> int:
    """Play a history and print what would have happened."""
    folder, events = Path(options.dir), Path(options.events)
    if not events.is_file():
        raise WrongUse(f"{events} does not exist; --events names a file of JSON lines")
    until = _moment(options.until, folder) if options.until else None
    with ExitStack() as stack:
        out = stack.enter_context(Path(options.out).open("w", encoding="utf-8")) if options.out else sys.stdout
        code = command.simulate(
            folder,
            events,
            out=out,
            err=sys.stderr,
            dsn=configured(options).database_url or None,
            until=until,
            seed=options.seed,
            progress=_progress(),
        )
    if sys.stderr.isatty():
        remark("")
    return code


def backtest(options: argparse.Namespace) -> int:
    """Play the shop's own past through a folder, and compare with what was sent."""
    folder = Path(options.dir)
    settings = read_workspace(read_folder(folder))[0].settings
    try:
        length = parse_duration(options.since)
    except ValueError as exc:
        raise WrongUse(f"--since {options.since} is no duration: {exc}") from exc
    now = clock_from(configured(options).clock).now()
    with ExitStack() as stack:
        shop = stack.enter_context(opened(options))
        lines = stack.enter_context(Path(options.out).open("w", encoding="utf-8")) if options.out else None
        extent = Extent(shop.id, shop.first_bucket, shop.first_bucket + shop.buckets - 1, now)
        return command.backtest(
            folder,
            command.Shop(shop.conn, shop.workspace, extent, add(now, -length, settings.timezone)),
            out=sys.stdout,
            err=sys.stderr,
            dsn=configured(options).database_url or None,
            seed=options.seed,
            lines=lines,
            as_json=options.json,
            progress=_progress(),
        )


def test(options: argparse.Namespace) -> int:
    """Run the stories of a folder."""
    return command.test(
        Path(options.dir),
        out=sys.stdout,
        err=sys.stderr,
        dsn=configured(options).database_url or None,
        only=options.only,
        as_json=options.json,
    )


def _moment(text: str, folder: Path) -> datetime:
    zone = read_workspace(read_folder(folder))[0].settings.timezone
    found = parse_moment(text, zone)
    if found is None:
        raise WrongUse(f"--until {text} is no moment; write it like 2026-03-02T09:00:00Z")
    return found


def _progress() -> Callable[[datetime, int], None]:
    """Show how far a long play has come, where somebody is looking."""
    if not sys.stderr.isatty():
        return lambda _moment, _items: None

    def show(_moment: datetime, items: int) -> None:
        sys.stderr.write(f"\r{items:>10,} items")
        sys.stderr.flush()

    return show
