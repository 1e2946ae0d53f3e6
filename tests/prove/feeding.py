"""Shoppers who live: their calls fed over HTTP at the shop's own time, and what arrived, written down afterwards.

A call is fed when its time has come and its person is at rest: nothing of theirs waits to be worked, and nothing
becomes due soon. So no due moment lies within a few passes after an arrival, and what is decided does not hang on
whether a pass or a request was faster. All else is as shops are: people meet their own pasts, devices are shared,
values are odd, calls come twice or late, mails are opened, followed and unsubscribed from.
"""

from __future__ import annotations

import heapq
import json
import random
import re
from base64 import b64encode
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.oracle.history import DAYS, START, history
from tests.prove.serving import API_KEY, WRITE_KEY, wait_out

from tamshy import sqlkit
from tamshy.domain.ids import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from uuid import UUID

    from tests.oracle.reading import Json
    from tests.prove.serving import Shop

TICK_S = 0.1
BATCH = 200
_CONSENT_WORDS = {"subscribed": "granted", "unsubscribed": "withdrawn"}
_WRITE = {"Authorization": "Basic " + b64encode(f"{WRITE_KEY}:".encode()).decode(), "Content-Type": "application/json"}
_API = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}

# Of lines with the identifiers they name: those with somebody who is not at rest. A name nobody has yet is at rest.
_BUSY = """
with asked as (
    select * from json_to_recordset(%(names)s::json) as k (line integer, kind text, value text)
), meant as (
    select * from asked
    union
    -- What comes from a device without a user belongs to one of those who were named with it.
    select a.line, 'user_id', n.user_id from asked a join naming n on n.device = a.value where a.kind = 'anonymous_id'
)
select distinct k.line
from meant k
join identifier i on i.kind = k.kind and i.value = k.value
where exists (select from inbox b where b.bucket = i.bucket and b.profile = i.profile)
    or exists (select from message m where m.bucket = i.bucket and m.profile = i.profile and m.state = 'accepted')
    or exists (select from enrollment e where e.bucket = i.bucket and e.profile = i.profile and e.active
        and e.work_at <= %(soon)s)
"""
# What has been handed over since: mails with their links, to people with a user id, the newest of each message.
_MAILS = """
select m.id, m.message, m.profile, c.html, d.settled_at, i.value
from delivery d
join message m on m.bucket = d.bucket and m.profile = d.profile and m.id = d.message
join content c on c.bucket = d.bucket and c.profile = d.profile and c.message = d.message
cross join lateral (
    select value from identifier i where i.bucket = m.bucket and i.profile = m.profile and i.kind = 'user_id'
    order by since, value limit 1
) i
where d.state = 'sent' and d.settled_at > %(since)s
order by d.settled_at
"""
_NEWEST = """
select id from message where profile = %(profile)s and message = %(message)s and state = 'sent'
order by decided_at desc, id limit 1
"""
_HITS = """
select name, properties ->> 'message', (properties ->> 'message_id')::uuid, properties ->> 'url', occurred_at, received_at
from event
where origin = 1 and name in ('Message Opened', 'Message Clicked')
    or origin = 1 and name = 'Unsubscribed' and properties ? 'message_id'
"""
# What was said by the consent API, by the user it was said of: topic, word, its own time, and when it arrived.
_SAID = """
select i.value, e.properties ->> 'topic', e.name, e.occurred_at, e.received_at
from event e
join identifier i on i.bucket = e.bucket and i.profile = e.profile and i.kind = 'user_id'
where e.name in ('Subscribed', 'Unsubscribed') and not e.properties ? 'message_id'
"""
_DID = {"Message Opened": "opened", "Message Clicked": "clicked", "Unsubscribed": "unsubscribed"}


@dataclass
class Shopper:
    """One person's calls, in their order, each with the moment from which on it may be fed."""

    number: int
    lines: deque[tuple[datetime, dict[str, Json]]]


@dataclass
class Reading:
    """A mail that will be opened, followed or unsubscribed from at that moment."""

    at: datetime
    message: UUID
    name: str
    profile: UUID
    user: str
    method: str
    path: str


@dataclass(frozen=True)
class Plan:
    """Who is fed: so many shoppers with so many calls each, spread over the length of time from the beginning on."""

    shoppers: int
    calls: int
    begin: datetime
    length: timedelta
    seed: int = 1
    late: float = 0.05

    def people(self) -> list[Shopper]:
        """The calls of the oracle's histories, a month of them pressed into the length; mails are read for real."""
        queues: dict[int, list[tuple[datetime, dict[str, Json]]]] = {n: [] for n in range(self.shoppers)}
        for line in history(self.shoppers, self.shoppers * self.calls, self.seed):
            if line["type"] != "engage":
                number = int(line["messageId"].removeprefix("m").split("-")[0])
                share = (datetime.fromisoformat(line["timestamp"]) - START) / timedelta(days=DAYS)
                queues[number].append((self.begin + min(max(share, 0.0), 1.0) * self.length, line))
        return [Shopper(n, deque(sorted(lines, key=lambda pair: pair[0]))) for n, lines in queues.items()]


@dataclass
class Feeder:
    """Feeds a plan to a shop, and keeps what it fed."""

    shop: Shop
    plan: Plan
    margin: timedelta
    fed: list[dict[str, Json]] = field(default_factory=list)
    """Lines of a history, all but when they were received."""
    users: dict[UUID, str] = field(default_factory=dict)
    """Whom each message that was read belonged to then."""
    rounds: int = 0
    held_back: int = 0
    refused: int = 0
    _conn: sqlkit.Connection | None = None
    _known: set[str] = field(default_factory=set)
    _since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    _readings: list[tuple[datetime, int, Reading]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the people and their dice."""
        self.people = self.plan.people()
        self.dice = random.Random(self.plan.seed)  # noqa: S311 - made-up people

    def feed(self, *, most: float = float("inf")) -> bool:
        """Feed until everything is fed, or for so many rounds; says whether anything is left."""
        rounds = 0
        while any(person.lines for person in self.people) and rounds < most:
            self._round()
            rounds += 1
            wait_out(TICK_S)
        self._disconnect()
        return any(person.lines for person in self.people)

    def _round(self) -> None:
        self.rounds += 1
        try:
            if self._conn is None:
                self._conn = self.shop.connect()
            if self.rounds % 2:
                self._feed_calls(self._conn)
            else:
                self._read_mails(self._conn)
        except (sqlkit.DatabaseUnavailable, sqlkit.Error):
            # It was killed, or is starting: what was not acknowledged is looked at anew.
            self._disconnect()

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = None

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _feed_calls(self, conn: sqlkit.Connection) -> None:
        now = self.shop.clock.now()
        due = [person for person in self.people if person.lines and person.lines[0][0] <= now]
        self.dice.shuffle(due)
        bursts = [(person, self._burst(person, now)) for person in due[:BATCH]]
        busy = self._busy(conn, [_names(lines) for _, lines in bursts])
        self.held_back += len(busy)
        ready = [burst for place, burst in enumerate(bursts) if place not in busy]
        # Two who share a device are not fed at once: what is tied by the one is not at rest for the other.
        apart: list[tuple[Shopper, list[dict[str, Json]]]] = []
        taken: set[tuple[str, str]] = set()
        for person, lines in ready:
            names = _names(lines) | {("pair", str(person.number // 2))}
            if taken.isdisjoint(names):
                taken |= names
                apart.append((person, lines))
        for _, lines in apart:
            for line in lines:
                # What is sent again keeps the time at which it happened.
                line.setdefault("own", _text(now - self._lateness()))
        calls = [line for _, lines in apart for line in lines if line["type"] != "consent"]
        if calls and self._post(calls):
            self._done([burst for burst in apart if burst[1][0]["type"] != "consent"])
        for person, lines in apart:
            if lines[0]["type"] == "consent" and self._put_consent(lines[0]):
                self._done([(person, lines)])

    def _burst(self, person: Shopper, now: datetime) -> list[dict[str, Json]]:
        """What a person's device sends at once: one call, at times a few."""
        many = self.dice.choice((1, 1, 1, 2, 3))
        lines: list[dict[str, Json]] = []
        for at, line in person.lines:
            alone = line["type"] == "consent" or (lines and lines[0]["type"] == "consent")
            doubled = line["messageId"] in {one["messageId"] for one in lines}
            # Of two profiles that merge later, each with a line of one moment, nobody says which line stands first.
            another = not _names([line]) >= _names(lines)
            if at > now or len(lines) == many or (lines and (alone or doubled or another)):
                break
            lines.append(line)
        return lines

    def _lateness(self) -> timedelta:
        """How long a device has kept a call: nearly always no time at all."""
        late = self.dice.random() < self.plan.late
        return timedelta(seconds=self.dice.randrange(5, 900)) if late else timedelta(0)

    def _busy(self, conn: sqlkit.Connection, names: Sequence[Iterable[tuple[str, str]]]) -> set[int]:
        rows = [
            {"line": place, "kind": kind, "value": value} for place, some in enumerate(names) for kind, value in some
        ]
        if not rows:
            return set()
        soon = self.shop.clock.now() + self.margin
        return {row[0] for row in conn.execute(_BUSY, {"names": sqlkit.rows_json(rows), "soon": soon})}

    def _post(self, calls: list[dict[str, Json]]) -> bool:
        # A history that arrives at one moment is ordered by messageId.
        items = [_call(line) for line in sorted(calls, key=lambda line: (str(line["own"]), str(line["messageId"])))]
        status = self.shop.ask("POST", "/v1/batch", json.dumps({"batch": items}).encode(), _WRITE)
        self.refused += status != 200
        return status == 200

    def _put_consent(self, line: dict[str, Json]) -> bool:
        body = {"topic": line["topic"], "consent": _CONSENT_WORDS[line["did"]], "time": line["own"]}
        path = f"/api/profiles/{line['userId']}/consent"
        status = self.shop.ask("PUT", path, json.dumps(body).encode(), _API)
        self.refused += status != 200
        return status == 200

    def _done(self, bursts: list[tuple[Shopper, list[dict[str, Json]]]]) -> None:
        """Take what was acknowledged off its queue and write it down."""
        now = self.shop.clock.now()
        for person, lines in bursts:
            for line in lines:
                assert person.lines.popleft()[1] is line
                kept = {**_call(line), "timestamp": line["own"]}
                if line["type"] == "consent":
                    del kept["messageId"]
                    kept["userId"] = line["userId"]
                elif line["messageId"] in self._known:
                    kept["receive_at"] = _text(now)
                else:
                    self._known.add(line["messageId"])
                self.fed.append(kept)

    # -- mails ---------------------------------------------------------------------------------------------------------

    def _read_mails(self, conn: sqlkit.Connection) -> None:
        for id_, name, profile, html, settled, user in conn.execute(_MAILS, {"since": self._since}).fetchall():
            self._since = max(self._since, settled)
            for reading in self._readings_of(id_, name, profile, html, user):
                heapq.heappush(self._readings, (reading.at, len(self._readings) + self.rounds * 1000, reading))
        now = self.shop.clock.now()
        due: list[Reading] = []
        while self._readings and self._readings[0][0] <= now and len(due) < BATCH:
            due.append(heapq.heappop(self._readings)[2])
        busy = self._busy(conn, [[("user_id", reading.user)] for reading in due])
        read: set[str] = set()
        for place, reading in enumerate(due):
            if place in busy or reading.user in read:
                later = now + self.margin / 4
                heapq.heappush(self._readings, (later, place + self.rounds * 1000, reading))
                continue
            newest = conn.execute(_NEWEST, {"profile": reading.profile, "message": reading.name}).fetchone()
            if newest and newest[0] == reading.message:
                read.add(reading.user)
                self.users[reading.message] = reading.user
                self.shop.ask(reading.method, reading.path)

    def _readings_of(self, id_: UUID, name: str, profile: UUID, html: str, user: str) -> list[Reading]:
        """What a person does with a mail: nothing, open it, follow its link, leave."""
        now = self.shop.clock.now()
        at = now + timedelta(minutes=self.dice.randrange(2, 240))
        found: list[Reading] = []
        steps = [("GET", r"/o/[\w-]+\.gif", 0.6), ("GET", r"/c/[\w-]+/\d+", 0.35), ("POST", r"/u/[\w-]+", 0.04)]
        for method, shape, likely in steps:
            path = re.search(shape, html)
            if path is not None and self.dice.random() < likely:
                found.append(Reading(at, id_, name, profile, user, method, path[0]))
                at += timedelta(minutes=self.dice.randrange(2, 60))
        return found

    def hits(self) -> int:
        """How many openings, clicks and withdrawals the shop took for people's."""
        with self.shop.connect() as conn:
            return len(conn.execute(_HITS).fetchall())

    # -- what arrived --------------------------------------------------------------------------------------------------

    def write_history(self, path: Path) -> int:
        """Write down what the shop's database says arrived, and when; gives the number of lines."""
        with self.shop.connect() as conn:
            source = conn.execute("select id from api_key where kind = 'write'").fetchall()[0][0]
            seen: dict[UUID, datetime] = dict(conn.execute("select digest, seen_at from seen_message").fetchall())
            said = {(user, topic, word, _text(own)): at for user, topic, word, own, at in conn.execute(_SAID)}
            hits = conn.execute(_HITS).fetchall()
        lines = []
        for line in self.fed:
            if "receive_at" in line:
                lines.append(line)
                continue
            if line["type"] == "consent":
                word = str(line["did"]).capitalize()
                arrived = said[line["userId"], line["topic"], word, line["timestamp"]]
            else:
                arrived = seen[named(f"{source}|{line['messageId']}")]
            lines.append({**line, "receive_at": _text(arrived)})
        for name, message, id_, url, own, arrived in hits:
            line = {"type": "engage", "userId": self.users[id_], "message": message, "did": _DID[name]}
            line |= {"timestamp": _text(own), "receive_at": _text(arrived)}
            lines.append(line if url is None else {**line, "url": url})
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        return len(lines)


def _call(line: dict[str, Json]) -> dict[str, Json]:
    """A line as a Segment client sends it."""
    return {**{key: value for key, value in line.items() if key != "own"}, "timestamp": line["own"]}


def _names(lines: Iterable[dict[str, Json]]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for line in lines:
        for key, kinds in (
            ("userId", ("user_id",)),
            ("anonymousId", ("anonymous_id",)),
            ("previousId", ("user_id", "anonymous_id")),
        ):
            if line.get(key):
                found |= {(kind, str(line[key])) for kind in kinds}
        email: Any = (line.get("traits") or {}).get("email")
        if isinstance(email, str):
            found.add(("email", email.lower()))
    return found


def _text(at: datetime) -> str:
    """A moment as clients write it, in whole milliseconds."""
    cut = at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)
    return cut.isoformat(timespec="milliseconds").replace("+00:00", "Z")
