"""The published rules of one workspace as values, and the statements made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tamshy.language.model import EventTrigger, NewArrivals, ScheduleTrigger
from tamshy.sqlkit import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tamshy.domain.duration import Duration
    from tamshy.language.model import Condition, CouponPool, Flow, Settings
    from tamshy.language.program import Node, Program
    from tamshy.sqlkit import Connection, Cursor

PLACES_PER_VERSION: Final = 1000
"""A place in SQL is ``version * PLACES_PER_VERSION + index of the step``: one number to tell steps apart by."""


@dataclass(frozen=True)
class Statement:
    """SQL with the values it is compiled with; a pass adds its own (``bucket``, ``moment`` …) when it runs."""

    sql: str
    params: dict[str, object] = field(default_factory=dict)
    places: frozenset[int] = frozenset()
    """The places it does anything for; empty where it is not about due steps."""

    def run(self, conn: Connection, given: Mapping[str, object]) -> Cursor:
        """Run it with the values of a pass beside its own; KeyError where one is missing."""
        text, names, values = self._numbered
        values = values.copy()
        for place, name in names:
            values[place] = given[name]
        return conn.numbered(text, values)

    @cached_property
    def _numbered(self) -> tuple[bytes, list[tuple[int, str]], list[object]]:
        """Its text with numbers for names, the places and names of what a pass adds, and the values in their places."""
        text, names = numbered(self.sql)
        open_ = [(place, name) for place, name in enumerate(names) if name not in self.params]
        return text, open_, [self.params.get(name) for name in names]


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """The newest version of a message: its number in ``message_version`` and what deciding asks of it.

    ``recommends``: it shows products that are worked out from what people do.
    """

    version: int
    name: str
    marketing: bool
    topic: str
    recommends: bool = False


@dataclass(frozen=True, slots=True)
class RunningFlow:
    """A flow version that takes newcomers (``live``) or still has people inside."""

    version: int
    flow: Flow
    program: Program
    live: bool

    @property
    def name(self) -> str:
        """The flow's name."""
        return self.flow.name


@dataclass(frozen=True, slots=True)
class Place:
    """A step of a running flow with its number in SQL."""

    number: int
    running: RunningFlow
    node: Node


@dataclass(frozen=True, eq=False)
class Rulebook:
    """All that the stages know of a workspace's rules. Equal only to itself: a change makes a new one.

    ``seed`` moves every draw (holdouts); life uses 0. ``paused``: the flows that enroll nobody and advance nobody.
    ``segments``: the conditions of segments by name. ``pools``: without their codes, which lie in the database. ``calls_out``:
    whether webhooks are called and people of the shop told; a simulation does neither.
    """

    workspace: int
    name: str
    first_bucket: int
    buckets: int
    settings: Settings
    flows: tuple[RunningFlow, ...]
    messages: dict[str, PublishedMessage]
    seed: int = 0
    paused: frozenset[str] = frozenset()
    segments: dict[str, Condition] = field(default_factory=dict)
    pools: dict[str, CouponPool] = field(default_factory=dict)
    calls_out: bool = True
    _statements: dict[str, Statement | None] = field(default_factory=dict, init=False, repr=False)

    def places(self) -> Iterator[Place]:
        """Every step of every running flow."""
        for running in self.flows:
            for node in running.program.nodes:
                yield Place(running.version * PLACES_PER_VERSION + node.index, running, node)

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The numbers of all places."""
        return frozenset(place.number for place in self.places())

    @cached_property
    def tracked(self) -> frozenset[str]:
        """The segments that a trigger, a schedule, an exit or a conversion listens to: who is in them is kept."""
        found: set[str | None] = set()
        for running in self.flows:
            flow = running.flow
            matches = [*flow.exit_on, *(() if flow.conversion is None else flow.conversion.matches)]
            found.update(match.segment for match in matches)
            if running.live:
                found.update(
                    trigger.segment
                    for trigger in flow.triggers
                    if isinstance(trigger, EventTrigger | ScheduleTrigger | NewArrivals)
                )
        return frozenset(name for name in found if name is not None)

    def statement(self, name: str, build: Callable[[Rulebook], Statement | None]) -> Statement | None:
        """The statement of that name, compiled once; None where these rules need none."""
        if name not in self._statements:
            self._statements[name] = build(self)
        return self._statements[name]

    def statement_for(
        self, name: str, places: set[int], build: Callable[[Rulebook], Statement | None]
    ) -> Statement | None:
        """The same, but only where it does anything for one of these places."""
        statement = self.statement(name, build)
        return None if statement is None or statement.places.isdisjoint(places) else statement

    @cached_property
    def recommends(self) -> bool:
        """Whether any message recommends products, so that it is learnt what goes with what."""
        return any(message.recommends for message in self.messages.values())

    @property
    def default_topic(self) -> str:
        """The first topic listed is the workspace's (rule 23); without any there is one nobody has consented to."""
        return self.settings.topics[0].name if self.settings.topics else ""

    def caps(self) -> tuple[tuple[int, Duration], ...]:
        """The frequency caps: how many messages in how long."""
        return tuple((cap.messages, cap.per) for cap in self.settings.caps)
