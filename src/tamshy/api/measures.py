"""What is measured, for Prometheus: every name with what it means, and how it is read without counting tables of people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tamshy import __version__, sqlkit
from tamshy.coupon import PoolLeft, count_pools
from tamshy.errand import waiting_errands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tamshy.sqlkit import Connection

_Q: Final = sqlkit.queries(__package__, "measures.sql")
DEEP: Final = 200
"""Rows that are looked at in each bucket: what waits beyond is not counted."""
_MOST: Final = 10_000

METRICS: Final = {
    # name: (kind, what it says); documented in docs/reference/metrics.md
    "tamshy_build_info": ("gauge", "Always 1; the version stands in its label."),
    "tamshy_database_up": ("gauge", "1 where the database answered this request."),
    "tamshy_database_bytes": ("gauge", "Size of the database on disk."),
    "tamshy_database_connections": ("gauge", "Sessions in the database."),
    "tamshy_database_connections_most": ("gauge", "Sessions that the server takes."),
    "tamshy_workers": ("gauge", "Workers that live."),
    "tamshy_buckets": ("gauge", "Buckets there are."),
    "tamshy_buckets_unworked": ("gauge", "Buckets that no worker holds."),
    "tamshy_profiles_set_aside": ("gauge", "People whose item raised an error and who wait."),
    "tamshy_on_hold": ("gauge", "1 where nothing is decided and nothing leaves."),
    "tamshy_inbox_rows": ("gauge", f"Arrived and not taken in, at most {DEEP} counted in each bucket."),
    "tamshy_inbox_oldest_seconds": ("gauge", "How long the oldest of these has waited."),
    "tamshy_due_rows": ("gauge", f"People due at a step, at most {DEEP} counted in each bucket."),
    "tamshy_due_oldest_seconds": ("gauge", "For how long the longest of these has been due."),
    "tamshy_deliveries": ("gauge", f"Messages by state of delivery, at most {DEEP} counted in each bucket."),
    "tamshy_delivery_oldest_seconds": ("gauge", "For how long the oldest message has been due for hand-over."),
    "tamshy_deliveries_unreachable": ("gauge", "Messages that wait because the mail server does not answer."),
    "tamshy_deliveries_uncertain": ("gauge", "Messages whose answer was lost; a person settles them."),
    "tamshy_domains_paused": ("gauge", "Sending domains that were refused for what they are, and stand still."),
    "tamshy_coupons_left": ("gauge", "Codes that nobody has yet, by workspace and pool."),
    "tamshy_errands": ("gauge", "Webhooks to call and notices to send, by state; given up: in the last day."),
    "tamshy_enrollments_active": ("gauge", "People inside flows; an estimate of the database's."),
    "tamshy_profiles": ("gauge", "Profiles; an estimate of the database's."),
    "tamshy_decisions_total": (
        "counter",
        "Decisions about messages, by what came of them and why; three minutes behind.",
    ),
    "tamshy_enrollments_total": ("counter", "Refusals and exits, by reason; three minutes behind."),
    "tamshy_problems_total": ("counter", "What could not be done, by reason; three minutes behind."),
    "tamshy_handed_over_total": ("counter", "Hand-overs by the state they ended in."),
    "tamshy_ingest_calls_total": ("counter", "Calls of this process, by what came of them and why."),
    "tamshy_ingest_requests_total": ("counter", "Requests with calls to this process, by status."),
    "tamshy_sign_ups_total": ("counter", "Sign-ups by form to this process, by what became of them."),
    "tamshy_http_requests_total": ("counter", "Requests to this process, by route and status."),
    "tamshy_http_request_microseconds_total": ("counter", "Time taken by requests to this process, by route."),
}

_TALLIES: Final = {
    "message": "tamshy_decisions_total",
    "enrollment": "tamshy_enrollments_total",
    "problem": "tamshy_problems_total",
    "delivery": "tamshy_handed_over_total",
}


@dataclass(slots=True)
class Figures:
    """What the database says at one moment. Seconds are the shop's."""

    workers: int = 0
    buckets: int = 0
    unworked: int = 0
    set_aside: int = 0
    uncertain: int = 0
    domains_paused: int = 0
    size: int = 0
    connections: int = 0
    most_connections: int = 0
    enrollments: int = 0
    profiles: int = 0
    inbox: int = 0
    inbox_s: float = 0.0
    due: int = 0
    due_s: float = 0.0
    outgoing: dict[str, int] = field(default_factory=lambda: {"queued": 0, "handing_over": 0})
    outgoing_s: float = 0.0
    unreachable: int = 0
    pools: list[PoolLeft] = field(default_factory=list)
    errands: list[tuple[str, str, int]] = field(default_factory=list)
    """Kind, state, how many."""


def figures(conn: Connection, now: datetime, real: datetime) -> Figures:
    """Read what waits, and for how long. ``now`` is the shop's time, ``real`` the machine's."""
    found = Figures()
    given = {"now": now, "real": real, "deep": DEEP, "most": _MOST}
    row = conn.execute(_Q["figures"], given).fetchone() or ()
    (
        found.unworked,
        found.buckets,
        found.workers,
        found.set_aside,
        found.uncertain,
        found.domains_paused,
        found.size,
        found.connections,
        found.most_connections,
        found.enrollments,
        found.profiles,
    ) = row
    found.inbox, found.inbox_s = _since(conn, "arrived", given, now)
    found.due, found.due_s = _since(conn, "due", given, now)
    for state, count, oldest, unreachable in conn.execute(_Q["outgoing"], given):
        found.outgoing[state] = count
        found.unreachable += unreachable
        if state == "queued" and oldest is not None:
            found.outgoing_s = (now - oldest).total_seconds()
    found.pools = count_pools(conn)
    found.errands = waiting_errands(conn, now)
    return found


def _since(conn: Connection, name: str, given: dict[str, object], now: datetime) -> tuple[int, float]:
    count, oldest = conn.execute(_Q[name], given).fetchone() or (0, None)
    return int(count), 0.0 if oldest is None else (now - oldest).total_seconds()


def written(found: Figures) -> Iterator[tuple[str, dict[str, str], float]]:
    """Give what was found under its documented names: name, labels, value."""
    yield "tamshy_database_bytes", {}, found.size
    yield "tamshy_database_connections", {}, found.connections
    yield "tamshy_database_connections_most", {}, found.most_connections
    yield "tamshy_workers", {}, found.workers
    yield "tamshy_buckets", {}, found.buckets
    yield "tamshy_buckets_unworked", {}, found.unworked
    yield "tamshy_profiles_set_aside", {}, found.set_aside
    yield "tamshy_inbox_rows", {}, found.inbox
    yield "tamshy_inbox_oldest_seconds", {}, found.inbox_s
    yield "tamshy_due_rows", {}, found.due
    yield "tamshy_due_oldest_seconds", {}, found.due_s
    for state, count in sorted({**found.outgoing, "uncertain": found.uncertain}.items()):
        yield "tamshy_deliveries", {"state": state}, count
    yield "tamshy_delivery_oldest_seconds", {}, found.outgoing_s
    yield "tamshy_deliveries_unreachable", {}, found.unreachable
    yield "tamshy_deliveries_uncertain", {}, found.uncertain
    yield "tamshy_domains_paused", {}, found.domains_paused
    for each in found.pools:
        yield "tamshy_coupons_left", {"workspace": each.workspace, "pool": each.pool}, each.left
    for kind, state, count in found.errands:
        yield "tamshy_errands", {"kind": kind, "state": state}, count
    yield "tamshy_enrollments_active", {}, found.enrollments
    yield "tamshy_profiles", {}, found.profiles


def tallied(conn: Connection) -> Iterator[tuple[str, dict[str, str], float]]:
    """Give what was decided and handed over since the beginning."""
    for kind, outcome, reason, count in conn.execute(_Q["tally"]):
        known = {"outcome": outcome, "reason": reason} if kind != "delivery" else {"state": outcome}
        yield _TALLIES[kind], known, count


def text(samples: list[tuple[str, dict[str, str], float]]) -> str:
    """Write samples as Prometheus reads them (text format 0.0.4), each name with its help and kind once."""
    lines: list[str] = []
    by_name: dict[str, list[str]] = {}
    for name, labels, value in samples:
        given = ",".join(f'{key}="{_escaped(word)}"' for key, word in sorted(labels.items()))
        by_name.setdefault(name, []).append(f"{name}{{{given}}} {value:g}" if given else f"{name} {_number(value)}")
    for name, found in by_name.items():
        kind, means = METRICS[name]
        lines += [f"# HELP {name} {means}", f"# TYPE {name} {kind}", *found]
    return "\n".join(lines) + "\n"


def build() -> tuple[str, dict[str, str], float]:
    """Give which version this is."""
    return "tamshy_build_info", {"version": __version__}, 1


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.3f}"


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
