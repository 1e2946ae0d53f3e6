"""Promise 68: what is written about the work holds nobody's data and no secret, whatever goes wrong with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import UUID

import pytest
from tests.hostile.served import API_KEY, FOUNDED, SECRET, WRITE_KEY, request, web

from tamshy import sqlkit
from tamshy.accounts import KeyKind, add_key, revoke_key
from tamshy.domain.token import Purpose, Signer, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases
    from tests.hostile.served import Answer, Web

PERSON: Final = "canary.person@secret-shop.example"
NAME: Final = "Canarina Canarowa"
USER: Final = "canary-user-4711"
PHONE: Final = "+7 700 000 47 11"
GUESSED: Final = "canary_key_that_was_guessed"
REVOKED: Final = "canary_key_that_was_revoked"
SIGNED: Final = Signer([SECRET]).token(Purpose.UNSUBSCRIBE, Subject(1, 3, UUID(int=4711), UUID(int=1)))
FORGED: Final = "A" * 72
CANARIES: Final = (
    PERSON,
    NAME,
    USER,
    PHONE,
    GUESSED,
    REVOKED,
    SIGNED,
    SECRET,
    WRITE_KEY,
    API_KEY,
    quote(PERSON),
    "postgresql:",
)
"""Nothing of this may be written, and in an answer only what the caller sent."""
BEARER: Final = {"Authorization": f"Bearer {API_KEY}", "X-Write-Key": ""}
FORM: Final[dict[str, str]] = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
TRAITS: Final = {"email": PERSON, "first_name": NAME, "phone": PHONE}


def call(**more: object) -> bytes:
    return json.dumps({"type": "identify", "userId": USER, "traits": TRAITS, **more}).encode()


def put(path: str, body: object, headers: dict[str, str]) -> Callable[[Web], Answer]:
    return lambda web: web.send(request(json.dumps(body).encode(), path, headers).replace(b"POST", b"PUT", 1))


# Each: something that goes right or wrong with somebody's data in it.
PROMISE_68: Final[dict[str, Callable[[Web], Answer]]] = {
    "a good call": lambda web: web.post(call(), "/v1/identify"),
    "a batch": lambda web: web.post(b'{"batch":[' + call() + b"]}"),
    "an event of a person": lambda web: web.post(call(type="track", event=f"Called {PHONE}"), "/v1/track"),
    "poison with a name in it": lambda web: web.post(
        b'{"batch":[{"type":"%s","userId":"%s"}]}' % (PERSON.encode(), USER.encode())
    ),
    "a time that is a name": lambda web: web.post(call(timestamp=PERSON), "/v1/identify"),
    "NUL beside a name": lambda web: web.post(call(a="\0"), "/v1/identify"),
    "broken JSON": lambda web: web.post(call()[:-5], "/v1/identify"),
    "a body that is too long": lambda web: web.post(call() + b" " * 5_000_000, "/v1/identify"),
    "a key that was guessed": lambda web: web.post(call(), "/v1/identify", {"X-Write-Key": GUESSED}),
    "a key that was revoked": lambda web: web.post(call(), "/v1/identify", {"X-Write-Key": REVOKED}),
    "a key in the body": lambda web: web.post(call(writeKey=GUESSED), "/v1/identify", {"X-Write-Key": ""}),
    "a key in the address": lambda web: web.get(f"/v1/projects/{GUESSED}/settings"),
    "a key in the query": lambda web: web.get(f"/sourceConfig/?writeKey={GUESSED}", {"X-Write-Key": ""}),
    "a key in a beacon's query": lambda web: web.post(
        call(), f"/beacon/v1/batch?writeKey={GUESSED}", {"X-Write-Key": ""}
    ),
    "consent": put(f"/api/profiles/{USER}/consent", {"topic": "offers", "consent": "granted", "proof": TRAITS}, BEARER),
    "consent to nothing": put(f"/api/profiles/{USER}/consent", {"topic": PERSON, "consent": "granted"}, BEARER),
    "consent by an address": put(
        f"/api/profiles/{quote(PERSON)}/consent", {"topic": "x", "consent": "granted"}, BEARER
    ),
    "consent with a field too many": put(f"/api/profiles/{USER}/consent", {PHONE: NAME}, BEARER),
    "consent with a write key": put(f"/api/profiles/{quote(PERSON)}/consent", {}, {}),
    "consent without a key": put(f"/api/profiles/{quote(PERSON)}/consent", {}, {"X-Write-Key": ""}),
    "a person who is looked for": lambda web: web.get(f"/people?find={quote(PERSON)}"),
    "a page that is not there": lambda web: web.get(f"/people/{quote(PERSON)}"),
    "a link that was signed": lambda web: web.get(f"/u/{SIGNED}"),
    "a link that was forged": lambda web: web.get(f"/u/{FORGED}"),
    "a link's post": lambda web: web.post(b"List-Unsubscribe=One-Click", f"/u/{SIGNED}"),
    "a link by another method": lambda web: web.send(request(b"", f"/u/{SIGNED}").replace(b"POST", b"DELETE", 1)),
    "a click that leads nowhere": lambda web: web.get(f"/c/{SIGNED}/0?email={quote(PERSON)}"),
    "an odd host": lambda web: web.get("/v1/projects/x/settings", {"Host": f"{USER}_<script>"}),
    "an odd user agent": lambda web: web.get(
        f"/u/{SIGNED}", {"User-Agent": NAME, "Referer": f"https://x.example/?e={PERSON}"}
    ),
    "a sign-in": lambda web: web.post(f"key={GUESSED}".encode(), "/sign-in", FORM),
    "metrics": lambda web: web.get("/metrics"),
    "readiness": lambda web: web.get("/readyz"),
}
# What an answer may repeat: the caller said it in this very request, and hears why it is not right.
MAY_REPEAT: Final = {"a time that is a name", "poison with a name in it", "consent with a field too many",
    "a person who is looked for", "consent to nothing"}  # fmt: skip


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    name = f"tamshy_secrets_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    with web(dsn, tmp_path_factory.mktemp("web")) as made:
        with sqlkit.connect(dsn) as conn:
            key = add_key(conn, 1, KeyKind.WRITE, REVOKED, name="r", now=FOUNDED)
            revoke_key(conn, 1, key, now=FOUNDED)
        yield made
    databases.drop(name)


@pytest.mark.parametrize("name", PROMISE_68)
def test_nothing_of_it_is_written(served: Web, name: str) -> None:
    before = len(served.log())
    found = PROMISE_68[name](served)
    assert found.status not in {0, 500}
    leaked = [canary for canary in CANARIES if canary in found.raw.decode(errors="replace")]
    assert name in MAY_REPEAT or leaked == []
    wrote = served.log()[before:]
    assert [canary for canary in CANARIES if canary in wrote] == []


def test_nothing_is_written_while_the_database_is_away(served: Web) -> None:
    """What fails says what failed, and not with whose data."""
    before = len(served.log())
    with sqlkit.connect(served.dsn, autocommit=True) as conn:
        conn.execute("alter table inbox rename to inbox_away")
        try:
            for path in ("/v1/identify", "/v1/track"):
                assert served.post(call(event="E"), path).status == 503
            assert served.get(f"/u/{SIGNED}").status in {404, 503}
        finally:
            conn.execute("alter table inbox_away rename to inbox")
    wrote = served.log()[before:]
    assert "calls were not stored" in wrote
    assert [canary for canary in CANARIES if canary in wrote] == []


def test_metrics_name_nobody(served: Web) -> None:
    served.post(call(), "/v1/identify")
    lines = served.get("/metrics").body.decode()
    assert re.search(r"@|canary|[0-9a-f]{8}-[0-9a-f]{4}", lines) is None


def test_a_command_that_fails_tells_no_secret() -> None:
    around = {
        **os.environ,
        "DATABASE_URL": "postgresql://tamshy:canary-password@127.0.0.1:1/none",
        "TAMSHY_SECRET_KEY": SECRET,
    }
    for words in (["doctor"], ["migrate"], ["key", "list"], ["explain", PERSON]):
        done = subprocess.run(
            [sys.executable, "-m", "tamshy.site.cli", *words], env=around, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert "canary-password" not in done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
