"""A compiled message and what is known of a recipient, to the mail: pure, the same bytes for the same input."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, LiquidInterrupt
from liquid.undefined import Undefined
from markupsafe import escape

from tamshy.language.locales import choose_locale
from tamshy.language.model import COUPONS
from tamshy.render.compiled import FORM, Job, Rendered, RenderError
from tamshy.render.environments import HTML, TEXT
from tamshy.render.liquid import MAX_OUTPUT, Context, place
from tamshy.render.manner import Manner, moment_text
from tamshy.render.tracking import Shop, Tracking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liquid import Environment

    from tamshy.language.model import Template
    from tamshy.render.compiled import Compiled, CompiledBody
    from tamshy.render.liquid import Parsed

# What python-liquid and the library below it let through when a template meets data that its author did not think of.
_FAILURES: Final = (
    LiquidError,
    LiquidInterrupt,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_UNKEEPABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_LINE_BREAKING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})


@dataclass(frozen=True, slots=True)
class _Given:
    """What a template runs with."""

    scope: Mapping[str, object]
    manner: Manner
    picks: Mapping[str, Any]


class Body:
    """One locale's templates, parsed."""

    def __init__(self, locale: str, body: CompiledBody) -> None:
        self.locale = locale
        self.file = body["file"]
        self.static = body["static"]
        self.places = body["places"]
        self.plain_file = body["plain_file"]
        self.subject = _parsed(TEXT, body["subject"])
        self.preheader = None if body["preheader"] is None else _parsed(TEXT, body["preheader"])
        self.html = _parsed(HTML, body["html"])
        self.plain = _parsed(TEXT, body["plain"])
        self.footer_html = _parsed(HTML, body["footer_html"])
        self.footer_plain = _parsed(TEXT, body["footer_plain"])


def _parsed(env: Environment, text: str) -> Parsed:
    return cast("Parsed", env.from_string(text))


class Letter:
    """A compiled message ready to be rendered over and over; templates are parsed when first needed.

    Raises:
        RenderError: the compiled message is of another form than this version of Tamshy writes.
    """

    def __init__(self, compiled: Compiled) -> None:
        if compiled["form"] != FORM:
            raise RenderError(
                f"compiled in form {compiled['form']}, this version reads {FORM}; publish the message again"
            )
        self._compiled = compiled
        self._bodies: dict[str, Body] = {}
        self._marketing = compiled["kind"] == "marketing"
        self._shop = Shop(compiled["shop"]["url"], tuple(sorted(compiled["utm"].items())))

    def render(self, job: Job) -> Rendered:
        """Render for one recipient.

        Raises:
            RenderError: rule 21 is broken, Liquid fails, or a limit is passed.
        """
        body = self._body(job.locale)
        manner = Manner(
            body.locale, job.zone or self._compiled["zone"], self._compiled["currency"], moment_text(job.now)
        )
        given = _Given(self._scope(job, manner), manner, _mapping(job.picks) if job.picks else {})
        subject = _one_line(_run(body, "subject", body.subject, given))
        preheader = "" if body.preheader is None else _one_line(_run(body, "preheader", body.preheader, given))
        tracking = self._tracking(job, body, preheader)
        html = self._finished(_run(body, "html", body.html, given, tracking), body, job, given)
        # The plain text has the same addresses, untracked.
        untracked = Tracking("", self._shop, tracking.own, body.static)
        plain = self._with_footer(_run(body, "plain", body.plain, given, untracked), body, job, given)
        _weigh(html, plain, subject, preheader, *tracking.links)
        if job.brief:
            return Rendered(locale=body.locale, subject=subject)
        return Rendered(
            locale=body.locale,
            subject=subject,
            preheader=preheader,
            html_bytes=html,
            plain_bytes=plain,
            links=tracking.links,
        )

    def _body(self, wanted: str | None) -> Body:
        locale = choose_locale(wanted, self._compiled["locales"], self._compiled["default_locale"])
        if locale is None:
            raise RenderError(
                f"no body for `{wanted or self._compiled['default_locale']}`; write one for the workspace's locale"
            )
        if locale not in self._bodies:
            try:
                self._bodies[locale] = Body(locale, self._compiled["locales"][locale])
            except LiquidError as exc:
                raise RenderError(f"compiled wrongly: {exc.message}; publish the message again") from exc
        return self._bodies[locale]

    def _scope(self, job: Job, manner: Manner) -> dict[str, object]:
        given = _mapping(job.vars)
        return {
            "profile": _mapping(job.profile),
            "event": _mapping(job.event),
            "cart": _mapping(job.cart),
            "order": _mapping(job.order),
            "vars": {name: value for name, value in given.items() if name != COUPONS},
            "coupon": given.get(COUPONS, {}),
            "shop": self._compiled["shop"],
            "locale": manner.locale,
            "unsubscribe_url": job.unsubscribe_url,
            "preferences_url": job.preferences_url,
            "view_url": job.view_url,
            "now": manner.now,
        }

    def _tracking(self, job: Job, body: Body, preheader: str) -> Tracking:
        prefix = f"{job.base}/c/{job.token}/" if job.token else ""
        own = frozenset({job.unsubscribe_url, job.preferences_url, job.view_url} - {""})
        return Tracking(prefix, self._shop, own, body.static, preheader)

    def _finished(self, html: str, body: Body, job: Job, given: _Given) -> bytes:
        """Put the way out, where it is missing, and the open pixel before the end of the body."""
        said = _allowed(html)
        end = ""
        if self._marketing and job.unsubscribe_url and str(escape(job.unsubscribe_url)).encode() not in said:
            end = _run(body, "footer", body.footer_html, given)
        if job.open_url:
            address = escape(job.open_url)
            look = "display:block;width:1px;height:1px;border:0"
            end += f'<img src="{address}" width="1" height="1" alt="" style="{look}">'
        before, tag, after = said.rpartition(b"</body>")
        return b"".join((before, _allowed(end), tag, after) if tag else (said, _allowed(end)))

    def _with_footer(self, plain: str, body: Body, job: Job, given: _Given) -> bytes:
        if self._marketing and job.unsubscribe_url and job.unsubscribe_url not in plain:
            plain = plain.rstrip() + _run(body, "footer", body.footer_plain, given)
        said = _allowed(plain)
        if b"\r" in said:
            said = said.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if body.plain_file is None:
            said = b"\n".join([line.strip(b" \t") for line in said.split(b"\n")])
        while b"\n\n\n" in said:
            said = said.replace(b"\n\n\n", b"\n\n")
        return said.strip(b"\n") + b"\n"


def render(compiled: Compiled, job: Job) -> Rendered:
    """Render a message once. For many, keep a ``Letter``.

    Raises:
        RenderError: see ``Letter.render``.
    """
    return Letter(compiled).render(job)


def evaluate(template: Template, scope: Mapping[str, object], manner: Manner) -> object:
    """The value of a template in ``set`` or ``track``: one whole ``{{ }}`` keeps its type, all else is text.

    Args:
        template: as the flow says it.
        scope: the roots (``profile``, ``event``, ``vars``, ``shop``, ``locale``, ``now`` …).
        manner: what filters follow.

    Gives:
        A JSON value: text, number, truth value, None, list or mapping.

    Raises:
        RenderError: as for messages.
    """
    try:
        parsed = TEXT.from_string(template.text.strip() if template.whole else template.text)
        context = Context(parsed, {**scope, "now": moment_text(manner.now)}, manner)
        if template.whole and len(parsed.nodes) == 1 and isinstance(parsed.nodes[0], OutputNode):
            return _keepable(_json(parsed.nodes[0].expression.evaluate(context)))
        buffer = StringIO()
        parsed.render_with_context(context, buffer)
        return _keepable(buffer.getvalue())
    except _FAILURES as exc:
        raise RenderError(_told(exc)) from exc


def _json(value: object) -> object:
    if isinstance(value, Undefined):
        raise RenderError(f"{getattr(value, 'msg', 'a value is missing')}")
    if isinstance(value, range):
        return list(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise RenderError(f"`{value}` is no number that can be kept")
    if value is None or isinstance(value, (bool, int, float, dict, list)):
        return value
    if isinstance(value, tuple):
        return list(value)
    return str(value)


def _keepable(value: object) -> object:
    """Refuse what the database can hold no text of: filters can make it of data in which there was none."""
    if isinstance(value, str):
        if _UNKEEPABLE.search(value):
            raise RenderError("the value holds a character that cannot be kept: U+0000, or half of one")
    elif isinstance(value, dict):
        _keepable([*value, *value.values()])
    elif isinstance(value, list):
        for member in value:
            _keepable(member)
    return value


def _run(body: Body, part: str, template: Parsed, given: _Given, tracking: Tracking | None = None) -> str:
    if template.constant is not None:
        return template.constant
    context = Context(template, given.scope, given.manner, tracking, given.picks)
    buffer = context.get_buffer()
    try:
        template.render_with_context(context, buffer)
    except _FAILURES as exc:
        raise RenderError(f"{_where(body, part, exc)}: {_told(exc)}") from exc
    return buffer.getvalue()


def _where(body: Body, part: str, exc: Exception) -> str:
    """``messages/cart/en.mjml:12`` as far as the place is known, else the file and the part."""
    offset = place(exc) if isinstance(exc, LiquidError) else None
    places = body.places.get(part)
    file = (body.plain_file if part == "plain" else None) or body.file
    if offset is not None and places:
        at = bisect_right(places, offset, key=lambda pair: pair[0]) - 1
        if at >= 0:
            return f"{file}:{places[at][1]}"
    return f"{file}: {part}" if part != "html" else file


def _told(exc: Exception) -> str:
    if isinstance(exc, LiquidError):
        return str(exc.message)
    return "nested too deeply" if isinstance(exc, RecursionError) else str(exc)


def _mapping(given: dict[str, Any] | str) -> dict[str, Any]:
    if not isinstance(given, str):
        return given
    try:
        # orjson is the faster; numbers beyond a double, which jsonb can hold, only the other reads
        read = orjson.loads(given)
    except orjson.JSONDecodeError:
        try:
            read = json.loads(given)
        except (ValueError, RecursionError) as exc:
            raise RenderError(f"properties that cannot be read: {exc}") from exc
    return read if isinstance(read, dict) else {}


def _allowed(text: str) -> bytes:
    """Without the controls that no mail may hold; as bytes, which is ten times as fast as any other way."""
    return text.encode(errors="replace").translate(None, _CONTROLS)


def _one_line(text: str) -> str:
    """No line can be broken out of: controls and line ends become a space (a header would end there)."""
    if text.isprintable():
        return text
    return _LINE_BREAKING.sub(" ", text)


def _weigh(html: bytes, plain: bytes, *parts: str) -> None:
    bodies = len(html) + len(plain)
    if (
        bodies + sum(map(len, parts)) > MAX_OUTPUT // 4
        and bodies + sum(len(part.encode()) for part in parts) > MAX_OUTPUT
    ):
        raise RenderError(f"more than {MAX_OUTPUT // 1024} kB; make the message smaller")


__all__ = ["Letter", "evaluate", "render"]
