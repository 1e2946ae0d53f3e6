"""Bad weather on the links between the parts: cut, torn, slow, narrow, dead without a word, or refused, by a die."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.prove.serving import wait_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.prove.proxy import Proxy
    from tests.prove.rig import Rig

_LOOK_S: Final = 0.05


@dataclass
class Weather:
    """So many turns of bad weather, each on one link for up to `longest_s`, with a pause of up to as long before it."""

    rig: Rig
    turns: int
    longest_s: float = 1.0
    seed: int = 1

    def run(self) -> None:
        """Begin with the first mail, and leave all links mended."""
        dice = random.Random(self.seed)  # noqa: S311 - what happens where
        until = time.monotonic() + 60
        while not self.rig.ledger.copies() and time.monotonic() < until:
            wait_out(_LOOK_S)
        kinds: list[Callable[[Proxy, random.Random], None]] = [
            _torn,
            _ended,
            _cut_short,
            _slow,
            _narrow,
            _dead,
            _refused,
        ]
        for turn in range(self.turns):
            wait_out(dice.uniform(0, self.longest_s))
            name = dice.choice(sorted(self.rig.links))
            link = self.rig.links[name]
            # Each kind comes to its turn, however few turns there are.
            kind = kinds[turn % len(kinds)]
            self.rig.note(f"link {name}")
            kind(link, dice)
            wait_out(dice.uniform(0, self.longest_s))
            link.mend()
            if kind in (_dead, _cut_short):
                # What was said into the void is not said again on the same line.
                link.cut()


def _torn(link: Proxy, _dice: random.Random) -> None:
    link.cut(reset=True)


def _ended(link: Proxy, _dice: random.Random) -> None:
    link.cut(reset=False)


def _cut_short(link: Proxy, dice: random.Random) -> None:
    """A line breaks after some bytes that way: within the words, or within the answer to them."""
    way = dice.choice(("cut_to_server", "cut_to_client"))
    link.set(**{way: dice.choice((1, 40, 200, 700, 3000)), "reset": dice.random() < 0.5})


def _slow(link: Proxy, dice: random.Random) -> None:
    link.set(latency_s=dice.uniform(0.02, 0.2))


def _narrow(link: Proxy, dice: random.Random) -> None:
    link.set(per_second=dice.choice((2_000, 20_000)))


def _dead(link: Proxy, _dice: random.Random) -> None:
    """Half-open: neither end hears of it."""
    link.set(silent=True)


def _refused(link: Proxy, _dice: random.Random) -> None:
    link.set(refuse=True)
    link.cut()
