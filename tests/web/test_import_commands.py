"""`import`, `forget` and `takeout`: what they print, what they ask, and their exit codes."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.e2e.seeded_shop import texts, uncompiled

from tamshy import sqlkit
from tamshy.publish import publish
from tamshy.site.cli import main
from tamshy.site.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Databases

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def address(databases: Databases) -> Iterator[str]:
    """Give the DSN of a database with the example shop in it."""
    name = f"tamshy_import_{os.getpid()}"
    dsn = databases.create(name)
    os.environ["DATABASE_URL"], os.environ["TAMSHY_SECRET_KEY"] = dsn, SECRET
    assert main(["migrate"]) == 0
    with sqlkit.connect(dsn) as conn:
        publish(conn, "default", texts(), at=Clock().now(), compile_message=uncompiled)
        conn.commit()
    yield dsn
    del os.environ["DATABASE_URL"], os.environ["TAMSHY_SECRET_KEY"]
    databases.drop(name)


@pytest.fixture
def run(address: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Give what runs a command on that database: exit code, standard output, standard error."""
    assert address

    def ran(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    """Give a file of three lines, one of them no good."""
    path = tmp_path / "contacts.csv"
    path.write_bytes("E-mail;Имя;orders\naia@example.com;Айя;3\nbad@;Б;1\nb@example.com;;2\n".encode("windows-1251"))
    return path


def test_an_import_says_how_it_read_the_file_and_what_it_refused(
    run: Callable[..., tuple[int, str, str]], contacts: Path
) -> None:
    code, said, beside = run("import", "profiles", str(contacts))
    assert code == 1
    assert said.splitlines() == [
        f"{contacts}: CSV with semicolon, windows-1251",
        "columns: E-mail → email, Имя → first_name",
        "types: orders number",
        "3 lines: 2 taken in, 1 refused",
    ]
    assert beside.splitlines() == [
        f"{contacts}:3: `email`: 'bad@' is no address that mail can be sent to; write it like name@shop.example"
    ]
    code, said, _ = run("import", "profiles", str(contacts), "--json")
    assert code == 1
    refused, report = (json.loads(line) for line in said.splitlines())
    assert refused == {
        "line": 3,
        "field": "email",
        "refused": True,
        "text": "'bad@' is no address that mail can be sent to; write it like name@shop.example",
    }
    assert (report["lines"], report["refused"], report["stored"], report["known"]) == (3, 1, 0, 2)
    assert (report["encoding"], report["delimiter"], report["types"]) == ("windows-1251", ";", {"orders": "number"})


def test_products_are_taken_in_and_the_refused_are_told(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "products.csv"
    path.write_text("sku;name;price;stock;interval\n007;Beans;9.5;3;30d\n008;Tea;cheap;1;\n;Cup;2;2;\n")
    code, said, beside = run("import", "products", str(path))
    assert (code, said.splitlines()[-2:]) == (1, ["3 lines: 1 taken in, 2 refused", "products told of: 1"])
    assert beside.splitlines() == [
        f"{path}:3: `price` is a number such as 1200.50, not 'cheap'",
        f"{path}:4: a product needs a `sku`; without one, `category` and `interval` speak of a category",
    ]
    with sqlkit.connect(os.environ["DATABASE_URL"]) as conn:
        rows = conn.execute("select sku, told, price, stock, lasts_days::text from product").fetchall()
    told = {"name": "Beans", "price": 9.5, "stock": 3, "interval": "30d"}
    assert rows == [("007", told, 9.5, 3, "P30D")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("people", "FILE"), "KIND is one of profiles, events, products, suppressions, not 'people'"),
        (("profiles", "nothing.csv"), "nothing.csv does not exist"),
        (("profiles", "FILE", "--topic", "nwes"), "there is no topic 'nwes'; there are"),
        (("profiles", "FILE", "--evidence", "Yes"), "--evidence and --consented-at go together"),
        (("events", "FILE", "--bought"), "--evidence, --consented-at and --bought are for profiles"),
        (("profiles", "FILE", "--types", "orders=int"), "--types 'orders=int': write COLUMN=TYPE with one of text"),
        (("profiles", "FILE", "--as-of", "then"), "--as-of then is no moment"),
        (("profiles", "EMPTY"), "is empty"),
    ],
)
def test_what_cannot_be_done_is_said_and_is_2(
    run: Callable[..., tuple[int, str, str]], contacts: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "empty.csv").touch()
    named = {"FILE": str(contacts), "EMPTY": str(tmp_path / "empty.csv")}
    code, said, beside = run("import", *(named.get(one, one) for one in arguments))
    assert (code, said) == (2, "")
    assert says in beside


def test_a_database_that_is_not_there_is_3(
    run: Callable[..., tuple[int, str, str]], contacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert run("import", "profiles", str(contacts))[0] == 3


def work(address: str) -> None:
    """Let what has arrived be taken in, as a worker would."""
    from tests.engine.living import HandClock, links  # noqa: PLC0415

    from tamshy.render.children import InProcess  # noqa: PLC0415
    from tamshy.worker import Worker  # noqa: PLC0415

    Worker(address, "one", HandClock(Clock().now()), InProcess(), links, lambda seconds: seconds > 0).serve()


def test_a_person_is_taken_out_and_forgotten_and_stays_forgotten(
    run: Callable[..., tuple[int, str, str]], address: str, contacts: Path
) -> None:
    run("import", "profiles", str(contacts))
    work(address)
    code, said, _ = run("takeout", "AIA@example.com")
    assert code == 0
    (person,) = json.loads(said)["people"]
    assert person["held"]["profile"][0]["properties"]["first_name"] == "Айя"
    assert set(person["held"]) == {"profile", "identifier"}
    code, said, _ = run("forget", "aia@example.com", "--json")
    assert code == 0
    told = json.loads(said)
    assert told["rows"] == {"identifier": 1, "profile": 1}
    assert (told["enrollments_ended"], told["deliveries_withdrawn"], told["addresses_kept_as_hash"]) == (0, 0, 1)
    code, said, _ = run("forget", "aia@example.com")
    assert (code, said[:18]) == (0, "erased already, on")
    code, _, beside = run("takeout", "aia@example.com")
    assert code == 1
    assert "a keyed hash of it is all that is held" in beside
    code, _, beside = run("forget", "nobody@example.com")
    assert code == 1
    assert "nobody goes by 'nobody@example.com'" in beside
    with sqlkit.connect(address) as conn:
        assert conn.execute("select count(*) from profile where address = 'aia@example.com'").fetchone() == (0,)


def at_terminal(*arguments: str, answer: str = "") -> tuple[int, str]:
    """Run a command at a terminal: exit code and what stood on it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tamshy.site.cli", *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        assert ready, seen
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if answer and b"[y/N]" in seen:
            os.write(ours, f"{answer}\n".encode())
            answer = ""
    os.close(ours)
    return process.wait(), seen.decode()


def test_at_a_terminal_it_asks_before_it_erases_and_shows_how_far_a_file_is(address: str, contacts: Path) -> None:
    code, seen = at_terminal("import", "profiles", str(contacts))
    assert code == 1
    assert "██████████████████████████████ 100%  3 lines, 0 s left" in seen
    work(address)
    code, seen = at_terminal("forget", "aia@example.com", answer="n")
    assert code == 1
    assert "Erase this person for good? Nothing brings them back. [y/N]" in seen
    with sqlkit.connect(address) as conn:
        assert conn.execute("select count(*) from profile").fetchone() == (2,)
    code, _ = at_terminal("forget", "aia@example.com", answer="y")
    assert code == 0
    code, _ = at_terminal("forget", "b@example.com", "--yes")
    assert code == 0
    with sqlkit.connect(address) as conn:
        assert conn.execute("select count(*) from profile").fetchone() == (0,)
