"""``split``: everybody in the arm that their die says, for good; and what daily looks make of it (rules 30, 32)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.engine.living import HandClock, Shop, found_shop, small
from tests.engine.playing import event, lines_of, person, told

from tamshy.domain.arm import arm_of
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OFFER = "{split: {name: offer, arms: {A: {weight: 70, steps: [{send: a}]}, B: {weight: 30, steps: [{send: b}]}}}}"


OFFERED = {"A": 70.0, "B": 30.0}


def flow(steps: str, **more: str) -> str:
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"trigger: {{event: Go}}\n{extra}steps: {steps}\n"


def crowd(count: int, name: str = "Go") -> list[dict[str, object]]:
    users = [f"u{number}" for number in range(count)]
    return [person(user) for user in users] + [event(user, name, "2026-03-02T09:00:00Z") for user in users]


def arms_of(lines: list[dict[str, object]]) -> dict[object, object]:
    return {line["profile"]: line["message"] for line in lines if line.get("decision") == "sent"}


def offered(line: dict[str, object]) -> object:
    arm = line["arm"]
    assert isinstance(arm, dict)
    return arm["offer"]


def test_rule_32_everybody_goes_the_way_of_the_arm_that_their_die_says(stage: Connection) -> None:
    lines = lines_of(stage, {"f": flow(f"[{OFFER}]")}, crowd(300))
    drawn = {f"u{n}": arm_of(f"user_id:u{n}", "offer", {"A": 70.0, "B": 30.0}) for n in range(300)}
    assert arms_of(lines) == {user: arm.lower() for user, arm in drawn.items()}
    assert Counter(drawn.values()) == {"A": 199, "B": 101}
    assert {line["profile"]: line["arm"] for line in lines if line.get("decision") == "sent"} == {
        user: {"offer": arm} for user, arm in drawn.items()
    }


def test_another_seed_is_another_draw(stage: Connection) -> None:
    lines = lines_of(stage, {"f": flow(f"[{OFFER}]")}, crowd(40), seed=7)
    weights = {"A": 70.0, "B": 30.0}
    assert arms_of(lines) == {f"u{n}": arm_of(f"user_id:u{n}", "offer", weights, 7).lower() for n in range(40)}


def test_after_the_split_the_flow_goes_on_unless_an_arm_ended_it(stage: Connection) -> None:
    steps = (
        "[{send: before}, {split: {name: offer, arms: {A: {steps: [{send: a}]}, B: {}, C: {steps: [{exit: enough}]}}}},"
        " {send: after}]"
    )
    lines = lines_of(stage, {"f": flow(steps)}, crowd(12))
    ways = {"A": ["before sent", "a sent", "after sent", "exited: finished"]}
    ways |= {"B": ["before sent", "after sent", "exited: finished"], "C": ["before sent", "exited: enough"]}
    drawn = {f"u{n}": arm_of(f"user_id:u{n}", "offer", {"A": 1.0, "B": 1.0, "C": 1.0}) for n in range(12)}
    assert set(drawn.values()) == {"A", "B", "C"}
    for user, arm in drawn.items():
        own = [line for line in lines if line["profile"] == user]
        assert [what for _, what in told(own)] == ["entered", *ways[arm]]
        named = {line["message"]: line["arm"] for line in own if line.get("decision") == "sent"}
        assert named == {
            message.split()[0]: {} if message == "before sent" else {"offer": arm} for message in ways[arm][:-1]
        }


def test_an_arm_never_flickers_from_entry_to_entry_flow_to_flow_and_round_to_round(stage: Connection) -> None:
    flows = {
        "f": flow(f"[{{repeat: {{times: 2, every: 1d, steps: [{OFFER}]}}}}]", reentry="always"),
        "g": flow(f"[{{wait: 1h}}, {OFFER}]").replace("Go", "Went"),
    }
    again = [event(f"u{n}", "Go", "2026-04-02T09:00:00Z") for n in range(20)]
    went = [event(f"u{n}", "Went", "2026-04-02T09:00:00Z") for n in range(20)]
    lines = lines_of(stage, flows, [*crowd(20), *again, *went])
    seen: dict[object, set[object]] = {}
    for line in lines:
        if line.get("decision") == "sent":
            seen.setdefault(line["profile"], set()).add(line["message"])
    assert seen == {f"u{n}": {arm_of(f"user_id:u{n}", "offer", {"A": 70.0, "B": 30.0}).lower()} for n in range(20)}
    assert Counter(line["profile"] for line in lines if line.get("decision") == "sent") == dict.fromkeys(seen, 5)


def test_a_split_inside_an_arm_of_another_names_both_on_its_mails(stage: Connection) -> None:
    inner = "{split: {name: tone, arms: {warm: {steps: [{send: warm}]}, dry: {steps: [{send: dry}]}}}}"
    outer = f"[{{split: {{name: offer, arms: {{A: {{steps: [{inner}]}}, B: {{steps: [{{send: b}}]}}}}}}}}]"
    lines = [line for line in lines_of(stage, {"f": flow(outer)}, crowd(12)) if line.get("decision") == "sent"]
    for line in lines:
        die = f"user_id:{line['profile']}"
        wanted = {"offer": arm_of(die, "offer", {"A": 1.0, "B": 1.0})}
        if wanted["offer"] == "A":
            wanted["tone"] = arm_of(die, "tone", {"warm": 1.0, "dry": 1.0})
        assert line["arm"] == wanted
    assert {line["message"] for line in lines} == {"warm", "dry", "b"}


# -- life ------------------------------------------------------------------------------------------------------------


def opened(conn: Connection, dsn: str, flows: dict[str, str], settings: str = "") -> Shop:
    book = found_shop(conn, small(flows, settings=settings), buckets=2, zones=["UTC"])
    return Shop(dsn, conn, book, HandClock(T0))


def go(shop: Shop, users: list[str], at: datetime, event_name: str = "Go") -> None:
    for user in users:
        shop.identify(user, at, email=f"{user}@example.com")
        shop.track(user, event_name, at)
    shop.work(at)


def sent(shop: Shop, user: str) -> list[object]:
    return [row[2] for row in shop.told(user) if row[3] == "sent"]


def in_arm(arm: str, count: int, weights: Mapping[str, float] = OFFERED) -> list[str]:
    """Users whose die says this arm."""
    users = (f"u{n}" for n in range(10_000))
    return [user for user in users if arm_of(f"user_id:{user}", "offer", weights) == arm][:count]


def test_people_stay_in_their_arm_when_weights_change_and_newcomers_are_drawn_by_the_new_ones(dsn: str) -> None:
    with connect(dsn) as conn:
        shop = opened(conn, dsn, {"f": flow(f"[{OFFER}]", reentry="always")})
        (stays,) = in_arm("A", 1)
        go(shop, [stays], T0)
        turned = OFFER.replace("70", "0")
        shop.publish(small({"f": flow(f"[{turned}]", reentry="always")}), T0 + HOUR)
        newcomer = in_arm("A", 2)[1]
        go(shop, [stays, newcomer], T0 + HOUR)
        assert sent(shop, stays) == ["a", "a"]
        assert sent(shop, newcomer) == ["b"]


def test_an_arm_that_is_gone_leaves_its_people_to_the_others(dsn: str) -> None:
    with connect(dsn) as conn:
        shop = opened(conn, dsn, {"f": flow(f"[{OFFER}]", reentry="always")})
        (user,) = in_arm("A", 1)
        go(shop, [user], T0)
        other = OFFER.replace("A: {weight: 70, steps: [{send: a}]}", "C: {weight: 70, steps: [{send: c}]}")
        shop.publish(small({"f": flow(f"[{other}]", reentry="always")}), T0 + HOUR)
        go(shop, [user], T0 + HOUR)
        drawn = arm_of(f"user_id:{user}", "offer", {"B": 30.0, "C": 70.0})
        assert sent(shop, user) == ["a", drawn.lower()]
        assert shop.query("select arm, since from arm") == [(drawn, T0 + HOUR)]


def test_rule_30_the_arms_are_those_of_the_profile_that_stays(dsn: str) -> None:
    """The one with the older user id stays; what it never drew is drawn from its own die."""
    with connect(dsn) as conn:
        steps = f"[{OFFER}, {{wait: 1d}}, {{send: after}}]"
        shop = opened(conn, dsn, {"f": flow(steps, per="event.n", reentry="always")})
        (stays,) = in_arm("A", 1)
        (goes,) = [n for n in range(100) if arm_of(f"anonymous_id:d{n}", "offer", {"A": 70.0, "B": 30.0}) == "B"][:1]
        shop.identify(stays, T0, email="stays@example.com")
        shop.identify(None, T0, device=f"d{goes}", email="goes@example.com")
        shop.visit(f"d{goes}", "Go", T0, n="1")
        shop.work(T0)
        assert [row[0] for row in shop.query("select arm from arm")] == ["B"]
        shop.identify(stays, T0 + HOUR, device=f"d{goes}")
        shop.work(T0 + HOUR)
        assert shop.query("select arm, since from arm") == [("A", T0)]
        shop.track(stays, "Go", T0 + 2 * HOUR, n="2")
        shop.work(T0 + 2 * HOUR)
        shop.work(T0 + DAY)
        assert shop.query("select message, facts -> 'arms' from message order by decided_at") == [
            ("b", {"offer": "B"}), ("a", {"offer": "A"}), ("after", {"offer": "B"}),
        ]  # fmt: skip


def test_running_twice_draws_nothing_twice(dsn: str) -> None:
    with connect(dsn) as conn:
        shop = opened(conn, dsn, {"f": flow(f"[{OFFER}]")})
        users = [f"u{n}" for n in range(5)]
        go(shop, users, T0)
        before = shop.query("select profile, arm, since, held_out from arm order by profile")
        shop.work(T0)
        assert shop.query("select profile, arm, since, held_out from arm order by profile") == before
        assert len(before) == 5


# -- winners and bandits ---------------------------------------------------------------------------------------------

TESTED = "{split: {name: offer, arms: {A: {steps: [{send: a}]}, B: {steps: [{send: b}]}}, winner: {by: clicked, at_least: 50}}}"
FAIR = {"A": 1.0, "B": 1.0}


def clicks(users: list[str], message: str, at: str) -> list[dict[str, object]]:
    return [
        {
            "type": "engage",
            "userId": user,
            "message": message,
            "did": "clicked",
            "timestamp": at,
            "url": "https://x.example",
        }
        for user in users
    ]


def came(users: list[str], day: int) -> list[dict[str, object]]:
    at = f"2026-03-{day:02}T09:00:00Z"
    return [person(user, at) for user in users] + [event(user, "Go", at) for user in users]


def test_newcomers_go_to_the_winner_once_it_is_proven_and_those_inside_stay(stage: Connection) -> None:
    """Of 100 in each arm 60 click on a and none on b: at 03:00 the day after it is proven, and not a moment earlier."""
    a, b = in_arm("A", 104, weights=FAIR), in_arm("B", 106, weights=FAIR)
    early, late = b[100:103], b[103:106]
    steps = f"[{TESTED}, {{wait: 2d}}, {TESTED.replace('send: a', 'send: a, id: a2').replace('send: b', 'send: b, id: b2')}]"
    lines = lines_of(
        stage,
        {"f": flow(steps)},
        [
            *came(a[:100] + b[:100], 2),
            *clicks(a[:60], "a", "2026-03-02T12:00:00Z"),
            *[person(user, "2026-03-03T02:59:59Z") for user in early],
            *[event(user, "Go", "2026-03-03T02:59:59Z") for user in early],
            *[person(user, "2026-03-03T03:00:00Z") for user in late],
            *[event(user, "Go", "2026-03-03T03:00:00Z") for user in late],
        ],
    )
    got: dict[object, list[object]] = {}
    for line in lines:
        if line.get("decision") == "sent":
            got.setdefault(line["profile"], []).append(line["message"])
    assert {tuple(got[user]) for user in a[:100]} == {("a", "a")}
    assert {tuple(got[user]) for user in (*b[:100], *early)} == {("b", "b")}
    assert {tuple(got[user]) for user in late} == {("a", "a")}
    (first, *rest) = stage.execute("select at, samples, winner, why from look order by at").fetchall()
    assert first[0] == datetime(2026, 3, 3, 3, tzinfo=UTC)
    assert {arm: (sums["people"], sums["total"]) for arm, sums in first[1].items()} == {"A": (100, 60), "B": (103, 0)}
    assert first[2:] == ("A", "proven")
    assert {row[2:] for row in rest} == {("A", "proven")}


def test_nobody_wins_before_every_arm_has_its_people(stage: Connection) -> None:
    a, b = in_arm("A", 49, weights=FAIR), in_arm("B", 60, weights=FAIR)
    lines_of(
        stage, {"f": flow(f"[{TESTED}, {{wait: 2d}}]")}, [*came(a + b, 2), *clicks(a, "a", "2026-03-02T12:00:00Z")]
    )
    assert set(stage.execute("select winner, why from look").fetchall()) == {(None, "too_few")}


def test_machines_opens_and_others_mails_count_for_nothing(stage: Connection) -> None:
    a, b = in_arm("A", 60, weights=FAIR), in_arm("B", 60, weights=FAIR)
    flows = {"f": flow(f"[{{send: before}}, {TESTED}]"), "g": flow("[{send: other}]")}
    machines = [line | {"machine": True} for line in clicks(a, "a", "2026-03-02T12:00:00Z")]
    opens = [line | {"did": "opened"} for line in clicks(a, "a", "2026-03-02T12:00:00Z")]
    elsewhere = [*clicks(a, "other", "2026-03-02T12:00:00Z"), *clicks(a, "before", "2026-03-02T12:00:00Z")]
    lines_of(
        stage, flows, [*came(a + b, 2), *machines, *opens, *elsewhere, event("later", "Go", "2026-03-05T12:00:00Z")]
    )
    rows = stage.execute("select samples -> 'A' ->> 'total', winner, why from look").fetchall()
    assert set(rows) == {("0.0", None, "not_proven")}


def test_a_person_is_one_observation_however_often_they_enter_and_click(stage: Connection) -> None:
    (user,) = in_arm("A", 1, weights=FAIR)
    again = [event(user, "Go", f"2026-03-02T1{hour}:00:00Z") for hour in range(3)]
    deeds = [deed for hour in range(3) for deed in clicks([user], "a", f"2026-03-02T1{hour}:30:00Z")]
    lines_of(stage, {"f": flow(f"[{TESTED}]", reentry="always")}, [person(user), *again, *deeds, *came(["z"], 4)])
    first = stage.execute("select samples -> 'A' from look order by at limit 1").fetchone()
    assert first == ({"people": 1, "total": 1.0, "squares": 1.0, "cubes": 1.0, "magnitude": 1.0},)


def test_the_held_out_do_not_count(stage: Connection) -> None:
    users = [f"u{n}" for n in range(40)]
    lines = lines_of(stage, {"f": flow(f"[{TESTED}]", holdout="50%")}, [*came(users, 2), *came(["z"], 4)])
    sent_to = {line["profile"] for line in lines if line.get("decision") == "sent"} & set(users)
    assert 10 < len(sent_to) < 30
    row = stage.execute(
        "select (samples -> 'A' ->> 'people')::int + (samples -> 'B' ->> 'people')::int from look order by at"
    ).fetchone()
    assert row == (len(sent_to),)


MONEY = "conversion: {event: Order Completed, within: 5d}\n"


def judged_by(stage: Connection, by: str, *orders: dict[str, object]) -> dict[str, object]:
    """The sums of the one person in arm A, who has these orders."""
    (user,) = in_arm("A", 1, weights=FAIR)
    steps = f"[{{wait: 1h}}, {TESTED.replace('clicked', by)}, {{wait: 3d}}]"
    text = MONEY + flow(steps, reentry="always", per="event.n")
    starts = [event(user, "Go", "2026-03-02T09:00:00Z", n="1"), event(user, "Go", "2026-03-02T09:30:00Z", n="2")]
    bought = [
        event(user, "Order Completed", f"2026-03-02T{12 + place}:00:00Z", **order) for place, order in enumerate(orders)
    ]
    lines_of(stage, {"f": text}, [person(user), *starts, *bought, *came(["z"], 4)])
    row = stage.execute("select samples -> 'A' from look order by at limit 1").fetchone()
    assert row is not None
    return dict(row[0])


def test_a_conversion_counts_once_for_a_person(stage: Connection) -> None:
    assert judged_by(stage, "conversion", {"value": 5}, {"value": 7})["total"] == 1.0


def test_revenue_is_the_sum_of_a_persons_conversions(stage: Connection) -> None:
    """Each of the two enrollments has the first order as its conversion."""
    sums = judged_by(stage, "revenue", {"value": 5}, {"value": 7})
    assert sums == {"people": 1, "total": 10.0, "squares": 100.0, "cubes": 1000.0, "magnitude": 10.0}


def test_profit_is_what_the_order_says_else_what_its_lines_leave(stage: Connection) -> None:
    assert judged_by(stage, "profit", {"value": 50, "profit": -3})["total"] == -6.0


def test_profit_of_lines_is_price_less_cost_less_the_discount(stage: Connection) -> None:
    lines = [{"price": 20, "cost": 12, "quantity": 2}, {"price": 5, "cost": 4}]
    assert judged_by(stage, "profit", {"value": 45, "discount": 2, "products": lines})["total"] == 30.0


def test_a_bandit_leans_to_the_arm_that_does_better_and_keeps_a_floor(stage: Connection) -> None:
    bandit = "{split: {name: offer, arms: {A: {steps: [{send: a}]}, B: {steps: [{send: b}]}}, method: bandit}}"
    a, b = in_arm("A", 60, weights=FAIR), in_arm("B", 60, weights=FAIR)
    users = [f"n{n}" for n in range(60)]
    lines = lines_of(
        stage,
        {"f": flow(f"[{bandit}]")},
        [*came(a + b, 2), *clicks(a[:40], "a", "2026-03-02T12:00:00Z"), *came(users, 4)],
    )
    rows = stage.execute("select weights, winner, why from look order by at").fetchall()
    assert rows[0][1:] == (None, "bandit")
    assert {arm: round(weight, 6) for arm, weight in rows[0][0].items()} == {"A": 0.95, "B": 0.05}
    drawn = {user: arm_of(f"user_id:{user}", "offer", rows[0][0]).lower() for user in users}
    assert {user: arm for user, arm in arms_of(lines).items() if user in users} == drawn
    assert Counter(drawn.values())["b"] < 8


def test_in_life_the_look_is_made_once_a_day_and_holds_for_newcomers(dsn: str) -> None:
    """A look in life is what a look in a simulation is: see `test_newcomers_go_to_the_winner…`."""
    with connect(dsn) as conn:
        shop = opened(conn, dsn, {"f": flow(f"[{TESTED}]")})
        a, b = in_arm("A", 55, weights=FAIR), in_arm("B", 56, weights=FAIR)
        go(shop, a + b[:55], T0)
        at = T0 + HOUR
        for message, flow_name, step, enrollment, bucket, profile, id_ in shop.query(
            "select message, flow, step, enrollment, bucket, profile, id from message where message = 'a'"
        ):
            conn.execute(
                "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, origin, name, occurred_at, properties)"
                " values (%(b)s, %(p)s, %(at)s, 1, gen_random_uuid(), 1, 'event', 1, 'Message Clicked', %(at)s,"
                " jsonb_build_object('message', %(m)s::text, 'flow', %(f)s::text, 'step', %(s)s::text,"
                " 'message_id', %(id)s::uuid, 'enrollment', %(e)s::uuid))",
                {
                    "b": bucket,
                    "p": profile,
                    "at": at,
                    "m": message,
                    "f": flow_name,
                    "s": step,
                    "id": id_,
                    "e": enrollment,
                },
            )
        conn.commit()
        shop.work(at)
        tomorrow = T0.replace(hour=3) + DAY
        shop.work(tomorrow)
        seen = shop.query("select at, winner, why from look order by at")
        assert seen == [(T0.replace(hour=3), None, "too_few"), (tomorrow, "A", "proven")]
        go(shop, [b[55]], tomorrow + HOUR)
        assert sent(shop, b[55]) == ["a"]
        assert shop.query("select at, winner, why from look order by at") == seen


def test_an_experiment_that_is_changed_counts_anew(dsn: str) -> None:
    with connect(dsn) as conn:
        shop = opened(conn, dsn, {"f": flow(f"[{TESTED}]")})
        go(shop, ["u1", "u2"], T0)
        shop.work(T0.replace(hour=3) + DAY)
        changed = flow(f"[{TESTED.replace('at_least: 50', 'at_least: 60')}]")
        shop.publish(small({"f": changed}), T0 + DAY)
        go(shop, ["u3"], T0 + DAY + HOUR)
        shop.work(T0.replace(hour=3) + 2 * DAY)
        rows = shop.query(
            "select at, since, (samples -> 'A' ->> 'people')::int + (samples -> 'B' ->> 'people')::int from look order by at"
        )
        assert rows == [
            (T0.replace(hour=3), datetime(1970, 1, 1, tzinfo=UTC), 0),
            (T0.replace(hour=3) + DAY, datetime(1970, 1, 1, tzinfo=UTC), 2),
            (T0.replace(hour=3) + 2 * DAY, T0 + DAY, 1),
        ]
