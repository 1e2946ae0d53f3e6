"""What goes wrong in a run, and when: drawn from a seed, written down, left out one by one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from tests.prove.faults.fragile import CUT, KILL

PAUSE: Final = "pause"
STEP: Final = "step"
LATE: Final = "late"
AGAIN: Final = "again"
REFUSED: Final = "refused"
LOST: Final = "lost"
BROKEN: Final = "broken"
PUBLISH: Final = "publish"

KINDS: Final = {
    KILL: 5,  # the process dies: before the statement or after it
    CUT: 4,  # the connection breaks, the process lives
    PAUSE: 4,  # it stands still for `span` seconds, and for some statements of the others
    STEP: 3,  # its clocks are set `machine` and `shop` seconds off
    AGAIN: 3,  # what is being stored at this moment is sent once more, at once
    LATE: 1,  # what was stored long ago is sent once more
    PUBLISH: 2,  # the shop publishes other words for a message
    REFUSED: 1,  # the next hand-over: not now
    LOST: 1,  # the next hand-over: taken, and the answer is lost
    BROKEN: 1,  # the next hand-over: the sender fails, nobody knows where
}
_STATEMENTS: Final = 1500
_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong at a statement, counted over all hands, to whoever runs it, or the next of ``who``."""

    at: int
    what: str
    who: str = ""
    after: bool = False
    span: float = 0.0
    machine: float = 0.0
    shop: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Only what differs from the usual."""
        found: dict[str, Any] = {"at": self.at, "what": self.what}
        found |= {
            name: getattr(self, name) for name in ("who", "after", "span", "machine", "shop") if getattr(self, name)
        }
        return found


def faults(seed: int) -> list[Fault]:
    """What goes wrong in the run of a seed."""
    die = random.Random(f"faults {seed}")  # noqa: S311 - no secret
    return sorted((_fault(die) for _ in range(die.randrange(_MOST + 1))), key=lambda fault: fault.at)


def often(seed: int, *kinds: tuple[str, str]) -> list[Fault]:
    """The same things again and again, each to the same hands: for a bug that is known to be in one place."""
    die = random.Random(f"often {seed}")  # noqa: S311 - no secret
    found = [
        Fault(die.randrange(at, at + 60), what, who, die.random() < 0.5, 60.0 if what == PAUSE else 0.0)
        for what, who in kinds
        for at in range(60, _STATEMENTS, 60)
    ]
    return sorted(found, key=lambda fault: fault.at)


def _fault(die: random.Random) -> Fault:
    (what,) = die.choices(list(KINDS), list(KINDS.values()))
    at = die.randrange(_STATEMENTS)
    who = die.choice(["", "", "worker", "web", "sender"])
    if what in {KILL, CUT}:
        return Fault(at, what, who, after=die.random() < 0.5)
    if what == PAUSE:
        return Fault(at, what, who, span=die.choice([5.0, 20.0, 20.0, 60.0, 200.0]))
    if what == STEP:
        return Fault(
            at, what, machine=die.choice([-3600.0, -16.0, 0.0, 16.0, 3600.0]), shop=die.choice([-7200.0, 0.0, 7200.0])
        )
    return Fault(at, what)
