"""A shop's own past as a history that can be played: read from its tables, as everybody is known now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tamshy.domain.call import Call, CallKind
from tamshy.ingest import History, without_collecting
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from tamshy.sqlkit import Connection

_SQL: Final = queries("tamshy.simulate")
_AT_ONCE: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DEEDS: Final = {"Message Opened": "opened", "Message Clicked": "clicked"}


class Extent(NamedTuple):
    """What of a database is read: a workspace with its buckets, the last one included, up to a moment of arrival."""

    workspace: int
    first: int
    last: int
    until: datetime


class _Whose(NamedTuple):
    """By what a call of somebody's is theirs."""

    user_id: str | None
    anonymous_id: str | None
    email: str | None

    def call(self, kind: CallKind, own: datetime, arrival: datetime, **said: Any) -> Call:  # noqa: ANN401 - a call's fields
        """Make a call of theirs; it is never timed after its arrival (rule 5)."""
        return Call(
            kind=kind,
            occurred_at=min(own, arrival),
            received_at=arrival,
            user_id=self.user_id,
            anonymous_id=self.anonymous_id,
            email=self.email,
            **said,
        )


def past(conn: Connection, extent: Extent) -> History:
    """Read a workspace's past in the order of its arrival.

    Of a property only the newest value is known, and since when; it holds from then on. People who were merged are one from the
    beginning. What flows did is left out: they do it anew.
    """
    calls: list[Call] = []
    people: dict[UUID, _Whose] = {}
    with without_collecting():
        for profile, die, created, properties, stamps, identifiers in _rows(conn, "past_people", extent):
            known = identifiers or []
            people[profile] = whose = _main(known)
            calls += _introduced(whose, _thrown(die, known), created)
            calls += _told(whose, created, properties, stamps, extent.until)
        for profile, name, own, arrival, origin, properties, context in _rows(conn, "past_events", extent):
            if profile in people:
                said = {"name": name, "properties": properties, "context": context, "origin": origin}
                calls.append(people[profile].call(CallKind.TRACK, own, arrival, **said))
        for profile, name, own, arrival, message, url in _rows(conn, "past_deeds", extent):
            if profile in people:
                deed = {"message": message, "did": _DEEDS[name], "url": url, "machine": False}
                calls.append(people[profile].call(CallKind.ENGAGE, own, arrival, properties=deed, origin=1))
        for profile, topic, granted, own, arrival, source, evidence in _rows(conn, "past_consents", extent):
            if profile in people:
                word = {"topic": topic, "granted": granted, "source": source, "evidence": evidence}
                calls.append(people[profile].call(CallKind.CONSENT, own, arrival, properties=word))
        for profile, reason, since in _rows(conn, "past_suppressions", extent):
            if profile in people:
                calls.append(people[profile].call(CallKind.SUPPRESS, since, since, properties={"reason": reason}))
        # A stable sort: of what came at one moment somebody is introduced first.
        calls.sort(key=attrgetter("received_at", "occurred_at"))
        ordered = [replace(call, ord=place) for place, call in enumerate(calls)]
    return History(ordered, [], [], [], 0)


def _rows(conn: Connection, name: str, extent: Extent) -> Iterator[tuple[Any, ...]]:
    with conn.cursor() as cursor:
        yield from cursor.stream(_SQL[name], extent._asdict(), size=_AT_ONCE)


def _main(identifiers: list[list[str]]) -> _Whose:
    """Everything of somebody is told by their first user id, else their first device, else their address."""
    first: dict[str, str] = {}
    for kind, value in identifiers:
        first.setdefault(kind, value)
    user, device = first.get("user_id"), first.get("anonymous_id")
    return _Whose(user, None if user else device, None if user or device else first.get("email"))


def _thrown(die: str, identifiers: list[list[str]]) -> _Whose | None:
    """By what somebody first came into being, where that still leads to them."""
    kind, _, value = die.partition(":")
    if [kind, value] not in identifiers:
        return None
    return _Whose(**{name: value if name == kind else None for name in _Whose._fields})


def _introduced(whose: _Whose, first: _Whose | None, created: datetime) -> Iterator[Call]:
    """Let somebody come into being as they did, so that holdouts and arms are drawn as they were."""
    if first is None or first == whose:
        return
    yield first.call(CallKind.IDENTIFY, created, created)
    if first.email is None:
        yield whose._replace(anonymous_id=first.anonymous_id or whose.anonymous_id).call(
            CallKind.IDENTIFY, created, created
        )


def _told(
    whose: _Whose, created: datetime, properties: Mapping[str, object], stamps: Mapping[str, int], until: datetime
) -> Iterator[Call]:
    """What is known of somebody, each value from its own time on; what no time is known of from the beginning."""
    by_time: dict[datetime, dict[str, object]] = {created: {}}
    for name, value in properties.items():
        stamp = stamps.get(name)
        own = created if stamp is None else _EPOCH + timedelta(microseconds=stamp)
        by_time.setdefault(own, {})[name] = value
    for own, said in by_time.items():
        if own <= until:
            yield whose.call(CallKind.IDENTIFY, own, max(own, created), properties=said)
