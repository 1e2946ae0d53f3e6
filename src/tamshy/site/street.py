"""The street of the demo: sends made-up shoppers on their way and their mail to them, over HTTP like anybody else.

Shoppers act through Segment's own client library and the consent API; recipients open and follow the real links of
their mails. Everything waits in shop time, so that a faster clock makes a livelier street.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlsplit

import msgspec
import orjson

from tamshy import sqlkit
from tamshy.domain import calendar
from tamshy.site import shoppers
from tamshy.site.shoppers import Shopper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    from tamshy.panel.storefront import Product

_LOG: Final = logging.getLogger("tamshy.demo")
_SQL: Final = sqlkit.queries("tamshy.panel")

BETWEEN_VISITS_S: Final = 2.5
"""Real seconds between two visitors on average: lively, and cool on a laptop of two cores."""
MOST_PEOPLE: Final = 500
"""From this many on only people who are known already come by."""
_LOOK_FOR_MAIL_S: Final = 1.0
_TIMEOUT_S: Final = 15.0
# The agents that real mail programs and browsers send; a scanner's would be told apart and not counted.
_AGENTS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36",
)
_PIXEL: Final = re.compile(r'src="([^"]*/o/[A-Za-z0-9_-]+\.gif)"')
_CLICK: Final = re.compile(r'href="([^"]*/c/[A-Za-z0-9_-]+/[0-9]+)"')
_WAY_OUT: Final = re.compile(r'href="([^"]*/u/[A-Za-z0-9_-]+)"')


class Client(Protocol):
    """What is used of Segment's client."""

    def track(self, **call: object) -> object:
        """Send an event."""

    def identify(self, **call: object) -> object:
        """Say who somebody is."""

    def page(self, **call: object) -> object:
        """Send a page."""

    def flush(self) -> None:
        """Wait until everything is sent."""


class Outside:
    """What shoppers act through: Segment's client for calls, plain HTTP for consent and for what mail programs do."""

    def __init__(self, base: str, client: Client, api_key: str) -> None:
        """`base` is the demo's address; consent is recorded with the API key."""
        self._base, self._client, self._api_key = base, client, api_key
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="shopper")

    def close(self) -> None:
        """Let what is under way come to its end, and leave the rest."""
        self._threads.shutdown(cancel_futures=True)

    def track(self, who: Shopper, event: str, properties: dict[str, object]) -> None:
        """Send an event through Segment's client."""
        self._client.track(**_ids(who), event=event, properties=properties, context=_context(who))

    def page(self, who: Shopper, name: str, path: str) -> None:
        """Send a page call through Segment's client."""
        self._client.page(**_ids(who), name=name, properties={"path": path}, context=_context(who))

    def sign_up(self, who: Shopper, traits: dict[str, object], topics: list[str]) -> None:
        """Identify, record consent, then say that somebody signed up: in this order, as a shop's back end would."""
        self._client.identify(**_ids(who), traits=traits, context=_context(who))
        self._later(self._consent, who, topics)

    def _consent(self, who: Shopper, topics: list[str]) -> None:
        headers = {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"}
        for topic in topics:
            body = orjson.dumps({"topic": topic, "consent": "granted", "wording": "The box under the form was ticked."})
            self._ask("PUT", f"{self._base}/api/profiles/{quote(who.user_id)}/consent", headers, body)
        self._client.track(**_ids(who), event="Signed Up", properties={"topics": topics}, context=_context(who))

    def tell_products(self, products: list[dict[str, object]]) -> None:
        """Tell the catalogue of prices and stocks by the products API, as the shop's back end would."""
        headers = {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"}
        self._later(self._ask, "PUT", f"{self._base}/api/products", headers, orjson.dumps({"products": products}))

    def product(self, who: Shopper, product: Product, quantity: int) -> dict[str, object]:
        """Give what the shop's pages say of a product, in the shopper's language."""
        return product.properties(who.locale, self._base, quantity)

    def address(self, path: str) -> str:
        """Give a whole address of the shop."""
        return f"{self._base}{path}"

    def fetch(self, url: str, agent: str, *, method: str = "GET") -> None:
        """Do what a mail program or browser does with a link, soon."""
        self._later(
            self._ask, method, url, {"User-Agent": agent}, b"List-Unsubscribe=One-Click" if method == "POST" else b""
        )

    def _later(self, act: Callable[..., object], *arguments: object) -> None:
        try:
            self._threads.submit(act, *arguments)
        except RuntimeError:
            _LOG.debug("the street is closing", extra={"event": "street_closing"})

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> int:
        """Ask once; somebody whose shop does not answer shrugs."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT_S)
        try:
            if method == "POST":
                headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, parts.path, body or None, headers)
            answer = connection.getresponse()
            answer.read()
        except OSError as exc:
            _LOG.info("%s unanswered: %s", method, exc, extra={"event": "shopper_unanswered", "method": method})
            return 0
        else:
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                refused = {"event": "shopper_refused", "method": method, "status": answer.status}
                _LOG.warning("%s was answered %d", method, answer.status, extra=refused)
            return answer.status
        finally:
            connection.close()


def _ids(who: Shopper) -> dict[str, object]:
    found: dict[str, object] = {"anonymous_id": who.anonymous_id}
    if who.signed_up:
        found["user_id"] = who.user_id
    return found


def _context(who: Shopper) -> dict[str, object]:
    return {"locale": who.locale, "timezone": who.zone}


class Letter:
    """One mail in a shopper's hands."""

    def __init__(self, outside: Outside, message: str, html: str, agent: str) -> None:
        """Find the links in the mail as a mail program does."""
        self.message = message
        self._outside, self._html, self._agent = outside, html, agent

    def open(self) -> None:
        """Load its pictures, the pixel among them."""
        self._follow(_PIXEL.findall(self._html)[:1])

    def click(self) -> None:
        """Follow its main link: the last one above the footer."""
        self._follow(_CLICK.findall(self._html)[-1:])

    def unsubscribe(self) -> None:
        """Take the way out with one click, as mail programs offer it."""
        self._follow(_WAY_OUT.findall(self._html)[:1], "POST")

    def _follow(self, links: list[str], method: str = "GET") -> None:
        for link in links:
            self._outside.fetch(link.replace("&amp;", "&"), self._agent, method=method)


class Memory(msgspec.Struct):
    """What the street keeps between two starts: its people, and until when their mail was brought."""

    people: list[Shopper] = msgspec.field(default_factory=list)
    mail_until: datetime | None = None

    @classmethod
    def read(cls, path: Path) -> Memory:
        """Read it; nothing was kept before the first start."""
        return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """Keep it whole or not at all."""
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self))
        fresh.replace(path)


class Street:
    """Drives shoppers and recipients, each in shop time; one thread, `step` by `step`."""

    def __init__(
        self, outside: Outside, pool: sqlkit.Pool, now: Callable[[], datetime], memory: Memory, dice: Random
    ) -> None:
        """`now` is shop time; letters are found in the database that `pool` leads to."""
        self._outside, self._pool, self._now, self._dice = outside, pool, now, dice
        self.memory = memory
        self._agenda: list[tuple[datetime, int, Iterator[float]]] = []
        self._order = itertools.count()
        self._by_email = {who.email: who for who in memory.people}
        self._brought: set[Any] = set()

    @property
    def people(self) -> int:
        """How many shoppers there are."""
        return len(self.memory.people)

    def open_up(self) -> None:
        """Fill the shelf, and send somebody in at once, who signs up, so that there is something to see."""
        self._plan(shoppers.keep_shop(self._outside, self._dice), 0)
        self._send_in(shoppers.newcomer(self.people + 1, self._dice), first=True)

    def somebody_comes(self) -> None:
        """Send a visitor in, if it is an hour at which they would come."""
        known = self.memory.people
        new = self.people < MOST_PEOPLE and self._dice.random() < max(0.35, 1 - self.people / 120)
        who = shoppers.newcomer(self.people + 1, self._dice) if new or not known else self._dice.choice(known)
        if shoppers.wants_to_shop(calendar.local(self._now(), who.zone), self._dice):
            self._send_in(who)

    def _send_in(self, who: Shopper, *, first: bool = False) -> None:
        if who.email not in self._by_email:
            self.memory.people.append(who)
            self._by_email[who.email] = who
        self._plan(shoppers.visit(who, self._outside, self._dice, first=first), 0)

    def bring_mail(self) -> int:
        """Hand new mails to their recipients; gives how many there were."""
        since = self.memory.mail_until or self._now() - timedelta(days=1)
        with self._pool.connection() as conn:
            span = conn.execute(_SQL["span"]).fetchone()
            if span is None:
                return 0
            first, last = span
            # Two buckets are worked one after the other: a mail may appear with a moment a little before the newest.
            params = {"first": first, "last": last, "since": since - timedelta(hours=1), "limit": 300}
            rows = conn.execute(_SQL["letters_since"], params).fetchall()
        fresh = [row for row in rows if row[2] not in self._brought]
        for _, _, id_, at, message, address, html, _ in fresh:
            self._brought.add(id_)
            self.memory.mail_until = max(at, self.memory.mail_until or at)
            who = self._by_email.get(address)
            if who is not None:
                letter = Letter(self._outside, message, html, self._dice.choice(_AGENTS))
                self._plan(shoppers.read(who, letter, self._outside, self._dice), 0)
        return len(fresh)

    def step(self) -> float:
        """Let everybody act whose time has come; gives the seconds of shop time until the next (at most an hour)."""
        while self._agenda and self._agenda[0][0] <= self._now():
            _, _, story = heapq.heappop(self._agenda)
            pause = next(story, None)
            if pause is not None:
                self._plan(story, pause)
        if not self._agenda:
            return shoppers.HOUR
        return min(max(0.0, (self._agenda[0][0] - self._now()).total_seconds()), shoppers.HOUR)

    def _plan(self, story: Iterator[float], pause: float) -> None:
        heapq.heappush(self._agenda, (self._now() + timedelta(seconds=pause), next(self._order), story))


def live(street: Street, speed: float, wait: Callable[[float], bool], keep: Path, dice: Random) -> None:
    """Keep the street alive until `wait` says to stop; `wait` takes real seconds, `keep` is where memory goes."""
    visitor = mail = kept = 0.0
    passed = 0.0
    while True:
        if passed >= visitor:
            street.somebody_comes()
            visitor = passed + dice.expovariate(1 / BETWEEN_VISITS_S)
        if passed >= mail:
            street.bring_mail()
            mail = passed + _LOOK_FOR_MAIL_S
        if passed >= kept:
            street.memory.write(keep)
            kept = passed + 5.0
        pause = min(0.25, max(0.02, street.step() / speed))
        if wait(pause):
            street.memory.write(keep)
            return
        passed += pause
