"""A call: what every dialect of the outside becomes before it is tied to a profile."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime


IMPORTED: Final = 2
"""The origin of what was read from a file: history, which counts and starts nothing (0: from outside, 1: the engine's own)."""


class CallKind(StrEnum):
    """What a call says."""

    TRACK = "track"
    IDENTIFY = "identify"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"
    CONSENT = "consent"
    SUPPRESS = "suppress"
    ENGAGE = "engage"


@dataclass(frozen=True, slots=True)
class Call:
    """One call, normalised: text in NFC, addresses lower-cased, times aware and in UTC.

    ``properties`` are a track's properties, an identify's traits, or the particulars of a consent
    (``topic``, ``granted``, ``source``, ``evidence``), a suppression (``reason``) or, in a simulation, of what somebody did with
    a message (``message``, ``did``, ``url``, ``machine``). ``occurred_at`` is never after
    ``received_at``. ``key`` names the messageId within its source, for de-duplication (rule 15); None: not to be
    de-duplicated. ``ord`` is the call's place among what arrived at the same moment. ``email`` is a valid address that names the
    person where no id does.
    """

    kind: CallKind
    occurred_at: datetime
    received_at: datetime
    key: str | None = None
    ord: int = 0
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    name: str = ""
    properties: dict[str, object] = field(default_factory=dict)
    context: dict[str, object] = field(default_factory=dict)
    origin: int = 0
    email: str | None = None
