"""Promise 25: a poison item costs itself alone, at the edge and in the engine; its neighbours go on."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from tests.engine.living import HandClock, Shop, found_shop, links, ref_of
from tests.hostile import poisoned

from tamshy import sqlkit
from tamshy.ingest import RefusalReason, read_calls, store
from tamshy.render.children import RenderChild
from tamshy.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
BASE: Final = '{"type":"track","userId":"u","event":"E","properties":{"x":%s}}'


def with_value(text: str) -> str:
    return BASE % text


# Each: an item of a batch as it comes over the wire, and why it is refused.
PROMISE_25: Final[dict[str, tuple[str, RefusalReason]]] = {
    "NUL in a value": (with_value('"a\\u0000b"'), RefusalReason.NUL),
    "NUL in a name": (with_value('{"a\\u0000":1}'), RefusalReason.NUL),
    "NUL in an id": ('{"type":"track","userId":"u\\u0000","event":"E"}', RefusalReason.NUL),
    "NUL in an event's name": ('{"type":"track","userId":"u","event":"E\\u0000"}', RefusalReason.NUL),
    "NUL in the context": ('{"type":"track","userId":"u","event":"E","context":{"a":"\\u0000"}}', RefusalReason.NUL),
    "half a surrogate": (with_value('"\\ud800"'), RefusalReason.LONE_SURROGATE),
    "the other half": (with_value('"\\udc00"'), RefusalReason.LONE_SURROGATE),
    "halves the wrong way round": (with_value('"\\udc00\\ud800"'), RefusalReason.LONE_SURROGATE),
    "half a surrogate in a name": (with_value('{"\\udfff":1}'), RefusalReason.LONE_SURROGATE),
    "NaN": (with_value("NaN"), RefusalReason.NOT_A_NUMBER),
    "Infinity": (with_value("Infinity"), RefusalReason.NOT_A_NUMBER),
    "less than nothing, infinitely": (with_value("[1,-Infinity]"), RefusalReason.NOT_A_NUMBER),
    "1e400": (with_value("1e400"), RefusalReason.NUMBER_TOO_LARGE),
    "1e101": (with_value("-1e101"), RefusalReason.NUMBER_TOO_LARGE),
    "five thousand digits": (with_value("9" * 5000), RefusalReason.NUMBER_TOO_LARGE),
    "a hundred lists deep": (with_value("[" * 100 + "]" * 100), RefusalReason.TOO_DEEP),
    "six thousand objects deep": (with_value('{"a":' * 6000 + "1" + "}" * 6000), RefusalReason.TOO_DEEP),
    "more than 256 kB": (with_value('"' + "x" * 300_000 + '"'), RefusalReason.TOO_LARGE),
    "a thousand and one properties": (
        '{"type":"track","userId":"u","event":"E","properties":{' + ",".join(f'"k{n}":1' for n in range(1001)) + "}}",
        RefusalReason.TOO_MANY_PROPERTIES,
    ),
    "accents out of order": (with_value('"a' + "\u0307\u0323" * 20_000 + '"'), RefusalReason.TOO_MANY_MARKS),
    "an id of 201 letters": ('{"type":"track","userId":"' + "u" * 201 + '","event":"E"}', RefusalReason.ID_TOO_LONG),
    "an id that is a list": ('{"type":"track","userId":["u"],"event":"E"}', RefusalReason.WRONG_TYPE),
    "an id that is true": ('{"type":"track","userId":true,"event":"E"}', RefusalReason.WRONG_TYPE),
    "an event without a name": ('{"type":"track","userId":"u","event":null}', RefusalReason.MISSING),
    "an event's name that is an object": ('{"type":"track","userId":"u","event":{}}', RefusalReason.WRONG_TYPE),
    "an event's name of 10 kB": (
        '{"type":"track","userId":"u","event":"' + "E" * 10_000 + '"}',
        RefusalReason.NAME_TOO_LONG,
    ),
    "properties that are a text": (
        '{"type":"track","userId":"u","event":"E","properties":"x"}',
        RefusalReason.WRONG_TYPE,
    ),
    "traits that are a number": ('{"type":"identify","userId":"u","traits":1}', RefusalReason.WRONG_TYPE),
    "a time that is none": (
        '{"type":"track","userId":"u","event":"E","timestamp":"soon"}',
        RefusalReason.BAD_TIMESTAMP,
    ),
    "a time before there was any": (
        '{"type":"track","userId":"u","event":"E","timestamp":"0000-00-00T00:00:00Z"}',
        RefusalReason.BAD_TIMESTAMP,
    ),
    "a type that is none": ('{"type":"drop","userId":"u"}', RefusalReason.UNKNOWN_TYPE),
    "a type that is a list": ('{"type":["track"],"userId":"u"}', RefusalReason.UNKNOWN_TYPE),
    "null": ("null", RefusalReason.NOT_AN_OBJECT),
    "a list": ("[[]]", RefusalReason.NOT_AN_OBJECT),
    "a comma too many": ('{"type":"track",}', RefusalReason.INVALID_JSON),
    "a word": ("undefined", RefusalReason.INVALID_JSON),
    "nobody's": ('{"type":"track","event":"E"}', RefusalReason.NO_ID),
}

# Each: a value that is good JSON, is stored, and meets every condition, template and sum that a flow has.
ODD: Final[dict[str, object]] = {
    "null for a value": None,
    "nothing": "",
    "true": True,
    "a deep list": json.loads("[" * 60 + "]" * 60),
    "a deep object": json.loads('{"a":' * 55 + "1" + "}" * 55),
    "ten thousand members": list(range(10_000)),
    "a text of 200 kB": "x" * 200_000,
    "a key of 200 kB": "\u0436" * 100_000,
    "1e100": 1e100,
    "less than anything": -1e100,
    "next to nothing": 5e-324,
    "minus nothing": -0.0,
    "a date that is none": "2026-02-31",
    "a date at the end of time": "9999-12-31T23:59:59.999999-23:59",
    "a date before time": "0001-01-01T00:00:00+23:59",
    "an infinite date": "infinity",
    "NaN in words": "NaN",
    "a percent sign": "%s %(a)s %%",
    "a backslash": "\\",
    "quotes": "'\"`$$",
    "SQL": "'); drop table event; --",
    "Liquid": "{{ profile.x }}{% for i in (1..999999999) %}x{% endfor %}",
    "a letter that is none": "\uffff\ufffe\U0010ffff",
    "controls": "".join(chr(code) for code in range(1, 32)),
    "letters that turn": "\u202e\u2066",
    "a lone accent": "\u0301" * 20,
    "an object with odd names": {"": 1, " ": 2, "a.b": 3, "__proto__": 4, "$": 5, "\n": 6},
    "lists of everything": [None, True, 1, "a", [1], {"a": 1}],
}
PROMISE_25_ODD: Final = tuple(ODD)
FILES: Final = {
    "tamshy.yaml": "name: Shop\nlocale: en\ntimezone: UTC\ncurrency: EUR\nurl: https://shop.example\n"
    "from: S <s@s.example>\ntopics: {offers: {name: Offers, default: opt_out}}\n",
    "flows/conditions.yaml": """\
trigger: {event: Told, where: {event.x: {exists: true}}}
per: event.x
reentry: always
exit_on: {event: Left, same: event.x}
conversion: {event: Bought, within: 3d, same: event.x}
steps:
  - set: {profile.last_x: "{{ event.x }}", profile.sum: "{{ event.x | plus: 1 }}"}
  - branch:
      - if: {any: [{event.x: {gt: 10}}, {profile.x: {before: 2027-01-01}}, {event.x: {contains: a}}, {event.x: {within_last: 3d}}]}
        steps: [{track: {event: Seen, properties: {x: "{{ event.x }}"}}}]
      - if: {did: Told, within: 3d, sum: {event.x: {gte: 1}}}
        steps: [{wait: 1m}]
  - wait: {until: event.x}
  - send: told
""",
    "messages/told/message.yaml": 'subject: {en: "For {{ event.x | default: 1 }}"}\n',
    "messages/told/en.html": "<p>{{ event.x | default: 'n' }} {{ event.x | money }} {{ event.x | date }}"
    " {{ event.x | plural: 'a', 'b' }}</p>{% for one in event.x %}{{ one }}{% endfor %}",
    "flows/plain.yaml": "trigger: {event: Told}\nreentry: always\nsteps:\n  - send: plain\n",
    "messages/plain/message.yaml": 'subject: {en: "Plain"}\n',
    "messages/plain/en.html": "<p>{{ event.x }}</p>",
}


def batch(*items: str) -> bytes:
    return ('{"batch":[' + ",".join(items) + "]}").encode()


def good(number: int) -> str:
    return json.dumps({"type": "track", "userId": f"good{number}", "event": "Told", "properties": {"x": number}})


@pytest.mark.parametrize("name", PROMISE_25)
def test_it_is_answered_by_its_place_and_its_neighbours_are_kept(name: str) -> None:
    poison, reason = PROMISE_25[name]
    reading = read_calls(
        batch(good(0), poison, good(2)), path_kind="batch", received_at=NOW, source_key="k", zone="UTC"
    )
    assert [(one.index, one.reason) for one in reading.refusals] == [(1, reason)]
    assert [call.user_id for call in reading.calls] == ["good0", "good2"]


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shop]:
    dsn = databases.create("tamshy_hostile_poison", databases.template)
    with sqlkit.connect(dsn) as conn:
        yield Shop(dsn, conn, found_shop(conn, FILES, buckets=4), HandClock(NOW))
    databases.drop("tamshy_hostile_poison")


def test_odd_values_stop_nobody_in_the_engine(shop: Shop) -> None:
    """Everybody shares four buckets with somebody odd; whoever is plain has their mail, and nothing stays behind."""
    items = []
    for number, value in enumerate(ODD.values()):
        name = f"odd{number}"
        items.append(
            json.dumps({"type": "identify", "userId": name, "traits": {"email": f"o{number}@example.com", "x": value}})
        )
        items += [
            json.dumps({"type": "track", "userId": name, "event": event, "properties": {"x": value}})
            for event in ("Told", "Left", "Bought")
        ]
        items.append(
            json.dumps({"type": "identify", "userId": f"good{number}", "traits": {"email": f"g{number}@example.com"}})
        )
        items.append(good(number))
    reading = read_calls(batch(*items), path_kind="batch", received_at=NOW, source_key="k", zone="UTC")
    assert reading.refusals == []
    store(shop.conn, ref_of(shop.book), reading.calls)
    shop.conn.commit()
    with RenderChild() as children:
        for minutes in (1, 2, 5):
            shop.clock.at = NOW + timedelta(minutes=minutes)
            worker = Worker(shop.dsn, "one", shop.clock, children, links, lambda seconds: seconds > 0)
            worker.serve()
    assert shop.query("select count(*) from inbox") == [(0,)]
    assert shop.query("select count(*) from message where state = 'accepted'") == [(0,)]
    # Nobody was set aside: all of it was decided, some of it as an error of the template with its reason.
    assert shop.query("select count(*) from set_aside") == [(0,)]
    plain = shop.query(
        "select count(*) from message m join identifier i using (bucket, profile)"
        " where i.kind = 'user_id' and i.value like 'good%%' and m.message = 'plain' and m.state = 'sent'"
    )
    assert plain == [(len(ODD),)]
    reasons = {row[0] for row in shop.query("select reason from message where state = 'skipped'")}
    assert reasons <= {"render_error"}
    entered = shop.query("select count(distinct profile) from journal where flow = 'plain' and outcome = 'entered'")
    assert entered == [(2 * len(ODD),)]


def test_a_day_with_poison_in_it_is_done_but_for_the_poison(databases: Databases) -> None:
    """As `tests/prove/test_poison_at_size.py`, small, and on a clock moved by hand."""
    made = poisoned.day(600, 20)
    name = f"tamshy_poisoned_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    with sqlkit.connect(dsn) as conn:
        shop = Shop(dsn, conn, found_shop(conn, poisoned.FILES, buckets=8), HandClock(NOW))
        refused = []
        for body in made.batches:
            reading = read_calls(body, path_kind="batch", received_at=NOW, source_key="k", zone="UTC")
            refused += [one.reason.value for one in reading.refusals]
            store(conn, ref_of(shop.book), reading.calls)
        # Refused at the edge each with its reason, and in the order in which they came.
        assert refused == made.refused
        assert poisoned.spoil(conn, made.unworkable) == len(made.unworkable)
        conn.commit()
        with RenderChild() as children:
            # Right away, five seconds later, a minute later, and once more: who is set aside is tried three times.
            for seconds in (1, 10, 100, 1000):
                shop.clock.at = NOW + timedelta(seconds=seconds)
                Worker(dsn, "one", shop.clock, children, links, lambda seconds: seconds > 0).serve()
        outcome = poisoned.outcome(conn)
    databases.drop(name)
    assert outcome.left == 0
    assert outcome.plain == made.plain
    assert outcome.odd == made.odd
    assert outcome.burnt == made.burning
    assert outcome.reasons == poisoned.REASONS
    assert outcome.aside == dict.fromkeys(sorted(made.unworkable), (3, True))
