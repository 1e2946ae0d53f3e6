"""Addresses of what programs call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.urls import path, re_path

from tamshy.api import (
    browser,
    calls,
    consent,
    customerio,
    enlisting,
    flows,
    forms,
    health,
    products,
    reporting,
    scripts,
    uncertain,
)

if TYPE_CHECKING:
    from django.urls import URLPattern

_SPELLINGS: Final = {
    "track": ("track", "t"),
    "identify": ("identify", "i"),
    "page": ("page", "p"),
    "screen": ("screen", "s"),
    "group": ("group", "g"),
    "alias": ("alias", "a"),
    "batch": ("batch", "b"),
}
_BEACONS: Final = "beacon/v1/batch"
"""Where RudderStack's library sends them; the key stands in the query."""
_KINDS: Final = {
    **{f"v1/{spelling}": kind for kind, spellings in _SPELLINGS.items() for spelling in spellings},
    **{f"api/s/{between}{kind}": kind for kind in _SPELLINGS for between in ("", "s2s/")},
    _BEACONS: "batch",
}


def kind_of_calls(path: str) -> str | None:
    """Say what is sent to a path: `batch`, or the type of a call; None where no calls are. The same as the patterns below."""
    return _KINDS.get(path.removeprefix("/").removesuffix("/"))


def _calls() -> list[URLPattern]:
    """Segment's paths and their short forms, and Jitsu's; with or without a slash at the end, as proxies add one."""
    found = []
    for kind, spellings in _SPELLINGS.items():
        either = "|".join(spellings)
        found.append(re_path(rf"^v1/(?:{either})/?$", calls.take_calls, {"kind": kind}, name=f"v1-{kind}"))
        found.append(re_path(rf"^api/s/(?:s2s/)?{kind}/?$", calls.take_calls, {"kind": kind}, name=f"jitsu-{kind}"))
    return found


def _customerio() -> list[URLPattern]:
    """Customer.io's Track API; what stands behind an id comes first, since an id may hold a stroke."""
    view, person = customerio.take_entities, r"^api/v1/customers/(?P<person>.+?)"
    return [
        re_path(rf"{person}/events/?$", view, {"kind": "event"}),
        re_path(rf"{person}/suppress/?$", view, {"kind": "suppress"}),
        re_path(rf"{person}/unsuppress/?$", view, {"kind": "unsuppress"}),
        re_path(rf"{person}/devices(?:/.*)?$", view, {"kind": "device"}),
        re_path(rf"{person}/?$", view, {"kind": "identify"}),
        re_path(r"^api/v1/events/?$", view, {"kind": "event"}),
        re_path(r"^api/v1/merge_customers/?$", view, {"kind": "merge"}),
        re_path(r"^api/v2/entity/?$", view, {"kind": "entity"}),
        re_path(r"^api/v2/batch/?$", view, {"kind": "batch"}),
    ]


urlpatterns = [
    *_calls(),
    re_path(rf"^{_BEACONS}/?$", calls.take_calls, {"kind": "batch"}),
    path("tamshy.js", scripts.page_script),
    path("forms/sign-up", forms.take_sign_up),
    *_customerio(),
    path("v1/projects/<str:key>/settings", browser.segment_settings),
    path("analytics.js/v1/<str:key>/analytics.min.js", scripts.segment_library),
    path("analytics-next/bundles/<str:name>", scripts.segment_bundle),
    re_path(r"^sourceConfig/?$", browser.rudder_settings),
    path("api/profiles/<path:profile>/consent", consent.record_consent),
    path("api/products", products.put_products),
    path("api/flows", flows.flows),
    # The flow of a broadcast has a slash in its name.
    path("api/flows/<path:name>/enrollments", enlisting.enroll),
    path("api/flows/<path:name>/pause", flows.pause),
    path("api/flows/<path:name>/resume", flows.resume),
    path("api/flows/<path:name>", flows.flow),
    path("api/report", reporting.report),
    path("api/report/<path:name>", reporting.report),
    path("api/uncertain", uncertain.list_uncertain),
    path("api/uncertain/<str:message>/sent", uncertain.settle_one, {"did": "sent"}),
    path("api/uncertain/<str:message>/resend", uncertain.settle_one, {"did": "resend"}),
    path("api/domains", uncertain.list_domains),
    path("api/domains/<str:domain>/resume", uncertain.resume_one),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
]
