"""Documentation is held to the code: what a page lists is what there is, no more and no less."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from tests.contract.statements import PACKAGE, ROOT, compiled, named, texts, written
from tests.contract.test_writers import MERGING, WRITERS, tables

from tamshy.deliver import Reason
from tamshy.language.stories import EXIT_REASONS

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
REASONS = (DOCS / "reference/reasons.md").read_text(encoding="utf-8")


def listed(page: str, heading: str) -> list[tuple[str, ...]]:
    """The rows of the first table under a heading, without head and marks of code."""
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [tuple(cell.strip().strip("`") for cell in row.strip("|").split("|")) for row in rows]


def woven(name: str) -> str:
    return next(said.sql for said in compiled() if said.name == f"{name} of oracle")


def judged(name: str) -> list[str]:
    """The reasons of a statement's `judged` part, in the order in which they are looked at."""
    part = woven(name).split("judged as materialized", 1)[1].split("as reason", 1)[0]
    return re.findall(r"then '(\w+)'\s*(?=when|end)", part)


def test_the_page_lists_the_refusals_in_the_order_they_are_looked_at() -> None:
    assert [row[0] for row in listed(REASONS, "Refused")] == judged("opening.build_opening")


def test_the_page_lists_the_decisions_in_the_order_they_are_looked_at() -> None:
    rows = listed(REASONS, "Decisions about messages")
    assert [row[0] for row in rows] == [*judged("deciding.build"), "render_error"]
    assert "then 'render_error'" in woven("settling.build") or "'render_error' end" in woven("settling.build")


def test_the_page_lists_the_exits() -> None:
    words = [row[0] for row in listed(REASONS, "Exits")]
    assert words == [*EXIT_REASONS, "any other word"]


def test_the_page_lists_the_problems() -> None:
    found = set()
    for said in [*named(), *compiled()]:
        found |= set(re.findall(r"'problem',[^']*(?:''[^']*)?'(\w+)',\s*'(\w+)'", said.plain))
    assert {row[:2] for row in listed(REASONS, "Problems")} == found


def test_the_page_lists_the_words_of_suppression() -> None:
    texts_ = [said.plain for said in [*named(), *written()]]
    found = {word for text in texts_ for word in re.findall(r"""['"]reason['"][,:]\s*['"](\w+)['"]""", text)}
    found |= {word for text in texts_ for word in re.findall(r"->> 'reason', '(\w+)'", text)}
    found |= {word for text in texts_ for word in re.findall(r"keyed_address\([^)]*\), '(\w+)'", text)}
    assert {row[0] for row in listed(REASONS, "Suppression")} == found


def test_every_source_of_consent_on_the_page_is_in_the_code() -> None:
    constants = {
        text for file in PACKAGE.rglob("*.py") for _, text in texts(ast.parse(file.read_text(encoding="utf-8")))
    }
    sql = " ".join(said.sql for said in [*named(), *compiled()])
    words = [row[0] for row in listed(REASONS, "Whose word consent is")]
    assert [word for word in words if word not in constants and f"'{word.removesuffix('NAME')}'" not in sql] == []


def test_both_pages_list_the_reasons_of_delivery() -> None:
    all_words = {reason.value for reason in Reason}
    section = REASONS.split("\n## Delivery\n", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`(\w+)`", section)) == all_words
    page = (DOCS / "reference/delivery.md").read_text(encoding="utf-8")
    assert {row[0] for row in listed(page, "Reasons")} == all_words


def test_the_page_lists_the_tables_with_their_writers() -> None:
    page = (DOCS / "reference/tables.md").read_text(encoding="utf-8").replace("# Tables", "# Tables\n\n## Tables", 1)
    writers = {table: set(packages) for table, packages in WRITERS.items()}
    for table in MERGING:
        writers[table].add("passes")
    writers["schema_version"] = {"sqlkit"}
    assert tables() | {"schema_version"} == writers.keys()
    assert {row[0]: set(row[2].split(", ")) for row in listed(page, "Tables")} == writers


def test_every_package_is_on_the_map_and_no_place_is_left_empty() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    on_the_map = {name for layer in layers for name in re.findall(r"(?<!\()\b[a-z]+\b(?!\))", layer)}
    built = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert on_the_map == built


PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md"), *(ROOT / "tests").rglob("*.md"), *ROOT.glob("*.md")]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|^    .*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))
    dead = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as web hosts of repositories make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("folder", ["explanation", "reference", "adr"])
def test_the_index_names_every_page(folder: str) -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in sorted((DOCS / folder).glob("*.md")) if f"({folder}/{page.name})" not in index] == []
