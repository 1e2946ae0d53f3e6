"""From numbers to codes: each number another code, all codes in the end, and the key says which."""

from __future__ import annotations

from itertools import product

import pytest

from tamshy.coupon.drawing import draw
from tamshy.language.pools import ALPHABET

KEY = bytes(range(32))


@pytest.mark.parametrize("signs", [1, 2, 3])
def test_all_numbers_give_all_codes(signs: int) -> None:
    codes = draw(KEY, "?" * signs, range(32**signs))
    assert sorted(codes) == sorted("".join(letters) for letters in product(ALPHABET, repeat=signs))
    assert codes != sorted(codes)


def test_codes_of_a_pattern_stay_what_they_are() -> None:
    """What was given out once must never be given out under another number: these may not change."""
    assert draw(KEY, "CART-????-????", [0, 1, 2, 32**8 - 1]) == [
        "CART-TVB4-W2SS",
        "CART-TZZQ-EHJV",
        "CART-BLH8-FY6F",
        "CART-64DQ-9UFS",
    ]
    assert draw(KEY, "a?b?", [0, 1]) == ["aPbB", "aAb2"]


def test_another_key_gives_other_codes_and_a_slice_the_same() -> None:
    codes = draw(KEY, "C-????????", range(1000))
    assert codes[500:503] == draw(KEY, "C-????????", range(500, 503))
    assert set(codes).isdisjoint(draw(bytes(32), "C-????????", range(1000)))


def test_the_longest_pattern_has_room() -> None:
    codes = draw(KEY, "?" * 40, [0, 32**40 - 1])
    assert len(set(codes)) == 2
    assert {len(code) for code in codes} == {40}
