"""`tamshy demo`: a whole shop to play with, on a clock that runs faster than life."""

from __future__ import annotations

import logging
import random
import shutil
import socket
import sys
import tempfile
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from tamshy import sqlkit
from tamshy.accounts import KeyKind, new_secret
from tamshy.domain import calendar
from tamshy.language.folders import read_folder
from tamshy.publish import publish, published_files, workspace_names
from tamshy.recipes import add
from tamshy.render.compile import compile_message
from tamshy.site.clock import Clock, running
from tamshy.site.commands.folders import drawing_secret
from tamshy.site.commands.serving import Place, run_processes
from tamshy.site.commands.surroundings import WrongUse
from tamshy.site.configuration import Configuration
from tamshy.site.founding import found
from tamshy.site.logs import into, to_stderr
from tamshy.site.processes import stop_on_signals
from tamshy.site.street import Memory, Outside, Street, live

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tamshy.language.model import Message, Problem, Settings
    from tamshy.site.street import Client

DEFAULT_FOLDER: Final = Path("tamshy-data") / "demo"
DEFAULT_SPEED: Final = 600.0
LOG: Final = "log"
_FASTEST: Final = 10_000.0
CAMPAIGNS: Final = (
    "back-in-stock",
    "birthday",
    "first-purchase",
    "interest",
    "order-status",
    "price-drop",
    "review-request",
    "wish-list",
)
"""Recipes that the demo's shop has added to its own flows: twelve campaigns in all."""
_ZONE: Final = "Asia/Almaty"
_OPENS_AT: Final = 9
"""The hour at which a new demo's day begins, so that nobody's first mail waits for the end of the quiet hours."""
_REAL_URL: Final = "https://qumyra.example"
_PATIENCE_S: Final = 120.0
_SQL: Final = sqlkit.queries("tamshy.panel")


class NotThere(RuntimeError):
    """Something that the demo needs is missing; the message says what brings it."""


class Kept(msgspec.Struct):
    """What a demo's folder keeps: its keys, and how far its clock has come."""

    write_key: str
    api_key: str
    shop_time: datetime | None = None


def run(options: argparse.Namespace) -> int:
    """Run the demo until told to stop (`--once`: until the first mail is in the inbox); gives the exit code."""
    to_stderr("demo", logging.WARNING)
    speed = DEFAULT_SPEED if options.speed is None else options.speed
    if not 1 <= speed <= _FASTEST:
        raise WrongUse(f"--speed is a number from 1 to {_FASTEST:g}")
    folder = Path(options.data) if options.data else DEFAULT_FOLDER
    _free(options.host, options.port)
    base = f"http://{options.host}:{options.port}"
    client = _segment()
    stop = stop_on_signals()
    with ExitStack() as stack:
        _say("The shop opens …")
        server = sqlkit.EmbeddedServer.open(folder, named=bool(options.data), durable=False, say=_say)
        stack.callback(server.stop)
        # Only now is the folder ours; at a terminal a person reads sentences, and lines of a log elsewhere.
        log = into(folder / LOG)
        _say(f"Its log is {folder / LOG}")
        kept = _kept(folder)
        clock = _clock(server.dsn, kept, speed)
        configuration = Configuration(
            data=str(folder),
            base_url=base,
            clock=clock.text(),
            bootstrap_write_key=kept.write_key,
            bootstrap_api_key=kept.api_key,
        )
        try:
            found(server.dsn, configuration, clock.now())
        except sqlkit.MigrationError as exc:
            raise WrongUse(f"{folder} holds a demo of another version ({exc}); remove it and start again") from exc
        apply_example(server.dsn, base, clock.now(), configuration)
        processes = threading.Thread(
            target=run_processes,
            args=(configuration, server.dsn, Place(options.host, options.port), stop, None, log),
            name="processes",
        )
        processes.start()
        stack.callback(processes.join)
        stack.callback(stop.set)
        dice = random.Random(options.seed)  # noqa: S311 - dice of made-up people, no secrets
        outside = Outside(base, client(kept.write_key, base), kept.api_key)
        stack.callback(outside.close)
        pool = sqlkit.pool(server.dsn, largest=2)
        stack.callback(pool.close)
        street = Street(outside, pool, clock.now, Memory.read(folder / "people.json"), dice)
        _await_web(options.host, options.port, stop)
        street.open_up()
        watch = _Watch(pool, base, stop, folder / LOG, once=options.once)
        live(street, speed, watch.wait, folder / "people.json", dice)
        kept.shop_time = clock.now()
        _keep(folder, kept)
    return 0 if watch.seen else 3


class _Watch:
    """Rests between the street's steps, and tells when the first mail is in the inbox."""

    def __init__(self, pool: sqlkit.Pool, base: str, stop: threading.Event, log: Path, *, once: bool) -> None:
        self.seen = False
        self._pool, self._base, self._stop, self._log, self._once = pool, base, stop, log, once
        self._waited = 0.0

    def wait(self, seconds: float) -> bool:
        """Rest; says whether to stop."""
        if not self.seen:
            self._waited += seconds
            self.seen = self._look()
            if self.seen:
                _print(f"Open {self._base}/", sys.stdout)
                if not self._once:
                    _say("Ctrl-C ends it; a second start goes on where this one stopped.")
            elif self._waited > _PATIENCE_S:
                _say(f"No mail came within {_PATIENCE_S:g} seconds; what went wrong stands in {self._log}.")
                self._stop.set()
        if self.seen and self._once:
            self._stop.set()
        return self._stop.wait(seconds)

    def _look(self) -> bool:
        with self._pool.connection() as conn:
            row = conn.execute(_SQL["any_mail"]).fetchone()
        return bool(row and row[0])


def apply_example(dsn: str, base: str, now: datetime, configuration: Configuration) -> None:
    """Publish the example shop and its campaigns, at the address of the demo's own storefront, unless that is published already."""
    files = demo_files(base)
    with sqlkit.connect(dsn) as conn:
        name = workspace_names(conn)[0]
        if published_files(conn, 1) != files:
            secret = drawing_secret(configuration, files)
            publish(conn, name, files, at=now, compile_message=_compiled, secret=secret)
        conn.commit()


def demo_files(base: str) -> dict[str, str]:
    """Give the texts of the demo's folder: the example shop's own four flows, and `CAMPAIGNS` as `tamshy add` writes them."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "shop"
        shutil.copytree(example_folder(), folder)
        settings = folder / "tamshy.yaml"
        settings.write_text(settings.read_text(encoding="utf-8").replace(_REAL_URL, f"{base}/shop"), encoding="utf-8")
        add(CAMPAIGNS, folder)
        return read_folder(folder)


def _compiled(message: Message, settings: Settings) -> tuple[dict[str, object], list[Problem]]:
    compiled, problems = compile_message(message, settings)
    return dict(compiled), problems


def example_folder() -> Path:
    """Find the example shop: beside the package when installed, in the repository when worked on.

    Raises:
        NotThere: it is in neither place.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "examples" / "shop", package.parent.parent / "examples" / "shop"):
        if (folder / "tamshy.yaml").exists():
            return folder
    raise NotThere("the example shop is missing from this installation; run the demo from a clone of the repository")


def _segment() -> Callable[[str, str], Client]:
    """Give a maker of Segment's client: the demo's shoppers speak through the library that shops use."""
    try:
        from segment.analytics.client import Client as Segment  # noqa: PLC0415 - of all commands this one alone needs it
    except ImportError as exc:
        raise NotThere(
            "the demo's shoppers speak through Segment's library; `pip install segment-analytics-python`"
        ) from exc

    def make(write_key: str, host: str) -> Client:
        made: Client = Segment(write_key, host=host, upload_interval=0.2, upload_size=50, timeout=10)
        return made

    return make


def _kept(folder: Path) -> Kept:
    path = folder / "demo.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    kept = Kept(new_secret(KeyKind.WRITE), new_secret(KeyKind.API))
    _keep(folder, kept)
    return kept


def _keep(folder: Path, kept: Kept) -> None:
    fresh = folder / "demo.json.new"
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.encode(kept))
    fresh.replace(folder / "demo.json")


def _clock(dsn: str, kept: Kept, speed: float) -> Clock:
    """Go on where the last start stopped, never before anything that has happened; a new demo begins in the morning."""
    last = kept.shop_time
    with sqlkit.connect(dsn) as conn:
        row = conn.execute(_SQL["schema_is_there"]).fetchone()
        if row and row[0]:
            happened = conn.execute(_SQL["newest_moment"]).fetchone()
            newest = happened[0] if happened else None
            last = max((moment for moment in (last, newest) if moment is not None), default=None)
    if last is None:
        today = calendar.local(Clock().real(), _ZONE)
        last = calendar.resolve(today.replace(hour=_OPENS_AT, minute=0, second=0, microsecond=0), _ZONE)
    return running(last.astimezone(UTC) + timedelta(seconds=1), speed)


def _free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise WrongUse(f"{host}:{port} cannot be listened on: {exc.strerror}; choose another by --port") from exc


def _await_web(host: str, port: int, stop: threading.Event) -> None:
    """Wait until the web server answers; a server that never does is told by the watch."""
    for _ in range(300):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if stop.wait(0.1):
                return
        else:
            return


def _say(line: str) -> None:
    _print(line, sys.stderr)


def _print(line: str, out: TextIO) -> None:
    out.write(line + "\n")
    out.flush()
