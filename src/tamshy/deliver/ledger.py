"""What a delivery becomes: pure rules from a row, or from a verdict, to the row's next state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.deliver.addresses import sending_domain
from tamshy.deliver.pacing import FIRST_RETRY, LONGEST_RETRY, retry_after
from tamshy.deliver.reasons import MAYBE_SENT, Reason
from tamshy.deliver.sender import Mail, Outcome, Verdict
from tamshy.domain.token import Purpose, Signer, Subject

if TYPE_CHECKING:
    from uuid import UUID

_MARKETING: Final = "marketing"
_FAILED: Final = frozenset({Reason.GAVE_UP, Reason.NO_CONTENT})


@dataclass(frozen=True, slots=True)
class Options:
    """How this process hands over. Spans are measured on the clock that was passed in, but for ``watch_s``.

    ``lease``: how long a claim holds without being extended; after it the owner counts as dead. ``per_second``: the
    rate limit of this process, None for none. ``parked``: kinds of messages that stay `uncertain` until a person
    decides when their answer was lost; the others are tried again until ``most_doubts`` answers were lost, and then
    parked too. ``most_faults``: tries of a message at which the program itself fails. ``unread_pause`` and
    ``longest_unread_pause``: how long a delivery waits for the engine to read the profile's inbox, growing with its
    age. ``look_back``: how often a bucket's due rows are looked at from the first again while there are always more.
    ``ramp``: by how many times the usual rate a backlog may leave, None for none; ``behind``: what has waited longer
    than this is one. ``domain_pause``: how often those of a paused sending domain are looked at. ``watch_s``: real seconds between
    looks at claims under way.
    """

    lease: timedelta = timedelta(seconds=60)
    per_second: float | None = None
    parked: frozenset[str] = frozenset({_MARKETING})
    give_up_after: timedelta = timedelta(days=3)
    first_retry: timedelta = FIRST_RETRY
    longest_retry: timedelta = LONGEST_RETRY
    most_doubts: int = 3
    most_faults: int = 3
    unread_pause: timedelta = timedelta(seconds=1)
    longest_unread_pause: timedelta = timedelta(minutes=1)
    look_back: timedelta = timedelta(seconds=30)
    ramp: float | None = None
    behind: timedelta = timedelta(minutes=10)
    domain_pause: timedelta = timedelta(minutes=10)
    unsubscribe_mailbox: str | None = None
    watch_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """A due delivery with its message, content and the judgement of the last look, as the query `due` gives them."""

    profile: UUID
    message: UUID
    state: str
    attempts: int
    fence: int
    reason: str | None
    doubts: int
    due_at: datetime
    queued_at: datetime
    workspace: int
    kind: str
    topic: str
    flow: str
    address: str | None
    decided_at: datetime
    subject: str | None
    html: bytes | None
    plain: bytes | None
    from_address: str | None
    reply_to: str | None
    judgement: str | None
    behind: bool = False
    """Whether it leaves after its time, with others: smoothed by the ramp."""
    domains_paused: bool = False
    """Whether any sending domain of the workspace is paused."""

    @property
    def smoothed(self) -> bool:
        """Whether it has a moment of its own."""
        return self.reason == Reason.SMOOTHED

    @property
    def domain(self) -> str:
        """The sending domain, empty where the From address has none."""
        return sending_domain(self.from_address)

    def barred_by(self, paused: set[tuple[int, str]]) -> bool:
        """Whether its sending domain is among these, by workspace."""
        return bool(paused) and (self.workspace, self.domain) in paused

    def mail(self, links: Signer, base_url: str, bucket: int, unsubscribe_mailbox: str | None) -> Mail:
        """Give the mail to hand over; marketing mail with the ways to unsubscribe."""
        marketing = self.kind == _MARKETING
        url = None
        if marketing:
            token = links.token(Purpose.UNSUBSCRIBE, Subject(self.workspace, bucket, self.profile, self.message))
            url = f"{base_url.rstrip('/')}/u/{token}"
        return Mail(
            workspace=self.workspace,
            profile=self.profile,
            message=self.message,
            from_address=self.from_address or "",
            to_address=self.address or "",
            reply_to=self.reply_to,
            subject=self.subject or "",
            html=self.html or b"",
            plain=self.plain or b"",
            decided_at=self.decided_at,
            unsubscribe_url=url,
            unsubscribe_mailbox=unsubscribe_mailbox if marketing else None,
            feedback_id=f"{self.flow}:{self.workspace}:tamshy" if marketing else None,
        )


@dataclass(slots=True)
class Claim:
    """A row that is ours until ``until``, under the number ``fence``."""

    row: Row
    bucket: int
    fence: int
    attempts: int
    until: datetime
    looks: int = 0
    """How often the sender has asked whether it holds: twice, and the message may be with the server."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The state to write for one delivery."""

    profile: UUID
    message: UUID
    state: str
    reason: str | None
    next_at: datetime
    fence: int
    attempts: int
    owner: str | None = None
    reply: str | None = None
    settled_at: datetime | None = None
    link: str | None = None
    doubted: int = 0
    """1 where nobody knows whether this try has handed the message over."""
    known: bool = False
    """Whether the server's own answer is behind it: it then holds against "the owner is gone" too."""
    workspace: int = 0
    address: str | None = None

    @property
    def soft(self) -> bool:
        """Whether a full mailbox was the end of it."""
        return self.state == "failed" and self.reason == Reason.MAILBOX_FULL

    @property
    def tells(self) -> bool:
        """Whether more than the delivery may have to be written: of the mailbox, or of the sending domain."""
        return self.soft or self.reason in {Reason.HARD_BOUNCE, Reason.POLICY}


@dataclass(slots=True)
class Outcomes:
    """What a run has written so far."""

    states: Counter[str] = field(default_factory=Counter)
    lost: int = 0


def judged(row: Row, barred: Reason | None, now: datetime, options: Options, owner: str) -> Mark:
    """Say what becomes of a locked row: claimed for hand-over, or why not.

    Args:
        row: the row as the last look found it.
        barred: what its address or its sender's domain has against it.
        now: the moment.
        options: pauses, lease and policy.
        owner: the name of this process.
    """
    if row.state == "handing_over":
        return _orphaned(row, now, options)
    reason = Reason(row.judgement) if row.judgement else barred
    if reason is None:
        kept = row.reason if row.reason in MAYBE_SENT else None
        return Mark(
            row.profile, row.message, "handing_over", kept, now + options.lease, row.fence + 1, row.attempts + 1, owner
        )
    if reason in {Reason.UNREAD, Reason.DOMAIN_PAUSED}:
        kept = row.reason if row.reason in MAYBE_SENT else reason
        later = now + (_unread_pause(row, now, options) if reason is Reason.UNREAD else options.domain_pause)
        return Mark(row.profile, row.message, "queued", kept, later, row.fence, row.attempts)
    state = "failed" if reason in _FAILED else "withdrawn"
    if reason is Reason.GAVE_UP and row.reason == Reason.MAILBOX_FULL:
        reason = Reason.MAILBOX_FULL
    return Mark(
        row.profile,
        row.message,
        state,
        reason,
        now,
        row.fence,
        row.attempts,
        settled_at=now,
        workspace=row.workspace,
        address=row.address,
    )


def _unread_pause(row: Row, now: datetime, options: Options) -> timedelta:
    """Look at a profile that nobody reads less and less often: a sixteenth of what the message has waited already."""
    return min(max(options.unread_pause, (now - row.queued_at) / 16), options.longest_unread_pause)


def _orphaned(row: Row, now: datetime, options: Options) -> Mark:
    """A claim outlived its lease: whether its owner got through to the server, nobody knows."""
    state, later = _unknown(row, row.attempts, now, options)
    return Mark(row.profile, row.message, state, Reason.OWNER_LOST, later, row.fence + 1, row.attempts, doubted=1)


def settled(claim: Claim, verdict: Verdict, now: datetime, server_at: datetime | None, options: Options) -> Mark:
    """Say what becomes of a claimed delivery after its try."""
    row, reply = claim.row, verdict.reply or None
    reason: str | None = verdict.reason
    state, next_at, done = "queued", now, False
    match verdict.outcome:
        case Outcome.ACCEPTED:
            state, done = "sent", True
            # A second copy is possible where an earlier answer was lost; the row goes on saying so.
            reason = row.reason if row.reason in MAYBE_SENT else None
        case Outcome.REFUSED:
            state, done = "failed", True
        case Outcome.DEFERRED if reason == Reason.PROGRAM_FAULT and claim.attempts >= options.most_faults:
            state, done = "failed", True
        case Outcome.DEFERRED:
            next_at = now + _pause(row, claim.attempts, options)
        case Outcome.UNREACHABLE:
            next_at = server_at or now + _pause(row, 1, options)
        case Outcome.UNKNOWN:
            state, next_at = _unknown(row, claim.attempts, now, options)
        case Outcome.HELD:
            pass
    if state == "queued" and verdict.outcome is not Outcome.UNKNOWN and row.reason in MAYBE_SENT:
        reason = row.reason
    return Mark(
        row.profile,
        row.message,
        state,
        reason,
        next_at,
        claim.fence,
        claim.attempts,
        reply=reply,
        settled_at=now if done else None,
        link=verdict.link or None,
        doubted=int(verdict.outcome is Outcome.UNKNOWN),
        known=verdict.outcome is not Outcome.UNKNOWN,
        workspace=row.workspace,
        address=row.address,
    )


def _unknown(row: Row, attempts: int, now: datetime, options: Options) -> tuple[str, datetime]:
    if row.kind in options.parked or row.doubts + 1 >= options.most_doubts:
        return "uncertain", now
    return "queued", now + _pause(row, attempts, options)


def _pause(row: Row, attempts: int, options: Options) -> timedelta:
    return retry_after(row.message, max(1, attempts), options.first_retry, options.longest_retry)
