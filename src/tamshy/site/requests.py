"""A line in the log and a count for each request: which of our routes, never the address, which may hold somebody's token."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

_LOG: Final = logging.getLogger("tamshy.web")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_QUIET: Final = frozenset({"health.alive", "health.ready", "health.metrics", "urls.static"})
"""Routes that probes and pages ask all the time: told of only when they are not answered well."""
_WELL: Final = 400
_FAULT: Final = 500


class Requests:
    """Django's middleware, the outermost."""

    def __init__(self, respond: Callable[[HttpRequest], HttpResponse]) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, count, and tell."""
        begun = time.perf_counter()
        response = self._respond(request)
        took = time.perf_counter() - begun
        tell(
            route_of(request),
            request.method or "",
            response.status_code,
            took,
            _number(request.META.get("CONTENT_LENGTH")),
        )
        return response


def tell(route: str, method: str, status: int, took: float, length: int | None) -> None:
    """Count a request that was answered after `took` seconds, and tell of it."""
    counts = wired().counts
    counts.add("tamshy_http_requests_total", route=route, status=str(status))
    counts.add("tamshy_http_request_microseconds_total", round(took * 1e6), route=route)
    if status < _WELL and route in _QUIET:
        return
    method = method if method in _METHODS else "other"
    told = {
        "event": "request",
        "route": route,
        "method": method,
        "status": status,
        "ms": round(took * 1000, 1),
        "bytes": length,
    }
    level = logging.WARNING if status >= _FAULT else logging.INFO
    _LOG.log(level, "%s %s was answered %d", method, route, status, extra=told)


def route_of(request: HttpRequest) -> str:
    """Name the view that answered, as `calls.take_calls`; `none` where no address of ours was asked for."""
    match = request.resolver_match
    if match is None:
        return "none"
    return f"{match.func.__module__.rpartition('.')[2]}.{match.func.__name__}"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
