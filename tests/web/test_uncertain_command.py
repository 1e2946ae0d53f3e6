"""`tamshy uncertain`: lists what waits for a word, and takes it."""

from __future__ import annotations

import getpass
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import LINK, NOON, in_doubt, put, workspace

from tamshy.site.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy import sqlkit


@pytest.fixture
def run(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give what runs a command: exit code, standard output, standard error."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", "0123456789abcdef0123456789abcdef")
    monkeypatch.setattr(getpass, "getuser", lambda: "zere")

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = main(["uncertain", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


@pytest.fixture
def ids(db: sqlkit.Connection) -> list[str]:
    """Three messages in doubt."""
    workspace(db)
    found = in_doubt(db, 3)
    db.commit()
    return [str(id_) for id_ in found]


def states(db: sqlkit.Connection) -> list[tuple[str, str | None]]:
    db.rollback()
    return db.execute(
        "select d.state, s.by from delivery d left join settlement s using (bucket, profile, message) order by d.claimed_at"
    ).fetchall()


def test_nothing_lost_is_said_too(run: Callable[..., tuple[int, str, str]], db: sqlkit.Connection) -> None:
    workspace(db)
    db.commit()
    assert run() == (0, "nothing waits for a word of yours: no answer was lost, and no sending domain is paused\n", "")
    assert run("--json") == (0, "", "")
    assert run("sent", "all") == (0, "0 marked as sent\n", "")


def test_the_list_says_all_that_is_known(run: Callable[..., tuple[int, str, str]], ids: list[str]) -> None:
    code, out, _ = run()
    assert code == 0
    assert out.splitlines()[:5] == [
        f'{ids[0]}  p0@example.com  "You left something" (abandoned-cart, cart-reminder, marketing)',
        (
            "    hand-over 1 began 2026-03-02 12:00:01 UTC, in doubt since 2026-03-02 12:01:00 UTC: "
            "everything was said, and the answer did not come"
        ),
        "    heard last: timed out",
        f"    on {LINK}, by mx1/77",
        "    not sent again after 2026-03-03 12:00:00 UTC",
    ]
    rows = [json.loads(line) for line in run("--json")[1].splitlines()]
    assert [row["id"] for row in rows] == ids
    assert (rows[0]["to"], rows[0]["connection"], rows[0]["begun_at"]) == (
        "p0@example.com",
        LINK,
        "2026-03-02T12:00:01+00:00",
    )


def test_words_are_taken_once_and_signed(
    run: Callable[..., tuple[int, str, str]], ids: list[str], db: sqlkit.Connection
) -> None:
    assert run("resend", ids[0]) == (0, "1 to be sent again\n", "")
    assert run("sent", ids[1], ids[2])[:2] == (0, "2 marked as sent\n")
    assert states(db) == [(state, "zere (command line)") for state in ("queued", "sent", "sent")]
    code, out, _ = run("sent", ids[0])
    assert (code, out.splitlines()[1]) == (0, "0 marked as sent")
    assert out.startswith(f"{ids[0]}: zere (command line) said resend at ")
    (row,) = [json.loads(line) for line in run("sent", ids[0], "--json")[1].splitlines()]
    assert (row["did"], row["anew"]) == ("resend", False)
    assert [state for state, _ in states(db)] == ["queued", "sent", "sent"]


def test_all_is_all(run: Callable[..., tuple[int, str, str]], ids: list[str], db: sqlkit.Connection) -> None:
    assert len(ids) == 3
    assert run("resend", "all") == (0, "3 to be sent again\n", "")
    assert [state for state, _ in states(db)] == ["queued"] * 3


def test_an_id_that_is_none_of_ours_is_told(run: Callable[..., tuple[int, str, str]], ids: list[str]) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    code, out, err = run("sent", missing, ids[0])
    assert (code, out) == (1, "1 marked as sent\n")
    assert err == f"{missing}: was never uncertain here; `tamshy uncertain` lists those that are\n"
    code, _, err = run("sent", "x")
    assert code == 2
    assert "'x' is no message's id, and not `all`" in err


def test_a_paused_domain_is_listed_and_resumed(
    run: Callable[..., tuple[int, str, str]], ids: list[str], db: sqlkit.Connection
) -> None:
    at = NOON + timedelta(hours=1)
    put(db, "paused_domain", workspace=1, domain="shop.example", paused_at=at, reply="550 5.7.1 no", message=ids[0])
    db.commit()
    assert run()[1].splitlines()[-2:] == [
        "shop.example  paused since 2026-03-02 13:00:00 UTC: 550 5.7.1 no",
        "    mend what it names, then: tamshy uncertain resume shop.example",
    ]
    assert run("resume", "shop.example") == (0, "shop.example: goes on\n", "")
    assert run("resume", "shop.example") == (1, "", "shop.example is not paused; paused are: none\n")
    db.rollback()
    assert db.execute("select resumed_by from paused_domain").fetchall() == [("zere (command line)",)]
