"""Who looks at a shopper's mail on the staff's page, and follows its links, changes nothing of the shopper's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import django
import pytest
from django.test import Client, override_settings
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace

from tamshy import sqlkit
from tamshy.domain.token import Signer, Subject, make_links
from tamshy.panel import wiring
from tamshy.panel.letters import as_seen_by_staff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from tamshy.sqlkit import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
django.setup()

LINKS = ("https://shop.example/a?x=1&y=2", "https://shop.example/b")
HOST = "https://mail.shop.example/tamshy"


def letter(profile: UUID, message: UUID) -> str:
    made = make_links(Signer([SECRET]), HOST, Subject(1, BUCKET, profile, message))
    return (
        f'<img src="{made.open_url}" width="1" height="1" alt=""><a href="{made.click_base}/0">A</a>'
        f'<a href="{made.click_base}/1">B</a><a href="{made.click_base}/7">?</a><a href="{made.unsubscribe_url}">U</a>'
        f'<a href="{made.preferences_url}">P</a><a href="{made.view_url}">V</a><a href="https://shop.example/c/x/1">C</a>'
    )


def everything(db: Connection) -> dict[str, list[object]]:
    """Give all rows of all tables."""
    db.rollback()
    names = [name for (name,) in db.execute("select tablename from pg_tables where schemaname = 'public' order by 1")]
    return {name: [str(row) for row in db.execute(f"select * from {name} order by 1".encode())] for name in names}


@pytest.fixture
def django_client() -> Iterator[Client]:
    """Give a browser of the staff."""
    with override_settings(ROOT_URLCONF="tamshy.panel.urls", ALLOWED_HOSTS=["*"], MIDDLEWARE=[]):
        yield Client()


@pytest.mark.parametrize("leaves", [True, False])
def test_looking_at_a_mail_and_following_its_links_changes_no_row(
    db: Connection, dsn: str, django_client: Client, *, leaves: bool
) -> None:
    pool = sqlkit.pool(dsn, largest=2)
    wiring.install(wiring.Wiring(pool.connection, lambda: NOON, mail_leaves=leaves))
    workspace(db, "name: Qumyra\n")
    db.execute("insert into publication values (1, 1, %s, '{}')", [NOON])
    profile = person(db, "aia")
    message = sent_message(db, profile, links=LINKS, delivery={"state": "sent", "settled_at": NOON})
    db.execute("update content set html = %s", [letter(profile, message)])
    db.commit()
    before = everything(db)
    path = f"/mails/{BUCKET}/{profile}/{message}"
    assert django_client.get(path).status_code == 200
    shown = django_client.get(f"{path}/frame").content.decode()
    assert everything(db) == before
    pool.close()
    assert "/o/" not in shown
    assert (HOST in shown) is not leaves
    if leaves:
        assert shown == (
            '<a href="https://shop.example/a?x=1&amp;y=2">A</a><a href="https://shop.example/b">B</a><a href="#">?</a>'
            '<a href="#">U</a><a href="#">P</a><a href="#">V</a><a href="https://shop.example/c/x/1">C</a>'
        )


def test_a_destination_cannot_break_out_of_its_link() -> None:
    html = f'<a href="{HOST}/c/{"A" * 72}/0">x</a>'
    assert as_seen_by_staff(html, ['https://x/"><script>'], leaves=True) == (
        '<a href="https://x/&quot;&gt;&lt;script&gt;">x</a>'
    )
