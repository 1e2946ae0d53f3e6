"""Links, the pixel, the preheader, the footer and the plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.unit.render.conftest import SHOP, job

from tamshy.language.model import Body, BodyFormat, Message, MessageKind
from tamshy.render import Letter, RenderError
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from tests.unit.render.conftest import Compile, Render

UTM = {"campaign": "cart", "source": "mail & co"}
TAGS = "utm_campaign=cart&utm_source=mail%20%26%20co"


def _link(address: str) -> str:
    return f'<a class="x" href="{address}">go</a>'


@pytest.mark.parametrize(
    ("address", "final"),
    [
        ("https://qumyra.example/a", f"https://qumyra.example/a?{TAGS}"),
        ("https://www.qumyra.example", f"https://www.qumyra.example?{TAGS}"),
        ("https://m.qumyra.example/a?b=1&amp;c=2#top", f"https://m.qumyra.example/a?b=1&c=2&{TAGS}#top"),
        (
            "https://qumyra.example/a?utm_campaign=own",
            "https://qumyra.example/a?utm_campaign=own&utm_source=mail%20%26%20co",
        ),
        ("https://notqumyra.example/a", "https://notqumyra.example/a"),
        ("https://other.example/a?copy=1&copy=2", "https://other.example/a?copy=1&copy=2"),
        ("HTTP://other.example/", "HTTP://other.example/"),
        ("/p/1", f"https://qumyra.example/p/1?{TAGS}"),
        ("p 1", f"https://qumyra.example/p%201?{TAGS}"),
        (" https://other.example/a b\n", "https://other.example/ab"),
    ],
)
@pytest.mark.parametrize("how", ["written", "data"])
def test_a_link_is_numbered_and_finished(compiled: Compile, address: str, final: str, how: str) -> None:
    plain = address.replace("&amp;", "&")
    made, problems = compiled(_link(address if how == "written" else "{{ profile.url }}"), utm=UTM)
    assert problems == []
    mail = Letter(made).render(job(profile={"url": plain}))
    assert mail.links == [final]
    assert '<a class="x" href="https://mail.example/c/TOKEN/0">go</a>' in mail.html
    assert mail.plain == f"go: {final}\n"


def test_links_are_numbered_as_they_are_met(render: Render) -> None:
    text = (
        _link("https://a.example/")
        + "{% for u in profile.urls %}" + _link("{{ u }}") + "{% endfor %}"
        + "{% if profile.no %}" + _link("https://never.example/") + "{% endif %}"
        + _link("https://b.example/{{ profile.urls.size }}") + _link("https://a.example/")
    )  # fmt: skip
    mail = render(text, job=job(profile={"urls": ["https://u.example/1", "https://u.example/2?x=1&y=2"], "no": False}))
    assert mail.links == [
        "https://a.example/",
        "https://u.example/1",
        "https://u.example/2?x=1&y=2",
        "https://b.example/2",
        "https://a.example/",
    ]
    assert [mail.html.count(f'href="https://mail.example/c/TOKEN/{number}"') for number in range(6)] == [
        1,
        1,
        1,
        1,
        1,
        0,
    ]


@pytest.mark.parametrize(
    "address",
    [
        "mailto:help@qumyra.example",
        "tel:+77270000000",
        "sms:+7727",
        "#top",
        "",
        "{{ unsubscribe_url }}",
        "{{preferences_url}}",
        "{{ view_url }}",
        "{{ vars.mail }}",
        "{{ vars.nothing }}",
        "{% if vars.mail %}{{ unsubscribe_url }}{% endif %}",
    ],
)
def test_some_links_are_left_alone(render: Render, address: str) -> None:
    mail = render(_link(address), job=job(vars={"mail": "mailto:help@qumyra.example", "nothing": None}))
    assert mail.links == []
    assert "/c/TOKEN" not in mail.html


def test_links_in_outlooks_comments_and_of_stylesheets(render: Render) -> None:
    text = (
        '<html><head><link rel="stylesheet" href="https://x.example/a.css"></head><body>'
        '<!-- <a href="https://x.example/comment">x</a> -->'
        '<!--[if mso]><v:roundrect href="https://x.example/mso"></v:roundrect><![endif]--></body></html>'
    )
    mail = render(text)
    assert mail.links == ["https://x.example/mso"]
    assert '<link rel="stylesheet" href="https://x.example/a.css">' in mail.html


def test_conditions_around_an_attribute_of_html(render: Render) -> None:
    mail = render('<a {% if profile.x %}href="https://x.example/"{% endif %}>x</a>', job=job(profile={"x": 1}))
    assert mail.links == ["https://x.example/"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<p>\n<a href="ftp://x.example/">x</a>', "2:10: a link to `ftp://x.example/`; write a whole address"),
        (
            '<a href="javascript:{{ profile.x }}">x</a>',
            "1:10: a link with `javascript:`; write one that begins with https://",
        ),
        (
            "<a href={{ profile.x }}>x</a>",
            "1:4: put the value of `href` in quotes; Liquid in it would break out without",
        ),
        ("<a {{ profile.x }}>x</a>", "1:4: `{{ profile.x }}` must not stand where an attribute begins"),
        ("<p>x</p><iframe src='https://x.example/'>", "1:9: mail programs show no `<iframe>`; take `<iframe>` out"),
        (
            "<style>\n.a { color: {{ profile.c }} }</style>",
            "2:13: what is printed into a style sheet can break out of it; write plain values",
        ),
        ('<img onerror="x()">', "1:6: mail programs run no scripts; take `onerror` out"),
        ("{% tamshy_static 0 %}", "1:4: Liquid: unknown tag 'tamshy_static'"),
        ("{% include 'x' %}", "1:4: Liquid: unknown tag 'include'"),
        ("{{ 'x' | money: }", "1:1: Liquid:"),
    ],
)
def test_what_must_not_be_published(compiled: Compile, text: str, said: str) -> None:
    made, problems = compiled(text)
    assert made["locales"] == {}
    assert str(problems[0]).startswith(f"messages/m/en.html:{said}")


def test_all_problems_come_at_once() -> None:
    bodies = {
        "en": Body(BodyFormat.HTML, "<script>1</script><p onclick='x'>", "en.html"),
        "ru": Body(BodyFormat.HTML, "{% if %}", "ru.html"),
        "kk": Body(BodyFormat.HTML, "fine", "kk.html"),
    }
    made, problems = compile_message(Message("m", MessageKind.TRANSACTIONAL, {"en": "{{ x"}, bodies), SHOP)
    assert {problem.position.file for problem in problems} == {"en.html", "ru.html", ""}
    assert sum(problem.position.file == "en.html" for problem in problems) == 2
    assert sum(problem.position.file == "" for problem in problems) == 1  # the subject that all three share
    assert made["locales"] == {}


def test_without_a_token_links_stay_as_they_are(render: Render) -> None:
    text = _link("https://qumyra.example/a") + _link("{{ profile.u }}")
    mail = render(text, job=job(profile={"u": "https://x.example/"}, token="", open_url=""))
    assert mail.links == []
    assert 'href="https://qumyra.example/a"' in mail.html
    assert 'href="https://x.example/"' in mail.html
    assert ".gif" not in mail.html


@pytest.mark.parametrize("text", ["x", "<p>x</p></body>", "<html><body>x</BODY ></html>"])
def test_the_pixel_is_the_last_of_the_body(render: Render, text: str) -> None:
    html = render(text).html
    assert html.count("https://mail.example/o/TOKEN.gif") == 1
    assert html.partition("https://mail.example/o/TOKEN.gif")[2].startswith('" width="1"')
    assert html.rpartition(">")[0].rpartition('border:0"')[2] in {"></body></html", ""}


def test_the_preheader_is_hidden_at_the_start(render: Render) -> None:
    html = render(
        '<html><body class="x"><p>text</p></body></html>', preheader="Hi {{ profile.n }}", job=job(profile={"n": "<A>"})
    ).html
    start = html.partition('<body class="x">')[2]
    assert start.startswith('<div style="display:none;')
    assert start.partition(">")[2].startswith("Hi &lt;A&gt;&#847;&zwnj;&nbsp;")
    # Spam filters know hidden text by its colour, and take this one for white on white.
    assert "color" not in start.partition(">")[0]


@pytest.mark.parametrize(
    ("locale", "unsubscribe", "reason"),
    [
        ("en", "Unsubscribe", "You get this mail because you are subscribed to news from Qumyra."),
        ("ru", "Отписаться", "Вы получили это письмо, потому что подписаны на рассылку Qumyra."),
        ("kk", "Жазылымнан бас тарту", "Бұл хат сізге Qumyra жаңалықтарына жазылғандықтан келді."),
        ("id", "Berhenti berlangganan", "Anda menerima email ini karena berlangganan kabar dari Qumyra."),
        ("fr", "Unsubscribe", "You get this mail because you are subscribed to news from Qumyra."),
    ],
)
def test_a_marketing_message_without_a_way_out_gets_one(
    compiled: Compile, locale: str, unsubscribe: str, reason: str
) -> None:
    made, problems = compiled("<p>x</p>", kind=MessageKind.MARKETING, locale=locale)
    assert problems == []
    mail = Letter(made).render(job(locale=locale))
    assert (
        f'<a href="https://mail.example/u/TOKEN" style="color:#4B5A63;text-decoration:underline">{unsubscribe}</a>'
        in mail.html
    )
    assert reason in mail.html
    assert mail.plain.startswith(f"x\n\n--\n{reason}\n{unsubscribe}: https://mail.example/u/TOKEN\n")
    assert mail.links == []


def test_a_way_out_of_its_own_is_enough(compiled: Compile) -> None:
    made, _ = compiled(_link("{{ unsubscribe_url }}"), kind=MessageKind.MARKETING)
    mail = Letter(made).render(job())
    assert mail.html.count("/u/TOKEN") == 1
    assert mail.plain == "go: https://mail.example/u/TOKEN\n"


def test_a_way_out_that_is_not_taken_does_not_count(compiled: Compile) -> None:
    made, _ = compiled(
        "{% if profile.x %}" + _link("{{ unsubscribe_url }}") + "{% endif %}", kind=MessageKind.MARKETING
    )
    assert Letter(made).render(job(profile={"x": False})).html.count(">Unsubscribe</a>") == 1
    assert Letter(made).render(job(profile={"x": True})).html.count(">Unsubscribe</a>") == 0


def test_a_transactional_message_gets_none(render: Render) -> None:
    mail = render("<p>x</p>")
    assert "/u/TOKEN" not in mail.html
    assert mail.plain == "x\n"


def test_the_plain_text_of_html(render: Render) -> None:
    text = """
    <style>p { color: red }</style><div style="display: none">hidden <b>too</b></div>
    <h1>Title   here</h1><p>One<br>two &amp; <b>three</b> &lt;four&gt;</p>
    <ul>{% for p in profile.list %}
      <li>{{ p }}</li>
    {% endfor %}</ul>
    <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table><hr>
    <a href="https://x.example/"><img src="https://x.example/a.png" alt="Our shop"></a>
    <a href="https://y.example/">https://y.example/</a> <img src="https://x.example/b.png" alt="not said">
    &#123;{ not liquid }}
    """
    assert render(text, job=job(profile={"list": ["x & y", "<z>"]})).plain == (
        "Title here\n\nOne\ntwo & three <four>\n\n- x & y\n- <z>\n\na b\nc\n\n---\n\n"
        "Our shop: https://x.example/ https://y.example/ {{ not liquid }}\n"
    )


def test_the_plain_text_written_by_hand(compiled: Compile) -> None:
    made, problems = compiled(
        "<p>x</p>", plain="Dear {{ profile.n }},\n  indented\n\n\n\nend\n", kind=MessageKind.MARKETING
    )
    assert problems == []
    plain = Letter(made).render(job(profile={"n": "A & <B>"})).plain
    assert plain.startswith("Dear A & <B>,\n  indented\n\nend\n\n--\nYou get this mail")
    with pytest.raises(RenderError, match=r"^messages/m/en\.txt:1: profile\.n is missing$"):
        Letter(made).render(job())


def test_rendering_is_pure(compiled: Compile) -> None:
    made, _ = compiled(
        "{% for p in profile %}{{ p[0] }}{% endfor %}" + _link("{{ profile.u }}") + "{{ now | date }}", utm=UTM
    )
    again = msgspec.json.decode(msgspec.json.encode(made))
    assert again == made
    given = job(profile={"b": 1, "a": 2, "u": "https://qumyra.example/"})
    as_text = msgspec.structs.replace(given, profile='{"b":1,"a":2,"u":"https://qumyra.example/"}')
    first = Letter(made).render(given)
    letter = Letter(again)
    assert [letter.render(given), letter.render(as_text), letter.render(given)] == [first] * 3
