"""What somebody, or something, did with a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tamshy.domain.ids import named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

_LONGEST_HEADER: Final = 300


class Did(StrEnum):
    """The kinds of engagement; the word in ``engagement.kind``."""

    OPENED = "opened"
    CLICKED = "clicked"
    LOOKED = "looked"
    """Looked at a page of ours: unsubscribing, preferences, the mail in a browser. Tells nothing to the engine."""
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Page(StrEnum):
    """The pages of ours that are looked at; the word in ``engagement.url``."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says about who asks. No address of the network is looked at, so none can be kept.

    ``hints`` are the values of the headers by which browsers and proxies say that nobody is looking yet (`Purpose`,
    `Sec-Purpose`, `X-Purpose`, `X-Moz`), ``mode`` is what a browser says it will do with the answer
    (`Sec-Fetch-Mode`; empty where nothing was said).
    """

    method: str
    user_agent: str
    hints: tuple[str, ...] = ()
    mode: str = ""

    def facts(self) -> dict[str, object]:
        """Give what is kept of it: enough to judge it again."""
        kept: dict[str, object] = {"user_agent": printable(self.user_agent), "method": self.method}
        if self.hints:
            kept["hints"] = [printable(hint) for hint in self.hints]
        if self.mode:
            kept["mode"] = printable(self.mode)
        return kept

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> Request:
        """Read what was kept of a request."""
        hints = facts.get("hints")
        return cls(
            str(facts.get("method", "")),
            str(facts.get("user_agent", "")),
            tuple(str(hint) for hint in hints) if isinstance(hints, list) else (),
            str(facts.get("mode", "")),
        )


def printable(text: str) -> str:
    """Give a header as it may be kept: nothing that cannot be shown, and not endless."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_HEADER])


@dataclass(frozen=True, slots=True)
class Hit:
    """One hit on one message, already judged.

    ``at`` is its own time, ``arrived_at`` when it became known, ``worked_at`` when the engine takes it in (not before
    the time in which it may turn out to be a machine's). ``key`` makes hits one: those with the same key are one
    event, at most one of a kind, address and minute where it is None. ``reason`` is what suppresses (`hard_bounce`,
    `complaint`), ``source`` where a withdrawal came from (`link`, `one_click`, `preferences`).
    """

    bucket: int
    profile: UUID
    message: UUID
    did: Did
    at: datetime
    arrived_at: datetime
    worked_at: datetime | None = None
    url: str | None = None
    machine: bool = False
    ord: int = 0
    key: str | None = None
    source: str = "link"
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def event_id(self) -> UUID:
        """The id of the event: the same for hits that count as one."""
        key = self.key or self.at.strftime("%Y-%m-%dT%H:%M")
        return named("engagement", self.message.hex, self.did.value, self.url or "", key)

    @property
    def hit_id(self) -> UUID:
        """The id of the hit itself."""
        return named("hit", self.message.hex, self.did.value, self.url or "", self.at.isoformat(), self.key or "")
