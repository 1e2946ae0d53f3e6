"""Where the owner of an address says yes to what was asked in a form: a page with a button, and nothing before it is pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy import forms, sqlkit
from tamshy.domain.place import seen_from
from tamshy.domain.token import Purpose, Subject
from tamshy.public import pages
from tamshy.public.shops import ref_of, settings_of
from tamshy.public.views import WRITE, answers, unknown
from tamshy.public.wiring import wired
from tamshy.public.words import Words, masked, with_names, words_for
from tamshy.track.hits import printable

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from tamshy.forms import Requested
    from tamshy.language.model import Settings
    from tamshy.sqlkit import Connection

_MET: Final = frozenset({"40001", "40P01"})
_TRIES: Final = 4


@answers(WRITE)
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail that asks: GET shows what it is about, POST grants it."""
    subject = wired().signer.read(Purpose.CONFIRM, token)
    if subject is None:
        return unknown(request)
    for left in reversed(range(_TRIES)):
        try:
            with wired().connection() as conn:
                return _answered(conn, request, subject)
        except sqlkit.Error as exc:
            if left == 0 or sqlkit.sqlstate(exc) not in _MET:
                raise
    raise AssertionError("the last try returns or raises")


def _answered(conn: Connection, request: HttpRequest, subject: Subject) -> HttpResponse:
    now = wired().now()
    found = forms.find_request(conn, subject, now)
    if found is None:
        return unknown(request)
    settings = settings_of(conn, found.workspace)
    words = words_for(found.locale)
    title, ask = words.confirm_title, _named(words.confirm_ask, settings, found)
    if request.method == "POST":
        browser = forms.Browser(
            seen_from(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")),
            printable(request.headers.get("User-Agent", "")),
        )
        forms.confirm(
            conn, ref_of(conn, found.workspace, settings), found, browser, now, f"{ask} {words.confirm_button}"
        )
    done = found.confirmed or request.method == "POST"
    if done:
        title, ask = words.confirmed_title, _named(words.confirmed_text, settings, found)
    return pages.page(
        words,
        kind="confirmed" if done else "confirm",
        title=title,
        text=ask,
        address=_owner(words, found),
        shop=settings.name,
        shop_url=pages.web_address(settings.url) if done else None,
    )


def _named(text: str, settings: Settings, found: Requested) -> str:
    titles = {topic.name: topic.title for topic in settings.topics}
    return with_names(text, shop=settings.name, topic=", ".join(titles.get(name, name) for name in found.topics))


def _owner(words: Words, found: Requested) -> str:
    address = masked(found.address)
    return with_names(words.for_address, address=address) if address else ""
