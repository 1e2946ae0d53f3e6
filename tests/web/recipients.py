"""Recipients' pages over HTTP with many people behind them, and machines that come to look at everybody's mail."""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import django
from django.test import Client, override_settings
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.unit.track.labelled import HANDED_OVER, Session, sessions

from tamshy import sqlkit
from tamshy.domain.token import Purpose, Signer, Subject
from tamshy.public import wiring
from tamshy.track import Did, Request
from tamshy.track.visits import Visit, judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from tamshy.sqlkit import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
django.setup()

SETTINGS = """\
name: Qumyra
url: https://shop.example/
topics: {offers: {name: Offers}, news: {name: News}, tips: {name: Tips, default: opt_out}}
"""
LINKS = tuple(f"https://shop.example/{number}" for number in range(9))
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
SIGNER = Signer([SECRET])
FORM = "application/x-www-form-urlencoded"
ONE_CLICK = "List-Unsubscribe=One-Click"
IN_PARTS = '--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n'
_PAGES = {"unsubscribe": ("u", Purpose.UNSUBSCRIBE), "preferences": ("prefs", Purpose.PREFERENCES)}


@dataclass
class Crowd:
    """Many recipients of one mail each; `now` is the moment of the next request."""

    db: Connection
    client: Client
    people: list[tuple[UUID, UUID]]
    now: datetime = NOON

    def path(self, who: int, purpose: Purpose, more: str = "") -> str:
        """Give the address of that kind in the person's mail."""
        profile, message = self.people[who]
        place = {Purpose.OPEN: "o", Purpose.CLICK: "c", Purpose.UNSUBSCRIBE: "u", Purpose.VIEW: "m"}.get(
            purpose, "prefs"
        )
        return f"/{place}/{SIGNER.token(purpose, Subject(1, BUCKET, profile, message))}{more}"

    def post(self, path: str, body: str, kind: str = FORM) -> Answer:
        """Send a form as a browser, or a mail program, does."""
        return self.client.generic("POST", path, body, kind, headers={"user-agent": BROWSER})

    def visit(self, who: int, visit: Visit, age: timedelta) -> Answer:
        """Do what a machine, or a person, did, so long after the hand-over plus the age of the mail."""
        self.now = NOON + age + (visit.at - HANDED_OVER)
        path = self.path(who, Purpose.OPEN, ".gif")
        if visit.did is Did.CLICKED:
            path = self.path(who, Purpose.CLICK, f"/{visit.url}")
        elif visit.did is Did.LOOKED:
            path = self.path(who, _PAGES.get(visit.url or "", ("m", Purpose.VIEW))[1])
        headers = {"user-agent": visit.request.user_agent, "sec-fetch-mode": visit.request.mode}
        headers |= dict.fromkeys(("sec-purpose",), " ".join(visit.request.hints))
        return self.client.generic(visit.request.method, path, headers={k: v for k, v in headers.items() if v})

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        self.db.rollback()
        return self.db.execute(statement.encode()).fetchall()


@contextmanager
def crowd(dsn: str, db: Connection, people: int) -> Iterator[Crowd]:
    """Give the pages over so many people, each of whom got one mail, handed over at noon."""
    workspace(db, SETTINGS)
    found = []
    for number in range(people):
        profile = person(db, f"p{number}")
        delivery = {"state": "sent", "settled_at": NOON}
        found.append((profile, sent_message(db, profile, links=LINKS, delivery=delivery)))
    db.commit()
    pool = sqlkit.pool(dsn, largest=4)
    with override_settings(ROOT_URLCONF="tamshy.public.urls", ALLOWED_HOSTS=["*"], MIDDLEWARE=[]):
        made = Crowd(db, Client(enforce_csrf_checks=True), found)
        wiring.install(wiring.Wiring(pool.connection, lambda: made.now, SIGNER))
        yield made
    pool.close()


def told_apart(crowd: Crowd, given: list[Session]) -> tuple[float, float]:
    """Let each of these come to a mail of its own; gives the shares of machines' and of people's hits that were flagged."""
    for who, session in enumerate(given):
        profile, message = crowd.people[who]
        crowd.db.execute(
            "update content set links = (select jsonb_agg(l) from (select l from jsonb_array_elements(links) l limit %s) x)"
            " where profile = %s and message = %s",
            [session.links, profile, message],
        )
        crowd.db.commit()
        for visit in session.visits:
            assert crowd.visit(who, visit, timedelta()).status_code in {200, 204, 302}
    flagged = {True: 0, False: 0}
    hits = {True: 0, False: 0}
    for profile, all_, found in crowd.rows(
        "select profile, count(*), count(*) filter (where machine) from engagement group by profile"
    ):
        machine = given[[id_ for id_, _ in crowd.people].index(profile)].machine
        hits[machine] += all_
        flagged[machine] += found
    asked = [visit for session in given for visit in session.visits if visit.request.method != "OPTIONS"]
    assert sum(hits.values()) == len(asked), (hits, len(asked))
    return flagged[True] / hits[True], flagged[False] / hits[False]


def judged_again(crowd: Crowd, given: list[Session]) -> tuple[list[bool], list[bool]]:
    """Judge by what was kept of the hits, message by message; gives what was found as they came, and what is now."""
    links = {profile: session.links for (profile, _), session in zip(crowd.people, given, strict=False)}
    then, now = [], []
    kept = crowd.rows("select profile, occurred_at, kind, url, machine, facts from engagement order by 1, 2")
    for profile, hits in itertools.groupby(kept, key=lambda row: row[0]):
        rows = list(hits)
        visits = [Visit(at, Did(kind), Request.of(facts), url) for _, at, kind, url, _, facts in rows]
        then += [row[4] for row in rows]
        now += [why is not None for why in judge(visits, NOON, links[profile])]
    return then, now


def machines() -> Iterator[Session]:
    """Give the labelled machines, over and over."""
    return itertools.cycle(session for session in sessions() if session.machine)


AGES = tuple(timedelta(days=days) for days in (0, 1, 30, 400, 800))


def scan(crowd: Crowd, visits: int, leavers: int) -> int:
    """Let machines come to everybody's mail, of any age, while some people opt out; gives how many visits there were.

    The first `leavers` people opt out, each in one of four ways, at their turns among the machines.
    """
    done, gone = 0, 0
    turns = itertools.cycle(range(len(crowd.people)))
    for number, session in enumerate(machines()):
        who = next(turns)
        lap = number // len(crowd.people)
        # Nothing comes twice at one moment.
        age = AGES[lap % len(AGES)] + timedelta(hours=lap // len(AGES))
        for visit in session.visits:
            answer = crowd.visit(who, visit, age)
            assert answer.status_code in {200, 204, 302}, (answer.status_code, visit)
            # A question what may be asked is answered, and no hit.
            done += visit.request.method != "OPTIONS"
        if gone < leavers and done >= visits * gone / leavers:
            opt_out(crowd, gone)
            gone += 1
        if done >= visits:
            for late in range(gone, leavers):
                opt_out(crowd, late)
            return done
    raise AssertionError("machines never end")


def opt_out(crowd: Crowd, who: int) -> None:
    """Opt out as people do: one click in both encodings, the button of the page, all topics off."""
    crowd.now += timedelta(seconds=1)
    ways = (
        (Purpose.UNSUBSCRIBE, ONE_CLICK, FORM),
        (Purpose.UNSUBSCRIBE, IN_PARTS, "multipart/form-data; boundary=xyz"),
        (Purpose.UNSUBSCRIBE, "confirm=page", FORM),
        (Purpose.PREFERENCES, "none=all", FORM),
    )
    purpose, body, kind = ways[who % len(ways)]
    assert crowd.post(crowd.path(who, purpose), body, kind).status_code == 200


def check(crowd: Crowd, before: list[tuple[Any, ...]], visits: int, leavers: int) -> float:
    """See that nothing but counters changed, and that everybody who opted out is out; gives the share found out."""
    assert crowd.rows("select id, consents, properties, stamps, suppressed from profile order by id") == before
    withdrawn = "select profile, facts ->> 'topic', (facts ->> 'granted')::boolean from inbox where kind = 'consent'"
    leaving = {(crowd.people[who][0], "offers", False) for who in range(leavers)}
    everything = {(crowd.people[who][0], "tips", False) for who in range(leavers) if who % 4 == 3}
    found = crowd.rows(withdrawn)
    assert (len(found), set(found)) == (len(leaving | everything), leaving | everything)
    others = "select distinct kind, name from inbox where kind <> 'consent'"
    assert set(crowd.rows(others)) <= {("event", "Message Opened"), ("event", "Message Clicked")}
    for table in ("consent", "suppression", "enrollment", "journal", "event", "conversion"):
        assert crowd.rows(f"select count(*) from {table}") == [(0,)], table
    ((kept, flagged),) = crowd.rows("select count(*), count(*) filter (where machine) from engagement")
    assert kept == visits, (kept, visits)
    return float(flagged / kept)


STANDING = "select id, consents, properties, stamps, suppressed from profile order by id"
