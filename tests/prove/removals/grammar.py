"""Every alternative of the grammar, found in what the parser goes by: a new one is found too, and waits for its test.

From the vocabulary's forms each key, from its tables and the parser's each word, from enumerations each member that a reader of
one word is given, from the readers' own text where a list may stand for one thing and where a duration may be nothing or
negative. What no table holds is written out in ``shapes.py``.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from liquid import Environment
from tests.prove.removals.removal import END, Edit, Removal, Texts
from tests.prove.removals.shapes import SHAPES

import tamshy.language
from tamshy.language import comparisons, liquid, vocabulary
from tamshy.language.recommending import RECOMMEND
from tamshy.language.vocabulary import Form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FILTERS: Final = frozenset(Environment().filters)
"""The filters of the library itself."""
TABLES: Final = {
    "fields": ("WEEKDAYS",),
    "flows": ("_OCCASIONS", "_REENTRY_WORDS"),
    "liquid": ("VALUE_ROOTS", "MESSAGE_ROOTS"),
    "messages": ("_ENDINGS",),
    "offers": ("KINDS",),
    "products": ("TEXTS", "NUMBERS", "LISTS"),
    "recommending": ("KINDS", "_ARGUMENTS", "_IDS"),
    "stories": ("DECISION_REASONS", "REFUSAL_REASONS", "EXIT_REASONS"),
    "trees": ("_NULL", "_TRUTH"),
    "vocabulary": (
        "CLOCKS",
        "ENGAGEMENTS",
        "HEADINGS",
        "MERGEABLE",
        "METHODS",
        "MOMENT_ROOTS",
        "OUTCOMES",
        "PLAIN_CONDITIONS",
        "REFERENCE_ROOTS",
        "TARGETS",
        "UNITS",
        "UTM",
    ),
    "workspace": ("THING_FOLDERS", "_PRODUCT_FILES"),
}
"""The parser's tables of words, by module: each word is an alternative."""

NO_ALTERNATIVES: Final = {
    "comparisons._EQUAL": "operators: taken out by what they look at, see `_operators`",
    "comparisons._ORDER": "operators, like those",
    "comparisons._SPECIAL": "the readers of operands",
    "conditions._MODIFIERS": "made of BEHAVIOUR_KEYS",
    "conditions._PLAIN": "the readers of PLAIN_CONDITIONS",
    "conditions._READERS": "the readers of BEHAVIOUR_KEYS",
    "diff._WRITTEN": "how a change is told",
    "flows.OFFER_KINDS": "offers.KINDS by another name",
    "liquid.LEFT_OUT_FILTERS": "what there is not",
    "liquid.LOCALE_FILTERS": "taken out one by one, see `_library`",
    "liquid.LEFT_OUT_TAGS": "what there is not",
    "matches._FLIPS": "events by the words of an enumeration",
    "offers._FORMS": "the forms of KINDS",
    "offers._INNER": "the forms of KINDS",
    "outward._OURS": "what is refused",
    "products.KNOWN": "made of the tables beside it, for hints",
    "recommending._PRODUCTS_ALONE": "what a kind goes by when it is told nothing",
    "reference.GROUPS": "what buyers are called: values",
    "reference.PRODUCT_TEXTS": "products.TEXTS by another name",
    "reference._EXAMPLES": "of the page",
    "reference._OPERANDS": "of the page",
    "settings._LEAST_DAYS": "the least of each key of `keep`",
    "settings._WHY": "of problems",
    "steps._BESIDE": "made of VERBS, for hints",
    "steps._READERS": "the readers of VERBS",
    "steps._RESERVED_IDS": "what is refused",
    "trees._ESCAPE_LENGTH": "of YAML's own escapes, for places",
    "vocabulary.BEHAVIOUR_KEYS": "taken out one by one, see `_behaviours`",
    "vocabulary.FIGURES": "taken out one by one, see `_figures`",
    "vocabulary.ROOTS_WITHIN": "part of REFERENCE_ROOTS",
    "vocabulary.VERBS": "taken out one by one, see `_verbs`",
    "vocabulary._WINDOW": "part of BEHAVIOUR_KEYS",
    "folders._TEXTS": "what is read of a disk",
    "waits._MOMENTS": "part of MOMENT_ROOTS",
    "workspace.ALL_FOLDERS": "made of the tables beside it, for hints",
}
"""Tables of words that hold no alternatives, each with the reason."""


@cache
def alternatives() -> tuple[Removal, ...]:
    """Every alternative of the grammar, each to be taken out."""
    found = [*_forms(), *_verbs(), *_behaviours(), *_figures(), *_operators(), *_tables(), *_library(), *_calls()]
    return (*found, *SHAPES)


def modules() -> list[ModuleType]:
    """The modules of the language; the vocabulary first, so that what others import of it counts as its own."""
    names = sorted(one.name for one in pkgutil.iter_modules(tamshy.language.__path__) if not one.ispkg)
    names.sort(key=lambda name: name != "vocabulary")
    return [importlib.import_module(f"tamshy.language.{name}") for name in names]


def short(module: ModuleType) -> str:
    """A module's name without its package's."""
    return module.__name__.rpartition(".")[2]


def words_of(value: object) -> list[str]:
    """The words of a table: of a mapping its keys; none where it is no table of words."""
    if not isinstance(value, tuple | dict | frozenset | set):
        return []
    found = [one.value if isinstance(one, Enum) else one for one in value]
    words = [one for one in found if isinstance(one, str)]
    return sorted(words) if words and len(words) == len(found) else []


# -- keys of forms ---------------------------------------------------------------------------------------------------


def forms() -> Iterator[tuple[str, str, Form]]:
    """Every form of the language: the module it stands in, how it is reached there, and itself."""
    seen: set[int] = set()
    for module in modules():
        for name, value in vars(module).items():
            several = list(enumerate(value)) if isinstance(value, tuple) else []
            for path, one in [(name, value), *((f"{name}[{place}]", member) for place, member in several)]:
                if isinstance(one, Form) and id(one) not in seen:
                    seen.add(id(one))
                    yield short(module), path, one


def _forms() -> Iterator[Removal]:
    for module, path, form in forms():
        for key in form.keys:
            left = f"tuple(key for key in {path}.keys if key.name != {key.name!r})"
            unknown = Edit(f"language/{module}.py", END, f'object.__setattr__({path}, "keys", {left})')
            yield Removal(f"{form.name}: {key.name}", (unknown,), key.name)
            if not key.required:
                yield _unheard(form.name, key.name, [form.name])


def _unheard(whose: str, key: str, names: list[str]) -> Removal:
    """The key may stand there, and nothing comes of it."""
    end = f"""
_told = mapping


def mapping(reading, tree, form):
    found = _told(reading, tree, form)
    if found is not None and form.name in {names!r}:
        found.pop({key!r}, None)
    return found"""
    return Removal(f"{whose}: {key}, not heard", (Edit("language/fields.py", END, end),), key)


def _verbs() -> Iterator[Removal]:
    file = "language/vocabulary.py"
    for verb in vocabulary.VERBS.values():
        yield Removal(f"step: {verb.name}", (Edit(file, END, f"del VERBS[{verb.name!r}]"),), verb.name)
        for key in verb.beside:
            left = f"tuple(key for key in VERBS[{verb.name!r}].beside if key.name != {key.name!r})"
            unknown = Edit(file, END, f'object.__setattr__(VERBS[{verb.name!r}], "beside", {left})')
            yield Removal(f"{verb.form.name}: {key.name}", (unknown,), key.name)
            yield _unheard(verb.form.name, key.name, [verb.form.name])
    every = [verb.form.name for verb in vocabulary.VERBS.values()]
    for key in vocabulary._COMMON:
        left = f"_COMMON = tuple(key for key in _COMMON if key.name != {key.name!r})"
        yield Removal(f"any step: {key.name}", (Edit(file, END, left),), key.name)
        yield _unheard("any step", key.name, every)


# -- conditions ------------------------------------------------------------------------------------------------------


def _behaviours() -> Iterator[Removal]:
    file = "language/vocabulary.py"
    for verb, keys in vocabulary.BEHAVIOUR_KEYS.items():
        yield Removal(f"condition: {verb}", (Edit(file, END, f"del BEHAVIOUR_KEYS[{verb!r}]"),), verb)
        for key in keys:
            left = f"BEHAVIOUR_KEYS[{verb!r}] = tuple(key for key in BEHAVIOUR_KEYS[{verb!r}] if key != {key!r})"
            yield Removal(f"condition {verb}: {key}", (Edit(file, END, left),), key)
            end = f"""
_told = _READERS[{verb!r}]
_READERS[{verb!r}] = lambda reading, verb, entry, keys, scope: _told(
    reading, verb, entry, {{name: tree for name, tree in keys.items() if name != {key!r}}}, scope
)"""
            if (verb, key) not in {("last", "ago"), ("first", "ago"), ("top", "by")}:  # it must be there
                yield Removal(f"condition {verb}: {key}, not heard", (Edit("language/conditions.py", END, end),), key)


def _figures() -> Iterator[Removal]:
    for root, names in vocabulary.FIGURES.items():
        for name in names:
            left = f"FIGURES[{root!r}] = tuple(name for name in FIGURES[{root!r}] if name != {name!r})"
            yield Removal(f"reference: {root}.{name}", (Edit("language/vocabulary.py", END, left),), f"{root}.{name}")


def _operators() -> Iterator[Removal]:
    file = "language/comparisons.py"
    for measure, operators in comparisons._ALLOWED.items():
        of = f"Measure.{measure.name}"
        for operator in operators:
            what = f"Operator.{operator.name}"
            name = f"test of a {measure.name.lower()}: {operator}"
            left = f"_ALLOWED[{of}] = tuple(one for one in _ALLOWED[{of}] if one is not {what})"
            yield Removal(name, (Edit(file, END, left),), operator)
            end = f"""
_told = read_test


def read_test(reading, tree, label, measure=Measure.VALUE):
    found = _told(reading, tree, label, measure)
    if found is None or measure is not {of}:
        return found
    return Test(tuple(clause for clause in found.clauses if clause.operator is not {what}))"""
            yield Removal(f"{name}, not heard", (Edit(file, END, end),), operator)


# -- words -----------------------------------------------------------------------------------------------------------


def _tables() -> Iterator[Removal]:
    for module in modules():
        for table in TABLES.get(short(module), ()):
            value = getattr(module, table)
            for word in words_of(value):
                if isinstance(value, tuple):
                    left = f"{table} = tuple(word for word in {table} if word != {word!r})"
                else:
                    left = f"del {table}[{word!r}]" if isinstance(value, dict) else f"{table} = {table} - {{{word!r}}}"
                name = f"{short(module)}.{table}: {word!r}"
                yield Removal(name, (Edit(f"language/{short(module)}.py", END, left),), word)


def _library() -> Iterator[Removal]:
    """The tags and filters of Liquid: the library's, and those of ours that the library has by the same name, or not."""
    for name in liquid.LOCALE_FILTERS:
        left = f"LOCALE_FILTERS = tuple(one for one in LOCALE_FILTERS if one != {name!r})\n"
        if name in FILTERS:
            left += f"LEFT_OUT_FILTERS = (*LEFT_OUT_FILTERS, {name!r})"
        yield Removal(f"filter of Liquid: {name}", (Edit("language/liquid.py", END, left),), name)
    tags = [name for name in liquid.known_tags() if name != "raw"]
    filters = [name for name in liquid.known_filters() if name not in {*liquid.LOCALE_FILTERS, RECOMMEND}]
    for table, kind, names in (("LEFT_OUT_TAGS", "tag", tags), ("LEFT_OUT_FILTERS", "filter", filters)):
        for name in names:
            more = Edit("language/liquid.py", END, f"{table} = (*{table}, {name!r})")
            yield Removal(f"{kind} of Liquid: {name}", (more,), name)


# -- what the readers' own text says ---------------------------------------------------------------------------------

_WITHOUT: Final = """

class _Without:
    def __init__(self, of, word):
        self.of, self.word = of, word

    def __iter__(self):
        return (one for one in self.of if one != self.word)

    def __call__(self, text):
        return self.of(text)"""


def _calls() -> Iterator[Removal]:
    for module in modules():
        file = f"language/{short(module)}.py"
        text = Texts()[file]
        lines = [0]
        for line in text.encode().splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                yield from _of_call(module, file, function.name, call, _Places(text, lines))


class _Places:
    """Where a node of the tree stands in the text."""

    def __init__(self, text: str, lines: list[int]) -> None:
        self._data, self._lines = text.encode(), lines

    def edit(self, file: str, node: ast.AST, new: str) -> Edit:
        """Put something in the node's place."""
        place: Any = node
        begin, end = (
            self._lines[place.lineno - 1] + place.col_offset,
            self._lines[place.end_lineno - 1] + place.end_col_offset,
        )
        return Edit(file, self._data[begin:end].decode(), new, len(self._data[:begin].decode()))


def _of_call(module: ModuleType, file: str, function: str, call: ast.Call, places: _Places) -> Iterator[Removal]:
    called = ast.unparse(call.func).removeprefix("fields.")
    where = f"{short(module)}.{function}"
    if called == "one_or_list" and function != "one_or_list":
        yield Removal(f"{where}: a list", (places.edit(file, call, f"({ast.unparse(call.args[0])},)"),))
    if called == "choice":
        of = call.args[3]
        label = ast.unparse(call.args[2]).strip("'")
        for member in getattr(module, ast.unparse(of)):
            fewer = places.edit(file, of, f"_Without({ast.unparse(of)}, {member.value!r})")
            yield Removal(f"{where}: {label}: {member}", (fewer, Edit(file, END, _WITHOUT)), member)
    for keyword in call.keywords if called in {"duration", "_length"} else ():
        if keyword.arg in {"zero", "negative"} and isinstance(keyword.value, ast.Constant) and keyword.value.value:
            label = ast.unparse(call.args[2]).strip("'")
            yield Removal(f"{where}: {label}: {keyword.arg}", (places.edit(file, keyword.value, "False"),))
