"""``repeat``: rounds, the time between them, what is asked before each, and people inside when a flow changes (rule 31)."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small
from tests.engine.playing import event, lines_of, person, told

from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.sqlkit import Connection

GO = [person("u1"), event("u1", "Go", "2026-03-02T09:00:00Z")]


def flow(steps: str, **more: str) -> dict[str, str]:
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return {"f": f"trigger: {{event: Go}}\n{extra}steps: {steps}\n"}


def played(stage: Connection, steps: str, *events: dict[str, object], **more: str) -> list[tuple[str, str]]:
    return told(lines_of(stage, flow(steps, **more), [*GO, *events]))


def test_rule_31_the_first_round_at_once_each_next_every_after_the_one_before_and_no_wait_after_the_last(
    stage: Connection,
) -> None:
    assert played(stage, "[{repeat: {times: 3, every: 1d, steps: [{send: tip}]}}, {send: after}]") == [
        ("03-02T09:00", "entered"),
        ("03-02T09:00", "tip sent"),
        ("03-03T09:00", "tip sent"),
        ("03-04T09:00", "tip sent"),
        ("03-04T09:00", "after sent"),
        ("03-04T09:00", "exited: finished"),
    ]


def test_rule_31_a_round_that_lasts_longer_than_every_is_followed_at_once(stage: Connection) -> None:
    steps = "[{repeat: {times: 3, every: 2h, steps: [{send: tip}, {wait: 3h}]}}, {send: after}]"
    assert played(stage, steps)[1:-1] == [
        ("03-02T09:00", "tip sent"),
        ("03-02T12:00", "tip sent"),
        ("03-02T15:00", "tip sent"),
        ("03-02T18:00", "after sent"),
    ]


def test_rule_31_every_is_counted_from_the_beginning_of_a_round_not_from_its_end(stage: Connection) -> None:
    steps = "[{repeat: {times: 2, every: 5h, steps: [{wait: 2h}, {send: tip}]}}]"
    assert played(stage, steps)[1:-1] == [("03-02T11:00", "tip sent"), ("03-02T16:00", "tip sent")]


def test_rule_31_without_every_a_round_begins_when_the_one_before_has_ended(stage: Connection) -> None:
    assert played(stage, "[{repeat: {times: 2, steps: [{wait: 1h}, {send: tip}]}}]")[1:-1] == [
        ("03-02T10:00", "tip sent"),
        ("03-02T11:00", "tip sent"),
    ]


def test_rule_31_while_is_asked_before_each_round_the_first_too(stage: Connection) -> None:
    unbought = "{did_not: Order Completed, since: entry}"
    steps = f"[{{repeat: {{times: 5, every: 1d, while: {unbought}, steps: [{{send: tip}}]}}}}, {{send: after}}]"
    bought = event("u1", "Order Completed", "2026-03-03T12:00:00Z")
    assert played(stage, steps, bought)[1:-1] == [
        ("03-02T09:00", "tip sent"),
        ("03-03T09:00", "tip sent"),
        ("03-04T09:00", "after sent"),
    ]


def test_rule_31_where_while_does_not_hold_there_is_no_round(stage: Connection) -> None:
    never = "[{repeat: {times: 5, every: 1d, while: {profile.vip: true}, steps: [{send: tip}]}}, {send: after}]"
    assert played(stage, never)[1:-1] == [("03-02T09:00", "after sent")]


def test_a_day_between_rounds_is_a_day_of_the_profiles_calendar(stage: Connection) -> None:
    """Clocks in Berlin go on from 02:00 to 03:00 on 29 March 2026."""
    events = [
        person("u1", "2026-03-27T08:00:00Z", timezone="Europe/Berlin"),
        event("u1", "Go", "2026-03-27T09:00:00Z"),
    ]
    lines = told(lines_of(stage, flow("[{repeat: {times: 4, every: 1d, steps: [{send: tip}]}}]"), events))
    assert [at for at, what in lines if what == "tip sent"] == [
        "03-27T09:00", "03-28T09:00", "03-29T08:00", "03-30T08:00",
    ]  # fmt: skip


def test_a_repeat_inside_another_begins_anew_in_each_round(stage: Connection) -> None:
    inner = "{repeat: {times: 2, every: 1h, steps: [{send: tip}]}}"
    steps = f"[{{repeat: {{times: 2, every: 1d, steps: [{inner}, {{send: sum}}]}}}}]"
    assert played(stage, steps)[1:-1] == [
        ("03-02T09:00", "tip sent"),
        ("03-02T10:00", "tip sent"),
        ("03-02T10:00", "sum sent"),
        ("03-03T09:00", "tip sent"),
        ("03-03T10:00", "tip sent"),
        ("03-03T10:00", "sum sent"),
    ]
    rounds = stage.execute("select facts ->> 'round' from message where message = 'tip' order by decided_at").fetchall()
    assert rounds == [("1.1",), ("1.2",), ("2.1",), ("2.2",)]
    assert stage.execute("select rounds from enrollment").fetchall() == [({},)]


def test_a_repeat_as_the_only_step_of_another_waits_for_both(stage: Connection) -> None:
    inner = "{repeat: {times: 2, every: 1h, steps: [{send: tip}]}}"
    assert played(stage, f"[{{repeat: {{times: 2, every: 1d, steps: [{inner}]}}}}]")[1:-1] == [
        ("03-02T09:00", "tip sent"),
        ("03-02T10:00", "tip sent"),
        ("03-03T09:00", "tip sent"),
        ("03-03T10:00", "tip sent"),
    ]


def test_a_round_after_a_postponed_mail_is_counted_from_when_the_round_began(stage: Connection) -> None:
    lines = lines_of(
        stage,
        flow("[{repeat: {times: 2, every: 1d, steps: [{send: tip}]}}]"),
        [person("u1"), event("u1", "Go", "2026-03-02T21:30:00Z")],
        settings='quiet_hours: {from: "21:00", to: "09:00"}\n',
    )
    assert told(lines)[1:-1] == [
        ("03-02T21:30", "tip postponed: quiet_hours"),
        ("03-03T09:00", "tip sent"),
        ("03-03T21:30", "tip postponed: quiet_hours"),
        ("03-04T09:00", "tip sent"),
    ]


WAITS = "{wait_for: {event: Paid, at_most: 1d, then: [{exit: paid}], else: [{send: remind}]}}"


def test_an_event_that_is_awaited_in_a_round_ends_what_it_says(stage: Connection) -> None:
    paid = event("u1", "Paid", "2026-03-03T15:00:00Z")
    assert played(stage, f"[{{repeat: {{times: 3, steps: [{WAITS}]}}}}]", paid)[1:] == [
        ("03-03T09:00", "remind sent"),
        ("03-03T15:00", "exited: paid"),
    ]


def test_an_event_that_does_not_come_is_awaited_anew_in_each_round(stage: Connection) -> None:
    assert played(stage, f"[{{repeat: {{times: 2, steps: [{WAITS}]}}}}]")[1:] == [
        ("03-03T09:00", "remind sent"),
        ("03-04T09:00", "remind sent"),
        ("03-04T09:00", "exited: finished"),
    ]


def test_rule_14_rounds_are_no_duplicates_of_each_other(stage: Connection) -> None:
    steps = "[{repeat: {times: 2, steps: [{send: tip}]}}, {send: tip, id: again}]"
    assert played(stage, steps)[1:-1] == [("03-02T09:00", "tip sent")] * 3


def test_a_hundred_rounds_at_one_moment_end(stage: Connection) -> None:
    steps = "[{repeat: {times: 100, steps: [{set: {profile.n: 1}}]}}, {send: after}]"
    assert played(stage, steps)[1:] == [("03-02T09:00", "after sent"), ("03-02T09:00", "exited: finished")]


def made_up(die: random.Random, ids: Iterator[int], depth: int = 0) -> list[tuple[object, ...]]:
    """Steps: waits of so many hours, sends, and repeats of steps."""
    steps: list[tuple[object, ...]] = []
    for _ in range(die.randint(1, 3)):
        kind = die.choice(["wait", "send", "repeat"] if depth < 3 else ["wait", "send"])
        if kind == "wait":
            steps.append(("wait", die.randint(0, 5)))
        elif kind == "send":
            steps.append(("send", next(ids)))
        else:
            every = die.choice([None, die.randint(1, 12)])
            steps.append(("repeat", die.randint(1, 3), every, made_up(die, ids, depth + 1)))
    return steps


def written(steps: list[tuple[object, ...]], message: str) -> str:
    """The steps as text; each flow sends a message of its own, for by one event nobody is sent the same by two."""
    said = []
    for kind, *rest in steps:
        if kind == "repeat":
            times, every, inner = rest
            often = f", every: {every}h" if every is not None else ""
            said.append(f"{{repeat: {{times: {times}{often}, steps: {written(inner, message)}}}}}")  # type: ignore[arg-type]
        else:
            said.append(f"{{wait: {rest[0]}h}}" if kind == "wait" else f"{{send: {message}, id: s{rest[0]}}}")
    return f"[{', '.join(said)}]"


def lived(steps: list[tuple[object, ...]], at: int, sent: list[tuple[int, str]]) -> int:
    """Rule 31 row by row: hours from the entry at which each step sends; gives when the last step is over."""
    for kind, *rest in steps:
        if kind == "wait":
            at += int(str(rest[0]))
        elif kind == "send":
            sent.append((at, f"s{rest[0]}"))
        else:
            times, every, inner = rest
            began = at
            for number in range(int(str(times))):
                began = at if number == 0 else max(at, began + int(str(every or 0)))
                at = lived(inner, began, sent)  # type: ignore[arg-type]
    return at


def test_rule_31_forty_made_up_flows_send_when_the_rule_says(stage: Connection) -> None:
    die = random.Random(20)  # noqa: S311 - made-up flows
    flows = {f"f{number}": made_up(die, itertools.count()) for number in range(40)}
    texts = {name: f"trigger: {{event: Go}}\nsteps: {written(steps, f'tip-{name}')}\n" for name, steps in flows.items()}
    lines = lines_of(stage, texts, GO)
    for name, steps in flows.items():
        wanted: list[tuple[int, str]] = []
        lived(steps, 0, wanted)
        got = [
            (int((datetime.fromisoformat(str(line["at"])) - T0) / HOUR), line["step"])
            for line in lines
            if line["flow"] == name and line.get("decision") == "sent"
        ]
        assert got == wanted, (name, texts[name])
    assert sum(line.get("decision") == "sent" for line in lines) > 100


# -- live edits ------------------------------------------------------------------------------------------------------

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE = "[{id: again, repeat: {times: 3, every: 1d, steps: [{send: tip}, {id: rest, wait: 2h}, {send: more}]}}, {send: after}]"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with a flow of three rounds, into which u1 has gone at 9:00."""
    with connect(dsn) as conn:
        book = found_shop(conn, small(flow(BEFORE)), buckets=2, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u1", T0, email="u1@example.com")
        made.track("u1", "Go", T0)
        made.work(T0)
        yield made


def sent(shop: Shop) -> list[tuple[object, object]]:
    return [(row[2], row[0]) for row in shop.told("u1") if row[3] == "sent"]


def work(shop: Shop, *hours: int) -> None:
    for hour in hours:
        shop.work(T0 + hour * HOUR)


def test_people_in_a_round_go_on_in_it_in_the_new_version(shop: Shop) -> None:
    """The second round is their second in the new one as well, and a step that is gone is left for the next in the round."""
    work(shop, 2, 24)
    after = "[{id: again, repeat: {times: 3, every: 1d, steps: [{send: tip}, {send: more}]}}, {send: after}]"
    shop.publish(small(flow(after)), T0 + 25 * HOUR)
    work(shop, 25, 48, 72)
    assert sent(shop) == [
        ("tip", T0), ("more", T0 + 2 * HOUR), ("tip", T0 + 24 * HOUR), ("more", T0 + 25 * HOUR),
        ("tip", T0 + 48 * HOUR), ("more", T0 + 48 * HOUR), ("after", T0 + 48 * HOUR),
    ]  # fmt: skip


def test_fewer_rounds_than_somebody_has_had_end_with_this_one(shop: Shop) -> None:
    work(shop, 2, 24)
    shop.publish(small(flow(BEFORE.replace("times: 3", "times: 1"))), T0 + 25 * HOUR)
    work(shop, 26)
    assert sent(shop)[-2:] == [("more", T0 + 26 * HOUR), ("after", T0 + 26 * HOUR)]


def test_another_time_between_rounds_is_measured_anew_from_when_the_round_began(shop: Shop) -> None:
    work(shop, 2)
    shop.publish(small(flow(BEFORE.replace("1d", "6h"))), T0 + 3 * HOUR)
    work(shop, 6, 8)
    assert sent(shop) == [("tip", T0), ("more", T0 + 2 * HOUR), ("tip", T0 + 6 * HOUR), ("more", T0 + 8 * HOUR)]


def test_who_stood_between_rounds_of_a_repeat_that_is_gone_goes_on_behind_it(shop: Shop) -> None:
    work(shop, 2)
    shop.publish(small(flow("[{send: tip}, {id: rest, wait: 2h}, {send: more}, {send: after}]")), T0 + 3 * HOUR)
    work(shop, 3)
    assert sent(shop) == [("tip", T0), ("more", T0 + 2 * HOUR), ("after", T0 + 3 * HOUR)]
    assert shop.query("select rounds, active from enrollment") == [({}, False)]


def test_a_step_that_comes_to_stand_inside_a_repeat_is_in_its_first_round(dsn: str) -> None:
    with connect(dsn) as conn:
        book = found_shop(conn, small(flow("[{id: rest, wait: 2h}, {send: more}]")), buckets=2, zones=["UTC"])
        shop = Shop(dsn, conn, book, HandClock(T0))
        shop.identify("u1", T0, email="u1@example.com")
        shop.track("u1", "Go", T0)
        shop.work(T0)
        inside = "[{id: again, repeat: {times: 2, every: 1d, steps: [{id: rest, wait: 2h}, {send: more}]}}]"
        shop.publish(small(flow(inside)), T0 + HOUR)
        assert shop.query("select rounds -> 'again' -> 'n' from enrollment") == [(1,)]
        work(shop, 2, 24, 26, 50)
        assert sent(shop) == [("more", T0 + 2 * HOUR), ("more", T0 + 26 * HOUR)]


def test_rule_14_a_step_that_is_moved_behind_where_somebody_stands_is_not_sent_to_them_again(dsn: str) -> None:
    with connect(dsn) as conn:
        book = found_shop(
            conn, small(flow("[{send: tip}, {id: rest, wait: 2h}, {send: more}]")), buckets=2, zones=["UTC"]
        )
        shop = Shop(dsn, conn, book, HandClock(T0))
        shop.identify("u1", T0, email="u1@example.com")
        shop.track("u1", "Go", T0)
        shop.work(T0)
        shop.publish(small(flow("[{id: rest, wait: 2h}, {send: tip}, {send: more}]")), T0 + HOUR)
        work(shop, 2)
        assert [row[2:] for row in shop.told("u1")[1:-1]] == [
            ("tip", "sent", ""), ("tip", "skipped", "duplicate"), ("more", "sent", ""),
        ]  # fmt: skip
