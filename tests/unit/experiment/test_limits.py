"""Intervals equal published ones, and those of exact reckonings written apart."""

from __future__ import annotations

import math

import pytest
from tests.unit.experiment.worlds import Shoppers, cumulative, dice

from tamshy.experiment import Limits, Sample, difference, quantile, ratio

WIDTH = quantile(0.95)


def rounded(limits: Limits) -> tuple[float, float]:
    return round(limits.low, 4) + 0.0, round(limits.high, 4) + 0.0


def test_the_quantiles_of_the_normal_distribution() -> None:
    assert [round(quantile(confidence), 4) for confidence in (0.9, 0.95, 0.99)] == [1.6449, 1.96, 2.5758]


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0, math.nan])
def test_a_confidence_lies_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile(confidence)


# Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
@pytest.mark.parametrize(
    ("did", "people", "published"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (29, 29, (0.8830, 1.0)),
    ],
)
def test_rates_have_wilsons_interval(did: int, people: int, published: tuple[float, float]) -> None:
    assert rounded(Sample.rate(did, people).limits(WIDTH)) == published


# Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10
@pytest.mark.parametrize(
    ("one", "other", "published"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_differences_of_rates_have_newcombes_interval(
    one: tuple[int, int], other: tuple[int, int], published: tuple[float, float]
) -> None:
    assert rounded(difference(Sample.rate(*one).limits(WIDTH), Sample.rate(*other).limits(WIDTH))) == published


def fieller(one: Limits, other: Limits) -> tuple[float, float]:
    """Fieller's interval (1954, Journal of the Royal Statistical Society B 16, 175-185), of two figures with even limits."""
    g = ((other.high - other.estimate) / other.estimate) ** 2
    middle = one.estimate / other.estimate
    half = math.sqrt(
        (1 - g) * (one.high - one.estimate) ** 2 + middle**2 * (other.high - other.estimate) ** 2,
    )
    return (middle - half / other.estimate) / (1 - g), (middle + half / other.estimate) / (1 - g)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Limits(12, 9, 15), Limits(10, 8, 12)),
        (Limits(3, 1, 5), Limits(10, 2, 18)),
        (Limits(1, -2, 4), Limits(10, 9.5, 10.5)),
    ],
)
def test_ratios_of_figures_with_even_limits_have_fiellers_interval(one: Limits, other: Limits) -> None:
    found = ratio(one, other)
    low, high = fieller(one, other)
    assert found is not None
    assert found.estimate == one.estimate / other.estimate
    assert found.high == pytest.approx(high)
    if one.low >= 0:
        assert found.low == pytest.approx(low)
    else:
        assert found.low < 0
        assert found.low == pytest.approx(low, rel=0.01)


def test_a_ratio_leaves_out_1_where_the_difference_leaves_out_0() -> None:
    chance = dice(7)
    seen = set()
    for _ in range(2000):
        people, others = chance.randint(5, 500), chance.randint(5, 500)
        one = Sample.rate(chance.randint(0, people), people).limits(WIDTH)
        other = Sample.rate(chance.randint(1, others), others).limits(WIDTH)
        apart, times = difference(one, other), ratio(one, other)
        assert times is not None
        assert (apart.low > 1e-12, apart.high < -1e-12) == (times.low > 1 + 1e-9, times.high < 1 - 1e-9)
        assert times.low <= times.estimate <= times.high
        seen.add((apart.low > 0, apart.high < 0))
    assert seen == {(False, False), (True, False), (False, True)}


def test_a_ratio_of_nothing_says_nothing_and_of_too_little_has_no_upper_limit() -> None:
    some = Sample.rate(5, 100).limits(WIDTH)
    assert ratio(some, Sample.rate(0, 100).limits(WIDTH)) is None
    assert ratio(Limits(-1, -2, 1), some) is None
    assert ratio(Limits(1, -math.inf, math.inf), some) is None
    unknown = ratio(some, Limits(2, -1, 5))
    assert unknown is not None
    assert unknown.high == math.inf
    none = ratio(Sample.rate(0, 100).limits(WIDTH), some)
    assert none is not None
    assert (none.estimate, none.low) == (0, 0)


def transformed(studentised: float, lean: float) -> float:
    """Hall's monotone cubic, as he gives it: T + aT² + a²T³/3 + b, with a = skewness / 3√n and b = a / 2."""
    return studentised + lean * studentised**2 + lean**2 * studentised**3 / 3 + lean / 2


def test_means_have_halls_interval() -> None:
    sample = Sample.values([3, 5, 9, 40, 2, 7], 60)
    limits = sample.limits(WIDTH)
    error = math.sqrt(sample.variance / 60)
    lean = sample.skewness / (3 * math.sqrt(60))
    assert transformed((sample.mean - limits.low) / error, lean) == pytest.approx(WIDTH)
    assert transformed((sample.mean - limits.high) / error, lean) == pytest.approx(-WIDTH)
    assert limits.high - limits.estimate > limits.estimate - limits.low


def test_means_of_values_that_lie_evenly_have_the_symmetric_interval() -> None:
    values = [-3.0, -1.0, 1.0, 3.0]
    sample = Sample.values(values, 4)
    error = math.sqrt(20 / 3 / 4)
    assert sample.skewness == 0
    assert sample.variance == pytest.approx(20 / 3)
    limits = sample.limits(2.0)
    assert (limits.low, limits.high) == pytest.approx((-2 * error, 2 * error))


def test_the_width_of_an_interval_grows_with_what_is_asked_of_it() -> None:
    sample = Sample.values([3, 5, 9, 400, 2, 7], 60)
    several = [sample.limits(width) for width in (0.5, 1, 2, 3, 4, 6)]
    assert cumulative([limits.high for limits in several])
    assert cumulative([-limits.low for limits in several])


def test_where_nothing_varies_nothing_is_known() -> None:
    for sample in (Sample.values([], 500), Sample.values([3.0], 1), Sample.values([], 0), Sample.values([0.1] * 7, 7)):
        assert sample.limits(WIDTH) == Limits(sample.mean, -math.inf, math.inf)
    assert Sample.rate(0, 0).limits(WIDTH) == Limits(0, 0, 1)


def test_a_small_arm_borrows_the_spread_of_all() -> None:
    small, large = Sample.values([], 40), Sample.values([50.0] * 40 + [900.0], 1000)
    pool = small + large
    assert math.isinf(small.limits(WIDTH).high)
    assert small.limits(WIDTH, pool).high > pool.mean


def test_a_rate_is_the_sums_of_ones() -> None:
    rate, values = Sample.rate(3, 10), Sample.values([1, 1, 1], 10)
    assert (rate.mean, rate.variance, rate.skewness) == (values.mean, values.variance, values.skewness)
    assert rate.variance == pytest.approx(0.3 * 0.7 * 10 / 9)
    assert (rate + Sample.rate(2, 5)) == Sample.rate(5, 15)
    assert (rate + values).yes_no is False


@pytest.mark.parametrize(
    ("sums", "says"),
    [
        ((-1, 0, 0, 0, 0), "not a sample"),
        ((5, math.nan, 0, 0, 0), "not a sample"),
        ((0, 1, 1, 1, 1), "the sums of 0 values"),
        ((5, 1, -1, 1, 1), "the sums of 5 values"),
        ((5, 3, 9, 27, 2), "the sums of 5 values"),
    ],
)
def test_sums_that_nobody_has_are_refused(sums: tuple[int, float, float, float, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Sample(*sums)


@pytest.mark.parametrize("did", [-1, 6])
def test_a_rate_is_of_people(did: int) -> None:
    with pytest.raises(ValueError, match="of 5 people is not a rate"):
        Sample.rate(did, 5)


def missed(shoppers: Shoppers, people: int, samples: int) -> tuple[int, int]:
    """How often the whole interval of one look lies above the true mean, and below it."""
    truth = shoppers.moments().mean
    found = [shoppers(dice("cover", number), people).limits(WIDTH) for number in range(samples)]
    return sum(limits.low > truth for limits in found), sum(limits.high < truth for limits in found)


def test_the_interval_of_a_skewed_mean_holds_the_truth_about_as_often_as_it_says() -> None:
    above, below = missed(Shoppers(0.02, 0.8), people=2000, samples=1000)
    assert above <= 40
    assert below <= 40


def test_the_interval_of_a_rate_holds_the_truth_about_as_often_as_it_says() -> None:
    above, below = missed(Shoppers(0.02), people=2000, samples=1000)
    assert above <= 40
    assert below <= 40
