"""sqlmap, the Debian package, against every place of every route that takes something from outside; on this machine alone."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.e2e.seeded_shop import NOW, seed
from tests.hostile.served import API_KEY, FOUNDED, SECRET, WRITE_KEY, request, web
from tests.hostile.test_keys import PROMISE_63

from tamshy import sqlkit
from tamshy.domain.token import Purpose, Signer, Subject
from tamshy.site.clock import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases
    from tests.e2e.seeded_shop import Seeded
    from tests.hostile.served import Web

SQLMAP: Final = Path("/usr/bin/sqlmap")
OPTIONS: Final = (
    *("--batch", "--ignore-stdin", "--flush-session", "--disable-coloring"),
    *(
        "--dbms=PostgreSQL",
        "--level=2",
        "--risk=2",
        "--technique=BEUSTQ",
        "--time-sec=2",
        "--threads=4",
        "--timeout=20",
    ),
    "--ignore-code=400,401,403,404,405,413,429,503",
    # A click leads to the shop, which is not here: each look for it would take its time.
    "--ignore-redirects",
)
BOUND_S: Final = 300.0
"""Seconds for one request and all that is tried in its place."""
needs_sqlmap = pytest.mark.skipif(not SQLMAP.exists(), reason=f"{SQLMAP} is missing: sudo apt-get install sqlmap")
BEARER: Final = {"Authorization": f"Bearer {API_KEY}"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
CALL: Final = (
    '{"type":"%s","userId":"u*","anonymousId":"a*","previousId":"p*","messageId":"m*","event":"E*","name":"n*",'
    '"timestamp":"2026-03-02T09:00:00Z*","properties":{"x*":"y*","topic":"t*"},"traits":{"email":"e*@example.com","q*":"z*"},'
    '"context":{"timezone":"UTC*","locale":"en*","campaign":{"source":"s*"}}}'
)


@dataclass(frozen=True)
class Asked:
    """One request; each star is a place where sqlmap puts what it tries."""

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self, host: str) -> str:
        """Write it out as sqlmap reads it."""
        given = {"Host": host, **self.headers}
        if self.body:
            given = {"Content-Type": "application/json", **given}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        return "\r\n".join([*lines, "", self.body])


@dataclass(frozen=True)
class Place:
    """What good addresses are made of."""

    seeded: Seeded
    session: dict[str, str]
    proof: str

    def subject(self) -> Subject:
        """Whose mail it is."""
        bucket, profile = self.seeded.people["aia"]
        return Subject(1, bucket, profile, self.seeded.messages["aia", "welcome"])

    def token(self, purpose: Purpose) -> str:
        """A good token."""
        return Signer([SECRET]).token(purpose, self.subject())


def call(kind: str, path: str) -> Callable[[Place], list[Asked]]:
    """One call, with its key in the headers."""
    keys = {"X-Write-Key": WRITE_KEY}
    return lambda _: [Asked("POST", path, CALL % kind, keys), Asked("POST", path, "{}", {"X-Write-Key": "k*"})]


def customerio(path: str, body: str, method: str = "POST") -> Callable[[Place], list[Asked]]:
    """A call in Customer.io's language, with its key as Customer.io's libraries show it."""
    basic = base64.b64encode(f"site:{WRITE_KEY}".encode()).decode()
    return lambda _: [Asked(method, path, body, {"Authorization": f"Basic {basic}"})]


def batch(path: str) -> Callable[[Place], list[Asked]]:
    """Calls of several kinds."""
    kinds = ",".join(CALL.replace("*", "") % kind for kind in ("identify", "group", "page"))
    body = '{"batch":[' + kinds + "," + CALL % "alias" + '],"sentAt":"2026-03-02T09:00:00Z*"}'
    return lambda _: [Asked("POST", path, body, {"X-Write-Key": WRITE_KEY})]


def get(path: str, headers: dict[str, str] | None = None) -> Callable[[Place], list[Asked]]:
    """A page."""
    return lambda _: [Asked("GET", path, "", headers or {})]


def post(path: str, headers: dict[str, str]) -> Callable[[Place], list[Asked]]:
    """A word said to an address."""
    return lambda _: [Asked("POST", path, "", headers)]


PURPOSES: Final = {
    "o": Purpose.OPEN,
    "c": Purpose.CLICK,
    "u": Purpose.UNSUBSCRIBE,
    "m": Purpose.VIEW,
    "prefs": Purpose.PREFERENCES,
    "confirm": Purpose.CONFIRM,
}


def mailed(path: str, *, form: str = "") -> Callable[[Place], list[Asked]]:
    """An address of a mail: with a token of sqlmap's own, and with a good one and odd headers; and its form."""
    odd = {
        "User-Agent": "Mozilla/5.0*",
        "Accept-Language": "en*",
        "Referer": "https://x.example/*",
        "Sec-Fetch-Mode": "navigate*",
    }
    purpose = PURPOSES[path.split("/")[1]]

    def made(place: Place) -> list[Asked]:
        good = path.format(place.token(purpose))
        found = [Asked("GET", path.format("token*")), Asked("GET", good, "", odd)]
        return [*found, Asked("POST", good, form, {**FORM, "User-Agent": "Mozilla/5.0*"})] if form else found

    return made


SIGN_UP: Final = (
    '{"email":"a*@shop.example","topics":["news*"],"wording":"w*","form":"f*","anonymousId":"d*","traits":{"a*":"b*"}}'
)


# Each: the route as Django's table has it, and what is asked of it.
TARGETS: Final[dict[str, Callable[[Place], list[Asked]]]] = {
    "^v1/(?:track|t)/?$": call("track", "/v1/track"),
    "^v1/(?:identify|i)/?$": call("identify", "/v1/identify"),
    "^v1/(?:page|p)/?$": call("page", "/v1/page"),
    "^v1/(?:screen|s)/?$": call("screen", "/v1/screen"),
    "^v1/(?:group|g)/?$": call("group", "/v1/group"),
    "^v1/(?:alias|a)/?$": call("alias", "/v1/alias"),
    "^v1/(?:batch|b)/?$": batch("/v1/batch"),
    "^api/s/(?:s2s/)?track/?$": call("track", "/api/s/s2s/track"),
    "^api/s/(?:s2s/)?identify/?$": call("identify", "/api/s/identify"),
    "^api/s/(?:s2s/)?page/?$": call("page", "/api/s/page"),
    "^api/s/(?:s2s/)?screen/?$": call("screen", "/api/s/screen"),
    "^api/s/(?:s2s/)?group/?$": call("group", "/api/s/group"),
    "^api/s/(?:s2s/)?alias/?$": call("alias", "/api/s/alias"),
    "^api/s/(?:s2s/)?batch/?$": batch("/api/s/batch"),
    "^beacon/v1/batch/?$": lambda _: [Asked("POST", "/beacon/v1/batch?writeKey=k*", '{"batch":[]}')],
    "tamshy.js": get("/tamshy.js?a=1*"),
    "forms/sign-up": lambda _: [
        Asked("POST", "/forms/sign-up", SIGN_UP, {"X-Write-Key": WRITE_KEY}),
    ],
    "^api/v1/customers/(?P<person>.+?)/events/?$": customerio(
        "/api/v1/customers/aia*/events", '{"name":"a*","data":{"b*":"c*"}}'
    ),
    "^api/v1/customers/(?P<person>.+?)/suppress/?$": customerio("/api/v1/customers/aia*/suppress", "{}"),
    "^api/v1/customers/(?P<person>.+?)/unsuppress/?$": customerio("/api/v1/customers/aia*/unsuppress", "{}"),
    "^api/v1/customers/(?P<person>.+?)/devices(?:/.*)?$": customerio(
        "/api/v1/customers/aia*/devices", '{"device":{"id":"d*","platform":"ios*"}}', "PUT"
    ),
    "^api/v1/customers/(?P<person>.+?)/?$": customerio(
        "/api/v1/customers/aia*", '{"email":"a*@shop.example","a*":"b*"}', "PUT"
    ),
    "^api/v1/events/?$": customerio("/api/v1/events", '{"name":"a*","anonymous_id":"d*","data":{"b*":"c*"}}'),
    "^api/v1/merge_customers/?$": customerio(
        "/api/v1/merge_customers", '{"primary":{"id":"a*"},"secondary":{"id":"b*"}}'
    ),
    "^api/v2/entity/?$": customerio(
        "/api/v2/entity", '{"type":"person*","action":"event*","name":"n*","identifiers":{"id":"a*"}}'
    ),
    "^api/v2/batch/?$": customerio(
        "/api/v2/batch", '{"batch":[{"type":"person","action":"identify*","identifiers":{"id":"a*"}}]}'
    ),
    "v1/projects/<str:key>/settings": get("/v1/projects/k*/settings"),
    "analytics.js/v1/<str:key>/analytics.min.js": get("/analytics.js/v1/k*/analytics.min.js"),
    "analytics-next/bundles/<str:name>": get("/analytics-next/bundles/x*.bundle.0.js"),
    "^sourceConfig/?$": get("/sourceConfig/?writeKey=k*"),
    "api/profiles/<path:profile>/consent": lambda _: [
        Asked(
            "PUT",
            "/api/profiles/aia*/consent",
            '{"topic":"news*","consent":"granted*","time":"2026-03-02T09:00:00Z*","wording":"w*","proof":{"a*":"b*"}}',
            BEARER,
        )
    ],
    "api/products": lambda _: [
        Asked("PUT", "/api/products", '{"products":[{"sku":"a*","price":"1*","name":"n*","category":"c*"}]}', BEARER)
    ],
    "api/flows": get("/api/flows", {"Authorization": "Bearer k*"}),
    "api/flows/<path:name>": get("/api/flows/welcome*", BEARER),
    "api/flows/<path:name>/enrollments": lambda _: [
        Asked("POST", "/api/flows/welcome*/enrollments", '{"profile":"aia*","event":{"a":"b*"},"key":"k*"}', BEARER)
    ],
    "api/flows/<path:name>/pause": post("/api/flows/welcome*/pause", BEARER),
    "api/flows/<path:name>/resume": lambda _: [
        Asked("POST", "/api/flows/welcome*/resume", '{"overdue":"skip*"}', BEARER)
    ],
    "api/report": get("/api/report", {"Authorization": "Bearer k*"}),
    "api/report/<path:name>": get("/api/report/welcome*", BEARER),
    "api/uncertain": get("/api/uncertain?limit=5*&cursor=c*", BEARER),
    "api/uncertain/<str:message>/sent": post("/api/uncertain/00000000-0000-0000-0000-000000000001*/sent", BEARER),
    "api/uncertain/<str:message>/resend": post("/api/uncertain/00000000-0000-0000-0000-000000000001*/resend", BEARER),
    "api/domains": get("/api/domains?a=1*", BEARER),
    "api/domains/<str:domain>/resume": post("/api/domains/shop.example*/resume", BEARER),
    "healthz": get("/healthz?a=1*"),
    "readyz": get("/readyz?of=work*"),
    "metrics": get("/metrics?a=1*"),
    "o/<str:token>.gif": mailed("/o/{}.gif?a=1"),  # what ends like a picture it takes for none of its business
    "c/<str:token>/<int:number>": mailed("/c/{}/0*"),
    "u/<str:token>": mailed("/u/{}", form="confirm=1*"),
    "m/<str:token>": mailed("/m/{}"),
    "prefs/<str:token>": mailed("/prefs/{}", form="topic=news*&none=1*"),
    "confirm/<str:token>": mailed("/confirm/{}", form="confirm=1*"),
    "static/<path:path>": get("/static/panel/live*.js"),
    "": get("/?lang=en*", {"Cookie": "lang=en*"}),
    "api/live/state": get("/api/live/state?lang=en*"),
    "people": get("/people?find=aia*&lang=en*"),
    "people/<int:bucket>/<uuid:profile>": lambda place: [
        Asked("GET", f"/people/{place.subject().bucket}*/{place.subject().profile}*?lang=kk*")
    ],
    "mails/<int:bucket>/<uuid:profile>/<uuid:message>": lambda place: [Asked("GET", mail(place))],
    "mails/<int:bucket>/<uuid:profile>/<uuid:message>/frame": lambda place: [Asked("GET", f"{mail(place)}/frame")],
    "static/<path:name>": get("/static/*"),
    "uncertain": lambda place: [Asked("GET", "/uncertain?after=a*&did=sent*&count=1*", "", place.session)],
    "uncertain/settle": lambda place: [
        Asked("POST", "/uncertain/settle", f"did=sent*&message=m*&all=no*&proof={place.proof}", place.session | FORM),
        Asked("POST", "/uncertain/settle", "did=sent&all=yes&proof=p*", {**FORM, "Cookie": "tamshy_session=c*"}),
    ],
    "uncertain/resume": lambda place: [
        Asked("POST", "/uncertain/resume", f"domain=shop.example*&proof={place.proof}", place.session | FORM)
    ],
    "sign-in": lambda _: [Asked("POST", "/sign-in", "key=k*", FORM)],
    "sign-out": post("/sign-out?a=1*", FORM),
    "flows/<path:flow>/<int:step>": get("/flows/welcome*/1*"),
    "shop": get("/shop?lang=en*"),
    "shop/join": lambda _: [
        Asked("POST", "/shop/join", '{"user_id":"visitor-0123456789ab*","topics":["news*"]}', FORM)
    ],
    "shop/checkout": get("/shop/checkout?lang=en*"),
    "shop/checkout/<str:cart>": get("/shop/checkout/c*"),
    "shop/pictures/<slug:name>.png": get("/shop/pictures/kese*.png?a=1"),
    "shop/<slug:name>": get("/shop/kese*"),
    "shop/<path:rest>": get("/shop/a*/b*"),
}


def mail(place: Place) -> str:
    """The address of a mail, each part of it to be tried."""
    who = place.subject()
    return f"/mails/{who.bucket}*/{who.profile}*/{who.message}*"


def tried(asked: Asked, host: str, folder: Path) -> str:
    """Have sqlmap try one request; gives all that it says."""
    (folder / "request").write_text(asked.raw(host), encoding="utf-8")
    command = [str(SQLMAP), "-r", str(folder / "request"), *OPTIONS, f"--output-dir={folder / 'out'}"]
    # It keeps what it learnt in the home of whoever runs it.
    around = {"HOME": str(folder), "TERM": "dumb", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, env=around, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    return done.stdout + done.stderr


def test_every_route_is_tried() -> None:
    assert list(TARGETS) == list(PROMISE_63)


@pytest.fixture(scope="module")
def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, Place]]:
    """The demo's shop with people and mails, and somebody signed in."""
    name = f"tamshy_sqlmap_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    with sqlkit.connect(dsn) as conn:
        seeded = seed(conn)
        conn.execute("update content set links = %s", ['["https://shop.example/a"]'])
    demo = {
        "TAMSHY_CLOCK": running(NOW, 1).text(),
        "TAMSHY_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
        "TAMSHY_BOOTSTRAP_API_KEY": API_KEY,
    }
    with web(dsn, tmp_path_factory.mktemp("web"), founded=True, **demo) as made:
        opened = made.send(request(f"key={API_KEY}".encode(), "/sign-in", FORM))
        found = re.search(rb"(?i)set-cookie: *(tamshy_session=[^;]+)", opened.raw)
        assert found, opened.raw
        session = {"Cookie": found[1].decode()}
        with sqlkit.connect(dsn) as conn:
            conn.execute(
                "insert into paused_domain (workspace, domain, paused_at, reply, message)"
                " values (1, 'shop.example', %s, '550', %s)",
                [FOUNDED, seeded.messages["aia", "welcome"]],
            )
        proof = re.search(rb'name="proof" value="([^"]+)"', made.get("/uncertain", session).body)
        assert proof
        yield made, Place(seeded, session, proof[1].decode())
    databases.drop(name)


@pytest.mark.minutes(10)
@needs_sqlmap
@pytest.mark.prove
def test_sqlmap_finds_nothing_on_any_route(shop: tuple[Web, Place], tmp_path: Path, say: Callable[[str], None]) -> None:
    served, place = shop
    host = f"127.0.0.1:{served.port}"
    wrong, places, number = {}, 0, 0
    for name, make in TARGETS.items():
        for asked in make(place):
            folder = tmp_path / str(number)
            folder.mkdir()
            number += 1
            said = tried(asked, host, folder)
            places += len(re.findall(r"does not seem to be injectable", said))
            if "all tested parameters do not appear to be injectable" not in said:
                wrong[f"{name} {number}"] = said[-3000:]
    lines = [json.loads(line) for line in served.log().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    say(f"{len(TARGETS)} routes, {number} requests with {places} places, tried with {len(requests)} requests")
    assert wrong == {}
    # No worker lives here, so `readyz?of=work` has to say 503; Django has a word of its own for each of these.
    failed = [line["route"] for line in requests if line["status"] >= 500]
    assert failed == ["health.ready"] * len(failed)
    loud = [line for line in lines if line["level"] in {"error", "critical"}]
    assert [line["said"] for line in loud] == ["django.request speaks"] * len(failed)
    # Nothing of it came to be a part of a statement: PostgreSQL found no mistake in any.
    assert [line for line in lines if "sqlstate" in line] == []
    assert served.process.poll() is None


@needs_sqlmap
@pytest.mark.prove
def test_sqlmap_would_find_it(databases: Databases, dsn: str, tmp_path: Path) -> None:
    """A route that puts what it is asked into its statement is found, by the same way of asking."""
    assert databases.template

    class Bad(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (asked,) = parse_qs(urlsplit(self.path).query).get("find", [""])
            with sqlkit.connect(dsn) as conn:
                try:
                    found = conn.execute(f"select name from workspace where name = '{asked}'".encode()).fetchall()
                except sqlkit.Error as exc:
                    found = [(str(exc),)]
            body = f"<p>{len(found)} found: {found}</p>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - its base's own
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        said = tried(Asked("GET", "/people?find=aia*"), f"127.0.0.1:{server.server_port}", tmp_path)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "identified the following injection point" in said, said[-6000:]
