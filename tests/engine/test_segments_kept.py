"""What is kept of segments is what their conditions say when they are asked: at any moment, after whatever happened."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest

from tamshy.conditions import Environment, compile_question
from tamshy.ingest import calls_from_lines
from tamshy.language.model import In
from tamshy.publish import load_rulebook, publish
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.rulebook.weaver import Weaver
from tamshy.segment import count, members_sql, rank_when_due, sample
from tamshy.simulate import journal_lines, play
from tamshy.simulate.playing import WORKSPACE

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.minutes(1)

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS: Final = "name: S\ntimezone: Europe/Berlin\ntopics: {offers: {default: opt_out}, news: {}}\n"
SEGMENTS: Final = {
    "recent": "{did: Order Completed, within: 10d}",
    "often": "{did: Order Completed, count: {gte: 2}, within: 20d}",
    "spent": "{did: Order Completed, sum: {event.value: {gte: 50}}, within: 1mo}",
    "lapsed": "[{did: Order Completed}, {did_not: Order Completed, within: 15d}]",
    "older": "{did: Order Completed, within: 30d, until: 5d}",
    "silent": "{last: Product Viewed, ago: {gte: 7d}}",
    "almaty": "{profile.city: Almaty, subscribed: news}",
    "birthday": "{profile.birthday: {anniversary: 3d}}",
    "busy": "{enrolled: long}",
    "greeted": "{received: message/hello, within: 4d}",
    "clickers": "{clicked: any, within: 6d}",
    "mixed": "{any: [{in: recent}, {all: [{in: silent}, {not: {in: almaty}}]}]}",
    "best": "{top: 20%, by: {sum: event.value, of: Order Completed}, within: 20d}",
    "best-quiet": "[{in: best}, {not: {in: recent}}]",
    "good": "{rfm.segment: [champion, loyal, potential_loyalist]}",
    "low": "{rfm.score: {lt: 300}}",
    "going": "[{predicted.churn: {gte: 0.12}}, {did_not: Product Viewed, within: 3d}]",
    "soon": "{predicted.next_order_at: {within_next: 3d}}",
    "late": "{predicted.next_order_at: {within_last: 4d}, profile.city: {ne: Oral}}",
    "worth": "[{top: 30%, by: predicted.clv}, {not: {in: good}}]",
}
FILES: Final = {
    "tamshy.yaml": SETTINGS,
    **{f"segments/{name}.yaml": f"where: {where}\n" for name, where in SEGMENTS.items()},
    # One that listens to all of them, and one that moves people about.
    "flows/all.yaml": "trigger: [{trigger}]\nreentry: always\nsteps: [{{exit: seen}}]\n".format(
        trigger=", ".join(f"{{segment: {name}}}, {{segment: {name}, on: leave}}" for name in SEGMENTS)
    ),
    "flows/long.yaml": (
        "trigger: {event: Order Completed}\nreentry: always\nexit_on: {event: Product Viewed}\n"
        "steps: [{send: hello}, {wait: 3d}, {set: {profile.city: Almaty}}, {subscribe: news}]\n"
    ),
    "messages/hello/message.yaml": 'subject: {en: "Hello"}\n',
    "messages/hello/en.md": "Hello [you](https://shop.example)\n",
}


def a_history(seed: int, people: int = 12) -> list[dict[str, object]]:
    """Draw what a few people do in seven weeks around the change to summer time."""
    chance = random.Random(seed)  # noqa: S311 - drawn alike in every run, so that a failure can be seen again
    lines: list[dict[str, object]] = []

    def when() -> datetime:
        # Often at one time of day, so that windows end at the very moment of something else.
        day = START + timedelta(days=chance.randrange(45))
        return day + timedelta(seconds=chance.choice((36_000, 36_000, chance.randrange(86_400))))

    for number in range(people):
        who = f"u{number}"
        traits = {
            "email": f"{who}@example.com",
            "birthday": f"19{chance.randrange(70, 99)}-0{chance.choice((3, 4))}-{chance.randrange(10, 29)}",
            "timezone": chance.choice(("Asia/Almaty", "Europe/Paris", "America/New_York")),
        }
        lines.append({"type": "identify", "userId": who, "traits": traits, "timestamp": START.isoformat()})
        for _ in range(chance.randrange(12)):
            at, what = when(), chance.randrange(10)
            line: dict[str, object] = {"type": "track", "userId": who, "timestamp": at.isoformat()}
            if what < 4:
                line |= {"event": "Order Completed", "properties": {"value": chance.randrange(60)}}
            elif what < 7:
                line |= {"event": "Product Viewed"}
            elif what == 7:
                line = line | {"type": "identify", "traits": {"city": chance.choice(("Almaty", "Oral"))}}
            elif what == 8:
                line = line | {"type": "consent", "topic": "news", "did": chance.choice(("subscribed", "unsubscribed"))}
            else:
                line = line | {"type": "engage", "message": "hello", "did": "clicked"}
            if chance.random() < 0.2:
                line["receive_at"] = (at + timedelta(hours=chance.randrange(1, 60))).isoformat()
            lines.append(line)
        if chance.random() < 0.4:
            device = f"d{number}"
            lines.append(
                {
                    "type": "track",
                    "anonymousId": device,
                    "event": "Order Completed",
                    "timestamp": when().isoformat(),
                    "properties": {"value": 20},
                }
            )
            lines.append(
                {
                    "type": "track",
                    "anonymousId": device,
                    "userId": who,
                    "event": "Seen",
                    "timestamp": when().isoformat(),
                }
            )
    return lines


def played(
    stage: Connection, lines: list[dict[str, object]], until: datetime, files: dict[str, str] | None = None
) -> Rulebook:
    history = calls_from_lines([json.dumps(line) for line in lines], zone=ZoneInfo("Europe/Berlin"))
    given = files or FILES
    play(stage, given, history, compile_message=compile_message, renderer=InProcess(), until=until)
    return load_rulebook(stage, WORKSPACE)


def kept(stage: Connection, segment: str) -> set[UUID]:
    rows = stage.execute("select profile from membership where segment = %(segment)s", {"segment": segment})
    return {row[0] for row in rows}


def asked(stage: Connection, book: Rulebook, segment: str, at: datetime) -> set[UUID]:
    topics = {topic.name: topic.default for topic in book.settings.topics}
    env = Environment(topics, book.settings.timezone, bucket="%(bucket)s::smallint", segments=book.segments)
    question = compile_question(In(segment), env, "%(at)s::timestamptz")
    rows = stage.execute(question.sql.encode(), question.params | {"bucket": book.first_bucket, "at": at})
    return {row[0] for row in rows}


@pytest.mark.newest
@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.prove) for seed in range(4, 16))])
def test_membership_is_the_condition_asked_freshly_at_any_moment(stage: Connection, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - drawn alike in every run
    until = START + timedelta(seconds=chance.randrange(86_400, 50 * 86_400))
    book = played(stage, a_history(seed), until)
    assert {name: kept(stage, name) for name in SEGMENTS} == {
        name: asked(stage, book, name, until) for name in SEGMENTS
    }
    assert stage.execute("select count(*) from flip where at <= %(until)s", {"until": until}).fetchone() == (0,)


@pytest.mark.newest
def test_each_of_the_segments_has_somebody_in_one_of_the_histories(stage: Connection) -> None:
    """So that the comparison above compares something."""
    played(stage, a_history(1), START + timedelta(days=60))
    rows = stage.execute("select distinct properties ->> 'segment' from event where name = 'Segment Entered'")
    assert {row[0] for row in rows} == SEGMENTS.keys()


QUIET: Final = {
    "tamshy.yaml": SETTINGS,
    "segments/recent.yaml": "where: {did: Order Completed, within: 10d}\n",
    "segments/nobody-asks.yaml": "where: {did: Product Viewed}\n",
}
LISTENING: Final = QUIET | {"flows/f.yaml": "trigger: {segment: recent}\nsteps: [{exit: seen}]\n"}
ORDERS: Final[list[dict[str, object]]] = [
    {"type": "track", "userId": who, "event": "Order Completed", "timestamp": (START + timedelta(days=day)).isoformat()}
    for who, day in (("a", 0), ("b", 5), ("c", 6))
]


def test_a_segment_that_nobody_listens_to_is_not_kept_and_can_be_counted(stage: Connection) -> None:
    book = played(stage, ORDERS, START + timedelta(days=12), QUIET)
    assert stage.execute("select count(*) from membership").fetchone() == (0,)
    assert stage.execute("select count(*) from flip").fetchone() == (0,)
    assert book.tracked == frozenset()
    assert count(stage, book, "recent", START + timedelta(days=12)) == 2
    assert count(stage, book, "recent", START + timedelta(days=15)) == 1
    assert len(sample(stage, book, "recent", START + timedelta(days=12), 1)) == 1


def published(stage: Connection, files: dict[str, str], at: datetime, backfill: tuple[str, ...] = ()) -> int:
    done = publish(stage, WORKSPACE, files, at=at, compile_message=compile_message, backfill=backfill)
    stage.commit()
    return done.backfilled


def test_whoever_is_inside_when_it_is_published_is_not_enrolled_unless_by_a_backfill(stage: Connection) -> None:
    at = START + timedelta(days=12)
    played(stage, ORDERS, at, QUIET)
    assert published(stage, LISTENING, at) == 0
    assert len(kept(stage, "recent")) == 2
    assert stage.execute("select count(*) from inbox").fetchone() == (0,)
    turns = stage.execute("select at from flip order by at").fetchall()
    # Ten days of Berlin after 7 and 8 March, in winter still.
    assert [row[0].astimezone(UTC) for row in turns] == [START + timedelta(days=15), START + timedelta(days=16)]
    assert published(stage, LISTENING, at, ("f",)) == 2
    told = stage.execute("select name, properties, context from inbox").fetchall()
    assert told == [("Segment Backfilled", {"segment": "recent"}, {"flow": "f"})] * 2
    with pytest.raises(LookupError, match="no segment starts a flow 'g'"):
        published(stage, LISTENING, at, ("g",))
    stage.rollback()


def test_a_segment_that_nobody_listens_to_any_more_is_let_go_of(stage: Connection) -> None:
    at = START + timedelta(days=7)
    played(stage, ORDERS, at, LISTENING)
    assert len(kept(stage, "recent")) == 3
    published(stage, QUIET, at)
    assert stage.execute("select count(*) from membership").fetchone() == (0,)
    assert stage.execute("select count(*) from flip").fetchone() == (0,)


def test_members_are_the_same_kept_or_asked(stage: Connection) -> None:
    at = START + timedelta(days=12)
    book = played(stage, ORDERS, at, LISTENING)
    for name in ("recent", "nobody-asks"):
        weave = Weaver(book)
        sql = members_sql(weave, book, name, "%(at)s::timestamptz")
        rows = stage.execute(sql.encode(), weave.params | {"bucket": book.first_bucket, "at": at}).fetchall()
        assert {row[0] for row in rows} == asked(stage, book, name, at)


def test_rule_29_in_life_the_best_are_computed_once_by_whoever_comes_first(stage: Connection) -> None:
    files = {
        "tamshy.yaml": SETTINGS,
        "segments/best.yaml": "where: {top: 50%, by: {count: Order Completed}}\n",
        "flows/f.yaml": "trigger: {segment: best}\nsteps: [{exit: seen}]\n",
    }
    book = played(stage, ORDERS, START + timedelta(hours=1), files)
    assert stage.execute("select count(*) from best").fetchone() == (0,)
    # 03:00 in Berlin is 02:00 in winter.
    assert rank_when_due(stage, book, START + timedelta(days=9, hours=2)) is True
    assert rank_when_due(stage, book, START + timedelta(days=9, hours=5)) is False
    assert stage.execute("select at from ranked").fetchall() == [(START + timedelta(days=9, hours=2),)]
    assert rank_when_due(stage, book, START + timedelta(days=10, hours=2)) is True
    stage.rollback()


def test_what_is_seen_from_outside_is_the_journal_and_nothing_of_segments_themselves(stage: Connection) -> None:
    until = START + timedelta(days=7)
    played(stage, ORDERS[:1], until, LISTENING)
    assert [line["state"] for line in journal_lines(stage, until)] == ["entered", "exited"]
