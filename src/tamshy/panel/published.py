"""The workspace as published, as values: its settings, and each live flow with its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamshy import sqlkit
from tamshy.panel.drawing import Picture, pictures
from tamshy.publish import load_rulebook

if TYPE_CHECKING:
    from tamshy.language import Program
    from tamshy.language.model import Flow, Settings
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = sqlkit.queries("tamshy.panel")


@dataclass(frozen=True, slots=True)
class LiveFlow:
    """A flow that takes people in: the id of its live version, what it says, and how it looks."""

    version: int
    flow: Flow
    program: Program
    wide: Picture
    tall: Picture
    paused: bool

    @property
    def name(self) -> str:
        """The flow's name, as in its address."""
        return self.flow.name

    @property
    def title(self) -> str:
        """The marketer's name for it."""
        return self.flow.title


@dataclass(frozen=True, slots=True)
class Shop:
    """A workspace: its buckets run from `first` to `last`, both in; the flow with the most steps comes first, then by priority."""

    workspace: int
    name: str
    first: int
    last: int
    settings: Settings
    flows: tuple[LiveFlow, ...]

    @property
    def span(self) -> dict[str, object]:
        """The buckets, as parameters of queries."""
        return {"first": self.first, "last": self.last}

    def title(self, flow: str) -> str:
        """The marketer's name of a flow, or its plain name when it is no longer live."""
        return next((live.title for live in self.flows if live.name == flow), flow)


class Unpublished(LookupError):
    """Nothing has been applied to the workspace yet."""


def published(conn: Connection) -> Shop:
    """Read the workspace that the page shows: the first one.

    Raises:
        Unpublished: there is none, or nothing has been applied to it.
    """
    row = conn.execute(_SQL["newest_publication"]).fetchone()
    if row is None:
        raise Unpublished("nothing has been applied yet; `tamshy apply DIR` does it")
    name, number, paused = row
    # A publication never changes, so what was read of one is kept; who pauses or archives makes another key.
    return _kept(conn, name, number, paused)


_SHOPS: dict[tuple[str, int, str], Shop] = {}


def _kept(conn: Connection, name: str, number: int, paused: str) -> Shop:
    key = (name, number, paused)
    if key not in _SHOPS:
        made = _shop(load_rulebook(conn, name))
        _SHOPS.clear()
        _SHOPS[key] = made
    return _SHOPS[key]


def _shop(book: Rulebook) -> Shop:
    flows = []
    for running in book.flows:
        if running.live:
            wide, tall = pictures(running.flow, running.program)
            paused = running.name in book.paused
            flows.append(LiveFlow(running.version, running.flow, running.program, wide, tall, paused))
    # Of many flows those with something to see: who looks at the page must not pass five notices of orders first.
    flows.sort(key=lambda live: (-len(live.program.nodes), -live.flow.priority, live.name))
    last = book.first_bucket + book.buckets - 1
    return Shop(book.workspace, book.name, book.first_bucket, last, book.settings, tuple(flows))
