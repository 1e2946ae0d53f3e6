"""Addresses of what programs call."""

from __future__ import annotations

from typing import Final

from django.urls import path, re_path

from tamshy.api import browser, calls, consent, flows, health, scripts, uncertain

_SPELLINGS: Final = {
    "track": ("track", "t"),
    "identify": ("identify", "i"),
    "page": ("page", "p"),
    "screen": ("screen", "s"),
    "group": ("group", "g"),
    "alias": ("alias", "a"),
    "batch": ("batch", "b"),
}
_CALLS: Final = {
    **{f"v1/{spelling}": kind for kind, spellings in _SPELLINGS.items() for spelling in spellings},
    **{f"api/s/{between}{kind}": kind for kind in _SPELLINGS for between in ("", "s2s/")},
    # Where RudderStack's library sends beacons; the key stands in the query.
    "beacon/v1/batch": "batch",
}
"""Segment's paths and their short forms, Jitsu's, RudderStack's; with or without a slash at the end, as proxies add one."""


def kind_of_calls(path: str) -> str | None:
    """Say what is sent to a path: `batch`, or the type of a call; None where no calls are."""
    return _CALLS.get(path.removeprefix("/").removesuffix("/"))


urlpatterns = [
    *(re_path(rf"^{place}/?$", calls.take_calls, {"kind": kind}) for place, kind in _CALLS.items()),
    path("v1/projects/<str:key>/settings", browser.segment_settings),
    path("analytics.js/v1/<str:key>/analytics.min.js", scripts.segment_library),
    path("analytics-next/bundles/<str:name>", scripts.segment_bundle),
    re_path(r"^sourceConfig/?$", browser.rudder_settings),
    path("api/profiles/<path:profile>/consent", consent.record_consent),
    path("api/flows", flows.flows),
    path("api/flows/<str:name>", flows.flow),
    path("api/flows/<str:name>/pause", flows.pause),
    path("api/flows/<str:name>/resume", flows.resume),
    path("api/uncertain", uncertain.list_uncertain),
    path("api/uncertain/<str:message>/sent", uncertain.settle_one, {"did": "sent"}),
    path("api/uncertain/<str:message>/resend", uncertain.settle_one, {"did": "resend"}),
    path("api/domains", uncertain.list_domains),
    path("api/domains/<str:domain>/resume", uncertain.resume_one),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
]
