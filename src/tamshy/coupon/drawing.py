"""From the number of a code to the code: a keyed permutation, so that no two numbers give the same and no code tells the next."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tamshy.language.pools import ALPHABET

if TYPE_CHECKING:
    from collections.abc import Iterable

_BITS: Final = 5
"""A sign of the alphabet is five bits: there are 32 of them."""
_ROUNDS: Final = 10


def draw(key: bytes, pattern: str, numbers: Iterable[int]) -> list[str]:
    """Give the codes with these numbers, from 0 to below 32 to the power of the pattern's question marks.

    A Feistel network over as many bits as the pattern has room for (ten rounds of keyed BLAKE2b, its halves unequal where the
    bits are odd): a bijection, whatever the round function.
    """
    signs = pattern.count("?")
    parts = pattern.split("?")
    return [_filled(parts, _permuted(key, signs * _BITS, number)) for number in numbers]


def _permuted(key: bytes, bits: int, number: int) -> int:
    low = bits // 2
    left, right = number >> low, number & ((1 << low) - 1)
    widths = bits - low, low
    for turn in range(_ROUNDS):
        mixed = blake2b(turn.to_bytes(1) + right.to_bytes(32), key=key, digest_size=32).digest()
        left, right = right, left ^ (int.from_bytes(mixed) & ((1 << widths[0]) - 1))
        widths = widths[1], widths[0]
    return (left << widths[1]) | right


def _filled(parts: list[str], value: int) -> str:
    text = parts[0]
    for part in parts[1:]:
        text += ALPHABET[value & (len(ALPHABET) - 1)] + part
        value >>= _BITS
    return text
