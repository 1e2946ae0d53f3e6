"""The whole edge as it is put together in life, in this process, over a seeded shop and another beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import django
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
django.setup()

from django.test import Client  # noqa: E402 - wants settings first
from tests.e2e.seeded_shop import NOW, Seeded, seed  # noqa: E402
from tests.hostile.served import SECRET  # noqa: E402

from tamshy import sqlkit  # noqa: E402
from tamshy.accounts import KeyKind, add_key  # noqa: E402
from tamshy.domain.token import Purpose, Signer, Subject  # noqa: E402
from tamshy.site.composition import parts, wire_web  # noqa: E402
from tamshy.site.configuration import Configuration  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from tests.conftest import Databases

KEYS: Final = {
    "write": "tamshy_write_of_the_hostile_tests",
    "api": "tamshy_api_of_the_hostile_tests",
    "revoked": "tamshy_write_that_was_revoked",
    "other": "tamshy_write_of_another_workspace",
    "other_api": "tamshy_api_of_another_workspace",
}
SIGNER: Final = Signer([SECRET])
LINKS: Final = ("https://shop.example/a", "https://shop.example/b?x=1&y=2")


@dataclass
class Site:
    """All routes, called as the web server calls them; `dsn` is the database behind them."""

    dsn: str
    seeded: Seeded
    client: Client

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request; the body is called JSON unless a header says otherwise."""
        kind = headers.pop("content_type", "application/json")
        self.client.raise_request_exception = False
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found = self.client.generic(method, path, body, kind, headers=named)
        if found.streaming:
            found.close()
        return found

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Look into the database."""
        with sqlkit.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(statement.encode()).fetchall()

    def subject(self, user: str = "aia", message: str = "welcome") -> Subject:
        """Whose one of the seeded mails is."""
        bucket, profile = self.seeded.people[user]
        return Subject(1, bucket, profile, self.seeded.messages[user, message])

    def path(self, purpose: Purpose, token: str | None = None) -> str:
        """The address of one kind, with a good token unless another is given."""
        token = SIGNER.token(purpose, self.subject()) if token is None else token
        return {
            Purpose.OPEN: f"/o/{token}.gif",
            Purpose.CLICK: f"/c/{token}/0",
            Purpose.UNSUBSCRIBE: f"/u/{token}",
            Purpose.VIEW: f"/m/{token}",
            Purpose.PREFERENCES: f"/prefs/{token}",
            Purpose.CONFIRM: f"/confirm/{token}",
        }[purpose]

    def held(self) -> dict[str, int]:
        """How many rows each table holds that a request from outside could change."""
        names = (
            "inbox",
            "consent",
            "engagement",
            "suppression",
            "message",
            "delivery",
            "api_key",
            "definition",
            "profile",
        )
        return {name: int(str(self.rows(f"select count(*) from {name}")[0][0])) for name in names}


@pytest.fixture(scope="module")
def site(databases: Databases, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A shop in the middle of its day with all its routes, and a second workspace that is none of its business."""
    name = f"tamshy_{request.module.__name__.rpartition('.')[2]}_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    with sqlkit.connect(dsn) as conn:
        seeded = seed(conn)
        conn.execute("insert into workspace (id, name, first_bucket, buckets) values (2, 'other', 64, 64)")
        for number, kind, key in (
            (1, KeyKind.WRITE, "write"),
            (1, KeyKind.API, "api"),
            (1, KeyKind.WRITE, "revoked"),
            (2, KeyKind.WRITE, "other"),
            (2, KeyKind.API, "other_api"),
        ):
            made = add_key(conn, number, kind, KEYS[key], name=key, now=NOW)
            if key == "revoked":
                conn.execute("update api_key set revoked_at = %s where id = %s", [NOW, made])
        conn.execute("update content set links = %s", [f'["{LINKS[0]}", "{LINKS[1]}"]'])
        # Requests of forms, by the ids that the mails have: a link that confirms may be old, so they are of today.
        conn.execute(
            "insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)"
            " select bucket, profile, id, 'Subscription Requested', %(now)s, %(now)s, 1, %(said)s, '{}' from message",
            {"now": datetime.now(tz=UTC), "said": '{"address": "aia@example.com", "topics": ["news"]}'},
        )
        conn.commit()
    close = wire_web(parts(Configuration(database_url=dsn, secret_key=SECRET)))
    yield Site(dsn, seeded, Client(enforce_csrf_checks=True))
    close()
    databases.drop(name)
