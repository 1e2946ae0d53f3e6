"""How many people, and how many days."""

from __future__ import annotations

import math

import pytest
from tests.unit.experiment.worlds import NAMES, Shoppers, cumulative, dice

from tamshy.experiment import Sample, Shortfall, WinnerRule, chance, detectable, needed, proven, shortfall

RULE = WinnerRule()
RATE = Shoppers(0.03).moments()
MONEY = Shoppers(0.03, 0.8).moments()


def test_how_many_people_a_difference_needs() -> None:
    found = {
        lift: (needed(RATE, lift, (1, 1), RULE), needed(MONEY, lift, (1, 1), RULE))
        for lift in (0.05, 0.1, 0.2, 0.5, 1.0)
    }
    assert found == {
        0.05: (975424, 1946240),
        0.1: (228896, 473728),
        0.2: (56192, 125200),
        0.5: (10659, 29572),
        1.0: (3813, 14728),
    }


@pytest.mark.parametrize("lift", [0.05, 0.1, 0.2, 0.5, 1.0])
def test_that_is_two_to_two_and_a_half_times_what_a_single_look_needs(lift: float) -> None:
    rate, better = 0.03, 0.03 * (1 + lift)
    spread = rate * (1 - rate) + better * (1 - better)
    single = 2 * (1.959964 + 0.841621) ** 2 * spread / (better - rate) ** 2
    assert 2.0 < needed(RATE, lift, (1, 1), RULE) / single < 2.6


def test_at_what_is_needed_the_chance_is_the_power() -> None:
    for base in (RATE, MONEY):
        for shares in ((1, 1), (9, 1), (1, 1, 1, 1)):
            people = needed(base, 0.2, shares, RULE)
            assert chance(base, 0.2, shares, RULE, people) == pytest.approx(0.8, abs=0.001)
            assert chance(base, 0.2, shares, RULE, people) >= 0.8


def test_more_is_asked_for_more() -> None:
    assert cumulative([needed(RATE, lift, (1, 1), RULE) for lift in (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)])
    assert cumulative([needed(RATE, 0.2, (1,) * arms, RULE) for arms in (2, 3, 4, 5, 6)])
    assert cumulative([needed(RATE, 0.2, (1, 1), RULE, power) for power in (0.5, 0.7, 0.8, 0.9, 0.99)])
    assert cumulative([needed(RATE, 0.2, (1, 1), WinnerRule(confidence)) for confidence in (0.8, 0.9, 0.95, 0.99)])
    assert cumulative([needed(RATE, 0.2, (share, 1), RULE) for share in (1, 2, 5, 9, 19)])


def test_the_largest_lift_is_a_rate_of_1() -> None:
    assert needed(Sample.rate(50, 100), 1.0, (1, 1), RULE) < 200
    with pytest.raises(ValueError, match=r"a lift of 1\.1 is not possible on 0\.5"):
        needed(Sample.rate(50, 100), 1.1, (1, 1), RULE)


def test_every_arm_gets_its_people() -> None:
    assert needed(Sample.rate(50, 100), 1.0, (9, 1), WinnerRule(at_least=500)) == 5000


def test_the_chance_is_how_often_one_look_finds_it() -> None:
    rule = WinnerRule()
    arms = (Shoppers(0.1), Shoppers(0.1), Shoppers(0.13))
    people = 9000
    found = 0
    for number in range(1000):
        luck = dice("look", number)
        stand = {name: shoppers(luck, people // 3) for name, shoppers in zip(NAMES, arms, strict=False)}
        found += proven(stand, rule).arm == "c"
    expected = chance(arms[0].moments(), 0.3, (1, 1, 1), rule, people)
    assert 0.3 < expected < 0.9
    assert abs(found / 1000 - expected) < 4 * math.sqrt(expected * (1 - expected) / 1000)


def test_the_smallest_lift_that_is_found_is_the_one_that_these_people_were_planned_for() -> None:
    for base in (RATE, MONEY):
        for lift in (0.1, 0.3):
            assert detectable(base, needed(base, lift, (1, 1), RULE), (1, 1), RULE) == pytest.approx(lift, rel=0.01)


def test_with_too_few_people_no_lift_is_found() -> None:
    assert detectable(RATE, 20, (1, 1), RULE) is None
    assert detectable(RATE, 100_000, (1, 1), WinnerRule(at_least=60_000)) is None
    assert detectable(Sample.rate(99, 100), 300, (1, 1), RULE) is None


@pytest.mark.parametrize(
    ("base", "lift", "shares", "says"),
    [
        (Sample.rate(0, 100), 0.2, (1, 1), "nothing to plan from"),
        (Sample.rate(100, 100), 0.2, (1, 1), "nothing to plan from"),
        (Sample.values([-5.0, 2.0], 10), 0.2, (1, 1), "nothing to plan from"),
        (RATE, 0.0, (1, 1), "a lift of 0 is not possible"),
        (RATE, -0.1, (1, 1), "a lift of -0.1 is not possible"),
        (RATE, math.inf, (1, 1), "a lift of inf is not possible"),
        (RATE, 0.2, (1,), "two arms or more"),
        (RATE, 0.2, (1, 0), "a share above zero"),
        (RATE, 1e-9, (1, 1), "no number of people"),
    ],
)
def test_what_cannot_be_planned_is_refused(base: Sample, lift: float, shares: tuple[float, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        needed(base, lift, shares, RULE)


@pytest.mark.parametrize("power", [0, 1, 80])
def test_a_power_lies_between_0_and_1(power: float) -> None:
    with pytest.raises(ValueError, match="a power lies between 0 and 1"):
        needed(RATE, 0.2, (1, 1), RULE, power)


def test_days_are_counted_from_the_newcomers() -> None:
    assert shortfall(1000, 400, 50) == Shortfall(needed=1000, missing=600, days=12)
    assert shortfall(1000, 401, 50).days == 12
    assert shortfall(1000, 399, 50).days == 13
    assert shortfall(1000, 1000, 0) == shortfall(1000, 2000, 5) == Shortfall(1000, 0, 0)
    assert shortfall(1000, 400, 0) == Shortfall(1000, 600, None)
    with pytest.raises(ValueError, match="numbers of people"):
        shortfall(1000, -1, 5)
