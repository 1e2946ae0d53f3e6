"""Comparisons that may be looked at daily."""

from __future__ import annotations

import math

import pytest
from tests.unit.experiment.worlds import Shoppers, cumulative, days, dice

from tamshy.experiment import Sample, compare, effect, multiplier, quantile


def test_the_width_equals_the_published_one() -> None:
    """Of the library of Howard and others (confseq), tuned for 100 at 5 %: a boundary of 30.35209 at an intrinsic time of 100."""
    assert multiplier(100, 0.05, 12.60056) * math.sqrt(100) == pytest.approx(30.35209, abs=1e-5)


@pytest.mark.parametrize("information", [0.5, 10, 100, 5000])
@pytest.mark.parametrize("error", [0.2, 0.05, 0.001])
def test_at_the_width_the_mixture_of_likelihoods_is_one_over_the_error(information: float, error: float) -> None:
    """Ville: a mixture of likelihood ratios reaches 1 / error with a chance of at most the error. Here integrated plainly."""
    tuning = 25.0
    reached = multiplier(information, error, tuning) * math.sqrt(information)
    peak = reached / (information + tuning)
    step = 0.002 / math.sqrt(information + tuning)
    total = 0.0
    for number in range(-6000, 6001):
        drift = peak + number * step
        total += math.exp(drift * reached - drift**2 * (information + tuning) / 2) * step
    assert total * math.sqrt(tuning / (2 * math.pi)) == pytest.approx(1 / error, rel=1e-6)


def test_the_width_is_large_at_first_then_half_as_much_again_as_that_of_one_look() -> None:
    widths = [round(multiplier(information, 0.05), 2) for information in (1, 10, 100, 400, 1000, 10_000, 1_000_000)]
    assert widths == [12.52, 4.71, 3.08, 3.06, 3.15, 3.47, 4.07]


@pytest.mark.parametrize(
    ("information", "error", "tuning"), [(0, 0.05, 1), (1, 0, 1), (1, 1, 1), (1, 0.05, 0), (math.nan, 2, 1)]
)
def test_no_width_for_what_is_no_information(information: float, error: float, tuning: float) -> None:
    with pytest.raises(ValueError, match="no interval for"):
        multiplier(information, error, tuning)


def test_where_nothing_happened_nothing_can_be_said() -> None:
    some = Sample.rate(3, 100)
    assert compare(Sample.rate(0, 500), Sample.rate(0, 400), 0.05) is None
    assert compare(Sample.rate(50, 50), Sample.rate(40, 40), 0.05) is None
    assert compare(some, Sample.rate(1, 1), 0.05) is None
    assert compare(Sample.rate(0, 0), some, 0.05) is None
    assert compare(Sample.values([], 500), Sample.values([], 400), 0.05) is None


def test_a_comparison_turned_round_says_the_opposite() -> None:
    one, other = Sample.values([30, 50, 20, 700], 200), Sample.values([40, 60], 300)
    there, back = compare(one, other, 0.05), compare(other, one, 0.05)
    assert there is not None
    assert back is not None
    assert (there.extra.estimate, there.extra.low, there.extra.high) == pytest.approx(
        (-back.extra.estimate, -back.extra.high, -back.extra.low)
    )
    assert (there.more, there.less, back.more, back.less) == (False, False, False, False)


def test_a_difference_that_is_plain_is_told_from_both_sides() -> None:
    one, other = Sample.rate(600, 5000), Sample.rate(300, 5000)
    there, back = compare(one, other, 0.05), compare(other, one, 0.05)
    assert there is not None
    assert back is not None
    assert (there.more, there.less, back.more, back.less) == (True, False, False, True)
    assert there.lift is not None
    assert 0 < there.lift.low < there.lift.estimate == 1 < there.lift.high


def test_an_interval_for_every_look_is_wider_than_one_for_a_single_look() -> None:
    one, other = Sample.rate(560, 5000), Sample.rate(500, 5000)
    always = compare(one, other, 0.05)
    assert always is not None
    once = (one.limits(quantile(0.95)), other.limits(quantile(0.95)))
    assert once[0].estimate - once[1].estimate == always.extra.estimate
    width = always.extra.high - always.extra.low
    assert 1.5 < width / (2 * quantile(0.95) * math.sqrt(0.106 * 0.894 * 2 / 5000)) < 1.6


def test_what_the_mails_brought_is_told_per_thousand_people() -> None:
    mailed, held_out = Sample.rate(2700, 90_000), Sample.rate(200, 10_000)
    brought = effect(mailed, held_out)
    assert brought is not None
    assert round(brought.extra.estimate, 6) == 10
    assert (round(brought.extra.low, 2), round(brought.extra.high, 2)) == (4.99, 14.23)
    assert brought.lift is not None
    assert [round(side, 3) for side in (brought.lift.low, brought.lift.estimate, brought.lift.high)] == [
        0.204,
        0.5,
        0.869,
    ]
    assert brought.more


def test_money_may_be_lost_too() -> None:
    """Profit: the mails' discount costs more than the orders that it brings."""
    chance = dice(3)
    mailed = Sample.values([chance.gauss(-2, 5) for _ in range(4000)], 40_000)
    held_out = Sample.values([chance.gauss(3, 5) for _ in range(500)], 5000)
    brought = effect(mailed, held_out)
    assert brought is not None
    assert brought.less
    assert brought.lift is None
    assert brought.extra.high < 0


def test_more_people_with_the_same_rates_narrow_the_interval() -> None:
    found = [compare(Sample.rate(36 * n, 1000 * n), Sample.rate(30 * n, 1000 * n), 0.05) for n in (1, 2, 4, 16, 64)]
    assert cumulative([comparison.extra.low for comparison in found if comparison])
    assert [comparison.more for comparison in found if comparison] == [False, False, False, False, True]


@pytest.mark.parametrize(
    "arms", [(Shoppers(0.035), Shoppers(0.03)), (Shoppers(0.03, 0.8, 1.2), Shoppers(0.03, 0.8))], ids=["rate", "money"]
)
def test_the_interval_holds_the_true_difference_on_every_day_of_nearly_every_holdout(
    arms: tuple[Shoppers, Shoppers],
) -> None:
    truth = 1000 * (arms[0].moments().mean - arms[1].moments().mean)
    missed = 0
    for number in range(150):
        for stand in days(dice("holdout", number), arms, 300, (90, 10)):
            found = effect(stand["a"], stand["b"])
            if found and not found.extra.low <= truth <= found.extra.high:
                missed += 1
                break
    assert missed <= 9  # 6.0 %
