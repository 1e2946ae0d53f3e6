"""The page about templates names everything that there is, and what it shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tamshy.language.liquid import MESSAGE_ROOTS, known_filters, known_tags
from tamshy.language.model import Template
from tamshy.render import Manner, evaluate

PAGE = (Path(__file__).parents[3] / "docs/reference/templates.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (`.*?`) \|" + r" (.*?) \|" * 4 + "$", re.MULTILINE)


@pytest.mark.parametrize("name", [*known_tags(), *known_filters(), *MESSAGE_ROOTS])
def test_every_name_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("row", ROW.findall(PAGE), ids=lambda row: row[0])
def test_every_row_shows_what_is_written(row: tuple[str, ...]) -> None:
    text = row[0].partition("` or `")[0].strip("`").replace("\\|", "|")
    template = text if text.startswith("{{") else f"{{{{ now | {text} }}}}"
    for locale, expected in zip(("en", "ru", "kk", "id"), row[1:], strict=True):
        written = evaluate(Template(template), {}, Manner(locale, "Asia/Almaty", "KZT", "2026-03-02T11:00:00Z"))
        assert str(written).replace("\u00a0", " ").replace("\u202f", " ") == expected


def test_the_rows_are_found() -> None:
    assert len(ROW.findall(PAGE)) == 5
