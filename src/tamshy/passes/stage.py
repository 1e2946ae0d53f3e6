"""One pass over one bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tamshy import coupon
from tamshy.advance import arrive, change, leave
from tamshy.commerce import ORDER_EVENTS, fold
from tamshy.decide import accepted, decide, settle
from tamshy.enroll import hear, listened_names, open_enrollments
from tamshy.identify.applying import apply
from tamshy.look import settle_trials
from tamshy.rulebook import PLACES_PER_VERSION
from tamshy.segment import review
from tamshy.segment import run as cross_borders
from tamshy.sqlkit import queries
from tamshy.trigger import (
    Planning,
    by_hand,
    call_occasions,
    call_offers,
    call_reorders,
    come_round,
    come_with_offers,
    means_everybody,
    plan_occasions,
    plan_reorders,
    starting_names,
    telling_names,
)
from tamshy.trigger import run as find_candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tamshy.advance import Evaluate
    from tamshy.decide import Rendered
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.passes")
MANY: Final = 2000
"""Rows beyond which emptying a working table by new files is cheaper than by deleting."""
_DEAD: Final = 262_144
"""Bytes of dead rows in a working table from which on it gets new files: nobody vacuums it, and every statement reads over them."""
_DEAD_FOR_A_ROW: Final = 1024
"""Bytes that a pass may leave for each of its rows: new files make all plans anew, which large passes need not do every time."""
_SETTINGS: Final = (
    "temp_buffers = '64MB'",
    "work_mem = '64MB'",
    "plan_cache_mode = force_generic_plan",
    # A plan outlives the moment at which it is made: one made while the inbox is empty would read all of it for each
    # profile once it fills (8 s a pass instead of 0.07 behind 50,000 events).
    "enable_seqscan = off",
    # These read a bucket's rows whole to find those of a handful of people, and all that is due to find the first of it.
    "enable_bitmapscan = off",
    "enable_mergejoin = off",
)


class NowhereToGo(Exception):
    """Somebody stands at a step that the rules do not hold: no statement would move them, and they would be picked for ever."""

    def __init__(self, places: set[int]) -> None:
        """Name the steps, as versions and indexes."""
        split = [divmod(place, PLACES_PER_VERSION) for place in sorted(places)]
        steps = ", ".join(f"step {index} of version {version}" for version, index in split)
        super().__init__(f"somebody is due at {steps}, which the published rules do not hold")


class NeverSettled(Exception):
    """Messages are accepted that the rules have no step for: they would be rendered again and again."""

    def __init__(self, messages: int) -> None:
        """Say how many."""
        super().__init__(f"{messages} accepted messages are of no step that the published rules hold")


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far a pass may work.

    ``until``: nothing later is touched. ``late_before``: what was due before is worked at ``until`` instead of its own moment
    (the engine was away: an outage); None: everything at its own moment. ``limit``: profiles a pass takes at most. ``only``: these
    profiles and nobody else; None: everybody.
    """

    until: datetime
    late_before: datetime | None = None
    limit: int = 5000
    only: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """What a pass did: how many events it took in and how many due steps it worked.

    ``lost``: the bucket is another worker's by now, and nothing was done. ``missed``: what a history says was done with
    messages that were not sent (profile, time, deed, message).
    """

    events: int = 0
    due: int = 0
    lost: bool = False
    missed: tuple[tuple[object, ...], ...] = ()

    @property
    def items(self) -> int:
        """How many items were worked."""
        return self.events + self.due


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to be done behind a pass: messages to render, codes asked for, codes dealt, webhooks answered."""

    accepted: bool
    asked: bool
    dealt: bool
    answered: bool


def left(conn: Connection, book: Rulebook, bucket: int) -> Left:
    """Look once for all that may be left between two passes; most find nothing. Part of the pass's transaction."""
    (row,) = conn.execute(_SQL["left_between"], {"bucket": bucket, "paused": sorted(book.paused)})
    return Left(*map(bool, row))


def prepare(conn: Connection) -> None:
    """Make the session's working tables; its statements are planned once, not at every run."""
    for setting in _SETTINGS:
        conn.execute(f"set {setting}".encode())
    conn.execute(_SQL["prepare"])
    conn.commit()


def hold(conn: Connection, bucket: int, fence: int) -> int | None:
    """Hold the bucket for this transaction and count the pass; None: the fence is no longer ours."""
    row = conn.execute(_SQL["hold_lease"], {"bucket": bucket, "fence": fence}).fetchone()
    if row is None:
        return None
    return int(row[0])


def clear(conn: Connection, rows: int) -> None:
    """Leave nothing in the hand, after a pass over so many rows; part of its transaction."""
    if rows <= MANY:
        taken = conn.execute(_SQL["clear_few"]).fetchone()
        if taken is None or taken[0] <= max(_DEAD, rows * _DEAD_FOR_A_ROW):
            return
    conn.execute(_SQL["clear_many"])


def at_hand(conn: Connection, book: Rulebook, bucket: int, horizon: Horizon) -> set[UUID]:
    """Give the profiles whom the next pass would work, render for, or let go of behind it; the caller rolls back."""
    _pick(conn, book, bucket, horizon)
    picked = {row[0] for row in conn.execute(_SQL["in_hand"])}
    picked.update(row[0] for row in conn.execute(_SQL["between_passes"], {"bucket": bucket}))
    return picked.union(UUID(str(row[0])) for row in accepted(conn, bucket, horizon.limit, horizon.until))


def run(conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon, evaluate: Evaluate) -> Worked:
    """Work one pass; the caller commits. Nothing was to do: ``items`` is 0."""
    pass_ = hold(conn, bucket, fence)
    if pass_ is None:
        return Worked(lost=True)
    params = _params(book, bucket, horizon)
    survey, called = _pick(conn, book, bucket, horizon)
    if not survey:
        return Worked(due=called)
    forwarded = 0
    arrived = any(row[0] != "due" for row in survey)
    if arrived and horizon.late_before is not None:  # in life: a simulation has stored everything before it begins
        span = {"bucket": bucket, "first_bucket": book.first_bucket, "buckets": book.buckets}
        forwarded = conn.execute(_SQL["forward"], span).rowcount
        if forwarded:
            survey = conn.execute(_SQL["survey"]).fetchall()
    missed: tuple[tuple[object, ...], ...] = ()
    if any(row[0] == "engage" for row in survey):
        conn.execute(_SQL["resolve_engagements"], params)
        missed = tuple(conn.execute(_SQL["missed_engagements"]))
        survey = conn.execute(_SQL["survey"]).fetchall()
    events = sum(row[2] for row in survey if row[0] != "due")
    due = sum(row[2] for row in survey if row[0] == "due")
    moved = 0
    if events:
        moved += _take_in(conn, book, bucket, pass_, survey)
    if due:
        places = {int(str(row[5])) for row in survey if row[0] == "due"}
        if not places <= book.numbers:
            raise NowhereToGo(places - book.numbers)
        change(conn, book, bucket, pass_, places, evaluate)
        plan_occasions(conn, book, bucket, Planning.CHANGED, places)
        settle_trials(conn, book, places)
        leave(conn, book, bucket, pass_, places)
        moved += decide(conn, book, bucket, pass_, places)
        moved += coupon.ask(conn, book, bucket, pass_, places)
    if moved:
        arrive(conn, book, bucket, pass_)
    review(conn, book, bucket, pass_)
    clear(conn, events + due)
    return Worked(events + forwarded, due, missed=missed)


def _pick(conn: Connection, book: Rulebook, bucket: int, horizon: Horizon) -> tuple[list[tuple[Any, ...]], int]:
    """Take into the hand what comes next, and give its survey; and how many offers were put into the inbox for it.

    What has changed in the catalogue comes behind the events of its moment, for who has looked at it is known by then, and before
    what is due then.
    """
    params = _params(book, bucket, horizon)
    call_reorders(conn, book, bucket, horizon.until)
    call_occasions(conn, book, bucket, horizon.until)
    survey = conn.execute(_SQL["pick"], params).fetchall()
    if survey:
        return survey, 0
    called = call_offers(conn, book, bucket, horizon.until)
    return ([] if called is None else conn.execute(_SQL["pick"], params).fetchall()), called or 0


def _params(book: Rulebook, bucket: int, horizon: Horizon) -> dict[str, object]:
    return {
        "bucket": bucket,
        "horizon": horizon.until,
        "late_before": horizon.late_before,
        "limit": horizon.limit,
        "paused": sorted(book.paused),
        "only": None if horizon.only is None else list(horizon.only),
    }


def _take_in(conn: Connection, book: Rulebook, bucket: int, pass_: int, survey: Sequence[tuple[object, ...]]) -> int:
    """Events, as taken in: properties, carts and orders, exits, conversions, waits for it, then triggers (rule 1).

    Gives how many may begin.
    """
    taken = [row for row in survey if row[0] != "due"]
    names = {str(row[1]) for row in taken}
    params = {"bucket": bucket}
    conn.execute(_SQL["drop_taken"], params)
    if any(row[3] for row in taken):
        conn.execute(_SQL["promote"], params)
    kinds, ambient = {str(row[0]) for row in taken}, any(row[4] for row in taken)
    apply(conn, book, bucket, pass_, kinds, ambient=ambient)
    conn.execute(_SQL["take_in"], params)
    if coupon.ORDER in names:
        coupon.redeem(conn, book, bucket, pass_)
    fold(conn, book, bucket, names)
    if not ORDER_EVENTS.isdisjoint(names):
        plan_reorders(conn, book, bucket)
    cross_borders(conn, book, bucket)
    heard = names & listened_names(book)
    if heard:
        hear(conn, book, bucket, pass_, heard)
    found = find_candidates(conn, book, bucket) if names & starting_names(book) else 0
    if "by_hand" in kinds:
        found += by_hand(conn, book, bucket)
    if any(row[0] == "offer" for row in taken):
        found += come_with_offers(conn, book, bucket)
    if "occasion" in kinds:
        found += come_round(conn, book, bucket)
    told = kinds & {"identify", "occasion"} or not names.isdisjoint(telling_names(book))
    if ambient or told or means_everybody(book):
        plan_occasions(conn, book, bucket, Planning.TAKEN_IN)
    if found:
        open_enrollments(conn, book, bucket, pass_)
    return found


def settle_rendered(
    conn: Connection,
    book: Rulebook,
    bucket: int,
    fence: int,
    horizon: Horizon,
    limit: int,
    render: Callable[[Sequence[tuple[object, ...]]], Sequence[Rendered]],
    *,
    keep_content: bool,
) -> int:
    """Render the bucket's accepted messages and move their enrollments on; the caller commits. Returns how many."""
    pass_ = hold(conn, bucket, fence)
    if pass_ is None:
        return 0
    rows = accepted(conn, bucket, limit, horizon.until, horizon.only)
    if not rows:
        return 0
    if not settle(conn, book, bucket, pass_, render(rows), keep_content=keep_content):
        raise NeverSettled(len(rows))
    arrive(conn, book, bucket, pass_)
    review(conn, book, bucket, pass_)
    clear(conn, len(rows))
    return len(rows)
