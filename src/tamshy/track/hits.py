"""What somebody, or something, did with a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tamshy.domain.ids import named

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class Did(StrEnum):
    """The kinds of engagement; the word in ``engagement.kind``."""

    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says about who asks. No address of the network is looked at, so none can be kept.

    ``hints`` are the values of the headers by which browsers and proxies say that nobody is looking yet (`Purpose`,
    `Sec-Purpose`, `X-Purpose`, `X-Moz`).
    """

    method: str
    user_agent: str
    hints: tuple[str, ...] = ()


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
