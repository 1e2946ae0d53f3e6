"""The commands: what they print, what they change, and their exit codes."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests.e2e.seeded_shop import seed

from tamshy import sqlkit
from tamshy.site.cli import main, parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "shop"
REFERENCE = ROOT / "docs" / "reference" / "commands.md"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def address(databases: Databases) -> Iterator[str]:
    """Give the DSN of an empty database of this module's own."""
    name = "tamshy_commands"
    yield databases.create(name)
    databases.drop(name)


@pytest.fixture
def run(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give what runs a command on that database: exit code, standard output, standard error."""
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", SECRET)

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


@pytest.fixture
def migrated(run: Callable[..., tuple[int, str, str]], address: str) -> Callable[..., tuple[int, str, str]]:
    """Give `run` with the tables and the first workspace there, and nothing published."""
    assert run("migrate")[0] == 0
    with sqlkit.connect(address) as conn:
        conn.execute(
            "truncate flow_version, flow, message_version, publication, definition, enrollment, journal cascade"
        )
        conn.execute("delete from workspace where id > 1")
    return run


def commands() -> dict[str, argparse.ArgumentParser]:
    (sub,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(sub.choices)


def test_every_command_and_option_is_documented() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert re.findall(r"^## tamshy (\w+)$", text, re.MULTILINE) == list(commands_in_order())
    for name, each in commands().items():
        part = text.split(f"## tamshy {name}\n")[1].split("\n## ")[0]
        for action in each._actions:
            for option in action.option_strings:
                if option.startswith("--") and option not in {"--help", "--json", "--workspace", "--data"}:
                    assert option in part, f"{name} {option}"


def commands_in_order() -> list[str]:
    order = [
        "demo",
        "serve",
        "web",
        "worker",
        "migrate",
        "check",
        "plan",
        "apply",
        "export",
        "test",
        "simulate",
        "backtest",
        "explain",
        "report",
        "segment",
        "aside",
        "uncertain",
        "import",
        "forget",
        "takeout",
        "key",
        "enroll",
        "pause",
        "resume",
        "hold",
        "confirm",
        "backup",
        "restore",
        "doctor",
        "recipes",
        "add",
        "bench",
    ]
    assert sorted(order) == sorted(commands())
    return order


def test_check_starts_without_web_server_and_database() -> None:
    code = (
        "import sys; from tamshy.site.cli import main; code = main(['check', sys.argv[1]]);"
        "print(sorted({'django', 'psycopg', 'granian'} & set(sys.modules)), code)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TAMSHY_")}
    said = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLE)], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert said.splitlines()[-1] == "[] 0"


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["chekc"], ["check"], ["serve", "--workers", "0"], ["simulate", "x"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2
    assert "usage: tamshy" in capsys.readouterr().err


def test_check_names_every_problem_with_its_place(run: Any, tmp_path: Path) -> None:  # noqa: ANN401
    code, said, _ = run("check", str(EXAMPLE))
    assert (code, said) == (0, f"{EXAMPLE} is good: 4 flows, 9 messages\n")
    shutil.copytree(EXAMPLE, tmp_path / "shop")
    (tmp_path / "shop" / "tamshy.yaml").write_text("nmae: Shop\n")
    code, said, _ = run("check", str(tmp_path / "shop"))
    assert code == 1
    assert "tamshy.yaml:1:1: " in said
    assert "did you mean" in said
    code, said, _ = run("check", "--json", str(tmp_path / "shop"))
    assert (code, len(json.loads(said)["problems"]) > 0) == (1, True)


def test_a_folder_that_is_not_there_is_wrong_input(run: Any) -> None:  # noqa: ANN401
    code, _, said = run("check", "nowhere")
    assert (code, "does not exist" in said) == (2, True)


def test_an_unknown_setting_is_wrong_use(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setenv("TAMSHY_DATAA", "x")
    code, _, said = run("key", "list")
    assert (code, said) == (
        2,
        "tamshy key: the environment: unknown setting TAMSHY_DATAA (did you mean TAMSHY_DATA?)\n",
    )


def test_a_database_that_does_not_answer_is_3(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    code, _, said = run("key", "list")
    assert code == 3
    assert said.startswith("tamshy key: PostgreSQL does not answer at 127.0.0.1, port 1")


def test_migrate_makes_the_first_workspace_and_shows_its_keys_once(
    run: Any,  # noqa: ANN401
    address: str,
) -> None:
    with sqlkit.connect(address, autocommit=True) as conn:
        conn.execute("drop schema public cascade")
        conn.execute("create schema public")
    code, said, _ = run("migrate", "--json")
    first = json.loads(said)
    assert code == 0
    assert first["applied"][0] == "0001_engine.sql"
    assert first["keys"]["write"].startswith("tamshy_write_")
    assert first["keys"]["api"].startswith("tamshy_api_")
    assert json.loads(run("migrate", "--json")[1]) == {"applied": [], "keys": {}}
    with sqlkit.connect(address) as conn:
        assert conn.execute("select id, name, buckets from workspace").fetchall() == [(1, "default", 64)]
        assert conn.execute("select count(*) > 1000 from zone_span").fetchone() == (True,)
        dump = str(conn.execute("select * from api_key").fetchall())
    assert first["keys"]["write"] not in dump


def test_keys_are_made_listed_and_revoked(migrated: Any) -> None:  # noqa: ANN401
    made = json.loads(migrated("key", "add", "write", "--name", "page", "--json")[1])
    assert made["key"].startswith("tamshy_write_")
    listed = [json.loads(line) for line in migrated("key", "--json", "list")[1].splitlines()]
    (mine,) = (one for one in listed if one["id"] == made["id"])
    assert (mine["kind"], mine["name"], mine["revoked_at"]) == ("write", "page", None)
    assert made["key"] not in str(listed)
    assert migrated("key", "revoke", made["id"])[0] == 0
    assert migrated("key", "revoke", made["id"])[0] == 1
    assert migrated("key", "revoke", "nonsense")[0] == 2
    (mine,) = (
        one for one in map(json.loads, migrated("key", "--json", "list")[1].splitlines()) if one["id"] == made["id"]
    )
    assert mine["revoked_at"] is not None


def test_the_secrets_of_webhooks_are_shown_the_newest_first(
    migrated: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (alone,) = migrated("key", "webhooks")[1].split()
    assert alone.startswith("whsec_")
    monkeypatch.setenv("TAMSHY_SECRET_KEY", f"{'n' * 32},{SECRET}")
    told = json.loads(migrated("key", "webhooks", "--json")[1])
    assert told["before"] == [alone]
    assert told["secret"] not in {alone, ""}


def test_another_workspace_than_there_is_is_named(migrated: Any) -> None:  # noqa: ANN401
    code, _, said = migrated("key", "--workspace", "elsewhere", "list")
    assert (code, said) == (2, "tamshy key: there is no workspace 'elsewhere'; known are default\n")


def test_what_is_applied_is_exported_byte_for_byte_and_plan_finds_no_difference(
    migrated: Any,  # noqa: ANN401
    tmp_path: Path,
) -> None:
    code, said, _ = migrated("plan", str(EXAMPLE), "--json")
    assert code == 0
    assert {change["kind"] for change in json.loads(said)["changes"]} >= {"added"}
    code, said, _ = migrated("apply", "--json", str(EXAMPLE))
    assert (code, len(json.loads(said)["flows"]), len(json.loads(said)["messages"])) == (0, 4, 9)
    assert json.loads(migrated("plan", str(EXAMPLE), "--json")[1]) == {
        "changes": [],
        "moves": [],
        "segments": [],
        "broadcasts": [],
    }
    assert migrated("apply", str(EXAMPLE))[1] == "nothing has changed\n"
    code, said, _ = migrated("export", "--json", str(tmp_path / "out"))
    files = json.loads(said)["files"]
    assert code == 0
    for path in files:
        assert (tmp_path / "out" / path).read_bytes() == (EXAMPLE / path).read_bytes()
    assert migrated("plan", str(tmp_path / "out"))[1] == "nothing would change\n"


def test_what_has_problems_is_not_applied_at_all(migrated: Any, tmp_path: Path, address: str) -> None:  # noqa: ANN401
    shutil.copytree(EXAMPLE, tmp_path / "shop")
    flow = next((tmp_path / "shop" / "flows").iterdir())
    flow.write_text(flow.read_text() + "nonsense: 1\n")
    code, _, said = migrated("apply", str(tmp_path / "shop"))
    assert code == 1
    assert f"flows/{flow.name}:" in said
    with sqlkit.connect(address) as conn:
        assert conn.execute("select count(*) from definition").fetchone() == (0,)


def test_explain_says_when_nobody_goes_by_a_name(migrated: Any) -> None:  # noqa: ANN401
    code, _, said = migrated("explain", "nobody")
    assert (code, "nobody goes by 'nobody'" in said) == (1, True)


def test_doctor_says_what_is_not_good_and_what_to_do(migrated: Any) -> None:  # noqa: ANN401
    code, said, _ = migrated("doctor", "--json")
    findings = {one["about"]: one for one in map(json.loads, said.splitlines())}
    assert {name: one["good"] for name, one in findings.items()} == {
        "versions": True,
        "secret key": True,
        "disk": True,
        "database": True,
        "durability": False,
        "encoding": True,
        "clock": True,
        "tables": True,
        "installation": True,
        "workers": False,
        "waiting": True,
        "set aside": True,
        "uncertain": True,
        "sending domains": True,
        "outgoing": True,
        "errands": True,
        "mail": True,
        "base url": False,
    }
    assert code == 1
    assert "TAMSHY_BASE_URL" in findings["base url"]["mend"]


def test_web_and_worker_need_a_database_of_their_own(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.delenv("DATABASE_URL")
    for command in ("web", "worker"):
        code, _, said = run(command)
        assert (code, "needs DATABASE_URL" in said) == (2, True)


def test_explain_tells_what_was_decided_and_what_comes_next(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = databases.create("tamshy_explained", databases.template)
    with sqlkit.connect(dsn) as conn:
        people = {name: str(profile) for name, (_, profile) in seed(conn).people.items()}
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", SECRET)
    try:
        lines = []
        for profile in people.values():
            assert main(["explain", profile, "--json"]) == 0
            lines += [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert main(["explain", people["aia"]]) == 0
        told = capsys.readouterr().out
        assert main(["explain", people["aia"], "--flow", "no-such-flow", "--json"]) == 1
        assert "there is no flow 'no-such-flow'; there are" in capsys.readouterr().err
    finally:
        databases.drop("tamshy_explained")
    assert {line["kind"] for line in lines} >= {"profile", "enrollment", "message", "ahead"}
    for line in lines:
        if line["kind"] == "message" and line["outcome"] != "sent":
            assert line["reason"]
        if line["kind"] == "ahead":
            assert line["step"]
            assert line.get("at", "later") >= line["entered_at"]
    assert told.startswith("aia@example.com: times of Asia/Almaty")
    assert f"  profile {people['aia']}" in told
    assert "\nWhat happened\n" in told


LOOKING = (
    ("check", str(EXAMPLE)),
    ("plan", str(EXAMPLE)),
    ("test", str(EXAMPLE), "browse-one-look"),
    ("simulate", str(EXAMPLE), "--events", "EVENTS"),
    ("export", "OUT"),
    ("explain", "aia"),
    ("takeout", "aia"),
    ("uncertain",),
    ("aside",),
    ("key", "list"),
    ("resume", "abandoned-cart", "--dry-run"),
    ("segment",),
    ("confirm", "--dry-run"),
    ("doctor",),
)


def test_what_only_looks_changes_no_row(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Promise 27: trying things out beside real people, on their very database, touches nothing of theirs."""
    events = tmp_path / "events.jsonl"
    browsed = {"type": "track", "userId": "aia", "event": "Checkout Started", "timestamp": "2026-03-02T09:00:00Z"}
    events.write_text(json.dumps({**browsed, "properties": {"cart_id": "c1", "value": 120}}) + "\n")
    dsn = databases.create("tamshy_looked_at", databases.template)
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", SECRET)
    try:
        with sqlkit.connect(dsn) as conn:
            seed(conn)
            conn.commit()
            before = everything(conn)
            assert sum(map(len, before.values())) > 100
            for command in LOOKING:
                given = [{"EVENTS": str(events), "OUT": str(tmp_path / "out")}.get(word, word) for word in command]
                # There is nothing to be said of some of it, and nobody works: that is told by the exit code.
                assert main(given) in {0, 1}, (command, capsys.readouterr().err)
                capsys.readouterr()
                assert everything(conn) == before, command
    finally:
        databases.drop("tamshy_looked_at")


def everything(conn: sqlkit.Connection) -> dict[str, list[str]]:
    """Give all rows of all tables, of every schema."""
    names = conn.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    ).fetchall()
    found = {
        name: sorted(row[0] for row in conn.execute(f"select t::text from {name} t".encode())) for (name,) in names
    }
    conn.rollback()
    return found


def test_who_is_set_aside_is_told_and_let_in_again(migrated: Callable[..., tuple[int, str, str]], address: str) -> None:
    one, two = UUID(int=1), UUID(int=2)
    with sqlkit.connect(address) as conn:
        conn.execute(
            "insert into set_aside (bucket, profile, since, tries, until, error)"
            " select b.at, b.profile, %(at)s, b.at, b.until, 'DataError: odd' from"
            " (values (2, %(one)s::uuid, timestamptz '2026-03-02 09:05Z'), (3, %(two)s, 'infinity')) b (at, profile, until)",
            {"at": datetime(2026, 3, 2, 9, tzinfo=UTC), "one": one, "two": two},
        )
    try:
        code, told, _ = migrated("aside")
        since = "since 2026-03-02T09:00:00+00:00"
        assert (code, told.splitlines()) == (
            0,
            [
                f"{one}  {since}, failed 2 times, tried again at 2026-03-02T09:05:00+00:00: DataError: odd",
                f"{two}  {since}, failed 3 times, waits for you: DataError: odd",
            ],
        )
        said = [json.loads(line) for line in migrated("aside", "--json")[1].splitlines()]
        assert [(row["profile"], row["until"]) for row in said] == [
            (str(one), "2026-03-02T09:05:00+00:00"),
            (str(two), None),
        ]
        assert migrated("aside", "--let-in", "u1")[::2] == (
            2,
            "tamshy aside: 'u1' is no profile's own id; `tamshy aside` shows them, or say `all`\n",
        )
        assert migrated("aside", "--let-in", str(one))[:2] == (0, "let in again: 1\n")
        assert migrated("aside", "--let-in", str(one))[:2] == (1, "let in again: 0\n")
        assert migrated("aside", "--let-in", "all")[:2] == (0, "let in again: 1\n")
        assert migrated("aside")[:2] == (0, "nobody is set aside\n")
    finally:
        with sqlkit.connect(address) as conn:
            conn.execute("delete from set_aside")
