"""Playing a history: an empty schema, the folder published at the beginning, passes until nothing waits."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from tamshy.commerce import tell
from tamshy.coupon import rewind
from tamshy.domain.calendar import known_zone
from tamshy.domain.call import Call, CallKind
from tamshy.ingest import WorkspaceRef, store_history, without_collecting
from tamshy.language.model import ScheduleTrigger, SetProperties, WaitUntilTime
from tamshy.passes import prepare
from tamshy.passes.rendering import Links, Press
from tamshy.publish import create_workspace, load_rulebook, publish
from tamshy.simulate.lines import journal_lines
from tamshy.simulate.stops import hears_of_products, stops_of, told, work_by_stops
from tamshy.sqlkit import connect, migrate, quoted
from tamshy.sqlkit.calendar import fill_zones
from tamshy.trigger import write_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from uuid import UUID

    from tamshy.ingest import Engage, History
    from tamshy.passes.rendering import Renderer
    from tamshy.publish import CompileMessage
    from tamshy.rulebook import Rulebook
    from tamshy.simulate.working import Play
    from tamshy.sqlkit import Connection

SCHEMA_FILES: Final = "tamshy.schema.sql"
WORKSPACE: Final = "simulation"
PEOPLE: Final = (
    "profile",
    "identifier",
    "naming",
    "consent",
    "suppression",
    "seen_message",
    "inbox",
    "occasion",
    "tick",
    "event",
    "cart",
    "orders",
    "reorder",
    "catalogue_turn",
    "enrollment",
    "entry",
    "arm",
    "look",
    "conversion",
    "message",
    "content",
    "delivery",
    "settlement",
    "coupon",
    "errand",
    "soft_bounce",
    "engagement",
    "journal",
    "membership",
    "flip",
    "best",
    "buyer",
    "ranked",
    "best_hour",
    "learnt_interval",
    "neighbour",
    "bestseller",
    "set_aside",
)
"""The tables that hold people, what became of them and what was learnt of them; the others hold what is published, or nothing."""
_LONGEST: Final = timedelta(days=366)
_FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """An empty schema, and the connections to it."""

    dsn: str
    schema: str
    connections: list[Connection]

    @property
    def conn(self) -> Connection:
        """The first connection."""
        return self.connections[0]

    def another(self) -> Connection:
        """One more connection to the stage, closed with it."""
        conn = connect(self.dsn, schema=self.schema, application="tamshy simulate")
        self.connections.append(conn)
        prepare(conn)
        # Tables of a stage grow by the second and are looked at again and again: a rough look is enough.
        conn.execute("set default_statistics_target = 10")
        conn.commit()
        return conn


@contextmanager
def open_stage(dsn: str, schema: str, *, drop: bool = True) -> Iterator[Stage]:
    """An empty schema with all tables, for one play or many; gone at the end, unless its server goes by then (`drop`)."""
    with connect(dsn, application="tamshy simulate") as admin:
        migrate(admin, SCHEMA_FILES, schema)
        _lighten(admin, schema)
    stage = Stage(dsn, schema, [])
    try:
        stage.another()
        yield stage
    finally:
        for conn in stage.connections:
            conn.close()
        if drop:
            with connect(dsn, autocommit=True, application="tamshy simulate") as admin:
                admin.execute(f"drop schema if exists {quoted(schema)} cascade")


def _lighten(conn: Connection, schema: str) -> None:
    """A stage is thrown away: its tables need no log, its journal is read once, at the end, and nobody asks it questions."""
    conn.execute(f"set local search_path = {quoted(schema)}")
    conn.execute("drop index journal_at, event_time")
    for table in PEOPLE:
        conn.execute(f"alter table {table} set unlogged")
    conn.commit()


def play(  # noqa: PLR0913 - the command's own options
    conn: Connection,
    files: Mapping[str, str],
    history: History,
    *,
    compile_message: CompileMessage,
    renderer: Renderer,
    until: datetime | None = None,
    seed: int = 0,
    hands: Sequence[Hand] = (),
    progress: Callable[[datetime, int], None] = lambda _moment, _items: None,
) -> Play:
    """Play a history through the flows of a folder, on a stage as `open_stage` gives it.

    ``hands``: further connections to the same stage, each with a renderer of its own, that work in parallel. ``until``:
    nothing later is decided; None: until nothing waits, at most a year after the last event. ``progress`` is told how far
    passes have come. Raises ``publish.Unpublishable`` where the folder has problems.
    """
    buckets = 1 + len(hands)
    scene = set_scene(conn, files, compile_message=compile_message, renderer=renderer, seed=seed, buckets=buckets)
    fill_zones(conn, zones_of(scene.book, history))
    conn.commit()
    last = load([conn, *(hand.conn for hand in hands)], scene.book, history)
    horizon = until if until is not None else (last + _LONGEST if last is not None else _FOREVER)
    schedule(conn, scene.book, history, horizon)
    presses = [(conn, scene.press), *((hand.conn, Press(hand.renderer, _no_links, brief=True)) for hand in hands)]
    # The history stays; the collector need not go through it again and again.
    gc.freeze()
    try:
        return work_by_stops(scene.book, horizon, presses, progress, stops_of(scene.book, history, last))
    finally:
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class Hand:
    """A further connection to a stage, with a renderer of its own."""

    conn: Connection
    renderer: Renderer


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder published on a stage, ready for one history after another."""

    conn: Connection
    book: Rulebook
    press: Press

    def of(self, flows: Collection[str]) -> Scene:
        """The same with these flows alone taking people."""
        taking = tuple(running for running in self.book.flows if running.name in flows)
        return replace(self, book=replace(self.book, flows=taking))

    def play(self, history: History) -> list[dict[str, object]]:
        """Play a history from the beginning, nobody known yet, and give its lines."""
        self.conn.execute(f"truncate {', '.join(PEOPLE)}")
        rewind(self.conn, self.book.workspace)
        fill_zones(self.conn, zones_of(self.book, history))
        last = load([self.conn], self.book, history)
        horizon = last + _LONGEST if last is not None else _FOREVER
        schedule(self.conn, self.book, history, horizon)
        stops = stops_of(self.book, history, last)
        played = work_by_stops(self.book, horizon, [(self.conn, self.press)], lambda _moment, _items: None, stops)
        return list(journal_lines(self.conn, played.until))


def set_scene(
    conn: Connection,
    files: Mapping[str, str],
    *,
    compile_message: CompileMessage,
    renderer: Renderer,
    seed: int = 0,
    buckets: int = 1,
) -> Scene:
    """Publish a folder as the workspace of the stage."""
    create_workspace(conn, WORKSPACE, buckets=buckets)
    # The codes of a play hang on its seed alone.
    secret = str(seed).encode()
    publish(conn, WORKSPACE, files, at=_BEGINNING, compile_message=compile_message, secret=secret)
    book = replace(load_rulebook(conn, WORKSPACE, seed=seed), calls_out=False)
    conn.commit()
    return Scene(conn, book, Press(renderer, _no_links, brief=True))


def zones_of(book: Rulebook, history: History) -> list[str] | None:
    """The zones that a play can come to; None (all there are) where a flow writes zones itself."""
    zones = {book.settings.timezone}
    for place in book.places():
        step = place.node.step
        if isinstance(step, SetProperties) and any(path == ("timezone",) for path, _ in step.assignments):
            return None
        if isinstance(step, WaitUntilTime) and step.zone is not None:
            zones.add(step.zone)
    for running in book.flows:
        zones.update(
            one.zone for one in running.flow.triggers if isinstance(one, ScheduleTrigger) and one.zone is not None
        )
    for call in history.calls:
        for said in (call.properties.get("timezone"), call.context.get("timezone")):
            if isinstance(said, str) and said not in zones and known_zone(said):
                zones.add(said)
    return sorted(zones)


def schedule(conn: Connection, book: Rulebook, history: History, horizon: datetime) -> None:
    """Write down when schedules come, from the first that a history tells until the play ends."""
    first = min((call.received_at for call in history.calls), default=None)
    if first is not None:
        write_ticks(conn, book, first, horizon)
        conn.commit()


def load(conns: Sequence[Connection], book: Rulebook, history: History) -> datetime | None:
    """Put a history into an empty inbox, tied to its profiles in the order of arrival; returns when the last of it arrives."""
    settings = book.settings
    ref = WorkspaceRef(
        book.workspace,
        book.name,
        book.buckets,
        settings.timezone,
        settings.merge_on,
        book.default_topic,
        book.first_bucket,
    )
    calls = [*history.calls, *(_engagement(engage) for engage in history.engages)]
    calls.sort(key=attrgetter("ord"))
    with without_collecting():
        store_history(conns, ref, calls)
    if not hears_of_products(book):
        for arrival, words in told(history):
            tell(conns[0], book.workspace, words, arrival)
    conns[0].execute("analyze inbox")
    conns[0].execute("analyze profile")
    conns[0].commit()
    arrivals = [*(call.received_at for call in calls), *(line.received_at for line in history.products)]
    return max(arrivals, default=None)


def _engagement(engage: Engage) -> Call:
    return Call(
        kind=CallKind.ENGAGE,
        occurred_at=engage.occurred_at,
        received_at=engage.received_at,
        ord=engage.ord,
        user_id=engage.user_id,
        anonymous_id=engage.anonymous_id,
        properties={"message": engage.message, "did": engage.did, "url": engage.url, "machine": engage.machine},
        origin=1,
    )


def _no_links(_bucket: int, _profile: UUID, _message: UUID) -> Links:
    return Links()
