"""The code of rules 23 to 38: consent, caps, holdouts, shops, people, rounds and tests, and the small things."""

from __future__ import annotations

from typing import Final

from tests.prove.removals.removal import Edit, Removal

_APPLY: Final = "identify/applying/queries.sql"
_BOOK: Final = "rulebook/book.py"
_CARTS: Final = "commerce/carts.py"
_CHANGE: Final = "advance/changing.py"
_DECIDE: Final = "decide/deciding.py"
_DID: Final = "conditions/behaviours.py"
_FIGURES: Final = "conditions/figures.py"
_HEAR: Final = "enroll/listening.py"
_OPEN: Final = "enroll/opening.py"
_ORDERS: Final = "commerce/orders.py"
_PASS: Final = "passes/queries.sql"
_PUBLISH: Final = "publish/queries.sql"
_RANK: Final = "segment/ranking.py"
_REPEAT: Final = "advance/repeating.py"
_ARRIVE: Final = "advance/arriving.py"
_SPLIT: Final = "advance/splitting.py"
_WHO: Final = "domain/identity.py"
_MERGE: Final = "passes/merging.sql"
_MERGING: Final = "passes/merging.py"


def _rule(number: int, says: str, *edits: tuple[str, str, str]) -> Removal:
    return Removal(f"rule {number}: {says}", tuple(Edit(*one) for one in edits), rule=number)


REMOVALS: Final = (
    # -- consent
    _rule(
        23,
        "a topic is opt_in when it says nothing",
        (_DECIDE, "if t.default is TopicDefault.OPT_OUT]", "if t.default]"),
    ),
    _rule(
        23, "a topic that says opt_out is open", (_DECIDE, "if t.default is TopicDefault.OPT_OUT]", "if not t.default]")
    ),
    _rule(
        23,
        "the first topic is the workspace's",
        (_BOOK, "self.settings.topics[0].name", "self.settings.topics[-1].name"),
    ),
    _rule(
        23,
        "subscribed holds as a message of the topic would pass",
        (_DID, "TopicDefault.OPT_IN) is TopicDefault.OPT_OUT", "TopicDefault.OPT_IN) is TopicDefault.OPT_IN"),
    ),
    _rule(
        23,
        "the latest own time holds",
        (
            _APPLY,
            "coalesce((p.consents -> f.topic ->> 'at')::bigint < f.at\n        or ((p.consents -> f.topic ->> 'at')::bigint = f.at and not f.granted), true)",
            "true",
        ),
    ),
    _rule(23, "at one time the withdrawal", (_APPLY, "= f.at and not f.granted)", "= f.at and f.granted)")),
    _rule(
        23,
        "steps change consent",
        (
            _CHANGE,
            "set consents = p.consents || jsonb_build_object(x.topic",
            "set consents = p.consents || jsonb_build_object('none'",
        ),
    ),
    _rule(
        23,
        "unsubscribing withdraws the message's topic",
        (
            _PASS,
            "jsonb_build_object('topic', f.topic, 'granted', false, 'source', 'link')",
            "jsonb_build_object('topic', 'none', 'granted', false, 'source', 'link')",
        ),
    ),
    _rule(
        23,
        "a write key can withdraw",
        (
            "ingest/row.py",
            "call.name == UNSUBSCRIBED and call.origin == 0",
            "call.name == UNSUBSCRIBED and call.origin == -1",
        ),
    ),
    _rule(
        23,
        "a write key never grants",
        (
            "ingest/row.py",
            "        return _withdrawal(call, workspace)\n    if",
            "        return _withdrawal(call, workspace)\n"
            "    if call.kind is CallKind.TRACK and call.name == SUBSCRIBED and call.origin == 0:\n"
            "        said = {'topic': call.properties.get('topic', workspace.topic), 'source': 'write_key'}\n"
            "        return _consent(call, granted=True, facts=said)\n    if",
        ),
    ),
    # -- caps
    _rule(24, "a cap postpones", (_DECIDE, "when x.marketing and ({capped}) then 'frequency_cap'", "")),
    _rule(
        24,
        "a cap counts what was sent",
        (_DECIDE, "m.state = 'sent' and m.kind = 'marketing'\n", "m.kind = 'marketing'\n"),
    ),
    _rule(
        24,
        "a cap counts marketing messages alone",
        (_DECIDE, "m.state = 'sent' and m.kind = 'marketing'\n", "m.state = 'sent'\n"),
    ),
    _rule(
        24,
        "a cap lets through as many as it says",
        (_DECIDE, "offset {messages - 1} limit 1", "offset {messages} limit 1"),
    ),
    _rule(
        24,
        "with several caps the latest moment",
        (_DECIDE, "f\"greatest({', '.join(parts)})\"", "f\"least({', '.join(parts)})\""),
    ),
    _rule(
        24,
        "a cap leaves its beginning out",
        (_DECIDE, "select n.at > {add_sql", "select n.at >= {add_sql"),
        (_DECIDE, "m.decided_at > {since} and", "m.decided_at >= {since} and"),
    ),
    _rule(
        24,
        "after a postponement quiet hours are asked again",
        (
            _DECIDE,
            "when x.marketing and {quiet} is not null",
            "when x.marketing and x.work_at = x.due_at and {quiet} is not null",
        ),
    ),
    _rule(
        24,
        "after a postponement caps are asked again",
        (
            _DECIDE,
            "when x.marketing and ({capped}) then",
            "when x.marketing and x.work_at = x.due_at and ({capped}) then",
        ),
    ),
    _rule(
        24,
        "of several due at once the highest priority goes first",
        (_PASS, "o.flips desc, o.priority desc, o.due_at", "o.flips desc, o.due_at"),
    ),
    _rule(
        24,
        "none given: no caps",
        (
            "language/settings.py",
            '_caps(reading, keys["caps"]) if "caps" in keys else ()',
            '_caps(reading, keys["caps"]) if "caps" in keys else (Cap(1, plain.clicked_attribution),)',
        ),
    ),
    _rule(
        24,
        "none given: no holdout",
        ("language/settings.py", "holdout=holdout or Decimal(0)", "holdout=holdout or Decimal(1)"),
    ),
    _rule(
        24,
        "none given: no quiet hours",
        (
            "language/settings.py",
            '_quiet_hours(reading, keys["quiet_hours"]) if "quiet_hours" in keys else None',
            '_quiet_hours(reading, keys["quiet_hours"]) if "quiet_hours" in keys else QuietHours(__import__("datetime").time(1), __import__("datetime").time(5))',
        ),
    ),
    # -- holdouts
    _rule(
        25,
        "the held out get no marketing message",
        (_DECIDE, "when x.marketing and x.held_out then 'held_out'", "when false then 'held_out'"),
    ),
    _rule(
        25,
        "a holdout is drawn for each flow",
        (
            _OPEN,
            ":holdout:', {weave.literal(scope, 'text')}, ':', j.die))",
            ":holdout:', {weave.literal('', 'text')}, ':', j.die))",
        ),
    ),
    _rule(25, "a holdout is drawn by the profile", (_OPEN, ", ':', j.die))", ", ':', 'die'))")),
    _rule(
        25,
        "the workspace's holdout",
        (_OPEN, "), {everywhere} or {drawn}),\n        j.ev_at", "), {drawn}),\n        j.ev_at"),
    ),
    _rule(
        25,
        "a flow's holdout",
        (_OPEN, "), {everywhere} or {drawn}),\n        j.ev_at", "), {everywhere}),\n        j.ev_at"),
    ),
    _rule(
        25,
        "a holdout is fixed at the first entry",
        (
            _OPEN,
            "            where e.bucket = %(bucket)s and e.profile = j.profile and e.flow = j.to_flow\n            order by e.entered_at, e.id limit 1\n        ), {everywhere}",
            "            where false\n        ), {everywhere}",
        ),
    ),
    _rule(
        25,
        "the held out take no code",
        ("coupon/asking.py", "    from t where not held_out\n", "    from t\n"),
        ("coupon/asking.py", "from t where held_out", "from t where false"),
    ),
    _rule(
        25,
        "for the held out nothing is called and nobody told",
        (_CHANGE, "and e.id = s.enrollment and not e.held_out", "and e.id = s.enrollment"),
    ),
    _rule(
        25,
        "set and track run for the held out",
        (
            _CHANGE,
            "and e.id = a.id\njoin (values {rows}) as l (place, patch)",
            "and e.id = a.id and not e.held_out\njoin (values {rows}) as l (place, patch)",
        ),
    ),
    _rule(
        25,
        "consent steps run for the held out",
        (_CHANGE, "and e.id = a.id\n    join (values", "and e.id = a.id and not e.held_out\n    join (values"),
    ),
    # -- what was received, opened and clicked
    _rule(
        26,
        "received: a step is this enrollment's",
        (_DID, "{message}.enrollment = x.enrollment and {message}.step", "{message}.step"),
    ),
    _rule(
        26,
        "opened and clicked: a step is this enrollment's",
        (_DID, "{said} 'enrollment' = x.enrollment::text and {said} 'step'", "{said} 'step'"),
    ),
    _rule(
        26,
        "received: a message is the whole history's",
        (
            _DID,
            'parts.append(f"{message}.message = ',
            'parts.append(f"{message}.enrollment = x.enrollment and {message}.message = ',
        ),
    ),
    _rule(
        26,
        "opened and clicked: a message is the whole history's",
        (
            _DID,
            "parts.append(f\"{said} 'message' = ",
            "parts.append(f\"{said} 'enrollment' = x.enrollment::text and {said} 'message' = ",
        ),
    ),
    _rule(
        26,
        "received: a flow is the whole history's",
        (
            _DID,
            'parts.append(f"{message}.flow = ',
            'parts.append(f"{message}.enrollment = x.enrollment and {message}.flow = ',
        ),
    ),
    _rule(
        26,
        "opened and clicked: a flow is the whole history's",
        (
            _DID,
            "parts.append(f\"{said} 'flow' = ",
            "parts.append(f\"{said} 'enrollment' = x.enrollment::text and {said} 'flow' = ",
        ),
    ),
    _rule(
        26,
        "one open or click counts for each message and minute",
        (_DID, "    once = f\"distinct ({events.alias}.properties ->> 'message_id', {minute})\"\n", '    once = "*"\n'),
    ),
    _rule(
        26,
        "of each message",
        (_DID, "distinct ({events.alias}.properties ->> 'message_id', {minute})", "distinct ({minute})"),
    ),
    _rule(
        26,
        "of each minute",
        (
            _DID,
            "distinct ({events.alias}.properties ->> 'message_id', {minute})",
            "distinct ({events.alias}.properties ->> 'message_id')",
        ),
    ),
    _rule(26, "received counts what was sent", (_DID, "f\"{message}.state = 'sent'\",", '"true",')),
    _rule(
        26,
        "what machines did does not count",
        (_PASS, "when f.id is null then 'missed' when f.machine then 'machine'", "when f.id is null then 'missed'"),
        (_PASS, "when f.id is null or f.machine then ''", "when f.id is null then ''"),
    ),
    # -- shops
    _rule(
        27,
        "an order with the cart_id closes the cart",
        (_CARTS, "shop_key(v.properties -> 'cart_id') in ('', t.cart)", "shop_key(v.properties -> 'cart_id') in ('')"),
    ),
    _rule(
        27,
        "an order without a cart_id closes it",
        (
            _CARTS,
            "shop_key(v.properties -> 'cart_id') in ('', t.cart)",
            "shop_key(v.properties -> 'cart_id') in (t.cart)",
        ),
    ),
    _rule(
        27,
        "what is removed is in the cart no more",
        (
            _CARTS,
            "* case when m.name = %(removed)s then -1 else 1 end",
            "* case when m.name = %(removed)s then 0 else 1 end",
        ),
    ),
    _rule(
        27,
        "a full list is what is in the cart",
        (_CARTS, "(not m.listed or (m.occurred_at, m.id) > (m.list_at, m.list_id))", "true"),
    ),
    _rule(
        27,
        "orders count once",
        (
            _ORDERS,
            "coalesce(nullif(shop_key({row}.properties -> 'order_id'), ''),\n        case",
            "coalesce(case when {row}.name = %(completed)s then {row}.id::text end, nullif(shop_key({row}.properties -> 'order_id'), ''),\n        case",
        ),
    ),
    _rule(
        27,
        "less what was cancelled",
        (
            _ORDERS,
            "s.placed_at is not null and s.cancelled_at is null and not r.whole as counts",
            "s.placed_at is not null and not r.whole as counts",
        ),
    ),
    _rule(
        27,
        "less what was given back whole",
        (_ORDERS, "s.cancelled_at is null and not r.whole as counts", "s.cancelled_at is null as counts"),
    ),
    _rule(
        27,
        "less what was given back in part",
        (_ORDERS, "trim_scale(amount - refunded) else 0 end", "trim_scale(amount) else 0 end"),
    ),
    _rule(
        27,
        "an order that was not placed does not count",
        (_ORDERS, "s.placed_at is not null and s.cancelled_at is null", "s.cancelled_at is null"),
    ),
    _rule(
        27,
        "cart is the enrollment's own",
        (_FIGURES, "{row}.id = coalesce(nullif({_own('cart_id')}, ''), {row}.id) order", "true order"),
    ),
    _rule(
        27,
        "else the one touched last",
        (_FIGURES, "order by {row}.touched_at desc, {row}.id limit 1", "order by {row}.touched_at, {row}.id limit 1"),
    ),
    _rule(
        28,
        "a conversion's worth is the first present of value, revenue, total",
        (
            "language/model.py",
            'WORTH = (("value",), ("revenue",), ("total",))',
            'WORTH = (("total",), ("revenue",), ("value",))',
        ),
    ),
    _rule(
        28,
        "or what its own path holds",
        (_HEAR, "    if conversion.value is not None:\n        return (conversion.value.path,)\n", ""),
    ),
    _rule(
        28,
        "also of what is known already",
        (_OPEN, "paths = (conversion.value.path,) if conversion.value is not None else WORTH", "paths = WORTH"),
    ),
    _rule(
        28,
        "it counts also after the enrollment has ended",
        (
            _HEAR,
            "({_HEARING} and a.occurred_at > e.entered_at and e.flow = any",
            "({_HEARING} and e.active and a.occurred_at > e.entered_at and e.flow = any",
        ),
    ),
    _rule(28, "within its window", (_HEAR, 'return "" if conversion.within is None else', 'return "" if True else')),
    _rule(
        28,
        "the window's end is in",
        (
            _HEAR,
            "f\" and {at} <= {add_sql('x.entered_at', 'x.zone', conversion.within)}\"",
            "f\" and {at} < {add_sql('x.entered_at', 'x.zone', conversion.within)}\"",
        ),
    ),
    _rule(
        28,
        "within its window, of what is known already",
        (
            _OPEN,
            'late = f" and v.occurred_at <= {_limit(conversion)}" if conversion.within is not None else ""',
            'late = ""',
        ),
    ),
    _rule(
        28,
        "it is later than the entry",
        (
            _HEAR,
            "({_HEARING} and a.occurred_at > e.entered_at and e.flow = any",
            "({_HEARING} and a.occurred_at >= e.entered_at - interval '1 day' and e.flow = any",
        ),
    ),
    _rule(
        28,
        "what is known already is later than the entry",
        (
            _OPEN,
            "v.occurred_at > x.entered_at\n        and case r.version",
            "v.occurred_at >= x.entered_at\n        and case r.version",
        ),
    ),
    _rule(
        28,
        "what is known already counts",
        (
            _OPEN,
            '(("known_exits", build_known_exits), ("known_conversions", build_known_conversions))',
            '(("known_exits", build_known_exits),)',
        ),
    ),
    _rule(
        28,
        "of several that are known the earliest",
        (
            _OPEN,
            '        and case r.version {" ".join(cases)} else false end\n    order by v.occurred_at, v.id limit 1',
            '        and case r.version {" ".join(cases)} else false end\n    order by v.occurred_at desc, v.id limit 1',
        ),
    ),
    _rule(
        28,
        "it is counted once",
        (
            _HEAR,
            'where case r.version {" ".join(cases)} else false end\non conflict do nothing"""',
            'where case r.version {" ".join(cases)} else false end\non conflict (bucket, profile, enrollment) do update set value = excluded.value, event = excluded.event"""',
        ),
    ),
    _rule(28, "any of a list", (_HEAR, "    for match in matches:\n", "    for match in list(matches)[:1]:\n")),
    _rule(29, "the share is rounded up", (_RANK, "where place <= ceil(", "where place <= floor(")),
    _rule(
        29, "of those who measure more than zero", (_RANK, "    from measured where value > 0\n", "    from measured\n")
    ),
    _rule(
        29,
        "ties at the edge are in",
        (_RANK, "rank() over (order by value desc)", "row_number() over (order by value desc, profile)"),
    ),
    _rule(29, "the best are the best", (_RANK, "rank() over (order by value desc)", "rank() over (order by value)")),
    _rule(29, "at three", ("domain/calendar.py", "DAILY_AT: Final = time(3)", "DAILY_AT: Final = time(4)")),
    _rule(
        29,
        "by the workspace's clock",
        (
            "domain/calendar.py",
            "timedelta(microseconds=1), DAILY_AT, frozenset(), zone)",
            "timedelta(microseconds=1), DAILY_AT, frozenset(), 'UTC')",
        ),
    ),
    _rule(29, "once a day", (_RANK, "    if due > now:\n        return False\n", "")),
    _rule(
        29,
        "every other membership flips at its exact moment",
        (
            "segment/stage.py",
            "    turns = [(one.number, weave.turn(one.name)) for one in found if one.timed]\n",
            "    turns = []\n",
        ),
    ),
    _rule(
        29,
        "where there is no figure no test holds",
        ("conditions/testing.py", "({found} is not null and {said})", "({said})"),
    ),
    # -- people
    _rule(
        30,
        "anonymous profiles are enrolled",
        (
            "rulebook/weaver.py",
            "where not a.due and (a.name <> '' or a.kind in",
            "where not a.due and p.die not like 'anonymous%%' and (a.name <> '' or a.kind in",
        ),
    ),
    _rule(
        30,
        "of two active enrollments the earlier stays",
        (
            _MERGE,
            "case when l.entered_at < s.entered_at then s.bucket else l.bucket end",
            "case when l.entered_at > s.entered_at then s.bucket else l.bucket end",
        ),
        (
            _MERGE,
            "case when l.entered_at < s.entered_at then s.profile else l.profile end",
            "case when l.entered_at > s.entered_at then s.profile else l.profile end",
        ),
        (
            _MERGE,
            "case when l.entered_at < s.entered_at then s.id else l.id end",
            "case when l.entered_at > s.entered_at then s.id else l.id end",
        ),
    ),
    _rule(
        30,
        "the other exits as merged",
        (_MERGE, "exit_reason = 'merged', work_at", "exit_reason = 'exit_on', work_at"),
        (_MERGE, "'exited', 'merged', key", "'exited', 'exit_on', key"),
    ),
    _rule(
        30,
        "of other keys both go on",
        (_MERGE, "l.active and l.flow = s.flow and l.key = s.key", "l.active and l.flow = s.flow"),
    ),
    _rule(
        30,
        "the other's events act as exits, conversions and waits",
        (_MERGING, '    hear_known(conn, book, bucket, int(str(params["pass"])))\n', ""),
    ),
    _rule(
        30,
        "the other's events act as awaited",
        (_OPEN, '*builders, ("known_awaited", build_known_awaited)', "*builders,"),
    ),
    _rule(30, "by their own times", (_OPEN, "v.occurred_at > x.reached_at and v.occurred_at <= x.due_at\n", "true\n")),
    _rule(
        30,
        "the latest consent holds",
        (
            _MERGE,
            "coalesce((p.consents -> c.key ->> 'at')::bigint < (c.value ->> 'at')::bigint\n",
            "coalesce((p.consents -> c.key ->> 'at')::bigint > (c.value ->> 'at')::bigint\n",
        ),
    ),
    _rule(
        30,
        "of consent the withdrawal on a tie",
        (_MERGE, "and not (c.value ->> 'on')::boolean), true)", "and (c.value ->> 'on')::boolean), true)"),
    ),
    _rule(
        30,
        "either's suppression holds",
        (_MERGE, "suppressed = coalesce(s.suppressed, t.suppressed)", "suppressed = s.suppressed"),
    ),
    _rule(30, "arms are those of the profile that stays", (_MERGING, "    take_arms(conn, book, bucket)\n", "")),
    _rule(30, "holdout is that of the profile that stays", (_MERGING, "    hold_out_again(conn, book, bucket)\n", "")),
    _rule(
        30,
        "the one with the older user id stays",
        (_WHO, "if ages[other] < ages[given] else", "if ages[other] > ages[given] else"),
    ),
    _rule(
        30,
        "a user id goes before none",
        (_WHO, "return not users, since.timestamp(), place", "return False, since.timestamp(), place"),
    ),
    # -- rounds, tests, pause
    _rule(
        31, "at most so many rounds", (_REPEAT, 'again = f"x.had < {step.times}"', 'again = f"x.had <= {step.times}"')
    ),
    _rule(
        31,
        "a round begins every so long after the one before began",
        (
            _ARRIVE,
            'f" then greatest((select {later} from (select {began} as at offset 0) q), x.reached_at) else x.reached_at end"',
            'f" then x.reached_at else x.reached_at end"',
        ),
    ),
    _rule(
        31,
        "counted from its beginning, not its end",
        (
            _ARRIVE,
            "greatest((select {later} from (select {began} as at offset 0) q), x.reached_at)",
            "(select {later} from (select x.reached_at as at) q)",
        ),
    ),
    _rule(
        31,
        "or when it ended, if that is later",
        (
            _ARRIVE,
            "greatest((select {later} from (select {began} as at offset 0) q), x.reached_at)",
            "(select {later} from (select {began} as at offset 0) q)",
        ),
    ),
    _rule(
        31,
        "the first round begins at once",
        (
            _ARRIVE,
            "case when ({rounds} ->> 'n')::integer < {step.times}",
            "case when coalesce(({rounds} ->> 'n')::integer, 0) < {step.times}",
        ),
        (_ARRIVE, "(select {began} as at offset 0) q)", "(select coalesce({began}, x.reached_at) as at offset 0) q)"),
    ),
    _rule(
        31,
        "no wait after the last",
        (
            _ARRIVE,
            "case when ({rounds} ->> 'n')::integer < {step.times}",
            "case when ({rounds} ->> 'n')::integer <= {step.times}",
        ),
    ),
    _rule(
        31,
        "while is asked before each round",
        (_REPEAT, "        if step.condition is not None:\n", "        if step.condition is Ellipsis:\n"),
    ),
    _rule(
        31,
        "the first round's while too",
        (
            _REPEAT,
            '            again = f"{again} and {weave.condition(step.condition)}"',
            '            again = f"{again} and (x.had = 0 or {weave.condition(step.condition)})"',
        ),
    ),
    _rule(
        31,
        "rounds are counted anew in a repeat inside another",
        (_REPEAT, "else l.rounds_before - {id_} end", "else l.rounds_before end"),
    ),
    _rule(
        32,
        "weights are relative",
        (_SPLIT, " / 4503599627370496\n            ) / w.weight, w.arm", " / 4503599627370496\n            ), w.arm"),
    ),
    _rule(
        32,
        "the weight 0 goes to nobody",
        (_SPLIT, "            where w.weight > 0\n", ""),
        (_SPLIT, ") / w.weight, w.arm", ") / greatest(w.weight, 1e-9), w.arm"),
    ),
    _rule(
        32,
        "an arm is kept",
        (
            _SPLIT,
            "r.experiment = {name} and r.arm = any({names})",
            "r.experiment = {name} and r.arm = any({names}) and false",
        ),
    ),
    _rule(32, "newcomers go to the winner", (_SPLIT, "(a.arm = k.winner)::integer::float8", "a.weight")),
    _rule(
        32,
        "weights are given to all or none",
        ("language/ways.py", "if 0 < weighted < len(entries):", "if 0 > weighted:"),
    ),
    _rule(
        32,
        "with winner a broadcast's weights are per cent",
        (
            "language/broadcasts.py",
            "left = _WHOLE - sum((arm.weight for arm in trial.arms), Decimal())",
            "left = Decimal(1)",
        ),
    ),
    _rule(
        32,
        "no winner proven: the best measure in a broadcast",
        (
            "experiment/winner.py",
            "return finding if finding.arm is not None else Finding(_best(arms), finding.why)",
            "return finding",
        ),
    ),
    _rule(
        32,
        "no winner proven: unchanged weights in a flow",
        (
            "look/stage.py",
            "        winner, why = finding.arm, finding.why.value",
            "        winner, why = finding.arm or next(iter(arms)), finding.why.value",
        ),
    ),
    _rule(33, "a paused flow enrolls nobody", (_OPEN, "            when x.paused then 'paused'\n", "")),
    _rule(
        33,
        "a paused flow advances nobody",
        (
            _PASS,
            "where bucket = %(bucket)s and active and work_at <= %(horizon)s and flow <> all(%(paused)s)\n    order by work_at",
            "where bucket = %(bucket)s and active and work_at <= %(horizon)s\n    order by work_at",
        ),
    ),
    _rule(
        33,
        "skip skips its sends",
        (
            _PUBLISH,
            "skip_before = case when %(skip)s then %(at)s else skip_before end",
            "skip_before = case when %(skip)s then skip_before else skip_before end",
        ),
    ),
    _rule(
        33,
        "send sends what is late",
        (
            _PUBLISH,
            "due_at = case when %(send)s then %(at)s else due_at end,\n    skip",
            "due_at = case when %(send)s then due_at else due_at end,\n    skip",
        ),
    ),
    _rule(
        33,
        "shift moves waits by the pause",
        (
            _PUBLISH,
            "e.reached_at + (%(at)s - greatest(f.paused_at, e.reached_at)), %(at)s, null",
            "e.reached_at, %(at)s, null",
        ),
    ),
    _rule(
        33,
        "by default as expires says",
        (
            "publish/pausing.py",
            '"send": overdue is Overdue.SEND, "skip"',
            '"send": overdue is not Overdue.SKIP, "skip"',
        ),
    ),
    # -- small things
    _rule(
        34,
        "bounced suppresses",
        (
            _PASS,
            "when f.did in ('bounced', 'complained') then 'suppress'",
            "when f.did in ('complained') then 'suppress'",
        ),
    ),
    _rule(
        34,
        "bounced is a hard bounce",
        (
            _PASS,
            "when 'bounced' then '{\"reason\": \"hard_bounce\"}'::jsonb",
            "when 'bounced' then '{\"reason\": \"complaint\"}'::jsonb",
        ),
    ),
    _rule(35, "a domain has a dot", ("domain/address.py", '(?:\\.{_LABEL})+)"', '(?:\\.{_LABEL})*)"')),
    _rule(
        35,
        "an address is one that RFC 5321 lets be handed over",
        ("domain/address.py", "    if found is None or len(found[1]) > _LONGEST_LOCAL or", "    if found is None or"),
    ),
    _rule(
        35,
        "nobody is written to without a valid address",
        (_DECIDE, "        when x.address is null then 'no_address'\n", ""),
    ),
    _rule(
        36,
        "a call with both ids links them",
        (
            _WHO,
            "        if before is None:\n            profile = self._held_or_new(name, call)\n            self._tie(at_device, profile, call)\n            return profile\n",
            "        if before is None:\n            return self._held_or_new(name, call)\n",
        ),
    ),
    _rule(
        36,
        "two users at one device are two people",
        (_WHO, "        if self._has_user(before.profile):\n            return self._held_or_new(name, call)\n", ""),
    ),
    _rule(
        36,
        "what came without a user belongs to the one named last before",
        (_WHO, "            if naming.at <= at:\n", "            if naming.at is None:\n"),
    ),
    _rule(36, "by own times", (_WHO, "            if naming.at <= at:\n", "            if True:\n")),
    _rule(
        37,
        "profiles merge when a call ties them",
        (
            _WHO,
            "        self._merge(held.profile, before.profile, merges)\n        return held.profile\n",
            "        return held.profile\n",
        ),
    ),
    _rule(
        37,
        "by e-mail only where merge_on lists it",
        (_WHO, "if self.by_email and call.kind is CallKind.IDENTIFY:", "if call.kind is CallKind.IDENTIFY:"),
    ),
    _rule(
        37,
        "by e-mail where merge_on lists it",
        (
            _WHO,
            "if self.by_email and call.kind is CallKind.IDENTIFY:",
            "if self.by_email is None and call.kind is CallKind.IDENTIFY:",
        ),
    ),
    _rule(
        38,
        "a property keeps the value with the latest own time",
        (
            _APPLY,
            "a.kind = 'identify' and coalesce((p.stamps ->> j.key)::bigint <= own.at, true)",
            "a.kind = 'identify'",
        ),
    ),
    _rule(
        38,
        "what set wrote yields to what is told later alone",
        (_CHANGE, "stamps = p.stamps || t.stamps,", "stamps = p.stamps,"),
    ),
    _rule(
        38,
        "so it is when profiles merge",
        (
            _MERGE,
            "else coalesce((l.stamps ->> j.key)::bigint, -1) > coalesce((p.stamps ->> j.key)::bigint, -1) end",
            "else false end",
        ),
    ),
    _rule(
        38,
        "of two said at one time that of the profile that stays",
        (
            _MERGE,
            "else coalesce((l.stamps ->> j.key)::bigint, -1) > coalesce((p.stamps ->> j.key)::bigint, -1) end",
            "else coalesce((l.stamps ->> j.key)::bigint, -1) >= coalesce((p.stamps ->> j.key)::bigint, -1) end",
        ),
    ),
    _rule(
        38,
        "null is a value",
        (
            _APPLY,
            "from jsonb_each(a.properties) j\n        where a.kind = 'identify'",
            "from jsonb_each(jsonb_strip_nulls(a.properties)) j\n        where a.kind = 'identify'",
        ),
    ),
)
