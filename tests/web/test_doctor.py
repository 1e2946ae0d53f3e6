"""What `doctor` finds of mail servers and names, and which databases nobody starts on."""

from __future__ import annotations

import base64
import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo
from tests.engine.scripted_smtp import NONSENSE, scripted

from tamshy import sqlkit
from tamshy.site.cli import main
from tamshy.site.commands.mailing import domains, mail_server
from tamshy.site.configuration import Configuration
from tamshy.site.names import NoAnswer, name_server, takes_mail, texts
from tamshy.site.soundness import UnsoundDatabase, faults, refuse_unsound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Databases

SOUND = "tamshy.passing=off"


# -- databases ----------------------------------------------------------------------------------------------------------------


def with_options(dsn: str, *settings: str) -> str:
    return make_conninfo(**{**sqlkit.dsn_parts(dsn), "options": " ".join(f"-c {setting}" for setting in settings)})


@pytest.fixture(scope="module")
def server_that_lasts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server that is meant to last, with tables in its first database."""
    with sqlkit.EmbeddedServer.open(tmp_path_factory.mktemp("lasting"), named=False, durable=True) as server:
        with sqlkit.connect(server.dsn) as conn:
            sqlkit.migrate(conn, "tamshy.schema.sql")
            conn.commit()
        yield server.dsn


@pytest.fixture
def lasting(server_that_lasts: str) -> Iterator[str]:
    """Give a database of this test's own on that server."""
    name = "a_tests_own"
    with sqlkit.connect(sqlkit.dsn_of(server_that_lasts, "postgres"), autocommit=True) as conn:
        conn.execute("create database a_tests_own template tamshy")
        yield sqlkit.dsn_of(server_that_lasts, name)
        sqlkit.drop_database(conn, name)


def test_a_database_that_lasts_is_taken(lasting: str) -> None:
    refuse_unsound(lasting, accepted=False)
    with sqlkit.connect(lasting) as conn:
        assert conn.execute("select count(*) from worker").fetchone() == (0,)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("synchronous_commit=off", "synchronous_commit is off: a crash loses calls that were answered with 200"),
        ("default_transaction_read_only=on", "it is a stand-by or read-only: give the address of the primary"),
    ],
)
def test_one_that_may_lose_calls_or_cannot_be_written_to_is_refused(lasting: str, setting: str, words: str) -> None:
    with pytest.raises(UnsoundDatabase, match=words):
        refuse_unsound(with_options(lasting, setting), accepted=False)
    refuse_unsound(with_options(lasting, setting), accepted=True)


def test_one_behind_which_a_copy_lags_is_refused(lasting: str) -> None:
    """What is written goes to the table, what is read comes from an older copy of it, as behind some proxies."""
    with sqlkit.connect(lasting) as conn:
        conn.execute("create schema lagging")
        conn.execute("create table lagging.older as select * from public.worker")
        conn.execute("create view lagging.worker as select * from lagging.older")
        conn.execute(
            "create rule writing as on insert to lagging.worker do instead insert into public.worker values (new.owner, new.until)"
        )
        conn.execute(
            "create rule wiping as on delete to lagging.worker do instead delete from public.worker where owner like 'mark/%'"
        )
    with pytest.raises(UnsoundDatabase, match="what was written is not there when it is read"):
        refuse_unsound(with_options(lasting, "search_path=lagging,public"), accepted=False)


def test_a_throwaway_server_is_exempt_and_known_for_what_it_is(dsn: str) -> None:
    refuse_unsound(dsn, accepted=False)
    with pytest.raises(
        UnsoundDatabase, match=r"fsync is off.*; full_page_writes is off.*--accept-loss starts regardless"
    ):
        refuse_unsound(with_options(dsn, SOUND), accepted=False)
    with sqlkit.connect(dsn, autocommit=True) as conn:
        assert [fault.partition(":")[0] for fault in faults(conn)] == [
            "fsync is off",
            "synchronous_commit is off",
            "full_page_writes is off",
        ]


@pytest.mark.parametrize("command", ["serve", "web", "worker"])
def test_no_part_begins_on_one(
    command: str, databases: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", with_options(databases.admin, SOUND))
    monkeypatch.setenv("TAMSHY_SECRET_KEY", "0123456789abcdef0123456789abcdef")
    assert main([command]) == 2
    assert "the database is not one to rely on: fsync is off" in capsys.readouterr().err


# -- the mail server ------------------------------------------------------------------------------------------------------------


def settings(port: int, extra: str = "", user: str = "") -> Configuration:
    return Configuration(smtp_url=f"smtp://{user}127.0.0.1:{port}{extra}", base_url="https://shop.example")


def test_a_mail_server_is_greeted_and_left_and_nothing_is_sent() -> None:
    with scripted(lambda command, _: "250 ok" if command == "noop" else None) as server:
        found = mail_server(settings(server.port))
    assert (found.good, found.found) == (True, f"127.0.0.1, port {server.port}: greeted, ready")
    assert server.taken == []
    assert not any(line.upper().startswith(("MAIL", "RCPT", "DATA")) for line in server.said)


def test_a_server_that_refuses_to_sign_in_is_told_with_the_mend_and_without_the_password() -> None:
    def script(command: str, _line: str) -> str | None:
        return {"ehlo": "250-sink\r\n250 AUTH PLAIN LOGIN", "auth": "535 5.7.8 no"}.get(command)

    with scripted(script) as server:
        found = mail_server(settings(server.port, "?starttls=0", "shop:hunter2canary@"))
        secret = base64.b64encode(b"\0shop\0hunter2canary").decode()
        assert any(secret in line for line in server.said)
    assert not found.good
    assert found.found == f"127.0.0.1, port {server.port}: greeted; it refuses to sign in (535)"
    assert "hunter2canary" not in found.found + found.mend


def test_a_server_without_starttls_or_with_a_foreign_certificate_is_told() -> None:
    with scripted() as server:
        found = mail_server(settings(server.port, "?starttls=1"))
        assert not found.good
        assert ": greeted; STARTTLS extension not supported by server" in found.found
    agreed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with scripted(lambda command, _: NONSENSE if command == "starttls" else None, tls=agreed) as server:
        found = mail_server(settings(server.port, "?starttls=1"))
        assert not found.good
        assert "greeted; TLS fails" in found.found


def test_what_is_no_mail_server_is_told() -> None:
    with scripted(lambda command, _: "HTTP/1.0 400 what" if command == "connect" else None) as server:
        found = mail_server(settings(server.port))
    assert (found.good, "does not greet like a mail server" in found.found) == (False, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = mail_server(settings(port))
    assert (found.good, "refused" in found.found) == (False, True)


# -- names ----------------------------------------------------------------------------------------------------------------------


class Names:
    """A name server on this machine that knows what it is told."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], list[bytes]] = {}
        self.asked: list[str] = []
        self.silent = False
        self.cut = False
        self.nonsense = False

    def text(self, name: str, *words: str) -> None:
        for word in words:
            raw = word.encode()
            parts = [raw[at : at + 255] for at in range(0, len(raw), 255)]
            self.known.setdefault((name, 16), []).append(b"".join(bytes([len(part)]) + part for part in parts))

    def mail(self, name: str) -> None:
        self.known[name, 15] = [struct.pack("!H", 10) + b"\x02mx\xc0\x0c"]

    def answer(self, query: bytes, *, whole: bool) -> bytes:
        labels, place = [], 12
        while query[place]:
            labels.append(query[place + 1 : place + 1 + query[place]].decode())
            place += 1 + query[place]
        name, (kind,) = ".".join(labels), struct.unpack_from("!H", query, place + 1)
        self.asked.append(name)
        found = self.known.get((name, kind), [])
        exists = any(known == name for known, _ in self.known)
        cut = self.cut and not whole
        flags = 0x8180 | (0x0200 if cut else 0) | (0 if exists else 3)
        shown = [] if cut else found
        if self.nonsense:
            return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 5, 0, 0) + query[12:]
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(shown), 0, 0)
        return (
            head
            + query[12 : place + 5]
            + b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for data in shown)
        )


@contextmanager
def serving(names: Names) -> Iterator[str]:
    """Serve over UDP and TCP for a `with` block; gives where."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", port))

    def over_udp() -> None:
        with suppress(OSError):
            while True:
                query, peer = link.recvfrom(1000)
                if not names.silent:
                    link.sendto(names.answer(query, whole=False), peer)

    def over_tcp() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    query = client.recv(1000)[2:]
                    answer = names.answer(query, whole=True)
                    client.sendall(struct.pack("!H", len(answer)) + answer)

    threads = [threading.Thread(target=each, daemon=True) for each in (over_udp, over_tcp)]
    for thread in threads:
        thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        link.close()


def found_of(
    names: Names, selector: str = "", sender: str = "Shop <hello@mail.qumyra.kz>"
) -> dict[str, tuple[bool, str]]:
    with serving(names) as where:
        looked = domains(Configuration(smtp_url="smtp://127.0.0.1"), [sender], selector, where)
        return {one.about: (one.good, one.found) for one in looked}


def test_a_domain_with_everything_is_good() -> None:
    names = Names()
    names.text("mail.qumyra.kz", "google-site-verification=x", "v=spf1 include:_spf.esp.example -all")
    names.text("_dmarc.qumyra.kz", "v=DMARC1; p=none")
    names.text("s1._domainkey.mail.qumyra.kz", "v=DKIM1; k=rsa; p=" + "A" * 400)
    names.mail("mail.qumyra.kz")
    assert found_of(names, "s1") == {
        "SPF of mail.qumyra.kz": (True, "is there"),
        "DMARC of mail.qumyra.kz": (True, "is there, at qumyra.kz"),
        "DKIM of mail.qumyra.kz": (True, "is there"),
        "mail to mail.qumyra.kz": (True, "has somewhere to go"),
    }


def test_a_domain_with_nothing_is_told_what_is_missing() -> None:
    assert found_of(Names(), "s1") == {
        "SPF of mail.qumyra.kz": (False, "there is none"),
        "DMARC of mail.qumyra.kz": (False, "there is none"),
        "DKIM of mail.qumyra.kz": (False, "there is none"),
        "mail to mail.qumyra.kz": (False, "has nowhere to go"),
    }
    assert found_of(Names())["DKIM of mail.qumyra.kz"] == (True, "not looked at: give --dkim SELECTOR")


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (("v=spf1 -all", "v=spf1 mx ~all"), "there are 2; receivers take none then"),
        (("v=spf1 +all",), "lets anybody send (+all)"),
        (("spf2.0/pra -all",), "there is none"),
    ],
)
def test_an_spf_that_does_not_hold_is_told(records: tuple[str, ...], said: str) -> None:
    names = Names()
    names.text("mail.qumyra.kz", *records)
    assert found_of(names)["SPF of mail.qumyra.kz"] == (False, said)


def test_a_revoked_key_and_doubled_policies_are_told() -> None:
    names = Names()
    names.text("s1._domainkey.mail.qumyra.kz", "v=DKIM1; p=")
    names.text("_dmarc.mail.qumyra.kz", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    found = found_of(names, "s1")
    assert found["DKIM of mail.qumyra.kz"] == (False, "was revoked (empty p=)")
    assert found["DMARC of mail.qumyra.kz"] == (False, "there are 2; receivers take none then")


def test_an_answer_that_is_too_long_for_one_packet_is_asked_for_again() -> None:
    names = Names()
    names.cut = True
    names.text("qumyra.kz", *(f"v=word{number} {'x' * 200}" for number in range(9)))
    with serving(names) as where:
        assert len(texts("qumyra.kz", name_server(where))) == 9
        assert names.asked == ["qumyra.kz", "qumyra.kz"]
        assert not takes_mail("қымыра.kz", name_server(where))
    assert names.asked[-1] == "қымыра.kz".encode("idna").decode()


def test_domains_that_nobody_can_own_are_told_and_without_a_server_nothing_is_asked() -> None:
    names = Names()
    assert found_of(names, sender="hello@qumyra.example") == {
        "domain qumyra.example": (False, "is no domain that anybody can own")
    }
    assert names.asked == []
    assert list(domains(Configuration(), ["hello@qumyra.kz"], "", "127.0.0.1:1")) == []


def test_a_name_server_that_says_nothing_or_nonsense_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamshy.site.names._TIMEOUT_S", 0.05)
    names = Names()
    names.silent = True
    found = found_of(names)
    assert found == {"domain mail.qumyra.kz": (False, "the DNS does not answer: 127.0.0.1 does not answer")}
    names = Names()
    names.nonsense = True
    with serving(names) as where, pytest.raises(NoAnswer, match="no answer"):
        texts("qumyra.kz", name_server(where))


def test_the_systems_name_server_is_asked_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resolv").write_text("# nothing\nsearch x\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n")
    monkeypatch.setattr("tamshy.site.names._RESOLV", tmp_path / "resolv")
    assert name_server() == ("192.0.2.53", 53)
    assert name_server("192.0.2.1") == ("192.0.2.1", 53)
    assert name_server("192.0.2.1:5353") == ("192.0.2.1", 5353)
    assert name_server("2001:db8::1") == ("2001:db8::1", 53)
    monkeypatch.setattr("tamshy.site.names._RESOLV", tmp_path / "none")
    assert name_server() == ("127.0.0.1", 53)
