"""A shop that exercises every stage, and the crowd that comes to it: callers that give up nothing, and readers of mail."""

from __future__ import annotations

import json
import random
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final

from tests.prove.serving import API_KEY, WRITE_KEY, wait_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from tests.prove.ledger import Ledger, Taken, Witness

_PERSON: Final = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
_WRITE: Final = {"Authorization": "Basic " + b64encode(f"{WRITE_KEY}:".encode()).decode()}
_API: Final = {"Authorization": f"Bearer {API_KEY}"}
_AGAIN_S: Final = 0.1
BATCH: Final = 20
"""Calls that a caller sends at once."""
MORE: Final = 10
"""Whoever has told all goes on with a cart more each so many calls, while others are killed."""
LATER_S: Final = 3.0
"""How long whoever buys later takes for it at most: as long as a cart's flow, on a clock 600 times as fast as life."""
# Of calls that arrive together the order is the later one, which an exit has to be.
_SENT: Final = "2026-03-02T09:00:10Z"
_BEGUN: Final = {"timestamp": "2026-03-02T09:00:00Z", "sentAt": _SENT}
_BOUGHT: Final = {"timestamp": "2026-03-02T09:00:05Z", "sentAt": _SENT}

_FILES: Final = {
    "tamshy.yaml": """\
name: Rig
locale: en
timezone: UTC
currency: EUR
url: https://rig.example
from: Rig <hello@rig.example>
topics: {offers: {name: Offers, default: opt_out}}
identities: {merge_on: [user_id, email]}
""",
    "flows/cart.yaml": """\
name: Cart
trigger: {event: Checkout Started}
per: event.cart_id
reentry: once
exit_on: {event: Order Completed, same: event.cart_id}
steps:
  - wait: 20m
  - {send: reminder, expires: 30d}
  - set: {profile.reminded: "{{ event.cart_id }}"}
  - track: {event: Cart Asked, properties: {cart_id: "{{ event.cart_id }}"}}
  - wait: 10m
  - branch:
      - {if: {clicked: reminder}, steps: [{send: thanks, expires: 30d}]}
      - {else: [{send: receipt, expires: 30d}]}
""",
    "flows/asked.yaml": """\
name: Asked
trigger: {event: Cart Asked}
per: event.cart_id
reentry: once
steps: [{wait: 10m}, {exit: asked}]
""",
    "messages/reminder/message.yaml": "kind: marketing\ntopic: offers\nsubject: {en: Your basket in version VERSION}\n",
    "messages/reminder/en.md": "Hello, [your basket](https://rig.example/cart) waits.\n",
    "messages/thanks/message.yaml": "kind: transactional\nsubject: {en: Thanks for the visit}\n",
    "messages/thanks/en.md": "Thanks.\n",
    "messages/receipt/message.yaml": "kind: transactional\nsubject: {en: All we know}\n",
    "messages/receipt/en.md": "This is all.\n",
}


def write_shop(folder: Path, version: int = 1) -> None:
    """Write the rig's workspace; each version differs in the text of one message and the length of one wait."""
    for path, text in _FILES.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        wait = f"wait: {10 + version % 2}m\n  - branch"
        target.write_text(text.replace("VERSION", str(version)).replace("wait: 10m\n  - branch", wait))


def address_of(cart: str) -> str:
    """Whom mail about a cart goes to."""
    return f"u{int(cart[1:]) // 2}@rig.example"


@dataclass(frozen=True)
class Cart:
    """What is told of one cart: at once, and a while later where it is bought only then."""

    name: str
    calls: list[dict[str, Any]]
    later: list[dict[str, Any]]


def carts(number: int, seed: int) -> list[Cart]:
    """What so many carts call, in order of the carts: nearly all are bought by nobody, some people are two at first.

    Of those that are bought half are bought in the breath in which they began, by the clock of whoever calls.
    """
    dice = random.Random(seed)  # noqa: S311 - made-up people
    found = []
    for at in range(number):
        who, device = f"u{at // 2}", f"a{at}"
        named: dict[str, Any] = {"userId": who}
        burst: list[dict[str, Any]] = [{"type": "identify", **named, "traits": {"email": f"{who}@rig.example"}}]
        stranger = dice.random() < 0.06
        cart = {"type": "track", "event": "Checkout Started", "properties": {"cart_id": f"c{at}", "value": at % 90}}
        burst.append({**({"anonymousId": device} if stranger else named), **cart, **_BEGUN})
        if stranger:
            # Who was somebody else on this device turns out to be one of ours: two profiles become one.
            burst.append({"type": "track", "event": "Seen", "anonymousId": device})
            burst.append({"type": "identify", **named, "anonymousId": device})
        order = {"type": "track", "event": "Order Completed", **named, "properties": {"cart_id": f"c{at}"}}
        bought = dice.random()
        if bought < 0.1:
            burst.append({**order, **_BOUGHT})
        later = [{**order, "messageId": f"m{at}-later"}] if 0.1 <= bought < 0.2 else []
        found.append(
            Cart(f"c{at}", [{**call, "messageId": f"m{at}-{place}"} for place, call in enumerate(burst)], later)
        )
    return found


def one_more(at: int) -> list[dict[str, Any]]:
    """What is called of a cart that is told by whoever has told all of theirs: one that nobody buys."""
    who = f"u{at // 2}"
    return [
        {"type": "identify", "userId": who, "traits": {"email": f"{who}@rig.example"}, "messageId": f"m{at}-0"},
        {
            "type": "track",
            "event": "Checkout Started",
            "userId": who,
            "properties": {"cart_id": f"c{at}", "value": at % 90},
            "messageId": f"m{at}-1",
            **_BEGUN,
        },
    ]


def ask(port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> int:
    """Send a request on a connection of its own and give the answer's status; 0: there was none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request(method, path, body, {"User-Agent": _PERSON, **headers})
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
    return answer.status


@dataclass
class Crowd:
    """Callers and readers. Each call is sent until it is acknowledged, and only then written down by the witness."""

    port: int
    witness: Witness
    ledger: Ledger
    number: int
    seconds: float
    now: Callable[[], datetime]
    """The shop's time."""
    seed: int = 1
    callers: int = 4
    failed: int = 0
    """Requests that had to be made again."""
    odd: list[str] = field(default_factory=list)
    """Answers that nobody should get, whatever is killed."""
    hush: threading.Event = field(default_factory=threading.Event)
    """Set: whoever has told all of the carts says nothing more."""
    enough: threading.Event = field(default_factory=threading.Event)
    _at_it: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)
    _carts: list[Cart] = field(default_factory=list)
    _reader: threading.Thread | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin to call, evenly over the seconds, and to read."""
        self._carts = carts(self.number, self.seed)
        self._at_it = self.callers
        for place in range(self.callers):
            thread = threading.Thread(target=self._call, args=(place,), name=f"caller {place}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._reader = threading.Thread(target=self._read, name="reader", daemon=True)
        self._reader.start()

    def calling(self) -> bool:
        """Tell whether anybody still has a cart to tell of."""
        return self._at_it > 0

    def stop_calling(self) -> None:
        """Let the callers finish what they have begun."""
        self.hush.set()
        for thread in self._threads:
            thread.join()

    def stop_reading(self) -> None:
        """Let the reader finish what it has begun."""
        self.enough.set()
        if self._reader is not None:
            self._reader.join()

    def _call(self, place: int) -> None:
        dice = random.Random(self.seed * 100 + place)  # noqa: S311 - how long people take to buy
        batches: list[list[Cart]] = [[]]
        for cart in self._carts[place :: self.callers]:
            if sum(len(one.calls) for one in batches[-1]) >= BATCH:
                batches.append([])
            batches[-1].append(cart)
        for batch in batches:
            calls = [call for cart in batch for call in cart.calls]
            self._post(calls)
            if place == 0:
                self._consent(calls)
            pause = self.seconds / len(batches)
            first = dice.uniform(0, min(pause, LATER_S))
            wait_out(first)
            for cart in batch:
                if cart.later:
                    self._post(cart.later)
                    # What is decided later than this is decided by whoever knows of it.
                    self.witness.saw("bought later", [f"{cart.name} {self.now().isoformat()}"])
            wait_out(pause - first)
        with self._guard:
            self._at_it -= 1
        # One goes on, about nothing mostly, so that there is somebody to meet, and mail, for as long as others are killed.
        number = 0
        while place == 0 and not self.hush.is_set():
            seen = {"type": "track", "event": "Seen", "userId": f"u{number % self.number}", "messageId": f"s{number}"}
            self._post([seen] if number % MORE else [seen, *one_more(self.number + number // MORE)])
            number += 1
            wait_out(_AGAIN_S)

    def _post(self, batch: list[dict[str, Any]]) -> None:
        body = json.dumps({"batch": batch}).encode()
        self._until_taken("POST", "/v1/batch", body, _WRITE)
        self.witness.saw("call", [str(call["messageId"]) for call in batch])
        self.witness.saw("event", [str(call["messageId"]) for call in batch if call["type"] == "track"])
        self.witness.saw("cart", [str(call["messageId"]) for call in batch if call.get("event") == "Checkout Started"])
        started = [call["properties"]["cart_id"] for call in batch if call.get("event") == "Checkout Started"]
        bought = {call["properties"]["cart_id"] for call in batch if call.get("event") == "Order Completed"}
        self.witness.saw("left alone", [cart for cart in started if cart not in bought])
        self.witness.saw("bought at once", [cart for cart in started if cart in bought])

    def _consent(self, batch: list[dict[str, Any]]) -> None:
        who = next(str(call["userId"]) for call in batch if "userId" in call)
        body = json.dumps({"topic": "offers", "consent": "granted", "time": "2026-03-01T00:00:00Z"}).encode()
        self._until_taken("PUT", f"/api/profiles/{who}/consent", body, _API)
        self.witness.saw("consent", [who])

    def _until_taken(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        while (status := ask(self.port, method, path, body, headers)) not in {200, 302}:
            self.failed += 1
            if status not in {0, 429, 503}:
                self.odd.append(f"{method} {path}: {status}")
                return
            wait_out(_AGAIN_S)

    def _read(self) -> None:
        """Open, follow and unsubscribe from what the mail server was given, until told to stop."""
        dice = random.Random(self.seed)  # noqa: S311 - made-up people
        read: list[Taken] = []
        while not self.enough.is_set():
            news = self.ledger.news()
            for taken in news:
                self._one(taken, dice)
            read = (read + news)[-50:]
            if read and not self.hush.is_set():
                # Some read their mail again and again.
                self._one(dice.choice(read), dice)
            wait_out(_AGAIN_S)

    def _one(self, taken: Taken, dice: random.Random) -> None:
        for mark, kind, method, chance in (("/o/", "opened", "GET", 0.2), ("/c/", "clicked", "GET", 0.1)):
            urls = [url for url in taken.urls if mark in url]
            if urls and dice.random() < chance:
                self._touch(taken, kind, method, urls[0])
        urls = [url for url in taken.urls if "/u/" in url]
        if urls and dice.random() < 0.03:
            self._touch(taken, "unsubscribed", "POST", urls[-1])

    def _touch(self, taken: Taken, kind: str, method: str, url: str) -> None:
        path = "/" + url.split("/", 3)[3]
        body = b"List-Unsubscribe=One-Click" if method == "POST" else None
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        self._until_taken(method, path, body, form)
        self.witness.saw(kind, [taken.message])
