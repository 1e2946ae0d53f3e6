"""Calls from pages of other hosts (CORS): any page may send calls, none can read anything but that they arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponse

if TYPE_CHECKING:
    from django.http import HttpRequest

# What the browser libraries send: Segment's key and retry count, RudderStack's id, Jitsu's key.
_HEADERS: Final = "authorization, content-type, content-encoding, x-retry-count, anonymousid, x-write-key"


def allowed(request: HttpRequest, response: HttpResponse, methods: str) -> HttpResponse:
    """Let pages of any origin make this request. No cookie plays a part, so every origin may be let in alike."""
    if "Origin" in request.headers:
        response["Access-Control-Allow-Origin"] = "*"
    if request.method == "OPTIONS":
        response["Access-Control-Allow-Methods"] = methods
        response["Access-Control-Allow-Headers"] = _HEADERS
        response["Access-Control-Max-Age"] = "86400"
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            response["Access-Control-Allow-Private-Network"] = "true"
    return response


def preflight(request: HttpRequest, methods: str) -> HttpResponse:
    """Answer the browser's question whether it may."""
    return allowed(request, HttpResponse(status=204), methods)
