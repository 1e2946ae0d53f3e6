"""Recipients whose server does each of them something else, and what must have come of it in the end."""

from __future__ import annotations

import itertools
import ssl
import subprocess
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.engine.scripted_smtp import (
    ANSWERS,
    BYTES,
    CUT,
    CUT_INSIDE,
    NONSENSE,
    TAKE_AND_CUT,
    TAKE_AND_WAIT,
    scripted,
)

from tamshy.deliver import HandOver, Options, paused_domains, resume_domain
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from tamshy.sqlkit import Connection


@dataclass(frozen=True)
class Fate:
    """What a recipient's server says, try by try (after the last it takes the message), and what must come of it.

    `said`: (command, answer) of each try; with `always` the first goes on for ever. `ends`: the states and reasons that
    are right. `copies`: how many the server may have taken over.
    """

    name: str
    said: tuple[tuple[str, str], ...] = ()
    ends: frozenset[tuple[str, str | None]] = frozenset({("sent", None)})
    copies: frozenset[int] = frozenset({1})
    always: bool = False
    kind: str = "marketing"

    def answer(self, command: str, tried: int) -> str | None:
        """What the server says to a command of the try of this number, counted from 0; None: the usual."""
        if not self.said or (tried >= len(self.said) and not self.always):
            return None
        wanted, answer = self.said[0] if self.always else self.said[tried]
        return answer if wanted == command else None


def _ends(state: str, reason: str | None) -> frozenset[tuple[str, str | None]]:
    return frozenset({(state, reason)})


NONE: frozenset[int] = frozenset({0})
IN_DOUBT = _ends("uncertain", "answer_lost")

FATES: tuple[Fate, ...] = (
    Fate("answers in single bytes", (("end", BYTES + ANSWERS["end"]),)),
    Fate("all in single bytes", (("rcpt", BYTES + ANSWERS["rcpt"]),)),
    Fate("later at MAIL", (("mail", "451 4.3.0 later"),)),
    Fate("greylisted", (("rcpt", "450 4.2.1 greylisted"),)),
    Fate("later at DATA", (("data", "451 4.3.2 later"),)),
    Fate("later at the end", (("end", "452 4.3.1 later"),)),
    Fate("later for a policy", (("end", "451 4.7.1 later"),)),
    Fate("twice too full, then not", (("rcpt", "452 4.2.2 full"),) * 2),
    Fate("busy at MAIL", (("mail", "421 4.3.2 busy"),)),
    Fate("busy at RCPT", (("rcpt", "421 4.7.0 too many"),)),
    Fate("busy at the end", (("end", "421 4.3.2 busy"),)),
    Fate("cut at MAIL", (("mail", CUT),)),
    Fate("cut at RCPT", (("rcpt", CUT),)),
    Fate("cut at DATA", (("data", CUT),)),
    Fate("always later", (("rcpt", "450 4.2.0 later"),), _ends("failed", "gave_up"), NONE, always=True),
    Fate("always full", (("rcpt", "452 4.2.2 full"),), _ends("failed", "mailbox_full"), NONE, always=True),
    Fate("unknown", (("rcpt", "550 5.1.1 unknown"),), _ends("failed", "hard_bounce"), NONE, always=True),
    Fate("unknown, said late", (("end", "550 5.1.1 unknown"),), _ends("failed", "hard_bounce"), NONE, always=True),
    Fate("no such user", (("rcpt", "550 no such user"),), _ends("failed", "hard_bounce"), NONE, always=True),
    Fate("full for good", (("rcpt", "552 5.2.2 over quota"),), _ends("failed", "mailbox_full"), NONE, always=True),
    Fate("unroutable", (("rcpt", "550 5.4.4 no route"),), _ends("failed", "recipient_refused"), NONE, always=True),
    Fate("not this content", (("end", "554 5.6.0 no"),), _ends("failed", "content_refused"), NONE, always=True),
    Fate("too large", (("end", "552 5.3.4 too big"),), _ends("failed", "too_large"), NONE, always=True),
    Fate("not this sender", (("mail", "550 5.1.8 bad sender"),), _ends("failed", "sender_refused"), NONE, always=True),
    Fate("spam, they say", (("end", "550 5.7.1 spam"),), _ends("failed", "policy"), NONE, always=True),
    # What no text of the database can hold, said by a server.
    Fate(
        "unknown, with NUL",
        (("rcpt", "550 5.1.1 no\0such\x1buser"),),
        _ends("failed", "hard_bounce"),
        NONE,
        always=True,
    ),
    Fate("later, with NUL", (("end", "452 4.3.1 la\0ter"),)),
    Fate("nonsense with NUL at the end", (("end", "he\0llo"),), IN_DOUBT, NONE),
    # Where the connection breaks inside the message the client learns of it at once, or with the answer to the end.
    Fate(
        "cut inside",
        (("data", CUT_INSIDE),),
        frozenset({("sent", None), ("uncertain", "answer_lost")}),
        frozenset({0, 1}),
    ),
    Fate("cut at the end, not taken", (("end", CUT),), IN_DOUBT, NONE),
    Fate("taken, then cut", (("end", TAKE_AND_CUT),), IN_DOUBT),
    Fate("taken, answered too late", (("end", TAKE_AND_WAIT),), IN_DOUBT),
    Fate("nonsense at the end", (("end", "hello"),), IN_DOUBT, NONE),
    # What somebody waits for is tried again: two copies at most for each lost answer, and it goes on saying so.
    Fate(
        "transactional, taken, then cut",
        (("end", TAKE_AND_CUT),),
        _ends("sent", "answer_lost"),
        frozenset({2}),
        kind="transactional",
    ),
    Fate(
        "transactional, never answered",
        (("end", TAKE_AND_CUT),),
        IN_DOUBT,
        frozenset({3}),
        always=True,
        kind="transactional",
    ),
)
USUAL = Fate("as usual")


def fates(count: int) -> list[Fate]:
    """As many fates: each one there is in turn, with more than as many usual ones between; the rare slow one once."""
    found = []
    slow = {"taken, answered too late", "always later", "always full", "spam, they say"}
    turn = itertools.cycle(FATES)
    for at in range(count):
        fate = next(turn) if at % 3 == 0 else USUAL
        found.append(USUAL if fate.name in slow and at >= 3 * len(FATES) * 4 else fate)
    return found


@dataclass
class World:
    """A server that knows each recipient's fate, and the sender's address by which a message goes to one."""

    fates: dict[str, Fate]
    tried: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _current: dict[int, str] = field(default_factory=dict)

    def __call__(self, command: str, line: str) -> str | None:
        """Answer as a script does; a few connections fail at TLS."""
        if command == "starttls":
            with self._lock:
                self.connections += 1
                return {2: "454 4.7.0 TLS is not available", 3: CUT, 5: NONSENSE}.get(self.connections)
        me = threading.get_ident()
        with self._lock:
            if command == "mail":
                self._current[me] = line.partition("<")[2].partition("@")[0]
                self.tried[self._current[me]] += 1
            name = self._current.get(me, "")
            fate = self.fates.get(name)
            return fate.answer(command, self.tried[name] - 1) if fate else None


@dataclass
class Found:
    """What came of everybody, by name, and what the ledger says was taken over: Message-ID and digest of each copy."""

    ends: dict[str, tuple[str, str | None]]
    copies: dict[str, list[tuple[str, str]]]
    tries: Counter[str]
    rounds: int

    @property
    def totals(self) -> Counter[str]:
        """How many in which state."""
        return Counter(state for state, _ in self.ends.values())


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority, with its key, in one file."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sink -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*words.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    both.write_text(key.read_text() + cert.read_text())
    return both


def send_to_all(conn: Connection, folder: Path, wanted: Sequence[Fate], answer_timeout_s: float) -> Found:
    """Hand a message over for each fate, through TLS, until nothing is left to try; the clock goes to what is due next."""
    workspace(conn)
    for at, fate in enumerate(wanted):
        sent_message(conn, person(conn, f"p{at}"), f"m{at}", kind=fate.kind, address=f"p{at}@example.com")
    # The envelope's sender says who the recipient is, so that a server may refuse at MAIL.
    conn.execute(
        "update content c set from_address = 'Shop <' || split_part(m.address, '@', 1) || '@shop.example>' "
        "from message m where m.id = c.message"
    )
    conn.commit()
    both = certificate(folder)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(both)
    world = World({f"p{at}": fate for at, fate in enumerate(wanted)})
    with scripted(world, tls=theirs, ledger=folder / "ledger.jsonl") as server:
        settings = SmtpSettings("127.0.0.1", server.port, starttls=True, end_timeout_s=answer_timeout_s)
        sender = SmtpSender(settings, "localhost", ssl.create_default_context(cafile=both))
        rounds = _until_done(conn, sender)
        sender.close()
    copies: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for recipient, message_id, digest in server.accepted():
        copies[recipient.partition("@")[0]].append((message_id, digest))
    rows = conn.execute(
        "select split_part(m.address, '@', 1), d.state, d.reason from delivery d join message m on m.id = d.message"
    )
    return Found({name: (state, reason) for name, state, reason in rows}, copies, world.tried, rounds)


def _until_done(conn: Connection, sender: SmtpSender) -> int:
    now = [NOON]

    def clock() -> datetime:
        return now[0]

    options = Options(give_up_after=timedelta(hours=6))
    stage = HandOver(sender, options, Signer([SECRET]), "https://x.example", clock, lambda _: None, "w1")
    for turn in range(1, 3000):
        result = stage.run(conn, [BUCKET], 100_000)
        for domain in paused_domains(conn, 1):
            assert domain.reply.partition(" ")[2].startswith("5.7.")
            assert resume_domain(conn, 1, domain.domain, "Zere", now[0])
        row = conn.execute("select min(next_at) from delivery where state in ('queued', 'handing_over')").fetchone()
        conn.commit()
        if row is None or row[0] is None:
            return turn
        now[0] = max(now[0], row[0], result.next_at or now[0])
    msg = "there is always something left to try"
    raise AssertionError(msg)


def check(wanted: Sequence[Fate], found: Found) -> None:
    """Everybody is in exactly one state, the one they must be in; nobody was taken over twice but who goes on saying so."""
    assert len(found.ends) == len(wanted)
    odd = []
    for at, fate in enumerate(wanted):
        name = f"p{at}"
        copies = found.copies.get(name, [])
        if found.ends[name] not in fate.ends or len(copies) not in fate.copies:
            odd.append((fate.name, found.ends[name], len(copies)))
        # However often it was tried: one Message-ID, the same bytes.
        assert len(set(copies)) <= 1, fate.name
    assert odd == []
    twice = {name for name, copies in found.copies.items() if len(copies) > 1}
    assert {found.ends[name][1] for name in twice} <= {"answer_lost"}
    assert {wanted[int(name[1:])].kind for name in twice} <= {"transactional"}
    # Totals add up, and what the server has is what was sent, and some of what is in doubt.
    assert found.totals.total() == len(wanted)
    assert set(found.totals) <= {"sent", "failed", "uncertain"}
    sent = {name for name, (state, _) in found.ends.items() if state == "sent"}
    doubted = {name for name, (state, _) in found.ends.items() if state == "uncertain"}
    assert sent <= set(found.copies) <= sent | doubted
