"""Writing down what rendering made of the accepted messages: sent, or skipped as ``render_error``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import json

from tamshy.conditions.figures import cart_shown, order_shown
from tamshy.language.model import Send
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.decide")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of one accepted message: its parts, bodies as UTF-8, or ``error`` and nothing else."""

    profile: UUID
    message: UUID
    error: str | None = None
    locale: str = ""
    subject: str = ""
    preheader: str = ""
    html_bytes: bytes = b""
    plain_bytes: bytes = b""
    from_address: str = ""
    reply_to: str | None = None
    links: list[str] = field(default_factory=list)

    @property
    def html(self) -> str:
        """The HTML as text."""
        return self.html_bytes.decode()

    @property
    def plain(self) -> str:
        """The plain text as text."""
        return self.plain_bytes.decode()


def accepted(
    conn: Connection,
    bucket: int,
    limit: int,
    horizon: datetime | None = None,
    only: Sequence[UUID] | None = None,
) -> list[tuple[object, ...]]:
    """The bucket's messages that wait for their rendering, with all that templates may ask for.

    ``horizon``: without the profiles that are set aside beyond it. ``only``: of these profiles.

    Columns: profile, message, message_version, the profile's locale and zone, decided_at, profile properties, event and vars as
    JSON text, address, cart and orders as JSON text.
    """
    params = {"bucket": bucket, "limit": limit, "horizon": horizon, "only": None if only is None else list(only)}
    return conn.execute(_ACCEPTED, params).fetchall()


_ACCEPTED = f"""
select x.profile, x.id, x.message_version, x.props ->> 'locale', x.zone, x.decided_at, x.props::text,
    (x.ev_props || jsonb_build_object('occurred_at', x.ev_at, 'context', x.ev_ctx))::text, x.vars::text, x.address,
    {cart_shown("%(bucket)s::smallint", "c")}::text, {order_shown("%(bucket)s::smallint", "o")}::text
from (
    select m.profile, m.id, m.message_version, p.properties as props, p.zone, m.decided_at, n.properties as ev_props,
        n.context as ev_ctx, n.occurred_at as ev_at, e.vars, m.address
    from (
        select * from message m
        where m.bucket = %(bucket)s and m.state = 'accepted' and (%(only)s::uuid[] is null or m.profile = any(%(only)s))
            and not exists (
                select from set_aside s
                where s.bucket = m.bucket and s.profile = m.profile and s.until > %(horizon)s::timestamptz)
        limit %(limit)s
    ) m
    join profile p on p.bucket = %(bucket)s and p.id = m.profile
    join enrollment e on e.bucket = %(bucket)s and e.profile = m.profile and e.id = m.enrollment
    join entry n on n.bucket = %(bucket)s and n.profile = m.profile and n.enrollment = m.enrollment
) x"""


def build_accepted(book: Rulebook) -> Statement | None:
    """What waits for its rendering, with all that its templates may ask for: the same whatever the rules are."""
    del book
    return Statement(_ACCEPTED)


def settle(
    conn: Connection, book: Rulebook, bucket: int, pass_: int, results: Sequence[Rendered], *, keep_content: bool
) -> int:
    """Settle rendered messages and leave a move for each: a next wait counts from the decision (rule 4). Gives how many.

    ``keep_content``: keep what was rendered and queue it for delivery; a simulation does neither.
    """
    if not results:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_, "rows": rows_json(map(_outcome, results))}
    if keep_content:
        conn.execute(_SQL["keep_content"], {"bucket": bucket} | _contents([r for r in results if r.error is None]))
        conn.execute(_SQL["queue_delivery"], params)
    statement = book.statement("settle", build)
    return 0 if statement is None else statement.run(conn, params).rowcount


def _outcome(result: Rendered) -> dict[str, object]:
    """What all but the content is settled by."""
    return {
        "profile": result.profile,
        "message": result.message,
        "error": result.error,
        "locale": result.locale,
        "subject": result.subject,
    }


def _contents(results: Sequence[Rendered]) -> dict[str, object]:
    """The contents as columns: in JSON the server would unescape each body, and read all of them once for each statement."""
    return {
        "profiles": [result.profile for result in results],
        "messages": [result.message for result in results],
        "subjects": [result.subject for result in results],
        "preheaders": [result.preheader for result in results],
        "htmls": [result.html_bytes for result in results],
        "plains": [result.plain_bytes for result in results],
        "from_addresses": [result.from_address for result in results],
        "reply_tos": [result.reply_to for result in results],
        "links": [json.encode(result.links).decode() for result in results],
    }


def build(book: Rulebook) -> Statement | None:
    """Compile where each send step leads into the statement that settles its messages."""
    weave = Weaver(book)
    rows = [
        f"({place.number}, {'null' if place.node.next is None else place.node.next}::smallint)"
        for place in book.places()
        if isinstance(place.node.step, Send)
    ]
    if not rows:
        return None
    sql = f"""
with r as materialized (
    select m.*, r.error, r.locale as chosen, r.subject as said
    from json_to_recordset(%(rows)s::json) as r (profile uuid, message uuid, error text, locale text, subject text)
    join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message and m.state = 'accepted'
), settled as (
    update message m
    set state = case when r.error is null then 'sent' else 'skipped' end,
        reason = case when r.error is not null then 'render_error' end,
        locale = r.chosen, subject = r.said,
        facts = m.facts || case when r.error is null then '{{}}'::jsonb else jsonb_build_object('error', r.error) end
    from r
    where m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.id
), moved as (
    insert into move (profile, enrollment, version, target, reached_at, moment, reason)
    select r.profile, r.enrollment, e.version, l.target, r.decided_at, r.decided_at, case when l.target is null then 'finished' end
    from r
    join enrollment e on e.bucket = %(bucket)s and e.profile = r.profile and e.id = r.enrollment and e.active
    join (values {", ".join(rows)}) as l (place, target) on l.place = e.version::bigint * 1000 + e.step
), emitted as (
    insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties)
    select %(bucket)s, profile, decided_at, true, %(pass)s, id, %(workspace)s, 'event', 1, 'Message Sent', decided_at,
        jsonb_build_object('message', message, 'flow', flow, 'step', step, 'message_id', id, 'enrollment', enrollment)
    from r where error is null
)
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key, step,
    message, address, locale, subject, facts)
select %(bucket)s, r.profile, %(pass)s, 50, r.id, %(workspace)s, r.decided_at, 'message', r.flow, r.version, r.enrollment,
    case when r.error is null then 'sent' else 'skipped' end, case when r.error is not null then 'render_error' end,
    e.key, r.step, r.message, r.address, r.chosen, r.said,
    r.facts || case when r.error is null then '{{}}'::jsonb else jsonb_build_object('error', r.error) end
from r
join enrollment e on e.bucket = %(bucket)s and e.profile = r.profile and e.id = r.enrollment"""
    return Statement(sql, weave.params)
