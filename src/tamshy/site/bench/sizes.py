"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of one run.

    ``rounds``: measurements of everything, whose medians count. ``growth``: how many times the rows are waiting in the last part.
    """

    name: str
    rounds: int
    events: int
    """Events stored in a round, in batches of 100."""
    backlog: int
    """Rows in the inbox before the first round of ingest."""
    profiles: int
    """Profiles; each waits in a flow, and has `past` events."""
    past: int
    due: int
    """Enrollments that are due in a round, spread over all buckets."""
    mails: int
    """Mails rendered, and mails handed over, in a round."""
    singly: int
    """Steps that one transaction each works in a round, to compare with."""
    waiting: tuple[int, ...]
    """How many wait while `steps` of them are due: the same work among more and more."""
    steps: int
    backlog_due: int
    """How many are due at once, to compare the last batch with the first."""
    letters: int
    """Mails that go the whole way in a round."""
    growth: int = 10


SIZES: Final = {
    size.name: size
    for size in (
        Size(
            "tiny",
            rounds=1,
            events=200,
            backlog=200,
            profiles=256,
            past=4,
            due=128,
            mails=20,
            singly=16,
            waiting=(256, 512),
            steps=64,
            backlog_due=1024,
            letters=40,
            growth=2,
        ),
        Size(
            "short",
            rounds=5,
            events=5000,
            backlog=20_000,
            profiles=20_000,
            past=10,
            due=10_000,
            mails=300,
            singly=500,
            waiting=(10_000, 100_000),
            steps=5000,
            backlog_due=40_000,
            letters=2000,
        ),
        Size(
            "full",
            rounds=5,
            events=50_000,
            backlog=200_000,
            profiles=1_000_000,
            past=10,
            due=100_000,
            mails=5000,
            singly=2000,
            waiting=(10_000, 1_000_000, 10_000_000),
            steps=5000,
            backlog_due=1_000_000,
            letters=10_000,
        ),
    )
}
