"""The example shop: it is sound, its stories hold, and its letters read well with everything known and with nothing."""

from __future__ import annotations

import io
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from tests.e2e.seeded_shop import EXAMPLE

from tamshy.language.folders import read_folder
from tamshy.language.workspace import read_workspace
from tamshy.panel.storefront import PRODUCTS
from tamshy.recipes import recipes
from tamshy.render import Job, render
from tamshy.render.compile import compile_message
from tamshy.simulate.command import test as run_stories
from tamshy.site.demo import CAMPAIGNS, demo_files

if TYPE_CHECKING:
    from tamshy.render import Rendered

WORKSPACE, PROBLEMS = read_workspace(read_folder(EXAMPLE))
LOCALES = ("en", "ru", "kk", "id")
LETTERS = [(name, locale) for name in sorted(WORKSPACE.messages) for locale in LOCALES]
BASE = "https://mail.qumyra.example"


def letter(name: str, locale: str, profile: dict[str, object], event: dict[str, object]) -> Rendered:
    compiled, problems = compile_message(WORKSPACE.messages[name], WORKSPACE.settings)
    assert problems == []
    job = Job(
        id="1",
        version=1,
        now="2026-03-02T09:00:00Z",
        locale=locale,
        profile=profile,
        event=event,
        base=BASE,
        token="T",
        unsubscribe_url=f"{BASE}/u/T",
        view_url=f"{BASE}/m/T",
    )
    return render(compiled, job)


def full_event(locale: str) -> dict[str, object]:
    kese, slippers = (PRODUCTS[at].properties(locale, "https://qumyra.example") for at in (0, 3))
    return {**kese, "cart_id": "c1", "order_id": "Q-1", "value": 22700, "products": [kese, slippers]}


def test_the_folder_is_sound() -> None:
    assert PROBLEMS == []
    assert sorted(WORKSPACE.flows) == ["abandoned-cart", "browse-reminder", "thank-you", "welcome"]
    assert {locale for message in WORKSPACE.messages.values() for locale in message.bodies} == set(LOCALES)
    assert all(set(message.bodies) == set(LOCALES) == set(message.subject) for message in WORKSPACE.messages.values())


def test_the_demo_has_twelve_campaigns() -> None:
    workspace, problems = read_workspace(demo_files("http://127.0.0.1:1"))
    assert problems == []
    assert workspace.settings.url == "http://127.0.0.1:1/shop"
    texts = [path for name in CAMPAIGNS for path in recipes()[name].texts]
    shelf = {PurePosixPath(path).stem for path in texts if path.startswith("flows/")}
    assert set(workspace.flows) == shelf | set(WORKSPACE.flows)
    assert len(CAMPAIGNS) + len(WORKSPACE.flows) == 12


def test_every_flow_has_stories() -> None:
    told = {flow for story in WORKSPACE.stories.values() for flow in story.flows}
    assert told == set(WORKSPACE.flows)


@pytest.mark.slow
def test_every_story_holds(empty_dsn: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run_stories(EXAMPLE, out=out, err=err, dsn=empty_dsn) == 0, out.getvalue() + err.getvalue()
    assert out.getvalue().splitlines()[-1] == f"{len(WORKSPACE.stories)} passed, 0 failed"


@pytest.mark.parametrize(("name", "locale"), LETTERS)
def test_a_letter_with_everything_known(name: str, locale: str) -> None:
    made = letter(name, locale, {"first_name": "Ада", "locale": locale}, full_event(locale))
    assert made.locale == locale
    assert "Ада" in made.html
    assert made.preheader
    # One main action, at least 44 px high: 20 px of line and 14 px of room above and below.
    assert len(re.findall(r'class="button"', made.html)) == 1
    assert "padding:14px 28px" in made.html
    assert f"{BASE}/m/T" in made.html
    marketing = WORKSPACE.messages[name].kind.value == "marketing"
    assert (f"{BASE}/u/T" in made.html) == marketing
    assert (f"{BASE}/u/T" in made.plain) == marketing
    # The postal address stands under every letter, in its language.
    assert "050000" in made.plain
    assert len(made.html.encode()) < 102 * 1024
    assert len(re.findall(r"\w+", re.sub(r"https?://\S+", "", made.plain))) < 200
    assert all(image.count(" alt=") == 1 for image in re.findall(r"<img [^>]+>", made.html))


@pytest.mark.parametrize(("name", "locale"), LETTERS)
def test_a_letter_with_nothing_known(name: str, locale: str) -> None:
    made = letter(name, locale, {}, {})
    assert made.subject
    assert "None" not in made.html
    assert "{{" not in made.html
    # Nothing stands where a name would: no greeting that ends in the air.
    assert not re.search(r"(Hello|Здравствуйте|Halo)\s*,", made.plain)


def test_prices_are_written_as_each_language_writes_them() -> None:
    said = {
        locale: letter("cart-reminder", locale, {}, full_event(locale)).plain.replace("\u00a0", " ")
        for locale in LOCALES
    }
    assert "₸22,700" in said["en"]
    assert "22 700 ₸" in said["ru"]
    assert "22 700 ₸" in said["kk"]
    assert "₸22.700" in said["id"] or "₸ 22.700" in said["id"]


def test_care_tips_are_about_what_was_bought() -> None:
    brass = PRODUCTS[5].properties("en", "https://qumyra.example")
    said = letter("care-tips", "en", {}, {"products": [brass]}).plain
    assert "Lemon and salt bring back the shine." in said
    assert "Clay" not in said
    assert "Felt and wool" not in said
