# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""Who enters and who leaves, a set at a time: those whose item may have to do with a segment, and those whose moment has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.call import IMPORTED
from tamshy.language.model import SEGMENT_ENTERED, SEGMENT_LEFT
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import Weaver
from tamshy.segment.reasons import reasons

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

BEHIND: Final = 9_000_000_000_000_000_000
"""Where a flip stands among what comes at its moment: behind every event."""


def run(conn: Connection, book: Rulebook, bucket: int) -> int:
    """Look at the segments that the agenda's items may have to do with; returns how many borders were crossed."""
    statement = book.statement("segments", build_flips)
    if statement is None:
        return 0
    return statement.run(conn, {"bucket": bucket, "workspace": book.workspace}).rowcount


def review(conn: Connection, book: Rulebook, bucket: int, pass_: int) -> None:
    """Leave a review for those of whom a due step, an entry or an exit has changed what segments ask for (rule 1: emitted)."""
    statement = book.statement("reviews", build_reviews)
    if statement is not None:
        params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
        statement.run(conn, params)


def rows(hand: str, more: str = "") -> str:
    """``x`` for the conditions of segments: the people in ``hand`` (SQL with ``profile``, ``moment``), whom nothing has started."""
    return f"""
    select p.bucket, h.profile, h.moment, p.zone, p.properties as props, p.consents, null::uuid as enrollment,
        null::timestamptz as entered_at, null::jsonb as reached, null::jsonb as ev_props, null::jsonb as ev_ctx,
        null::timestamptz as ev_at{more}
    from {hand} h
    cross join lateral (
        select *, ctid as spot from profile p
        where p.bucket = %(bucket)s and p.id = h.profile and p.merged_into is null offset 0) p"""


def build_flips(book: Rulebook) -> Statement | None:
    """Ask the conditions of all tracked segments of whom they may have to do with, write down who crosses, and say so."""
    found = reasons(book)
    if not found:
        return None
    weave = Weaver(book)
    kept = ", ".join(
        f"({one.number}, {weave.literal(one.name, 'text')}, {weave.literal(sorted(one.names), 'text[]')},"
        f" {str(one.said).lower()}, {str(one.said or bool(one.flows)).lower()})"
        for one in found
    )
    holds = by_number("x.number", [(one.number, weave.segment(one.name)) for one in found], "false")
    turns = [(one.number, weave.turn(one.name)) for one in found if one.timed]
    turn = by_number("x.number", turns, "null::timestamptz")
    more = ", p.placed, p.spot as person, w.number, w.segment, h.origin, h.id"
    people = rows("agenda", more)
    sql = f"""
with judged as materialized (
    select x.profile, x.moment, x.placed, x.person, x.segment, x.number, x.origin, x.id, {holds} as holds, {turn} as turn,
        m.spot as inside, m.spot is not null as was, f.spot as told, f.at
    from ({people}
    cross join (values {kept}) as w (number, segment, names, said, reviewed)
    where not h.due and (
        not p.placed
        or case h.kind
            when 'review' then w.reviewed or h.properties ? 'all'
            when 'flip' then coalesce((
                select f.at <= h.moment from flip f
                where f.bucket = %(bucket)s and f.profile = h.profile and f.segment = w.segment), false)
            else h.name = any(w.names) or (w.said and (h.kind = 'identify' or h.facts ? 'ambient' or h.facts ? 'source'))
        end)
    offset 0) x
    left join lateral (
        select m.ctid as spot from membership m
        where m.bucket = %(bucket)s and m.profile = x.profile and m.segment = x.segment offset 0) m on true
    left join lateral (
        select f.ctid as spot, f.at from flip f
        where f.bucket = %(bucket)s and f.profile = x.profile and f.segment = x.segment offset 0) f on true
), armed as (
    insert into flip (bucket, profile, segment, at)
    select %(bucket)s, profile, segment, turn from judged where turn is distinct from at and turn is not null
    on conflict (bucket, profile, segment) do update set at = excluded.at
), disarmed as (
    delete from flip f using judged j where f.bucket = %(bucket)s and f.ctid = j.told and j.turn is null
), joined as (
    insert into membership (bucket, profile, segment, since)
    select %(bucket)s, profile, segment, moment from judged where holds and not was
    on conflict do nothing
), parted as (
    delete from membership m using judged j where m.bucket = %(bucket)s and m.ctid = j.inside and not j.holds
), known as (
    update profile p set placed = true
    from (select distinct person from judged where not placed) n
    where p.bucket = %(bucket)s and p.ctid = n.person
)
insert into inbox (bucket, profile, moment, ord, id, workspace, kind, origin, name, occurred_at, properties)
select %(bucket)s, profile, moment, {BEHIND} + number, md5(concat_ws('|', 'flip', profile, segment, moment, holds, id))::uuid,
    %(workspace)s, 'event', case origin when {IMPORTED} then {IMPORTED} else 1 end,
    case when holds then '{SEGMENT_ENTERED}' else '{SEGMENT_LEFT}' end, moment, jsonb_build_object('segment', segment)
from judged where holds <> was
on conflict do nothing"""
    return Statement(sql, weave.params)


def build_reviews(book: Rulebook) -> Statement | None:
    """Leaves one review for each profile of the pass whose properties a step has set, or who is in another flow than before."""
    found = reasons(book)
    said = any(one.said for one in found)
    flows = sorted({flow for one in found for flow in one.flows})
    if not said and not flows:
        return None
    weave = Weaver(book)
    changed = []
    if said:
        changed.append("select s.profile, s.moment from assignment s where s.patch ? 'set'")
    if flows:
        changed.append(f"""
        select h.profile, h.moment from (select profile, moment from agenda union select profile, moment from move) h
        cross join lateral (
            select from journal j
            where j.bucket = %(bucket)s and j.profile = h.profile and j.pass = %(pass)s and j.kind = 'enrollment'
                and j.outcome in ('entered', 'exited') and j.flow = any({weave.literal(flows, "text[]")})
            offset 0) j""")
    sql = f"""
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, occurred_at)
select distinct %(bucket)s, c.profile, c.moment, true, %(pass)s, md5(concat_ws('|', 'review', c.profile, c.moment, %(pass)s))::uuid,
    %(workspace)s, 'review', 1, c.moment
from ({" union ".join(changed)}) c
on conflict do nothing"""
    return Statement(sql, weave.params)
