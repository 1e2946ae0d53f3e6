"""Leaving a step: where each due enrollment goes next, and its arrival there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tamshy.advance.arriving import Arrival
from tamshy.language.model import Branch, Exit, Repeat, Send, Split, TakeCoupon, WaitFor
from tamshy.rulebook import PLACES_PER_VERSION, Statement, by_number
from tamshy.rulebook.weaver import Weaver, due_rows, known_of

if TYPE_CHECKING:
    from tamshy.rulebook import Place, Rulebook


def build_plain(book: Rulebook) -> Statement | None:
    """Steps that lead to one place (or, for ``wait_for``, to one of two): nothing is asked of the profile."""
    weave = Weaver(book, inside=True)
    places = [
        place for place in book.places() if not isinstance(place.node.step, Branch | Repeat | Send | Split | TakeCoupon)
    ]
    if not places:
        return None
    targets = [(place.number, _target(place)) for place in places]
    reasons = [
        (place.number, weave.literal(place.node.step.reason, "text"))
        for place in places
        if isinstance(place.node.step, Exit)
    ]
    ways = {
        (place.running.version, index)
        for place in places
        for index in (
            (place.node.then, place.node.otherwise) if isinstance(place.node.step, WaitFor) else (place.node.next,)
        )
    }
    return leaving(book, weave, places, targets, reasons, ways)


def build_branches(book: Rulebook) -> Statement | None:
    """Branches: the first arm whose condition holds; none: on with the next step."""
    weave = Weaver(book, inside=True)
    places = [place for place in book.places() if isinstance(place.node.step, Branch)]
    if not places:
        return None
    targets = [(place.number, _arms(weave, place)) for place in places]
    ways = {
        (place.running.version, index)
        for place in places
        for index in (place.node.next, *(target for _, target in place.node.arms))
    }
    return leaving(book, weave, places, targets, [], ways)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a kind of step works out and writes down beside where it leads.

    ``found``: columns of ``x`` by name, in SQL about the ``x`` of `due_rows`; targets may ask for them. ``keeps``: columns of the
    enrollment by name, in SQL about ``l``: the step that is left at ``left_at`` for ``target``, with what was found, and with
    what the enrollment had, ``rounds_before`` and ``arms_before``. ``carries``: the same for what is no column of it.
    ``first``: members of the statement's ``with`` that write of the rows ``t``, which have all of these.
    """

    found: dict[str, str] = field(default_factory=dict)
    keeps: dict[str, str] = field(default_factory=dict)
    carries: dict[str, str] = field(default_factory=dict)
    first: str = ""


def leaving(
    book: Rulebook,
    weave: Weaver,
    places: list[Place],
    targets: list[tuple[int, str]],
    reasons: list[tuple[int, str]],
    ways: set[tuple[int, int | None]],
    beside: Beside = Beside(),
) -> Statement:
    """Weave the statement: ``targets`` in SQL about ``x``, the step that is left; ``ways``: (version, index) they lead to."""
    numbers = frozenset(place.number for place in places)
    reached = {version * PLACES_PER_VERSION + index for version, index in ways if index is not None}
    arrival = Arrival(weave, [place for place in book.places() if place.number in reached])
    target = by_number("x.place", targets, "null::integer")
    asked = " ".join((target, arrival.asked, *beside.found.values()))
    reason = by_number("l.left_at", reasons, "'finished'")
    given = {"rounds": "l.rounds_before"} | beside.keeps | beside.carries
    found = "".join(f", {sql} as {name}" for name, sql in beside.found.items())
    source = f"{due_rows(asked)} and a.place = any({weave.literal(sorted(numbers), 'bigint[]')})"
    if found:
        source = f"select x.*{found} from ({source} offset 0) x offset 0"
    rows = f"""
        select l.*, l.version::bigint * 1000 + l.target as place, case when l.target is null then {reason} end as reason
            {"".join(f", {sql} as {name}" for name, sql in given.items())}
        from (
            select x.bucket, x.profile, x.moment, x.enrollment, x.flow, x.version, x.key, x.entered_at, x.reached, x.vars, x.spot,
                x.due_at as reached_at, x.place as left_at, ({target})::smallint as target,
                x.rounds as rounds_before, x.arms as arms_before, x.held_out
                {"".join(f", x.{name}" for name in beside.found)}{known_of(asked)}
            from ({source}) x
            offset 0
        ) l"""
    return Statement(
        arrival.statement(rows, tuple(beside.keeps), tuple(beside.carries), beside.first), weave.params, numbers
    )


def index_sql(index: int | None) -> str:
    """A target in SQL; null: the flow is finished."""
    return "null" if index is None else str(index)


def _target(place: Place) -> str:
    if isinstance(place.node.step, WaitFor):
        then, otherwise = index_sql(place.node.then), index_sql(place.node.otherwise)
        return f"case when x.met_at is not null then {then}::integer else {otherwise}::integer end"
    return index_sql(place.node.next) + "::integer"


def _arms(weave: Weaver, place: Place) -> str:
    arms: list[str] = []
    otherwise = index_sql(place.node.next)
    for condition, target in place.node.arms:
        if condition is None:
            otherwise = index_sql(target)
            break
        arms.append(f"when {weave.condition(condition)} then {index_sql(target)}::integer")
    if not arms:
        return f"{otherwise}::integer"
    return f"case {' '.join(arms)} else {otherwise}::integer end"
