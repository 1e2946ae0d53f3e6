"""The mails of the recipes as they leave: no spam by SpamAssassin's own rules, and a gallery that says what is wrong."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from examples.gallery.letters import Unsound, shown
from examples.gallery.make import MOST_POINTS, faults, photographed
from examples.gallery.spam import MISSING, SPAMASSASSIN, Score, scored

from tamshy.recipes import recipes

if TYPE_CHECKING:
    from examples.gallery.letters import Shown

ROOT = Path(__file__).parents[3]
CHROMIUM = Path("/usr/bin/chromium")
SHELF = recipes()
needs_spamassassin = pytest.mark.skipif(not SPAMASSASSIN.exists() and not os.environ.get("CI"), reason=MISSING)


def too_high(letters: list[Shown]) -> list[str]:
    scores = scored([one.raw for one in letters])
    return [f"{one.title}: {score}" for one, score in zip(letters, scores, strict=True) if score.points >= MOST_POINTS]


@needs_spamassassin
def test_a_mail_of_a_recipe_is_no_spam_and_with_a_swindlers_words_it_is() -> None:
    letters = [one for one in shown([SHELF["order-status"]]) if one.known and one.name == "order-received"]
    assert [one.locale for one in letters] == ["en", "ru", "kk", "id"]
    subject, first = b"Subject: We have your order A-1042\r\n", b"Thank you. We are getting everything ready"
    assert letters[0].raw.count(subject) == 1
    assert first in letters[0].raw
    swindle = (
        letters[0]
        .raw.replace(subject, b"Subject: YOU HAVE WON 1,000,000 US DOLLARS !!!\r\n")
        .replace(first, b"Dear friend, Viagra 100% free. Claim your million dollars")
        .replace(b"Message-ID: <", b"Message-ID: <x")
    )
    *fair, foul = scored([*(one.raw for one in letters), swindle])
    assert [str(score) for score in fair if score.points >= MOST_POINTS] == []
    assert foul.points >= MOST_POINTS
    assert foul.rules["SUBJ_ALL_CAPS"] > 0
    # What is hidden at the beginning for mail boxes to show is not taken for white on white.
    assert [score.rules.get("HTML_FONT_LOW_CONTRAST") for score in (*fair, foul)] == [None] * 5


@needs_spamassassin
@pytest.mark.prove
@pytest.mark.minutes(3)
def test_no_mail_of_any_recipe_is_spam_in_any_language() -> None:
    letters = shown(SHELF.values())
    assert len(letters) == 2 * 4 * sum(len(recipe.letters) for recipe in SHELF.values())
    assert too_high(letters) == []


def test_what_scores_high_or_is_large_is_named_with_its_rules() -> None:
    one = shown([SHELF["thank-you"]], ["ru"])[0]
    large = replace(one, rendered=msgspec.structs.replace(one.rendered, html_bytes=b"x" * 102 * 1024))
    assert faults(one, Score(1.9, {"A": 1.9})) == []
    assert faults(one, Score(2.0, {"A": 0.5, "B": 1.5, "C": 0.0})) == [
        "thank-you / thank-you ru: SpamAssassin gives it 2.0 (B 1.5, A 0.5); under 2.0 is right"
    ]
    assert faults(large, Score(0.0, {})) == ["thank-you / thank-you ru: 102 kB of HTML; under 102 is right"]


def test_a_variable_that_is_not_set_is_named_with_its_letter_and_language() -> None:
    recipe = SHELF["thank-you"]
    letter = recipe.letters["thank-you"]
    wordings = {**letter.wordings, "kk": replace(letter.wordings["kk"], title="{{ profile.first_name }}")}
    planted = replace(recipe, letters={**recipe.letters, "thank-you": replace(letter, wordings=wordings)})
    with pytest.raises(Unsound) as caught:
        shown([planted])
    lines = str(caught.value).splitlines()
    assert lines == [
        "thank-you / thank-you kk, nothing known: messages/thank-you/kk.mjml:4: profile.first_name is missing"
    ]


@needs_spamassassin
@pytest.mark.browser
@pytest.mark.prove
def test_the_gallery_is_a_page_with_four_pictures_of_each_mail(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "examples.gallery.make", "--only", "advocates", "--locale", "kk", "--out", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    first, *_, last = made.stdout.splitlines()
    assert first == "2 mails: 1 letters in kk, for who is known and for who is not"
    assert last == f"4 pictures: {tmp_path / 'index.html'}"
    widths = {path.name: struct.unpack(">I", path.read_bytes()[16:20])[0] for path in tmp_path.glob("*.png")}
    assert widths == {
        f"advocate-invite-kk-{device}-{scheme}.png": width
        for device, width in (("desktop", 680), ("phone", 360))
        for scheme in ("light", "dark")
    }
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r'src="([^"]+)"', page))) == sorted(widths)
    assert "advocates / advocate-invite kk, nothing known" in page


@pytest.mark.browser
def test_a_picture_that_does_not_come_and_what_is_too_wide_are_named(tmp_path: Path) -> None:
    one = shown([SHELF["advocates"]], ["id"])[0]
    wide = one.rendered.html_bytes.replace(b"thanks.png", b"nowhere.png").replace(
        b"</body>", b'<div style="width:500px">wide</div></body>'
    )
    broken = replace(one, rendered=msgspec.structs.replace(one.rendered, html_bytes=wide))
    assert photographed([one, broken], tmp_path, str(CHROMIUM)) == [
        "advocates / advocate-invite id: a picture is missing: https://shop.example/mail/nowhere.png",
        "advocates / advocate-invite id: needs 500 px where there are 360",
    ]
