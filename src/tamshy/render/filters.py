"""The filters that follow the locale: ``money``, ``date``, ``plural``. Null in, nothing out; nonsense is an error."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from tamshy.render.manner import babel_locale, zone_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.render.liquid import Context

_CATEGORIES: Final = ("zero", "one", "two", "few", "many", "other")

# Nobody pays with their smaller coins, so that a whole amount is written without.
_WHOLE: Final = frozenset({"AMD", "HUF", "IDR", "KGS", "KZT", "RUB", "UZS"})
# Signs that mean one currency only, for locales in which CLDR has but the code.
_SIGNS: Final = {"AMD": "֏", "AZN": "₼", "GEL": "₾", "IDR": "Rp", "KZT": "₸", "RUB": "₽", "TRY": "₺", "UAH": "₴"}

# strftime's letters as CLDR writes them. `-` (no padding) is in the key.
_DIRECTIVES: Final = {
    "Y": "yyyy", "y": "yy", "m": "MM", "-m": "M", "d": "dd", "-d": "d", "e": "d", "j": "DDD", "-j": "D",
    "B": "MMMM", "b": "MMM", "h": "MMM", "A": "EEEE", "a": "EEE", "u": "e",
    "H": "HH", "-H": "H", "k": "H", "I": "hh", "-I": "h", "l": "h", "M": "mm", "-M": "m", "S": "ss", "-S": "s",
    "p": "a", "Z": "z", "z": "Z", "F": "yyyy-MM-dd", "T": "HH:mm:ss", "R": "HH:mm", "D": "MM/dd/yy",
}  # fmt: skip
_DIRECTIVE: Final = re.compile(r"%(-?[a-zA-Z]|%)")


@with_context
def money(value: object, currency: object = None, *, context: Context) -> str:
    """``{{ 1200 | money }}``: an amount in the shop's currency, or in the one given (``money: event.currency``)."""
    if value is None or value == "":
        return ""
    code = context.manner.currency if currency in (None, "") else str(currency).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise FilterArgumentError(f"`{currency}` is no currency; give three letters, as in money: 'EUR'", token=None)
    return _money(_number("money", value), code, context.manner.locale)


@lru_cache(maxsize=8192)
def _money(amount: Decimal, currency: str, locale: str) -> str:
    """CLDR's way, but for two habits of those who live with the currency (ADR 0022)."""
    tag = babel_locale(locale)
    if currency in _WHOLE and amount == amount.to_integral_value():
        pattern = tag.currency_formats["standard"].pattern.replace("0.00", "0")
        text = format_currency(amount, currency, pattern, locale=tag, currency_digits=False)
    else:
        text = format_currency(amount, currency, locale=tag)
    return text.replace(currency, _SIGNS.get(currency, currency))


def _number(name: str, value: object) -> Decimal:
    if not isinstance(value, bool) and isinstance(value, (int, float, Decimal, str)):
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and number.adjusted() < 30:  # noqa: PLR2004  far beyond any price; beyond it only mischief
            return number
    raise FilterArgumentError(f"{name}: `{_short(value)}` is no number", token=None)


@with_context
def date_(value: object, form: object = None, *, context: Context) -> str:
    """Write a date in the locale's words and the recipient's zone: ``{{ event.delivery_at | date }}``.

    ``form``: ``long`` (default), ``short``, ``medium``, ``full``, ``time``, ``datetime``, a strftime pattern
    (``'%d %B'``, names in the locale) or a CLDR one (``'d MMMM'``). A value is ISO text or seconds since 1970.
    """
    if value is None or value == "":
        return ""
    moment = _moment(value, context)
    style = "long" if form in (None, "") else str(form)
    # the key of the cache is the text: moments of two zones are equal where they are one instant
    return _date(moment.isoformat(), moment, style, context.manner.locale)


def _moment(value: object, context: Context) -> date:
    zone = zone_of(context.manner.zone)
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, tz=zone)
        text = str(value).strip()
        if text in {"now", "today"}:
            text = context.manner.now
        if text.isdecimal() and len(text) > len("20261231"):
            return datetime.fromtimestamp(int(text), tz=zone)
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError, OSError) as exc:
        raise FilterArgumentError(
            f"date: `{_short(value)}` is no date; give one like 2026-03-02 or 2026-03-02T12:00Z", token=None
        ) from exc


@lru_cache(maxsize=8192)
def _date(_key: str, moment: date, style: str, locale: str) -> str:
    tag = babel_locale(locale)
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
    if style in {"short", "medium", "long", "full"}:
        return format_date(whole.date(), style, locale=tag)
    if style == "time":
        return format_time(whole, "short", locale=tag)
    if style == "datetime":
        clock, day = format_time(whole, "short", locale=tag), format_date(whole.date(), "long", locale=tag)
        return str(tag.datetime_formats["long"]).replace("'", "").format(clock, day)
    if "%" in style:
        return _DIRECTIVE.sub(lambda found: _directive(found[1], whole, locale), style)
    return format_datetime(whole, style, locale=tag)


def _directive(letter: str, moment: datetime, locale: str) -> str:
    if letter == "%":
        return "%"
    if letter == "s":
        return str(int(moment.timestamp()))
    pattern = _DIRECTIVES.get(letter)
    if pattern is None:
        raise FilterArgumentError(
            f"date: %{letter} is not known; known are %{' %'.join(_DIRECTIVES)} %s %%", token=None
        )
    return format_datetime(moment, pattern, locale=babel_locale(locale))


@with_context
def plural(value: object, *forms: object, context: Context, **named: object) -> str:
    """``{{ n | plural: 'товар', 'товара', 'товаров' }}``: the form that goes with a number (the number is not printed).

    Forms go in the order of the locale's categories (English one, other; Russian one, few, many; Kazakh one, other;
    Indonesian other), or by name: ``plural: one: 'item', other: 'items'``. ``zero:`` is taken for 0 in every locale.
    """
    if value is None or value == "":
        return ""
    number = _number("plural", value)
    unknown = sorted(set(named) - set(_CATEGORIES))
    if unknown or not (forms or named):
        raise FilterArgumentError(f"plural: give forms in order or by name ({', '.join(_CATEGORIES)})", token=None)
    if number == 0 and "zero" in named:
        return str(named["zero"])
    rule = babel_locale(context.manner.locale).plural_form
    category = rule(abs(number))
    if named:
        return str(next((named[name] for name in (category, "other", "many", "few", "one") if name in named), ""))
    return str(forms[_index(category, _order(context.manner.locale), len(forms))])


@lru_cache(maxsize=256)
def _order(locale: str) -> tuple[str, ...]:
    """The categories in which a whole number can fall, in CLDR's order."""
    rule = babel_locale(locale).plural_form
    whole = {rule(number) for number in range(201)}
    return tuple(name for name in _CATEGORIES if name in whole)


def _index(category: str, order: tuple[str, ...], count: int) -> int:
    """Which of the forms given in order; a fraction in a Slavic language takes the form after two to four."""
    if category not in order:
        category = "few" if "few" in order else order[-1]
    if count < len(order):  # fewer forms than categories: the first for `one`, the last for all else
        return 0 if category == order[0] and count > 1 else count - 1
    return order.index(category)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004  enough to know it by


FILTERS: Final[dict[str, Callable[..., object]]] = {"money": money, "date": date_, "plural": plural}
