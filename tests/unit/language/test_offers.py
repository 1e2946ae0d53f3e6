"""Triggers that the catalogue pulls, as they are written."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest
from tests.unit.language.shop import flow_of, said

from tamshy.domain.duration import Duration
from tamshy.language.model import (
    BackInStock,
    Clause,
    EventTrigger,
    Interest,
    Offer,
    Operator,
    PriceDrop,
    PropertyTest,
    Ref,
    ReorderDue,
    Root,
    Test,
)

VIEWED, CARTED, REQUESTED = Interest
STEPS = "steps: [{exit: over}]\n"


@pytest.mark.parametrize(
    ("written", "offer"),
    [
        ("{price_drop: {}}", PriceDrop(Decimal(0), frozenset({VIEWED, CARTED}), Duration(days=30))),
        (
            "{price_drop: {by: 10%, for: [viewed], within: 1w}}",
            PriceDrop(Decimal("0.1"), frozenset({VIEWED}), Duration(days=7)),
        ),
        ("{back_in_stock: {}}", BackInStock(frozenset({VIEWED, CARTED, REQUESTED}), Duration(days=30))),
        ("{back_in_stock: {for: requested, within: 90d}}", BackInStock(frozenset({REQUESTED}), Duration(days=90))),
        ("{reorder_due: {}}", ReorderDue(Duration(), time(9))),
        (
            '{reorder_due: {offset: -7d, at: "10:00", where: {event.product.category: coffee}}}',
            ReorderDue(
                Duration(days=-7),
                time(10),
                PropertyTest(Ref(Root.EVENT, ("product", "category")), Test((Clause(Operator.EQ, "coffee"),))),
            ),
        ),
    ],
)
def test_each_form_is_read(written: str, offer: Offer) -> None:
    found = flow_of(f"trigger: {written}\n{STEPS}")
    assert (found.offers, found.triggers) == ((offer,), ())


def test_a_list_may_hold_events_and_offers() -> None:
    found = flow_of(f"trigger: [{{event: E}}, {{price_drop: {{}}}}]\n{STEPS}")
    assert (found.offers, found.triggers) == ((PriceDrop(),), (EventTrigger("E"),))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{price_drop: 10%}", "1:23: "),
        ("{price_drop: {by: 10}}", "1:28: 'by' must be a percentage"),
        (
            "{price_drop: {for: requested}}",
            "1:29: 'requested' is for back_in_stock; a price drop is for viewed and carted",
        ),
        ("{price_drop: {for: seen}}", "1:29: "),
        ("{back_in_stock: {by: 10%}}", "1:27: unknown key 'by'"),
        ("{reorder_due: {at: 10}}", "1:29: "),
        ("{reorder_due: {}, where: {event.a: 1}}", "1:28: unknown key 'where'"),
        ("{price_dorp: {}}", "1:11: unknown trigger 'price_dorp' (did you mean 'price_drop'?)"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written: str, problem: str) -> None:
    (found,) = said({"flows/cart.yaml": f"trigger: {written}\n{STEPS}"})
    assert found.startswith(f"flows/cart.yaml:{problem}"), found
