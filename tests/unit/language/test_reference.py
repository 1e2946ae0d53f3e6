"""The reference page is what the parser goes by."""

from __future__ import annotations

from pathlib import Path

from tests.unit.language.shop import said

from tamshy.language import vocabulary
from tamshy.language.model import Operator
from tamshy.language.reference import reference

PAGE = Path(__file__).parents[3] / "docs/reference/language.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference(), (
        "write it anew: python -c 'from tamshy.language.reference import reference; print(reference(), end=\"\")'"
        " > docs/reference/language.md"
    )


def test_every_key_verb_and_operator_is_on_the_page() -> None:
    page = reference()
    forms = [value for value in vars(vocabulary).values() if isinstance(value, vocabulary.Form)]
    assert len(forms) > 30
    for form in forms:
        title = form.name.replace("'", "`")
        assert f"### {title[0].upper()}{title[1:]}" in page
        for key in form.keys:
            assert f"`{key.name}`" in page
    for word in (*vocabulary.VERBS, *vocabulary.BEHAVIOUR_KEYS, *Operator):
        assert f"| `{word}` |" in page


def test_a_key_that_the_page_does_not_know_is_refused_in_every_form() -> None:
    for name, text in {
        "tamshy.yaml": "xyzzy: 1",
        "flows/cart.yaml": "trigger: {event: E}\nsteps: []\nxyzzy: 1",
        "messages/hello/message.yaml": "subject: {en: Hi}\nxyzzy: 1",
        "stories/s.yaml": "profile: {id: u}\nstart: 2026-03-02\nxyzzy: 1",
    }.items():
        assert any("unknown key 'xyzzy'" in line for line in said({name: text})), name
