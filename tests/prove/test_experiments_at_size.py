"""Two thousand experiments of thirty days each, looked at daily: how often one has a winner, without a difference and with."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from tests.unit.experiment.worlds import DAYS, NAMES, Shoppers, days, dice, winner

from tamshy.experiment import WinnerRule, effect, needed, quantile

pytestmark = [pytest.mark.prove, pytest.mark.minutes(2)]

TESTS = 2000
RULE = WinnerRule(at_least=200)
EAGER = WinnerRule()

YES = Shoppers(0.03)
MONEY = Shoppers(0.03, 0.8)
WILD = Shoppers(0.02, 1.5)
"""Orders of which one in a hundred is over thirty times the middle one."""

ALIKE = {
    "clicks": (YES, 2, 1000, (1, 1), RULE),
    "clicks, few people": (YES, 2, 60, (1, 1), EAGER),
    "clicks, many people": (YES, 2, 20_000, (1, 1), EAGER),
    "clicks, a small arm": (YES, 2, 2000, (95, 5), EAGER),
    "opens": (Shoppers(0.35), 2, 500, (1, 1), RULE),
    "opens, four arms": (Shoppers(0.35), 4, 1000, (1, 1, 1, 1), RULE),
    "rare conversions": (Shoppers(0.002), 2, 3000, (1, 1), EAGER),
    "revenue": (MONEY, 2, 1000, (1, 1), RULE),
    "revenue, few people": (MONEY, 2, 60, (1, 1), EAGER),
    "revenue, many people": (MONEY, 2, 8000, (1, 1), EAGER),
    "revenue, a small arm": (MONEY, 2, 2000, (95, 5), EAGER),
    "revenue, three arms": (MONEY, 3, 900, (1, 1, 1), RULE),
    "wild revenue": (WILD, 2, 1000, (1, 1), EAGER),
    "wild revenue, a small arm": (WILD, 2, 1000, (90, 10), EAGER),
}
"""Name: the people of every arm, arms, newcomers a day, shares, rule."""

APART = {
    "clicks, a fifth more": (YES, Shoppers(0.036), 0.2, (1, 1)),
    "clicks, half as many more": (YES, Shoppers(0.045), 0.5, (1, 1)),
    "clicks, twice as many": (YES, Shoppers(0.06), 1.0, (1, 1)),
    "clicks, the large arm better": (Shoppers(0.039), YES, -0.3, (9, 1)),
    "opens, a tenth more": (Shoppers(0.35), Shoppers(0.385), 0.1, (1, 1)),
    "opens, four arms": (Shoppers(0.35), Shoppers(0.42), 0.2, (1, 1, 1, 1)),
    "dearer orders, three tenths more": (MONEY, Shoppers(0.03, 0.8, 1.3), 0.3, (1, 1)),
    "dearer orders, half as much more": (MONEY, Shoppers(0.03, 0.8, 1.5), 0.5, (1, 1)),
    "more orders, three tenths more": (MONEY, Shoppers(0.039, 0.8), 0.3, (1, 1)),
    "dearer orders, three arms": (MONEY, Shoppers(0.03, 0.8, 1.5), 0.5, (1, 1, 1)),
    "wild orders, twice as dear": (WILD, Shoppers(0.02, 1.5, 2.0), 1.0, (1, 1)),
}
"""Name: the other arms, the last one, its lift as planned for, shares; a negative lift: the first arm is the better one."""


@pytest.mark.parametrize("name", ALIKE)
def test_without_a_difference_few_declare_a_winner(name: str) -> None:
    shoppers, arms, newcomers, shares, rule = ALIKE[name]
    found = Counter(winner(dice(name, n), [shoppers] * arms, newcomers, shares, rule) for n in range(TESTS))
    print(f"\n{name}: {TESTS - found[None]} of {TESTS}")  # noqa: T201 - a figure for the page
    assert TESTS - found[None] <= 0.06 * TESTS


@pytest.mark.parametrize("name", APART)
def test_with_the_difference_planned_for_most_find_it(name: str) -> None:
    rest, last, lift, shares = APART[name]
    base = last if lift < 0 else rest
    people = needed(base.moments(), abs(lift), shares, RULE)
    arms = [rest] * (len(shares) - 1) + [last]
    right = NAMES[0 if lift < 0 else len(shares) - 1]
    newcomers = math.ceil(people / DAYS)
    found = Counter(winner(dice(name, n), arms, newcomers, shares, RULE) for n in range(TESTS))
    print(f"\n{name}: {people} people, {found[right]} of {TESTS} right, {TESTS - found[right] - found[None]} wrong")  # noqa: T201 - a figure for the page
    assert found[right] >= 0.78 * TESTS
    assert TESTS - found[right] - found[None] <= 0.025 * TESTS


@pytest.mark.parametrize(
    ("shoppers", "better", "lift"),
    [(YES, Shoppers(0.036), 0.2), (MONEY, Shoppers(0.03, 0.8, 1.5), 0.5)],
    ids=["clicks", "revenue"],
)
def test_planned_from_ten_thousand_people_most_find_it_too(shoppers: Shoppers, better: Shoppers, lift: float) -> None:
    found = 0
    for number in range(TESTS):
        people = needed(shoppers(dice("pilot", number), 10_000), lift, (1, 1), RULE)
        found += winner(dice("planned", number), (shoppers, better), math.ceil(people / DAYS), (1, 1), RULE) == "b"
    print(f"\n{found} of {TESTS} right")  # noqa: T201 - a figure for the page
    assert found >= 0.78 * TESTS


@pytest.mark.parametrize("shoppers", [YES, MONEY, WILD], ids=["orders", "revenue", "wild revenue"])
def test_a_holdouts_interval_holds_the_truth_on_all_days(shoppers: Shoppers) -> None:
    mailed = Shoppers(shoppers.rate * 1.2, shoppers.spread)
    truth = 1000 * (mailed.moments().mean - shoppers.moments().mean)
    missed = 0
    for number in range(TESTS):
        for stand in days(dice("holdout", number), (mailed, shoppers), 800, (90, 10)):
            found = effect(stand["a"], stand["b"])
            if found and not found.extra.low <= truth <= found.extra.high:
                missed += 1
                break
    print(f"\nmissed by {missed} of {TESTS}")  # noqa: T201 - a figure for the page
    assert missed <= 0.06 * TESTS


@pytest.mark.parametrize("people", [500, 2000, 20_000])
@pytest.mark.parametrize("shoppers", [YES, MONEY, Shoppers(0.03, 1.2)], ids=["rate", "mean", "skewed mean"])
def test_an_interval_of_one_look_holds_the_truth(shoppers: Shoppers, people: int) -> None:
    truth = shoppers.moments().mean
    found = [shoppers(dice("cover", n), people).limits(quantile(0.95)) for n in range(TESTS)]
    above, below = sum(limits.low > truth for limits in found), sum(limits.high < truth for limits in found)
    print(f"\nwholly above: {above}, wholly below: {below} of {TESTS}")  # noqa: T201 - a figure for the page
    assert above <= 0.05 * TESTS
    assert below <= 0.05 * TESTS
