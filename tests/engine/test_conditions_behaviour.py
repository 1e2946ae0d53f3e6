"""Behaviour, engagement, enrollment and consent (rules 8, 9, 10, 18, 23 and 26 of the language)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.engine.conditions import ADA, NOW, TOPICS, WORKSPACE_ZONE, asked, at, did, prepare, read, scene
from tests.property.condition_oracle import Entered, Happened, Json, Sent
from tests.property.condition_stage import answers

from tamshy.conditions import Environment, compile_match, compile_window
from tamshy.domain.duration import Duration
from tamshy.language.model import EventMatch, PropertyTest, Ref, Root, Window

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

BEN: Final = "00000000-0000-4000-8000-000000000be4"
ORDER: Final = "Order Completed"


def ordered(when: str, **properties: Json) -> Happened:
    return Happened(ORDER, at(when), properties)


def test_did_and_did_not(db: Connection) -> None:
    scenes = [scene({}, ordered("2020-01-01T00:00")), scene({}, did("Cart Viewed", "2026-03-01T00:00")), scene()]
    assert asked(db, f"did: {ORDER}", scenes) == [True, False, False]
    assert asked(db, f"did_not: {ORDER}", scenes) == [False, True, True]


def test_rule_8_a_window_excludes_its_beginning_and_includes_now(db: Connection) -> None:
    times = ("2026-03-01T12:00", "2026-03-01T12:00:01", "2026-03-02T12:00", "2026-03-02T12:00:01")
    scenes = [scene({}, ordered(when)) for when in times]
    assert asked(db, f"{{did: {ORDER}, within: 1d}}", scenes) == [False, True, True, False]
    assert asked(db, f"{{did_not: {ORDER}, within: 1d}}", scenes) == [True, False, False, True]
    assert asked(db, f"did: {ORDER}", scenes) == [True, True, True, False]


def test_until_ends_the_window_that_long_before_now(db: Connection) -> None:
    times = ("2026-02-23T12:00", "2026-02-23T12:00:01", "2026-02-28T12:00", "2026-02-28T12:00:01")
    scenes = [scene({}, ordered(when)) for when in times]
    assert asked(db, f"{{did: {ORDER}, within: 7d, until: 2d}}", scenes) == [False, True, True, False]


def test_days_of_a_window_are_the_profile_s_own(db: Connection) -> None:
    """In Paris, the day before 10:00 on the day of the change is 23 hours long."""
    events = [ordered("2026-03-28T08:59"), ordered("2026-03-28T09:01")]
    paris, almaty = (
        [scene({}, one, moment=at("2026-03-29T08:00"), zone=zone) for one in events]
        for zone in ("Europe/Paris", "Asia/Almaty")
    )
    assert asked(db, f"{{did: {ORDER}, within: 1d}}", paris + almaty) == [False, True, True, True]
    assert asked(db, f"{{did: {ORDER}, within: 24h}}", paris + almaty) == [True, True, True, True]


def test_after_and_before_exclude_their_moment(db: Connection) -> None:
    times = ("2026-02-01T08:59:59", "2026-02-01T09:00", "2026-02-01T09:00:01")
    scenes = [scene({}, ordered(when)) for when in times]
    assert asked(db, f'{{did: {ORDER}, after: "2026-02-01T10:00"}}', scenes) == [False, False, True]
    assert asked(db, f'{{did: {ORDER}, before: "2026-02-01T10:00"}}', scenes) == [True, False, False]


def test_rule_9_since_entry_is_later_than_the_triggering_event(db: Connection) -> None:
    start = did("Checkout Started", "2026-03-01T10:00")
    scenes = [
        scene({}, start, start=start, enrollment=ADA, entered_at=start.at),
        scene({}, start, did("Checkout Started", "2026-03-01T10:01"), start=start, enrollment=ADA, entered_at=start.at),
        # Before anybody has entered, the entry is the trigger event's own time.
        scene({}, start, start=start),
        scene({}, start),
    ]
    assert asked(db, "{did: Checkout Started, since: entry}", scenes) == [False, True, False, False]


def test_rule_9_since_a_step_counts_from_its_reaching(db: Connection) -> None:
    reached = {"reminder": at("2026-03-01T12:00")}
    scenes = [
        scene({}, ordered("2026-03-01T12:00"), reached=reached),
        scene({}, ordered("2026-03-01T12:00:01"), reached=reached),
        scene({}, ordered("2026-03-01T12:00:01"), reached={"other": at("2026-01-01T00:00")}),
        scene({}, ordered("2026-03-01T12:00:01")),
    ]
    assert asked(db, f"{{did: {ORDER}, since: reminder}}", scenes) == [False, True, False, False]
    # A step not reached: no such events.
    assert asked(db, f"{{did_not: {ORDER}, since: reminder}}", scenes) == [True, False, True, True]


def test_where_looks_at_the_event_under_test(db: Connection) -> None:
    start = did("Checkout Started", "2026-03-01T10:00", value=5)
    scenes = [
        scene({"limit": 1}, ordered("2026-03-01T11:00", value=120), start=start),
        scene({"limit": 2}, ordered("2026-03-01T11:00", value=120), start=start),
        scene({"limit": 1}, ordered("2026-03-01T11:00", value=20), start=start),
    ]
    assert asked(db, f"{{did: {ORDER}, where: {{event.value: {{gte: 100}}}}}}", scenes) == [True, True, False]
    where = "{event.value: {gte: 100}, profile.limit: 1}"
    assert asked(db, f"{{did: {ORDER}, where: {where}}}", scenes) == [True, False, False]
    nested = "{did: Checkout Started, where: {event.value: 7}}"
    other = did("Checkout Started", "2026-03-01T09:00", value=7)
    both = [scene({}, ordered("2026-03-01T11:00", value=1), other, start=start), scenes[0]]
    assert asked(db, f"{{did: {ORDER}, where: {nested}}}", both) == [True, False]


def test_count(db: Connection) -> None:
    scenes = [scene({}, *[ordered(f"2026-03-0{day}T00:00") for day in range(1, 1 + n)]) for n in range(3)]
    expected = {
        "0": [True, False, False],
        "1": [False, True, False],
        "{gte: 2}": [False, False, True],
        "{lt: 2}": [True, True, False],
        "{ne: 1}": [True, False, True],
        "[0, 2]": [True, False, True],
        "{gt: 0, lte: 1}": [False, True, False],
    }
    assert {test: asked(db, f"{{did: {ORDER}, count: {test}}}", scenes) for test in expected} == expected


def test_rule_18_sums_need_an_event_and_leave_out_what_is_no_number(db: Connection) -> None:
    lines: Json = [{"price": 3}, {"price": Decimal("4.5")}, {"price": "9"}]
    scenes = [
        scene(
            {}, ordered("2026-03-01T00:00", value=10, lines=lines), ordered("2026-03-01T01:00", value=Decimal("0.5"))
        ),
        scene({}, ordered("2026-03-01T00:00", value="10"), ordered("2026-03-01T01:00", value=2)),
        scene({}, ordered("2026-03-01T00:00", value="10")),
        scene(),
    ]
    expected = {
        "sum: {event.value: 10.5}": [True, False, False, False],
        "sum: {event.value: {lt: 100}}": [True, True, False, False],
        "sum: {event.value: {ne: 5}}": [True, True, False, False],
        "avg: {event.value: 5.25}": [True, False, False, False],
        "avg: {event.value: 2}": [False, True, False, False],
        "min: {event.value: 0.5}": [True, False, False, False],
        "max: {event.value: {gte: 2}}": [True, True, False, False],
        "sum: {event.lines.price: 7.5}": [True, False, False, False],
        "sum: {event.value: {gte: 2}}, max: {event.value: {lt: 10}}": [False, True, False, False],
        "count: {gte: 2}, sum: {event.value: {gte: 10}}": [True, False, False, False],
    }
    assert {test: asked(db, f"{{did: {ORDER}, {test}}}", scenes) for test in expected} == expected


def test_last_and_first_measure_the_time_since(db: Connection) -> None:
    scenes = [
        scene({}, ordered("2026-01-01T00:00"), ordered("2026-02-27T12:00")),
        scene({}, ordered("2026-02-27T12:00:01")),
        scene({}, ordered("2026-03-03T00:00")),
        scene(),
    ]
    expected = {
        "last: Order Completed, ago: {gte: 3d}": [True, False, False, False],
        "last: Order Completed, ago: {gt: 3d}": [False, False, False, False],
        "last: Order Completed, ago: {lte: 3d}": [True, True, False, False],
        "last: Order Completed, ago: {lt: 3d}": [False, True, False, False],
        "first: Order Completed, ago: {gte: 1mo}": [True, False, False, False],
        "last: Order Completed, ago: {gte: 2d, lt: 1w}": [True, True, False, False],
        'last: Order Completed, ago: {gt: 1mo}, where: {event.occurred_at: {before: "2026-02-01"}}': [True]
        + [False] * 3,
    }
    assert {text: asked(db, f"{{{text}}}", scenes) for text in expected} == expected


def test_same_holds_for_equal_values_that_are_there(db: Connection) -> None:
    def compared(mine: dict[str, Json], start: dict[str, Json]) -> object:
        begun = Happened("Checkout Started", at("2026-03-01T10:00"), start)
        one = scene({}, Happened(ORDER, at("2026-03-01T11:00"), mine), start=begun)
        return asked(db, f"{{did: {ORDER}, same: event.cart_id}}", [one])[0]

    assert compared({"cart_id": "c1"}, {"cart_id": "c1"}) is True
    assert compared({"cart_id": "c1"}, {"cart_id": "c2"}) is False
    assert compared({"cart_id": 1}, {"cart_id": Decimal("1.0")}) is True
    assert compared({"cart_id": 1}, {"cart_id": "1"}) is False
    assert compared({}, {"cart_id": "c1"}) is False
    assert compared({}, {}) is False
    assert compared({"cart_id": None}, {"cart_id": None}) is False


def test_same_takes_several_and_fans_out(db: Connection) -> None:
    start = did(
        "Product Viewed", "2026-03-01T10:00", {"page": {"path": "/a"}}, products=[{"sku": 1}, {"sku": 2}], cart_id=7
    )
    events = [
        did(ORDER, "2026-03-01T11:00", {"page": {"path": "/a"}}, products=[{"sku": 2}], cart_id=7),
        did(ORDER, "2026-03-01T11:00", {"page": {"path": "/b"}}, products=[{"sku": 3}], cart_id=7),
    ]
    scenes = [scene({}, one, start=start) for one in events]
    assert asked(db, f"{{did: {ORDER}, same: event.products.sku}}", scenes) == [True, False]
    nothing = [
        scene(
            {},
            did(ORDER, "2026-03-01T11:00", products=[{"sku": None}]),
            start=did("E", "2026-03-01T10:00", products=[{"sku": None}]),
        )
    ]
    assert asked(db, f"{{did: {ORDER}, same: event.products.sku}}", nothing) == [False]
    assert asked(db, f"{{did: {ORDER}, same: [event.cart_id, event.context.page.path]}}", scenes) == [True, False]
    assert asked(db, f"{{did: {ORDER}, same: event.cart_id}}", [*scenes, scene({}, events[0])]) == [True, True, False]


def test_enrolled(db: Connection) -> None:
    scenes = [
        scene(enrollments=(Entered("cart", at("2026-02-01T00:00"), active=True),)),
        scene(enrollments=(Entered("cart", at("2026-03-01T12:00:01"), active=False),)),
        scene(enrollments=(Entered("cart", at("2026-03-01T12:00"), active=False),)),
        scene(enrollments=(Entered("other", at("2026-03-02T00:00"), active=True),)),
    ]
    assert asked(db, "enrolled: cart", scenes) == [True, False, False, False]
    assert asked(db, "{enrolled: cart, within: 1d}", scenes) == [False, True, False, False]


def opened(when: str, origin: int = 1, **said: Json) -> Happened:
    given: dict[str, Json] = {"message": "hello", "flow": "f", "step": "first", "enrollment": ADA, "message_id": "m1"}
    return Happened("Message Opened", at(when), given | said, {}, origin)


def test_rule_26_a_step_is_this_enrollment_s_and_the_rest_the_whole_history(db: Connection) -> None:
    scenes = [
        scene({}, opened("2026-03-01T00:00"), enrollment=ADA),
        scene({}, opened("2026-03-01T00:00", enrollment=BEN), enrollment=ADA),
        scene({}, opened("2026-03-01T00:00", step="second", message="again", flow="g"), enrollment=ADA),
        scene({}, opened("2026-03-01T00:00", origin=0), enrollment=ADA),
        scene({}, enrollment=ADA),
    ]
    assert asked(db, "opened: first", scenes) == [True, False, False, False, False]
    assert asked(db, "opened: message/hello", scenes) == [True, True, False, False, False]
    assert asked(db, "opened: flow/g", scenes) == [False, False, True, False, False]
    assert asked(db, "opened: any", scenes) == [True, True, True, False, False]
    assert asked(db, "clicked: any", scenes) == [False] * 5


def test_rule_26_at_most_one_open_counts_per_message_and_minute(db: Connection) -> None:
    minute = [opened("2026-03-01T10:00:00"), opened("2026-03-01T10:00:59")]
    scenes = [
        scene({}, *minute, enrollment=ADA),
        scene({}, *minute, opened("2026-03-01T10:01:00"), enrollment=ADA),
        scene({}, *minute, opened("2026-03-01T10:00:30", message_id="m2"), enrollment=ADA),
    ]
    assert asked(db, "{opened: first, count: {gte: 2}}", scenes) == [False, True, True]
    assert asked(db, "{opened: first, count: 1}", scenes) == [True, False, False]
    assert asked(db, "{opened: any, count: 0}", [*scenes, scene()]) == [False, False, False, True]


def test_clicked_by_url_and_since(db: Connection) -> None:
    click = opened("2026-03-01T10:00", url="https://shop.example/sale?a=1")
    click = Happened("Message Clicked", click.at, click.properties, {}, 1)
    reached = {"first": at("2026-03-01T09:00"), "second": at("2026-03-01T10:00")}
    scenes = [scene({}, click, enrollment=ADA, reached=reached), scene(enrollment=ADA, reached=reached)]
    assert asked(db, "{clicked: first, url: {contains: /sale}}", scenes) == [True, False]
    assert asked(db, "{clicked: first, url: {ends_with: /sale}}", scenes) == [False, False]
    assert asked(db, "{clicked: any, since: first}", scenes) == [True, False]
    assert asked(db, "{clicked: any, since: second}", scenes) == [False, False]


def test_received_counts_what_was_sent(db: Connection) -> None:
    def sent(when: str, state: str = "sent", enrollment: str = ADA, step: str = "first") -> Sent:
        return Sent("hello", "f", step, enrollment, at(when), state)

    scenes = [
        scene(enrollment=ADA, messages=(sent("2026-03-01T12:00:01"), sent("2026-03-01T12:00:01"))),
        scene(enrollment=ADA, messages=(sent("2026-03-01T12:00"), sent("2026-03-01T13:00", "skipped"))),
        scene(
            enrollment=ADA, messages=(sent("2026-03-02T00:00", enrollment=BEN), sent("2026-03-02T00:00", "accepted"))
        ),
    ]
    assert asked(db, "received: first", scenes) == [True, True, False]
    assert asked(db, "{received: first, count: {gte: 2}}", scenes) == [True, False, False]
    assert asked(db, "{received: any, within: 1d}", scenes) == [True, False, True]
    assert asked(db, "received: message/hello", scenes) == [True, True, True]
    assert asked(db, "received: flow/g", scenes) == [False, False, False]


def test_rule_23_subscribed_is_the_profile_s_word_else_the_default(db: Connection) -> None:
    scenes = [scene(consents={"offers": True, "news": False}), scene(consents={"offers": False, "news": True}), scene()]
    assert asked(db, "subscribed: offers", scenes) == [True, False, False]
    assert asked(db, "subscribed: news", scenes) == [False, True, True]
    assert asked(db, "subscribed: elsewhere", scenes) == [False, False, False]


def test_the_events_of_others_are_never_seen(db: Connection) -> None:
    """Neither another profile's in the same bucket, nor one with the same id in another."""
    scenes = [scene(), scene(), scene({}, ordered("2026-03-01T00:00")), scene()]
    condition = read(f"did: {ORDER}")
    prepare(db, scenes)
    assert answers(db, condition, TOPICS, WORKSPACE_ZONE) == [False, False, True, False]
    db.execute("update event set bucket = 1 - bucket")
    assert answers(db, condition, TOPICS, WORKSPACE_ZONE) == [False] * 4


def test_a_match_compares_the_event_that_may_exit_with_the_one_that_began(db: Connection) -> None:
    start = did("Checkout Started", "2026-03-01T10:00", cart_id="c1", value=1)
    prepare(db, [scene(start=start), scene(start=did("Checkout Started", "2026-03-01T10:00", cart_id="c2")), scene()])
    where = read("event.value: {gte: 100}")
    assert isinstance(where, PropertyTest)
    tested = ("""'{"cart_id": "c1", "value": 120}'::jsonb""", "'{}'::jsonb", "timestamptz '2026-03-02 00:00Z'")
    same = (Ref(Root.EVENT, ("cart_id",)),)
    cases = {
        EventMatch(ORDER): [True, True, True],
        EventMatch(ORDER, where): [True, True, True],
        EventMatch(ORDER, same=same): [True, False, False],
        EventMatch(ORDER, read("event.value: {gt: 120}"), same): [False, False, False],
    }
    for match, expected in cases.items():
        fragment = compile_match(match, Environment(TOPICS, WORKSPACE_ZONE, prefix="m_"), tested)
        rows = db.execute(f"select {fragment.sql} from x order by x.place".encode(), fragment.params).fetchall()
        assert [row[0] for row in rows] == expected
        assert all(name.startswith("m_") for name in fragment.params)


def test_a_window_alone(db: Connection) -> None:
    prepare(db, [scene(reached={"first": NOW}), scene(zone="Europe/Paris")])
    cases = {
        Window(within=Duration(days=1)): [True, True],
        Window(since="first"): [False, False],
        Window(after=NOW): [False, False],
        Window(before=at("2026-03-02T12:00:01")): [True, True],
    }
    for window, expected in cases.items():
        fragment = compile_window(window, Environment(), "x.moment")
        rows = db.execute(f"select {fragment.sql} from x order by x.place".encode(), fragment.params).fetchall()
        assert [row[0] for row in rows] == expected
