"""The Liquid that templates may be written in: tags, filters and roots, and what is wrong with a text, with places.

The lists stand here once. ``liquid_environment`` makes the environment by them; rendering hands in the filters that
need a locale, the check is content to know that they exist.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from liquid import Environment, FalsyStrictUndefined
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError

from tamshy.language.reading import did_you_mean, unknown
from tamshy.language.recommending import RECOMMEND, Asks, asks_of, fault, recommending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from liquid.template import BoundTemplate

LEFT_OUT_TAGS = ("include", "render")
"""They load other templates, and there are none to load."""
LEFT_OUT_FILTERS = ("safe", "escapejs")
"""The one lets values through unescaped; the other is for scripts, which mail has not."""
LOCALE_FILTERS = ("money", "date", "plural")

VALUE_ROOTS = ("profile", "event", "cart", "order", "coupon", "vars", "shop", "locale", "now")
"""What a value in ``set``, ``track``, ``webhook`` and ``notify`` can look at."""
MESSAGE_ROOTS = (*VALUE_ROOTS, "unsubscribe_url", "preferences_url", "view_url")

_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TAG = re.compile(r"\{%-?\s*(\w+)")
_MOST_FAULTS = 20


def liquid_environment(
    *, autoescape: bool = False, filters: Mapping[str, Callable[..., object]] | None = None
) -> Environment:
    """An environment with exactly the language's tags and filters, strict about what is missing (rule 21).

    ``filters`` are those of ``LOCALE_FILTERS``, and `recommend`, that work; without them templates can be parsed and no more.
    """
    environment = Environment(undefined=FalsyStrictUndefined, autoescape=autoescape)
    for tag in LEFT_OUT_TAGS:
        del environment.tags[tag]
    for name in LEFT_OUT_FILTERS:
        del environment.filters[name]
    environment.filters.update(
        filters if filters is not None else dict.fromkeys((*LOCALE_FILTERS, RECOMMEND), _needs_a_locale)
    )
    return environment


def _needs_a_locale(*_values: object) -> object:
    msg = "this environment checks templates and renders none"
    raise LiquidError(msg, token=None)


@cache
def _checker() -> Environment:
    return liquid_environment()


def known_tags() -> tuple[str, ...]:
    """The tags that a template may use, in the order of the alphabet."""
    inner = {"illegal", "output", "content"}  # what the library calls text and {{ }}
    return tuple(sorted({"raw", *(name for name in _checker().tags if name.isalpha() and name not in inner)}))


def known_filters() -> tuple[str, ...]:
    """The filters that a template may use, in the order of the alphabet."""
    return tuple(sorted(_checker().filters))


def has_liquid(text: str) -> bool:
    """Whether there is anything of Liquid in ``text``."""
    return "{{" in text or "{%" in text


def is_whole(text: str) -> bool:
    """Whether ``text``, free of faults, is one ``{{ }}`` and nothing else, so that its value keeps its type."""
    nodes = _checker().from_string(text).nodes
    return len(nodes) == 1 and isinstance(nodes[0], OutputNode) and text.startswith("{{") and text.endswith("}}")


def asked_for(text: str) -> Asks:
    """What a template free of faults asks of `recommend`."""
    return asks_of(_checker().from_string(text), MESSAGE_ROOTS) if RECOMMEND in text else Asks()


def check_liquid(text: str, roots: tuple[str, ...] = MESSAGE_ROOTS) -> list[tuple[int, str]]:
    """What is wrong with a template: offset into ``text`` and the reason, in order of the text."""
    return list(_faults(text, roots)) if has_liquid(text) else []


@lru_cache(maxsize=1024)  # a workspace is read again at each publishing, and most of its texts are what they were
def _faults(text: str, roots: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    faults: list[tuple[int, str]] = []
    rest = text
    while len(faults) < _MOST_FAULTS:
        try:
            template = _checker().from_string(rest)
        except LiquidError as error:
            offset = _offset(error, rest)
            faults.append((offset, f"Liquid: {_reason(error)}"))
            blanked = _without(rest, offset)
            if blanked is None:
                break
            # Look on behind the fault, so that all of them come at once.
            rest = blanked
        else:
            faults.extend(_names(template, roots))
            break
    return tuple(sorted(faults))


def _reason(error: LiquidError) -> str:
    """The library's words, or plainer ones where its own speak of its insides."""
    said = str(error.message)
    if said == "unexpected tag 'raw'":
        return "'raw' is never closed: {% endraw %} is missing"
    if tag := re.fullmatch(r"unexpected tag '(.*)'", said):
        inner = tag[1].startswith("end") or tag[1] in {"else", "elsif", "when"}
        return said if inner or tag[1] in known_tags() else unknown("tag", tag[1], known_tags())
    if tag := re.fullmatch(r"expected tag end(\w+), found end of expression", said):
        return f"'{tag[1]}' is never closed: {{% end{tag[1]} %}} is missing"
    if said == "unexpected liquid parsing error":
        return "nested too deeply"
    return said.replace("expected a primitive expression, found", "a value is missing before").replace(
        "before end of expression", "at the end"
    )


def _offset(error: LiquidError, text: str) -> int:
    if error.token is not None and 0 <= error.token.start_index < len(text) and error.token.source == text:
        return error.token.start_index
    # The library has lost the place: it is the piece that fails alone in the same way, else the block left open.
    open_: list[int] = []
    for found in _MARKUP.finditer(text):
        try:
            _checker().from_string(found[0])
        except LiquidError as alone:
            if alone.message == error.message and not str(error.message).startswith("expected tag"):
                return found.start()
        tag = _TAG.match(found[0])
        if tag and tag[1].startswith("end") and open_:
            open_.pop()
        elif tag and _is_block(tag[1]):
            open_.append(found.start())
    return open_[-1] if open_ else 0


def _is_block(tag: str) -> bool:
    known = _checker().tags.get(tag)
    return known is not None and known.block and tag not in {"comment", "raw", "doc"}


def _without(text: str, offset: int) -> str | None:
    """The text with the faulty ``{{ }}`` or tag made blank, so that what stands behind it can be looked at.

    None where that is a block of the language's own: without it its inside and its end would be at fault too.
    """
    pieces = list(_MARKUP.finditer(text))
    fault = next((piece for piece in pieces if piece.start() <= offset < piece.end()), None)
    if fault is None:
        return None
    tag = _TAG.match(fault[0])
    if tag is None:
        blank = [fault] if fault[0].startswith("{{") else []
    elif tag[1] in known_tags():
        blank = [] if tag[1] == "raw" or _checker().tags[tag[1]].block else [fault]
    elif tag[1].startswith("end") or tag[1] in {"else", "elsif", "when"}:
        blank = []
    else:
        blank = [piece for piece in pieces if (other := _TAG.match(piece[0])) and other[1] in {tag[1], f"end{tag[1]}"}]
    for piece in blank:
        text = text[: piece.start()] + " " * len(piece[0]) + text[piece.end() :]
    return text if blank else None


def _names(template: BoundTemplate, roots: tuple[str, ...]) -> list[tuple[int, str]]:
    """Filters and variables that do not exist."""
    seen = template.analyze(include_partials=False)
    faults: list[tuple[int, str]] = []
    for name, spans in seen.filters.items():
        if name == RECOMMEND and "unsubscribe_url" not in roots:
            faults.extend((span.index, "Liquid: the filter 'recommend' works in messages alone") for span in spans)
        elif name not in _checker().filters:
            faults.extend((span.index, f"Liquid: {_unknown_filter(name)}") for span in spans)
    for one in recommending(template):
        said = fault(one)
        if said is not None:
            faults.append((one.token.start_index, f"Liquid: {said}"))
    for name, uses in seen.globals.items():
        if name in roots or name in seen.locals:
            continue
        said = unknown("variable", str(name), roots)
        faults.extend((use.span.index, f"Liquid: {said}") for use in uses)
    return faults


def _unknown_filter(name: str) -> str:
    return f"unknown filter '{name}'{did_you_mean(name, known_filters())}"
