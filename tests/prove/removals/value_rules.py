"""The code of rules 16 to 22: values and templates."""

from __future__ import annotations

from typing import Final

from tests.prove.removals.removal import END, Edit, Removal

_TEST: Final = "conditions/testing.py"
_REFS: Final = "conditions/references.py"
_DID: Final = "conditions/behaviours.py"
_CALENDAR: Final = "schema/sql/0002_calendar.sql"
_OCCASIONS: Final = "trigger/occasions.py"
_LIQUID: Final = "render/liquid.py"
_MATCHING: Final = "language/matching.py"
_TREES: Final = "language/trees.py"


def _rule(number: int, says: str, *edits: tuple[str, str, str]) -> Removal:
    return Removal(f"rule {number}: {says}", tuple(Edit(*one) for one in edits), rule=number)


REMOVALS: Final = (
    _rule(
        16,
        "ne and not_in hold for what is missing",
        (
            _TEST,
            'parts.append(f"not {some}")',
            "there = references.some_leaf(writer, place, lambda value: f'{value} is not null')\n"
            '        parts.append(f"({there} and not {some})")',
        ),
    ),
    _rule(
        16,
        "ne and not_in are the opposite also over a list on the way",
        (
            _TEST,
            'parts.append(f"not {some}")',
            "parts.append(references.some_leaf(\n"
            "            writer, place, lambda value, one=opposite: f'not coalesce({_clause(writer, one, value)}, false)'))",
        ),
    ),
    _rule(
        16,
        "order is of numbers alone",
        (_TEST, "(jsonb_typeof({value}) = 'number' and {value} {sign}", "({value} {sign}"),
    ),
    _rule(
        16,
        "order is of two moments",
        (
            _TEST,
            '    at = moment or references.moment(writer, value)\n    return f"{at} {sign}',
            '    return _NO\n    at = moment or references.moment(writer, value)\n    return f"{at} {sign}',
        ),
    ),
    _rule(
        16,
        "a number is no text",
        (
            _TEST,
            "            found.append(writer.json(number))",
            "            found += [writer.json(number), writer.json(str(operand))]",
        ),
    ),
    _rule(
        16,
        "starts_with fails on what is no text",
        (_TEST, "case when jsonb_typeof({value}) = 'string' then {found} end", "coalesce({found}, true)"),
    ),
    _rule(
        16,
        "contains fails on what is missing",
        (
            _TEST,
            "then {value} @> {writer.json(member)} end",
            "then {value} @> {writer.json(member)} else {value} is null end",
        ),
    ),
    _rule(
        16,
        "a test fails on what is missing",
        (
            _REFS,
            'return f"coalesce({holds(single(writer, place))}, false)"',
            'return f"coalesce({holds(single(writer, place))}, true)"',
        ),
    ),
    _rule(
        16,
        "text is compared after NFC",
        ("ingest/poison.py", 'not text.isascii() and not unicodedata.is_normalized("NFC", text.decode())', "not text"),
    ),
    _rule(
        16,
        "the language's text is in NFC",
        (
            "language/comparisons.py",
            'return unicodedata.normalize("NFC", tree.value) if isinstance(tree.value, str) else tree.value',
            "return tree.value",
        ),
    ),
    _rule(16, "addresses are lower-cased", ("domain/address.py", ".strip().lower()", ".strip()")),
    _rule(17, "lists on the way fan out", (_REFS, "return len(self.path) > 1", "return False")),
    _rule(
        17,
        "one element meets the whole test",
        (
            _TEST,
            "        parts.append(references.some_leaf(writer, place, lambda value: _together(writer, place, rest, value)))\n",
            "        for each in rest:\n            parts.append(references.some_leaf(writer, place, lambda value, each=each: _together(writer, place, [each], value)))\n",
        ),
    ),
    _rule(
        17,
        "a list at the end is a value",
        (
            _CALENDAR,
            "    if walked = length then\n        return next value;\n        return;\n    end if;\n",
            "    if walked = length and jsonb_typeof(value) = 'array' then\n        return query select e.value from jsonb_array_elements(value) e;\n        return;\n    end if;\n    if walked = length then\n        return next value;\n        return;\n    end if;\n",
        ),
    ),
    _rule(
        17,
        "an empty list on the way is one that is missing",
        (_CALENDAR, "    if not fanned then\n        return next null;\n    end if;\n", ""),
    ),
    _rule(
        18,
        "a sum needs an event",
        (
            _DID,
            "{aggregate.function.value}({number(value)}) as n {found}",
            "coalesce({aggregate.function.value}({number(value)}), 0) as n {found}",
        ),
    ),
    _rule(
        18,
        "what is no number is left out",
        (_DID, 'then ({value})::numeric end"', 'then ({value})::numeric else 0 end"'),
    ),
    _rule(
        18,
        "one behaviour verb in a mapping",
        ("language/conditions.py", "            if name == verbs[0]:\n", "            if name:\n"),
    ),
    _rule(
        19,
        "anniversary counts returns, not the day itself",
        (
            _CALENDAR,
            "extract(year from day)::integer + 1);\n    come_round",
            "extract(year from day)::integer);\n    come_round",
        ),
    ),
    _rule(
        19,
        "a year later is a return in Python too",
        ("domain/calendar.py", "max(first.year, day.year + 1)", "max(first.year, day.year)"),
    ),
    _rule(
        19,
        "a leap day comes round on 28 February",
        (
            _CALENDAR,
            "come_round := (day + make_interval(years => candidate - extract(year from day)::integer))::date;",
            "come_round := case when to_char(day, 'MMDD') = '0229' and candidate % 4 <> 0 then null else\n            (day + make_interval(years => candidate - extract(year from day)::integer))::date end;",
        ),
    ),
    _rule(19, "a date comes at 09:00", ("language/occasions.py", "NINE = time(9)", "NINE = time(10)")),
    _rule(
        19,
        "a moment gone by when the date becomes known fires nothing",
        (
            _OCCASIONS,
            '        where c.at > x.since or (c.at = x.since and not {_has_come("t.flow")})\n',
            "        where c.at > x.since - interval '20 hours'\n",
        ),
    ),
    _rule(
        19,
        "known at that very moment it comes",
        (
            _OCCASIONS,
            '        where c.at > x.since or (c.at = x.since and not {_has_come("t.flow")})\n',
            "        where c.at > x.since\n",
        ),
    ),
    _rule(
        19,
        "MM-DD is a date without a year",
        (_CALENDAR, "        when 5 then iso_reading('0004-' || written)::date\n", ""),
    ),
    _rule(
        19,
        "the date is read again when it comes",
        (
            _OCCASIONS,
            '        then {_in_year("d.day", "extract(year from x.day)::integer")} = x.day\n            and (extract',
            "        then (extract",
        ),
        (_OCCASIONS, "        else d.day = x.day end", "        else true end"),
    ),
    _rule(
        19,
        "of every year returns alone count",
        (
            _OCCASIONS,
            "when {_NO_YEAR} then 0 else extract(year from d.day)::integer + 1 end",
            "when {_NO_YEAR} then 0 else extract(year from d.day)::integer end",
        ),
        (_OCCASIONS, "or d.day < x.day)", "or true)"),
    ),
    _rule(20, "on, no and 10:00 are text", (_TREES, END, "_TRUTH.update(on=True, no=False, yes=True, off=False)")),
    _rule(
        20,
        "a date is text",
        (
            _TREES,
            "    if text in _NULL:\n",
            "    if re.fullmatch(r'[0-9]{4}-[0-9]{2}-[0-9]{2}', text):\n        return int(text.replace('-', ''))\n    if text in _NULL:\n",
        ),
    ),
    _rule(
        20,
        "duplicate keys are refused",
        (_TREES, "                if key.text in entries:\n", "                if key.text in ():\n"),
    ),
    _rule(
        20,
        "anchors are refused",
        (_TREES, "            if event.anchor is not None:\n", "            if event.anchor is Ellipsis:\n"),
    ),
    _rule(
        20,
        "aliases are refused",
        (
            _TREES,
            '            return self.refuse(event, f"the alias',
            '            return Broken(self.place(event.start_mark))\n            return self.refuse(event, f"the alias',
        ),
    ),
    _rule(
        20,
        "tags are refused",
        (_TREES, "            if event.tag is not None:\n", "            if event.tag is Ellipsis:\n"),
    ),
    _rule(
        20,
        "ids are unique in a flow",
        ("language/steps.py", "        if step_id in known:\n", "        if step_id in ():\n"),
    ),
    _rule(
        20,
        "steps are matched by their own ids",
        (_MATCHING, "kept = {step.id: step.id for step, own in before if own and step.id in named}", "kept = {}"),
    ),
    _rule(
        20,
        "steps without an id are matched by verb and content",
        (_MATCHING, 'if tag == "equal":', 'if tag == "never":'),
        (_MATCHING, 'if tag == "replace":', 'if tag == "never":'),
        (_MATCHING, "        _keep(outlined, after, kept, free, strict=True)\n", "        pass\n"),
    ),
    _rule(20, "between neighbours by verb alone", (_MATCHING, 'if tag == "replace":', 'if tag == "never":')),
    _rule(
        20,
        "and in order",
        (_MATCHING, "    for candidate, _ in candidates:\n", "    for candidate, _ in reversed(candidates):\n"),
    ),
    _rule(
        21,
        "printing what is missing is an error",
        (
            _LIQUID,
            "    if isinstance(value, Missing):\n        raise UndefinedError(_msg(value), token=value.token)\n",
            "    if isinstance(value, Missing):\n        return ''\n",
        ),
    ),
    _rule(
        21,
        "filtering what is missing is an error",
        (
            _LIQUID,
            "            if type(given) is Missing:\n                raise UndefinedError(_msg(given), token=given.token)\n",
            "            if type(given) is Missing:\n                return ''\n",
        ),
    ),
    _rule(
        21,
        "looping over what is missing is an error",
        (
            _LIQUID,
            'class Missing(FalsyStrictUndefined):\n    """What a path leads to when nothing is there; ``msg`` names the path."""\n',
            "class Missing(FalsyStrictUndefined):\n    def __iter__(self):\n        return iter(())\n\n    def __len__(self):\n        return 0\n",
        ),
    ),
    _rule(
        21,
        "default takes the missing as nil",
        (_LIQUID, '        if name != "default":\n            env', "        if name:\n            env"),
    ),
    _rule(
        21,
        "questions take the missing as nil",
        (
            _LIQUID,
            'class Missing(FalsyStrictUndefined):\n    """What a path leads to when nothing is there; ``msg`` names the path."""\n',
            "from liquid import StrictUndefined\n\nclass Missing(StrictUndefined):\n    pass\n",
        ),
    ),
    _rule(
        21,
        "what is there and null prints nothing",
        (
            _LIQUID,
            "    return to_liquid_string(value, autoescape)\n",
            "    return to_liquid_string('null' if value is None else value, autoescape)\n",
        ),
    ),
    _rule(
        21,
        "a render_error concerns nobody else",
        (
            "passes/rendering.py",
            "        return [self._result(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]",
            "        failed = next((one for one in outcomes if one.rendered is None), None)\n        return [self._result(row, failed or outcome) for row, outcome in zip(rows, outcomes, strict=True)]",
        ),
    ),
    _rule(
        21,
        "in set one whole expression keeps its type",
        ("language/values.py", "Template(text, is_whole(text))", "Template(text)"),
    ),
    _rule(
        22,
        "a date holds its day",
        (_OCCASIONS, "jsonb_build_object('date', to_char(x.day, 'YYYY-MM-DD'), 'years'", "jsonb_build_object('years'"),
    ),
    _rule(
        22,
        "a date holds the years",
        (_OCCASIONS, "then (extract(year from x.day) - extract(year from d.day))::integer end)", "then 0 end)"),
    ),
    _rule(
        22,
        "a date without a year has none",
        (
            _OCCASIONS,
            "case when extract(year from d.day) <> {_NO_YEAR}\n            then",
            "case when true\n            then",
        ),
    ),
    _rule(
        22,
        "a date in a list holds its element",
        (_OCCASIONS, "else jsonb_build_object('item', e.element) end as holds", "else '{{}}' end as holds"),
    ),
    _rule(
        22,
        "a segment holds its name",
        (
            "segment/stage.py",
            "moment, jsonb_build_object('segment', segment)\nfrom judged",
            "moment, jsonb_build_object('name', segment)\nfrom judged",
        ),
    ),
    _rule(
        22,
        "a schedule holds its moment",
        (_OCCASIONS, "jsonb_build_object('at', iso_text(x.moment)) as holds", "'{{}}'::jsonb as holds"),
    ),
    _rule(
        22,
        "a price drop holds the price before",
        (
            "trigger/offers.py",
            "jsonb_build_object('product', product, 'old_price', old_price)",
            "jsonb_build_object('product', product)",
        ),
    ),
    _rule(
        22,
        "new arrivals hold their products",
        ("trigger/arrivals.py", "jsonb_build_object('products', products) as holds", "'{{}}'::jsonb as holds"),
    ),
    _rule(22, "by hand it holds what the caller gave", ("enlist/queries.sql", "%(event)s::jsonb,", "'{}'::jsonb,")),
    _rule(
        22,
        "a product that came back is there",
        (
            "trigger/offers.py",
            "        else jsonb_build_object('product', product) end",
            "        else '{{}}'::jsonb end",
        ),
    ),
)
