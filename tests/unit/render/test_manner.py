"""Locale choice, and the filters that follow the locale: money, date, plural."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.unit.render.conftest import NOW, SHOP, job

from tamshy.language.model import Body, BodyFormat, Message, MessageKind, Template
from tamshy.render import Letter, Manner, RenderError, evaluate
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from tests.unit.render.conftest import Compile


def _written(text: str, locale: str, zone: str = "Asia/Almaty", **profile: object) -> object:
    manner = Manner(locale, zone, "KZT", NOW)
    return evaluate(Template(text), {"profile": profile}, manner)


def _plain(text: object) -> str:
    return str(text).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("there", "wanted", "used"),
    [
        (["en", "kk", "ru"], "kk", "kk"),
        (["en", "kk", "ru"], "kk-KZ", "kk"),
        (["en", "kk", "ru"], "KK_kz", "kk"),
        (["en", "kk", "ru"], "Ru", "ru"),
        (["en", "pt-BR"], "pt-BR", "pt-BR"),
        (["en", "pt-BR"], "pt", "pt-BR"),
        (["en", "pt-BR", "pt-PT"], "pt-pt", "pt-PT"),
        (["en", "pt-BR", "pt"], "pt-PT", "pt"),
        (["en", "kk"], "fr", "en"),
        (["en", "kk"], None, "en"),
        (["en", "kk"], "", "en"),
        (["en-GB", "kk"], "fr", "en-GB"),
    ],
)
def test_the_locale_is_matched_exactly_then_by_language_then_the_workspaces(
    there: list[str], wanted: str | None, used: str
) -> None:
    bodies = {locale: Body(BodyFormat.HTML, f"body {locale}", f"{locale}.html") for locale in there}
    message = Message("m", MessageKind.TRANSACTIONAL, {"en": "s"}, bodies)
    made, problems = compile_message(message, SHOP)
    assert problems == []
    mail = Letter(made).render(job(locale=wanted))
    assert (mail.locale, mail.plain) == (used, f"body {used}\n")


def test_no_body_for_anybody_is_a_render_error(compiled: Compile) -> None:
    made, _ = compiled("x", locale="kk")
    with pytest.raises(RenderError, match=r"^no body for `fr`; write one for the workspace's locale$"):
        Letter(made).render(job(locale="fr"))


def test_subject_and_preheader_follow_the_body() -> None:
    bodies = {locale: Body(BodyFormat.HTML, "x", f"{locale}.html") for locale in ("en", "kk", "ru")}
    message = Message("m", MessageKind.TRANSACTIONAL, {"en": "Hi", "kk": "Сәлем"}, bodies, preheader={"ru": "Ку"})
    made, problems = compile_message(message, SHOP)
    assert problems == []
    mails = {locale: Letter(made).render(job(locale=locale)) for locale in bodies}
    assert {locale: mail.subject for locale, mail in mails.items()} == {"en": "Hi", "kk": "Сәлем", "ru": "Hi"}
    assert {locale: mail.preheader for locale, mail in mails.items()} == {"en": "", "kk": "", "ru": "Ку"}


@pytest.mark.parametrize(
    ("locale", "value", "currency", "expected"),
    [
        ("en", 1234.5, "USD", "$1,234.50"),
        ("en", 1234, "USD", "$1,234.00"),
        ("en", "19.9", "EUR", "€19.90"),
        ("en", 1200, "KZT", "₸1,200"),
        ("ru", 1234.5, "RUB", "1 234,50 ₽"),
        ("ru", 1234, "RUB", "1 234 ₽"),
        ("ru", 1200, "KZT", "1 200 ₸"),
        ("ru", 5, "USD", "5,00 $"),
        ("kk", 1200, "KZT", "1 200 ₸"),
        ("kk", 1200.25, "KZT", "1 200,25 ₸"),
        ("kk-KZ", 0, "KZT", "0 ₸"),
        ("id", 120000, "IDR", "Rp120.000"),
        ("id", 1500.5, "USD", "US$1.500,50"),
        ("ja", 1200, "JPY", "¥1,200"),
        ("en", -5, "USD", "-$5.00"),
        ("xx", 5, "USD", "$5.00"),
    ],
)
def test_money(locale: str, value: object, currency: str, expected: str) -> None:
    text = _written(f"{{{{ profile.v | money: '{currency}' }}}}", locale, v=value)
    assert _plain(text).replace("￥", "¥") == expected


def test_money_is_the_shops_unless_said() -> None:
    assert _plain(_written("{{ 100 | money }}", "kk")) == "100 ₸"
    assert _plain(_written("{{ 100 | money: profile.nothing }}", "kk", nothing=None)) == "100 ₸"
    assert _plain(_written("{{ 100 | money: profile.c }}", "en", c=" usd ")) == "$100.00"


@pytest.mark.parametrize("value", ["abc", True, [1], {"a": 1}, "NaN", "Infinity", "1e40", 1e300, "1 200"])
def test_money_of_what_is_no_number(value: object) -> None:
    with pytest.raises(RenderError, match=r"is no number$"):
        _written("{{ profile.v | money }}", "en", v=value)


@pytest.mark.parametrize("currency", ["dollars", "$", "12", "EURO"])
def test_money_in_no_currency(currency: str) -> None:
    with pytest.raises(RenderError, match=r"is no currency; give three letters, as in money: 'EUR'$"):
        _written("{{ 1 | money: profile.c }}", "en", c=currency)


DAY = "2026-03-02"
MOMENT = "2026-03-02T21:30:00Z"


@pytest.mark.parametrize(
    ("locale", "value", "form", "expected"),
    [
        ("en", DAY, "", "March 2, 2026"),
        ("ru", DAY, "", "2 марта 2026 г."),
        ("kk", DAY, "", "2026 ж. 2 наурыз"),
        ("id", DAY, "", "2 Maret 2026"),
        ("en", DAY, ": 'short'", "3/2/26"),
        ("ru", DAY, ": 'short'", "02.03.2026"),
        ("en", DAY, ": 'medium'", "Mar 2, 2026"),
        ("en", DAY, ": 'full'", "Monday, March 2, 2026"),
        ("id", DAY, ": 'full'", "Senin, 02 Maret 2026"),
        # half past two at night in Almaty, of the day after
        ("en", MOMENT, "", "March 3, 2026"),
        ("en", MOMENT, ": 'time'", "2:30 AM"),
        ("ru", MOMENT, ": 'time'", "02:30"),
        ("ru", MOMENT, ": '%d %B, %A %H:%M'", "03 марта, вторник 02:30"),
        ("en", MOMENT, ": '%-d %b %Y %I:%M %p %%'", "3 Mar 2026 02:30 AM %"),
        ("kk", MOMENT, ": 'd MMMM'", "3 наурыз"),
        ("en", "2026-03-02T21:30:00+05:00", ": '%F %T'", "2026-03-02 21:30:00"),
        ("en", "2026-03-02 21:30", ": '%F %R'", "2026-03-02 21:30"),
        ("en", 1772487000, ": '%F %R'", "2026-03-03 02:30"),
        ("en", "1772487000", ": '%F %R %s'", "2026-03-03 02:30 1772487000"),
        ("en", "20260302", "", "March 2, 2026"),
        ("en", "now", ": '%F %R'", "2026-03-02 16:00"),
        ("en", "", "", ""),
    ],
)
def test_date(locale: str, value: object, form: str, expected: str) -> None:
    assert _plain(_written(f"{{{{ profile.v | date{form} }}}}", locale, v=value)) == expected


def test_date_in_two_zones_of_one_instant() -> None:
    """Equal moments of two zones must not share what was written for the one."""
    text = "{{ profile.v | date: '%F %R' }}"
    assert _written(text, "en", "Asia/Almaty", v=MOMENT) == "2026-03-03 02:30"
    assert _written(text, "en", "America/New_York", v=MOMENT) == "2026-03-02 16:30"
    assert _written(text, "en", "No/Such", v=MOMENT) == "2026-03-02 21:30"


@pytest.mark.parametrize("value", ["soon", True, [1], "2026-13-02", "2026-02-30", "99999999999999999999", 1e300])
def test_date_of_what_is_no_date(value: object) -> None:
    with pytest.raises(RenderError, match=r"^date: `.*` is no date; give one like 2026-03-02 or 2026-03-02T12:00Z$"):
        _written("{{ profile.v | date }}", "en", v=value)


def test_date_in_no_form() -> None:
    with pytest.raises(RenderError, match=r"^date: %q is not known; known are %Y "):
        _written("{{ '2026-03-02' | date: '%q' }}", "en")


RU = "'товар', 'товара', 'товаров'"


@pytest.mark.parametrize(
    ("locale", "number", "forms", "expected"),
    [
        *[("ru", number, RU, "товар") for number in (1, 21, 101, 1001, "31", -1)],
        *[("ru", number, RU, "товара") for number in (2, 3, 4, 22, 104, 1.5)],
        *[("ru", number, RU, "товаров") for number in (0, 5, 11, 12, 14, 20, 111, 1000000)],
        ("en", 1, "'item', 'items'", "item"),
        ("en", 0, "'item', 'items'", "items"),
        ("en", 1.5, "'item', 'items'", "items"),
        ("kk", 1, "'зат', 'зат'", "зат"),
        ("kk", 5, "'бір', 'көп'", "көп"),
        ("id", 1, "'barang'", "barang"),
        ("id", 7, "'barang'", "barang"),
        ("id", 7, "'barang', 'barang-barang'", "barang"),
        ("ru", 5, "'раз', 'раза'", "раза"),
        ("ru", 2, "one: 'a', few: 'b', many: 'c', other: 'd'", "b"),
        ("ru", 1.5, "one: 'a', few: 'b', many: 'c', other: 'd'", "d"),
        ("ru", 5, "one: 'a', other: 'd'", "d"),
        ("en", 0, "zero: 'none', one: 'one', other: 'some'", "none"),
        ("en", 2, "zero: 'none', one: 'one', other: 'some'", "some"),
    ],
)
def test_plural(locale: str, number: object, forms: str, expected: str) -> None:
    assert _written(f"{{{{ profile.n | plural: {forms} }}}}", locale, n=number) == expected


@pytest.mark.parametrize("forms", ["", ": ones: 'a'"])
def test_plural_without_forms(forms: str) -> None:
    with pytest.raises(RenderError, match=r"^plural: give forms in order or by name"):
        _written(f"{{{{ 1 | plural{forms} }}}}", "en")


def test_values_follow_the_locale_of_the_body(compiled: Compile) -> None:
    made, _ = compiled("{{ 1200 | money }} {{ now | date: 'time' }}", locale="ru")
    made["default_locale"] = "ru"
    mail = Letter(made).render(job(locale="en-US", zone="Europe/Moscow"))
    assert _plain(mail.plain) == "1 200 ₸ 14:00\n"
    without = Letter(made).render(msgspec.structs.replace(job(), locale=None))
    assert _plain(without.plain) == "1 200 ₸ 16:00\n"
