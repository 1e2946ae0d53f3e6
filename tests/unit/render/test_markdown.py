"""Markdown with Liquid in it, in the layout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.unit.render.conftest import job

from tamshy.language.model import BodyFormat, MessageKind

if TYPE_CHECKING:
    from tests.unit.render.conftest import Compile, Render

DATA = {"products": [{"name": "A & B", "url": "https://x.example/a"}, {"name": "C", "url": "https://x.example/c"}]}


def _card(html: str) -> str:
    """The text on the card, without styles."""
    inner = (
        html.partition('class="t-card t-body"')[2].partition(">")[2].rpartition("</td></tr></table><!--[if mso]>")[0]
    )
    return re.sub(r' style="[^"]*"', "", inner).replace("\n", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Hi {{ profile.name }}\n\nText *here*.", "<h1>Hi Aia</h1><p>Text <em>here</em>.</p>"),
        ("[Look]({{ event.products[0].url }})", '<p><a href="https://mail.example/c/TOKEN/1">Look</a></p>'),
        ("[Look](https://x.example/{{ profile.name }})", '<p><a href="https://mail.example/c/TOKEN/1">Look</a></p>'),
        (
            "**[Buy]({{ event.products[0].url }})**",
            '<p><strong><a href="https://mail.example/c/TOKEN/1" class="t-button">Buy</a></strong></p>',
        ),
        (
            "Text **[Buy]({{ event.products[0].url }})**",
            '<p>Text <strong><a href="https://mail.example/c/TOKEN/1">Buy</a></strong></p>',
        ),
        (
            "{% for p in event.products %}\n- {{ p.name }}\n{% endfor %}\nAfter",
            "<ul><li>A &amp; B</li><li>C</li></ul><p>After</p>",
        ),
        (
            "Before\n{% for p in event.products %}\n* {{ p.name }}\n{% endfor %}",
            "<p>Before</p><ul><li>A &amp; B</li><li>C</li></ul>",
        ),
        (
            "{% if profile.name %}\nYes **{{ profile.name }}**\n{% else %}\nNo\n{% endif %}",
            "<p>Yes <strong>Aia</strong></p>",
        ),
        (
            "{% for p in event.products %}\n{% if p.name == 'C' %}\n## {{ p.name }}\n{% endif %}\n{% endfor %}",
            "<h2>C</h2>",
        ),
        ("{{ profile.name }}\n{{ profile.name }}", "<p>AiaAia</p>"),
        ("{% if profile.x < 3 %}a{% else %}b{% endif %}", "<p>b</p>"),
        (
            "| A | B |\n|---|---|\n| {{ profile.name }} | 2 |",
            "<table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td>Aia</td><td>2</td></tr></tbody></table>",
        ),
        ("a <b>b</b>\n\n<div>c {{ profile.name }}</div>", "<p>a <b>b</b></p><div>c Aia</div>"),
    ],
)
def test_markdown(render: Render, text: str, expected: str) -> None:
    assert _card(render(text, BodyFormat.MARKDOWN, job=job(profile={"name": "Aia"}, event=DATA)).html) == expected


def test_data_is_never_read_as_markdown(render: Render) -> None:
    evil = "[x](javascript:alert(1)) **bold** <b>"
    mail = render("Hello {{ profile.n }}", BodyFormat.MARKDOWN, job=job(profile={"n": evil}))
    assert _card(mail.html) == "<p>Hello [x](javascript:alert(1)) **bold** &lt;b&gt;</p>"
    assert mail.plain.endswith(f"\n\nHello {evil}\n")


def test_links_that_markdown_itself_refuses_stay_text(render: Render) -> None:
    html = render("[x](javascript:alert)", BodyFormat.MARKDOWN).html
    assert _card(html) == "<p>[x](javascript:alert)</p>"


def test_scripts_are_refused(compiled: Compile) -> None:
    _, problems = compiled("Text\n\n<script>x</script>", BodyFormat.MARKDOWN)
    assert [str(problem) for problem in problems] == [
        "messages/m/en.md:3:1: mail programs run no scripts; take `<script>` out"
    ]


def test_the_layout_is_whole(render: Render) -> None:
    mail = render("Text", BodyFormat.MARKDOWN, kind=MessageKind.MARKETING, preheader="Soon")
    html = mail.html
    assert html.startswith('<!doctype html><html lang="en"')
    assert html.index("<body") < html.index("Soon&#847;") < html.index("Text") < html.index("Unsubscribe")
    assert html.index("Unsubscribe") < html.index("/o/TOKEN.gif") < html.index("</body></html>")
    assert "max-width:600px" in html
    assert "prefers-color-scheme:dark" in html
    assert html.count("<table") == html.count("</table")
