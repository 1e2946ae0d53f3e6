"""The checks of the language's table, in its order; the first that objects decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import Send, TopicDefault
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import DUE_ROWS, Weaver
from tamshy.sqlkit.calendar import add_sql, let_go_sql, quiet_until_sql

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection

_LATE = """
        case when t.moment > t.work_at or (t.moment > t.due_at and not exists (
            select from journal j
            where j.bucket = %(bucket)s and j.profile = t.profile and j.outcome = 'postponed'
                and j.id = md5(concat_ws('|', t.enrollment, t.step, t.visit))::uuid))
        then '{"late": true}'::jsonb else '{}' end"""
"""Says of a decision that it came later than it could have, without having been postponed: the engine was away, or the news."""

POSTPONING = ("quiet_hours", "frequency_cap")
"""The reasons that put a message off rather than skip it, as long as it does not expire."""


def decide(conn: Connection, book: Rulebook, bucket: int, pass_: int, places: set[int]) -> int:
    """Decide every due send step of the agenda; returns how many decisions were written."""
    statement = book.statement_for("decide", places, build)
    if statement is None:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    return conn.execute(statement.sql, statement.params | params).rowcount


def _sends(book: Rulebook) -> list[tuple[Place, Send]]:
    return [(place, place.node.step) for place in book.places() if isinstance(place.node.step, Send)]


def build(book: Rulebook) -> Statement | None:
    """Compile all send steps of the workspace into the statement that decides them."""
    weave = Weaver(book)
    sends = _sends(book)
    if not sends:
        return None
    known = ", ".join(_row(weave, book, place, step) for place, step in sends)
    conditions = " ".join(
        f"when {place.number} then not {weave.condition(step.condition)}"
        for place, step in sends
        if step.condition is not None
    )
    fails = f"case x.place {conditions} else false end" if conditions else "false"
    numbers = weave.literal([place.number for place, _ in sends], "bigint[]")
    sql = f"""
with x as materialized (
    select d.*, l.step_id, l.message, l.message_version, l.marketing, l.topic, l.target,
        {_deadlines(sends)} as deadline,
        {_consented(weave, book, "d.consents", "l.topic")} as consented
    from ({DUE_ROWS} and a.place = any({numbers})) d
    join (values {known}) as l (place, step_id, message, message_version, marketing, topic, target) on l.place = d.place
), judged as materialized (
    select x.*, case
        when x.marketing and x.held_out then 'held_out'
        when x.address is null then 'no_address'
        when x.suppressed is not null or exists (
            select from suppression s
            where s.workspace = %(workspace)s and s.address = x.address and s.since <= x.moment) then 'suppressed'
        when x.marketing and not x.consented then 'no_consent'
        when {fails} then 'condition'
        when x.moment > x.deadline or x.due_at < x.skip_before then 'expired'
        when exists (
            select from message m
            where m.bucket = %(bucket)s and m.profile = x.profile and m.trigger_event = x.trigger_event
                and m.message = x.message and m.address = x.address and m.state in ('sent', 'accepted')
                and m.enrollment <> x.enrollment) then 'duplicate'
        when x.marketing and {_quiet(book)} is not null then 'quiet_hours'
        when x.marketing and {_over_cap(book)} is not null then 'frequency_cap'
    end as reason
    from x
), timed as materialized (
    select x.*, greatest(x.moment + interval '1 microsecond',
        case x.reason when 'quiet_hours' then {_quiet(book)} when 'frequency_cap' then {_over_cap(book)} end) as next
    from judged x
), settled as materialized (
    select t.*, case when t.reason = any({weave.literal(list(POSTPONING), "text[]")}) then t.next end as until,
        case when t.reason is null then 'accepted'
        when t.reason = any({weave.literal(list(POSTPONING), "text[]")}) and t.next <= t.deadline then 'postponed'
        else 'skipped' end as outcome,
        md5(concat_ws('|', t.enrollment, t.step, t.visit))::uuid as message_id, {_LATE} as late
    from timed t
), written as (
    insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit, message,
        message_version, kind, topic, trigger_event, state, reason, address, due_at, decided_at, facts)
    select %(bucket)s, profile, message_id, %(workspace)s, enrollment, flow, version, step, step_id, visit, message,
        message_version, case when marketing then 'marketing' else 'transactional' end, topic, trigger_event, outcome, reason,
        address, due_at, moment, jsonb_build_object('due', due_at, 'until', until, 'expires_at', deadline) || late
    from settled where outcome <> 'postponed'
), waits as (
    update enrollment e
    set work_at = case s.outcome when 'postponed' then s.until else 'infinity' end
    from settled s
    where s.outcome <> 'skipped' and e.bucket = %(bucket)s and e.profile = s.profile and e.id = s.enrollment
), moved as (
    insert into move (profile, enrollment, version, target, reached_at, moment, reason)
    select profile, enrollment, version, target, moment, moment, case when target is null then 'finished' end
    from settled where outcome = 'skipped'
)
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key, step,
    message, until, address, facts)
select %(bucket)s, profile, %(pass)s, 50, message_id, %(workspace)s, moment, 'message', flow, version, enrollment, outcome,
    reason, key, step_id, message, case when outcome = 'postponed' then until end, address,
    jsonb_build_object('due', due_at, 'deadline', deadline, 'topic', topic, 'consented', consented,
        'allowed_from', until, 'suppressed', suppressed) || late
from settled where outcome <> 'accepted'"""
    return Statement(sql, weave.params, frozenset(place.number for place, _ in sends))


def _row(weave: Weaver, book: Rulebook, place: Place, step: Send) -> str:
    message = book.messages[step.message]
    topic = step.topic or message.topic
    target = "null::smallint" if place.node.next is None else f"{place.node.next}::smallint"
    step_id, name = weave.literal(step.id, "text"), weave.literal(message.name, "text")
    marketing = str(message.marketing).lower()
    return (
        f"({place.number}, {step_id}, {name}, {message.version}, {marketing}, {weave.literal(topic, 'text')}, {target})"
    )


def _deadlines(sends: list[tuple[Place, Send]]) -> str:
    """When a send becomes too late: its own ``expires`` after it was due."""
    deadlines = [(place.number, add_sql("d.due_at", "d.zone", step.expires)) for place, step in sends]
    return by_number("d.place", deadlines, "d.due_at")


def _consented(weave: Weaver, book: Rulebook, consents: str, topic: str) -> str:
    """Whether a message of the topic may be sent: by word, else by the topic's default (rule 23)."""
    open_topics = [t.name for t in book.settings.topics if t.default is TopicDefault.OPT_OUT]
    default = f"{topic} = any({weave.literal(open_topics, 'text[]')})"
    return f"coalesce(({consents} -> {topic} ->> 'on')::boolean, {default})"


def _quiet(book: Rulebook) -> str:
    """The end of the quiet hours that the moment lies in; null outside of them."""
    quiet = book.settings.quiet_hours
    if quiet is None or quiet.start == quiet.end:
        return "null::timestamptz"
    return f"({quiet_until_sql('x.moment', 'x.zone', quiet.start, quiet.end)})"


def _over_cap(book: Rulebook) -> str:
    """The first moment that all caps allow; null where none is exceeded (rule 24)."""
    parts = [_one_cap(messages, per) for messages, per in book.caps()]
    if not parts:
        return "null::timestamptz"
    return f"greatest({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _one_cap(messages: int, per: Duration) -> str:
    """When the cap's window lets go of the newest message but ``messages`` - 1; null where fewer were sent in it."""
    nth = f"""(
            select m.decided_at from message m
            where m.bucket = %(bucket)s and m.profile = x.profile and m.state in ('sent', 'accepted') and m.kind = 'marketing'
                and m.decided_at > {add_sql("x.moment", "x.zone", -per)} and m.decided_at <= x.moment
            order by m.decided_at desc offset {messages - 1} limit 1)"""
    freed = let_go_sql("n.at", "x.zone", per, "x.moment")
    return f"(select {freed} from (select {nth} as at offset 0) n where n.at is not null)"
