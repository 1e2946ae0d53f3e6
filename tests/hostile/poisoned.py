"""A shop's day with poison in it: bad calls, odd values, templates that burn, and rows that no pass can work."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

FILES: Final = {
    "tamshy.yaml": "name: Shop\nlocale: en\ntimezone: UTC\ncurrency: EUR\nurl: https://shop.example\nfrom: S <s@s.example>\n",
    "flows/told.yaml": """\
trigger: {event: Told}
reentry: always
exit_on: {event: Left, same: event.x}
steps:
  - set: {profile.last_x: "{{ event.x }}"}
  - branch:
      - if: {any: [{event.x: {gt: 10}}, {event.x: {contains: a}}, {profile.x: {within_last: 3d}}]}
        steps: [{track: {event: Seen, properties: {x: "{{ event.x }}"}}}]
  - send: told
""",
    "messages/told/message.yaml": 'kind: transactional\nsubject: {en: "For {{ event.x | default: 1 }}"}\n',
    # What it does is what the event says: the same template is good for one person and burns for another.
    "messages/told/en.html": """\
<p>Hello {{ profile.first_name | default: 'you' }}, {{ event.x | default: 'n' }}</p>
{% if event.burn == 'time' %}{% assign text = event.long %}{% for i in (1..90000) %}\
{% assign list = text | split: '' | sort | reverse | join: ',' %}{% endfor %}
{% elsif event.burn == 'growth' %}{% assign s = event.long %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}{{ s }}
{% elsif event.burn == 'output' %}{% for i in (1..90000) %}{{ event.long }}{% endfor %}
{% elsif event.burn == 'sum' %}{{ event.x | divided_by: 0 }}
{% endif %}
""",
}
BURNS: Final = ("time", "growth", "output", "sum")
REASONS: Final = {
    "takes more than 1 s of processor time",
    "messages/told/en.html:2: append: a text of more than 524288 characters",
    "messages/told/en.html:2: more than 512 kB of output",
    "messages/told/en.html:5: divided_by: can't divide by 0",
}
"""Why they are given up."""
LONG: Final = "abcdefghij" * 2000


@dataclass
class Day:
    """What is sent, and what must come of it; a person for each item."""

    batches: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why items are refused at the edge, in the order in which they are sent."""
    plain: int = 0
    odd: int = 0
    burning: int = 0
    unworkable: list[str] = field(default_factory=list)
    """Who has something in the inbox that no pass can work; see `spoil`."""


def day(number: int, poison: int, *, at_once: int = 500) -> Day:
    """So many items, of which so many are poison, spread over all of them."""
    made = Day()
    items: list[str] = []
    every = number // poison if poison else number + 1
    bad = iter(_poison(made, poison))
    for at in range(number):
        if at % every == every // 2 and (more := next(bad, None)) is not None:
            items += more
        else:
            made.plain += 1
            items += person(f"good{at}", at)
        if len(items) >= at_once:
            made.batches.append(_batch(items))
            items = []
    made.batches.append(_batch(items))
    return made


def person(name: str, x: object, **more: object) -> list[str]:
    """Somebody with an address, and the event that gets them a mail."""
    traits = {"email": f"{name}@shoppers.example", "first_name": name}
    return [
        json.dumps({"type": "identify", "userId": name, "traits": traits}),
        json.dumps({"type": "track", "userId": name, "event": "Told", "properties": {"x": x, **more}}),
    ]


def _poison(made: Day, number: int) -> list[list[str]]:
    """Of ten: four that are refused, three odd values, two templates that burn, and one that no pass can work."""
    # That module takes this one for its day.
    from tests.hostile.test_poison import ODD, PROMISE_25  # noqa: PLC0415

    found: list[list[str]] = []
    edge, odd = list(PROMISE_25.values()), list(ODD.values())
    for at in range(number):
        name = f"poison{at}"
        match at % 10:
            case 0 | 3 | 5 | 8:
                text, reason = edge[len(made.refused) % len(edge)]
                made.refused.append(reason.value)
                found.append([text])
            case 1 | 4 | 7:
                found.append(person(name, odd[made.odd % len(odd)]))
                made.odd += 1
            case 2 | 6:
                found.append(person(name, 1, burn=BURNS[made.burning % len(BURNS)], long=LONG))
                made.burning += 1
            case _:
                traits = {"email": f"{name}@shoppers.example"}
                found.append([json.dumps({"type": "identify", "userId": name, "traits": traits})])
                made.unworkable.append(name)
    return found


def _batch(items: list[str]) -> bytes:
    return ('{"batch":[' + ",".join(items) + "]}").encode()


def spoil(conn: Connection, names: list[str]) -> int:
    """Give these people a row that raises an error in every pass: no call brings one about. Returns how many have it."""
    # Its facts have a word where the engine itself only ever writes true or false.
    made = conn.execute(
        "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, facts)"
        " select bucket, profile, '2026-01-01Z', 0, gen_random_uuid(), 1, 'consent', '2026-01-01Z', %s"
        " from identifier where kind = 'user_id' and value = any(%s)",
        [json.dumps({"topic": "offers", "granted": "perhaps"}), names],
    )
    return made.rowcount


@dataclass(frozen=True)
class Outcome:
    """What became of a day."""

    left: int
    """What waits still, but for those who are set aside."""
    plain: int
    """Plain people who have their mail."""
    odd: int
    """People with odd values who have their mail, or a reason for having none."""
    burnt: int
    """Mails of burning templates that were given up."""
    reasons: set[str]
    """Why."""
    aside: dict[str, tuple[int, bool]]
    """Who waits for a person: how often they were tried, and whether the reason is kept."""


def outcome(conn: Connection) -> Outcome:
    """Read what became of a day from its tables."""
    (left,) = _row(
        conn,
        "select (select count(*) from inbox i where not exists"
        " (select from set_aside s where (s.bucket, s.profile) = (i.bucket, i.profile)))"
        " + (select count(*) from message where state = 'accepted') + (select count(*) from enrollment where active)",
    )
    named = (
        "select count(distinct i.value) from identifier i join message m using (bucket, profile)"
        " join event e on (e.bucket, e.profile, e.id) = (m.bucket, m.profile, m.trigger_event)"
        " where i.kind = 'user_id' and "
    )
    (plain,) = _row(conn, f"{named} i.value like 'good%%' and m.state = 'sent'")
    (odd,) = _row(
        conn,
        f"{named} i.value like 'poison%%' and not e.properties ? 'burn'"
        " and (m.state = 'sent' or (m.state = 'skipped' and m.reason = 'render_error'))",
    )
    (burnt,) = _row(conn, f"{named} e.properties ? 'burn' and m.state = 'skipped' and m.reason = 'render_error'")
    # Of the burning ones alone: odd values have reasons of their own.
    said = conn.execute(
        "select distinct m.facts ->> 'error' from message m"
        " join event e on (e.bucket, e.profile, e.id) = (m.bucket, m.profile, m.trigger_event)"
        " where m.reason = 'render_error' and e.properties ? 'burn'"
    ).fetchall()
    aside = conn.execute(
        "select i.value, s.tries, s.error <> '' and s.until = 'infinity' from set_aside s"
        " join identifier i using (bucket, profile) where i.kind = 'user_id' order by 1"
    ).fetchall()
    return Outcome(left, plain, odd, burnt, {str(row[0]) for row in said}, {row[0]: (row[1], row[2]) for row in aside})


def _row(conn: Connection, statement: str) -> tuple[int, ...]:
    found = conn.execute(statement.encode()).fetchone()
    assert found is not None
    return tuple(found)
