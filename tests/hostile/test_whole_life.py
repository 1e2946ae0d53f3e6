"""Promise 68 over a whole life: what is said to a shop, and what goes wrong in it, is written nowhere but in its database."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import pytest
from tests.engine.scripted_smtp import CUT, TAKE_AND_CUT, scripted
from tests.hostile.poisoned import LONG
from tests.prove.serving import Shop, wait_out

from tamshy.site.configuration import DEFAULT_DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.slow
PATIENCE_S: Final = 90.0
WRITE_KEY: Final = "canary-write-key-3c1f9e"
API_KEY: Final = "canary-api-key-7d02aa"
SECRET: Final = "canary-secret-" + "0123456789abcdef" * 2
# What everybody carries, whatever becomes of them; each person's user id and address hold `canary` and their name.
WORDS: Final = {
    "first_name": "Canarina-Émilie",
    "phone": "+7-701-canary-4711",
    "street": "Canary Wharf 4711",
    "note": "canary-note-áж-4711",
}
DOMAIN: Final = "canary-shoppers.example"
REPLY: Final = "canary-reply-of-the-mail-server"
GUESSED: Final = "canary-key-that-was-guessed"
FORGED: Final = "canary" * 12
SAID_OUTSIDE: Final = (WRITE_KEY, API_KEY, SECRET, REPLY, GUESSED, FORGED, DOMAIN, "postgresql:", *WORDS.values())
FILES: Final = {
    "tamshy.yaml": "name: Shop\nlocale: en\ntimezone: UTC\nfrom: Shop <hello@shop.example>\n"
    "topics: {offers: {name: Offers, default: opt_out}}\n",
    "flows/welcome.yaml": "trigger: {event: Signed Up}\nsteps:\n"
    "  - set: {profile.last_note: '{{ event.note }}'}\n  - send: welcome\n",
    "flows/broken.yaml": "trigger: {event: Broken}\nsteps: [{send: broken}]\n",
    "flows/burning.yaml": "trigger: {event: Burning}\nsteps: [{send: burning}]\n",
    "messages/welcome/message.yaml": 'topic: offers\nsubject: {en: "Hello {{ profile.first_name }}"}\n',
    "messages/welcome/en.md": "Hello {{ profile.first_name }} of {{ profile.street }}. "
    "[Look](https://shop.example/a?n={{ event.note | url_encode }})\n",
    "messages/broken/message.yaml": 'kind: transactional\nsubject: {en: "x"}\n',
    "messages/broken/en.md": "Hello {{ profile.first_name | divided_by: 0 }} {{ profile.nothing }}.\n",
    "messages/burning/message.yaml": 'kind: transactional\nsubject: {en: "x"}\n',
    "messages/burning/en.md": "{% for i in (1..90000) %}"
    "{% assign l = event.long | split: '' | sort | reverse | join: ',' %}{% endfor %}\n",
}
# By the name in the address: what the mail server says of it.
REFUSALS: Final = {
    "gone": f"550 5.1.1 <{REPLY}> unknown, {WORDS['first_name']}",
    "full": f"452 4.2.2 {REPLY} is full",
    "barred": f"550-5.7.1 {REPLY}\r\n550 5.7.1 not from this domain",
    "odd": f"599 {REPLY} \x1b[31m\u0436",
}
ENDS: Final = {"cut": CUT, "taken": TAKE_AND_CUT, "late": f"451 4.3.0 {REPLY}, come again"}
LONG_ENOUGH: Final = 12
"""Bytes of a word whose base64 nothing else is by chance."""


def script(command: str, line: str) -> str | None:
    name = line.partition("<")[2].partition("@")[0] if command == "rcpt" else line.partition("@")[0]
    word = name.rpartition("-")[2]
    if command == "rcpt":
        return REFUSALS.get(word)
    return ENDS.get(word) if command == "end" else None


class Life:
    """A shop of which everything that is said goes to files, and what is done to it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.outputs: dict[str, str] = {}
        """What commands and pages for operators have said."""

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Ask on a connection of its own; 0: no answer."""
        link = HTTPConnection("127.0.0.1", self.shop.port, timeout=20)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            # Letters go as their bytes, as clients send them.
            given = {name: value.encode().decode("latin-1") for name, value in (headers or {}).items()}
            link.request(method, path, raw, {"X-Write-Key": WRITE_KEY, **given})
            answer = link.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        except (OSError, HTTPException):
            return 0, b"", {}
        finally:
            link.close()

    def person(self, name: str, event: str = "Signed Up", **more: object) -> str:
        """Somebody comes, is known, and does something; gives their user id."""
        user = f"canary-{name}"
        traits = {"email": f"{user}@{DOMAIN}", **WORDS}
        context = {"ip": "203.0.113.47", "userAgent": WORDS["note"], "page": {"url": f"https://x.example/?e={user}"}}
        calls = [
            {"type": "identify", "userId": user, "traits": traits, "context": context},
            {"type": "track", "userId": user, "event": event, "properties": {"note": WORDS["note"], **more}},
        ]
        assert self.ask("POST", "/v1/batch", {"batch": calls})[0] == 200
        return user

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.shop.connect() as conn:
            return conn.execute(statement.encode(), values).fetchall()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what} took longer than {PATIENCE_S:g} s: {self.shop.said()}"
            wait_out(0.1)

    def state(self, name: str) -> str:
        """How the hand-over of somebody's mail stands."""
        found = self.rows(
            "select d.state from delivery d join identifier i using (bucket, profile) where i.value = %s",
            f"canary-{name}",
        )
        return str(found[0][0]) if found else ""

    def command(self, *words: str) -> int:
        """Run a command beside it, as an operator does; what it says is kept."""
        done = subprocess.run(
            [sys.executable, "-m", "tamshy.site.cli", *words],
            cwd=self.shop.place,
            env=self.around(),
            capture_output=True,
            text=True,
            check=False,
        )
        self.outputs[" ".join(words)] = done.stdout + done.stderr
        return done.returncode

    def around(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith(("TAMSHY_", "PG"))}
        return {**clean, "TAMSHY_CLOCK": self.shop.clock.text(), **self.shop.surroundings}

    def log(self) -> str:
        return (self.shop.place / "serve.log").read_text(errors="replace")

    def events(self) -> set[str]:
        return {json.loads(line)["event"] for line in self.log().splitlines()}

    def server_logs(self) -> str:
        """What PostgreSQL has written, wherever its folder lies."""
        homes = [self.shop.place / DEFAULT_DATA]
        pointer = homes[0] / "postgres-lies-in"
        if pointer.exists():
            homes.append(Path(pointer.read_text().strip()))
        files = {file for home in homes for file in home.rglob("*.log")}
        assert len(files) >= 2, "where does it write?"
        return "\n".join(file.read_text(errors="replace") for file in sorted(files))


def calls(life: Life) -> None:
    """Good calls in every dress, and bad ones."""
    user = life.person("caller")
    one = {"userId": user, "event": "Called", "traits": WORDS, "properties": WORDS}
    basic = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    for path, headers in (
        ("/v1/track", {}),
        ("/v1/page", {"X-Write-Key": "", "Authorization": f"Basic {basic}"}),
        ("/v1/screen", {"X-Write-Key": "", "Authorization": f"Bearer {WRITE_KEY}"}),
        ("/api/s/s2s/track", {"User-Agent": WORDS["phone"], "Referer": f"https://x.example/?e={user}@{DOMAIN}"}),
    ):
        assert life.ask("POST", path, one, headers)[0] == 200
    assert life.ask("POST", "/v1/track", gzip.compress(json.dumps(one).encode()))[0] == 200
    bad = [
        life.ask("POST", "/v1/track", json.dumps(one).encode()[:-9]),
        life.ask("POST", "/v1/track", {**one, "timestamp": WORDS["note"]}),
        life.ask("POST", "/v1/track", {**one, "userId": f"{user}\0"}),
        life.ask("POST", f"/v1/{user}", one),
        life.ask("POST", "/v1/track", one, {"X-Write-Key": GUESSED}),
        life.ask("POST", "/v1/track", {**one, "writeKey": GUESSED}, {"X-Write-Key": ""}),
        life.ask("POST", f"/beacon/v1/batch?writeKey={GUESSED}", one, {"X-Write-Key": ""}),
        life.ask("POST", "/v1/track", one, {"Transfer-Encoding": "gzip, chunked"}),
        life.ask("GET", f"/v1/projects/{GUESSED}/settings"),
        life.ask("GET", f"/{quote(user)}@{DOMAIN}?phone={quote(WORDS['phone'])}"),
        life.ask("PUT", f"/api/profiles/{user}/consent", {"topic": user, "consent": "granted"}, bearer()),
        life.ask("PUT", f"/api/profiles/{user}/consent", WORDS, bearer(GUESSED)),
        life.ask("POST", f"/api/flows/{user}/pause", WORDS, bearer()),
    ]
    assert all(400 <= status < 500 or status == 0 for status, _, _ in bad), [status for status, _, _ in bad]


def consents(life: Life) -> None:
    """Consent with its evidence, given and taken back."""
    for said in ("granted", "withdrawn", "granted"):
        body = {"topic": "offers", "consent": said, "wording": WORDS["note"], "proof": WORDS}
        assert life.ask("PUT", "/api/profiles/canary-caller/consent", body, bearer())[0] == 200
    unsubscribed = {"userId": "canary-caller", "event": "Unsubscribed", "properties": {"topic": "offers", **WORDS}}
    assert life.ask("POST", "/v1/track", unsubscribed)[0] == 200


def mails(life: Life) -> None:
    """Mail that is taken, refused in every way, and of which nobody knows."""
    for name in ("fine", *REFUSALS, *ENDS):
        if name != "barred":  # its domain is paused then, and nobody else has mail
            life.person(name)
    for name, state in (("fine", "sent"), ("gone", "failed"), ("odd", "failed"), ("taken", "uncertain")):
        life.until(lambda name=name, state=state: life.state(name) == state, f"{name} being {state}")  # type: ignore[misc]
    tried = "select attempts from delivery d join identifier i using (bucket, profile) where i.value = %s"
    for name in ("full", "late"):
        life.until(lambda name=name: life.rows(tried, f"canary-{name}")[0][0] > 0, f"{name} being tried")  # type: ignore[misc]


def visits(life: Life) -> None:
    """A reader opens, follows, looks and leaves; others try with what is none."""
    (html,) = life.rows(
        "select c.html from content c join identifier i using (bucket, profile) where i.value = 'canary-fine'"
    )[0]
    links = set(re.findall(r"http://127\.0\.0\.1:\d+(/[a-z]+/[^\"<> ]+)", html))
    assert len(links) >= 3
    for link in sorted(links):
        assert life.ask("GET", link, None, {"User-Agent": WORDS["phone"]})[0] in {200, 302}
        assert life.ask("GET", f"{link[:3]}{FORGED}")[0] == 404
        # Whoever reads a log of addresses could do with a token what its owner can.
        life.outputs["tokens"] = life.outputs.get("tokens", "") + re.split(r"[/.]", link)[2] + "\n"
    leave = next(link for link in links if link.startswith("/u/"))
    assert life.ask("POST", leave, b"List-Unsubscribe=One-Click", {"User-Agent": WORDS["note"]})[0] == 200


def rendering(life: Life) -> None:
    """Templates that raise, that burn, and a child that is killed while it works."""
    life.person("broken", "Broken")
    life.person("burning", "Burning", long=LONG)
    skipped = "select count(*) from message where state = 'skipped' and reason = 'render_error'"
    life.until(lambda: life.rows(skipped) == [(2,)], "the errors of templates")
    life.person("killed", "Burning", long=LONG)
    life.until(lambda: killed(life, "tamshy.render.child"), "a child to kill")
    life.until(lambda: life.rows(skipped) == [(3,)], "the other child")
    assert "renderer_died" in life.events()


def poison(life: Life) -> None:
    """Rows that no pass can work, whose errors repeat what is in them."""
    life.person("poison")
    facts = json.dumps({"topic": WORDS["note"], "granted": WORDS["phone"]})
    with life.shop.connect() as conn:
        conn.execute(
            "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, facts)"
            " select bucket, profile, '2026-01-01Z', 0, gen_random_uuid(), 1, 'consent', '2026-01-01Z', %s"
            " from identifier where value = 'canary-poison'",
            [facts],
        )
    life.until(lambda: "profile_set_aside" in life.events(), "the poison")
    (kept,) = life.rows("select error from set_aside")[0]
    assert WORDS["phone"] in kept  # where a person can look it up, and nowhere else


def database_errors(life: Life) -> None:
    """Statements that fail with people in their values: as the program runs them, and as somebody types them."""
    with life.shop.connect() as conn:
        for wrong in (
            "insert into suppression (workspace, address, reason, since) select 1, %s, 'x', now() from generate_series(1, 2)",
            "select %s::int",
            "select * from nowhere where a = %s",
        ):
            with suppress(Exception):
                conn.execute(wrong.encode(), [f"canary-typed@{DOMAIN}"])
        conn.execute("alter table inbox rename to inbox_away")
        try:
            call = {"userId": "canary-away", "event": "E", "properties": WORDS}
            assert life.ask("POST", "/v1/track", call)[0] == 503
            wait_out(1.0)  # a pass meets it as well
        finally:
            conn.execute("alter table inbox_away rename to inbox")


def settlements(life: Life) -> None:
    """Somebody signs in, after wrong keys, and settles what is in doubt; others look a person up."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert life.ask("POST", "/sign-in", urlencode({"key": GUESSED}).encode(), form)[0] == 403
    status, _, headers = life.ask("POST", "/sign-in", urlencode({"key": API_KEY}).encode(), form)
    assert status == 303
    session = headers["set-cookie"].partition(";")[0].strip()
    life.outputs["tokens"] += session.partition("=")[2] + "\n"
    page = life.ask("GET", "/uncertain", None, {"Cookie": session})[1].decode()
    assert f"canary-taken@{DOMAIN}" in page
    listed = json.loads(life.ask("GET", "/api/uncertain", None, bearer())[1])
    for item in listed["items"]:
        assert life.ask("POST", f"/api/uncertain/{item['id']}/sent", None, bearer())[0] == 200
    assert life.ask("GET", f"/people?find=canary-fine@{DOMAIN}")[0] in {200, 302}


def kills(life: Life) -> None:
    """What lives is killed, and relieved."""
    for word in ("worker", "web"):
        life.until(lambda word=word: bool(life.shop.processes(word)), f"a {word}")  # type: ignore[misc]
        before = life.shop.processes(word)
        os.kill(before[0], signal.SIGKILL)
        life.until(lambda word=word, before=before: bool(set(life.shop.processes(word)) - set(before)), word)  # type: ignore[misc]
        life.until(lambda: life.ask("GET", "/readyz")[0] == 200, "the next one")
    life.person("after")
    life.until(lambda: life.state("after") == "sent", "mail after the kills")


def operators(life: Life) -> None:
    """What operators ask for: measurements, whether all is well, a backup and what came of it."""
    for path in ("/metrics", "/readyz", "/readyz?of=work", "/healthz"):
        life.outputs[path] = life.ask("GET", path)[1].decode()
    assert "tamshy_ingest_calls_total" in life.outputs["/metrics"]
    assert life.command("doctor") == 1  # the sending domain is nobody's
    assert life.command("backup", "kept.tar") == 0
    assert life.command("key", "list") == 0
    assert life.command("restore", "kept.tar") != 0  # there is one already


def barred(life: Life) -> None:
    """At last a mail server that refuses the domain, with somebody's name in its words."""
    life.person("barred")
    life.until(lambda: life.rows("select count(*) from paused_domain") == [(1,)], "the pause of the domain")
    assert REPLY in life.rows("select reply from paused_domain")[0][0]


def bearer(key: str = API_KEY) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "X-Write-Key": ""}


def killed(life: Life, word: str) -> bool:
    """Kill what runs a command with this word in it, if there is any that works at this moment."""
    found = [pid for pid, command in life.shop.family() if word in command]
    for pid in found:
        with suppress(OSError):
            before = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]
            wait_out(0.3)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11] != before:
                os.kill(pid, signal.SIGKILL)
                return True
    return False


DEEDS: Final = {
    "calls of every dress, and bad ones": calls,
    "consent with its evidence": consents,
    "mail that is taken, refused and lost": mails,
    "links and forged ones": visits,
    "templates that raise and burn, and a child that is killed": rendering,
    "rows that no pass can work": poison,
    "statements that fail": database_errors,
    "a sign-in, and what is in doubt": settlements,
    "processes that are killed": kills,
    "what operators ask for": operators,
    "a domain that is refused": barred,
}
PROMISE_68_LIFE: Final = tuple(DEEDS)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    for name, text in FILES.items():
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).write_text(text)
    with scripted(script) as mail, Shop(tmp_path / "shop", tmp_path) as shop:
        shop.surroundings = {
            "TAMSHY_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
            "TAMSHY_BOOTSTRAP_API_KEY": API_KEY,
            "TAMSHY_SECRET_KEY": SECRET,
            "TAMSHY_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
        }
        shop.open(datetime.now(UTC), 1.0)
        yield Life(shop)


def test_nothing_of_a_whole_life_is_written(life: Life) -> None:
    for deed in DEEDS.values():
        deed(life)
    tokens = life.outputs.pop("tokens").split()
    life.shop.close()
    assert life.events() >= {"request", "calls_not_stored", "profile_set_aside", "process_died", "renderer_died"}
    places = {"serve, web, worker": life.log(), "PostgreSQL": life.server_logs(), **life.outputs}
    assert "database system is ready" in places["PostgreSQL"]
    forms = {form: word for word in (*SAID_OUTSIDE, *tokens, "canary") for form in written(word)}
    found = {place: sorted({forms[form] for form in forms if form in text}) for place, text in places.items()}
    assert {place: words for place, words in found.items() if words} == {}
    # Every line is one of ours.
    assert all(json.loads(line)["event"] for line in life.log().splitlines())


def written(word: str) -> set[str]:
    """The forms in which a word could stand somewhere."""
    raw = word.encode()
    found = {word, word.lower(), quote(word), quote(word, safe=""), json.dumps(word)[1:-1], raw.hex()}
    if len(raw) >= LONG_ENOUGH:
        for before in range(3):
            # Of base64 the letters that are the same whatever stands before and behind.
            coded = base64.b64encode(b"x" * before + raw).decode()
            found.add(coded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    return found
