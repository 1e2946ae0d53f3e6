"""The labelled visits of `visits.jsonl`: who was it, and what came in.

Written down by us from what vendors, senders and their issue trackers tell of scanners, proxies and mail programs;
numbers drawn, nobody's data. The first line has the names of programs; each other one is what came to one message, as
`seconds after the hand-over, what, number of the program, method or headers`; `ip` is the kind of address it came
from, which is not looked at. There are cases that cannot be told: a machine that follows one link like a browser, a
person who opens three tabs in a breath.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tamshy.track import Did, Request
from tamshy.track.visits import Visit

HANDED_OVER = datetime(2026, 3, 2, 12, tzinfo=UTC)
_FILE = Path(__file__).with_name("visits.jsonl")
_KINDS = {"open": Did.OPENED, "click": Did.CLICKED, "page": Did.LOOKED}
_MODE = "sec-fetch-mode"


@dataclass(frozen=True)
class Session:
    """What one machine or person did with one message that has so many links."""

    machine: bool
    kind: str
    links: int
    visits: tuple[Visit, ...]


def sessions() -> list[Session]:
    """Read them all."""
    first, *lines = _FILE.read_text(encoding="utf-8").splitlines()
    agents = json.loads(first)["agents"]
    return [_session(json.loads(line), agents) for line in lines]


def _session(told: dict[str, Any], agents: list[str]) -> Session:
    # Told in tenths of a second, of which no two hits share one moment.
    visits = tuple(_visit(hit, agents, timedelta(milliseconds=place)) for place, hit in enumerate(told["hits"]))
    return Session(told["who"] == "machine", told["kind"], told["links"], visits)


def _visit(hit: str, agents: list[str], place: timedelta) -> Visit:
    at, what, agent, *more = hit.split()
    kind, _, which = what.partition(":")
    headers = dict(word.split("=") for word in more if "=" in word)
    method = next((word for word in more if "=" not in word), "GET")
    mode = headers.pop(_MODE, "")
    request = Request(method, agents[int(agent)], tuple(headers.values()), mode)
    return Visit(HANDED_OVER + timedelta(seconds=float(at)) + place, _KINDS[kind], request, which or None)
