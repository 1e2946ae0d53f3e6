"""``coupons/NAME.yaml``: pools of promo codes, made from a pattern or read from a file beside it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

from tamshy.language import fields, vocabulary
from tamshy.language.model import CouponPool, Position
from tamshy.language.reading import Reading, did_you_mean
from tamshy.language.trees import Items, Leaf, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping as Texts
    from decimal import Decimal

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""What a ``?`` of a pattern can become: no letter or digit that is read as another."""
FOLDER = "coupons"
_PATTERN = re.compile(r"[A-Za-z0-9?_-]{1,40}")
_CODE = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
_FILE = re.compile(r"[^/\\]+\.csv")
_MOST_FAULTS = 20
_HUNDRED = 100
_GREATEST = 1_000_000_000


class Codes(StrEnum):
    """Where the codes of a pool come from, where it is no file."""

    GENERATED = "generated"


class Shipping(StrEnum):
    """What a free delivery is."""

    STANDARD = "standard"
    TWO_DAY = "two_day"


def read_pools(reading: Reading, trees: Texts[str, Tree], files: Texts[str, str]) -> dict[str, CouponPool]:
    """Read the pools, by name; what could be given by two of them is refused."""
    pools: dict[str, CouponPool] = {}
    for name, tree in trees.items():
        pool = _pool(reading, name, tree, files)
        if pool is not None:
            pools[name] = pool
    _check_apart(reading, pools)
    return pools


def _pool(reading: Reading, name: str, tree: Tree, files: Texts[str, str]) -> CouponPool | None:
    keys = fields.mapping(reading, tree, vocabulary.COUPON_POOL)
    if keys is None:
        return None
    discount = _discount(reading, keys["discount"]) if "discount" in keys else {}
    if "codes" in keys and fields.choice(reading, keys["codes"], "codes", Codes) is None:
        return None
    if "file" in keys:
        for other in ("codes", "pattern"):
            if other in keys:
                reading.refuse(keys[other].at, f"'{other}' beside 'file': the codes come from the one or the other")
        file = _file(reading, keys["file"], files)
        if file is None:
            return None
        return CouponPool(name, None, file, _codes(reading, file, files[file]), discount, tree.at)
    if "pattern" not in keys:
        reading.refuse(tree.at, "a coupon pool needs 'pattern', such as SALE-????-????, or 'file', such as codes.csv")
        return None
    pattern = fields.name_or_text(reading, keys["pattern"], "pattern")
    if pattern is None:
        return None
    if not _PATTERN.fullmatch(pattern) or "?" not in pattern:
        expected = "letters, digits, hyphens and underscores, 40 at most, with a ? for each sign that is to be drawn"
        reading.refuse(keys["pattern"].at, f"'pattern' must be {expected}, not '{pattern[:60]}'")
        return None
    return CouponPool(name, pattern, None, (), discount, tree.at)


def size_of(pool: CouponPool) -> int:
    """How many codes the pool has in all."""
    return len(pool.codes) if pool.pattern is None else len(ALPHABET) ** pool.pattern.count("?")


# -- files of codes --------------------------------------------------------------------------------------------------


def _file(reading: Reading, tree: Tree, files: Texts[str, str]) -> str | None:
    given = fields.line(reading, tree, "file")
    if given is None:
        return None
    if not _FILE.fullmatch(given):
        reading.refuse(tree.at, f"'file' must be a CSV file in {FOLDER}/, such as codes.csv, not '{given[:80]}'")
        return None
    path = f"{FOLDER}/{given}"
    if path not in files:
        there = [
            other.removeprefix(f"{FOLDER}/") for other in files if other.startswith(f"{FOLDER}/") and _is_csv(other)
        ]
        reading.refuse(tree.at, f"there is no file {path}{did_you_mean(given, there)}")
        return None
    return path


def _is_csv(path: str) -> bool:
    return path.endswith(".csv")


def _codes(reading: Reading, path: str, text: str) -> tuple[str, ...]:
    """The codes of a file: what stands first in each line, behind a heading of one word such as ``code``."""
    codes: list[str] = []
    lines: dict[str, int] = {}
    faults = 0
    rows = csv.reader(io.StringIO(text.replace("\x00", "\ufffd")))
    try:
        for row in rows:
            code = unicodedata.normalize("NFC", row[0].strip()) if row else ""
            if not code or (not codes and code.lower() in vocabulary.HEADINGS):
                continue
            line = rows.line_num
            if not _CODE.fullmatch(code):
                reading.refuse(Position(path, line, 1), f"'{code[:40]}' is no code: one word, at most 64 signs long")
                faults += 1
            elif code.upper() in lines:
                said = f"the code '{code}' stands in line {lines[code.upper()]} already; a code is given once"
                reading.refuse(Position(path, line, 1), said)
                faults += 1
            else:
                lines[code.upper()] = line
                codes.append(code)
            if faults == _MOST_FAULTS:
                break
    except csv.Error as error:
        reading.refuse(Position(path, rows.line_num, 1), f"no CSV file: {error}")
    if not codes and not faults:
        reading.refuse(Position(path, 1, 1), "there is no code in this file")
    return tuple(codes)


# -- apart from each other -------------------------------------------------------------------------------------------


def _check_apart(reading: Reading, pools: dict[str, CouponPool]) -> None:
    """Refuse what could be given by two pools: a code is one person's. Pools of one pattern draw from it together."""
    ordered = sorted(pools.values(), key=lambda pool: pool.name)
    owner: dict[str, CouponPool] = {}
    for pool in ordered:
        twice = next((code for code in pool.codes if code.upper() in owner), None)
        if twice is not None:
            other = owner[twice.upper()].name
            reading.refuse(pool.position, f"the code '{twice}' is in the pool '{other}' too; a code is given once")
        owner |= {code.upper(): pool for code in pool.codes}
    patterns = [(pool, pool.pattern.upper()) for pool in ordered if pool.pattern is not None]
    for (first, its), (second, theirs) in combinations(patterns, 2):
        if its != theirs and _may_meet(its, theirs):
            text = f"'{second.pattern}' can give the same code as '{first.pattern}' of the pool '{first.name}'"
            reading.refuse(second.position, f"{text}; let their letters differ, or write the same pattern")
    for pool, pattern in patterns:
        made = re.compile("".join(f"[{ALPHABET}]" if sign == "?" else re.escape(sign) for sign in pattern))
        meets = next((code for code in owner if made.fullmatch(code)), None)
        if meets is not None:
            text = f"'{pool.pattern}' can give the code '{meets}' of the pool '{owner[meets].name}'"
            reading.refuse(pool.position, f"{text}; let their letters differ")


def _may_meet(one: str, other: str) -> bool:
    if len(one) != len(other):
        return False
    return all(
        a == b or (a == "?" and b in ALPHABET + "?") or (b == "?" and a in ALPHABET)
        for a, b in zip(one, other, strict=True)
    )


# -- discounts -------------------------------------------------------------------------------------------------------


def _discount(reading: Reading, tree: Tree) -> dict[str, object]:
    keys = fields.mapping(reading, tree, vocabulary.DISCOUNT)
    if keys is None:
        return {}
    if not keys and not isinstance(tree, Items | Leaf):
        reading.refuse(tree.at, f"'discount' needs at least one of {', '.join(vocabulary.DISCOUNT.names)}")
    found: dict[str, object] = {}
    for name, value in keys.items():
        if name in {"percent", "amount"}:
            found[name] = _above_nothing(reading, value, name, _HUNDRED if name == "percent" else _GREATEST)
        elif name == "free_shipping":
            found[name] = fields.choice(reading, value, name, Shipping)
        elif name == "gift":
            found[name] = fields.name_or_text(reading, value, name)
        else:
            found[name] = fields.text(reading, value, name)
    return {name: str(value) if isinstance(value, Shipping) else value for name, value in found.items()}


def _above_nothing(reading: Reading, tree: Tree, label: str, most: int) -> int | Decimal | None:
    found = fields.number(reading, tree, label, 0, most)
    if found is not None and found == 0:
        reading.refuse(tree.at, f"'{label}' must be more than nothing")
        return None
    # A whole number prints as one.
    return int(found) if found is not None and found == found.to_integral_value() else found
