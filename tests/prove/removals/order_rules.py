"""The code of rules 1 to 15: the order of things, windows, keys and repetition."""

from __future__ import annotations

from typing import Final

from tests.prove.removals.removal import Edit, Removal

_PASS: Final = "passes/queries.sql"
_STAGE: Final = "passes/stage.py"
_HEAR: Final = "enroll/listening.py"
_OPEN: Final = "enroll/opening.py"
_ARRIVE: Final = "advance/arriving.py"
_LEAVE: Final = "advance/leaving.py"
_DECIDE: Final = "decide/deciding.py"
_SETTLE: Final = "decide/settling.py"
_DID: Final = "conditions/behaviours.py"
_TEST: Final = "conditions/testing.py"
_CLOCK: Final = "sqlkit/calendar.py"
_APPLY: Final = "identify/applying/queries.sql"


def _rule(number: int, says: str, *edits: tuple[str, str, str]) -> Removal:
    return Removal(f"rule {number}: {says}", tuple(Edit(*one) for one in edits), rule=number)


REMOVALS: Final = (
    # -- order of things
    _rule(
        1,
        "an event comes before what is due at its moment",
        (_PASS, "h.moment < e.at or (h.moment = e.at and not h.emitted)", "h.moment < e.at"),
    ),
    _rule(
        1,
        "what is emitted waits until nothing is due",
        (_PASS, "h.moment < e.at or (h.moment = e.at and not h.emitted)", "h.moment <= e.at"),
    ),
    _rule(
        1,
        "what is emitted at a moment is taken in as events",
        (_PASS, "set emitted = false", "set emitted = i.emitted"),
    ),
    _rule(
        1,
        "what the catalogue brings comes before what is due at its moment",
        (
            _PASS,
            "else c.at < (select at from turn) or (c.at = (select at from turn) and c.flips) end",
            "else c.at <= (select at from turn) end",
        ),
    ),
    _rule(1, "due by priority", (_PASS, "o.flips desc, o.priority desc, o.due_at", "o.flips desc, o.due_at")),
    _rule(
        1,
        "of one priority the earlier due",
        (_PASS, "o.priority desc, o.due_at, o.flow, o.key", "o.priority desc, o.flow, o.key"),
    ),
    _rule(
        1,
        "of those due at once by the name of the flow",
        (_PASS, "o.priority desc, o.due_at, o.flow, o.key", "o.priority desc, o.due_at, o.flow desc, o.key"),
    ),
    _rule(1, "of one flow by the key", (_PASS, "o.due_at, o.flow, o.key", "o.due_at, o.flow, o.key desc")),
    _rule(
        1,
        "at the deadline of a wait_for an event has come",
        (_HEAR, "a.occurred_at <= e.due_at", "a.occurred_at < e.due_at"),
    ),
    _rule(
        1,
        "properties before triggers",
        (_STAGE, "    apply(conn, book, bucket, pass_, kinds, ambient=ambient)\n", ""),
        (
            _STAGE,
            "    return found\n\n\ndef settle",
            "    apply(conn, book, bucket, pass_, kinds, ambient=ambient)\n    return found\n\n\ndef settle",
        ),
    ),
    _rule(
        2,
        "an exit is later than the entry",
        (
            _HEAR,
            "a.occurred_at > e.entered_at and e.version in",
            "a.occurred_at >= e.entered_at - interval '1 year' and e.version in",
        ),
    ),
    _rule(
        2,
        "an exit that is known already is later than the entry",
        (
            _OPEN,
            "v.occurred_at > x.entered_at\n            and case x.version",
            "v.occurred_at >= x.entered_at\n            and case x.version",
        ),
    ),
    _rule(
        2,
        "an exit that is known already ends at once",
        (_OPEN, 'builders = (("known_exits", build_known_exits), (', "builders = (("),
    ),
    _rule(
        2,
        "a wait_for looks later than its reaching",
        (
            _ARRIVE,
            "v.occurred_at > x.reached_at and v.occurred_at <= x.due",
            "v.occurred_at >= x.entered_at and v.occurred_at <= x.due",
        ),
    ),
    _rule(
        2,
        "what arrives late, from before the reaching, is not what is waited for",
        (_HEAR, "a.occurred_at > e.reached_at and", "a.occurred_at > e.reached_at - interval '1 day' and"),
    ),
    _rule(
        2,
        "a wait_for takes what is known when it is decided",
        (_ARRIVE, "isinstance(p.node.step, WaitFor)]\n        self._met", "p is None]\n        self._met"),
    ),
    _rule(
        2,
        "a wait_for takes what is known up to the deadline",
        (_ARRIVE, "v.occurred_at <= x.due and", "v.occurred_at <= x.due + interval '1 year' and"),
    ),
    _rule(
        3,
        "an event ends enrollments before it starts any",
        (_STAGE, "    if heard:\n        hear(conn, book, bucket, pass_, heard)\n", ""),
        (
            _STAGE,
            "        open_enrollments(conn, book, bucket, pass_)\n    return found",
            "        open_enrollments(conn, book, bucket, pass_)\n    if heard:\n        hear(conn, book, bucket, pass_, heard)\n    return found",
        ),
    ),
    _rule(
        3,
        "an event never ends what it starts",
        (
            _OPEN,
            "v.occurred_at > x.entered_at\n            and case x.version",
            "v.occurred_at >= x.entered_at\n            and case x.version",
        ),
    ),
    _rule(
        4,
        "waits of a late trigger count from its own time",
        (_OPEN, "j.to_version, 0, j.ev_at, j.moment", "j.to_version, 0, j.moment, j.moment"),
    ),
    _rule(
        4,
        "what is due already is done at arrival",
        (_ARRIVE, "greatest(coalesce(t.met, t.due), t.moment) end", "coalesce(t.met, t.due) end"),
    ),
    _rule(
        4,
        "a wait behind a sent message counts from when it was decided",
        (_SETTLE, "l.target, r.decided_at, r.decided_at, case", "l.target, r.due_at, r.decided_at, case"),
    ),
    _rule(
        4,
        "a wait behind a skipped message counts from when it was decided",
        (
            _DECIDE,
            "version, target, moment, moment, case when target",
            "version, target, due_at, moment, case when target",
        ),
    ),
    _rule(
        4, "else a wait counts from when the step was due", (_LEAVE, "x.due_at as reached_at", "x.moment as reached_at")
    ),
    _rule(
        4,
        "entered alone carries the entry's own time",
        (_OPEN, "case when j.reason is null then j.ev_at else j.moment end, 'enrollment'", "j.moment, 'enrollment'"),
    ),
    _rule(
        4,
        "what refuses carries the moment of deciding",
        (_OPEN, "case when j.reason is null then j.ev_at else j.moment end, 'enrollment'", "j.ev_at, 'enrollment'"),
    ),
    _rule(
        5,
        "whoever is active is not enrolled again",
        (
            _OPEN,
            "and e.key = x.key and e.active limit 1) then 'active'",
            "and e.key = x.key and e.active and false limit 1) then 'active'",
        ),
    ),
    _rule(
        5,
        "also by a trigger older than the enrollment",
        (
            _OPEN,
            "and e.key = x.key and e.active limit 1) then 'active'",
            "and e.key = x.key and e.active and e.entered_at <= x.ev_at limit 1) then 'active'",
        ),
    ),
    _rule(5, "an event timed after its arrival is timed at it", ("ingest/moments.py", "min(own, received_at)", "own")),
    _rule(5, "an event of a history too", ("ingest/lines.py", "        own = min(own, arrival)\n", "")),
    _rule(
        6,
        "a due moment once computed is kept",
        (
            _APPLY,
            "-- The zone a profile lives in: its own where it is one, else the workspace's.\nupdate profile p\n",
            "-- The zone a profile lives in.\n"
            "with moved as (update enrollment e set work_at = e.work_at + interval '1 hour', due_at = e.due_at + interval '1 hour'\n"
            "from agenda a where e.bucket = %(bucket)s and e.profile = a.profile and e.active and e.work_at <> 'infinity'\n"
            "and a.properties ? 'timezone')\nupdate profile p\n",
        ),
    ),
    _rule(
        6,
        "quiet hours use the zone of the moment of deciding",
        (
            _DECIDE,
            "return f\"({quiet_until_sql('x.moment', 'x.zone', quiet.start, quiet.end, clock)})\"",
            'zone = "\'" + book.settings.timezone + "\'"\n'
            "    return '(' + quiet_until_sql('x.moment', zone, quiet.start, quiet.end) + ')'",
        ),
    ),
    _rule(
        6,
        "caps use the zone of the moment of deciding",
        (
            _DECIDE,
            "    return f\"coalesce((select n.at > {add_sql('x.moment', 'x.zone', -per, clock)} from {nth} n), false)\"",
            "    since = add_sql('x.moment', \"'UTC'\", -per)\n"
            '    return f"coalesce((select n.at > {since} from {nth} n), false)"',
        ),
        (_DECIDE, 'let_go_sql("n.at", "x.zone", per, "x.moment")', 'let_go_sql("n.at", "\'UTC\'", per, "x.moment")'),
    ),
    _rule(
        7,
        "a send that is still postponed when its enrollment ends is not decided",
        (
            _HEAR,
            "({_HEARING} and e.active and a.occurred_at > e.entered_at and e.version in",
            "({_HEARING} and e.active and e.work_at <= e.due_at and a.occurred_at > e.entered_at and e.version in",
        ),
    ),
    # -- windows
    _rule(
        8,
        "a window leaves its beginning out",
        (
            _DID,
            'parts.append(f"{at} > {add_sql(_MOMENT, _ZONE, -span.within',
            'parts.append(f"{at} >= {add_sql(_MOMENT, _ZONE, -span.within',
        ),
    ),
    _rule(8, "a window has its end in", (_DID, 'parts = [f"{at} <= {until}"]', 'parts = [f"{at} < {until}"]')),
    _rule(
        8,
        "a window ends at the moment, or as long before as until says",
        (_DID, 'parts = [f"{at} <= {until}"]', "parts = ['true']"),
    ),
    _rule(
        8,
        "reentry lets in from the moment on",
        (_OPEN, "select x.ev_at < {last} from", "select x.ev_at <= {last} from"),
    ),
    _rule(
        8, "reentry refuses before", (_OPEN, "select x.ev_at < {last} from", "select false and x.ev_at < {last} from")
    ),
    _rule(8, "max_age exactly is in time", ("trigger/stage.py", "(x.ev_at < {oldest} or", "(x.ev_at <= {oldest} or")),
    _rule(8, "older than max_age is too old", ("trigger/stage.py", "(x.ev_at < {oldest} or", "(")),
    _rule(
        8,
        "after leaves its moment out",
        (
            _DID,
            "parts.append(f\"{at} > {writer.value(span.after, 'timestamptz')}\")",
            "parts.append(f\"{at} >= {writer.value(span.after, 'timestamptz')}\")",
        ),
    ),
    _rule(
        8,
        "before leaves its moment out",
        (
            _DID,
            "parts.append(f\"{at} < {writer.value(span.before, 'timestamptz')}\")",
            "parts.append(f\"{at} <= {writer.value(span.before, 'timestamptz')}\")",
        ),
    ),
    _rule(8, "the test before leaves its moment out", (_TEST, 'Operator.BEFORE: "<",', 'Operator.BEFORE: "<=",')),
    _rule(8, "the test after leaves its moment out", (_TEST, 'Operator.AFTER: ">"}', 'Operator.AFTER: ">="}')),
    _rule(
        8,
        "within_last and within_next leave their beginning out",
        (_TEST, "(select {row}.at > {since} and", "(select {row}.at >= {since} and"),
    ),
    _rule(
        8,
        "within_last and within_next have their end in",
        (_TEST, "and {row}.at <= {until} from", "and {row}.at < {until} from"),
    ),
    _rule(
        8,
        "enrolled within leaves its beginning out",
        (_DID, "{row}.entered_at > {since} and", "{row}.entered_at >= {since} and"),
    ),
    _rule(
        8,
        "due is when the step was first reached",
        (
            _DECIDE,
            'later_by_number("x.place", "x.due_at", "x.zone", lengths, clock), "x.due_at")',
            'later_by_number("x.place", "x.moment", "x.zone", lengths, clock), "x.moment")',
        ),
    ),
    _rule(8, "later than expires is expired", (_DECIDE, "when x.moment > x.deadline or", "when")),
    _rule(
        8,
        "exactly expires after due is in time",
        (_DECIDE, "when x.moment > x.deadline or", "when x.moment >= x.deadline or"),
    ),
    _rule(
        8,
        "what would be postponed beyond expires is skipped at once",
        (_DECIDE, "case when t.until <= t.deadline then 'postponed' else 'skipped' end", "'postponed'"),
    ),
    _rule(
        8,
        "postponed to exactly then is in time",
        (_DECIDE, "case when t.until <= t.deadline then", "case when t.until < t.deadline then"),
    ),
    _rule(
        8,
        "quiet hours have their beginning in",
        (_CLOCK, "case when {reading}::time >= {begins} {both}", "case when {reading}::time > {begins} {both}"),
    ),
    _rule(
        8,
        "quiet hours have their end out",
        (_CLOCK, "{both} {reading}::time < {ends}", "{both} {reading}::time <= {ends}"),
    ),
    _rule(
        8,
        "quiet hours around a change of the clock have their beginning in and their end out",
        (
            _CLOCK,
            "begins.moment <= clock.utc at time zone 'UTC' and clock.utc at time zone 'UTC' < ends.moment",
            "begins.moment < clock.utc at time zone 'UTC' and clock.utc at time zone 'UTC' <= ends.moment",
        ),
    ),
    _rule(
        9,
        "since entry is later than the entry",
        (_DID, 'parts.append(f"{at} > {entry}")', 'parts.append(f"{at} >= {entry}")'),
    ),
    _rule(
        9,
        "since a step is later than its reaching",
        (
            _DID,
            'parts.append(f"{at} > {references.engine_moment(writer, reached)}")',
            'parts.append(f"{at} >= {references.engine_moment(writer, reached)}")',
        ),
    ),
    _rule(
        9,
        "since a step that was not reached nothing has happened",
        (
            _DID,
            'parts.append(f"{at} > {references.engine_moment(writer, reached)}")',
            "parts.append(f\"{at} > coalesce({references.engine_moment(writer, reached)}, '-infinity')\")",
        ),
    ),
    _rule(
        9,
        "a step is reached when it is, not when it is left",
        (
            _ARRIVE,
            "jsonb_build_object(t.step_id, t.reached_at)",
            "jsonb_build_object(t.step_id, coalesce(t.met, t.due))",
        ),
    ),
    _rule(
        10,
        "the event under way is known already",
        (_STAGE, '    conn.execute(_SQL["take_in"], params)\n', ""),
        (
            _STAGE,
            "    return found\n\n\ndef settle",
            '    conn.execute(_SQL["take_in"], params)\n    return found\n\n\ndef settle',
        ),
    ),
    _rule(
        10,
        "cart and order count the event under way",
        (_STAGE, "    fold(conn, book, bucket, names)\n", ""),
        (
            _STAGE,
            "    return found\n\n\ndef settle",
            "    fold(conn, book, bucket, names)\n    return found\n\n\ndef settle",
        ),
    ),
    _rule(
        11,
        "joined durations apply the calendar's part first",
        (
            _CLOCK,
            '    reading = f"({_reading(moment, clock)} + {days})"\n',
            '    return looked_up\n    reading = f"({_reading(moment, clock)} + {days})"\n',
        ),
        (_CLOCK, "end + moved.seconds from", "end from"),
        (
            _CLOCK,
            'at.local_until, {seconds} as seconds"\n        f" from {_LOCAL_AT.format(moment=moment, zone=zone)}',
            "at.local_until, {seconds} as seconds\"\n        f\" from {_LOCAL_AT.format(moment=f'({moment} + {seconds})', zone=zone)}",
        ),
    ),
    _rule(
        11,
        "joined durations apply the calendar's part first, in Python too",
        (
            "domain/calendar.py",
            "    utc = _naive_utc(moment)\n    if not length.is_elapsed:\n",
            "    utc = _naive_utc(moment)\n    if not length.is_elapsed:\n        moment = moment + timedelta(seconds=length.seconds)\n        length = Duration(length.months, length.days)\n",
        ),
    ),
    _rule(
        11,
        "an offset moves a moment",
        (_ARRIVE, "(select {add_sql('q.at', 'x.zone', step.offset)} from", "(select q.at from"),
    ),
    _rule(
        11,
        "zones are those of the program's own tzdata",
        (
            "domain/calendar.py",
            "    return frozenset(listed) - {_UNSET}\n",
            "    import zoneinfo\n    return frozenset(zoneinfo.available_timezones()) | {_UNSET, 'posixrules'}\n",
        ),
    ),
    _rule(
        11,
        "for an unknown zone the workspace's is used",
        (
            _APPLY,
            "z.zone = p.properties ->> 'timezone' limit 1), %(zone)s) as zone",
            "z.zone = p.properties ->> 'timezone' limit 1), 'UTC') as zone",
        ),
    ),
    _rule(
        11,
        "an unknown zone is recorded",
        (_APPLY, "and coalesce(p.properties ->> 'timezone', '') not in ('', %(zone)s)", "and false"),
    ),
    # -- keys and repetition
    _rule(
        12,
        "re-entry is counted for each key",
        (_OPEN, '_ENTRIES = f"{_OF_FLOW} and e.key = x.key"', '_ENTRIES = f"{_OF_FLOW}"'),
        (_OPEN, "(e.key = x.key or x.kind in ('offer', 'occasion'))", "true"),
    ),
    _rule(
        12,
        "a list or an object is the empty key",
        (
            "conditions/references.py",
            "\"('string', 'number', 'boolean')\"",
            "\"('string', 'number', 'boolean', 'array', 'object')\"",
        ),
    ),
    _rule(
        12,
        "the value is the key as text",
        ("rulebook/weaver.py", "from (select {fragment.sql} as key) k)", "from (select '' as key) k)"),
    ),
    _rule(
        12,
        "an enrollment that ended at once counts as an entry",
        (
            _OPEN,
            'f"coalesce((select true {_ENTRIES} limit 1), false)"',
            'f"coalesce((select true {_ENTRIES} and (e.exited_at is null or e.step >= 0) limit 1), false)"',
        ),
    ),
    _rule(
        13,
        "an occurrence comes once, also where re-entry is always",
        (_OPEN, "return f\"x.kind = 'occasion' and {before}\"", 'return "false"'),
    ),
    _rule(
        13,
        "an occurrence comes once at its moment, whatever is told then",
        (
            "trigger/occasions.py",
            '        where c.at > x.since or (c.at = x.since and not {_has_come("t.flow")})\n',
            "        where c.at >= x.since\n",
        ),
    ),
    _rule(
        13,
        "of products at one moment the key decides which is first",
        (
            "trigger/offers.py",
            "order by priority desc, flow, sku || '@', mark)",
            "order by priority desc, flow, sku, mark)",
        ),
    ),
    _rule(
        13,
        "a given time counts over all occurrences",
        (_OPEN, "(e.key = x.key or x.kind in ('offer', 'occasion'))", "(e.key = x.key or x.kind = 'offer')"),
    ),
    _rule(
        13,
        "a given time counts over all products",
        (_OPEN, "(e.key = x.key or x.kind in ('offer', 'occasion'))", "(e.key = x.key or x.kind = 'occasion')"),
    ),
    _rule(
        13,
        "each day that comes round is a key of its own",
        (
            "trigger/occasions.py",
            "case when t.yearly then to_char(r.day, 'FMYYYY') else left(e.value #>> '{{}}', 40) end,\n                    nullif(e.item, ''))",
            "nullif(e.item, ''))",
        ),
    ),
    _rule(
        13,
        "each element of a list is a key of its own",
        ("trigger/occasions.py", "40) end,\n                    nullif(e.item, '')) as key", "40) end) as key"),
    ),
    _rule(
        13,
        "each tick is a key of its own",
        (
            "trigger/occasions.py",
            "to_char(k.reading, 'YYYY-MM-DD\"T\"HH24:MI') as key",
            "to_char(k.reading, 'YYYY') as key",
        ),
    ),
    _rule(
        13,
        "each product and each change of it is a key of its own",
        ("trigger/offers.py", "'key', sku || '@' || iso_text(at)", "'key', 'product'"),
    ),
    _rule(
        14,
        "the same message to the same address for one trigger event is a duplicate",
        (_DECIDE, "when {_DUPLICATE} then 'duplicate'", ""),
    ),
    _rule(
        14,
        "another address is no duplicate",
        (_DECIDE, "m.message = x.message and m.address = x.address", "m.message = x.message"),
    ),
    _rule(
        14,
        "another message is no duplicate",
        (_DECIDE, "m.message = x.message and m.address = x.address", "m.address = x.address"),
    ),
    _rule(
        14,
        "another trigger event is none",
        (_DECIDE, "and m.trigger_event = x.trigger_event and m.message", "and m.message"),
    ),
    _rule(
        14, "two steps of one enrollment send no duplicates", (_DECIDE, "(m.step = x.step_id and m.facts", "(m.facts")
    ),
    _rule(
        14,
        "two rounds send no duplicates",
        (_DECIDE, "(m.step = x.step_id and m.facts ->> 'round' is not distinct from x.round)", "m.step = x.step_id"),
    ),
    _rule(
        14,
        "one step of one enrollment sends once in a round",
        (
            _DECIDE,
            "(m.enrollment <> x.enrollment\n                    or (m.step = x.step_id and m.facts ->> 'round' is not distinct from x.round)))",
            "m.enrollment <> x.enrollment)",
        ),
    ),
    _rule(
        14,
        "another enrollment's counts",
        (
            _DECIDE,
            "(m.enrollment <> x.enrollment\n                    or (m.step",
            "(m.enrollment = x.enrollment\n                    and (m.step",
        ),
    ),
    _rule(
        15,
        "a repeated messageId does nothing",
        ("ingest/queries.sql", "where excluded.seen_at - s.seen_at > interval '30 days'", "where true"),
        (
            "ingest/store.py",
            "        if before is not None and call.received_at - before <= _REPEAT_WITHIN:\n            continue\n",
            "",
        ),
    ),
    _rule(
        15,
        "after thirty days it counts again",
        ("ingest/queries.sql", "where excluded.seen_at - s.seen_at > interval '30 days'", "where false"),
    ),
    _rule(15, "of another source it is another", ("ingest/dialect.py", 'f"{source}|{message}" if', 'f"{message}" if')),
    _rule(
        15,
        "what is repeated within one call does nothing",
        (
            "ingest/store.py",
            "        if before is not None and call.received_at - before <= _REPEAT_WITHIN:\n            continue\n",
            "",
        ),
    ),
)
