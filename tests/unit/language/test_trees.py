"""YAML 1.2, core schema, with positions (rule 20), and the place of a character inside a scalar."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tamshy.language.model import Position
from tamshy.language.trees import Items, Leaf, Mapping, place_in_leaf, read_tree


def values(text: str) -> dict[str, object]:
    tree, problems = read_tree(text, "f.yaml")
    assert problems == []
    assert isinstance(tree, Mapping)
    return {name: entry.value.value for name, entry in tree.entries.items() if isinstance(entry.value, Leaf)}


def test_rule_20_on_no_times_and_dates_are_text() -> None:
    assert values(
        "a: on\nb: no\nc: 10:00\nd: 2026-12-24\ne: 12-25\nf: y\ng: off\nh: 1d12h\ni: 10%\nj: -7d\non: "
        "yes\n") == {
        "a": "on", "b": "no", "c": "10:00", "d": "2026-12-24", "e": "12-25", "f": "y", "g": "off", "h": "1d12h",
        "i": "10%", "j": "-7d", "on": "yes",
    }  # fmt: skip


def test_the_core_schema_s_numbers_truths_and_nothings() -> None:
    assert values(
        'a: 1\nb: -12\nc: 1.50\nd: 1e3\ne: 0x1F\nf: 0o17\ng: True\nh: ~\ni:\nj: null\nk: "1"\nl: '
        '012\nm: .5\n') == {
        "a": 1, "b": -12, "c": Decimal("1.50"), "d": Decimal(1000), "e": 31, "f": 15, "g": True, "h": None, "i": None,
        "j": None, "k": "1", "l": 12, "m": Decimal("0.5"),
    }  # fmt: skip


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_each_spelling_of_nothing_is_nothing(word: str) -> None:
    assert values(f"a: {word}\n") == {"a": None}


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False)],
)
def test_each_spelling_of_a_truth_value_is_one(word: str, *, value: bool) -> None:
    assert values(f"a: {word}\n") == {"a": value}


def test_places_are_counted_from_one() -> None:
    tree, _ = read_tree("# comment\na:\n  - b: ключ\n", "f.yaml")
    assert isinstance(tree, Mapping)
    assert tree.entries["a"].at == Position("f.yaml", 2, 1)
    items = tree.entries["a"].value
    assert isinstance(items, Items)
    assert items.at == Position("f.yaml", 3, 3)
    inner = items.items[0]
    assert isinstance(inner, Mapping)
    assert (inner.entries["b"].at, inner.entries["b"].value.at) == (Position("f.yaml", 3, 5), Position("f.yaml", 3, 8))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb: 2\na: 3\n", ["f.yaml:3:1: the key 'a' stands here already, in line 1"]),
        (
            "a: &x 1\nb: *x\n",
            [
                "f.yaml:1:4: the anchor '&x' is not taken; write it out where it is used",
                "f.yaml:2:4: the alias '*x' is not taken; write it out",
            ],
        ),
        ("a: !!str 1\n", ["f.yaml:1:4: the tag 'tag:yaml.org,2002:str' is not taken; write plain values"]),
        ("a: !x {}\n", ["f.yaml:1:4: the tag '!x' is not taken; write plain values"]),
        ("a: 1\n---\nb: 2\n", ["f.yaml:2:1: a second document in one file; each file holds one thing"]),
        ("%YAML 1.1\n---\na: 1\n", ["f.yaml:2:1: directives are not taken: the file is YAML 1.2"]),
        ("? [1]\n: 2\n", ["f.yaml:1:3: a key must be a word"]),
        ("a: .inf\n", ["f.yaml:1:4: .inf is not a number that can be worked with; quote it if it is text"]),
        ("a: 1e99\n", ["f.yaml:1:4: 1e99 is not a number that can be worked with; quote it if it is text"]),
        ('a: "\\0"\n', ["f.yaml:1:4: text must not hold the character NUL or half a surrogate pair"]),
        ("a: b: c\n", ["f.yaml:1:5: broken YAML: mapping values are not allowed here"]),
        ("a: 'x\n", ["f.yaml:2:1: broken YAML: found unexpected end of stream while scanning a quoted scalar"]),
        (
            "a:\n\tb: 1\n",
            [
                (
                    "f.yaml:2:1: broken YAML: found character '\\t' that cannot start any token while scanning for "
                    "the next token"
                )
            ],
        ),
        ("a: \x07\n", ["f.yaml:1:4: broken YAML: a character that text must not hold"]),
        ("[" * 50, ["f.yaml:1:41: nested more than 40 deep"]),
    ],
)
def test_what_can_surprise_is_refused(text: str, problems: list[str]) -> None:
    assert [str(problem) for problem in read_tree(text, "f.yaml")[1]] == problems


@pytest.mark.parametrize(
    "written",
    [
        "plain {{ x }}",
        "plain\n  that goes on {{ x }}",
        "'it''s {{ x }}'",
        '"say \\"hi\\" \\u00e9 {{ x }}"',
        '"a line \\\n  goes on {{ x }}"',
        "|\n  kept\n    {{ x }}\n",
        ">-\n  folded\n  {{ x }}\n",
    ],
)
def test_the_place_of_a_character_inside_a_scalar(written: str) -> None:
    source = f"a: {written}\n"
    tree, problems = read_tree(source, "f.yaml")
    assert problems == []
    assert isinstance(tree, Mapping)
    leaf = tree.entries["a"].value
    assert isinstance(leaf, Leaf)
    place = place_in_leaf(source, leaf, leaf.text.index("{{ x"))
    lines = source.split("\n")
    assert lines[place.line - 1][place.column - 1 :].startswith("{{ x }}")
