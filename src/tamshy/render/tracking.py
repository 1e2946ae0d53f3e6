"""Links of one message while it is rendered: numbered, tagged with utm, kept for the redirect.

Publishing has put two tags of ours into the HTML: ``{% tamshy_static 3 %}`` for an address that was known then, and
``{% tamshy_link %}…{% endtamshy_link %}`` around one that data has a part in. No author can write them: the check
knows no such tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, quote, urljoin, urlsplit, urlunsplit

from liquid.ast import BlockNode, Node
from liquid.exceptions import LiquidError
from liquid.parser import get_parser
from liquid.tag import Tag
from liquid.token import TOKEN_EOF, TOKEN_EXPRESSION, TOKEN_TAG
from markupsafe import escape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from liquid import Environment, RenderContext, Token, TokenStream

MAX_ADDRESS: Final = 8192
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]+")
_REFERENCE: Final = re.compile(r"&(?:amp|lt|gt|quot|apos|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_NAMED: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_UNTRACKED: Final = ("mailto:", "tel:", "sms:", "#")


class BadLink(LiquidError):
    """An address that a mail must not lead to."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What of the settings bears on links: the shop's address, and ``utm`` for links that lead to it."""

    url: str
    utm: tuple[tuple[str, str], ...] = ()

    def final(self, address: str) -> str:
        """The same as ``finished``, remembered: recipients of one message share most addresses."""
        return _finished(self, address)

    def finished(self, address: str) -> str:
        """Finish an address: whole, without white space, with utm where it leads to the shop's own domain.

        Raises:
            BadLink: it is neither http(s) nor, given the shop's ``url``, a path below that.
        """
        address = (
            _CONTROL.sub("", address) if address[:8].lower().startswith(("http://", "https://")) else address.strip()
        )
        if len(address) > MAX_ADDRESS:
            raise BadLink(f"a link of more than {MAX_ADDRESS} characters", token=None)
        parts = _split(address)
        if not parts.scheme and not parts.netloc and self.url:
            address = urljoin(self.url.rstrip("/") + "/", _CONTROL.sub("%20", address))
            parts = _split(address)
        if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or "\\" in parts.netloc:
            raise BadLink(f"a link to `{address[:60]}`; write a whole address that begins with https://", token=None)
        return self._tagged(address) if self.utm and self._own(parts.hostname) else address

    def _own(self, host: str) -> bool:
        own = (urlsplit(self.url).hostname or "").removeprefix("www.")
        return bool(own) and (host == own or host.endswith("." + own))

    def _tagged(self, address: str) -> str:
        parts = urlsplit(address)
        there = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        new = "&".join(f"utm_{name}={quote(value, safe='')}" for name, value in self.utm if f"utm_{name}" not in there)
        query = "&".join(part for part in (parts.query, new) if part)
        return urlunsplit(parts._replace(query=query))


@lru_cache(maxsize=8192)
def _finished(shop: Shop, address: str) -> str:
    return shop.finished(address)


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.hostname
    except ValueError as exc:
        raise BadLink(f"a link to `{address[:60]}`: {exc}", token=None) from exc
    return parts


@dataclass(slots=True)
class Tracking:
    """The links of one message, in the order met, numbered from 0.

    Args:
        prefix: what a link's number is put behind, ``https://mail.shop.example/c/TOKEN/``; empty: links stay.
        shop: finishes addresses.
        own: addresses of ours that are never tracked (unsubscribe, preferences, view).
        static: the finished addresses that publishing knew.
        preheader: hidden first line, rendered.
    """

    prefix: str
    shop: Shop
    own: frozenset[str]
    static: list[str]
    preheader: str = ""
    links: list[str] = field(default_factory=list)
    _escaped: str = field(init=False)

    def __post_init__(self) -> None:
        """Escape the prefix once: no number behind it needs that."""
        self._escaped = str(escape(self.prefix))

    def known(self, number: int) -> str:
        """Number an address that publishing knew; gives what stands in the HTML in its place, escaped."""
        address = self.static[number]
        if not self.prefix:
            return escape(address)
        self.links.append(address)
        return f"{self._escaped}{len(self.links) - 1}"

    def click(self, address: str) -> str:
        """Number an address that is final; gives what stands in the mail in its place, unescaped."""
        if not self.prefix:
            return address
        self.links.append(address)
        return f"{self.prefix}{len(self.links) - 1}"

    def met(self, written: str) -> str:
        """What stands in the mail for an address made of data, unescaped."""
        address = plain_text(written).strip()
        if not address or address in self.own or address.lower().startswith(_UNTRACKED):
            return address
        return self.click(self.shop.final(address))


def plain_text(attribute: str) -> str:
    """An attribute's value as a browser reads it, for the references that authors and the escaper write.

    Not ``html.unescape``: in attributes ``&copy=1`` is no sign but a parameter.
    """
    return _REFERENCE.sub(_resolved, attribute) if "&" in attribute else attribute


def _resolved(found: re.Match[str]) -> str:
    if found[0] in _NAMED:
        return _NAMED[found[0]]
    code = int(found[1]) if found[1] else int(found[2], 16)
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""  # noqa: PLR2004


class _StaticNode(Node):
    __slots__ = ("number",)

    def __init__(self, token: Token, number: int) -> None:
        super().__init__(token)
        self.number = number
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(_tracking(context).known(self.number))


class _StaticTag(Tag):
    name = "tamshy_static"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        return _StaticNode(token, int(stream.expect(TOKEN_EXPRESSION).value))


class _LinkNode(Node):
    __slots__ = ("block", "click")

    def __init__(self, token: Token, block: BlockNode, *, click: bool) -> None:
        super().__init__(token)
        self.block = block
        self.click = click
        self.blank = False

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:  # noqa: ARG002
        """What stands between the tags."""
        yield self.block

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        inner = StringIO()
        self.block.render(context, inner)
        tracking = _tracking(context)
        try:
            address = tracking.met(inner.getvalue())
        except BadLink as exc:
            exc.token = self.block.nodes[0].token if self.block.nodes else self.token
            raise
        return buffer.write(escape(address) if context.autoescape else address)


class _LinkTag(Tag):
    name = "tamshy_link"
    end = "endtamshy_link"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        if stream.current.kind == TOKEN_EXPRESSION:
            next(stream)
        block = get_parser(self.env).parse_block(stream, frozenset((self.end, TOKEN_EOF)))
        stream.expect(TOKEN_TAG, value=self.end)
        return _LinkNode(token, block, click=True)


class _PreheaderNode(Node):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(escape(_tracking(context).preheader))


class _PreheaderTag(Tag):
    name = "tamshy_preheader"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        # left in the stream: the parser steps over the last token of a tag by itself
        node = _PreheaderNode(stream.expect(TOKEN_TAG))
        node.blank = False
        return node


def _tracking(context: RenderContext) -> Tracking:
    tracking: Tracking | None = getattr(context, "tracking", None)
    if tracking is None:
        raise LiquidError("links have a meaning in bodies alone", token=None)
    return tracking


def add_tags(env: Environment) -> None:
    """Teach an environment the tags that publishing writes."""
    for tag in (_StaticTag, _LinkTag, _PreheaderTag):
        env.add_tag(tag)
