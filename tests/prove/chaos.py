"""What happens to the rig: kills at random moments, and deaths at named places, by a die that can be thrown again."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.prove.serving import wait_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.prove.rig import Rig

# How often each is met, out of a hundred.
WEIGHTS: Final = {"web": 30, "worker": 37, "render": 6, "database": 16, "backend": 8, "all": 3}
_LOOK_S: Final = 0.02
_TURNS: Final = 3


@dataclass
class Chaos:
    """Kills at random, `kills` of them between `least_s` and `most_s` apart; and a death at each of the named places."""

    rig: Rig
    kills: int
    places: Sequence[str] = ()
    least_s: float = 0.2
    most_s: float = 0.8
    seed: int = 1
    double: float = 0.3
    """How often the next is met while the last one is still down."""
    wait_s: float = 20.0
    """How long a place may wait for somebody to come by before it is another's turn."""
    missed: list[str] = field(default_factory=list)
    """Places that nobody came by, as often as they were waited for."""

    def __post_init__(self) -> None:
        """Throw the dice."""
        self._dice = random.Random(self.seed)  # noqa: S311 - whom it meets
        self._down = ""
        self._turns: Counter[str] = Counter()
        self._places = list(self.places)
        self._dice.shuffle(self._places)

    def run(self) -> None:
        """Do it all, from the first mail on."""
        until = time.monotonic() + 3 * self.wait_s
        while not self.rig.ledger.copies() and time.monotonic() < until:
            wait_out(_LOOK_S)
        self._next = time.monotonic() + self._dice.uniform(self.least_s, self.most_s)
        armed: tuple[str, float] | None = None
        while self.kills > 0 or self._places or armed:
            self.rig.look_after()
            if self._places or armed:
                self.rig.keep_publishing()
            if armed is None and self._places:
                armed = self._places.pop(), time.monotonic() + self.wait_s
                self.rig.arm(armed[0])
            elif armed is not None:
                armed = self._watched(*armed)
            if self.kills > 0 and time.monotonic() >= self._next and self._is_back():
                self._kill()
            wait_out(_LOOK_S)

    def _watched(self, point: str, until: float) -> tuple[str, float] | None:
        """Look whether somebody has died at the place; one that nobody comes by gives way to the next."""
        if not self.rig.armed(point):
            self.rig.note(f"point {point}")
            return None
        if time.monotonic() < until:
            return point, until
        if self.rig.disarm(point):
            self._turns[point] += 1
            if self._turns[point] < _TURNS:
                # Later there may be more going on there.
                self._places.insert(0, point)
            else:
                self.missed.append(point)
        return None

    def _is_back(self) -> bool:
        """Whether what was met last is at work again; then it takes a moment more before the next is met."""
        if not self._down:
            return True
        if self.rig.works(self._down):
            self._down = ""
            self._next = time.monotonic() + self._dice.uniform(self.least_s, self.most_s)
        return False

    def _kill(self) -> None:
        what = self._dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        how = signal.SIGQUIT if what == "database" and self._dice.random() < 0.5 else signal.SIGKILL
        if self.rig.kill(what, how):
            self.kills -= 1
            self._down = "" if self._dice.random() < self.double else what
            self._next = time.monotonic() + self._dice.uniform(self.least_s, self.most_s)
