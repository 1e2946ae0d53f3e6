"""Promise 63: a write key writes calls and nothing else. Every route has a case here, or the test fails."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from tests.e2e.seeded_shop import NOW
from tests.hostile.conftest import KEYS, Site

from tamshy import sqlkit
from tamshy.accounts import KeyKind, KeyRing, add_key, revoke_key
from tamshy.accounts.keys import KNOWN_FOR_S
from tamshy.domain.token import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Each: the route as Django's table has it, and an address of it. What stands here beside the calls must give nothing to
# a write key that it does not give to somebody without any.
PROMISE_63: Final[dict[str, Callable[[Site], str]]] = {
    "^v1/(?:track|t)/?$": lambda _: "/v1/track",
    "^v1/(?:identify|i)/?$": lambda _: "/v1/identify",
    "^v1/(?:page|p)/?$": lambda _: "/v1/page",
    "^v1/(?:screen|s)/?$": lambda _: "/v1/screen",
    "^v1/(?:group|g)/?$": lambda _: "/v1/group",
    "^v1/(?:alias|a)/?$": lambda _: "/v1/alias",
    "^v1/(?:batch|b)/?$": lambda _: "/v1/batch",
    "^api/s/(?:s2s/)?track/?$": lambda _: "/api/s/s2s/track",
    "^api/s/(?:s2s/)?identify/?$": lambda _: "/api/s/identify",
    "^api/s/(?:s2s/)?page/?$": lambda _: "/api/s/page",
    "^api/s/(?:s2s/)?screen/?$": lambda _: "/api/s/screen",
    "^api/s/(?:s2s/)?group/?$": lambda _: "/api/s/group",
    "^api/s/(?:s2s/)?alias/?$": lambda _: "/api/s/alias",
    "^api/s/(?:s2s/)?batch/?$": lambda _: "/api/s/batch",
    "^beacon/v1/batch/?$": lambda _: "/beacon/v1/batch",
    "tamshy.js": lambda _: "/tamshy.js",
    "forms/sign-up": lambda _: "/forms/sign-up",
    "^api/v1/customers/(?P<person>.+?)/events/?$": lambda _: "/api/v1/customers/aia/events",
    "^api/v1/customers/(?P<person>.+?)/suppress/?$": lambda _: "/api/v1/customers/aia/suppress",
    "^api/v1/customers/(?P<person>.+?)/unsuppress/?$": lambda _: "/api/v1/customers/aia/unsuppress",
    "^api/v1/customers/(?P<person>.+?)/devices(?:/.*)?$": lambda _: "/api/v1/customers/aia/devices",
    "^api/v1/customers/(?P<person>.+?)/?$": lambda _: "/api/v1/customers/aia",
    "^api/v1/events/?$": lambda _: "/api/v1/events",
    "^api/v1/merge_customers/?$": lambda _: "/api/v1/merge_customers",
    "^api/v2/entity/?$": lambda _: "/api/v2/entity",
    "^api/v2/batch/?$": lambda _: "/api/v2/batch",
    "v1/projects/<str:key>/settings": lambda _: f"/v1/projects/{KEYS['write']}/settings",
    "analytics.js/v1/<str:key>/analytics.min.js": lambda _: f"/analytics.js/v1/{KEYS['write']}/analytics.min.js",
    "analytics-next/bundles/<str:name>": lambda _: "/analytics-next/bundles/x.bundle.0.js",
    "^sourceConfig/?$": lambda _: "/sourceConfig/",
    "api/profiles/<path:profile>/consent": lambda _: "/api/profiles/aia/consent",
    "api/products": lambda _: "/api/products",
    "api/flows": lambda _: "/api/flows",
    "api/flows/<path:name>": lambda _: "/api/flows/welcome",
    "api/flows/<path:name>/enrollments": lambda _: "/api/flows/welcome/enrollments",
    "api/flows/<path:name>/pause": lambda _: "/api/flows/welcome/pause",
    "api/flows/<path:name>/resume": lambda _: "/api/flows/welcome/resume",
    "api/report": lambda _: "/api/report",
    "api/report/<path:name>": lambda _: "/api/report/welcome",
    "api/uncertain": lambda _: "/api/uncertain",
    "api/uncertain/<str:message>/sent": lambda site: f"/api/uncertain/{site.subject().message}/sent",
    "api/uncertain/<str:message>/resend": lambda site: f"/api/uncertain/{site.subject().message}/resend",
    "api/domains": lambda _: "/api/domains",
    "api/domains/<str:domain>/resume": lambda _: "/api/domains/example.com/resume",
    "healthz": lambda _: "/healthz",
    "readyz": lambda _: "/readyz",
    "metrics": lambda _: "/metrics",
    "o/<str:token>.gif": lambda _: "/o/unknown.gif",
    "c/<str:token>/<int:number>": lambda _: "/c/unknown/0",
    "u/<str:token>": lambda _: "/u/unknown",
    "m/<str:token>": lambda _: "/m/unknown",
    "prefs/<str:token>": lambda _: "/prefs/unknown",
    "confirm/<str:token>": lambda _: "/confirm/unknown",
    "static/<path:path>": lambda _: "/static/panel/live.js",
    "": lambda _: "/",
    "api/live/state": lambda _: "/api/live/state",
    "people": lambda _: "/people",
    "people/<int:bucket>/<uuid:profile>": lambda site: f"/people/{site.subject().bucket}/{site.subject().profile}",
    "mails/<int:bucket>/<uuid:profile>/<uuid:message>": lambda site: f"{mail(site)}",
    "mails/<int:bucket>/<uuid:profile>/<uuid:message>/frame": lambda site: f"{mail(site)}/frame",
    "static/<path:name>": lambda _: "/static/panel/mail.js",
    "uncertain": lambda _: "/uncertain",
    "uncertain/settle": lambda _: "/uncertain/settle",
    "uncertain/resume": lambda _: "/uncertain/resume",
    "sign-in": lambda _: "/sign-in",
    "sign-out": lambda _: "/sign-out",
    "flows/<path:flow>/<int:step>": lambda _: "/flows/welcome/1",
    "shop": lambda _: "/shop",
    "shop/join": lambda _: "/shop/join",
    "shop/checkout": lambda _: "/shop/checkout",
    "shop/checkout/<str:cart>": lambda _: "/shop/checkout/c1",
    "shop/pictures/<slug:name>.png": lambda _: "/shop/pictures/kese.png",
    "shop/<slug:name>": lambda _: "/shop/kese",
    "shop/<path:rest>": lambda _: "/shop/a/b",
}
# What a write key is for: calls, and what a library asks before it sends any.
CALLS: Final = tuple(name for name in PROMISE_63 if name.startswith(("^v1/", "^api/s/", "^beacon/")))
TRACK: Final = tuple(name for name in PROMISE_63 if name.startswith(("^api/v1/", "^api/v2/")))
KNOWS_KEYS: Final = (*CALLS, *TRACK, "^sourceConfig/?$", "forms/sign-up")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
BODY: Final = json.dumps({"batch": [], "topic": "offers", "consent": "granted"}).encode()
PRIVATE: Final = (b"aia@example.com", b"marat@example.com", b"@example.com")


def mail(site: Site) -> str:
    who = site.subject()
    return f"/mails/{who.bucket}/{who.profile}/{who.message}"


def routes(table: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Every route of the edge, as it is written in its table."""
    for entry in (table or get_resolver("tamshy.site.urls")).url_patterns:
        here = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield here
        else:
            yield from routes(entry, here)


def presented(key: str) -> dict[str, dict[str, str]]:
    """Each way in which a client shows a key."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    return {
        "basic": {"Authorization": f"Basic {basic}"},
        "bearer": {"Authorization": f"Bearer {key}"},
        "header": {"X_Write_Key": key},
        "cookie": {"Cookie": f"tamshy_session={key}; key={key}"},
    }


def test_every_route_has_a_case() -> None:
    assert sorted(set(routes())) == sorted(PROMISE_63), "a route without a case, or a case without its route"


@pytest.mark.parametrize("name", [name for name in PROMISE_63 if name not in KNOWS_KEYS])
def test_a_write_key_opens_nothing_that_is_closed_without(site: Site, name: str) -> None:
    path = PROMISE_63[name](site)
    before = site.held()
    for method in METHODS:
        without = site.ask(method, path, BODY)
        for headers in presented(KEYS["write"]).values():
            found = site.ask(method, path, BODY, **headers)
            opened = found.status_code < 400 <= without.status_code
            assert not opened, f"{method} {path} is open to a write key: {found.content[:200]!r}"
            if without.status_code >= 400 and method != "HEAD":
                assert not any(text in found.content for text in PRIVATE)
    assert site.held() == before


@pytest.mark.parametrize("name", CALLS)
def test_where_calls_go_nothing_comes_back(site: Site, name: str) -> None:
    path = PROMISE_63[name](site)
    for key in ("write", "other"):
        for way in presented(KEYS[key]).values():
            for method in METHODS:
                found = site.ask(method, path, BODY, **way)
                assert not any(text in found.content for text in PRIVATE)
                if method not in {"POST", "OPTIONS"}:
                    assert found.status_code == 405


@pytest.mark.parametrize("name", CALLS)
def test_a_revoked_key_is_as_good_as_none(site: Site, name: str) -> None:
    path = PROMISE_63[name](site)
    before = site.held()
    for way, headers in presented(KEYS["revoked"]).items():
        found = site.ask("POST", path, BODY, **headers)
        assert (found.status_code, way) == (401, way)
    named = json.dumps({"writeKey": KEYS["revoked"], "batch": [], "event": "E", "userId": "u"}).encode()
    assert site.ask("POST", path, named).status_code == 401
    assert site.held() == before


def test_a_key_is_dead_half_a_minute_after_its_end_at_the_latest(site: Site) -> None:
    seconds = [0.0]
    with sqlkit.connect(site.dsn) as conn:
        key = add_key(conn, 1, KeyKind.WRITE, "soon-dead-key", name="d", now=NOW)
    ring = KeyRing(lambda: sqlkit.connect(site.dsn), lambda: seconds[0])
    assert ring.find("soon-dead-key") is not None
    with sqlkit.connect(site.dsn) as conn:
        assert revoke_key(conn, 1, key, now=NOW)
    seconds[0] = KNOWN_FOR_S
    assert KNOWN_FOR_S <= 60
    assert ring.find("soon-dead-key") is None


# Ways in which a page, with no more than a write key, could try to say that somebody agreed.
UPGRADES: Final[dict[str, dict[str, object]]] = {
    "an event of that name": {
        "type": "track",
        "userId": "dewi",
        "event": "Subscribed",
        "properties": {"topic": "news"},
    },
    "of a message": {"type": "track", "userId": "dewi", "event": "Subscribed", "properties": {"message": "welcome"}},
    "a trait": {"type": "identify", "userId": "dewi", "traits": {"consents": {"news": {"on": True, "at": 9e15}}}},
    "a trait called subscribed": {"type": "identify", "userId": "dewi", "traits": {"subscribed": ["news"]}},
    "a type of call": {"type": "consent", "userId": "dewi", "topic": "news", "granted": True},
    "a type of the engine's": {"type": "suppress", "userId": "dewi", "reason": "manual"},
    "a kind": {"type": "track", "kind": "consent", "userId": "dewi", "event": "E", "granted": True, "topic": "news"},
    "an origin": {
        "type": "track",
        "origin": 1,
        "userId": "dewi",
        "event": "Subscribed",
        "properties": {"topic": "news"},
    },
    "facts": {"type": "track", "userId": "dewi", "event": "E", "facts": {"topic": "news", "granted": True}},
    "a context": {"type": "track", "userId": "dewi", "event": "E", "context": {"consent": {"news": True}}},
    "a withdrawal that grants": {
        "type": "track",
        "userId": "dewi",
        "event": "Unsubscribed",
        "properties": {"topic": "news", "granted": True},
    },
    "an alias": {"type": "alias", "userId": "dewi", "previousId": "aia"},
    "a message that was opened": {"type": "track", "userId": "dewi", "event": "Message Opened", "properties": {}},
    "a bounce": {
        "type": "track",
        "userId": "dewi",
        "event": "Message Bounced",
        "properties": {"reason": "hard_bounce"},
    },
}
PROMISE_63_UPGRADES: Final = tuple(UPGRADES)
# Ways in which a page could try to say it in a form, of somebody who is a customer. Who is `dewi` has signed up for nothing.
FORMS: Final[dict[str, dict[str, object]]] = {
    "a customer's address": {},
    "a customer's address in capitals": {"email": "DEWI@EXAMPLE.COM"},
    "a customer's address with blanks": {"email": "  dewi@example.com\t"},
    "a customer's id for a device": {"anonymousId": "dewi"},
    "a customer's id": {"userId": "dewi"},
    "traits with another address": {"traits": {"email": "dewi@example.com"}, "email": "mallory@example.net"},
    "traits with an id": {"traits": {"id": "dewi"}},
    "traits that are consents": {"traits": {"consents": {"news": {"on": True}}}},
    "its own confirmation": {"confirmed": {"at": "2026-01-01"}},
    "its own evidence": {"evidence": {"proof": "none"}},
    "its own link": {"confirm_url": "https://evil.example"},
    "a source": {"source": "api"},
    "a time to come": {"timestamp": "2999-01-01T00:00:00Z"},
    "two addresses": {"email": "mallory@example.net,dewi@example.com"},
    "a list of addresses": {"email": ["mallory@example.net", "dewi@example.com"]},
    "a header": {"email": "mallory@example.net\nBcc: dewi@example.com"},
    "no wording": {"wording": ""},
    "a topic that is none": {"topics": ["everything"]},
}
PROMISE_63_FORMS: Final = tuple(FORMS)


OF_THE_ENGINE: Final = "select id from inbox where origin = 1 and kind = 'event' order by id"


@pytest.mark.parametrize("name", PROMISE_63_UPGRADES)
def test_no_call_of_a_write_key_grants_consent(site: Site, name: str) -> None:
    before = site.rows("select id from inbox where kind in ('consent', 'suppress')")
    engines = site.rows(OF_THE_ENGINE)
    body = json.dumps({"batch": [UPGRADES[name]]}).encode()
    assert site.ask("POST", "/v1/batch", body, X_Write_Key=KEYS["write"]).status_code == 200
    told = site.rows(
        "select id, facts ->> 'granted', kind, facts ->> 'source' from inbox where kind in ('consent', 'suppress')"
    )
    assert {row[1:] for row in told if (row[0],) not in before} <= {("false", "consent", "write_key")}
    # What it tells of mails is told by somebody outside: the engine's own events have an origin of their own.
    assert site.rows(OF_THE_ENGINE) == engines


GRANTS: Final = "select id from inbox where kind = 'consent' and facts ->> 'granted' = 'true' order by id"


@pytest.mark.parametrize("name", TRACK)
def test_what_speaks_customer_ios_language_gets_nothing_back_and_grants_nothing(site: Site, name: str) -> None:
    path = PROMISE_63[name](site)
    basic = base64.b64encode(f"site:{KEYS['write']}".encode()).decode()
    body = json.dumps(
        {
            "batch": [],
            "unsubscribed": False,
            "subscribed": True,
            "cio_subscription_preferences": {"topics": {"news": True}},
        }
    )
    before = site.rows(GRANTS)
    for method in METHODS:
        found = site.ask(method, path, body.encode(), Authorization=f"Basic {basic}")
        assert not any(text in found.content for text in PRIVATE)
        revoked = base64.b64encode(f"site:{KEYS['revoked']}".encode()).decode()
        assert site.ask(method, path, body.encode(), Authorization=f"Basic {revoked}").status_code >= 400
    assert site.rows(GRANTS) == before


@pytest.mark.parametrize("name", PROMISE_63_FORMS)
def test_no_form_of_a_write_key_grants_for_a_customer(site: Site, name: str) -> None:
    with sqlkit.connect(site.dsn) as conn:
        bucket, profile = site.seeded.people["dewi"]
        given = {"bucket": bucket, "profile": profile, "now": NOW}
        conn.execute(
            "insert into identifier (workspace, kind, value, bucket, profile, since) values"
            " (1, 'email', 'dewi@example.com', %(bucket)s, %(profile)s, %(now)s) on conflict do nothing",
            given,
        )
    before = said_of_dewi(site)
    form = {"messageId": name, "email": "dewi@example.com", "topics": ["news"], "wording": "Yes", "form": "f"}
    body = json.dumps(form | {"anonymousId": f"device {name}"} | FORMS[name]).encode()
    place = f"93.184.216.{PROMISE_63_FORMS.index(name)}"
    found = site.ask("POST", "/forms/sign-up", body, X_Write_Key=KEYS["write"], X_Forwarded_For=place)
    assert found.status_code in {200, 400}
    assert b"dewi" not in found.content
    assert said_of_dewi(site) == before


def said_of_dewi(site: Site) -> list[tuple[object, ...]]:
    """What would change a customer, and the names that they go by."""
    return site.rows(
        "select i.kind, i.name, i.id::text from inbox i join identifier d on d.profile = i.profile"
        " and d.value = 'dewi@example.com' where i.kind in ('consent', 'identify', 'merge')"
        " union all select n.kind, n.value, '' from identifier n join identifier d on d.profile = n.profile"
        " and d.value = 'dewi@example.com' order by 1, 2, 3"
    )


def test_a_call_lands_in_its_own_workspace_whatever_it_says(site: Site) -> None:
    call = {"type": "track", "userId": "aia", "event": "Landed", "workspace": 1, "context": {"workspace": 1}}
    body = json.dumps({"writeKey": KEYS["write"], "workspace": "default", "batch": [call]}).encode()
    assert site.ask("POST", "/v1/batch", body, X_Write_Key=KEYS["other"]).status_code == 200
    assert site.rows("select workspace, bucket >= 64 from inbox where name = 'Landed'") == [(2, True)]


def test_another_workspaces_keys_reach_nothing_here(site: Site) -> None:
    who = site.subject()
    held = site.held()
    bearer: dict[str, Any] = {"Authorization": f"Bearer {KEYS['other_api']}"}
    assert site.ask("GET", "/api/uncertain", **bearer).content.count(b"@") == 0
    for message in (who.message, uuid4()):
        for did in ("sent", "resend"):
            found = site.ask("POST", f"/api/uncertain/{message}/{did}", b"{}", **bearer)
            assert found.status_code == 404
    granted = json.dumps({"topic": "offers", "consent": "granted"}).encode()
    assert site.ask("PUT", "/api/profiles/aia/consent", granted, **bearer).status_code == 400
    assert site.held() == held


def test_pages_of_other_hosts_may_send_and_not_read(site: Site) -> None:
    for name, make in PROMISE_63.items():
        found = site.ask("OPTIONS", make(site), Origin="https://evil.example", Access_Control_Request_Method="GET")
        allowed = found.headers.get("Access-Control-Allow-Origin")
        known = name.startswith(
            ("^v1/", "^api/s/", "^beacon/", "v1/projects", "analytics", "^sourceConfig", "tamshy.js", "forms/")
        )
        assert (allowed == "*") == known, name
        assert "Access-Control-Allow-Credentials" not in found.headers
    for path in ("/people", "/api/live/state", "/api/uncertain", "/metrics", site.path(Purpose.UNSUBSCRIBE)):
        found = site.ask("GET", path, Origin="https://evil.example")
        assert "Access-Control-Allow-Origin" not in found.headers
