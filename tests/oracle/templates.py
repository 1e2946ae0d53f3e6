"""Liquid for subjects, for ``set`` and for telling whether a message can be rendered (rule 21)."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from liquid import BoundTemplate, Environment, FalsyStrictUndefined, Mode, RenderContext, Undefined
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.filter import with_context
from tests.oracle.almanac import iso
from tests.oracle.shopping import cart_root, order_root

if TYPE_CHECKING:
    from tests.oracle.people import Enrollment
    from tests.oracle.reading import Json, Message, Settings

_LIQUID = Environment(undefined=FalsyStrictUndefined, strict_filters=True, tolerance=Mode.STRICT)
_FORMS = {"en": 2, "ru": 3}
"""How many forms a noun has behind a number; elsewhere it stays as it is."""


def _there(value: Json) -> Json:
    """What is filtered is there, or it is an error (rule 21)."""
    if isinstance(value, Undefined):
        str(value)
    return value


def _amount(value: Json, *_: Json) -> str:
    """``money`` and ``date``: how they look in a body is not compared, only whether there is something to be shown."""
    return str(_there(value))


def _picked(value: Json, *_: Json, **said: Json) -> list[Json]:
    """``recommend``: what is picked is not compared either."""
    _there(value)
    _there(said.get("of"))
    return []


@with_context
def _plural(value: Json, *forms: str, context: RenderContext) -> str:
    """``plural``: the form that goes with a whole number."""
    number = abs(int(_there(value)))
    language = str(context.resolve("locale")).split("-")[0]
    if language == "ru" and len(forms) == _FORMS["ru"]:
        if number % 10 == 1 and number % 100 != 11:
            return forms[0]
        return forms[1] if number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14} else forms[2]
    return forms[0] if language not in _FORMS or number == 1 else forms[-1]


_LIQUID.filters.update(money=_amount, date=_amount, plural=_plural, recommend=_picked)


class Unrenderable(Exception):
    """The template fails for this profile."""


@cache
def _parsed(text: str) -> BoundTemplate:
    return _LIQUID.from_string(text)


def surroundings(enrollment: Enrollment, settings: Settings, locale: str, now: int) -> dict[str, Json]:
    """What a template can name."""
    return {
        "profile": enrollment.profile.root(),
        "event": enrollment.event.root(),
        "cart": cart_root(enrollment.profile, enrollment.event),
        "order": order_root(enrollment.profile),
        "coupon": enrollment.coupons,
        "vars": {},
        "shop": settings.raw,
        "locale": locale,
        "now": iso(now),
        "unsubscribe_url": "https://shop.example/u",
        "preferences_url": "https://shop.example/prefs",
        "view_url": "https://shop.example/m",
    }


def rendered(text: str, around: dict[str, Json]) -> str:
    """The text with its Liquid done. Raises Unrenderable."""
    try:
        return _parsed(text).render(**around)
    except LiquidError as error:
        raise Unrenderable(str(error)) from error


def valued(value: Json, around: dict[str, Json]) -> Json:
    """A value of ``set`` or ``track``: one whole ``{{ }}`` keeps its type. Raises Unrenderable."""
    if isinstance(value, dict):
        return {key: valued(item, around) for key, item in value.items()}
    if isinstance(value, list):
        return [valued(item, around) for item in value]
    if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
        return value
    if not re.fullmatch(r"\s*\{\{(?:(?!\}\}).)*\}\}\s*", value, re.DOTALL):
        return rendered(value, around)
    template = _parsed(value.strip())
    node = template.nodes[0]
    assert isinstance(node, OutputNode)
    try:
        found = node.expression.evaluate(RenderContext(template, globals=around))
    except LiquidError as error:
        raise Unrenderable(str(error)) from error
    if isinstance(found, Undefined):
        raise Unrenderable(value)
    return found


def chosen(wanted: str, offered: list[str], fallback: str) -> str | None:
    """Matched exactly, then by language, then the workspace's (exactly, then by language)."""
    for locale in (wanted, fallback):
        if locale in offered:
            return locale
        language = locale.split("-")[0]
        if language in offered:
            return language
        for one in sorted(offered):
            if one.split("-")[0] == language:
                return one
    return None


def letter(message: Message, enrollment: Enrollment, settings: Settings, now: int) -> tuple[str, str | None]:
    """The locale of the body used and the subject. Raises Unrenderable."""
    wanted = enrollment.profile.get("locale")
    if not isinstance(wanted, str) or not wanted:
        wanted = settings.locale
    locale = chosen(wanted, list(message.bodies), settings.locale)
    if locale is None:
        raise Unrenderable(f"no body for {wanted}")
    around = surroundings(enrollment, settings, locale, now)
    subject = None
    for name in ("subject", "preheader"):
        texts = getattr(message, name)
        if isinstance(texts, dict):
            place = chosen(locale, list(texts), settings.locale)
            texts = None if place is None else texts[place]
        found = None if texts is None else rendered(str(texts), around)
        subject = found if name == "subject" else subject
    rendered(message.bodies[locale], around)
    if locale in message.texts:
        rendered(message.texts[locale], around)
    return locale, subject
