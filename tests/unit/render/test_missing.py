"""Rule 21: what is missing, what is null, and every Liquid error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.render.conftest import NOW, job

from tamshy.language.model import Template
from tamshy.render import Manner, RenderError, evaluate

if TYPE_CHECKING:
    from tests.unit.render.conftest import Render

DATA = {"name": "Aia", "nothing": None, "list": ["a", "b"], "hollow": [], "count": 3, "deep": {"x": None}, "no": False}
MANNER = Manner("en", "Asia/Almaty", "KZT", NOW)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ profile.name }}", "Aia"),
        ("{{ profile.nothing }}", ""),
        ("{{ profile.nothing | upcase }}", ""),
        ("{{ profile.nothing | money }}", ""),
        ("{{ profile.nothing | date }}", ""),
        ("{{ profile.deep.x }}", ""),
        ("{{ profile.gone | default: 'you' }}", "you"),
        ("{{ profile.gone.further | default: 'you' }}", "you"),
        ("{{ profile.deep.x.further | default: 'you' }}", "you"),
        ("{{ profile.name.further | default: 'you' }}", "you"),
        ("{{ profile.gone | default: profile.too | default: 'you' }}", "you"),
        ("{{ profile.no | default: 'you', allow_false: true }}", "false"),
        ("{% if profile.gone %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone.further.still %}y{% else %}n{% endif %}", "n"),
        ("{% unless profile.gone %}y{% endunless %}", "y"),
        ("{% case profile.gone %}{% when nil %}nil{% when 'x' %}x{% endcase %}", "nil"),
        ("{% case profile.gone %}{% when 'x' %}x{% else %}else{% endcase %}", "else"),
        ("{% case 'x' %}{% when profile.gone %}gone{% else %}else{% endcase %}", "else"),
        ("{% if profile.gone == nil %}y{% endif %}", "y"),
        ("{% if profile.gone != nil %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone == profile.nothing %}y{% endif %}", "y"),
        ("{% if profile.gone == profile.too %}y{% endif %}", "y"),
        ("{% if profile.gone == 'x' %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone == false %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone == blank %}y{% else %}n{% endif %}", "n"),
        ("{% if nil == blank %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone > 3 %}y{% else %}n{% endif %}", "n"),
        ("{% if 3 <= profile.gone %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone contains 'x' %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.list contains profile.gone %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone and profile.name %}y{% else %}n{% endif %}", "n"),
        ("{% if profile.gone or profile.name %}y{% endif %}", "y"),
        ("{% assign x = profile.gone %}{% if x.y %}y{% else %}n{% endif %}", "n"),
        ("{% for i in profile.nothing %}{{ i }}{% else %}none{% endfor %}", "none"),
        ("{% for i in profile.hollow %}{{ i }}{% else %}none{% endfor %}", "none"),
        ("{% for i in profile.list %}{{ i }}{{ forloop.index }}{% endfor %}", "a1b2"),
        ("{{ profile.list.size }}{{ profile.list.first }}{{ profile.list.last }}{{ profile.list[1] }}", "2abb"),
        ("{{ profile.name.size }}", "3"),
        ("{{ profile.list }}", "ab"),
        ("{{ profile.deep }}", '{"x":null}'),
        ("{{ now }}", "2026-03-02T11:00:00Z"),
        ("{{ locale }}", "en"),
        ("{{ shop.name }} {{ shop.currency }} {{ shop.url }}", "Qumyra KZT https://qumyra.example"),
        ("{{ 'now' | date: '%Y-%m-%d %H:%M' }}", "2026-03-02 16:00"),
    ],
)
def test_rule_21_prints(render: Render, template: str, expected: str) -> None:
    assert render("x", subject=template, job=job(profile=DATA)).subject == expected


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ profile.gone }}", "profile.gone is missing"),
        ("{{ profile.deep.gone }}", "profile.deep.gone is missing"),
        ("{{ profile.deep.x.further }}", "profile.deep.x.further is missing"),
        ("{{ profile.list[7] }}", "profile.list[7] is missing"),
        ("{{ profile.deep.size }}", "profile.deep.size is missing"),
        ("{{ profile.__class__ }}", "profile.__class__ is missing"),
        ("{{ profile.name.__class__.__mro__ }}", "profile.name.__class__.__mro__ is missing"),
        ("{{ profile.list.append }}", "profile.list.append is missing"),
        ("{{ profile.items }}", "profile.items is missing"),
        ("{{ profile.gone | upcase }}", "profile.gone is missing"),
        ("{{ profile.gone | upcase | default: 'you' }}", "profile.gone is missing"),
        ("{{ profile.gone | plus: 1 }}", "profile.gone is missing"),
        ("{{ profile.gone | size }}", "profile.gone is missing"),
        ("{{ profile.gone | concat: profile.list }}", "profile.gone is missing"),
        ("{{ profile.gone | money }}", "profile.gone is missing"),
        ("{{ profile.gone | date }}", "profile.gone is missing"),
        ("{{ profile.gone | plural: 'a', 'b' }}", "profile.gone is missing"),
        ("{{ profile.name | append: profile.gone }}", "profile.gone is missing"),
        ("{{ profile.name | default: 'x' | append: profile.gone }}", "profile.gone is missing"),
        ("{{ profile.list | where: 'x', profile.gone }}", "profile.gone is missing"),
        ("{{ profile.gone | default: profile.too }}", "profile.too is missing"),
        ("{% for i in profile.gone %}{% endfor %}", "profile.gone is missing"),
        ("{% for i in (1..profile.gone) %}{% endfor %}", "profile.gone is missing"),
        ("{% for i in profile.list limit: profile.gone %}{% endfor %}", "profile.gone is missing"),
        ("{% assign x = profile.gone %}{{ x }}", "profile.gone is missing"),
        ("{% echo profile.gone %}", "profile.gone is missing"),
        ("{% cycle profile.gone, 'b' %}", "profile.gone is missing"),
        ("{% capture x %}{{ profile.gone }}{% endcapture %}", "profile.gone is missing"),
        ("{{ 1 | divided_by: 0 }}", "divided_by: can't divide by 0"),
        ("{% if profile.name > 3 %}{% endif %}", "'<' and '>' are not supported between 'int' and 'str'"),
        ("{{ profile.name | money }}", "money: `Aia` is no number"),
        ("{{ profile.name | date }}", "date: `Aia` is no date; give one like 2026-03-02 or 2026-03-02T12:00Z"),
    ],
)
def test_rule_21_refuses(render: Render, template: str, said: str) -> None:
    with pytest.raises(RenderError) as refused:
        render("x", subject=template, job=job(profile=DATA))
    assert str(refused.value) == f"messages/m/en.html: subject: {said}"


def test_rule_21_in_every_part(render: Render) -> None:
    gone = "{{ profile.gone }}"
    with pytest.raises(RenderError, match=r"^messages/m/en\.html: subject: profile\.gone is missing$"):
        render("x", subject=gone)
    with pytest.raises(RenderError, match=r"^messages/m/en\.html: preheader: profile\.gone is missing$"):
        render("x", preheader=gone)
    with pytest.raises(RenderError, match=r"^messages/m/en\.txt:2: profile\.gone is missing$"):
        render("x", plain=f"\n{gone}")
    with pytest.raises(RenderError, match=r"^messages/m/en\.html:3: profile\.gone is missing$"):
        render("<p>a</p>\n<p>\n {{ profile.gone }}</p>")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (Template("{{ profile.count }}", whole=True), 3),
        (Template("{{ profile.list }}", whole=True), ["a", "b"]),
        (Template("{{ profile.deep }}", whole=True), {"x": None}),
        (Template("{{ profile.nothing }}", whole=True), None),
        (Template("{{ profile.no }}", whole=True), False),
        (Template("{{ profile.count | plus: 1 }}", whole=True), 4),
        (Template("{{ profile.count | plus: 0.5 }}", whole=True), 3.5),
        (Template("{{ profile.gone | default: 7 }}", whole=True), 7),
        (Template("{{ now }}", whole=True), "2026-03-02T11:00:00Z"),
        (Template("{{ (1..3) }}", whole=True), [1, 2, 3]),
        (Template("{{ profile.name }}", whole=True), "Aia"),
        (Template("{{ profile.count }} left"), "3 left"),
        (Template("{{ profile.count }}{{ profile.count }}"), "33"),
        (Template("{% if profile.no %}y{% else %}n{% endif %}"), "n"),
        (Template("{{ profile.count | money }}", whole=True), "₸3"),
    ],
)
def test_rule_21_a_whole_value_keeps_its_type(template: Template, expected: object) -> None:
    value = evaluate(template, {"profile": DATA}, MANNER)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("text", ["{{ gone }}", "{{ today }}", "{{ (1..2).gone }}"])
def test_rule_21_holds_for_roots(text: str) -> None:
    with pytest.raises(RenderError, match=r"is missing$|^expected"):
        evaluate(Template(text, whole=True), {"profile": DATA}, MANNER)


@pytest.mark.parametrize("text", ["{{ profile.gone }}", "{{ profile.gone }}!", "{{ profile.gone | upcase }}"])
def test_rule_21_holds_for_values(text: str) -> None:
    with pytest.raises(RenderError, match=r"^profile\.gone is missing$"):
        evaluate(Template(text, whole=text.endswith("}}")), {"profile": DATA}, MANNER)
