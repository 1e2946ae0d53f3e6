"""What data says stays data: in HTML, in attributes, in addresses, in headers."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from tests.unit.render.conftest import job

from tamshy.language.liquid import known_filters
from tamshy.language.model import BodyFormat
from tamshy.render import RenderError

if TYPE_CHECKING:
    from tests.unit.render.conftest import Compile, Render

EVIL = (
    "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>"
    """"' onmouseover='x' {{ 7 | times: 6 }} --> ]]>"""
)
MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"


class _Danger(HTMLParser):
    """Collects what would run: script elements, handlers, addresses with a scheme that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.found.append("script")
        self.found += [
            f"{name}={value}"
            for name, value in attrs
            if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:"))
        ]


def _danger(html: str) -> list[str]:
    parser = _Danger()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (BodyFormat.HTML, "<p>{{ profile.evil }}</p>"),
        (BodyFormat.HTML, "<p title=\"{{ profile.evil }}\" lang='{{ profile.evil }}'>x</p>"),
        (BodyFormat.HTML, "<!-- {{ profile.evil }} --><p>x</p>"),
        (BodyFormat.HTML, "{% capture x %}{{ profile.evil }}{% endcapture %}{{ x }}"),
        (BodyFormat.HTML, "{% assign x = 'NAME' | replace: 'NAME', profile.evil %}{{ x }}"),
        (BodyFormat.HTML, "{{ 'a' | append: profile.evil | prepend: profile.evil }}"),
        (BodyFormat.HTML, "{{ profile.list | join: profile.evil }}{{ profile.list | join: ', ' }}{{ profile.list }}"),
        (BodyFormat.HTML, "{{ profile.map }}"),
        (BodyFormat.HTML, "{% for pair in profile.map %}{{ pair[0] }}{{ pair }}{% endfor %}"),
        (BodyFormat.HTML, "{{ profile.evil | escape | strip_html }}{{ profile.evil | escape | url_decode }}"),
        (BodyFormat.HTML, "{{ profile.encoded | url_decode }}{{ profile.evil | url_encode | url_decode }}"),
        (BodyFormat.HTML, "{{ profile.evil | newline_to_br }}{{ profile.evil | strip_newlines }}"),
        (BodyFormat.HTML, "{{ profile.evil | escape_once }}{{ profile.evil | escape | escape_once }}"),
        (BodyFormat.HTML, "{{ 'abcdefgh' | truncate: 4, profile.evil }}{{ 'a b c' | truncatewords: 1, profile.evil }}"),
        (BodyFormat.HTML, "{{ '2026-03-02' | date: profile.pattern }}"),
        (BodyFormat.HTML, "{{ 1 | plural: profile.evil, profile.evil }}"),
        (BodyFormat.HTML, "{% cycle profile.evil, 'x' %}{% echo profile.evil %}"),
        (BodyFormat.HTML, "{{ profile.evil | split: '<' }}{{ profile.evil | slice: 0, 90 }}"),
        (BodyFormat.MJML, MJML.format("{{ profile.evil }}")),
        (BodyFormat.MJML, MJML.format('<b title="{{ profile.evil }}">x</b>')),
        (BodyFormat.MARKDOWN, "# {{ profile.evil }}\n\n*{{ profile.evil }}* `{{ profile.evil }}`"),
        (BodyFormat.MARKDOWN, '![{{ profile.evil }}](https://x.example/a.png "{{ profile.evil }}")'),
    ],
)
def test_data_never_becomes_markup(render: Render, form: BodyFormat, text: str) -> None:
    data = {
        "evil": EVIL,
        "list": [EVIL, EVIL],
        "map": {EVIL: EVIL},
        "pattern": "%Y<script>alert(1)</script>",
        "encoded": "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    }
    html = render(text, form, job=job(profile=data)).html
    assert _danger(html) == []
    assert "alert(1)" in html


def test_the_danger_that_the_test_looks_for_is_found() -> None:
    assert _danger("<script>1</script><img src=x onerror=alert(1)><a href=' javascript:x'>") == [
        "script",
        "onerror=alert(1)",
        "href= javascript:x",
    ]


@pytest.mark.parametrize("name", known_filters())
def test_no_filter_lets_data_through(compiled: Compile, name: str) -> None:
    """Whatever a filter is given: it fails cleanly, or what it prints is harmless."""
    from tamshy.render import Letter  # noqa: PLC0415  beside its only use

    for text in (
        f"{{{{ profile.evil | {name} }}}}",
        f"{{{{ profile.evil | {name}: profile.evil }}}}",
        f"{{{{ profile.evil | {name}: profile.evil, profile.evil }}}}",
        f"{{{{ '<b>' | {name}: profile.evil }}}}",
        f"{{{{ '<b>' | {name}: '<b>', profile.evil }}}}",
        f"{{{{ profile.list | {name}: profile.evil }}}}",
        f"{{{{ profile.evil | escape | {name} }}}}",
    ):
        made, _ = compiled(text)
        try:
            html = Letter(made).render(job(profile={"evil": EVIL, "list": [EVIL, {"x": EVIL}]})).html
        except RenderError:
            continue
        assert _danger(html) == [], text


def test_safe_is_no_filter(compiled: Compile) -> None:
    _, problems = compiled("{{ profile.evil | safe }}")
    assert [str(problem) for problem in problems] == ["messages/m/en.html:1:19: Liquid: unknown filter 'safe'"]


def test_subject_preheader_and_plain_text_are_not_escaped(render: Render) -> None:
    name = job(profile={"name": "Aia & <Co>"})
    mail = render(
        "<p>{{ profile.name }}</p>", subject="{{ profile.name }}!", preheader="to {{ profile.name }}", job=name
    )
    assert mail.subject == "Aia & <Co>!"
    assert mail.preheader == "to Aia & <Co>"
    assert mail.plain == "Aia & <Co>\n"
    assert "<p>Aia &amp; &lt;Co&gt;</p>" in mail.html
    assert "to Aia &amp; &lt;Co&gt;" in mail.html


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\r\nBcc: all@shop.example", "a Bcc: all@shop.example"),
        ("a\nb\tc", "a b c"),
        ("a\x00\x1b\x7f\x85b", "a b"),
        ("a\u2028\u2029b", "a b"),
        ("two  spaces", "two  spaces"),
    ],
)
def test_a_header_cannot_be_broken_out_of(render: Render, name: str, expected: str) -> None:
    mail = render("x", subject="{{ profile.n }}", preheader="{{ profile.n }}", job=job(profile={"n": name}))
    assert mail.subject == expected
    assert mail.preheader == expected


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JaVaScript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "https:evil.example",
        "https:/\\evil.example",
        "https://\\evil.example",
        "http://[::1",
    ],
)
def test_an_address_of_data_must_be_a_web_address(render: Render, address: str) -> None:
    with pytest.raises(RenderError, match=r"^messages/m/en\.html:1: a link to "):
        render('<a href="{{ profile.url }}">x</a>', job=job(profile={"url": address}))


def test_liquid_in_data_is_not_run(render: Render) -> None:
    mail = render("{{ profile.n }}", subject="{{ profile.n }}", job=job(profile={"n": "{{ shop.name }}{% if %}"}))
    assert mail.subject == "{{ shop.name }}{% if %}"
    assert mail.plain == "{{ shop.name }}{% if %}\n"
    assert "{{ shop.name }}{% if %}" in mail.html
