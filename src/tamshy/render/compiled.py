"""What publishing makes of a message, and what rendering makes of that for one recipient."""

from __future__ import annotations

from typing import Final, NotRequired, TypedDict

import msgspec

FORM: Final = 1
"""Number of the form below; rendering refuses another."""


class CompiledBody(TypedDict):
    """One locale. Texts are Liquid; HTML with our own link tags in it.

    ``places``: for errors, per part, pairs (offset in the text, line in the file), growing. ``static``: finished
    addresses that ``{% tamshy_static N %}`` stands for. ``preheader``: None where the message has none. ``plain_file``:
    None where the plain text is made from the HTML.
    """

    file: str
    subject: str
    preheader: str | None
    html: str
    plain: str
    plain_file: str | None
    static: list[str]
    places: dict[str, list[list[int]]]
    footer_html: str
    footer_plain: str


class CompiledAsks(TypedDict):
    """What of `recommend` a message may ask for, in any of its locales: see ``language.recommending.Asks``."""

    kinds: list[str]
    paths: list[list[str | int]]
    names: list[str]
    anything: bool
    own: bool


class Compiled(TypedDict):
    """A message as stored in ``message_version.compiled``. ``shop`` is what templates see under that root.

    ``asks``: only where it recommends anything.
    """

    form: int
    message: str
    kind: str
    default_locale: str
    currency: str
    zone: str
    shop: dict[str, str]
    utm: dict[str, str]
    from_address: str
    reply_to: str | None
    locales: dict[str, CompiledBody]
    asks: NotRequired[CompiledAsks]


class Job(msgspec.Struct, kw_only=True, frozen=True):
    """One message to render.

    Args:
        id: the message's id, given back with the result.
        version: id of the compiled message (``message_version.id``), under which it is known to the renderer.
        locale: the profile's own locale, None where it has none.
        zone: the profile's IANA zone, for the ``date`` filter; None: the workspace's.
        now: the moment of deciding, ISO 8601 in UTC.
        profile: the properties, as a mapping or as JSON text (which spares the caller the reading).
        event: the trigger's properties with ``occurred_at`` and ``context``, or JSON text.
        vars: the enrollment's variables, or JSON text.
        cart: the open cart that the message is about, or JSON text; without one `value` and `count` are 0.
        order: what the orders add up to, with the one that the message is about, or JSON text.
        picks: what it may recommend, as `tamshy.recommend.pick` gives it, or JSON text.
        base: address of what recipients touch, without a slash at the end; with ``token`` empty, links stay untracked.
        token: the message's signed token for clicks.
        open_url: the signed address of the pixel; empty: none.
        brief: render all of it, but give back locale and subject alone (a simulation keeps no mails).
    """

    id: str
    version: int
    now: str
    locale: str | None = None
    zone: str | None = None
    profile: dict[str, object] | str = {}
    event: dict[str, object] | str = {}
    vars: dict[str, object] | str = {}
    cart: dict[str, object] | str = {}
    order: dict[str, object] | str = {}
    picks: dict[str, object] | str = {}
    base: str = ""
    token: str = ""
    open_url: str = ""
    unsubscribe_url: str = ""
    preferences_url: str = ""
    view_url: str = ""
    brief: bool = False


class Rendered(msgspec.Struct, kw_only=True, frozen=True):
    """A message as its recipient gets it. ``locale`` is the body's; ``links`` are numbered from 0.

    The bodies are kept as UTF-8: they are put together, sent on, stored and written into mails as bytes, and to make
    text of them in between would cost each mail more than its links do.
    """

    locale: str
    subject: str
    preheader: str = ""
    html_bytes: bytes = b""
    plain_bytes: bytes = b""
    links: list[str] = []

    @property
    def html(self) -> str:
        """The HTML as text."""
        return self.html_bytes.decode()

    @property
    def plain(self) -> str:
        """The plain text as text."""
        return self.plain_bytes.decode()


class RenderError(Exception):
    """A template fails for this recipient: what is wrong, and where as far as that is known (``FILE:LINE: …``)."""


class Outcome(msgspec.Struct, kw_only=True, frozen=True):
    """What became of a job: exactly one of ``rendered`` and ``error`` is there."""

    id: str
    rendered: Rendered | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether there is something to send."""
        return self.rendered is not None
