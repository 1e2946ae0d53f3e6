"""What can be taken out of the program is all there is: every word of the parser's tables, and something of every numbered rule.

That a test notices each of them is proved by `make prove` (``tests/prove/test_removals.py``).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from enum import StrEnum

import pytest
from tests.contract.test_rules import RULES
from tests.prove.removals import rules
from tests.prove.removals.grammar import NO_ALTERNATIVES, TABLES, alternatives, modules, short, words_of
from tests.prove.removals.judging import asked
from tests.prove.removals.removal import END, Edit, Stale, Texts

from tamshy.language import trees
from tamshy.language.reference import reference

WITHOUT_CHOICE = {
    "Aggregation": "its members are keys of `did`",
    "BodyFormat": "its members are endings of files",
    "ChangeKind": "what a plan says of a file, nothing that is written",
    "Engaged": "its members are verbs of conditions",
    "Operator": "taken out by what they look at",
    "ReentryKind": "two of its members are words, the third is a mapping",
    "Root": "its members are what references begin with",
    "Thing": "kinds of names, nothing that is written",
}
"""Enumerations of the language that no reader of one word is given, each with the reason."""


def test_every_removal_fits_the_program_and_leaves_python_that_can_be_read() -> None:
    texts = Texts()
    for removal in (*alternatives(), *rules.REMOVALS):
        behind = all(edit.old == END for edit in removal.edits)
        for file, text in removal.files(texts).items():
            assert text != texts[file], removal.name
            if file.endswith(".py"):
                # What comes behind everything else can be read alone.
                ast.parse(text.removeprefix(texts[file]) if behind else text)


def test_every_removal_has_a_name_of_its_own() -> None:
    names = Counter(removal.name for removal in (*alternatives(), *rules.REMOVALS))
    assert [name for name, times in names.items() if times > 1] == []


def test_every_rule_can_be_taken_out() -> None:
    assert sorted({removal.rule for removal in rules.REMOVALS}) == list(RULES)


def test_every_table_of_words_is_known_for_what_it_holds() -> None:
    found = {
        f"{short(module)}.{name}"
        for module in modules()
        for name, value in vars(module).items()
        if words_of(value) and not name.startswith("__")
    }
    told = {f"{module}.{table}" for module, tables in TABLES.items() for table in tables}
    known = told | NO_ALTERNATIVES.keys()
    names = {one.rpartition(".")[2] for one in known}
    # What a module has imported of another goes by the same name.
    assert sorted(one for one in found - known if one.rpartition(".")[2] not in names) == []
    assert sorted(known - found) == []


def test_every_enumeration_is_read_by_somebody() -> None:
    enumerations = {
        name
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, StrEnum) and value.__module__ == module.__name__
    }
    read = {
        name
        for removal in alternatives()
        for edit in removal.edits
        for name in re.findall(r"^_Without\((\w+),", edit.new)
    }
    assert sorted(enumerations - read) == sorted(WITHOUT_CHOICE)


def test_every_word_is_on_the_reference_page() -> None:
    written = " ".join(re.findall(r"`([^`]*)`", reference()))
    page = {*re.findall(r"[\w./-]+", written), *re.findall(r"[^\W\d]\w*", written)}
    words = {removal.word.strip(".") for removal in alternatives()} - {"", *trees._NULL, *trees._TRUTH}
    assert len(words) > 300
    assert sorted(words - page) == []


def test_an_edit_that_fits_no_more_is_refused() -> None:
    with pytest.raises(Stale, match=r"x\.py holds this 0 times"):
        Edit("x.py", "there", "here").applied("nothing of the kind")
    with pytest.raises(Stale, match=r"x\.py holds this 2 times"):
        Edit("x.py", "there", "here").applied("there and there")
    assert Edit("x.py", "there", "here", 10).applied("there and there") == "there and here"


@pytest.mark.prove
def test_of_every_rule_a_test_named_after_it_is_asked() -> None:
    for removal in rules.REMOVALS:
        first = next(asked(removal))
        assert any(re.search(rf"rule_0?{removal.rule}_", word) for word in first), removal.name
