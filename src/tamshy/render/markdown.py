"""Markdown to HTML with the styles of the layout, Liquid kept as marks.

Three things beyond CommonMark with tables: a line of Liquid tags alone (a loop, a condition) stands between blocks, not
in them; a loop around a list makes one list; a paragraph that is one bold link becomes a button.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

from tamshy.render.layout import INK, LINE, PAPER, QUIET, SANS, STEPPE
from tamshy.render.marks import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

    from tamshy.render.marks import Marked

_STYLES: Final = {
    "p": "margin:0 0 16px",
    "h1": f"margin:0 0 16px;font:600 28px/36px {SANS};color:{INK}",
    "h2": f"margin:24px 0 12px;font:600 22px/30px {SANS};color:{INK}",
    "h3": f"margin:24px 0 8px;font:600 18px/26px {SANS};color:{INK}",
    "ul": "margin:0 0 16px;padding:0 0 0 24px",
    "ol": "margin:0 0 16px;padding:0 0 0 24px",
    "li": "margin:0 0 8px",
    "a": f"color:{STEPPE}",
    "img": "display:block;max-width:100%;height:auto;border:0",
    "hr": f"border:0;border-top:1px solid {LINE};margin:24px 0",
    "blockquote": f"margin:0 0 16px;padding:0 0 0 16px;border-left:4px solid {LINE};color:{QUIET}",
    "table": "width:100%;border-collapse:collapse;margin:0 0 16px",
    "th": f"text-align:left;padding:8px 8px 8px 0;border-bottom:1px solid {LINE}",
    "td": f"padding:8px 8px 8px 0;border-bottom:1px solid {LINE}",
}
_ALONE: Final = re.compile(r"^[ \t]*((?:lqx\d{4,7}xz[ \t]*)+)$", re.MULTILINE)
_KEPT: Final = re.compile(r"<!--((?:lqx\d{4,7}xz[ \t]*)+)-->\n?")
_LOOPED: Final = re.compile(
    r"((?:lqx\d{4,7}xz)+)(<(ul|ol)[^>]*>\n)((?:(?!<[uo]l|</[uo]l|</?p\b|</?table\b).)*?)(</\3>\n?)((?:lqx\d{4,7}xz)+)",
    re.DOTALL,
)
_BUTTON: Final = ["strong_open", "link_open", "link_close", "strong_close"]


def to_html(marked: Marked) -> str:
    """The HTML of a body, for the layout's card, with the same marks."""
    source = _ALONE.sub(lambda found: _own_line(found, marked), marked.text)
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(source)
    _style(tokens)
    html = str(parser.renderer.render(tokens, parser.options, {}))
    html = _KEPT.sub(lambda found: found[1].replace(" ", "").replace("\t", ""), html)
    return _LOOPED.sub(lambda found: found[2] + found[1] + found[4] + found[6] + found[5], html)


def _own_line(found: re.Match[str], marked: Marked) -> str:
    if any(marked.mark(number).prints for number in MARK.findall(found[1])):
        return found[0]
    # An HTML block of its own: it ends a paragraph or list before it, and the next line begins anew.
    return f"\n<!--{found[1].strip()}-->\n"


def _style(tokens: Sequence[Token]) -> None:
    for number, token in enumerate(tokens):
        if token.nesting >= 0 and token.tag in _STYLES and token.attrGet("class") != "t-button":
            before = str(token.attrGet("style") or "")
            token.attrSet("style", _STYLES[token.tag] + (f";{before}" if before else ""))
        if token.children:
            if _is_button(tokens, number):
                _make_button(token)
            _style(token.children)


def _is_button(tokens: Sequence[Token], number: int) -> bool:
    children = tokens[number].children or []
    kinds = [child.type for child in children if child.content.strip() or child.type != "text"]
    inner = kinds[2:-2]
    return (
        tokens[number - 1].type == "paragraph_open"
        and kinds[:2] + kinds[-2:] == _BUTTON
        and bool(inner)
        and "link_open" not in inner
    )


def _make_button(token: Token) -> None:
    """Make the bold link a block of 44 px and more that mail programs cannot tear apart; Outlook gets its padding."""
    for child in token.children or []:
        if child.type == "link_open":
            child.attrSet("class", "t-button")
            child.attrSet(
                "style",
                f"display:inline-block;background:{STEPPE};color:{PAPER};font:600 16px/20px {SANS};padding:14px 28px;"
                "border-radius:6px;text-decoration:none;mso-padding-alt:14px 28px",
            )
