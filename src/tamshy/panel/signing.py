"""Signing in: an API key, typed once, opens a session in which the page may act. Looking needs none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from tamshy import sqlkit
from tamshy.accounts import KeyKind
from tamshy.accounts.sessions import LASTS
from tamshy.panel.views import dressed, page
from tamshy.panel.wiring import SignIn, wired

if TYPE_CHECKING:
    from tamshy.accounts import Key

COOKIE: Final = "tamshy_session"
_WAY_IN: Final = "/uncertain"
_UNKNOWN: Final = "This key is not known, or was revoked. “tamshy key list” shows which there are."
_WRITES: Final = "This is a write key: it can only send calls. Make an API key with “tamshy key add api --name NAME”."
_FOREIGN: Final = "This form was sent from another page. Nothing was done. Open it here, and send it again."
_ENDED: Final = "You are not signed in, or your session has ended. Nothing was done. Sign in, and do it again."
_ROLE: Final = "This key may look and not act. Nothing was done. Sign in with an API key of the role admin."
_AWAY: Final = "The database does not answer at this moment. Nothing was done. Try again in a while."


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and what the forms of this session carry."""

    key: Key
    proof: str

    @property
    def name(self) -> str:
        """What the key is called."""
        return self.key.name or f"key {self.key.id}"

    @property
    def said_by(self) -> str:
        """How what is done here is signed."""
        return f"{self.key.name} (key {self.key.id})" if self.key.name else f"key {self.key.id}"

    @property
    def acts(self) -> bool:
        """Whether its key may do more than look."""
        return self.key.role == "admin"


class NotAllowed(Exception):
    """A form was sent that may not be; nothing was done, and the message says what would be right."""


def settled_in() -> SignIn:
    """Give what signing in needs.

    Raises:
        Http404: this page only shows.
    """
    found = wired().sign_in
    if found is None:
        raise Http404("This page only shows.")
    return found


def session(request: HttpRequest) -> Session | None:
    """Give who is signed in, None where nobody is."""
    sessions, cookie = settled_in().sessions, request.COOKIES.get(COOKIE, "")
    key = sessions.read(cookie)
    return None if key is None else Session(key, sessions.proof(cookie))


def allowed(request: HttpRequest) -> Session:
    """Give who sends this form.

    Raises:
        NotAllowed: nobody who is signed in, or from another page, or with a key that may only look.
    """
    found = session(request)
    if found is None:
        raise NotAllowed(_ENDED)
    if _foreign(request) or not settled_in().sessions.proves(
        request.COOKIES.get(COOKIE, ""), request.POST.get("proof", "")
    ):
        raise NotAllowed(_FOREIGN)
    if not found.acts:
        raise NotAllowed(_ROLE)
    return found


def refused(request: HttpRequest, words: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> HttpResponse:
    """Answer with the form to sign in by, and why."""
    return dressed(page(request, "sign-in", {"wrong": words}, status))


def away(request: HttpRequest) -> HttpResponse:
    """Answer that the database cannot be asked."""
    response = refused(request, _AWAY, HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = "2"
    return response


def sign_in(request: HttpRequest) -> HttpResponse:
    """Open a session for an API key; wrong ones from one place wait longer and longer."""
    parts = settled_in()
    if request.method != "POST":
        return dressed(redirect(_WAY_IN))
    if _foreign(request):
        return refused(request, _FOREIGN)
    place = request.META.get("REMOTE_ADDR", "")
    wait = math.ceil(parts.tries.wait_s(place))
    if wait:
        words = f"Too many wrong keys from here. Try again in {wait} second{'s' if wait > 1 else ''}."
        response = refused(request, words, HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = str(wait)
        return response
    try:
        key = parts.keys.find(request.POST.get("key", "").strip())
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return away(request)
    if key is None or key.kind is not KeyKind.API:
        parts.tries.wrong(place)
        return refused(request, _UNKNOWN if key is None else _WRITES)
    parts.tries.right(place)
    response = redirect(_WAY_IN)
    response.status_code = HTTPStatus.SEE_OTHER
    response.set_cookie(
        COOKIE,
        parts.sessions.open(key),
        max_age=LASTS,
        secure=request.is_secure() or parts.base_url.startswith("https://"),
        httponly=True,
        samesite="Strict",
    )
    return dressed(response)


def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget the session in this browser."""
    settled_in()
    response = redirect(_WAY_IN)
    response.status_code = HTTPStatus.SEE_OTHER
    if request.method == "POST" and not _foreign(request):
        response.delete_cookie(COOKIE, samesite="Strict")
    return dressed(response)


def _foreign(request: HttpRequest) -> bool:
    """Tell whether a browser says that another site sends this; programs that are none say nothing of it."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    ours = {request.get_host().lower(), urlsplit(settled_in().base_url).netloc.lower()} - {""}
    try:
        return urlsplit(origin).netloc.lower() not in ours
    except ValueError:  # no address: `http://[`
        return True
