"""A shop that lives: workers on a clock moved by hand, fed with a history as it would arrive."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.domain.call import Call, CallKind
from tamshy.ingest import WorkspaceRef, store
from tamshy.passes.rendering import Links
from tamshy.publish import create_workspace, load_rulebook, publish
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.sqlkit.calendar import fill_zones
from tamshy.worker import Worker
from tamshy.worker.leasing import LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from uuid import UUID

    from tamshy.ingest import History
    from tamshy.publish import Published
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

NAME: Final = "simulation"
"""Profiles have the ids that a simulation gives them: they are made of the workspace's name."""
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECRET: Final = b"what the codes of this shop are drawn by"
IDLE_S: Final = 30.0


@dataclass
class HandClock:
    """A clock that stands where it is put."""

    at: datetime
    speed: float = 1.0
    machine: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    grown: float = 0.0

    def now(self) -> datetime:
        """The shop's time."""
        return self.at

    def real(self) -> datetime:
        """The machine's time."""
        return self.machine

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self.grown

    def pass_by(self, seconds: float) -> None:
        """Let the machine's time go on."""
        self.machine += timedelta(seconds=seconds)
        self.grown += seconds


def links(bucket: int, profile: UUID, message: UUID) -> Links:
    """Addresses that say whom they belong to."""
    base = "https://mail.example"
    token = f"{bucket}-{profile.hex}-{message.hex}"
    return Links(
        base, token, f"{base}/o/{token}.gif", f"{base}/u/{token}", f"{base}/prefs/{token}", f"{base}/m/{token}"
    )


def found_shop(
    conn: Connection, files: Mapping[str, str], *, buckets: int = 64, zones: list[str] | None = None
) -> Rulebook:
    """Make the workspace and publish the folder in it; commits."""
    create_workspace(conn, NAME, buckets=buckets)
    publish(conn, NAME, files, at=BEGINNING, compile_message=compile_message, secret=SECRET)
    book = load_rulebook(conn, NAME)
    fill_zones(conn, zones)
    conn.commit()
    return book


def ref_of(book: Rulebook) -> WorkspaceRef:
    """What ingest has to know of the workspace."""
    settings = book.settings
    return WorkspaceRef(
        book.workspace,
        book.name,
        book.buckets,
        settings.timezone,
        settings.merge_on,
        book.default_topic,
        book.first_bucket,
    )


def calls_of(history: History) -> list[Call]:
    """The calls and deeds of a history in their order of arrival."""
    deeds = [
        Call(
            kind=CallKind.ENGAGE,
            occurred_at=deed.occurred_at,
            received_at=deed.received_at,
            ord=deed.ord,
            user_id=deed.user_id,
            anonymous_id=deed.anonymous_id,
            properties={"message": deed.message, "did": deed.did, "url": deed.url, "machine": deed.machine},
            origin=1,
        )
        for deed in history.engages
    ]
    return sorted([*history.calls, *deeds], key=lambda call: call.ord)


@dataclass
class Feed:
    """Calls by their arrival, stored as the clock comes to them."""

    conn: Connection
    ref: WorkspaceRef
    calls: Sequence[Call]
    place: int = 0

    def until(self, moment: datetime) -> int:
        """Store what has arrived by a moment; commits."""
        end = self.place
        while end < len(self.calls) and self.calls[end].received_at <= moment:
            end += 1
        if end > self.place:
            store(self.conn, self.ref, self.calls[self.place : end])
            self.conn.commit()
        stored, self.place = end - self.place, end
        return stored

    def next_arrival(self) -> datetime | None:
        """When the next call arrives; None: all have."""
        return self.calls[self.place].received_at if self.place < len(self.calls) else None


def next_due(conn: Connection) -> datetime | None:
    """The next moment at which anything waits to be worked."""
    row = conn.execute(
        "select least((select min(moment) from inbox), (select min(work_at) from enrollment where active),"
        " (select min(at) from flip))"
    ).fetchone()
    conn.commit()
    found = row[0] if row else None
    return found if isinstance(found, datetime) else None


def unworked(conn: Connection, at: datetime) -> bool:
    """Whether anything waits that should have been worked by a moment."""
    row = conn.execute(
        "select exists (select from inbox where moment <= %(at)s)"
        " or exists (select from enrollment where active and work_at <= %(at)s)"
        " or exists (select from flip where at <= %(at)s)"
        " or exists (select from message where state = 'accepted')",
        {"at": at},
    ).fetchone()
    conn.commit()
    return row == (True,)


class Killed(BaseException):
    """The worker is no more; it has given nothing back."""


@dataclass
class Director:
    """Moves the clock on when every worker is idle: to what comes next, in strides, until nothing comes any more.

    It is what the workers are given to ``wait`` with, each from its own thread. ``stride``: how much of the history lies
    between two looks at it; within it everything has its own moment all the same.
    """

    clock: HandClock
    feed: Feed
    last: datetime
    stride: timedelta
    hands: int = 1
    kills: frozenset[int] = frozenset()
    """The rests, counted over all workers, at which a worker is killed: its leases run out, and another begins."""
    steps: int = 0
    stalls: int = 0
    rests: int = 0
    _idle: set[str] = field(default_factory=set)
    _over: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, hand: str, seconds: float) -> bool:
        """Rest, for the worker of this name; says whether to stop."""
        with self._changed:
            self.rests += 1
            if self.rests in self.kills:
                self.clock.pass_by(LEASE.total_seconds() + 1)
                raise Killed
            if seconds == 0:
                self._idle.clear()
                self._changed.notify_all()
                return self._over
            self._idle.add(hand)
            if len(self._idle) == self.hands:
                self._move_on()
                self._idle.clear()
                self._changed.notify_all()
                return self._over
            step = self.steps
            done = self._changed.wait_for(lambda: self._over or self.steps != step or hand not in self._idle, IDLE_S)
            assert done, "the other workers neither worked nor rested"
            return self._over

    def _move_on(self) -> None:
        self.steps += 1
        self.clock.pass_by(1.0)
        if unworked(self.feed.conn, self.clock.at):
            # Some bucket is nobody's at this moment; with a second gone, the workers share out anew.
            self.stalls += 1
            assert self.stalls < 100, "something waits that nobody works"
            return
        self.stalls = 0
        coming = [at for at in (self.feed.next_arrival(), next_due(self.feed.conn)) if at is not None]
        if not coming or min(coming) > self.last:
            self._over = True
            return
        self.clock.at = max(self.clock.at, min(self.last, min(coming) + self.stride))
        self.feed.until(self.clock.at)

    def stop(self) -> None:
        """Tell everybody to stop."""
        with self._changed:
            self._over = True
            self._changed.notify_all()


def live(dsn: str, director: Director, owners: Iterable[str]) -> list[Worker]:
    """Let the workers live the whole history, each in a thread of its own; gives them back when it is over."""
    failures: list[BaseException] = []

    workers: list[Worker] = []

    def work(owner: str) -> None:
        life = 0
        while True:
            life += 1
            worker = Worker(dsn, f"{owner}/{life}", director.clock, InProcess(), links, _Wait(director, owner))
            workers.append(worker)
            try:
                worker.serve()
            except Killed:
                continue
            except BaseException as exc:  # noqa: BLE001 - shown by the test's own thread
                failures.append(exc)
                director.stop()
            return

    threads = [threading.Thread(target=work, args=(owner,), name=owner) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return workers


@dataclass
class _Wait:
    director: Director
    owner: str

    def __call__(self, seconds: float) -> bool:
        return self.director.wait(self.owner, seconds)


SETTINGS: Final = """\
name: Small shop
locale: en
timezone: UTC
currency: EUR
url: https://shop.example
from: Small shop <hello@shop.example>
topics: {offers: {name: Offers, default: opt_out}, news: {name: News}}
"""


def small(flows: Mapping[str, str], *, settings: str = "", messages: Mapping[str, str] | None = None) -> dict[str, str]:
    """A folder with these flows, and a plain message for each that a ``send`` names; ``messages`` are bodies that differ."""
    files = {"tamshy.yaml": SETTINGS + settings}
    bodies = dict(messages or {})
    for name, text in flows.items():
        files[f"flows/{name}.yaml"] = text
        for message in re.findall(r"send: ([a-z0-9-]+)", text):
            bodies.setdefault(message, f"About {message}.\n")
    for message, body in bodies.items():
        files[f"messages/{message}/message.yaml"] = f'subject: {{en: "{message}"}}\n'
        files[f"messages/{message}/en.md"] = body
    return files


@dataclass
class Shop:
    """A small shop with a worker that is called in whenever the clock has been moved."""

    dsn: str
    conn: Connection
    book: Rulebook
    clock: HandClock
    stored: int = 0

    def track(self, user: str, event: str, at: datetime, **properties: object) -> None:
        """An event of a user, arriving as it happens."""
        self.store(Call(CallKind.TRACK, at, at, user_id=user, name=event, properties=properties))

    def visit(self, device: str, event: str, at: datetime, **properties: object) -> None:
        """An event of somebody who has not said who they are."""
        self.store(Call(CallKind.TRACK, at, at, anonymous_id=device, name=event, properties=properties))

    def alias(self, before: str, user: str, at: datetime) -> None:
        """One who went by another name."""
        self.store(Call(CallKind.ALIAS, at, at, user_id=user, previous_id=before))

    def identify(self, user: str | None, at: datetime, *, device: str | None = None, **traits: object) -> None:
        """What is known of a user; ``device`` names an anonymous id that is tied to it."""
        self.store(Call(CallKind.IDENTIFY, at, at, user_id=user, anonymous_id=device, properties=traits))

    def store(self, call: Call) -> None:
        """Take a call in, in its order; commits."""
        self.stored += 1
        store(self.conn, ref_of(self.book), [replace(call, ord=self.stored)])
        self.conn.commit()

    def publish(self, files: Mapping[str, str], at: datetime) -> Published:
        """Publish another state of the folder; commits."""
        published = publish(self.conn, NAME, files, at=at, compile_message=compile_message, secret=SECRET)
        self.conn.commit()
        self.book = load_rulebook(self.conn, NAME)
        self.conn.commit()
        return published

    def work(self, at: datetime, owner: str = "one", clear: Callable[[Connection], bool] = lambda _: True) -> Worker:
        """Let a worker do all there is to do at a moment, if the installation is ``clear``."""
        self.clock.at = at
        worker = Worker(self.dsn, owner, self.clock, InProcess(), links, lambda seconds: seconds > 0, clear=clear)
        worker.serve()
        return worker

    def told(self, user: str | None = None) -> list[tuple[object, ...]]:
        """What happened to a user (or to all), in short: when, what, and why."""
        rows = self.conn.execute(
            "select j.at, j.flow, coalesce(j.message, ''), j.outcome, coalesce(j.reason, '') from journal j"
            " left join identifier i on i.bucket = j.bucket and i.profile = j.profile and i.kind = 'user_id'"
            " where %(user)s::text is null or i.value = %(user)s order by j.at, j.pass, j.ord, j.id",
            {"user": user},
        ).fetchall()
        self.conn.commit()
        return rows

    def query(self, sql: str, **params: object) -> list[tuple[object, ...]]:
        """Rows of a statement; commits."""
        rows = self.conn.execute(sql, params).fetchall()
        self.conn.commit()
        return rows


JOURNAL: Final = """
select j.bucket, j.profile, j.flow, coalesce(j.step, ''), j.kind, j.outcome, coalesce(j.reason, ''), j.at, j.until,
    coalesce(j.key, ''), coalesce(j.address, ''), coalesce(j.locale, ''), coalesce(j.subject, '')
from journal j
"""


def journal(conn: Connection) -> list[tuple[object, ...]]:
    """What happened, without the bucket: everything that life and a simulation must agree on."""
    rows = [row[1:] for row in conn.execute(JOURNAL)]
    conn.commit()
    return sorted(rows, key=str)
