"""What a template asks of the filter `recommend`, read off its text: so that it can be fetched before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from liquid import RenderContext
from liquid.builtin.expressions import KeywordArgument, Path, PositionalArgument, StringLiteral
from liquid.builtin.expressions.primitive import IntegerLiteral

from tamshy.language.reading import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from liquid.ast import Node
    from liquid.builtin.expressions.filtered import Filter
    from liquid.expression import Expression
    from liquid.template import BoundTemplate

RECOMMEND: Final = "recommend"
KINDS: Final = ("similar", "together", "popular", "new", "viewed", "next")
MOST_PICKS: Final = 20
"""Products that one `recommend` gives at most."""
FEW_PICKS: Final = 4
"""Products that it gives where `count` is not said."""
_PRODUCTS_ALONE: Final = ("similar", "together")
_ARGUMENTS: Final = ("of", "count")
_IDS: Final = ("sku", "product_id")
_MOST_NAMED: Final = 100
_MOST_LOOKED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Asks:
    """What a message may ask for.

    ``kinds``: of these kinds. ``paths``: about the products at these paths of its data; ``anything``: about some that no path leads
    to straight, so that all in its data count. ``names``: about products that it names itself. ``own``: about what the person
    dealt with last.
    """

    kinds: frozenset[str] = frozenset()
    paths: frozenset[tuple[str | int, ...]] = frozenset()
    names: frozenset[str] = frozenset()
    anything: bool = False
    own: bool = False

    def __or__(self, other: Asks) -> Asks:
        """What either asks for."""
        return Asks(
            self.kinds | other.kinds,
            self.paths | other.paths,
            self.names | other.names,
            self.anything or other.anything,
            self.own or other.own,
        )


def asks_of(template: BoundTemplate, roots: Iterable[str]) -> Asks:
    """What a parsed template asks for; nothing: it has no `recommend`. ``roots``: the variables that are data."""
    found = Asks()
    for one in recommending(template):
        found |= _asks(one, frozenset(roots))
    return found


def recommending(template: BoundTemplate) -> Iterator[Filter]:
    """Every use of the filter in a template."""
    context = RenderContext(template)
    waiting: list[Node] = list(template.nodes)
    while waiting:
        node = waiting.pop(0)
        waiting += node.children(context)
        for expression in node.expressions():
            yield from _uses(expression)


def _uses(expression: Expression) -> Iterator[Filter]:
    # What stands before `if` and what stands behind it have filters of their own.
    for name in ("filters", "tail_filters"):
        for one in getattr(expression, name, None) or ():
            if one.name == RECOMMEND:
                yield one
    left = getattr(expression, "left", None)
    if left is not None and getattr(expression, "condition", None) is not None:
        yield from _uses(left)
    for child in expression.children():
        if child is not left:
            yield from _uses(child)


def fault(one: Filter) -> str | None:
    """What is wrong with a use of the filter as far as its text tells; None: nothing."""
    first = one.args[0] if one.args else None
    if not isinstance(first, PositionalArgument):
        return f"'recommend' needs a kind: one of {', '.join(KINDS)}"
    if isinstance(first.value, StringLiteral) and first.value.value not in KINDS:
        return unknown("kind of recommendation", first.value.value, KINDS)
    for more in one.args[1:]:
        if not isinstance(more, KeywordArgument):
            return "'recommend' takes a kind, and 'of' and 'count' by their names"
        if more.name not in _ARGUMENTS:
            return unknown("argument of 'recommend'", more.name, _ARGUMENTS)
        few = more.name == "count" and isinstance(more.value, IntegerLiteral)
        if few and not 1 <= more.value.value <= MOST_PICKS:  # type: ignore[attr-defined]
            return f"'count' must lie between 1 and {MOST_PICKS}, not {more.value}"
    return None


def _asks(one: Filter, roots: frozenset[str]) -> Asks:
    first = one.args[0] if one.args else None
    kind = first.value if isinstance(first, PositionalArgument) else None
    kinds = frozenset({kind.value}) if isinstance(kind, StringLiteral) else frozenset(KINDS)
    of = next((more.value for more in one.args if isinstance(more, KeywordArgument) and more.name == "of"), None)
    if of is None:
        return Asks(kinds, own=not kinds.isdisjoint(_PRODUCTS_ALONE))
    if isinstance(of, StringLiteral):
        return Asks(kinds, names=frozenset({of.value}))
    if isinstance(of, Path) and of.path[0] in roots and all(isinstance(part, str | int) for part in of.path):
        return Asks(kinds, paths=frozenset({tuple(part for part in of.path if isinstance(part, str | int))}))
    return Asks(kinds, anything=True)


def product_names(of: object) -> list[str]:
    """What a product, a name of one, or each of a list of them is called, each name once."""
    return list(dict.fromkeys(_called(of)))


def _called(of: object) -> Iterator[str]:
    for one in of[:_MOST_NAMED] if isinstance(of, list | tuple) else [of]:
        found = [one.get(key) for key in _IDS] if isinstance(one, dict) else [one]
        yield from (
            str(name) for name in found if isinstance(name, str | int) and not isinstance(name, bool) and name != ""
        )


def named_anywhere(document: object) -> list[str]:
    """What all the products anywhere in a document are called."""
    found: dict[str, None] = {}
    waiting, looked = [document], 0
    while waiting and looked < _MOST_LOOKED:
        one = waiting.pop()
        looked += 1
        if isinstance(one, dict):
            found.update(dict.fromkeys(_called({key: one.get(key) for key in _IDS})))
            waiting += [value for value in one.values() if isinstance(value, dict | list)]
        elif isinstance(one, list):
            waiting += [value for value in one[:_MOST_NAMED] if isinstance(value, dict | list)]
    return list(found)
