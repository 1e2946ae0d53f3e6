"""The checks of the language's table, in its order; the first that objects decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tamshy.domain import calendar
from tamshy.language.model import Repeat, Send, Split, TopicDefault
from tamshy.rulebook import Statement, by_number, later_by_number
from tamshy.rulebook.weaver import Weaver, due_rows
from tamshy.sqlkit.calendar import add_sql, let_go_sql, quiet_until_sql

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection

_NEVER = "null::timestamptz"

POSTPONING = ("quiet_hours", "frequency_cap")
"""The reasons that put a message off rather than skip it, as long as it does not expire."""


def decide(conn: Connection, book: Rulebook, bucket: int, pass_: int, places: set[int]) -> int:
    """Decide every due send step of the agenda; returns how many enrollments go on without a mail: a ``move`` for each."""
    statement = book.statement_for("decide", places, build)
    if statement is None:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    row = statement.run(conn, params).fetchone()
    skipped, hindered = (int(row[0]), int(row[1])) if row is not None else (0, 0)
    if hindered:
        postponing = book.statement("postpone", build_postponing)
        if postponing is not None:
            row = postponing.run(conn, params).fetchone()
            skipped += int(row[0]) if row is not None else 0
    return skipped


def _sends(book: Rulebook) -> list[tuple[Place, Send]]:
    return [(place, place.node.step) for place in book.places() if isinstance(place.node.step, Send)]


_JUDGED = """profile, enrollment, flow, version, step, visit, key, moment, zone, due_at, deadline, step_id, message,
    message_version, marketing, topic, target, trigger_event, address, suppressed, consented, reason, round, noted"""
"""What is known of a judged send: the columns of ``hindrance``."""


def build(book: Rulebook) -> Statement | None:
    """Compile all send steps of the workspace into the statement that decides them.

    It writes down what is accepted or skipped. What may be put off is left in ``hindrance``: until when is dear to work out, and
    only asked where there is any.
    """
    weave = Weaver(book, inside=True)
    sends = _sends(book)
    if not sends:
        return None
    known = ", ".join(_row(weave, book, place, step) for place, step in sends)
    conditions = [
        (place.number, f"not {weave.condition(step.condition)}") for place, step in sends if step.condition is not None
    ]
    fails = by_number("x.place", conditions, "false")
    round_ = _rounds(weave, sends)
    quiet, deadline, capped = _quiet(book, weave.clock), _deadlines(sends, weave.clock), _capped(book, weave.clock)
    asked = f"x.zone {fails} {quiet} {deadline} {capped}"
    numbers = weave.literal([place.number for place, _ in sends], "bigint[]")
    sql = f"""
with judged as materialized (
    select x.profile, x.enrollment, x.flow, x.version, x.step, x.visit, x.key, x.moment, x.zone, x.due_at, x.deadline, x.step_id,
        x.message, x.message_version, x.marketing, x.topic, x.target, x.trigger_event, x.address, x.suppressed, x.consented,
        x.spot, x.round, md5(concat_ws('|', x.enrollment, x.step, x.visit))::uuid as message_id,
        {_LATE}{_WAYS if _parted(book) else ""} as noted,
        case
        when x.marketing and x.held_out then 'held_out'
        when x.address is null then 'no_address'
        when x.suppressed is not null or exists (
            select from suppression s
            where s.workspace = %(workspace)s and s.address = x.address and s.since <= x.moment)
            or exists (
                select from erasure_key k
                join suppression s on s.workspace = k.workspace and s.address = keyed_address(k.inner_pad, k.outer_pad, x.address)
                where k.workspace = %(workspace)s) then 'suppressed'
        when x.marketing and not x.consented then 'no_consent'
        when {fails} then 'condition'
        when x.moment > x.deadline or x.due_at < x.skip_before then 'expired'
        when {_DUPLICATE} then 'duplicate'
        when x.marketing and {quiet} is not null then 'quiet_hours'
        when x.marketing and ({capped}) then 'frequency_cap'
        end as reason
    from (
        select x.*, l.step_id, l.message, l.message_version, l.marketing, l.topic, l.target,
            {deadline} as deadline, {round_} as round,
            {_consented(weave, book, "x.consents", "l.topic")} as consented
        from ({due_rows(asked)} and a.place = any({numbers})) x
        join (values {known}) as l (place, step_id, message, message_version, marketing, topic, target) on l.place = x.place
        offset 0
    ) x
), written as (
    {_writing("judged", "case when reason is null then 'accepted' else 'skipped' end", "null::timestamptz")}
    where reason is null or reason <> all({weave.literal(list(POSTPONING), "text[]")})
), waits as (
    update enrollment e
    set work_at = 'infinity'
    from judged j
    where j.reason is null and e.bucket = %(bucket)s and e.ctid = j.spot
), moved as (
    {_MOVING}
    from judged where reason <> all({weave.literal(list(POSTPONING), "text[]")})
    returning 1
), told as (
    {_telling("judged", "'skipped'", "null::timestamptz")}
    where reason <> all({weave.literal(list(POSTPONING), "text[]")})
), hindered as (
    insert into hindrance ({_JUDGED})
    select {_JUDGED}
    from judged where reason = any({weave.literal(list(POSTPONING), "text[]")})
    returning 1
)
select (select count(*) from moved), (select count(*) from hindered)"""
    return Statement(sql, weave.params, frozenset(place.number for place, _ in sends))


def build_postponing(book: Rulebook) -> Statement | None:
    """Works out until when each send in ``hindrance`` is put off; what would then be too late is skipped."""
    if _quiet(book) == _NEVER and not book.caps():
        return None
    next_ = f"case x.reason when 'quiet_hours' then {_quiet(book)} when 'frequency_cap' then {_over_cap(book)} end"
    sql = f"""
with settled as materialized (
    select t.*, md5(concat_ws('|', t.enrollment, t.step, t.visit))::uuid as message_id,
        case when t.until <= t.deadline then 'postponed' else 'skipped' end as outcome
    from (
        select x.*, greatest(x.moment + interval '1 microsecond', {next_}) as until from hindrance x offset 0
    ) t
), written as (
    {_writing("settled", "outcome", "until")} where outcome = 'skipped'
), waits as (
    update enrollment e
    set work_at = s.until
    from settled s
    where s.outcome = 'postponed' and e.bucket = %(bucket)s and e.profile = s.profile and e.id = s.enrollment
), moved as (
    {_MOVING}
    from settled where outcome = 'skipped'
    returning 1
), told as (
    {_telling("settled", "outcome", "until")}
)
select count(*) from moved"""
    return Statement(sql)


_LATE = """
        case when x.moment > x.work_at or (x.moment > x.due_at and not exists (
            select from journal j
            where j.bucket = %(bucket)s and j.profile = x.profile and j.outcome = 'postponed'
                and j.id = md5(concat_ws('|', x.enrollment, x.step, x.visit))::uuid))
        then '{"late": true}'::jsonb else '{}' end"""
"""Says of a decision that it came later than it could have, without having been postponed: the engine was away, or the news."""

_WAYS = " || jsonb_strip_nulls(jsonb_build_object('round', x.round, 'arms', nullif(x.arms, '{}')))"
"""In which round of a repeat a send stands, and in which arms of experiments whoever comes to it is."""

# Nobody has an accepted message here: a profile waits while its message is rendered. And nothing was decided before what began it.
_DUPLICATE = """exists (
            select from message m
            where m.bucket = %(bucket)s and m.profile = x.profile and m.state = 'sent' and m.decided_at >= x.entered_at
                and m.trigger_event = x.trigger_event and m.message = x.message and m.address = x.address
                and (m.enrollment <> x.enrollment
                    or (m.step = x.step_id and m.facts ->> 'round' is not distinct from x.round)))"""

_MOVING = """insert into move (profile, enrollment, version, target, reached_at, moment, reason)
    select profile, enrollment, version, target, moment, moment, case when target is null then 'finished' end"""


def _writing(rows: str, outcome: str, until: str) -> str:
    return f"""insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit, message,
        message_version, kind, topic, trigger_event, state, reason, address, due_at, decided_at, facts)
    select %(bucket)s, profile, message_id, %(workspace)s, enrollment, flow, version, step, step_id, visit, message,
        message_version, case when marketing then 'marketing' else 'transactional' end, topic, trigger_event,
        {outcome}, reason, address, due_at, moment,
        jsonb_build_object('due', due_at, 'until', {until}, 'expires_at', deadline) || noted
    from {rows}"""


def _telling(rows: str, outcome: str, until: str) -> str:
    return f"""insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason,
        key, step, message, until, address, facts)
    select %(bucket)s, profile, %(pass)s, 50, message_id, %(workspace)s, moment, 'message', flow, version, enrollment, {outcome},
        reason, key, step_id, message, case when {outcome} = 'postponed' then {until} end, address,
        jsonb_build_object('due', due_at, 'deadline', deadline, 'topic', topic, 'consented', consented,
            'allowed_from', {until}, 'suppressed', suppressed) || noted
    from {rows}"""


def _row(weave: Weaver, book: Rulebook, place: Place, step: Send) -> str:
    message = book.messages[step.message]
    topic = step.topic or message.topic
    target = "null::smallint" if place.node.next is None else f"{place.node.next}::smallint"
    step_id, name = weave.literal(step.id, "text"), weave.literal(message.name, "text")
    marketing = str(message.marketing).lower()
    return (
        f"({place.number}, {step_id}, {name}, {message.version}, {marketing}, {weave.literal(topic, 'text')}, {target})"
    )


def _parted(book: Rulebook) -> bool:
    """Whether any flow has rounds or arms to tell of."""
    return any(isinstance(place.node.step, Repeat | Split) for place in book.places())


def _rounds(weave: Weaver, sends: list[tuple[Place, Send]]) -> str:
    """In which round of the repeats around it a send stands, ``2`` or ``1.2``; null: in none."""
    found = []
    for place, _ in sends:
        around = place.running.program.rounds_around(place.node.index)
        if around:
            numbers = ", ".join(f"x.rounds -> {weave.literal(node.step.id, 'text')} ->> 'n'" for node in around)
            found.append((place.number, f"concat_ws('.', {numbers})"))
    return by_number("x.place", found, "null::text")


def _deadlines(sends: list[tuple[Place, Send]], clock: str) -> str:
    """When a send becomes too late: its own ``expires`` after it was due."""
    lengths = [(place.number, step.expires) for place, step in sends]
    return by_number("x.place", later_by_number("x.place", "x.due_at", "x.zone", lengths, clock), "x.due_at")


def _consented(weave: Weaver, book: Rulebook, consents: str, topic: str) -> str:
    """Whether a message of the topic may be sent: by word, else by the topic's default (rule 23)."""
    open_topics = [t.name for t in book.settings.topics if t.default is TopicDefault.OPT_OUT]
    default = f"{topic} = any({weave.literal(open_topics, 'text[]')})"
    return f"coalesce(({consents} -> {topic} ->> 'on')::boolean, {default})"


def _quiet(book: Rulebook, clock: str = "") -> str:
    """The end of the quiet hours that the moment lies in; null outside of them."""
    quiet = book.settings.quiet_hours
    if quiet is None or quiet.start == quiet.end:
        return _NEVER
    return f"({quiet_until_sql('x.moment', 'x.zone', quiet.start, quiet.end, clock)})"


def _capped(book: Rulebook, clock: str) -> str:
    """Whether any cap is exceeded: as many messages were sent in its time as it allows."""
    return " or ".join(_exceeded(messages, per, clock) for messages, per in book.caps()) or "false"


def _exceeded(messages: int, per: Duration, clock: str) -> str:
    """Only where so many were sent in a time that is surely as long is the zone's clock asked how long it is exactly."""
    length = calendar.bounded(per)
    longest = timedelta(days=31 * length.months + length.days + 2, seconds=length.seconds)
    nth = _nth(messages, f"x.moment - interval '{longest.total_seconds():.0f} seconds'")
    return f"coalesce((select n.at > {add_sql('x.moment', 'x.zone', -per, clock)} from {nth} n), false)"


def _nth(messages: int, since: str) -> str:
    """The newest marketing message but ``messages`` - 1 that the profile was sent after ``since``, by its moment ``at``."""
    return f"""(
            select m.decided_at as at from message m
            where m.bucket = %(bucket)s and m.profile = x.profile and m.state = 'sent' and m.kind = 'marketing'
                and m.decided_at > {since} and m.decided_at <= x.moment
            order by m.decided_at desc offset {messages - 1} limit 1)"""


def _over_cap(book: Rulebook) -> str:
    """The first moment that all caps allow; null where none is exceeded (rule 24)."""
    parts = [_freed(messages, per) for messages, per in book.caps()]
    if not parts:
        return _NEVER
    return f"greatest({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _freed(messages: int, per: Duration) -> str:
    """When the cap's window lets go of the newest message but ``messages`` - 1; null where fewer were sent in it."""
    freed = let_go_sql("n.at", "x.zone", per, "x.moment")
    return f"(select {freed} from {_nth(messages, add_sql('x.moment', 'x.zone', -per))} n)"
