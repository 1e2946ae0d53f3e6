"""MJML with Liquid in it: every known trap works or is refused at its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.unit.render.conftest import job

from tamshy.language.model import BodyFormat

if TYPE_CHECKING:
    from tests.unit.render.conftest import Compile, Render

HEAD = "<mjml><mj-body><mj-section><mj-column>\n"
DROPPED = (
    "MJML drops `{{ profile.w }}` at this place; widths, heights and paddings must be plain values, and defaults in"
    " `mj-attributes` must be used"
)
TAIL = "\n</mj-column></mj-section></mj-body></mjml>"
PRODUCTS = {"products": [{"name": "A", "price": 2}, {"name": "B", "price": 30}], "url": "https://x.example/p"}


def _column(text: str) -> str:
    return HEAD + text + TAIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<mj-text>{% if event.products[0].price < 3 %}cheap{% endif %}</mj-text>", ">cheap</div>"),
        (
            "<mj-raw>{% if event.products[0].price < 3 %}</mj-raw><mj-text>in</mj-text><mj-raw>{% endif %}</mj-raw>",
            ">in</div>",
        ),
        (
            "<mj-button href='{{ event.url | append: \"?a=1\" }}'>Go</mj-button>",
            'href="https://mail.example/c/TOKEN/0"',
        ),
        (
            '<mj-button href="{{ event.url }}?a=1&amp;b=2" background-color="{{ vars.c }}">Go</mj-button>',
            "background:#123456",
        ),
        ('<mj-image src="{{ vars.src }}" alt="{{ event.products[0].name }}" />', 'alt="A"'),
        ('<mj-image src="{{ vars.src }}" />', 'src="https://x.example/?a=1&amp;b=2"'),
        (
            "<mj-table>{% for p in event.products %}<tr><td>{{ p.name }}</td></tr>{% endfor %}</mj-table>",
            "<tr><td>A</td></tr><tr><td>B</td></tr>",
        ),
        ("<mj-text>{% for p in event.products %}{{ p.name }}<br>{% endfor %}</mj-text>", "A<br />B<br />"),
        ("<mj-text>a &amp; b &nbsp; {{ event.products[0].name }}</mj-text>", "a &amp; b &nbsp; A"),
        ('<mj-text css-class="{{ vars.k }}">x</mj-text>', 'class="kk"'),
        ("<mj-text>{% comment %}<nothing>{% endcomment %}{% # nor this < %}x</mj-text>", ">x</div>"),
        ("<mj-text>{% raw %}{{ not liquid }}{% endraw %}</mj-text>", ">{{ not liquid }}</div>"),
    ],
)
def test_liquid_survives_the_compiler(render: Render, text: str, expected: str) -> None:
    given = job(event=PRODUCTS, vars={"c": "#123456", "src": "https://x.example/?a=1&b=2", "k": "kk"})
    assert expected in render(_column(text), BodyFormat.MJML, job=given).html


def test_loops_around_sections(render: Render) -> None:
    text = (
        "<mjml><mj-body>{% for p in event.products %}"
        "<mj-section><mj-column><mj-text>{{ p.name }}!</mj-text></mj-column></mj-section>"
        "{% endfor %}</mj-body></mjml>"
    )
    html = render(text, BodyFormat.MJML, job=job(event=PRODUCTS)).html
    assert re.findall(r">(\w!)<", html) == ["A!", "B!"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            _column('  <mj-text {% if profile.x %}color="red"{% endif %}>x</mj-text>'),
            "2:12: `{% if profile.x %}` in MJML must not stand where an attribute begins",
        ),
        (
            _column('<mj-text {{ profile.x }}="1">x</mj-text>'),
            "2:10: `{{ profile.x }}` in MJML must not stand where an attribute begins",
        ),
        (_column('<mj-image width="{{ profile.w }}" src="https://x.example/a.png" />'), f"2:18: {DROPPED}"),
        (
            '<mjml><mj-body><mj-section><mj-column width="{{ profile.w }}"></mj-column></mj-section></mj-body></mjml>',
            f"1:46: {DROPPED}",
        ),
        (
            _column("<{{ profile.x }}>x</{{ profile.x }}>"),
            "2:1: Liquid must not make the name of an element; write one element for each case",
        ),
        (
            _column("<mj-text>lqx0001xz</mj-text>"),
            "2:10: `lqx0001xz` is a word that Tamshy needs for itself; write another",
        ),
        (
            _column("<h{{ profile.x }}>x</h{{ profile.x }}>"),
            "2:1: Liquid must not make the name of an element; write one element for each case",
        ),
        (
            _column('<mj-include path="/etc/passwd" />'),
            "2:1: `mj-include` reads files, which a message must not; put the text here",
        ),
        (_column("<mj-txt>x</mj-txt>"), "2:1: MJML has no `mj-txt` (did you mean `mj-text`?)"),
        (
            _column("<mj-text><script>alert(1)</script></mj-text>"),
            "2:10: mail programs run no scripts; take `<script>`",
        ),
        (
            _column('<mj-text><b onclick="x()">x</b></mj-text>'),
            "2:13: mail programs run no scripts; take `onclick` out",
        ),
        (
            _column('<mj-text><a href="javascript:x">x</a></mj-text>'),
            "2:19: a link to `javascript:x`; write a whole address that begins with https://",
        ),
        (_column("<mj-text>{{ profile.x | nothing_such }}</mj-text>"), "2:25: Liquid: unknown filter 'nothing_such'"),
        (
            _column("<mj-text>{% if profile.x %}</mj-text>"),
            "2:10: Liquid: 'if' is never closed: {% endif %} is missing",
        ),
        (_column("<mj-text>x"), "3:43: MJML: unexpected end of stream"),
    ],
)
def test_what_does_not_survive_is_refused_at_its_place(compiled: Compile, text: str, said: str) -> None:
    made, problems = compiled(text, BodyFormat.MJML)
    assert made["locales"] == {}
    assert str(problems[0]).startswith(f"messages/m/en.mjml:{said}")


def test_depth_and_size_are_bounded(compiled: Compile) -> None:
    _, deep = compiled(_column("<mj-text>" + "<div>" * 60 + "</div>" * 60 + "</mj-text>"), BodyFormat.MJML)
    assert str(deep[0]).endswith("elements are nested deeper than 50; flatten them")
    _, deeper = compiled("<mjml><mj-body>" + "<mj-wrapper>" * 100_000, BodyFormat.MJML)
    assert str(deeper[0]).endswith("1:1: more than 512 kB; make it smaller")
    _, nested = compiled("{% if a %}" * 40 + "{% endif %}" * 40, BodyFormat.HTML)
    assert str(nested[0]).endswith("Liquid: block nesting limit reached")


def test_a_title_and_a_preview_of_mjmls_own(render: Render) -> None:
    text = _column("<mj-text>x</mj-text>").replace(
        "<mj-body>",
        "<mj-head><mj-title>{{ profile.n }}</mj-title><mj-preview>P {{ profile.n }}</mj-preview></mj-head><mj-body>",
    )
    mail = render(text, BodyFormat.MJML, job=job(profile={"n": "<A>"}))
    assert "<title>&lt;A&gt;</title>" in mail.html
    assert ">P &lt;A&gt;</div>" in mail.html
    assert mail.html.startswith('<!doctype html><html lang="en"')
    assert mail.plain == "x\n"
