"""Recipes into a folder: what is written, what is left as it is, and what is refused before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tamshy.language import read_folder, read_workspace
from tamshy.recipes import Unaddable, UnusableBrand, add, bundles, dress, read_brand, recipes
from tamshy.recipes.brand import starting_brand

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
name: Qumyra
url: https://qumyra.example
from: Qumyra <hello@qumyra.example>
topics: {offers: {}, news: {}}
"""
BODY = "messages/advocate-invite/en.mjml"
FLOW = "flows/advocates.yaml"


def everything(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def begun(folder: Path, settings: str = SETTINGS) -> Path:
    """A shop that has nothing but settings."""
    shop = folder / "shop"
    shop.mkdir()
    (shop / "tamshy.yaml").write_text(settings, encoding="utf-8")
    return shop


def test_a_new_folder_gets_settings_a_brand_and_drawings_and_is_sound(tmp_path: Path) -> None:
    addition = add(["advocates"], tmp_path / "shop")
    assert addition.written == (
        "flows/advocates.yaml",
        "messages/advocate-invite/en.mjml",
        "messages/advocate-invite/id.mjml",
        "messages/advocate-invite/kk.mjml",
        "messages/advocate-invite/message.yaml",
        "messages/advocate-invite/ru.mjml",
        "stories/advocate-five-stars.yaml",
        "stories/advocate-money-back.yaml",
        "stories/advocate-three-stars.yaml",
        "tamshy.yaml",
        "brand.yaml",
        "pictures/thanks.png",
    )
    assert (addition.dressed, addition.kept, addition.same) == ((), (), ())
    assert sorted(everything(tmp_path / "shop")) == sorted(addition.written)
    workspace, problems = read_workspace(read_folder(tmp_path / "shop"))
    assert problems == []
    assert list(workspace.flows) == ["advocates"]
    assert addition.next[0] == "tamshy.yaml: put in your shop's name, address, zone, currency and topics"
    assert (
        "advocates: your shop has to send the event 'Product Reviewed' with 'rating', 'product_id', 'name'"
        in addition.next
    )


def test_added_twice_nothing_changes(tmp_path: Path) -> None:
    shop = begun(tmp_path)
    add(["advocates", "welcome"], shop)
    before = everything(shop)
    addition = add(["welcome", "advocates"], shop)
    assert (addition.written, addition.dressed, addition.kept, addition.next) == ((), (), (), ())
    assert everything(shop) == before


def test_what_was_edited_is_kept_and_what_was_removed_comes_back(tmp_path: Path) -> None:
    shop = begun(tmp_path)
    add(["advocates"], shop)
    edited = (shop / FLOW).read_text("utf-8").replace("wait: 2d", "wait: 3d")
    (shop / FLOW).write_text(edited, encoding="utf-8")
    (shop / "stories/advocate-five-stars.yaml").unlink()
    (shop / "brand.yaml").write_text('accent: "#1D4ED8"\n', encoding="utf-8")
    addition = add(["advocates"], shop)
    assert addition.kept == (FLOW,)
    assert addition.written == ("stories/advocate-five-stars.yaml",)
    # Nobody had touched the bodies, so they follow the brand.
    assert addition.dressed == tuple(f"messages/advocate-invite/{locale}.mjml" for locale in ("en", "id", "kk", "ru"))
    assert (shop / FLOW).read_text("utf-8") == edited
    assert (shop / "brand.yaml").read_text("utf-8") == 'accent: "#1D4ED8"\n'


def test_a_new_brand_re_dresses_all_bodies_but_those_that_were_edited(tmp_path: Path) -> None:
    shop = begun(tmp_path)
    add(["advocates", "welcome"], shop)
    before = everything(shop)
    mine = (shop / BODY).read_text("utf-8").replace("Thank you for your stars.", "Thank you.")
    (shop / BODY).write_text(mine, encoding="utf-8")
    brand = 'accent: "#1D4ED8"\naddress: "12 Shai Street, Almaty"\nlogo: "https://qumyra.example/logo.png"\nradius: 0\n'
    (shop / "brand.yaml").write_text(brand, encoding="utf-8")
    addition = dress(shop)
    bodies = [path for path in before if path.endswith(".mjml") and path != BODY]
    assert addition.dressed == tuple(sorted(bodies))
    assert addition.kept == (BODY,)
    assert (shop / BODY).read_text("utf-8") == mine
    after = everything(shop)
    assert {path for path in after if after[path] != before[path]} == {*bodies, BODY, "brand.yaml"}
    dressed = after["messages/welcome/ru.mjml"].decode()
    assert 'background-color="#1D4ED8"' in dressed
    assert "#0F766E" not in dressed
    assert '<img src="https://qumyra.example/logo.png"' in dressed
    assert "{{ shop.name }}, 12 Shai Street, Almaty" in dressed
    assert read_workspace(read_folder(shop))[1] == []
    assert dress(shop).dressed == ()


def test_the_starting_brand_is_the_brand_of_who_has_none() -> None:
    assert read_brand(starting_brand()) == read_brand(None)


def test_somebody_elses_flow_of_the_same_name_is_not_mixed_with_the_recipe(tmp_path: Path) -> None:
    shop = begun(tmp_path)
    (shop / "flows").mkdir()
    (shop / FLOW).write_text("trigger: {event: Signed Up}\nsteps: [{exit: mine}]\n", encoding="utf-8")
    before = everything(shop)
    with pytest.raises(Unaddable) as refused:
        add(["advocates"], shop)
    assert str(refused.value) == (
        f"{shop / FLOW} is there already and is not of the recipe advocates; rename or remove it, nothing was written"
    )
    assert everything(shop) == before


def test_a_folder_with_problems_is_told_them_and_left_alone(tmp_path: Path) -> None:
    shop = begun(tmp_path, "nmae: Qumyra\n")
    before = everything(shop)
    with pytest.raises(
        Unaddable, match=r"has problems of its own; mend them first:\n  tamshy.yaml:1:1: unknown key 'nmae'"
    ):
        add(["advocates"], shop)
    assert everything(shop) == before


def test_a_shop_without_topics_is_told_so(tmp_path: Path) -> None:
    shop = begun(tmp_path, "name: Qumyra\n")
    with pytest.raises(Unaddable, match=r"(?s)nothing was written:.*topic"):
        add(["advocates"], shop)
    assert list(everything(shop)) == ["tamshy.yaml"]


def test_an_unknown_recipe_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(Unaddable) as refused:
        add(["advocate"], tmp_path / "shop")
    assert (
        str(refused.value) == f"there is no recipe 'advocate'; there are {', '.join([*recipes(), 'whole-lifecycle'])}"
    )
    assert not (tmp_path / "shop").exists()


def test_the_whole_lifecycle_is_all_recipes_but_those_that_stand_for_another(tmp_path: Path) -> None:
    whole = bundles()["whole-lifecycle"].recipes
    assert sorted(recipes().keys() - set(whole)) == ["abandoned-cart-code", "welcome-code"]
    assert set(whole) <= recipes().keys()
    one, other = begun(tmp_path), tmp_path / "other"
    other.mkdir()
    (other / "tamshy.yaml").write_text(SETTINGS, encoding="utf-8")
    said = add(["welcome", "whole-lifecycle"], one).next
    add(list(whole), other)
    assert everything(one) == everything(other)
    assert said[0] == (
        "tamshy.yaml: add 'caps: [{messages: 1, per: 16h}, {messages: 3, per: 7d}]', or everybody hears from all of them"
    )
    assert add(["whole-lifecycle"], one).written == ()


def test_a_bundle_says_nothing_of_caps_where_there_are_some(tmp_path: Path) -> None:
    assert [hint for hint in add(["whole-lifecycle"], tmp_path / "shop").next if "caps" in hint] == []


def test_a_shop_with_other_topics_and_another_language_is_told_what_became_of_them(tmp_path: Path) -> None:
    shop = begun(tmp_path, "locale: pt-BR\ntopics: {letters: {}}\nurl: https://shop.example\n")
    said = add(["advocates"], shop).next
    assert "tamshy.yaml: add 'from: Name <address>', whom the mails are from" in said
    assert "messages/*/pt-BR.mjml hold the English words until you translate them" in said
    topic = "its mails belong to your topic 'letters'; change 'topic' in messages/*/message.yaml if that is not right"
    assert topic in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accent: teal", "accent: a colour such as #0F766E"),
        (
            'accent: "#F2C94C"',
            "accent: too pale to be read on white, or under a white word; #8A732B is the nearest that is not",
        ),
        ('soft: "#14212B"', "soft: too dark for the code that stands on it; take a paler one"),
        ("radius: 90", "radius: a whole number of pixels, from 0 to 32"),
        ("logo: logo.png", "logo: an address that begins with https://, or empty"),
        (
            'font: "Arial; color: red"',
            "font: names of fonts with commas between them, in single quotes where they need any",
        ),
        ('address: "{{ event.x }}"', "address: no < and > and no Liquid"),
        ("colour: x", "unknown key 'colour'; there are accent, address, font, logo, pictures, radius, soft"),
        ("- a", "not a list of keys; there are accent, address, font, logo, pictures, radius, soft"),
        ("radius: '8'", "radius: a whole number of pixels, from 0 to 32"),
        ("address: 5", "address: text, in quotes"),
    ],
)
def test_a_brand_that_cannot_be_worn_is_refused_with_its_mend(text: str, said: str) -> None:
    with pytest.raises(UnusableBrand) as refused:
        read_brand(text)
    assert str(refused.value) == f"brand.yaml: {said}"
