"""Promise 58: MJML crashes nothing and reads no file; what a recipient's data holds stays data."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.unit.render.conftest import build, job

from tamshy.language.model import BodyFormat
from tamshy.render.compile import MAX_BODY
from tamshy.render.rendering import Letter

if TYPE_CHECKING:
    from tamshy.render import Compiled

CANARY: Final = "canary-of-a-file"


def mjml(inside: str, head: str = "") -> str:
    return f"<mjml>{head and f'<mj-head>{head}</mj-head>'}<mj-body>{inside}</mj-body></mjml>"


def text(inside: str) -> str:
    return mjml(f"<mj-section><mj-column><mj-text>{inside}</mj-text></mj-column></mj-section>")


def nested(name: str, times: int, inside: str = "x") -> str:
    return f"<{name}>" * times + inside + f"</{name}>" * times


# Each: a body; refused at publishing, or compiled without harm.
PROMISE_58: Final = {
    "a file included": mjml('<mj-include path="FILE"/>'),
    "a file included in the head": mjml("", '<mj-include path="FILE" type="css"/>'),
    "a file included by capitals": mjml('<MJ-INCLUDE PATH="FILE"></MJ-INCLUDE>'),
    "a file included by its address": mjml('<mj-include path="file://FILE"/>'),
    "a file included from above": mjml('<mj-include path="../../../../../../../FILE"/>'),
    "a file included in a comment": mjml('<!--[if mso]><mj-include path="FILE"/><![endif]-->'),
    "a file included raw": mjml('<mj-raw><mj-include path="FILE"/></mj-raw>'),
    "a file included by Liquid": mjml("<mj-{{ 'include' }} path='FILE'/>"),
    "something included from the network": mjml('<mj-include path="http://127.0.0.1:1/x.mjml"/>'),
    "a file as an entity": '<!DOCTYPE mjml [<!ENTITY f SYSTEM "file://FILE">]>' + text("&f;"),
    "a file as a parameter's entity": '<!DOCTYPE mjml [<!ENTITY % f SYSTEM "file://FILE"> %f;]>' + text("x"),
    "a thousand million laughs": "<!DOCTYPE mjml [<!ENTITY a 'lol'>"
    + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
    + "]>"
    + text("&j;"),
    "an entity that holds itself": "<!DOCTYPE mjml [<!ENTITY a '&a;'>]>" + text("&a;"),
    "columns fifty deep": mjml(nested("mj-column", 50)),
    "columns a thousand deep": mjml(nested("mj-column", 1000)),
    "wrappers a hundred thousand deep": mjml(nested("mj-wrapper", 40_000)),
    "elements of HTML ten thousand deep": text(nested("div", 10_000)),
    "elements that never close": mjml("<mj-section>" * 20_000),
    "ends without beginnings": mjml("</mj-section>" * 20_000),
    "elements crossed": mjml("<mj-section><mj-column></mj-section></mj-column>" * 500),
    "a comment that never ends": mjml("<!-- " + "x" * 1000),
    "CDATA that never ends": mjml("<mj-text><![CDATA[ " + "x" * 1000),
    "an attribute that never ends": mjml('<mj-text color="' + "x" * 1000),
    "an attribute twice": mjml('<mj-section padding="1px" padding="2px"></mj-section>'),
    "ten thousand attributes": mjml("<mj-text " + " ".join(f'a{n}="x"' for n in range(10_000)) + ">x</mj-text>"),
    "an attribute of 400 kB": mjml(f'<mj-section css-class="{"x" * 400_000}"></mj-section>'),
    "a megabyte": text("x" * 1_000_000),
    "twenty thousand sections": mjml("<mj-section></mj-section>" * 15_000),
    "a width of a million digits": mjml(f'<mj-section><mj-column width="{"9" * 100_000}px"></mj-column></mj-section>'),
    "a width below nothing": mjml('<mj-section><mj-column width="-1e999%"></mj-column></mj-section>'),
    "a width that is no number": mjml(
        '<mj-section padding="NaNpx Infinitypx"><mj-column width="%"></mj-column></mj-section>'
    ),
    "more columns than there is width": mjml(
        "<mj-section>" + '<mj-column width="0px"></mj-column>' * 999 + "</mj-section>"
    ),
    "fifteen hundred elements": mjml("<mj-section></mj-section>" * 1490),
    "nothing": "",
    "not even an element": "{{ profile.n }}",
    "an element of another language": "<html><body>x</body></html>",
    "a body without mjml": "<mj-body><mj-text>x</mj-text></mj-body>",
    "NUL": text("a\0b"),
    "half a surrogate": text("a\ud800b"),
    "letters that turn": text("\u202e</mj-text>\u2066"),
    "a script": text("<script>alert(1)</script>"),
    "a script in raw": mjml("<mj-raw><script>alert(1)</script></mj-raw>"),
    "a script in a title": mjml("", "<mj-title></title><script>alert(1)</script></mj-title>"),
    "a handler": mjml('<mj-section><mj-column><mj-image src="x" onerror="alert(1)"/></mj-column></mj-section>'),
    "a link to a script": mjml(
        '<mj-section><mj-column><mj-button href="javascript:alert(1)">x</mj-button></mj-column></mj-section>'
    ),
    "data in a style": mjml("", "<mj-style>a{{ profile.n }}{}</mj-style>"),
    "data for an attribute's name": mjml("<mj-text {{ profile.n }}=1>x</mj-text>"),
    "data for an element's name": mjml("<{{ profile.n }}>x</{{ profile.n }}>"),
    "data without quotes": text("<a href={{ profile.n }}>x</a>"),
}
DATA: Final = {
    "ends an attribute": '"><script>alert(1)</script>',
    "ends an attribute in single quotes": "'><script>alert(1)</script>",
    "is an element of MJML": '<mj-include path="FILE"/>',
    "is Liquid": "{{ profile.secret }}{% raw %}",
    "is a mark of ours": "\ue0000\ue001",
    "ends a comment": "--><script>alert(1)</script><!--",
    "ends a condition of Outlook's": "<![endif]--><script>alert(1)</script>",
    "is half a tag": "<img src=x onerror=alert(1) ",
}
PLACES: Final = mjml(
    '<mj-section css-class="{{ profile.n }}"><mj-column><mj-text color="{{ profile.n }}">{{ profile.n }}</mj-text>'
    '<mj-image src="https://x.example/{{ profile.n }}" alt="{{ profile.n }}" title="{{ profile.n }}"/>'
    '<mj-button href="https://x.example/?q={{ profile.n | url_encode }}">{{ profile.n }}</mj-button>'
    "<mj-raw><p title='{{ profile.n }}'>{{ profile.n }}</p></mj-raw>"
    '<mj-table><tr><td title="{{ profile.n }}">{{ profile.n }}</td></tr></mj-table></mj-column></mj-section>',
    "<mj-title>{{ profile.n }}</mj-title><mj-preview>{{ profile.n }}</mj-preview>",
)
PROMISE_58_DATA: Final = tuple(DATA)


class Acting(HTMLParser):
    """Elements and attributes that would do something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in {"script", "iframe", "mj-include"} else []
        self.found += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mjml") / "secret.mjml"
    made.write_text(f"<mj-section><mj-column><mj-text>{CANARY}</mj-text></mj-column></mj-section>")
    return made


def compiled(body: str) -> tuple[Compiled, list[str]]:
    made, problems = build(body, BodyFormat.MJML)
    assert all(problem.position.file.startswith("messages/m/") for problem in problems)
    return made, [problem.text for problem in problems]


@pytest.mark.parametrize("name", PROMISE_58)
def test_it_is_refused_or_harmless(file: Path, name: str) -> None:
    """In this very process: publishing compiles where it is called, so nothing may crash it or take long."""
    began, used = time.monotonic(), time.process_time()
    made, problems = compiled(PROMISE_58[name].replace("FILE", str(file)))
    assert time.process_time() - used < 5
    assert time.monotonic() - began < 30
    assert CANARY not in "".join(problems)
    if problems:
        assert "en" not in made["locales"]
        return
    html = made["locales"]["en"]["html"]
    assert len(html) < 4 * MAX_BODY
    assert CANARY not in html
    assert Acting(html).found == []
    assert "lollollol" not in html


MUST_BE_REFUSED: Final = tuple(
    name for name in PROMISE_58 if name.startswith(("a file included", "a script", "a handler", "data "))
)


@pytest.mark.parametrize("name", MUST_BE_REFUSED)
def test_what_could_never_be_meant_is_refused_with_its_reason(file: Path, name: str) -> None:
    assert compiled(PROMISE_58[name].replace("FILE", str(file)))[1] != []


@pytest.mark.parametrize("name", PROMISE_58_DATA)
def test_data_in_every_place_stays_data(file: Path, name: str) -> None:
    made, problems = compiled(PLACES)
    assert problems == []
    letter = Letter(made).render(job(profile={"n": DATA[name].replace("FILE", str(file)), "secret": CANARY}))
    assert Acting(letter.html).found == []
    for said in (letter.html, letter.plain, letter.preheader):
        assert CANARY not in said
    assert re.search(r"<mj-", letter.html) is None


def test_nothing_is_asked_of_the_network_or_of_files() -> None:
    """What the compiler opens is told by the system: nothing."""
    opened = set(Path("/proc/self/fd").iterdir())
    compiled(PROMISE_58["something included from the network"])
    compiled(PROMISE_58["a file as an entity"].replace("FILE", "/etc/hostname"))
    assert set(Path("/proc/self/fd").iterdir()) == opened
