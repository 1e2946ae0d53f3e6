"""The recipients' requests. GET and HEAD change nothing but counters; a POST is committed before it is answered.

A token that was not signed for this purpose, one whose message is gone, and a link that the message does not have all
get the same page.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt

from tamshy import track
from tamshy.domain.token import Purpose, Subject
from tamshy.public import pages
from tamshy.public.shops import choices, settings_of
from tamshy.public.wiring import wired
from tamshy.public.words import Words, masked, with_names, words_accepted, words_for
from tamshy.sqlkit import DatabaseUnavailable, Error, is_retryable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.language.model import Settings
    from tamshy.sqlkit import Connection
    from tamshy.track import Found

    View = Callable[..., HttpResponse]

_HINTS: Final = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")
_READ: Final = ("GET", "HEAD", "OPTIONS")
WRITE: Final = (*_READ, "POST")
_LONGEST_BODY: Final = 64 * 1024
_RETRY_AFTER_S: Final = "5"


def answers(methods: tuple[str, ...]) -> Callable[[View], View]:
    """Refuse other methods, and say `later` while the database is away."""

    def decorate(view: View) -> View:
        @csrf_exempt  # the token in the address is the proof; mail programs send no cookie to compare one with
        @wraps(view)
        def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method not in methods or request.method == "OPTIONS":
                response = HttpResponse(status=204 if request.method == "OPTIONS" else 405)
                response["Allow"] = ", ".join(methods)
                return pages.private(response)
            try:
                return view(request, *args, **kwargs)
            except DatabaseUnavailable:
                return _later(request)
            except Error as exc:
                if not is_retryable(exc):
                    raise
                return _later(request)

        return answer

    return decorate


@answers(_READ)
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The picture of one dot in a mail."""
    subject = _subject(Purpose.OPEN, token)
    if subject is None:
        return unknown(request)
    with wired().connection() as conn:
        found = track.find(conn, subject)
        if found is None:
            return unknown(request)
        track.opened(conn, found, _said(request), wired().now())
    return pages.pixel()


@answers(_READ)
def clicked(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """A tracked link: on to where the message itself leads, and nowhere else."""
    subject = _subject(Purpose.CLICK, token)
    if subject is None:
        return unknown(request)
    with wired().connection() as conn:
        found = track.find(conn, subject)
        destination = pages.web_address(found.links[number]) if found and number < len(found.links) else None
        if found is None or destination is None:
            return unknown(request)
        track.clicked(conn, found, number, _said(request), wired().now())
    response = HttpResponse(status=302)
    response["Location"] = iri_to_uri(destination)
    return pages.private(response)


@answers(WRITE)
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The unsubscribe link: a page with a button, and the address that mail programs post to (RFC 8058)."""
    subject = _subject(Purpose.UNSUBSCRIBE, token)
    if subject is None:
        return unknown(request)
    by_page = request.method == "POST" and b"confirm" in _body(request)
    with wired().connection() as conn:
        found = track.find(conn, subject)
        if found is None:
            return unknown(request)
        if request.method == "POST":
            source = "link" if by_page else "one_click"
            track.unsubscribe(conn, found, wired().now(), source, request.headers.get("User-Agent", ""))
        else:
            track.looked(conn, found, track.Page.UNSUBSCRIBE, _said(request), wired().now())
        settings = settings_of(conn, found.workspace)
        said = track.consents_of(conn, found).get(found.topic)
    words = words_for(found.locale)
    if request.method == "POST" and not by_page:
        return pages.private(HttpResponse(words.done_title, content_type="text/plain; charset=utf-8"))
    return _unsubscribe_page(words, settings, found, subject, done=said is not None and not said.granted)


def _unsubscribe_page(words: Words, settings: Settings, found: Found, subject: Subject, *, done: bool) -> HttpResponse:
    titles = {topic.name: topic.title for topic in settings.topics}
    text = words.done_text if done else words.unsubscribe_ask
    return pages.page(
        words,
        kind="done" if done else "ask",
        title=words.done_title if done else words.unsubscribe_title,
        text=with_names(text, shop=settings.name, topic=titles.get(found.topic, found.topic)),
        shop=settings.name,
        address=_owner(words, found),
        shop_url=pages.web_address(settings.url) if done else None,
        # relative, so that the pages may lie below a path of the shop's own host
        preferences_url=f"../prefs/{wired().signer.token(Purpose.PREFERENCES, subject)}",
    )


@answers(WRITE)
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """The topics a recipient can turn on and off."""
    subject = _subject(Purpose.PREFERENCES, token)
    if subject is None:
        return unknown(request)
    if request.method == "POST":
        _body(request)
    with wired().connection() as conn:
        found = track.find(conn, subject)
        if found is None:
            return unknown(request)
        settings = settings_of(conn, found.workspace)
        if request.method == "POST":
            _choose(conn, request, found, settings)
        else:
            track.looked(conn, found, track.Page.PREFERENCES, _said(request), wired().now())
        topics = choices(settings, track.consents_of(conn, found))
    words = words_for(found.locale)
    return pages.page(
        words,
        kind="preferences" if topics else "empty",
        title=words.preferences_title,
        text=with_names(words.preferences_text, shop=settings.name) if topics else words.no_topics,
        address=_owner(words, found),
        topics=topics,
        saved=request.method == "POST",
        shop=settings.name,
        shop_url=pages.web_address(settings.url),
    )


def _owner(words: Words, found: Found) -> str:
    address = masked(found.address)
    return with_names(words.for_address, address=address) if address else ""


def _choose(conn: Connection, request: HttpRequest, found: Found, settings: Settings) -> None:
    """Record what differs between the form and what holds; the titles beside the boxes are the wording agreed to."""
    wanted = set() if "none" in request.POST else set(request.POST.getlist("topic"))
    shown = choices(settings, track.consents_of(conn, found))
    track.change_topics(
        conn,
        found,
        [track.Choice(topic.name, topic.name in wanted) for topic in shown if topic.on != (topic.name in wanted)],
        wired().now(),
        "preferences",
        request.headers.get("User-Agent", ""),
        {topic.name: topic.title for topic in shown},
    )


@answers(_READ)
def mail(request: HttpRequest, token: str) -> HttpResponse:
    """A mail as it was sent, for those whose program cannot show it."""
    subject = _subject(Purpose.VIEW, token)
    if subject is None:
        return unknown(request)
    with wired().connection() as conn:
        found = track.find(conn, subject)
        if found is not None:
            track.looked(conn, found, track.Page.MAIL, _said(request), wired().now())
    return pages.stored_mail(found.html) if found is not None and found.html else unknown(request)


# -- what all of them need
# -----------------------------------------------------------------------------------------------


def _subject(purpose: Purpose, token: str) -> Subject | None:
    return wired().signer.read(purpose, token)


def _said(request: HttpRequest) -> track.Request:
    hints = tuple(request.headers[name] for name in _HINTS if name in request.headers)
    mode = request.headers.get("Sec-Fetch-Mode", "")
    return track.Request(request.method or "", request.headers.get("User-Agent", ""), hints, mode)


def _body(request: HttpRequest) -> bytes:
    """Give the body of a form; nothing of one that is too long for a form of ours."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return request.body if length.isdigit() and int(length) <= _LONGEST_BODY else b""


def unknown(request: HttpRequest) -> HttpResponse:
    """The page for whatever was not signed for this, is gone, or never was."""
    words = words_accepted(request.headers.get("Accept-Language", ""))
    return pages.page(words, 404, kind="unknown", title=words.unknown_title, text=words.unknown_text)


def _later(request: HttpRequest) -> HttpResponse:
    words = words_accepted(request.headers.get("Accept-Language", ""))
    response = pages.page(words, 503, kind="later", title=words.later_title, text=words.later_text)
    response["Retry-After"] = _RETRY_AFTER_S
    return response
