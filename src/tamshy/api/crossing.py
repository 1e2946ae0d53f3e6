"""Calls from pages of other hosts (CORS): any page may send calls, none can read anything but that they arrived."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.http import HttpResponse

if TYPE_CHECKING:
    from tamshy.api.credentials import Presenting

# What the browser libraries send: Segment's key and retry count, RudderStack's id, Jitsu's key.
_HEADERS: Final = "authorization, content-type, content-encoding, x-retry-count, anonymousid, x-write-key"
_ASKED: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}")


def allowed(request: Presenting, response: HttpResponse, methods: str) -> HttpResponse:
    """Let pages of any origin make this request. No cookie plays a part, so every origin may be let in alike."""
    if "origin" in request.headers:
        response["Access-Control-Allow-Origin"] = "*"
    if request.method == "OPTIONS":
        response["Access-Control-Allow-Methods"] = methods
        response["Access-Control-Allow-Headers"] = _headers(request)
        response["Access-Control-Max-Age"] = "86400"
        if request.headers.get("access-control-request-private-network") == "true":
            response["Access-Control-Allow-Private-Network"] = "true"
    return response


def _headers(request: Presenting) -> str:
    """Allow what is asked for, whatever it is: libraries add headers of their own to a retry, and none opens anything."""
    asked = request.headers.get("access-control-request-headers", "")
    return f"{_HEADERS}, {asked}" if _ASKED.fullmatch(asked) else _HEADERS


def preflight(request: Presenting, methods: str) -> HttpResponse:
    """Answer the browser's question whether it may."""
    return allowed(request, HttpResponse(status=204), methods)
