"""The page's views: they read, and change nothing."""

from __future__ import annotations

import re
from functools import wraps
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from tamshy.deliver import in_doubt, paused_domains
from tamshy.panel import reading, story, words
from tamshy.panel.letters import as_seen_by_staff
from tamshy.panel.published import LiveFlow, Shop, Unpublished, published
from tamshy.panel.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tamshy.sqlkit import Connection

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY: Final = (
    "default-src 'none'; img-src 'self' http: https: data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a view be read only, and its page run nothing but our own files."""

    @require_safe
    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return dressed(view(request, *args, **kwargs))

    return answered


def dressed(response: HttpResponse) -> HttpResponse:
    """Give an answer the headers that let its page run nothing but our own files, and be kept by nobody."""
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _language(request: HttpRequest) -> str:
    asked = request.GET.get("lang") or request.COOKIES.get("lang") or "en"
    return asked if asked in words.LANGUAGES else "en"


def _shop(conn: Connection) -> Shop:
    try:
        return published(conn)
    except Unpublished as exc:
        raise Http404(str(exc)) from exc


def page(request: HttpRequest, template: str, values: dict[str, object], status: int = 200) -> HttpResponse:
    """Fill a template of the page."""
    setting = wired()
    around = {
        "speed": f"{setting.speed:g}" if setting.speed != 1 else "",
        "demo": setting.demo,
        "settles": setting.sign_in is not None,
    }
    values = {**around, "language": _language(request), **values}
    return render(request, f"panel/{template}.html", values, status=status)


@guarded
def home(request: HttpRequest) -> HttpResponse:
    """What happens as it happens."""
    setting = wired()
    with setting.connection() as conn:
        try:
            shop = published(conn)
        except Unpublished:
            return page(request, "empty", {})
        state = reading.live(conn, shop, setting.now(), _language(request))
        waiting = {"doubts": in_doubt(conn, shop.workspace), "domains": paused_domains(conn, shop.workspace)}
    return page(request, "home", {"shop": shop, "state": state, **waiting})


@guarded
def state(request: HttpRequest) -> HttpResponse:
    """Everything that moves on the page, as JSON; asked for once a second."""
    setting = wired()
    with setting.connection() as conn:
        shop = _shop(conn)
        values = reading.live(conn, shop, setting.now(), _language(request))
    return HttpResponse(orjson.dumps(values), content_type="application/json")


@guarded
def people(request: HttpRequest) -> HttpResponse:
    """The newest people; `?find=ADDRESS` leads to the one with that address."""
    # No address holds U+0000, and no text of the database can.
    asked = request.GET.get("find", "").replace("\0", "").strip()[:320]
    with wired().connection() as conn:
        shop = _shop(conn)
        way = reading.person_with(conn, shop, asked) if asked else None
        found = reading.people(conn, shop, _language(request))
    if way is not None:
        return redirect(way)
    return page(request, "people", {"shop": shop, "people": found, "asked": asked})


@guarded
def person(request: HttpRequest, bucket: int, profile: UUID) -> HttpResponse:
    """One person's story."""
    setting = wired()
    with setting.connection() as conn:
        shop = _shop(conn)
        found = story.person(conn, shop, (bucket, profile), setting.now(), _language(request))
    if found is None:
        raise Http404("There is nobody with this id.")
    return page(request, "person", {"shop": shop, "person": found})


@guarded
def mail(request: HttpRequest, bucket: int, profile: UUID, message: UUID) -> HttpResponse:
    """One message: as the shopper sees it, as plain text, and its headers."""
    with wired().connection() as conn:
        shop = _shop(conn)
        found = reading.mail(conn, shop, (bucket, profile, message), _language(request))
    if found is None:
        raise Http404("There is no such message.")
    return page(request, "mail", {"shop": shop, "mail": found})


@guarded
def frame(request: HttpRequest, bucket: int, profile: UUID, message: UUID) -> HttpResponse:
    """The HTML of one message, for the sandboxed frame alone."""
    with wired().connection() as conn:
        found = reading.mail(conn, _shop(conn), (bucket, profile, message), _language(request))
    if found is None:
        raise Http404("There is no such message.")
    response = HttpResponse(as_seen_by_staff(found["html"], found["links"], leaves=wired().mail_leaves))
    response.headers["Content-Security-Policy"] = _FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


_KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
_STATIC: Final = files("tamshy.panel").joinpath("static")


@guarded
def static(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """A file of the page's own: style, script, drawing."""
    kind = _KINDS.get(name.rpartition(".")[2])
    # One folder and one plain name, so that no path leads out of ours.
    if kind is None or re.fullmatch(r"(panel|shop)/[a-z0-9-]+\.[a-z]+", name) is None:
        raise Http404("There is no such file.")
    try:
        body = _STATIC.joinpath(name).read_bytes()
    except FileNotFoundError as exc:
        raise Http404("There is no such file.") from exc
    response = HttpResponse(body, content_type=kind if kind == "image/png" else f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@guarded
def standing(request: HttpRequest, flow: str, step: int) -> HttpResponse:
    """Who stands at one step of a live flow."""
    with wired().connection() as conn:
        shop = _shop(conn)
        live = _live(shop, flow)
        box = next((box for box in live.wide.boxes if box.index == step), None)
        if box is None:
            raise Http404("The flow has no such step.")
        found = reading.at_step(conn, shop, live, step, _language(request))
    return page(request, "standing", {"shop": shop, "live": live, "box": box, "people": found})


def _live(shop: Shop, name: str) -> LiveFlow:
    for live in shop.flows:
        if live.name == name:
            return live
    raise Http404("There is no live flow of this name.")
