"""Every recipe on the shelf: sound, told by stories, and with letters that read well with everything known and with nothing."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tamshy.language import read_workspace
from tamshy.language.model import COUPONS, Send
from tamshy.language.program import all_steps
from tamshy.recipes import Brand, fitted, recipes, sample
from tamshy.recipes.dressing import PARTS
from tamshy.recipes.letters import LOCALES
from tamshy.render import Job, render
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from tamshy.language.model import Workspace
    from tamshy.recipes import Recipe
    from tamshy.recipes.letters import Letter
    from tamshy.render import Rendered
    from tamshy.render.compiled import Compiled

SHELF = recipes()
UNTOLD = {
    # A story tells nothing of a catalogue: no price, no stock, no interval changes in one.
    "back-in-stock": {"back-in-stock"},
    "new-arrivals": {"new-arrivals"},
    "new-client": {"client-arrivals"},
    "price-drop": {"price-drop"},
    "replenishment": {"reorder-now", "reorder-soon"},
    # A story plays flows, and no broadcast.
    "holiday": {"holiday-ideas", "holiday-ideas-question"},
    "near-you": {"near-you"},
}
"""The letters of a recipe that no story sends, with the reason. One that is told fails: take its name out here."""
SETTINGS = """\
name: Qumyra
currency: KZT
timezone: Asia/Almaty
url: https://shop.example
from: Qumyra <hello@shop.example>
topics: {offers: {}, news: {}}
"""
BRAND = Brand(address="12 Shai Street, Almaty 050000", pictures="https://shop.example/mail")
BASE = "https://mail.shop.example"
LETTERS = [
    (name, letter, locale) for name in sorted(SHELF) for letter in sorted(SHELF[name].letters) for locale in LOCALES
]
ALL_LETTERS = [letter for recipe in SHELF.values() for letter in recipe.letters.values()]
_SEEN: dict[str, Workspace] = {}


def workspace(name: str) -> Workspace:
    """The folder with nothing but this recipe in it."""
    if name not in _SEEN:
        plain = {"tamshy.yaml": SETTINGS}
        found, problems = read_workspace({**plain, **fitted(SHELF[name], read_workspace(plain)[0].settings, BRAND)})
        assert problems == []
        _SEEN[name] = found
    return _SEEN[name]


@cache
def compiled(recipe: str, name: str) -> Compiled:
    """A letter in all its languages, as it is published."""
    found = workspace(recipe)
    made, problems = compile_message(found.messages[name], found.settings)
    assert problems == []
    return made


def letter(
    recipe: str,
    name: str,
    locale: str,
    profile: dict[str, object],
    event: dict[str, object],
    *,
    coupon: bool = False,
    picks: dict[str, object] | None = None,
) -> Rendered:
    variable = SHELF[recipe].letters[name].coupon
    job = Job(
        id="1",
        version=1,
        now="2026-03-02T09:00:00Z",
        locale=locale,
        profile=profile,
        event=event,
        vars={COUPONS: sample.coupon(variable)} if coupon and variable else {},
        picks=picks or {},
        base=BASE,
        token="T",
        unsubscribe_url=f"{BASE}/u/T",
        preferences_url=f"{BASE}/prefs/T",
        view_url=f"{BASE}/m/T",
    )
    return render(compiled(recipe, name), job)


@pytest.mark.parametrize("name", sorted(SHELF))
def test_a_recipe_is_sound(name: str) -> None:
    found = workspace(name)
    assert found.messages.keys() == SHELF[name].letters.keys()
    assert [compile_message(message, found.settings)[1] for message in found.messages.values()] == [[]] * len(
        found.messages
    )


@pytest.mark.parametrize("name", sorted(SHELF))
def test_every_flow_of_a_recipe_has_stories_and_every_message_is_sent_in_one(name: str) -> None:
    found = workspace(name)
    untold = UNTOLD.get(name, set())
    of_flow = {
        name: {step.message for step in all_steps(flow.steps) if isinstance(step, Send)}
        for name, flow in found.flows.items()
    }
    told = {flow for story in found.stories.values() for flow in story.flows}
    assert [flow for flow in found.flows.keys() - told if not of_flow[flow] & untold] == []
    sent = {e.what for story in found.stories.values() for e in story.expect if e.outcome == "sent"}
    assert found.messages.keys() - sent == untold


def test_no_two_recipes_write_the_same_file() -> None:
    settings = read_workspace({"tamshy.yaml": SETTINGS})[0].settings
    written = [path for recipe in SHELF.values() for path in fitted(recipe, settings, BRAND)]
    assert sorted(path for path in set(written) if written.count(path) > 1) == []


@pytest.mark.parametrize("recipe", SHELF.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_says_what_it_is(recipe: Recipe) -> None:
    assert re.fullmatch(r"[A-Z0-9].{4,60}", recipe.title)
    assert recipe.says.strip().endswith(".")
    assert recipe.letters


@pytest.mark.parametrize("one", ALL_LETTERS, ids=lambda one: one.name)
def test_a_letter_has_the_same_parts_in_every_language(one: Letter) -> None:
    assert list(one.wordings) == list(LOCALES)
    parts = {locale: sorted(wording.parts) for locale, wording in one.wordings.items()}
    assert set(map(tuple, parts.values())) == {tuple(parts["en"])}
    own = [part for part in one.order if part in one.wordings["en"].parts]
    assert sorted(own) == parts["en"]
    assert {part.partition(":")[0] for part in one.order} - set(own) <= PARTS.keys()
    assert one.order.count("button") == 1
    lists = {
        locale: [len(said) for said in w.parts.values() if isinstance(said, list)] for locale, w in one.wordings.items()
    }
    assert set(map(tuple, lists.values())) == {tuple(lists["en"])}


@pytest.mark.parametrize("one", ALL_LETTERS, ids=lambda one: one.name)
def test_no_language_was_forgotten(one: Letter) -> None:
    # What an English sentence would look like in the others: none of their texts is the English one, and each has its letters.
    for key in ("subject", "preheader", "title", "button"):
        texts = [getattr(one.wordings[locale], key) for locale in LOCALES]
        assert len(set(texts)) == len(LOCALES), key
    said = {
        locale: re.sub(r"\{[{%].*?[}%]\}", "", one.wordings[locale].preheader + one.wordings[locale].title)
        for locale in LOCALES
    }
    assert re.search("[а-яё]", said["ru"])
    assert not re.search("[әіңғүұқөһ]", said["ru"])
    assert re.search("[әіңғүұқөһ]", said["kk"])
    assert not re.search("[а-яё]", said["en"] + said["id"])


@pytest.mark.parametrize(("recipe", "name", "locale"), LETTERS)
def test_a_letter_with_everything_known(recipe: str, name: str, locale: str) -> None:
    made = letter(recipe, name, locale, sample.profile(locale), sample.event(locale), coupon=True)
    assert ("TEA-7KQM-2XPD" in made.html) == (
        f"code:{SHELF[recipe].letters[name].coupon}" in SHELF[recipe].letters[name].order
    )
    assert made.locale == locale
    assert made.preheader
    assert "!" not in made.subject + made.preheader
    # One main action, at least 44 px high: 20 px of line and 14 px of room above and below.
    assert len(re.findall(r'class="button"', made.html)) == 1
    assert "padding:14px 28px" in made.html
    assert f"{BASE}/m/T" in made.html
    marketing = workspace(recipe).messages[name].kind.value == "marketing"
    assert (f"{BASE}/u/T" in made.html) == (f"{BASE}/u/T" in made.plain) == marketing
    assert "Almaty 050000" in made.plain
    assert len(made.html.encode()) < 102 * 1024
    assert len(re.findall(r"\w+", re.sub(r"https?://\S+", "", made.plain))) < 200
    assert all(image.count(' alt="') == 1 and ' alt=""' not in image for image in re.findall(r"<img [^>]+>", made.html))


@pytest.mark.parametrize(("recipe", "name", "locale"), LETTERS)
def test_a_letter_with_nothing_known(recipe: str, name: str, locale: str) -> None:
    made = letter(recipe, name, locale, {}, {})
    assert made.subject.strip()
    assert "None" not in made.html
    assert "{{" not in made.html
    # Nothing stands where a name would: no greeting that ends in the air, no space before a mark.
    assert not re.search(r"(Hello|Здравствуйте|Halo)\s*[,!]", made.plain)
    assert not re.search(r"\s[,.!?:]|^[,.!?:]|\s\s", made.subject)


@pytest.mark.parametrize(
    ("recipe", "name", "locale", "lead"),
    [
        ("dormant", "dormant-missed", "en", "These are close to what you have chosen:"),
        ("new-client", "client-related", "ru", "Те, кто выбрал то же, что и\N{NO-BREAK SPACE}вы, добавили:"),
        ("new-client", "client-follow-up", "id", "Yang paling sering dipilih:"),
    ],
)
def test_what_is_recommended_is_announced_where_there_is_any(recipe: str, name: str, locale: str, lead: str) -> None:
    reader = sample.profile(locale), sample.event(locale)
    some, none = (
        letter(recipe, name, locale, *reader, picks=sample.picks(locale)),
        letter(recipe, name, locale, *reader),
    )
    assert [some.html.count(lead), none.html.count(lead)] == [1, 0]
    assert [some.html.count("pictures/shaynek.png"), none.html.count("pictures/shaynek.png")] == [1, 0]


def test_an_empty_list_of_products_leaves_no_empty_table() -> None:
    kinds: list[dict[str, object]] = [{"products": []}, {}, {"products": sample.event("en")["products"], "value": 79}]
    made = [letter("abandoned-cart", "cart-reminder", "en", {}, event).html for event in kinds]
    assert made[0] == made[1]
    assert ["Total" in html for html in made] == [False, False, True]


def test_no_line_begins_with_a_dash_or_ends_with_a_russian_word_of_one_letter() -> None:
    bound = "\N{NO-BREAK SPACE}"
    assert f"Понравится{bound}— передайте" in letter("readiness", "ready-book", "ru", {}, {}).html
    assert f"рождения в{bound}семье" in letter("birthday", "birthday-relative", "ru", {}, {}).html
    assert f"Көшу{bound}— өсімдікке" in letter("usage-tips", "tips-plants", "kk", {}, {}).html


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ("first-purchase", "first-help"),
        ("lead-follow-up", "guide-help"),
        ("readiness", "ready-thanks"),
        ("win-back", "winback-owner"),
    ],
)
def test_a_button_that_says_write_to_us_begins_an_answer(recipe: str, name: str) -> None:
    made = letter(recipe, name, "en", {}, {})
    assert made.html.count('href="mailto:hello@shop.example"') == 1
    assert "mailto:hello@shop.example" in made.plain


def test_a_recipe_is_dressed_in_the_topics_of_the_shop() -> None:
    plain = {"tamshy.yaml": "topics: {letters: {}, other: {}}\n"}
    files = fitted(SHELF["abandoned-cart"], read_workspace(plain)[0].settings, Brand())
    assert "topic: letters\n" in files["messages/cart-reminder/message.yaml"]
    assert "subscribed: [letters]" in files["stories/cart-no-answer.yaml"]
    assert [path for path, text in files.items() if "$" in text] == []


def test_a_shop_in_another_language_gets_the_english_words_under_its_own() -> None:
    plain = {
        "tamshy.yaml": "locale: pt-BR\ntopics: {offers: {}, news: {}}\nurl: https://shop.example\nfrom: a@shop.example\n"
    }
    files = fitted(SHELF["advocates"], read_workspace(plain)[0].settings, Brand())
    assert sorted(path for path in files if path.startswith("messages/advocate-invite/")) == [
        f"messages/advocate-invite/{name}"
        for name in ("en.mjml", "id.mjml", "kk.mjml", "message.yaml", "pt-BR.mjml", "ru.mjml")
    ]
    assert read_workspace({**plain, **files})[1] == []
    assert '<mjml lang="pt-BR">' in files["messages/advocate-invite/pt-BR.mjml"]
    assert "Thank you for your stars." in files["messages/advocate-invite/pt-BR.mjml"]
