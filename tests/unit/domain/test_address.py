"""Rule 35: which addresses can be written to."""

from __future__ import annotations

import pytest

from tamshy.domain.address import lowered, valid_address


@pytest.mark.parametrize(
    "address",
    [
        "aia@example.com",
        "a@b.c",
        "first.last+tag@sub.shop.example",
        "!#$%&'*+/=?^_`{|}~-@example.com",
        "x@xn--bcher-kva.example",
        "1@1.example",
        f"{'l' * 64}@example.com",
        f"a@{'d' * 63}.example",
        f"a@{'.'.join(['d' * 49] * 5)}.ee",
    ],
)
def test_rule_35_an_address_that_can_be_handed_over(address: str) -> None:
    assert valid_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "aia",
        "aia@localhost",
        "@example.com",
        "aia@",
        "aia@example.com.",
        "aia@.example.com",
        "aia@example..com",
        "aia@-example.com",
        "aia@example-.com",
        "aia@exa_mple.com",
        ".aia@example.com",
        "aia.@example.com",
        "ai..a@example.com",
        "aia@example.com@example.com",
        "ai a@example.com",
        '"aia"@example.com',
        "aia@[192.0.2.1]",
        "aia@example.com\nBcc: x@example.com",
        "Aia <aia@example.com>",
        "aia@bücher.example",
        "жансая@example.com",
        "aia\u200b@example.com",
        "ａia@example.com",
        f"{'l' * 65}@example.com",
        f"a@{'d' * 64}.example",
        f"a@{'.'.join(['d' * 60] * 5)}.example",
        None,
        7,
        ["aia@example.com"],
    ],
)
def test_rule_35_an_address_that_cannot(address: object) -> None:
    assert valid_address(address) is None


def test_addresses_are_kept_in_small_letters_and_nfc_without_blanks() -> None:
    assert valid_address("  Aia@Example.COM\t") == "aia@example.com"
    assert lowered(" E\u0301@X ") == "\u00e9@x"
