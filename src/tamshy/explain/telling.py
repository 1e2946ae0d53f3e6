"""Gathering what is known of one person."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tamshy.domain.address import lowered
from tamshy.domain.call import IMPORTED
from tamshy.explain.absence import absences
from tamshy.explain.belonging import belongings
from tamshy.explain.facts import Cause, Coming, Consent, Delivery, Explanation, Happening, Person, Suppressed
from tamshy.explain.rules import rule_behind
from tamshy.explain.standing import standing
from tamshy.language.model import Send, TopicDefault
from tamshy.publish import load_rulebook
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.explain")
_OF_EVENT, _OF_DELIVERY, _OF_VERSION, _OF_ORIGIN = 13, 16, 22, 23


def explain(
    conn: Connection, workspace: str, name: str, *, now: datetime, flow: str = "", message: str = ""
) -> list[Explanation]:
    """Explain everybody in a workspace who goes by a name; an address may be that of several. Changes nothing.

    Args:
        conn: a connection to the database.
        workspace: the workspace's name.
        name: a user id, an address, an anonymous id, or a profile's own id.
        now: the moment it is told at.
        flow: only this flow, where given.
        message: only this message, and the flows that send it, where given.

    Raises:
        LookupError: there is no such workspace, or no flow of it has that name or sends that message.
    """
    book = load_rulebook(conn, workspace)
    people = _people(conn, book.workspace, name)
    published = {
        row[0]: row[1] for row in conn.execute(_SQL["first_published"], {"workspace": book.workspace}).fetchall()
    }
    wanted = _wanted(book, set(published), flow, message)
    return [_explained(conn, book, published, row, wanted, message, now) for row in people]


def whoever(conn: Connection, workspace: int, name: str) -> list[tuple[int, UUID]]:
    """Give everybody in a workspace who goes by a name, as `explain` finds them: bucket and profile, the oldest first."""
    return [(row[0], row[1]) for row in _people(conn, workspace, name)]


def _people(conn: Connection, workspace: int, name: str) -> list[tuple[Any, ...]]:
    given = {"workspace": workspace, "id": _uuid(name), "names": [name, lowered(name)]}
    return conn.execute(_SQL["people"], given).fetchall()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _wanted(book: Rulebook, names: set[str], flow: str, message: str) -> frozenset[str] | None:
    """The flows to tell of, of those there are or were; None: all."""
    if not flow and not message:
        return None
    if flow and flow not in names:
        raise LookupError(f"there is no flow {flow!r}; there are {', '.join(sorted(names)) or 'none'}")
    if not message:
        return frozenset({flow})
    senders = {
        running.name
        for running in book.flows
        for node in running.program.nodes
        if isinstance(node.step, Send) and node.step.message == message
    }
    if not senders & ({flow} if flow else names):
        raise LookupError(f"{f'flow {flow!r} does not send' if flow else 'no flow sends'} {message!r}")
    return frozenset(senders & ({flow} if flow else names))


def _explained(
    conn: Connection,
    book: Rulebook,
    published: dict[str, datetime],
    row: tuple[Any, ...],
    wanted: frozenset[str] | None,
    message: str,
    now: datetime,
) -> Explanation:
    person = _person(conn, book, row)
    params = {"bucket": person.bucket, "profile": person.profile, "workspace": book.workspace}
    story = [_happening(book, one) for one in conn.execute(_SQL["story"], params).fetchall()]
    beside = [Happening(*row) for name in ("coupons", "errands") for row in conn.execute(_SQL[name], params).fetchall()]
    story = _woven(story, beside)
    told = tuple(
        one
        for one in story
        if (wanted is None or one.flow in wanted or not one.flow) and (not message or one.message in {None, message})
    )
    return Explanation(
        person,
        now,
        told,
        standing(conn, book, params, wanted),
        absences(conn, book, params, published, story, wanted),
        tuple(
            Coming(*one)
            for one in conn.execute(_SQL["coming"], params).fetchall()
            if wanted is None or one[0] in wanted
        ),
        belongings(conn, book, params, now),
    )


def _woven(story: list[Happening], beside: list[Happening]) -> list[Happening]:
    """The journal with what is told beside it: at its moment behind the entry that led to it, and before the end of its flow."""
    told = list(story)
    for one in sorted(beside, key=lambda each: each.at):
        place = bisect_right(told, one.at, key=lambda each: each.at)
        of_flow = (
            n
            for n in range(bisect_left(told, one.at, key=lambda each: each.at), place)
            if told[n].kind == "enrollment" and told[n].flow == one.flow
        )
        last = max(of_flow, default=None)
        # What was withdrawn was withdrawn by the end of its flow, and stands behind it.
        ended = last is not None and told[last].outcome == "exited" and one.outcome != "withdrawn"
        told.insert(last if ended and last is not None else place, one)
    return told


def _person(conn: Connection, book: Rulebook, row: tuple[Any, ...]) -> Person:
    bucket, profile, die, address, zone, suppressed, consents = row
    params = {"bucket": bucket, "profile": profile, "workspace": book.workspace, "address": address}
    identifiers = tuple(conn.execute(_SQL["identifiers"], params).fetchall())
    found = conn.execute(_SQL["suppression"], params).fetchone()
    why = Suppressed(*found) if found is not None else None
    if why is None and suppressed is not None:
        why = Suppressed(suppressed)
    return Person(bucket, profile, die, identifiers, address, zone, _consents(conn, book, params, consents), why)


def _consents(
    conn: Connection, book: Rulebook, params: dict[str, object], held: dict[str, dict[str, object]]
) -> tuple[Consent, ...]:
    """What is held of each topic now, with its source: as `subscribed` and deciding see it."""
    said = {row[0]: Consent(row[0], row[1], *row[1:]) for row in conn.execute(_SQL["consents"], params).fetchall()}
    found = []
    for topic in book.settings.topics:
        allowed = held.get(topic.name, {}).get("on", topic.default is TopicDefault.OPT_OUT) is True
        one = said.get(topic.name, Consent(topic.name, allowed))
        found.append(replace(one, allowed=allowed))
    return tuple(found)


def _happening(book: Rulebook, row: tuple[Any, ...]) -> Happening:
    event, delivery = row[_OF_EVENT:_OF_DELIVERY], row[_OF_DELIVERY:_OF_VERSION]
    happening = Happening(*row[:_OF_EVENT])
    return replace(
        happening,
        cause=_occasion(happening)
        if event[0] is None
        else Cause(event[0], event[1], event[2], row[_OF_ORIGIN] == IMPORTED),
        delivery=Delivery(*delivery) if delivery[0] is not None else None,
        rule=rule_behind(book, happening, event[0], row[_OF_VERSION]),
    )


def _occasion(one: Happening) -> Cause | None:
    """The date that came round, where no event was behind a line: as the journal keeps it."""
    name, holds, at = one.facts.get("occasion"), one.facts.get("holds"), one.facts.get("occurred_at")
    if not isinstance(name, str) or not isinstance(at, str):
        return None
    day = holds.get("date") if isinstance(holds, dict) else None
    moment = datetime.fromisoformat(at)
    return Cause(f"{name} {day}" if day else name, moment, moment)
