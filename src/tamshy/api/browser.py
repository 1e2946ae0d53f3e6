"""What browser libraries ask for before they send: Segment's project settings, RudderStack's source configuration."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.credentials import presented
from tamshy.api.crossing import allowed, preflight
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_METHODS: Final = "GET, HEAD, OPTIONS"
# Without these the library turns every call down, or sends its own measurements to its maker.
_SEGMENT_PLAN: Final = {
    "track": {"__default": {"enabled": True, "integrations": {}}},
    "identify": {"__default": {"enabled": True}},
    "group": {"__default": {"enabled": True}},
}

# By itself the library gives up after ten tries, some minutes, and cuts what is under way when the page is closed.
_PATIENCE: Final = {
    "deliveryStrategy": {"config": {"keepalive": True}},
    "httpConfig": {"backoffConfig": {"maxRetryCount": 100}, "rateLimitConfig": {"maxRetryCount": 100}},
}


def segment_settings(request: HttpRequest, key: str) -> HttpResponse:
    """Answer `GET /v1/projects/KEY/settings`: where Segment's library sends its calls."""

    def made() -> Mapping[str, object]:
        _known(key)
        protocol, host = _where(request)
        return {
            "integrations": {
                "Segment.io": {
                    "apiKey": key,
                    "apiHost": f"{host}/v1",
                    "protocol": protocol,
                    "unbundledIntegrations": [],
                    "addBundledMetadata": True,
                    "maybeBundledConfigIds": {},
                    "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                    **_PATIENCE,
                },
            },
            "plan": _SEGMENT_PLAN,
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }

    return _answered(request, made)


def rudder_settings(request: HttpRequest) -> HttpResponse:
    """Answer `GET /sourceConfig/`: that RudderStack's library may send, and to nobody else."""

    def made() -> Mapping[str, object]:
        key = presented(request) or request.GET.get("writeKey") or ""
        _known(key)
        off = {"enabled": False}
        return {
            "source": {
                "id": "tamshy",
                "name": "Tamshy",
                "writeKey": key,
                "enabled": True,
                "workspaceId": "tamshy",
                "config": {"statsCollection": {"errors": off, "metrics": off}},
                "connections": [],
                "destinations": [],
                "dataplanes": {},
            },
            "consentManagementMetadata": {"providers": []},
        }

    return _answered(request, made)


def _answered(request: HttpRequest, made: Callable[[], Mapping[str, object]]) -> HttpResponse:
    if request.method == "OPTIONS":
        return preflight(request, _METHODS)
    if request.method not in {"GET", "HEAD"}:
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "settings are asked for by GET").response()
    try:
        response = HttpResponse(orjson.dumps(made()), content_type="application/json")
        response["Cache-Control"] = "public, max-age=60"
    except Problem as problem:
        response = problem.response()
    return allowed(request, response, _METHODS)


def _known(key: str) -> None:
    """Refuse a key that is not known.

    Where the database is away, nobody is refused: a library that gets no settings drops what its page has to say,
    while with them it keeps it and sends it later. The settings hold nothing but what the caller sent.
    """
    try:
        found = wired().keys.find(key)
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_key", "no source has this write key: `tamshy key list`")


def _where(request: HttpRequest) -> tuple[str, str]:
    """Give protocol and host, with the path before ours if there is one, by which the outside reaches us."""
    base = wired().base_url
    if base:
        parts = urlsplit(base)
        return parts.scheme, f"{parts.netloc}{parts.path}".rstrip("/")
    return request.scheme or "http", request.get_host()
