"""Tells machines from people by all that was done with one message: what no single request shows, several do.

Pure, and over whole histories: live hits are judged with those of the last minute, recorded ones can be judged again.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.track.hits import Did, Page
from tamshy.track.machines import Machine, by_following, by_request, by_timing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tamshy.track.hits import Request

BURST_WINDOW: Final = timedelta(seconds=10)
"""Distinct links of one message followed within this time are counted together; so long the engine is not told."""
MEMORY: Final = timedelta(seconds=60)
"""How far back a visit is seen together with others."""
MOST_TOGETHER: Final = 60
"""So many visits are seen together at most, the newest: whoever asks a thousand times has been found out before."""
_BURST_LINKS: Final = 3
_MANY_LINKS: Final = 6
_PAIR_WINDOW: Final = timedelta(seconds=2)
_WAY_OUT: Final = "unsubscribing, preferences"
# What shows that the program itself is a machine, and not only that one request was not a reader's.
_TELLING: Final = frozenset({Machine.METHOD, Machine.TOO_SOON, Machine.ALL_LINKS, Machine.SEVERAL_AGENTS})


@dataclass(frozen=True, slots=True)
class Visit:
    """One hit on a message: when, what, how it asked, and which link or page of ours (None for the picture).

    ``known`` is why it was found to be a machine's before.
    """

    at: datetime
    did: Did
    request: Request
    url: str | None = None
    known: Machine | None = None

    @property
    def place(self) -> str | None:
        """Where it went; None for what nobody goes to, or comes back from to go on: the picture, the mail itself.

        Unsubscribing and preferences are one place, because a person goes from one to the other.
        """
        if self.did is Did.CLICKED:
            return self.url
        return _WAY_OUT if self.did is Did.LOOKED and self.url != Page.MAIL else None


def judge(
    visits: Sequence[Visit], handed_over_at: datetime | None, links: int, *, handing_over: bool = False
) -> list[Machine | None]:
    """Judge the visits of one message, in order of time; None: a person's, as far as can be told.

    Args:
        visits: the hits, the earliest first.
        handed_over_at: when the mail server took the message, where that is known.
        links: how many different links the message has.
        handing_over: whether the mail server is still being told the message.
    """
    found: list[Machine | None] = [
        visit.known
        or by_request(visit.request)
        or by_timing(visit.at, handed_over_at, handing_over=handing_over)
        or (by_following(visit.request) if visit.did is Did.CLICKED else None)
        for visit in visits
    ]
    moments = [visit.at for visit in visits]
    for here, visit in enumerate(visits):
        if visit.place is None or not _open_to_doubt(found[here]):
            continue
        near = range(max(bisect_left(moments, visit.at - MEMORY), here + 1 - MOST_TOGETHER), here + 1)
        together = [(visits[place], found[place]) for place in near]
        for machine, since in _shown(visit, together, links):
            # What came just before, the picture too, was the same machine's.
            for place in near:
                if found[place] is None and moments[place] >= since:
                    found[place] = machine
    _take_companions(visits, found)
    return found


def _open_to_doubt(machine: Machine | None) -> bool:
    """Tell whether a visit says something of those around it: a preview, or a scanner by name, comes beside people."""
    return machine is None or machine in _TELLING


def _shown(
    visit: Visit, together: Sequence[tuple[Visit, Machine | None]], links: int
) -> list[tuple[Machine, datetime]]:
    """Give what a visit shows together with those before it, and since when they were the machine's."""
    going = [one for one, machine in together if one.place is not None and _open_to_doubt(machine)]

    def places(span: timedelta) -> int:
        return len({one.place for one in going if one.at >= visit.at - span})

    shown: list[tuple[Machine, datetime]] = []
    pair = {one.url for one in going if one.did is Did.CLICKED and one.at >= visit.at - _PAIR_WINDOW}
    if places(BURST_WINDOW) >= _BURST_LINKS or links == len(pair) > 1:
        shown.append((Machine.ALL_LINKS, visit.at - BURST_WINDOW))
    if places(MEMORY) >= _MANY_LINKS:
        shown.append((Machine.ALL_LINKS, visit.at - MEMORY))
    if any(_by_another(visit, one) for one in going):
        shown.append((Machine.SEVERAL_AGENTS, visit.at - BURST_WINDOW))
    return shown


def _by_another(visit: Visit, earlier: Visit) -> bool:
    """Tell whether another program followed another link just before: one person has one browser in hand.

    The same link by two programs is a person whose company looks at it too.
    """
    return (
        visit.did is earlier.did is Did.CLICKED
        and earlier.at >= visit.at - BURST_WINDOW
        and earlier.url != visit.url
        and earlier.request.user_agent != visit.request.user_agent
    )


def _take_companions(visits: Sequence[Visit], found: list[Machine | None]) -> None:
    """Take for a machine's too where its program goes on to within a minute after it gave itself away.

    Another link, or the picture: the same link again is also what a person does whose company looked at it first.
    """
    seen: dict[str, dict[str, datetime]] = {}
    for here, visit in enumerate(visits):
        places = seen.setdefault(visit.request.user_agent, {})
        if found[here] is None and any(
            place != visit.place and visit.at - last <= MEMORY for place, last in places.items()
        ):
            found[here] = Machine.COMPANION
        machine = found[here]
        if visit.place is not None and (machine in _TELLING or machine is Machine.COMPANION):
            places[visit.place] = visit.at
