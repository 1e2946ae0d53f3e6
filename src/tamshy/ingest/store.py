"""Storing calls: de-duplicated, tied to their profiles in order, and left in the inbox, a batch at a time.

The caller's transaction is the unit: what it commits is stored durably, with everything that follows from it. Where two
processes decide about the same person at once, the one that comes second finds its look-up outdated by what it could
not write, and decides again, holding the identifiers this time.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from tamshy import sqlkit
from tamshy.domain.call import IMPORTED
from tamshy.domain.identity import USER, Holding, Identifier, Naming, Register, mentioned
from tamshy.domain.ids import named_text
from tamshy.ingest.row import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tamshy.domain.call import Call
    from tamshy.domain.identity import Newcomer, Placement
    from tamshy.ingest.workspace import WorkspaceRef

_Q: Final = sqlkit.queries(__package__)
_REPEAT_WITHIN: Final = timedelta(days=30)
_TRIES: Final = 8
_AT_ONCE: Final = 5000
"""Calls of a history that one statement leaves in the inbox."""


class Contended(sqlkit.DatabaseUnavailable):
    """Other processes changed the same people again and again; trying later can help."""


class _Outdated(Exception):
    """What was looked up is not so any more."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many calls were accepted, and how many were known already (rule 15)."""

    accepted: int
    repeated: int


class _Candidate(NamedTuple):
    """A call, the digest of its message id (32 digits), and whether an earlier one of the batch is over 30 days older."""

    call: Call
    digest: str | None
    again: bool


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A call with the id that it and its event go by, as 32 digits."""

    call: Call
    id: str


def store(conn: sqlkit.Connection, workspace: WorkspaceRef, calls: Sequence[Call]) -> Stored:
    """Store calls in their order, within the transaction of `conn`; the caller commits.

    Args:
        conn: a connection, in a transaction or about to begin one.
        workspace: whom they come in for.
        calls: in order of arrival. A call of before (same `key`, within 30 days) is counted and does nothing.

    Raises:
        Contended: other processes kept changing the same people.
    """
    accepted = _accept(conn, workspace, calls)
    if accepted:
        placements = _resolve(conn, workspace, [one.call for one in accepted])
        rows: list[dict[str, object]] = []
        for one, placement in zip(accepted, placements, strict=True):
            if placement is not None:
                rows += rows_of(one.call, one.id, placement, workspace)
        if rows:
            _run(conn, "leave", workspace, rows=rows)
    return Stored(len(accepted), len(calls) - len(accepted))


def store_history(conns: Sequence[sqlkit.Connection], workspace: WorkspaceRef, calls: Sequence[Call]) -> None:
    """Store a whole history in an empty workspace that nobody else writes to; commits.

    What `store` would leave of the same calls, without asking the database anything: whoever comes was never seen before.

    Args:
        conns: connections to one database, at least one; the inbox is filled through all of them side by side.
        workspace: whom they come in for; nobody is known there yet.
        calls: in order of arrival, repetitions left out.
    """
    register = Register(workspace.name, workspace.by_email, {})
    written: list[Future[None] | None] = [None] * len(conns)
    with ThreadPoolExecutor(len(conns)) as writers:
        for turn, start in enumerate(range(0, len(calls), _AT_ONCE)):
            rows: list[dict[str, object]] = []
            for call in calls[start : start + _AT_ONCE]:
                placement = register.place(call)
                if placement is not None:
                    rows += rows_of(call, _named_once(call).id, placement, workspace)
            given = _parameters(workspace, {"rows": rows})
            place = turn % len(conns)
            before = written[place]
            if before is not None:
                before.result()
            written[place] = writers.submit(_left, conns[place], given)
        for one in written:
            if one is not None:
                one.result()
    _write(conns[0], workspace, register)
    _write_namings(conns[0], workspace, register)
    conns[0].commit()


def _left(conn: sqlkit.Connection, given: Mapping[str, object]) -> None:
    conn.execute(_Q["leave"], given)
    conn.commit()


def prune(conn: sqlkit.Connection, now: datetime, limit: int = 10_000) -> int:
    """Drop what no call can hit any more: message ids and namings of devices over 30 days old; the caller commits.

    Returns:
        How many rows went, at most twice `limit`; call again while it is not 0.
    """
    given = {"before": now - _REPEAT_WITHIN, "limit": limit}
    return sum(conn.execute(_Q[name], given).rowcount for name in ("forget_messages", "forget_namings"))


def _accept(conn: sqlkit.Connection, workspace: WorkspaceRef, calls: Sequence[Call]) -> list[_Accepted]:
    """Leave out what was accepted before, here or in an earlier batch."""
    candidates = _once_each(calls)
    fresh = _first_seen(conn, workspace, candidates)
    found = []
    for call, digest, again in candidates:
        if digest is None:
            found.append(_Accepted(call, _made_id(call)))
        elif call.origin != IMPORTED and (again or fresh.get(digest)):
            found.append(_Accepted(call, named_text(str(call.key), call.received_at.isoformat())))
        elif digest in fresh:
            # What a file says is the same whenever it is read again, also after thirty days.
            found.append(_Accepted(call, digest))
    return found


def _named_once(call: Call) -> _Accepted:
    """Accept a call that nothing repeats within 30 days; what comes again after that is another."""
    return _Accepted(call, _made_id(call) if call.key is None else named_text(call.key, call.received_at.isoformat()))


def _once_each(calls: Sequence[Call]) -> list[_Candidate]:
    """Leave out what repeats within the batch."""
    seen: dict[str, datetime] = {}
    found = []
    for call in calls:
        if call.key is None:
            found.append(_Candidate(call, None, again=False))
            continue
        digest = named_text(call.key)
        before = seen.get(digest)
        if before is not None and call.received_at - before <= _REPEAT_WITHIN:
            continue
        seen[digest] = call.received_at
        found.append(_Candidate(call, digest, again=before is not None))
    return found


def _first_seen(
    conn: sqlkit.Connection,
    workspace: WorkspaceRef,
    candidates: Iterable[_Candidate],
) -> dict[str, bool]:
    """Write the message ids down; give the accepted ones, and whether each had been seen over 30 days ago."""
    first: dict[str, datetime] = {}
    for call, digest, _ in candidates:
        if digest is not None:
            first.setdefault(digest, call.received_at)
    if not first:
        return {}
    rows = [{"digest": digest, "seen_at": at} for digest, at in first.items()]
    return {digest: bool(again) for digest, again in _run(conn, "accept", workspace, rows=rows)}


def _made_id(call: Call) -> str:
    """Name a call without a messageId by all that it says and its place in its arrival."""
    said = orjson.dumps(
        [call.kind, call.user_id, call.anonymous_id, call.name, call.occurred_at, call.properties, call.context],
        option=orjson.OPT_SORT_KEYS,
    )
    return named_text(said.decode(), call.received_at.isoformat(), str(call.ord))


def _resolve(conn: sqlkit.Connection, workspace: WorkspaceRef, calls: Sequence[Call]) -> list[Placement | None]:
    """Tie calls to profiles and write down what that changes."""
    namings = _namings(conn, workspace, calls)
    names = {name for call in calls for name in mentioned(call, by_email=workspace.by_email)}
    names |= {Identifier(USER, naming.user) for found in namings.values() for naming in found}
    asked = [{"kind": name.kind, "value": name.value} for name in names]
    held: set[UUID] = set()
    for _ in range(_TRIES):
        known = _holdings(_run(conn, "holders", workspace, names=asked))
        if held:
            known |= _holdings(_run(conn, "families", workspace, profiles=_profiles(workspace, held)))
        before = {device: list(found) for device, found in namings.items()}
        register = Register(workspace.name, workspace.by_email, known, held, before)
        placements = [register.place(call) for call in calls]
        uncertain = (register.wanted | register.contested) - held
        if uncertain:
            # Decided anew once nobody else can change them; what was read before may be outdated by then.
            held |= uncertain
            _run(conn, "lock_families", workspace, profiles=_profiles(workspace, held))
            continue
        try:
            _write(conn, workspace, register)
        except _Outdated:
            continue
        _write_namings(conn, workspace, register)
        return placements
    raise Contended("the same people are being changed by others at this moment; try again in a second")


def _namings(conn: sqlkit.Connection, workspace: WorkspaceRef, calls: Sequence[Call]) -> dict[str, list[Naming]]:
    """Look up who was named before with the devices of calls that name no user."""
    asked = {
        (call.anonymous_id, call.occurred_at)
        for call in calls
        if call.user_id is None and call.anonymous_id is not None
    }
    if not asked:
        return {}
    found: dict[str, list[Naming]] = {}
    devices = [{"device": device, "at": at} for device, at in asked]
    for device, at, user in _run(conn, "namings", workspace, devices=devices):
        found.setdefault(device, []).append(Naming(at, user))
    return found


def _write(conn: sqlkit.Connection, workspace: WorkspaceRef, register: Register) -> None:
    """Write identifiers and newcomers down, all or nothing.

    Raises:
        _Outdated: an identifier has become another profile's since it was looked up.
    """
    added, moved = dict(register.added()), register.moved()
    if not added and not moved:
        return
    with conn.transaction():
        if added:
            _add(conn, workspace, added)
        if moved:
            rows = [{**_identifier_row(workspace, name, holding), "was": was} for name, was, holding in moved]
            if _count(conn, "move_identifiers", workspace, rows=rows) != len(rows):
                raise _Outdated
        if register.newcomers:
            rows = [_profile_row(workspace, one) for one in register.newcomers.values()]
            parameters = {"workspace": workspace.id, "zone": workspace.zone, "rows": sqlkit.rows_json(rows)}
            conn.execute(_Q["add_profiles"], parameters)


def _write_namings(conn: sqlkit.Connection, workspace: WorkspaceRef, register: Register) -> None:
    if register.named:
        rows = [{"device": device, "at": at, "user_id": user} for (device, at), user in register.named.items()]
        _run(conn, "name_devices", workspace, rows=rows)


def _add(conn: sqlkit.Connection, workspace: WorkspaceRef, added: Mapping[Identifier, Holding]) -> None:
    rows = [_identifier_row(workspace, name, holding) for name, holding in added.items()]
    got = {Identifier(kind, value) for kind, value in _run(conn, "add_identifiers", workspace, rows=rows)}
    short = [name for name in added if name not in got]
    if short:
        asked = [{"kind": name.kind, "value": name.value} for name in short]
        now = _holdings(_run(conn, "holders", workspace, names=asked))
        # Another process that met the same newcomer made the same profile of it: nothing to decide anew.
        if any(name not in now or now[name].profile != added[name].profile for name in short):
            raise _Outdated


def _profile_row(workspace: WorkspaceRef, one: Newcomer) -> dict[str, object]:
    return {
        "bucket": workspace.bucket(one.profile),
        "id": one.profile,
        "die": one.die,
        "created_at": one.created_at,
        "created_text": _text(one.created_at),
    }


def _text(at: datetime) -> str:
    grain = "milliseconds" if at.microsecond else "seconds"
    return at.isoformat(timespec=grain).replace("+00:00", "Z")


def _identifier_row(workspace: WorkspaceRef, name: Identifier, holding: Holding) -> dict[str, object]:
    return {
        "kind": name.kind,
        "value": name.value,
        "bucket": workspace.bucket(holding.profile),
        "profile": holding.profile,
        "since": holding.since,
    }


def _holdings(rows: Iterable[tuple[str, str, UUID, datetime]]) -> dict[Identifier, Holding]:
    return {Identifier(kind, value): Holding(profile, since) for kind, value, profile, since in rows}


def _profiles(workspace: WorkspaceRef, profiles: Iterable[UUID]) -> list[dict[str, object]]:
    return [{"bucket": workspace.bucket(profile), "profile": profile} for profile in profiles]


def _run(
    conn: sqlkit.Connection,
    name: str,
    workspace: WorkspaceRef,
    **batches: Iterable[object],
) -> list[tuple[Any, ...]]:
    """Run a named statement with its batches as one JSON parameter each; rows come back where it gives any."""
    cursor = conn.execute(_Q[name], _parameters(workspace, batches))
    return cursor.fetchall() if cursor.description is not None else []


def _count(conn: sqlkit.Connection, name: str, workspace: WorkspaceRef, **batches: Iterable[object]) -> int:
    return conn.execute(_Q[name], _parameters(workspace, batches)).rowcount


def _parameters(workspace: WorkspaceRef, batches: Mapping[str, Iterable[object]]) -> dict[str, object]:
    return {"workspace": workspace.id, **{key: sqlkit.rows_json(rows) for key, rows in batches.items()}}
