"""``report``: what flows have brought, counted from what really happened, and how much is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import small
from tests.engine.playing import clear, event, lines_of, person
from tests.engine.test_split import FAIR, clicks, in_arm

from tamshy.experiment import Sample
from tamshy.language.model import Measure
from tamshy.publish import publish
from tamshy.render.compile import compile_message
from tamshy.report import lines, report

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

WORKSPACE = "simulation"
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
FLOW = """\
trigger: {event: Go}
reentry: always
conversion: {event: Order Completed, within: 5d}
holdout: 50%
steps: [{send: hello}, {wait: 2h}, {send: again}]
"""


def opens(users: list[str], message: str, at: str) -> list[dict[str, object]]:
    return [line | {"did": "opened"} for line in clicks(users, message, at)]


def test_people_mails_and_what_came_of_them_are_counted_once_for_each_person(stage: Connection) -> None:
    users = [f"u{n}" for n in range(20)]
    going = [event(user, "Go", "2026-03-02T09:00:00Z") for user in users]
    lines = lines_of(stage, {"f": FLOW}, [*map(person, users), *going], until=T0)
    mailed = sorted(str(line["profile"]) for line in lines if line.get("decision") == "sent")
    held_out = sorted(set(users) - set(mailed))
    assert 5 < len(mailed) < 15
    clear(stage)
    again = [event(mailed[0], "Go", "2026-03-02T15:00:00Z")]
    orders = [
        event(mailed[0], "Order Completed", "2026-03-02T16:00:00Z", value=30),
        event(mailed[1], "Order Completed", "2026-03-02T16:00:00Z", value=12),
        event(held_out[0], "Order Completed", "2026-03-02T16:00:00Z", value=7),
        event(held_out[1], "Order Completed", "2026-03-09T16:00:00Z", value=1000),
    ]
    deeds = [
        *opens(mailed[:3], "hello", "2026-03-02T10:00:00Z"),
        *clicks(mailed[:2], "hello", "2026-03-02T10:30:00Z"),
        *clicks(mailed[:1], "hello", "2026-03-02T16:30:00Z"),
        *[line | {"machine": True} for line in clicks(mailed, "again", "2026-03-02T18:00:00Z")],
    ]
    lines_of(stage, {"f": FLOW}, [*map(person, users), *going, *again, *orders, *deeds])
    (flow,) = report(stage, WORKSPACE, now=T0 + 10 * DAY)
    assert (flow.flow, flow.people, flow.entries, flow.held_out) == ("f", 20, 21, len(held_out))
    assert [
        (mail.step, mail.sent, mail.opened.people, mail.opened.total, mail.clicked.total) for mail in flow.mails
    ] == [
        ("hello", len(mailed) + 1, len(mailed), 3.0, 2.0),
        ("again", len(mailed) + 1, len(mailed), 0.0, 0.0),
    ]
    converted, revenue = flow.outcomes
    assert (converted.measure, converted.mailed) == (Measure.CONVERSION, Sample.rate(2, len(mailed)))
    assert converted.held_out == Sample.rate(1, len(held_out))
    # The one who entered twice has both enrollments converted by one order.
    assert (revenue.measure, revenue.mailed) == (Measure.REVENUE, Sample.values([60.0, 12.0], len(mailed)))
    assert revenue.held_out == Sample.values([7.0], len(held_out))
    assert converted.difference is not None
    assert not converted.difference.proven
    shortfall = converted.difference.shortfall
    assert shortfall is not None
    # Nobody came in the week before.
    assert (shortfall.needed - shortfall.missing, shortfall.days) == (20, None)


def test_an_order_counts_for_the_mail_last_clicked_else_last_opened_so_long_before(stage: Connection) -> None:
    """`attribution: {clicked: 5d, opened: 1d}`; an order that is told twice counts once."""
    steps = "trigger: {event: Go}\nsteps: [{send: hello}, {wait: 2h}, {send: again}]\n"
    users = ["clicks", "opens", "late", "neither", "both"]
    going = [person(user) for user in users] + [event(user, "Go", "2026-03-02T09:00:00Z") for user in users]
    deeds = [
        *clicks(["clicks", "late", "both"], "hello", "2026-03-02T10:00:00Z"),
        *opens(["clicks", "opens", "late", "both"], "again", "2026-03-02T12:00:00Z"),
        *clicks(["both"], "again", "2026-03-02T13:00:00Z"),
    ]
    orders = [
        event("clicks", "Order Completed", "2026-03-07T10:00:00Z", order_id="o1", total=10),
        event("clicks", "Order Completed", "2026-03-07T11:00:00Z", order_id="o1", total=10),
        event("opens", "Order Completed", "2026-03-03T11:59:59Z", order_id="o2", value=20, total=99),
        event("late", "Order Completed", "2026-03-07T10:00:01Z", order_id="o3", value=40),
        event("neither", "Order Completed", "2026-03-02T13:00:00Z", order_id="o4", value=80),
        event("both", "Order Completed", "2026-03-02T13:00:00Z", value="seven"),
        event("both", "Order Completed", "2026-03-02T13:00:00Z", revenue=160),
    ]
    # At 5 days after the click to the second the window is over: it is (T - 5d, T].
    lines_of(stage, {"f": steps}, [*going, *deeds, *orders])
    (flow,) = report(stage, WORKSPACE, now=T0 + 10 * DAY)
    assert [(mail.step, mail.orders, mail.worth) for mail in flow.mails] == [("hello", 0, 0.0), ("again", 3, 180.0)]
    earlier = [order | {"timestamp": "2026-03-07T09:59:59Z"} for order in orders[:1]]
    clear(stage)
    lines_of(stage, {"f": steps}, [*going, *deeds, *earlier])
    (flow,) = report(stage, WORKSPACE, now=T0 + 10 * DAY)
    assert [(mail.step, mail.orders, mail.worth) for mail in flow.mails] == [("hello", 1, 10.0), ("again", 0, 0.0)]


SPLIT = "{split: {name: offer, arms: {A: {steps: [{send: a}]}, B: {steps: [{send: b}]}}, winner: {by: clicked}}}"


def crowd(day: int, a: list[str], b: list[str], clicked: int) -> list[dict[str, object]]:
    at = f"2026-03-{day:02}T09:00:00Z"
    going = [person(user, at) for user in (*a, *b)] + [event(user, "Go", at) for user in (*a, *b)]
    return [*going, *clicks(a[:clicked], "a", f"2026-03-{day:02}T10:00:00Z")]


def test_an_experiment_tells_its_winner_or_how_many_days_are_missing(stage: Connection) -> None:
    a, b = in_arm("A", 80, weights=FAIR), in_arm("B", 80, weights=FAIR)
    lines_of(stage, {"f": f"trigger: {{event: Go}}\nsteps: [{SPLIT}]\n"}, crowd(2, a, b, 12), until=T0 + DAY / 2)
    (flow,) = report(stage, WORKSPACE, now=T0 + DAY / 2)
    (trial,) = flow.trials
    assert trial.arms == {"A": Sample.rate(12, 80), "B": Sample.rate(0, 80)}
    assert (trial.leader, trial.winner, trial.why) == ("A", None, "not_proven")
    assert trial.shortfall is not None
    # 160 came on the one day that it has run.
    assert trial.shortfall.days == -(-trial.shortfall.missing // 160)
    assert trial.shortfall.missing == trial.shortfall.needed - 160
    assert lines(flow)[-1] == (
        f"    no winner yet: not enough data yet: about {trial.shortfall.days:,} more days"
        f" ({trial.shortfall.missing:,} people) for a difference of 20%"
    )


def test_a_winner_that_a_look_has_proven_is_told(stage: Connection) -> None:
    a, b = in_arm("A", 80, weights=FAIR), in_arm("B", 80, weights=FAIR)
    events = [*crowd(2, a, b, 60), event("late", "Go", "2026-03-04T09:00:00Z")]
    lines_of(stage, {"f": f"trigger: {{event: Go}}\nsteps: [{SPLIT}]\n"}, events)
    (flow,) = report(stage, WORKSPACE, now=T0 + 3 * DAY)
    (trial,) = flow.trials
    assert (trial.winner, trial.why) == ("A", "proven")
    assert lines(flow)[-1] == "    the winner is A"


def test_a_flow_that_is_not_there_is_said_with_those_that_are(stage: Connection) -> None:
    lines_of(stage, {"f": FLOW, "g": FLOW}, [person("u1")])
    assert [flow.flow for flow in report(stage, WORKSPACE, now=T0)] == ["f", "g"]
    assert [flow.flow for flow in report(stage, WORKSPACE, now=T0, flow="g")] == ["g"]
    with pytest.raises(LookupError, match="there is no flow 'h'; there are f, g"):
        report(stage, WORKSPACE, now=T0, flow="h")


def test_an_experiment_that_was_changed_is_not_told_by_what_was_seen_of_the_old_one(stage: Connection) -> None:
    a, b = in_arm("A", 60, weights=FAIR), in_arm("B", 60, weights=FAIR)
    trigger = "trigger: {event: Go}\nsteps: [%s]\n"
    lines_of(stage, {"f": trigger % SPLIT}, crowd(2, a, b, 40), until=T0 + 2 * DAY)
    (told,) = report(stage, WORKSPACE, now=T0 + 2 * DAY)
    assert told.trials[0].winner == "A"
    other = small({"f": trigger % SPLIT.replace("by: clicked", "by: opened")})
    publish(stage, WORKSPACE, other, at=T0 + 2 * DAY, compile_message=compile_message)
    (told,) = report(stage, WORKSPACE, now=T0 + 2 * DAY)
    assert (told.trials[0].winner, told.trials[0].why, {arm.people for arm in told.trials[0].arms.values()}) == (
        None,
        "not_proven",
        {0},
    )
