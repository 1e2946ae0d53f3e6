"""The oracle's judgement: what the shop's database says, held beside what the witness and the ledger know for certain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from tests.prove.crowd import address_of

from tamshy.domain.ids import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from tests.prove.ledger import Ledger, Taken, Witness

    from tamshy import sqlkit

_SOURCE: Final = "select id::text from api_key where kind = 'write'"
_SEEN: Final = "select digest from seen_message"
_TAKEN_IN: Final = "select id, count(*) from (select id from event union all select id from inbox) e group by id"
_ENROLLED: Final = "select flow, key, trigger_event from enrollment"
_ASKED: Final = "select properties ->> 'cart_id', count(*) from event where name = 'Cart Asked' group by 1"
# One line for each beginning and each end.
_NOT_WHOLE: Final = """
select e.flow, e.key, j.entered, j.exited, e.active
from enrollment e
cross join lateral (
    select count(*) filter (where outcome = 'entered'), count(*) filter (where outcome = 'exited')
    from journal j where j.bucket = e.bucket and j.profile = e.profile and j.enrollment = e.id and j.kind = 'enrollment'
) j (entered, exited)
where e.active or (j.entered, j.exited) <> (1, 1)
"""
# Visits with another number of decisions than one, in the table or in the journal; and of deliveries than were sent.
_NOT_ONCE: Final = """
select m.id, m.state, j.decisions, d.deliveries
from message m
cross join lateral (
    select count(*) from journal j where j.bucket = m.bucket and j.profile = m.profile and j.kind = 'message'
        and j.outcome in ('sent', 'skipped') and j.id = m.id
) j (decisions)
cross join lateral (
    select count(*) from delivery d where d.bucket = m.bucket and d.profile = m.profile and d.message = m.id
) d (deliveries)
where m.state = 'accepted' or j.decisions <> 1 or d.deliveries <> (m.state = 'sent')::integer
"""
_DECIDED_TWICE: Final = """
select enrollment, step_index, visit, count(*) from message group by 1, 2, 3 having count(*) > 1
"""
_DELIVERIES: Final = """
select m.id, d.state, d.doubts from delivery d
join message m on m.bucket = d.bucket and m.profile = d.profile and m.id = d.message
"""
_REASONS: Final = """
select coalesce('skipped as ' || reason, 'sent'), count(*) from message group by 1
union all select 'profiles merged', count(*) from profile where merged_into is not null
union all select 'exited as ' || exit_reason, count(*) from enrollment group by 1 order by 1
"""
# How each cart's passage ended, and what was decided and done about each of its mails: one row a mail, or one without.
_FATES: Final = """
select e.key, e.exit_reason, e.exited_at, m.id, m.step, m.state, m.reason, m.decided_at, d.state
from enrollment e
left join message m on m.bucket = e.bucket and m.profile = e.profile and m.enrollment = e.id
left join delivery d on d.bucket = m.bucket and d.profile = m.profile and d.message = m.id
where e.flow = 'cart' order by e.key, m.decided_at, m.visit
"""
_SAID_SENT: Final = "select message from settlement where did = 'sent'"
_TOUCHED: Final = "select distinct message, kind from engagement"
_WITHDRAWN: Final = """
select m.id from message m where exists (
    select from consent c where c.bucket = m.bucket and c.profile = m.profile and c.topic = m.topic and not c.granted
)
"""
_GRANTED: Final = """
select i.value from identifier i
where i.kind = 'user_id' and exists (select from consent c where c.bucket = i.bucket and c.profile = i.profile and c.granted)
"""


@dataclass
class Judgement:
    """What was found: everything in `faults` is a broken promise; `figures` says how much there was to break."""

    faults: dict[str, list[object]] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)

    def hold(self, promise: str, broken: list[object]) -> None:
        """Note where a promise does not hold."""
        if broken:
            self.faults[promise] = broken[:20]

    def told(self) -> str:
        """Say the figures in a line."""
        return ", ".join(f"{count} {name}" for name, count in self.figures.items())


NEAR_S: Final = 15.0
"""How far from a death a message may have been taken over whose record it took: PostgreSQL takes a while to be back."""


def judge(
    conn: sqlkit.Connection, witness: Witness, ledger: Ledger, *, deaths: Sequence[float], most_copies: int
) -> Judgement:
    """Hold everything against everything, once nothing is under way any more.

    Args:
        conn: to the shop's database, in autocommit.
        witness: what was acknowledged to callers.
        ledger: what was handed over.
        deaths: when there was one that may have left a hand-over without its record, in order; seconds since 1970.
        most_copies: how many second copies may come of each: one for each connection of each sender.
    """
    found = Judgement()
    _calls(conn, witness, found)
    _enrollments(conn, witness, found)
    found.hold("one decision for each visit", [*_rows(conn, _DECIDED_TWICE), *_rows(conn, _NOT_ONCE)])
    _deliveries(conn, ledger, found)
    _second_copies(ledger.taken(), deaths, most_copies, found)
    _fates(conn, witness, ledger, found)
    _touches(conn, witness, found)
    for reason, count in conn.execute(_REASONS):
        found.figures[reason] = count
    return found


def _rows(conn: sqlkit.Connection, statement: str) -> list[object]:
    return list(conn.execute(statement).fetchall())


def _calls(conn: sqlkit.Connection, witness: Witness, found: Judgement) -> None:
    """Every acknowledged call is stored, and taken in once."""
    source = _rows(conn, _SOURCE)[0][0]  # type: ignore[index]
    acknowledged = witness.seen("call")
    seen = {digest for (digest,) in conn.execute(_SEEN)}
    found.hold("nothing acknowledged is lost", [m for m in acknowledged if named(f"{source}|{m}") not in seen])
    taken: dict[UUID, int] = dict(conn.execute(_TAKEN_IN).fetchall())
    lost: list[object] = [event for event in witness.seen("event") if named(f"{source}|{event}") not in taken]
    found.hold("every acknowledged event is there", lost)
    found.hold("every event is there once", [id_ for id_, count in taken.items() if count > 1])
    found.figures["calls acknowledged"] = len(acknowledged)


def _enrollments(conn: sqlkit.Connection, witness: Witness, found: Judgement) -> None:
    """Every cart is one enrollment, which began once and ended once; so is every event that the flow itself made."""
    source = _rows(conn, _SOURCE)[0][0]  # type: ignore[index]
    rows = conn.execute(_ENROLLED).fetchall()
    doubles: list[object] = [key for key, count in Counter((flow, key) for flow, key, _ in rows).items() if count > 1]
    found.hold("one enrollment for each flow and key", doubles)
    wanted = {named(f"{source}|{cart}") for cart in witness.seen("cart")}
    there = {event for flow, _, event in rows if flow == "cart"}
    found.hold("whoever triggered is enrolled", [*(wanted - there), *(there - wanted)])
    asked: dict[str, int] = dict(conn.execute(_ASKED).fetchall())
    found.hold("the engine's own events are there once", [cart for cart, count in asked.items() if count > 1])
    keys = {key for flow, key, _ in rows if flow == "asked"}
    found.hold("the engine's own events enroll", [*(asked.keys() - keys), *(keys - asked.keys())])
    unsure = {line.partition(" ")[0] for line in witness.seen("bought later")}
    asking = set(witness.seen("left alone")) - unsure
    found.hold("the engine's own events are made by whom they should be", list((asking ^ asked.keys()) - unsure))
    found.hold("every enrollment begins once and ends once", _rows(conn, _NOT_WHOLE))
    found.figures["enrollments"] = len(rows)


def _deliveries(conn: sqlkit.Connection, ledger: Ledger, found: Judgement) -> None:
    """What was handed over is what is said to have been, and a second copy was in doubt before it was made."""
    all_taken = ledger.taken()
    copies = Counter(one.message for one in all_taken)
    found.hold("every copy is the same to the byte, for the same reader", list(other_copies(all_taken)))
    states: dict[str, tuple[str, int]] = {
        message.hex: (state, doubts) for message, state, doubts in conn.execute(_DELIVERIES)
    }
    found.hold("what was handed over is known", list(copies.keys() - states.keys()))
    word = {message.hex for (message,) in conn.execute(_SAID_SENT)}
    unsent = [m for m, (state, _) in states.items() if state == "sent" and m not in copies and m not in word]
    found.hold("what was sent was handed over", list(unsent))
    open_ = [(message, state) for message, (state, _) in states.items() if state in {"queued", "handing_over"}]
    found.hold("every delivery is settled", list(open_))
    silent: list[object] = [
        (message, states[message])
        for message in copies
        if message in states and states[message][0] not in {"sent", "uncertain"} and not states[message][1]
    ]
    found.hold("what was handed over is sent or in doubt", silent)
    extra = {message: count - 1 for message, count in copies.items() if count > 1}
    unsaid: list[object] = [
        (message, count, states.get(message))
        for message, count in extra.items()
        if message not in states or states[message][1] < count
    ]
    found.hold("a second copy was in doubt first", unsaid)
    found.figures["messages"] = len(states)
    found.figures["handed over"] = copies.total()
    found.figures["in doubt at some time"] = sum(doubts > 0 for _, doubts in states.values())
    found.figures["second copies"] = sum(extra.values())
    found.figures["uncertain"] = sum(state == "uncertain" for state, _ in states.values())


def _second_copies(taken: Iterable[Taken], deaths: Sequence[float], most: int, found: Judgement) -> None:
    """A copy that was followed by another lost its record to a death, which takes one for each connection at most."""
    of_none, of_each = causes(taken, deaths)
    found.hold("second copies come of a death", list(of_none))
    too_many: list[object] = [(death, count) for death, count in of_each.items() if count > most]
    found.hold("at most one second copy for each connection and death", too_many)


def causes(taken: Iterable[Taken], deaths: Sequence[float]) -> tuple[list[Taken], Counter[float]]:
    """Lay each copy that was followed by another to the death nearest to it; gives those far from any, and how many each has."""
    of_none, of_each = [], Counter[float]()
    for _, some in groupby(sorted(taken, key=attrgetter("message", "at")), key=attrgetter("message")):
        *before, _last = some
        for one in before:
            away, death = min(((abs(death - one.at), death) for death in deaths), default=(NEAR_S + 1, 0.0))
            if away > NEAR_S:
                of_none.append(one)
            else:
                of_each[death] += 1
    return of_none, of_each


def other_copies(taken: Iterable[Taken]) -> list[str]:
    """Name the messages of which a copy differs from another in its bytes or in whom it goes to."""
    by_message = groupby(sorted(taken, key=attrgetter("message")), key=attrgetter("message"))
    return [message for message, some in by_message if len({(one.to, one.digest) for one in some}) > 1]


@dataclass(frozen=True)
class _Mail:
    """What was decided about one mail of a cart, and what became of its hand-over."""

    id: str
    step: str
    state: str
    reason: str | None
    decided_at: datetime
    delivery: str | None


@dataclass
class _Fate:
    """How a cart's passage ended, with its mails."""

    reason: str | None
    ended_at: datetime | None
    mails: list[_Mail] = field(default_factory=list)


def _fates(conn: sqlkit.Connection, witness: Witness, ledger: Ledger, found: Judgement) -> None:
    """What became of each cart is what must become of it, by what was told of it and nothing else."""
    fates: dict[str, _Fate] = {}
    whose: dict[str, str] = {}
    for key, reason, ended_at, id_, *mail in conn.execute(_FATES):
        fate = fates.setdefault(key, _Fate(reason, ended_at))
        if id_ is not None:
            fate.mails.append(_Mail(id_.hex, *mail))
            whose[id_.hex] = key
    later = dict(line.split(" ") for line in witness.seen("bought later"))
    taken = ledger.taken()
    astray: list[object] = [
        (one.message, one.to) for one in taken if address_of(whose.get(one.message, "c-2")) != one.to
    ]
    found.hold("every mail goes to whom its cart belongs", astray)
    address = {one.message: one.to for one in taken}
    gone = {address[message] for message in witness.seen("unsubscribed")}
    clicked = set(witness.seen("clicked"))
    ordered = witness.seen("bought at once")
    written_to: list[object] = [
        (cart, fates.get(cart)) for cart in ordered if cart not in fates or not _ended_at_once(fates[cart])
    ]
    found.hold("whoever ordered at once hears nothing", written_to)
    knew: list[object] = [
        (cart, told_at, fates.get(cart))
        for cart, told_at in later.items()
        if cart not in fates or not _ended_by(fates[cart], datetime.fromisoformat(told_at))
    ]
    found.hold("nothing is decided about a cart whose order was acknowledged", knew)
    short: list[object] = []
    for cart in witness.seen("left alone"):
        if cart in later:
            continue
        if cart not in fates or not _went_all_the_way(fates[cart], left=address_of(cart) in gone, clicked=clicked):
            short.append((cart, fates.get(cart)))
    found.hold("whoever did not order hears all there is to hear", short)
    found.figures["ordered at once"] = len(ordered)
    found.figures["ordered later"] = len(later)
    found.figures["of them in time"] = sum(fates[cart].reason == "exit_on" for cart in later if cart in fates)


def _ended_at_once(fate: _Fate) -> bool:
    return fate.reason == "exit_on" and fate.mails == []


def _ended_by(fate: _Fate, told_at: datetime) -> bool:
    """Whether the order ended it, or came too late; decided later than it was acknowledged is nothing."""
    in_time = all(mail.decided_at <= told_at for mail in fate.mails)
    return in_time and (fate.reason == "exit_on" or (fate.ended_at is not None and fate.ended_at <= told_at))


def _went_all_the_way(fate: _Fate, *, left: bool, clicked: set[str]) -> bool:
    """Whether both mails were decided, for the reasons that there are, and none was given up or taken back without one."""
    if fate.reason != "finished" or len(fate.mails) != 2:
        return False
    reminder, last = fate.mails
    if reminder.state == "sent":
        reminded = reminder.delivery in ({"sent", "uncertain", "withdrawn"} if left else {"sent", "uncertain"})
    else:
        reminded = left and (reminder.state, reminder.reason) == ("skipped", "no_consent")
    told = last.step == "receipt" or (last.step == "thanks" and reminder.id in clicked)
    sent = (last.state, last.delivery) in {("sent", "sent"), ("sent", "uncertain")}
    in_turn = reminder.decided_at < last.decided_at
    return reminder.step == "reminder" and reminded and told and sent and in_turn


def _touches(conn: sqlkit.Connection, witness: Witness, found: Judgement) -> None:
    """Openings, clicks, withdrawals and consents that were acknowledged are there."""
    kept: set[tuple[UUID, str]] = set(conn.execute(_TOUCHED).fetchall())
    there = {(message.hex, kind) for message, kind in kept}
    for kind in ("opened", "clicked"):
        said = witness.seen(kind)
        found.hold(f"nobody {kind} for nothing", [message for message in said if (message, kind) not in there])
        found.figures[kind] = len(said)
    withdrawn = {message.hex for (message,) in conn.execute(_WITHDRAWN)}
    left = witness.seen("unsubscribed")
    found.hold("nobody unsubscribed for nothing", [message for message in left if message not in withdrawn])
    found.figures["unsubscribed"] = len(left)
    granted = {user for (user,) in conn.execute(_GRANTED)}
    found.hold("consent that was acknowledged is there", [w for w in witness.seen("consent") if w not in granted])
