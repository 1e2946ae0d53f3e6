"""Weights of a bandit."""

from __future__ import annotations

from math import exp, lgamma, log

import pytest
from tests.unit.experiment.worlds import NAMES, Shoppers, dice

from tamshy.experiment import FLOOR, Sample, weights


def log_beta(one: float, other: float) -> float:
    return lgamma(one) + lgamma(other) - lgamma(one + other)


def chance_of_more(one: Sample, other: Sample) -> float:
    """Exactly: that the rate of ``other`` is the larger under uniform priors; a sum over Beta functions (Miller, 2015)."""
    a, b = one.total + 1, one.people - one.total + 1
    c, d = other.total + 1, other.people - other.total + 1
    return sum(exp(log_beta(a + i, b + d) - log(d + i) - log_beta(1 + i, d) - log_beta(a, b)) for i in range(int(c)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((10, 100), (15, 100)),
        ((30, 1000), (36, 1000)),
        ((500, 1000), (520, 1000)),
        ((3, 20), (40, 400)),
        ((0, 30), (1, 30)),
    ],
)
def test_two_rates_have_nearly_the_weights_of_an_exact_reckoning(one: tuple[int, int], other: tuple[int, int]) -> None:
    arms = {"a": Sample.rate(*one), "b": Sample.rate(*other)}
    assert weights(arms, floor=0)["b"] == pytest.approx(chance_of_more(arms["a"], arms["b"]), abs=0.03)


def test_four_arms_have_nearly_the_weights_of_drawing_from_their_beliefs() -> None:
    arms = {"a": Sample.rate(40, 400), "b": Sample.rate(50, 400), "c": Sample.rate(52, 400), "d": Sample.rate(12, 100)}
    luck = dice(11)
    drawn = dict.fromkeys(arms, 0)
    for _ in range(20_000):
        beliefs = {name: luck.betavariate(1 + s.total, 1 + s.people - s.total) for name, s in arms.items()}
        drawn[max(beliefs, key=lambda name: beliefs[name])] += 1
    assert weights(arms, floor=0) == pytest.approx({name: times / 20_000 for name, times in drawn.items()}, abs=0.03)


def test_weights_add_up_to_1_and_nobody_starves() -> None:
    arms = {"good": Sample.rate(900, 10_000), "bad": Sample.rate(100, 10_000), "new": Sample.rate(0, 0)}
    found = weights(arms)
    assert sum(found.values()) == pytest.approx(1)
    assert found["bad"] == pytest.approx(FLOOR)
    assert found["new"] > 0.5
    assert min(weights(arms, floor=0.2).values()) >= 0.2
    assert weights(arms, floor=0.9) == pytest.approx(dict.fromkeys(arms, 1 / 3))


def test_equal_arms_and_arms_of_which_nothing_is_known_share_equally() -> None:
    even = pytest.approx({"a": 0.5, "b": 0.5})
    assert weights({"a": Sample.rate(0, 0), "b": Sample.rate(0, 0)}) == even
    assert weights({"a": Sample.rate(30, 500), "b": Sample.rate(30, 500)}) == even
    assert weights({"a": Sample.values([], 500), "b": Sample.values([], 20)}) == even
    assert weights({"a": Sample.rate(3, 10)}) == {"a": 1}


def test_one_large_order_does_not_take_everybody() -> None:
    luck = dice(5)
    orders = [luck.lognormvariate(4, 0.8) for _ in range(60)]
    arms = {"a": Sample.values(orders[:30], 1000), "b": Sample.values([*orders[30:], 3000.0], 1000)}
    assert 0.6 < weights(arms)["b"] < 0.95


def test_the_same_counts_give_the_same_weights_in_the_order_of_the_arms() -> None:
    arms = {"a": Sample.rate(40, 400), "b": Sample.rate(50, 400), "c": Sample.rate(52, 380)}
    found = weights(arms)
    assert list(found) == list(arms)
    assert weights(dict(reversed(arms.items()))) == pytest.approx(found)
    assert weights(arms) == found


@pytest.mark.parametrize("floor", [-0.1, 1.1])
def test_a_floor_is_a_share(floor: float) -> None:
    with pytest.raises(ValueError, match="a floor from 0 to 1"):
        weights({"a": Sample.rate(1, 2)}, floor)
    with pytest.raises(ValueError, match="weights need arms"):
        weights({})


def test_a_bandit_finds_the_better_arm_and_loses_little_on_the_way() -> None:
    """Sixty days of 200 people, the weights made anew every night."""
    arms = (Shoppers(0.03), Shoppers(0.03), Shoppers(0.06))
    luck = dice(1)
    stand = {name: Sample.rate(0, 0) for name in NAMES[:3]}
    shares = weights(stand)
    for _ in range(60):
        for name, shoppers in zip(NAMES, arms, strict=False):
            stand[name] += shoppers(luck, round(200 * shares[name]))
        shares = weights(stand)
    assert shares["c"] == pytest.approx(1 - 2 * FLOOR, abs=0.01)
    assert stand["c"].people > 0.7 * sum(sample.people for sample in stand.values())
