"""One message read over: subject, way on, length, pictures, weight, what may be missing, what can hardly be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.language.model import BodyFormat, MessageKind, Position
from tamshy.proofread.missing import unguarded
from tamshy.proofread.pale import pale
from tamshy.render.marks import swap
from tamshy.render.markup import elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.language.model import Body, Message
    from tamshy.render.compiled import Compiled, CompiledBody
    from tamshy.render.marks import Marked
    from tamshy.render.markup import Element

MOST_WORDS: Final = 200
MOST_BYTES: Final = 102 * 1024
LONGEST_SUBJECT: Final = 70
_MOST_BUTTONS: Final = 3
_FEWEST_LETTERS: Final = 8
_SHOUTING: Final = 0.6
_ELSE: Final = re.compile(r"\{%-?\s*els(?:e|if)\b.*?%\}.*?(?=\{%-?\s*end)", re.DOTALL)
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ADDRESS: Final = re.compile(r"https?://\S+")
_WORD: Final = re.compile(r"\w[\w'’-]*")
_OWN: Final = ("unsubscribe_url", "preferences_url", "view_url")
_BUTTON_STYLE: Final = re.compile(r"\b(?:background(?:-color)?|padding)\s*:", re.IGNORECASE)
_BOLD_LINK: Final = re.compile(r"^\s*\*\*\[[^\]]+\]\(([^)]+)\)\*\*\s*$", re.MULTILINE)
_MARKDOWN_LINK: Final = re.compile(r"(?<!!)\[[^\]]+\]\(([^)]+)\)")
_MARKDOWN_PICTURE: Final = re.compile(r"!\[\s*\]\(")


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """One thing to think about again, and what would be better."""

    position: Position
    text: str

    def __str__(self) -> str:
        return f"{self.position}: warning: {self.text}"


def read_over(message: Message, compiled: Compiled) -> list[Remark]:
    """All remarks on a message that compiles, in order of place, each said once."""
    remarks: list[Remark] = []
    for locale, text in sorted(message.subject.items()):
        remarks += [Remark(message.position, f"subject, {locale}: {said}") for said in _subject(text)]
    for locale, text in sorted((*message.subject.items(), *message.preheader.items())):
        remarks += [Remark(message.position, f"{locale}: {_may_be_missing(path)}") for path, _ in unguarded(text)]
    if not message.preheader:
        text = "no preheader: mail programs show the first words of the body beside the subject instead"
        remarks.append(Remark(message.position, text))
    for locale, body in sorted(message.bodies.items()):
        made = compiled["locales"].get(locale)
        if made is not None:
            remarks += _body(message, body, made)
    return sorted(set(remarks))


def _subject(text: str) -> Iterator[str]:
    shown = _LIQUID.sub("", _ELSE.sub("", text)).strip()
    letters = [sign for sign in shown if sign.isalpha()]
    loud = sum(sign.isupper() for sign in letters)
    if len(letters) >= _FEWEST_LETTERS and loud > _SHOUTING * len(letters):
        yield "it is nearly all capitals, and reads as if you shouted; write it like a sentence"
    if shown.count("!") > 1:
        yield "one exclamation mark is enough, and none is better"
    if len(shown) > LONGEST_SUBJECT:
        yield f"{len(shown)} characters; a telephone shows about 40 of them, and {LONGEST_SUBJECT} are as many as anybody reads"


def _may_be_missing(path: str) -> str:
    return (
        f'`{path}` is empty for some, and they would get no mail at all; give it a default (`| default: "…"`) or put '
        f"what needs it between {{% if {path} %}} and {{% endif %}}"
    )


def _body(message: Message, body: Body, made: CompiledBody) -> Iterator[Remark]:
    marked = swap(body.file, body.text)
    top = Position(body.file, 1, 1)
    found = list(elements(marked.text))
    yield from (Remark(top, said) for said in _way_on(message, body, marked, found))
    words = len(_WORD.findall(_ADDRESS.sub("", _LIQUID.sub(" ", made["plain"]))))
    if words > MOST_WORDS:
        yield Remark(top, f"{words} words; hardly anybody reads more than {MOST_WORDS}: say less, and link the rest")
    weight = len(made["html"].encode())
    if weight > MOST_BYTES:
        yield Remark(top, f"{weight // 1024} kB as HTML before anything is printed into it; {_CUT_OFF}")
    yield from (Remark(place, _NO_ALT) for place in _silent_pictures(body, marked, found))
    for path, offset in unguarded(body.text):
        yield Remark(_place(body, offset), _may_be_missing(path))
    for words_, front, ground, ratio in pale(made["html"]):
        yield Remark(top, f"“{words_}” can hardly be read: {front} on {ground} is {ratio:.1f} : 1; {_LEAST}")


_CUT_OFF: Final = "Gmail cuts off what is beyond 102 kB, the way out too"
_LEAST: Final = "4.5 : 1 is the least (3 : 1 in large letters)"
_NO_ALT: Final = (
    "a picture without `alt`: many see no pictures, some cannot see at all; say what it shows, "
    'or alt="" where it is but decoration'
)
_NO_WAY_ON: Final = "nothing to do: no link leads on; say with one button what the reader can do now"
_NO_BUTTON: Final = (
    "no button: the one thing to do should be seen at a glance; in MJML that is `mj-button`, in Markdown a paragraph "
    "that is one bold link"
)


def _way_on(message: Message, body: Body, marked: Marked, found: list[Element]) -> Iterator[str]:
    """What is wrong with the one thing to do; transactional mails may only tell."""
    targets = [target for target in _targets(body, marked, found) if not any(own in target for own in _OWN)]
    buttons = {target for target in _buttons(body, marked, found) if target}
    if message.kind is MessageKind.MARKETING and not targets:
        yield _NO_WAY_ON
    elif message.kind is MessageKind.MARKETING and not buttons:
        yield _NO_BUTTON
    if len(buttons) > _MOST_BUTTONS:
        yield f"{len(buttons)} buttons that lead to different places; one main action is done more often than one of many"


def _targets(body: Body, marked: Marked, found: list[Element]) -> list[str]:
    if body.format is BodyFormat.MARKDOWN:
        return _MARKDOWN_LINK.findall(body.text)
    hrefs = (one.get("href") for one in found if not one.closing and one.name in {"a", "mj-button", "mj-image"})
    return [marked.restore(href.value) for href in hrefs if href is not None and href.value]


def _buttons(body: Body, marked: Marked, found: list[Element]) -> list[str]:
    if body.format is BodyFormat.MARKDOWN:
        return _BOLD_LINK.findall(body.text)
    pressed = []
    for one in found:
        style = one.get("style")
        drawn = one.name == "a" and style is not None and _BUTTON_STYLE.search(style.value or "") is not None
        href = one.get("href")
        if not one.closing and (one.name == "mj-button" or drawn) and href is not None:
            pressed.append(marked.restore(href.value or ""))
    return pressed


def _silent_pictures(body: Body, marked: Marked, found: list[Element]) -> Iterator[Position]:
    if body.format is BodyFormat.MARKDOWN:
        for picture in _MARKDOWN_PICTURE.finditer(body.text):
            yield _place(body, picture.start())
    for one in found:
        # One without an address sets what all others begin with.
        if one.name in {"img", "mj-image"} and one.get("src") is not None and one.get("alt") is None:
            yield marked.position_here(one.start)


def _place(body: Body, offset: int) -> Position:
    line = body.text.count("\n", 0, offset) + 1
    return Position(body.file, line, offset - (body.text.rfind("\n", 0, offset) + 1) + 1)
