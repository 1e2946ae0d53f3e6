"""Arms are sticky, of the right size, and move as few profiles as can when weights change."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from itertools import product

import pytest

from tamshy.domain.arm import arm_of

DIES = [f"user_id:u{number}" for number in range(20_000)]


def drawn(weights: dict[str, float], experiment: str = "subject") -> list[str]:
    return [arm_of(die, experiment, weights) for die in DIES]


def chi_square(found: Counter[str], shares: dict[str, float]) -> float:
    people = found.total()
    return sum((found[arm] - people * share) ** 2 / (people * share) for arm, share in shares.items())


def test_these_draws_are_kept_for_ever() -> None:
    weights = {"A": 50, "B": 30, "C": 20}
    assert "".join(arm_of(die, "subject", weights) for die in DIES[:40]) == "ACAACBCBAABACBAAAABAABAACABCABACAABAAACB"
    assert "".join(arm_of(die, "offer", weights) for die in DIES[:40]) == "ABACACCBAAABBCABBBCBACACBBAABBBABCAAACAA"
    assert (
        "".join(arm_of(die, "subject", weights, seed=1) for die in DIES[:40])
        == "AAAAABAABABBBBBBBBABAACAAACBBBCBBACAABAA"
    )


@pytest.mark.parametrize(
    ("weights", "bound"),
    # 99.9 % of chi-square with one degree less than there are arms
    [
        ({"a": 1, "b": 1}, 10.83),
        ({"a": 90, "b": 10}, 10.83),
        ({"A": 50, "B": 30, "C": 20}, 13.82),
        ({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}, 16.27),
    ],
)
@pytest.mark.parametrize("experiment", ["subject", "offer", "x"])
def test_each_arm_gets_the_share_that_its_weight_says(weights: dict[str, float], bound: float, experiment: str) -> None:
    shares = {arm: weight / sum(weights.values()) for arm, weight in weights.items()}
    assert chi_square(Counter(drawn(weights, experiment)), shares) < bound


def test_experiments_know_nothing_of_each_other_nor_of_holdouts() -> None:
    weights = {"a": 1.0, "b": 1.0}
    held = [
        int(hashlib.md5(f"0:holdout:subject:{die}".encode(), usedforsecurity=False).hexdigest()[:8], 16) < 2**31
        for die in DIES
    ]
    for other in (drawn(weights, "offer"), ["ab"[at] for at in held]):
        pairs = Counter(one + two for one, two in zip(drawn(weights), other, strict=True))
        assert chi_square(pairs, {one + two: 0.25 for one, two in product("ab", repeat=2)}) < 16.27


def test_relative_weights_count_and_the_order_of_arms_does_not() -> None:
    assert drawn({"a": 1, "b": 3}) == drawn({"b": 0.75, "a": 0.25})


def test_an_arm_without_weight_gets_nobody() -> None:
    assert set(drawn({"a": 1, "b": 0})) == {"a"}


def moved(before: dict[str, float], after: dict[str, float]) -> Counter[tuple[str, str]]:
    return Counter((one, two) for one, two in zip(drawn(before), drawn(after), strict=True) if one != two)


def near(people: int, share: float) -> bool:
    """Within four standard errors of a share of all."""
    return abs(people - share * len(DIES)) < 4 * math.sqrt(share * (1 - share) * len(DIES))


def test_of_two_arms_just_the_change_moves() -> None:
    moves = moved({"a": 50, "b": 50}, {"a": 60, "b": 40})
    assert set(moves) == {("b", "a")}
    assert near(moves.total(), 0.1)


def test_a_new_arm_takes_its_share_and_nobody_else_moves() -> None:
    moves = moved({"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1})
    assert {to for _, to in moves} == {"c"}
    assert near(moves.total(), 1 / 3)


def test_of_an_arm_that_goes_only_its_own_people_move() -> None:
    assert {of for of, _ in moved({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1})} == {"c"}


def test_whatever_changes_as_few_move_as_can() -> None:
    """As many as the formula of Moulton and Jiang says, and no more than 2d / (1 + d), which no method without memory betters."""
    before, after = {"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 0.2, "b": 0.3, "c": 0.5}
    stay = sum(1 / sum(max(before[j] / before[i], after[j] / after[i]) for j in before) for i in before)
    apart = sum(abs(before[arm] - after[arm]) for arm in before) / 2
    moves = moved(before, after)
    assert set(moves) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert near(moves.total(), 1 - stay)
    assert 1 - stay <= 2 * apart / (1 + apart)


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": 1.0, "b": -1.0}, {"a": math.nan}, {"a": math.inf, "b": 1.0}])
def test_weights_that_are_none_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights are numbers from 0 on"):
        arm_of("user_id:u1", "subject", weights)
