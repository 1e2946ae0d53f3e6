"""Tokens cannot be forged, and mean one purpose only."""

from __future__ import annotations

import base64
import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamshy.domain.token import Purpose, Signer, Subject, WeakSecret, make_links

SECRET = "a secret of enough characters"
OTHER = "another secret of that length"
SUBJECT = Subject(7, 41, UUID("11111111-2222-4333-8444-555555555555"), UUID("99999999-8888-4777-8666-555555555555"))
SIGNER = Signer([SECRET])

subjects = st.builds(Subject, st.integers(0, 2**32 - 1), st.integers(0, 2**15 - 1), st.uuids(), st.uuids())


@given(subjects, st.sampled_from(Purpose))
def test_reads_back_what_was_signed_and_for_that_purpose_alone(subject: Subject, purpose: Purpose) -> None:
    token = SIGNER.token(purpose, subject)
    assert len(token) == 72
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
    assert {p: SIGNER.read(p, token) for p in Purpose} == {p: subject if p is purpose else None for p in Purpose}


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_flipped_bit_is_refused(purpose: Purpose) -> None:
    raw = base64.urlsafe_b64decode(SIGNER.token(purpose, SUBJECT))
    flipped = [
        bytes(b ^ (1 << bit if at == place else 0) for at, b in enumerate(raw))
        for place in range(54)
        for bit in range(8)
    ]
    assert len(set(flipped)) == 432
    assert [SIGNER.read(purpose, base64.urlsafe_b64encode(f).decode()) for f in flipped] == [None] * 432


def test_every_changed_character_is_refused() -> None:
    token = SIGNER.token(Purpose.CLICK, SUBJECT)
    alphabet = string.ascii_letters + string.digits + "-_+/= \n.%\x00é"
    forged = [token[:at] + c + token[at + 1 :] for at in range(72) for c in alphabet if c != token[at]]
    assert {SIGNER.read(Purpose.CLICK, f) for f in forged} == {None}


@pytest.mark.parametrize("cut", ["", "A", "A" * 71, "A" * 72, "A" * 73, "=" * 72, "é" * 72])
def test_what_is_no_token_is_refused(cut: str) -> None:
    assert SIGNER.read(Purpose.OPEN, cut) is None


def test_truncated_and_lengthened_tokens_are_refused() -> None:
    token = SIGNER.token(Purpose.OPEN, SUBJECT)
    assert {SIGNER.read(Purpose.OPEN, token[:n]) for n in range(72)} == {None}
    assert SIGNER.read(Purpose.OPEN, token + "A") is None
    assert SIGNER.read(Purpose.OPEN, token + "\n") is None


def test_a_new_secret_keeps_the_old_mails_working_until_it_is_dropped() -> None:
    old = Signer([SECRET]).token(Purpose.UNSUBSCRIBE, SUBJECT)
    both = Signer([OTHER, SECRET])
    assert both.read(Purpose.UNSUBSCRIBE, old) == SUBJECT
    assert both.token(Purpose.UNSUBSCRIBE, SUBJECT) == Signer([OTHER]).token(Purpose.UNSUBSCRIBE, SUBJECT)
    assert Signer([OTHER]).read(Purpose.UNSUBSCRIBE, old) is None


@pytest.mark.parametrize("secrets", [[], [""], ["short"], [SECRET, "short"]])
def test_a_weak_secret_is_refused(secrets: list[str]) -> None:
    with pytest.raises(WeakSecret):
        Signer(secrets)


def test_the_addresses_of_a_message() -> None:
    links = make_links(SIGNER, "https://mail.shop.example/", SUBJECT)
    tokens = {p: SIGNER.token(p, SUBJECT) for p in Purpose}
    assert len(set(tokens.values())) == len(Purpose) == 6
    assert links.click_base == f"https://mail.shop.example/c/{tokens[Purpose.CLICK]}"
    assert links.open_url == f"https://mail.shop.example/o/{tokens[Purpose.OPEN]}.gif"
    assert links.unsubscribe_url == f"https://mail.shop.example/u/{tokens[Purpose.UNSUBSCRIBE]}"
    assert links.preferences_url == f"https://mail.shop.example/prefs/{tokens[Purpose.PREFERENCES]}"
    assert links.view_url == f"https://mail.shop.example/m/{tokens[Purpose.VIEW]}"
