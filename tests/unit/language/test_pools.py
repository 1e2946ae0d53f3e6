"""Pools of codes: each form, and every refusal with its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tamshy.language import diff, read_workspace
from tamshy.language.model import CouponPool, Position
from tamshy.language.pools import size_of

GOOD = 'codes: generated\npattern: "CART-????-????"\ndiscount: {percent: 10}\n'


def read(files: dict[str, str]) -> tuple[dict[str, CouponPool], list[str]]:
    workspace, problems = read_workspace({"tamshy.yaml": "topics: {offers: {}}\n", **files})
    return workspace.pools, [str(problem) for problem in problems]


def test_a_generated_pool() -> None:
    pools, problems = read({"coupons/cart10.yaml": GOOD})
    at = Position("coupons/cart10.yaml", 1, 1)
    assert problems == []
    assert pools == {"cart10": CouponPool("cart10", "CART-????-????", None, (), {"percent": 10}, at)}
    assert size_of(pools["cart10"]) == 32**8


def test_a_pool_from_a_file() -> None:
    text = '\ufeffCode,note\nA1,x\n\n"B,2"\n Ö3 \n'.removeprefix("\ufeff")
    pools, problems = read({"coupons/vip.yaml": "file: vip.csv\n", "coupons/vip.csv": text})
    assert problems == []
    assert pools["vip"].codes == ("A1", "B,2", "Ö3")
    assert (pools["vip"].pattern, pools["vip"].file, size_of(pools["vip"])) == (None, "coupons/vip.csv", 3)


@pytest.mark.parametrize("heading", ["code", "codes", "coupon", "coupons", "Coupons"])
def test_a_heading_is_no_code(heading: str) -> None:
    pools, problems = read({"coupons/c.yaml": "file: c.csv\n", "coupons/c.csv": f"{heading}\nA1\n{heading}\n"})
    assert problems == []
    assert pools["c"].codes == ("A1", heading)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{percent: 12.5}", {"percent": Decimal("12.5")}),
        ("{amount: 500, free_shipping: two_day}", {"amount": 500, "free_shipping": "two_day"}),
        ("{gift: 4711, guarantee: 30 days}", {"gift": "4711", "guarantee": "30 days"}),
    ],
)
def test_discounts(written: str, expected: dict[str, object]) -> None:
    pools, problems = read({"coupons/c.yaml": f"pattern: C-????\ndiscount: {written}\n"})
    assert problems == []
    assert pools["c"].discount == expected


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("codes: generated\n", ["1:1: a coupon pool needs 'pattern', such as SALE-????-????, or 'file', such as codes.csv"]),
        ("codes: made\npattern: C-????\n", ["1:8: 'codes' must be generated, not 'made'"]),
        ("pattern: SALE\n", [
            ("1:10: 'pattern' must be letters, digits, hyphens and underscores, 40 at most, with a ? for each sign that is to be"
            " drawn, not 'SALE'"),
        ]),
        ("pattern: C-????\npercent: 10\n", [
            "2:1: unknown key 'percent'; there are codes, discount, file, pattern in a coupon pool",
        ]),
        ("file: codes.csv\npattern: C-????\n", [
            "2:10: 'pattern' beside 'file': the codes come from the one or the other",
            "1:7: there is no file coupons/codes.csv",
        ]),
        ("file: ../codes.csv\n", ["1:7: 'file' must be a CSV file in coupons/, such as codes.csv, not '../codes.csv'"]),
        ("pattern: C-????\ndiscount: {}\n", [
            "2:11: 'discount' needs at least one of percent, amount, free_shipping, gift, guarantee",
        ]),
        ("pattern: C-????\ndiscount: {percent: 0}\n", ["2:21: 'percent' must be more than nothing"]),
        ("pattern: C-????\ndiscount: {percent: 101}\n", ["2:21: 'percent' must lie between 0 and 100, not 101"]),
        ("pattern: C-????\ndiscount: {free_shipping: true}\n", [
            "2:27: 'free_shipping' must be standard or two_day, not the truth value true",
        ]),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, problems: list[str]) -> None:
    said = [line.removeprefix("coupons/c.yaml:") for line in read({"coupons/c.yaml": text})[1]]
    assert sorted(said) == sorted(problems)


def test_codes_that_are_refused_have_their_line() -> None:
    text = "code\nA1\na1\ntwo words\n" + "x" * 65 + "\n"
    _, problems = read({"coupons/c.yaml": "file: c.csv\n", "coupons/c.csv": text})
    assert problems == [
        "coupons/c.csv:3:1: the code 'a1' stands in line 2 already; a code is given once",
        "coupons/c.csv:4:1: 'two words' is no code: one word, at most 64 signs long",
        f"coupons/c.csv:5:1: '{'x' * 40}' is no code: one word, at most 64 signs long",
    ]
    _, problems = read({"coupons/c.yaml": "file: c.csv\n", "coupons/c.csv": "code\n"})
    assert problems == ["coupons/c.csv:1:1: there is no code in this file"]


@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [
        ("pattern: C-????\n", "pattern: C-????\n", None),
        ("pattern: C-????\n", "pattern: D-????\n", None),
        ("pattern: C-????\n", "pattern: C-?????\n", None),
        ("pattern: C-????\n", "pattern: c-A???\n", "'c-A???' can give the same code as 'C-????' of the pool 'one'"),
        ("pattern: C-????\n", "pattern: C-I???\n", None),
        ("file: x.csv\n", "file: x.csv\n", "the code 'C-AAAA' is in the pool 'one' too; a code is given once"),
        ("pattern: C-????\n", "file: x.csv\n", "'C-????' can give the code 'C-AAAA' of the pool 'other'"),
    ],
)
def test_no_two_pools_give_the_same_code(one: str, other: str, problem: str | None) -> None:
    files = {"coupons/one.yaml": one, "coupons/other.yaml": other, "coupons/x.csv": "C-AAAA\n"}
    problems = read(files)[1]
    assert len(problems) == int(problem is not None)
    assert problem is None or problem in problems[0]


def test_a_plan_shows_what_becomes_of_pools() -> None:
    settings = {"tamshy.yaml": "topics: {offers: {}}\n"}
    old, _ = read_workspace(
        {**settings, "coupons/a.yaml": GOOD, "coupons/b.yaml": "file: b.csv\n", "coupons/b.csv": "X\n"}
    )
    new, _ = read_workspace({**settings, "coupons/a.yaml": GOOD.replace("CART", "SALE"), "coupons/b.yaml": "file: b.csv\n",
                             "coupons/b.csv": "X\nY\n", "coupons/c.yaml": "pattern: Z????\n"})  # fmt: skip
    assert [str(change) for change in diff(old, new)] == [
        "coupons/a.yaml: pattern changed: CART-????-???? → SALE-????-????",
        "coupons/b.csv: text changed",
        "coupons/c.yaml: added",
    ]
