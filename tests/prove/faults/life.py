"""Small histories, made by number: a handful of people over two days, with the oddities that come with them.

What a call says of who it is from comes in the ways that shops know: user ids, devices that turn out to be somebody's,
two devices of one person, one device of two, guests by another id. Every line bears a messageId.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.prove.faults.shop import EVENTS, MESSAGES, TOPICS

START: Final = datetime(2026, 3, 27, 18, tzinfo=UTC)  # over 29 March, when Berlin changes its clocks
SPAN: Final = timedelta(days=2)
_ZONES: Final = ("Europe/Berlin", "Asia/Almaty", "America/New_York")
_KINDS: Final = ("known", "later", "two", "anonymous", "shared", "mail", "guest")

Line = dict[str, Any]


def stamp(moment: datetime) -> str:
    """A moment as lines have it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def history(number: int, *, by_email: bool) -> list[Line]:
    """The lines of this number, in no order that matters. ``by_email``: addresses tie people together."""
    die = random.Random(f"history {number}")  # noqa: S311 - made-up shoppers
    delayed = die.choice([0.0, 0.1, 0.4])
    lines: list[Line] = []
    for shopper in range(die.randrange(2, 6)):
        kind = die.choices(_KINDS, [28, 22, 20, 5, 8, 8 if by_email else 0, 9])[0]
        lines += _Shopper(shopper, kind, die).lines()
    for line in lines:
        if die.random() < delayed:
            away = die.choice([30, 600, 7200, 40_000, 90_000])
            own = datetime.fromisoformat(line["timestamp"])
            line["receive_at"] = stamp(own + timedelta(seconds=die.randrange(1, away)))
        elif die.random() < 0.02:  # a device whose clock is fast
            own = datetime.fromisoformat(line["timestamp"])
            line["receive_at"] = stamp(own - timedelta(seconds=die.randrange(1, 4000)))
    return lines


class _Shopper:
    """Makes the lines of one person."""

    def __init__(self, number: int, kind: str, die: random.Random) -> None:
        self.number = number
        self.kind = kind
        self.die = die
        self.begun = START + timedelta(seconds=die.randrange(40_000))
        self.known = self.begun
        if kind in {"later", "two", "mail", "guest"}:
            self.known += timedelta(seconds=die.randrange(60, 60_000))
        self._lines: list[Line] = []

    def lines(self) -> list[Line]:
        """All of them."""
        self._introduced()
        for _ in range(self.die.randrange(4, 11)):
            self._event(self._moment())
        if self.kind != "anonymous":
            self._touched()
        return self._lines

    def _moment(self) -> datetime:
        at = self.begun + timedelta(seconds=self.die.randrange(int(SPAN.total_seconds())))
        if self.die.random() < 0.3:  # with others at the very same moment
            at = at.replace(minute=0, second=0)
        return at + timedelta(milliseconds=self.die.randrange(1000)) if self.die.random() < 0.3 else at

    def _add(self, kind: str, at: datetime, **more: object) -> Line:
        line: Line = {"type": kind, **self._ids(at), **more, "timestamp": stamp(at)}
        line["messageId"] = f"{self.number}-{len(self._lines)}"
        self._lines.append(line)
        return line

    def _ids(self, at: datetime) -> Line:
        user, device = {"userId": f"u{self.number}"}, {"anonymousId": f"a{self.number}"}
        if self.kind == "anonymous":
            return device
        if at < self.known:
            return {"userId": f"guest{self.number}"} if self.kind == "guest" else device
        if self.kind == "shared" and self.die.random() < 0.6:
            shared = {"anonymousId": f"shared{self.number // 2}"}
            return shared if self.die.random() < 0.4 else user | shared
        if self.kind == "two" and self.die.random() < 0.5:
            return {"anonymousId": f"b{self.number}"}
        return user | device if self.die.random() < 0.2 else user

    def _introduced(self) -> None:
        die, address = self.die, f"u{self.number}@example.com"
        traits: Line = {} if die.random() < 0.05 else {"email": address}
        if die.random() < 0.7:
            traits["first_name"] = "Aia"
        if die.random() < 0.5:
            traits["timezone"] = die.choice(_ZONES)
        if self.kind == "anonymous":
            return
        if self.kind == "mail":
            line = self._add("identify", self.begun, traits={"email": address})
            line.pop("userId", None)
            line["anonymousId"] = f"a{self.number}"
            traits["email"] = address
        line = self._add("identify", self.known, traits=traits)
        line["userId"] = f"u{self.number}"
        if self.kind == "guest":
            line = self._add("alias", self.known, previousId=f"guest{self.number}")
            line["userId"] = f"u{self.number}"
            line.pop("anonymousId", None)
        elif self.kind != "mail" or die.random() < 0.5:
            line["anonymousId"] = f"a{self.number}"
        if self.kind == "two":
            tied = self._add("identify", self._after(timedelta(days=1)), traits={})
            tied |= {"userId": f"u{self.number}", "anonymousId": f"b{self.number}"}
        if die.random() < 0.3:
            line = self._add("identify", self._after(SPAN), traits={"timezone": die.choice(_ZONES), "vip": True})
            line["userId"] = f"u{self.number}"

    def _after(self, span: timedelta) -> datetime:
        return self.known + timedelta(seconds=self.die.randrange(60, int(span.total_seconds())))

    def _event(self, at: datetime) -> None:
        die = self.die
        properties: Line = {"key": die.choice(["k1", "k2"]), "value": die.choice([5, 20, 50, 90])}
        if die.random() < 0.3:
            properties["at"] = stamp(at + timedelta(hours=die.randrange(-5, 40)))
        if die.random() < 0.1:
            del properties["key"]
        self._add("track", at, event=die.choices(EVENTS, [40, 25, 20, 15])[0], properties=properties)
        if die.random() < 0.1 and self.kind in {"known", "anonymous"}:
            self._add("track", at, event=die.choice(EVENTS), properties=properties)

    def _touched(self) -> None:
        """What comes back: consents by name, and opens and clicks of what may have been sent."""
        die = self.die
        for topic in TOPICS:
            if die.random() < 0.4:
                did = die.choice(["subscribed", "subscribed", "unsubscribed"])
                self._named("consent", self._after(SPAN / 2), topic=topic, did=did)
        for _ in range(die.randrange(4)):
            did = die.choices(["opened", "clicked", "unsubscribed", "complained", "bounced"], [50, 30, 6, 3, 3])[0]
            if self.kind == "mail" and did in {"complained", "bounced"}:
                continue  # an address of two people: whose turn comes first is nobody's rule
            line = self._named("engage", self._after(SPAN), message=die.choice(MESSAGES), did=did)
            if did == "clicked":
                line["url"] = "https://shop.example/sale"
            if die.random() < 0.1 and did in {"opened", "clicked"}:
                line["machine"] = True

    def _named(self, kind: str, at: datetime, **more: object) -> Line:
        line = self._add(kind, at, **more)
        line.pop("anonymousId", None)
        line["userId"] = f"u{self.number}"
        return line
