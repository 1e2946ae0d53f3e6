"""Draws the recipients' pages: one template, one style sheet inside it, no scripts, headers that allow nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.template import Context, Engine
from django.utils.safestring import mark_safe

if TYPE_CHECKING:
    from tamshy.public.words import Words

_FOLDER: Final = files(__package__).joinpath("templates")
_CSS: Final = _FOLDER.joinpath("page.css").read_text(encoding="utf-8").strip()
_PAGE: Final = Engine(autoescape=True).from_string(_FOLDER.joinpath("page.html").read_text(encoding="utf-8"))
_CSS_HASH: Final = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_CSS_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A stored mail may look as it likes and show its pictures; it runs nothing, asks nothing, and has no origin of ours.
_MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; font-src https: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def page(words: Words, status: int = 200, **values: object) -> HttpResponse:
    """Draw a page; `values` are the template's (`kind`, `title`, `text`, `shop`, `topics` …)."""
    # The style sheet is a file of ours; escaping it would only break it.
    css = mark_safe(_CSS)  # noqa: S308
    body = _PAGE.render(Context({"words": words, "css": css, **values}))
    return private(HttpResponse(body, status=status, content_type="text/html; charset=utf-8"), _POLICY)


def stored_mail(html: str) -> HttpResponse:
    """Show a mail as it was sent, locked into a sandbox."""
    return private(HttpResponse(html, content_type="text/html; charset=utf-8"), _MAIL_POLICY)


def pixel() -> HttpResponse:
    """Give a transparent picture of one dot that no cache keeps."""
    return private(HttpResponse(PIXEL, content_type="image/gif"), _POLICY)


def private(response: HttpResponse, policy: str = _POLICY) -> HttpResponse:
    """Set the headers of what belongs to one recipient: kept nowhere, sent on to nobody, framed nowhere."""
    response["Content-Security-Policy"] = policy
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Robots-Tag"] = "noindex"
    return response


def web_address(url: str) -> str | None:
    """Give an address of the web that a browser may be sent to; None for every other kind of link."""
    if any(c <= " " or c in '\\\x7f"<>' for c in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else None
