"""Who wins, when, and why not yet."""

from __future__ import annotations

import pytest
from tests.unit.experiment.worlds import NAMES, Shoppers, days, dice, winner

from tamshy.experiment import Finding, Sample, Why, WinnerRule, chosen, difference, multiplier, needed, proven, quantile

RULE = WinnerRule(at_least=200)


def test_a_plain_difference_is_proven() -> None:
    arms = {"a": Sample.rate(300, 5000), "b": Sample.rate(600, 5000)}
    assert proven(arms, RULE) == chosen(arms, RULE) == Finding("b", Why.PROVEN)


def test_a_small_one_is_not_and_a_broadcast_takes_the_best_measure() -> None:
    arms = {"a": Sample.rate(300, 5000), "b": Sample.rate(320, 5000), "c": Sample.rate(320, 5000)}
    assert proven(arms, RULE) == Finding(None, Why.NOT_PROVEN)
    assert chosen(arms, RULE) == Finding("b", Why.NOT_PROVEN)


def test_every_arm_needs_its_people() -> None:
    arms = {"a": Sample.rate(5, 199), "b": Sample.rate(150, 200)}
    assert proven(arms, RULE) == Finding(None, Why.TOO_FEW)
    assert chosen(arms, RULE) == Finding("b", Why.TOO_FEW)
    assert proven(arms | {"a": Sample.rate(5, 200)}, RULE) == Finding("b", Why.PROVEN)


def test_where_nobody_is_or_nobody_did_anything_nothing_is_proven() -> None:
    nobody = {"a": Sample.rate(0, 0), "b": Sample.rate(0, 0)}
    assert proven(nobody, WinnerRule()) == Finding(None, Why.NOT_PROVEN)
    assert chosen(nobody, WinnerRule()) == Finding("a", Why.NOT_PROVEN)
    idle = {"a": Sample.values([], 0), "b": Sample.values([], 500)}
    assert chosen(idle, WinnerRule()) == Finding("b", Why.NOT_PROVEN)


def test_an_arm_that_loses_money_wins_over_none() -> None:
    arms = {"nobody": Sample.values([], 0), "loses": Sample.values([-3, -5], 500)}
    assert chosen(arms, WinnerRule()) == Finding("loses", Why.NOT_PROVEN)


def test_a_winner_beats_every_other_arm() -> None:
    arms = {"a": Sample.rate(300, 5000), "b": Sample.rate(600, 5000), "c": Sample.rate(590, 5000)}
    assert proven(arms, RULE) == Finding(None, Why.NOT_PROVEN)
    assert proven(arms | {"c": Sample.rate(310, 5000)}, RULE) == Finding("b", Why.PROVEN)


def test_more_arms_and_more_confidence_ask_for_more() -> None:
    arms = {"a": Sample.rate(500, 5000), "b": Sample.rate(596, 5000)}
    worse = {name: Sample.rate(100, 5000) for name in "cdef"}
    assert proven(arms, RULE).arm == "b"
    assert proven(arms | worse, RULE).arm is None
    assert proven(arms, WinnerRule(confidence=0.99)).arm is None
    assert (RULE.error(2), RULE.error(4)) == pytest.approx((0.05, 0.025))


@pytest.mark.parametrize(("confidence", "at_least"), [(0, 0), (1, 0), (95, 0), (0.95, -1)])
def test_a_rule_that_cannot_be_is_refused(confidence: float, at_least: int) -> None:
    with pytest.raises(ValueError, match=r"confidence lies between|a number of people"):
        WinnerRule(confidence, at_least)


def test_one_arm_is_no_experiment() -> None:
    for asked in (proven, chosen):
        with pytest.raises(ValueError, match="two arms or more"):
            asked({"a": Sample.rate(3, 10)}, RULE)


ALIKE = {
    "rate": ((Shoppers(0.03),) * 2, 1000, (1, 1)),
    "four-arms": ((Shoppers(0.3),) * 4, 800, (1, 1, 1, 1)),
    "revenue": ((Shoppers(0.03, 0.8),) * 2, 1000, (1, 1)),
    "revenue-small-arm": ((Shoppers(0.03, 0.8),) * 2, 1000, (95, 5)),
}
TESTS = 150


@pytest.mark.parametrize("name", ALIKE)
def test_of_tests_without_a_difference_at_most_6_in_100_declare_a_winner(name: str) -> None:
    arms, newcomers, shares = ALIKE[name]
    found = [winner(dice(name, number), arms, newcomers, shares, RULE) for number in range(TESTS)]
    assert sum(arm is not None for arm in found) <= 0.06 * TESTS


def test_looked_at_daily_the_interval_of_one_look_would_declare_far_too_many() -> None:
    """So the bound above is one that a method can fail."""
    width = quantile(0.95)
    fooled = 0
    for number in range(TESTS):
        for stand in days(dice("rate", number), (Shoppers(0.03),) * 2, 1000, (1, 1)):
            apart = difference(stand["a"].limits(width), stand["b"].limits(width))
            if apart.low > 0 or apart.high < 0:
                fooled += 1
                break
    assert fooled > 0.2 * TESTS


def test_with_its_own_spread_alone_a_small_arm_would_lose_too_often() -> None:
    """Why a comparison borrows everybody's spread: an arm that had no large order yet believes that there are none."""
    fooled = 0
    for number in range(TESTS):
        for stand in days(dice("revenue-small-arm", number), (Shoppers(0.03, 0.8),) * 2, 1000, (95, 5)):
            large, small = stand["a"], stand["b"]
            noise = sum(sample.variance / max(sample.people, 1) for sample in (large, small))
            width = multiplier((large + small).mean ** 2 / noise, RULE.error(2))
            if difference(large.limits(width), small.limits(width)).low > 0:
                fooled += 1
                break
    assert fooled > 0.04 * TESTS


APART = {
    "rate": (Shoppers(0.05), Shoppers(0.065), 0.3, 2),
    "three-arms": (Shoppers(0.3), Shoppers(0.36), 0.2, 3),
    "revenue": (Shoppers(0.05, 0.6), Shoppers(0.05, 0.6, 1.4), 0.4, 2),
}


@pytest.mark.parametrize("name", APART)
def test_of_tests_with_the_difference_planned_for_at_least_78_in_100_find_it(name: str) -> None:
    base, better, lift, arms = APART[name]
    shares = [1.0] * arms
    newcomers = -(-needed(base.moments(), lift, shares, RULE) // 30)
    found = [
        winner(dice(name, number), [base] * (arms - 1) + [better], newcomers, shares, RULE) for number in range(TESTS)
    ]
    assert found.count(NAMES[arms - 1]) >= 0.78 * TESTS
