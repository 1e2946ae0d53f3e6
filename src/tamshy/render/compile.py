"""Publishing's part of rendering: a message's texts to templates that need nothing but Liquid for each recipient."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from liquid.exceptions import LiquidError

from tamshy.language.liquid import asked_for, check_liquid
from tamshy.language.locales import choose_locale
from tamshy.language.model import BodyFormat, Problem
from tamshy.language.recommending import Asks
from tamshy.render import markdown, mjml
from tamshy.render.compiled import FORM, Compiled, CompiledAsks, CompiledBody
from tamshy.render.environments import HTML, TEXT
from tamshy.render.layout import document, footer, layout, preheader
from tamshy.render.links import Links
from tamshy.render.marks import MARK, Marked, swap
from tamshy.render.plain import plain_template
from tamshy.render.refusals import refused
from tamshy.render.tracking import Shop

if TYPE_CHECKING:
    from liquid import Environment

    from tamshy.language.model import Body, Message, Position, Settings

_BODY: Final = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_BODY_END: Final = re.compile(r"</body\s*>(?![\s\S]*</body\s*>)", re.IGNORECASE)
MAX_BODY: Final = 512 * 1024


def compile_message(message: Message, settings: Settings) -> tuple[Compiled, list[Problem]]:
    """Compile a message for all its locales.

    Gives:
        The compiled message, plain JSON, fit for ``message_version.compiled``; and everything that is wrong, with its
        place. With problems the compiled message lacks the locales that have them and must not be published.
    """
    problems: list[Problem] = []
    shop = Shop(settings.url, tuple(sorted(message.utm.items())))
    compiled = Compiled(
        form=FORM,
        message=message.name,
        kind=message.kind.value,
        default_locale=settings.locale,
        currency=settings.currency,
        zone=settings.timezone,
        shop=shop_root(settings),
        utm=dict(shop.utm),
        from_address=message.from_ or settings.from_,
        reply_to=message.reply_to,
        locales={},
    )
    for locale, body in message.bodies.items():
        work = _Locale(message, settings, locale, shop)
        done = work.compiled(body)
        problems += work.problems
        if not work.problems:
            compiled["locales"][locale] = done
    if not message.bodies:
        problems.append(Problem(message.position, "no body; write one file LOCALE.mjml, LOCALE.html or LOCALE.md"))
    if not problems and (asks := _asks(message)).kinds:
        compiled["asks"] = CompiledAsks(
            kinds=sorted(asks.kinds),
            paths=sorted((list(path) for path in asks.paths), key=str),
            names=sorted(asks.names),
            anything=asks.anything,
            own=asks.own,
        )
    return compiled, list(dict.fromkeys(problems))  # locales may share a subject and what is wrong with it


def _asks(message: Message) -> Asks:
    """What all texts of a message together ask of `recommend`."""
    bodies = [body.text for body in (*message.bodies.values(), *message.texts.values())]
    found = Asks()
    for text in (*message.subject.values(), *message.preheader.values(), *bodies):
        found |= asked_for(text)
    return found


class _Locale:
    """One locale's way from text to template."""

    def __init__(self, message: Message, settings: Settings, locale: str, shop: Shop) -> None:
        self._message = message
        self._settings = settings
        self._locale = locale
        self._shop = shop
        self._places: dict[str, list[list[int]]] = {}
        self.problems: list[Problem] = []

    def compiled(self, body: Body) -> CompiledBody:
        subject = self._of(self._message.subject)
        line = self._of(self._message.preheader)
        if subject is None:
            self.problems.append(
                Problem(
                    self._message.position, f"no subject for `{self._locale}`; add `subject: {{{self._locale}: …}}`"
                )
            )
        self._checked_line("subject", subject or "")
        self._checked_line("preheader", line or "")
        html, derived, static = self._body(body, has_preheader=bool(line))
        written = self._written()
        foot_html, foot_plain = footer(locale=self._locale, shop=_literal(self._settings.name))
        return CompiledBody(
            file=body.file,
            subject=subject or "",
            preheader=line or None,
            html=html,
            plain=derived if written is None else written.text,
            plain_file=None if written is None else written.file,
            static=static,
            places=self._places,
            footer_html=foot_html,
            footer_plain=foot_plain,
        )

    def _of(self, texts: dict[str, str]) -> str | None:
        key = choose_locale(self._locale, texts, self._settings.locale)
        return None if key is None else texts[key]

    def _written(self) -> Body | None:
        """The plain text written by hand, where there is one."""
        key = next((key for key in self._message.texts if key.lower() == self._locale.lower()), None)
        if key is None:
            return None
        body = self._message.texts[key]
        self._checked(body)
        self._places["plain"] = [
            [match.start(), body.text.count("\n", 0, match.start()) + 1] for match in re.finditer(r"\{[{%]", body.text)
        ]
        return body

    def _body(self, body: Body, *, has_preheader: bool) -> tuple[str, str, list[str]]:
        """One body as (HTML, plain text, static links)."""
        if not self._checked(body):
            return "", "", []
        marked = swap(body.file, body.text)
        self.problems += refused(marked, mjml=body.format is BodyFormat.MJML)
        if self.problems:
            return "", "", []
        html = self._markup(body.format, marked)
        if self.problems:
            return "", "", []
        links = Links(marked, self._shop)
        plain = plain_template(html, marked, links)
        html = links.tracked(_with_preheader(html) if has_preheader else html)
        html = _BODY_END.sub("</body>", html)
        self.problems += links.problems
        html = self._restored("html", html, marked)
        plain = self._restored("plain", plain, marked)
        self._parsed(html, HTML, marked.position(0), "compiled HTML")
        self._parsed(plain, TEXT, marked.position(0), "plain text")
        return html, plain, links.static

    def _markup(self, form: BodyFormat, marked: Marked) -> str:
        if form is BodyFormat.MJML:
            html, problems = mjml.to_html(marked)
            self.problems += problems
            # what mrml says where the author does not: a screen reader would guess
            return html.replace(' lang="und"', f' lang="{self._locale}"')
        if form is BodyFormat.MARKDOWN:
            text = markdown.to_html(marked)
            return layout(text, locale=self._locale, shop=_literal(self._settings.name), shop_url=self._settings.url)
        if _BODY.search(marked.text) is None:
            return document(marked.text, locale=self._locale, title=_literal(self._settings.name))
        return marked.text

    def _restored(self, part: str, text: str, marked: Marked) -> str:
        places: list[list[int]] = []

        def heard(at: int, offset: int) -> None:
            places.append([at, marked.position(offset).line])

        restored = marked.restore(text, heard)
        self._places[part] = places
        return restored

    def _checked(self, body: Body) -> bool:
        """Whether a text as written can be worked on; if not, the problems have their places."""
        text = body.text
        faults = (
            check_liquid(text) if len(text) <= MAX_BODY else [(0, f"more than {MAX_BODY // 1024} kB; make it smaller")]
        )
        if "\x00" in text:
            faults.append((text.index("\x00"), "a NUL character; take it out"))
        if (found := MARK.search(text)) is not None:
            faults.append((found.start(), f"`{found[0]}` is a word that Tamshy needs for itself; write another"))
        where = Marked(body.file, text, text, ())
        self.problems += [Problem(where.position(offset), why) for offset, why in faults]
        return not faults

    def _checked_line(self, what: str, text: str) -> None:
        """The same for a subject or preheader, whose places within the YAML the check has told before."""
        self.problems += [Problem(self._message.position, f"{what}: {why}") for _, why in check_liquid(text)]

    def _parsed(self, text: str, env: Environment, where: Position, what: str) -> None:
        """Make sure that what was made can be parsed, so that no recipient is the first to find out."""
        try:
            env.from_string(text)
        except LiquidError as exc:
            self.problems.append(Problem(where, f"{what}: Liquid: {exc.message}"))


def _with_preheader(html: str) -> str:
    return _BODY.sub(lambda found: found[0] + preheader(), html, count=1)


def _literal(text: str) -> str:
    """A setting's text, fit to stand in a template."""
    return text.replace("{{", "{ {").replace("{%", "{ %")


def shop_root(settings: Settings) -> dict[str, str]:
    """What templates see as ``shop``."""
    return {
        "name": settings.name,
        "url": settings.url,
        "currency": settings.currency,
        "locale": settings.locale,
        "timezone": settings.timezone,
        "from": settings.from_,
    }
