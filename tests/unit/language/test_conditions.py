"""Conditions: every form, and every refusal with its place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.language.shop import flow_of, said

from tamshy.domain.duration import Duration
from tamshy.language.model import (
    ALWAYS,
    Aggregate,
    Aggregation,
    All,
    AnyOf,
    Behaviour,
    Branch,
    Clause,
    Condition,
    Engaged,
    Engagement,
    Enrolled,
    Not,
    Operator,
    PropertyTest,
    Recency,
    Ref,
    Root,
    Subscribed,
    Test,
    Window,
)

DAY = Duration(days=1)
NONE_OF = Test((Clause(Operator.EQ, 0),))
CITY = PropertyTest(Ref(Root.PROFILE, ("city",)), Test((Clause(Operator.EQ, "Almaty"),)))
VALUE = PropertyTest(Ref(Root.EVENT, ("value",)), Test((Clause(Operator.GTE, 5),)))


def branch(condition: str) -> str:
    return (
        "trigger: {event: E}\nsteps:\n  - send: hello\n  - {id: pause, wait: 1d}\n"
        f"  - branch:\n      - if: {condition}\n        steps: []\n"
    )


def read(condition: str) -> Condition | None:
    step = flow_of(branch(condition)).steps[2]
    assert isinstance(step, Branch)
    return step.arms[0].condition


def refusal(condition: str) -> list[str]:
    """The problems, without their file; the condition begins at column 13 of line 6."""
    return [line.removeprefix("flows/cart.yaml:") for line in said({"flows/cart.yaml": branch(condition)})]


def count(operator: Operator, operand: int) -> Test:
    return Test((Clause(operator, operand),))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{profile.city: Almaty}", CITY),
        ("{event.value: {gte: 5}}", VALUE),
        (
            "{event.context.campaign.source: x}",
            PropertyTest(Ref(Root.EVENT, ("context", "campaign", "source")), Test((Clause(Operator.EQ, "x"),))),
        ),
        (
            "{event.Product Name: x}",
            PropertyTest(Ref(Root.EVENT, ("Product Name",)), Test((Clause(Operator.EQ, "x"),))),
        ),
        ("{profile.city: Almaty, event.value: {gte: 5}}", All((CITY, VALUE))),
        ("[{profile.city: Almaty}, {event.value: {gte: 5}}]", All((CITY, VALUE))),
        ("{all: [{profile.city: Almaty}, {event.value: {gte: 5}}]}", All((CITY, VALUE))),
        ("{all: []}", All(())),
        ("[]", All(())),
        ("{any: [{profile.city: Almaty}, {event.value: {gte: 5}}]}", AnyOf((CITY, VALUE))),
        ("{any: []}", AnyOf(())),
        ("{not: {profile.city: Almaty}}", Not(CITY)),
        ("{not: [{profile.city: Almaty}, {event.value: {gte: 5}}]}", Not(All((CITY, VALUE)))),
        ("{subscribed: offers}", Subscribed("offers")),
        ("{cart.count: 5}", PropertyTest(Ref(Root.CART, ("count",)), Test((Clause(Operator.EQ, 5),)))),
        ("{rfm.segment: new}", PropertyTest(Ref(Root.RFM, ("segment",)), Test((Clause(Operator.EQ, "new"),)))),
        ("{rfm.score: {gte: 444}}", PropertyTest(Ref(Root.RFM, ("score",)), count(Operator.GTE, 444))),
        ("{predicted.clv: {gte: 5}}", PropertyTest(Ref(Root.PREDICTED, ("clv",)), count(Operator.GTE, 5))),
        ("{predicted.churn: {lt: 1}}", PropertyTest(Ref(Root.PREDICTED, ("churn",)), count(Operator.LT, 1))),
        (
            "{predicted.next_order_at: {within_next: 1d}}",
            PropertyTest(
                Ref(Root.PREDICTED, ("next_order_at",)), Test((Clause(Operator.WITHIN_NEXT, Duration(days=1)),))
            ),
        ),
        ("{order.total: {gte: 5}}", PropertyTest(Ref(Root.ORDER, ("total",)), count(Operator.GTE, 5))),
        ("{enrolled: cart}", Enrolled("cart")),
        ("{enrolled: cart, within: 1d}", Enrolled("cart", DAY)),
        ("{did: Order Completed}", Behaviour("Order Completed")),
        ("{did: X, profile.city: Almaty}", All((Behaviour("X"), CITY))),
        ("{did: X, subscribed: offers}", All((Behaviour("X"), Subscribed("offers")))),
        ("{did_not: X}", Behaviour("X", count=NONE_OF)),
        ("{did: X, where: {event.value: {gte: 5}}}", Behaviour("X", where=VALUE)),
        ("{did: X, count: 3}", Behaviour("X", count=count(Operator.EQ, 3))),
        ("{did: X, count: {gte: 3}}", Behaviour("X", count=count(Operator.GTE, 3))),
        ("{did: X, within: 1d}", Behaviour("X", window=Window(within=DAY))),
        (
            "{did: X, within: 180d, until: 90d}",
            Behaviour("X", window=Window(within=Duration(days=180), until=Duration(days=90))),
        ),
        ("{did: X, since: entry}", Behaviour("X", window=Window(since="entry"))),
        ("{did: X, since: pause}", Behaviour("X", window=Window(since="pause"))),
        ("{did: X, since: hello}", Behaviour("X", window=Window(since="hello"))),
        (
            "{did: X, after: 2026-03-02}",
            Behaviour("X", window=Window(after=datetime(2026, 3, 1, 19, tzinfo=UTC))),
        ),
        (
            "{did: X, before: 2026-03-02T00:00Z, after: 2026-03-01T00:00Z}",
            Behaviour(
                "X",
                window=Window(after=datetime(2026, 3, 1, tzinfo=UTC), before=datetime(2026, 3, 2, tzinfo=UTC)),
            ),
        ),
        ("{did: X, same: event.cart_id}", Behaviour("X", same=(Ref(Root.EVENT, ("cart_id",)),))),
        (
            "{did: X, same: [event.a, event.b.c]}",
            Behaviour("X", same=(Ref(Root.EVENT, ("a",)), Ref(Root.EVENT, ("b", "c")))),
        ),
        *(
            (
                f"{{did: X, {function}: {{event.value: {{gte: 100}}}}}}",
                Behaviour(
                    "X", aggregates=(Aggregate(function, Ref(Root.EVENT, ("value",)), count(Operator.GTE, 100)),)
                ),
            )
            for function in Aggregation
        ),
        ("{last: X, ago: {gte: 30d}}", Recency("X", newest=True, ago=Test((Clause(Operator.GTE, Duration(days=30)),)))),
        (
            "{first: X, ago: {lt: 1d, gt: 0s}, where: {event.value: {gte: 5}}, same: event.a}",
            Recency(
                "X",
                newest=False,
                ago=Test((Clause(Operator.LT, DAY), Clause(Operator.GT, Duration()))),
                where=VALUE,
                same=(Ref(Root.EVENT, ("a",)),),
            ),
        ),
        ("{received: hello}", Engagement(Engaged.RECEIVED, step="hello")),
        ("{opened: message/hello}", Engagement(Engaged.OPENED, message="hello")),
        ("{clicked: flow/cart}", Engagement(Engaged.CLICKED, flow="cart")),
        ("{opened: any}", Engagement(Engaged.OPENED)),
        (
            "{clicked: any, within: 1d, count: {gte: 2}, url: {contains: sale}}",
            Engagement(
                Engaged.CLICKED,
                window=Window(within=DAY),
                count=count(Operator.GTE, 2),
                url=Test((Clause(Operator.CONTAINS, "sale"),)),
            ),
        ),
        ("{opened: any, since: entry}", Engagement(Engaged.OPENED, window=Window(since="entry"))),
    ],
)
def test_each_form_is_read(written: str, expected: Condition) -> None:
    assert read(written) == expected


def test_a_behaviour_without_refinements_has_no_window() -> None:
    assert read("{did: X}") == Behaviour("X", None, None, (), ALWAYS, ())


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        ("hello", ["6:13: a condition must be a mapping or a list, not 'hello'"]),
        ("", ["6:9: a condition must be a mapping or a list, not nothing"]),
        (
            "{proflie.city: x}",
            [
                (
                    "6:14: 'proflie.city' must start with profile. or event. or cart. or order. or rfm. or predicted."
                    " or coupon. or vars."
                    " (did you mean 'profile.city'?)"
                )
            ],
        ),
        (
            "{customer.city: x}",
            [
                (
                    "6:14: 'customer.city' must start with profile. or event. or cart. or order. or rfm. or predicted."
                    " or coupon. or vars."
                )
            ],
        ),
        ("{cart.valu: 1}", ["6:14: unknown reference 'cart.valu' (did you mean 'cart.value'?)"]),
        ("{order.total.sum: 1}", ["6:14: unknown reference 'order.total.sum' (did you mean 'order.total'?)"]),
        ("{event.: x}", ["6:14: 'event.' is not a reference such as profile.name"]),
        ("{event..a: x}", ["6:14: 'event..a' is not a reference such as profile.name"]),
        ("{dd: X}", ["6:14: unknown condition 'dd' (did you mean 'did'?)"]),
        ("{city: x}", ["6:14: unknown condition 'city'; a property is written profile.NAME or event.NAME"]),
        ("{all: {profile.city: x}}", ["6:19: 'all' must be a list, not a mapping"]),
        (
            "{did: X, did_not: Y}",
            ["6:22: 'did_not' beside 'did': one of them in a mapping; put them into a list, each in its own"],
        ),
        (
            "{profile.city: x, within: 1d}",
            [
                (
                    "6:31: 'within' refines did, did_not, enrolled, received, opened, clicked, top, and none of "
                    "them stands beside it"
                )
            ],
        ),
        (
            "{did_not: X, count: 2}",
            ["6:26: 'count' does not go with 'did_not', only with did, received, opened, clicked"],
        ),
        ("{opened: any, url: x}", ["6:27: 'url' does not go with 'opened', only with clicked"]),
        ("{did: 5}", ["6:19: 'did' must be text (write \"5\" in quotes if that is meant), not the number 5"]),
        ("{did: X, count: -1}", ["6:29: 'count' must lie between 0 and 1000000000, not -1"]),
        (
            "{did: X, count: {contains: 1}}",
            ["6:30: 'contains' does not go with 'count'; there are eq, ne, in, not_in, gt, gte, lt, lte"],
        ),
        ("{did: X, sum: {profile.value: 1}}", ["6:28: 'profile.value' must start with event."]),
        ("{did: X, sum: {}}", ["6:27: 'sum' needs a reference such as event.value"]),
        ("{did: X, sum: {event.value: abc}}", ["6:41: 'event.value' must be a number, not 'abc'"]),
        ("{did: X, sum: 5}", ["6:27: 'sum' must be a mapping such as {event.value: {gte: 100}}, not the number 5"]),
        (
            "{did: X, within: 1d, since: entry}",
            ["6:41: 'since' beside 'within': only one of within, since, after and before"],
        ),
        ("{did: X, until: 1d}", ["6:29: 'until' needs 'within' beside it"]),
        (
            "{did: X, within: 24h, until: 2d}",
            ["6:42: 'until' leaves nothing of 'within': it must be the shorter of the two"],
        ),
        ("{did: X, after: 2026-03-02, before: 2026-03-02}", ["6:49: 'before' must be later than 'after'"]),
        ("{did: X, within: 0d}", ["6:30: 'within' must be longer than nothing"]),
        ("{did: X, same: profile.a}", ["6:28: 'profile.a' must start with event."]),
        ("{last: X}", ["6:14: 'last' needs 'ago' beside it, such as ago: {gte: 30d}"]),
        ("{last: X, ago: 3d}", ["6:28: 'ago' must be a test such as {gte: 3d}, with gt, gte, lt or lte, not '3d'"]),
        ("{last: X, ago: {eq: 3d}}", ["6:29: 'eq' does not go with 'ago'; there are gt, gte, lt, lte"]),
        ("{enrolled: crt}", ["6:24: unknown flow 'crt' (did you mean 'cart'?)"]),
        ("{subscribed: offer}", ["6:26: unknown topic 'offer' (did you mean 'offers'?)"]),
        ("{received: hullo}", ["6:24: unknown step 'hullo' in this flow (did you mean 'hello'?)"]),
        ("{opened: pause}", ["6:22: the step 'pause' sends nothing: it is a 'wait'"]),
        ("{clicked: message/hullo}", ["6:23: unknown message 'hullo' (did you mean 'hello'?)"]),
        ("{clicked: flow/crt}", ["6:23: unknown flow 'crt' (did you mean 'cart'?)"]),
        (
            "{clicked: segment/x}",
            ["6:23: 'clicked' takes a step of this flow, message/NAME, flow/NAME or any, not 'segment/x'"],
        ),
        ("{did: X, since: paus}", ["6:29: unknown step 'paus' in this flow (did you mean 'pause'?)"]),
    ],
)
def test_what_is_no_condition_is_refused(written: str, problems: list[str]) -> None:
    assert refusal(written) == problems


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        ("{rfm.scor: 1}", ["6:14: unknown reference 'rfm.scor' (did you mean 'rfm.score'?)"]),
        ("{rfm.segment.name: new}", [
            "6:14: unknown reference 'rfm.segment.name' (did you mean 'rfm.segment'?)",
        ]),
        ("{predicted.orders: 1}", [
            "6:14: unknown reference 'predicted.orders' (did you mean 'predicted.next_order_at'?)",
        ]),
        (
            "{rfm.score: {gte: [a]}}",
            [
                "6:31: 'gte' must be a number, a date such as 2026-12-24 or a timestamp, not a list",
            ],
        ),
        ("{in: vip}", ["6:18: unknown segment 'vip'; there is none"]),
        ("{in: VIP!}", [
            "6:18: 'in' must be a name of small letters, digits and hyphens, 64 at most, not 'VIP!'",
        ]),
        (
            "{top: 1%, by: {count: X}, within: 1d}",
            ["6:14: 'top' stands in segments only; make one of it, and ask with in: SEGMENT"],
        ),
        (
            "{top: 101%, within: x}",
            [
                "6:14: 'top' needs 'by' beside it",
                "6:14: 'top' stands in segments only; make one of it, and ask with in: SEGMENT",
                "6:19: 'top' must be a percentage from 0% to 100%, such as 10%, not '101%'",
                "6:33: 'within': 'x' is not a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h",
            ],
        ),
    ],
)  # fmt: skip
def test_what_there_is_not_or_not_here_says_so(written: str, problems: list[str]) -> None:
    assert refusal(written) == problems


def test_an_audience_knows_no_enrollment_yet() -> None:
    flow = "trigger: {event: E}\naudience: [{did: X, since: entry}, {opened: hello}]\nsteps: [{send: hello}]\n"
    assert said({"flows/cart.yaml": flow}) == [
        "flows/cart.yaml:2:28: 'since: entry' asks for a step, and here nobody has entered the flow yet",
        (
            "flows/cart.yaml:2:45: 'opened: hello' asks for a step, and here nobody has entered the flow yet; "
            "message/hello looks at the whole history"
        ),
    ]


def test_a_step_named_like_a_message_is_pointed_to_the_message() -> None:
    flow = "trigger: {event: E}\nsteps: [{id: first, send: hello}, {branch: [{if: {opened: hello}, steps: []}]}]\n"
    assert said({"flows/cart.yaml": flow}) == [
        "flows/cart.yaml:2:59: unknown step 'hello' in this flow (did you mean 'message/hello'?)"
    ]


@pytest.mark.parametrize("function", ["sum", "avg", "min", "max"])
def test_each_sum_of_a_property_is_read(function: str) -> None:
    assert read(f"{{did: A, {function}: {{event.value: {{gte: 5}}}}}}") == Behaviour(
        "A",
        aggregates=(Aggregate(Aggregation(function), Ref(Root.EVENT, ("value",)), count(Operator.GTE, 5)),),
    )


@pytest.mark.parametrize(
    "reference",
    [
        "cart.value",
        "cart.count",
        "cart.updated_at",
        "order.count",
        "order.total",
        "order.last_at",
        "rfm.segment",
        "rfm.score",
        "predicted.clv",
        "predicted.churn",
        "predicted.next_order_at",
    ],
)
def test_each_figure_of_a_profile_is_read(reference: str) -> None:
    root, name = reference.split(".")
    assert read(f"{{{reference}: {{exists: true}}}}") == PropertyTest(
        Ref(Root(root), (name,)), Test((Clause(Operator.EXISTS, operand=True),))
    )


WINDOWS = [
    ("within: 3d", Window(within=Duration(days=3))),
    ("within: 3d, until: 1d", Window(within=Duration(days=3), until=DAY)),
    ("within: 3d, until: 0s", Window(within=Duration(days=3), until=Duration())),
    ("since: entry", Window(since="entry")),
    ("since: pause", Window(since="pause")),
]
BOUNDS = [
    ("after: 2026-03-02", Window(after=datetime(2026, 3, 1, 19, tzinfo=UTC))),
    ("before: 2026-03-02T10:00Z", Window(before=datetime(2026, 3, 2, 10, tzinfo=UTC))),
]


@pytest.mark.parametrize(("written", "window"), [*WINDOWS, *BOUNDS])
def test_each_window_refines_what_was_done_and_what_was_not(written: str, window: Window) -> None:
    assert read(f"{{did: A, {written}}}") == Behaviour("A", window=window)
    assert read(f"{{did_not: A, {written}}}") == Behaviour("A", count=NONE_OF, window=window)


@pytest.mark.parametrize(("written", "window"), WINDOWS)
@pytest.mark.parametrize("verb", ["received", "opened", "clicked"])
def test_each_window_refines_what_was_done_with_a_message(verb: str, written: str, window: Window) -> None:
    assert read(f"{{{verb}: any, {written}}}") == Engagement(Engaged(verb), window=window)


@pytest.mark.parametrize("verb", ["received", "opened", "clicked"])
def test_what_was_done_with_a_message_is_counted(verb: str) -> None:
    assert read(f"{{{verb}: any, count: {{gte: 2}}}}") == Engagement(Engaged(verb), count=count(Operator.GTE, 2))


def test_where_and_same_refine_every_event_that_is_looked_for() -> None:
    refined = "where: {event.value: {gte: 5}}, same: event.cart_id"
    cart = (Ref(Root.EVENT, ("cart_id",)),)
    ago = Test((Clause(Operator.GTE, DAY),))
    assert read(f"{{did: A, {refined}}}") == Behaviour("A", VALUE, same=cart)
    assert read(f"{{did_not: A, {refined}}}") == Behaviour("A", VALUE, NONE_OF, same=cart)
    assert read(f"{{last: A, ago: {{gte: 1d}}, {refined}}}") == Recency(
        "A", newest=True, ago=ago, where=VALUE, same=cart
    )
    assert read(f"{{first: A, ago: {{gte: 1d}}, {refined}}}") == Recency(
        "A", newest=False, ago=ago, where=VALUE, same=cart
    )
