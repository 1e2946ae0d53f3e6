"""Alternatives of the grammar that no table holds: what may stand in place of what. Each with the edits that take it out."""

from __future__ import annotations

from typing import Final

from tests.prove.removals.removal import Edit, Removal

_CONDITIONS: Final = "language/conditions.py"
_TESTS: Final = "language/comparisons.py"
_TREES: Final = "language/trees.py"
_FIELDS: Final = "language/fields.py"
_MOMENTS: Final = "language/moments.py"
_CASTS: Final = "language/broadcasts.py"


def _shape(name: str, file: str, old: str, new: str) -> Removal:
    return Removal(name, (Edit(file, old, new),))


SHAPES: Final = (
    # -- conditions
    _shape(
        "condition: a list is all of its members",
        _CONDITIONS,
        "    if isinstance(tree, Items):\n        return _together",
        "    if isinstance(tree, Broken):\n        return _together",
    ),
    _shape(
        "condition: all of a mapping's members hold",
        _CONDITIONS,
        "members[0] if len(members) == 1 else All(members)",
        "members[0] if members else All(members)",
    ),
    _shape(
        "test: a single value",
        _TESTS,
        "    operator = Operator.IN if isinstance(tree, Items) else Operator.EQ\n",
        "    if not isinstance(tree, Items):\n        fields.wrong(reading, tree, label, 'a list')\n        return None\n"
        "    operator = Operator.IN\n",
    ),
    _shape(
        "test: a list is one of",
        _TESTS,
        "    operator = Operator.IN if isinstance(tree, Items) else Operator.EQ\n",
        "    operator = Operator.EQ\n",
    ),
    _shape(
        "test: an empty text to begin or end with",
        _TESTS,
        'tree.value == "" and tree.style',
        'tree.value == "" and not tree.style',
    ),
    _shape(
        "test: a moment to compare with",
        _TESTS,
        "return parse_moment(tree.value, reading.zone) or unicodedata",
        "return unicodedata",
    ),
    _shape("since: entry", _CONDITIONS, 'ENTRY if _is(keys["since"], ENTRY) else fields', "fields"),
    _shape(
        "since: the id of a step",
        _CONDITIONS,
        'fields.name(reading, keys["since"], "since", fields.STEP_ID)',
        'fields.wrong(reading, keys["since"], "since", ENTRY)',
    ),
    _shape(
        "after beside before",
        _CONDITIONS,
        'if len(given) > 1 and given != ["after", "before"]:',
        "if len(given) > 1:",
    ),
    _shape(
        "engagement: a step of this flow",
        _CONDITIONS,
        "    elif target != ANY:\n",
        "    elif target != ANY:\n        reading.refuse(entry.value.at, 'no step')\n",
    ),
    _shape("top by predicted.clv", _CONDITIONS, "if tree.text == str(_LIFETIME):", "if tree.text == '':"),
    # -- values
    _shape(
        "moment: a date alone",
        _MOMENTS,
        "if _DATE.fullmatch(text) or _TIMESTAMP",
        "if _TIMESTAMP",
    ),
    _shape(
        "moment: a timestamp",
        _MOMENTS,
        "if _DATE.fullmatch(text) or _TIMESTAMP.fullmatch(text) else",
        "if _DATE.fullmatch(text) else",
    ),
    _shape("timestamp: seconds", _MOMENTS, "(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|", "(Z|"),
    _shape("timestamp: parts of a second", _MOMENTS, "([.,][0-9]{1,9})?", ""),
    _shape("timestamp: Z", _MOMENTS, "(Z|[+-]", "([+-]"),
    _shape("timestamp: an offset", _MOMENTS, "(Z|[+-][0-9]{2}(:?[0-9]{2})?)?", "Z?"),
    _shape("timestamp: without an offset", _MOMENTS, "(Z|[+-][0-9]{2}(:?[0-9]{2})?)?", "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"),
    _shape("timestamp: a blank for T", _MOMENTS, "[T ][0-9]{2}", "T[0-9]{2}"),
    _shape("duration: a negative one", "language/durations.py", 'rf"(-?)(', 'rf"(())('),
    _shape("duration: joined parts", "language/durations.py", "'(', '(?:')})+)\"", "'(', '(?:')}))\""),
    _shape(
        "name: one that YAML takes for a number",
        _FIELDS,
        "found = tree.text if isinstance(tree, Leaf) and _is_number(tree) else text",
        "found = text",
    ),
    _shape(
        "key or id: a number",
        _FIELDS,
        "return tree.text if isinstance(tree, Leaf) and _is_number(tree) else text",
        "return text",
    ),
    _shape(
        "story: a moment for a duration",
        _FIELDS,
        "(found := parse_moment(tree.text, reading.zone)) is not None",
        "(found := None) is not None",
    ),
    _shape("percentage: parts of one", _FIELDS, r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", "([0-9]{1,3})%"),
    _shape(
        "address: with a name before it", _FIELDS, "valid_address(inner[1] if inner else found)", "valid_address(found)"
    ),
    # -- YAML
    _shape("YAML: a whole number", _TREES, "    if _INTEGER.fullmatch(text):\n        return int(text)\n", ""),
    _shape("YAML: 0x and 0o", _TREES, "    if _BASED.fullmatch(text):\n        return int(text, 0)\n", ""),
    _shape("YAML: a fraction", _TREES, "Decimal(text) if _FRACTION.fullmatch(text) else text", "text"),
    # -- flows
    _shape(
        "trigger: a segment",
        "language/flows.py",
        "    if by_segment(tree):\n        match = segment_match(reading, fields.mapping(reading, tree, vocabulary.SEGMENT_TRIGGER) or {})",
        "    if by_segment(tree):\n        reading.refuse(tree.at, 'no segment')\n        return None\n"
        "        match = segment_match(reading, fields.mapping(reading, tree, vocabulary.SEGMENT_TRIGGER) or {})",
    ),
    _shape(
        "exit, conversion, wait_for: a segment",
        "language/matches.py",
        "    if by_segment(tree):\n",
        "    if tree is None:\n",
    ),
    _shape("conversion: a segment", "language/flows.py", "segment = by_segment(member)", "segment = member is None"),
    _shape(
        "wait: a duration",
        "language/waits.py",
        "    if not isinstance(tree, Mapping):\n",
        "    if not isinstance(tree, Mapping):\n        fields.wrong(reading, tree, 'wait', 'a mapping')\n",
    ),
    _shape("wait: the best hour", "language/waits.py", "until.text == vocabulary.BEST_HOUR", "until.text == ''"),
    _shape("wait: a time of day", "language/waits.py", "until is None or fields.is_time(until)", "until is None"),
    _shape(
        "date: order.last_at",
        "language/occasions.py",
        "(Root.ORDER,) if text == _LAST_ORDER else (Root.PROFILE,)",
        "(Root.PROFILE,)",
    ),
    _shape(
        "dates: one with its year",
        "language/occasions.py",
        "    if not _DATE.fullmatch(text):\n        return month_day(text)\n",
        "    return month_day(text)\n",
    ),
    _shape(
        "dates: one without a year",
        "language/occasions.py",
        "    if not _DATE.fullmatch(text):\n        return month_day(text)\n",
        "    if not _DATE.fullmatch(text):\n        return None\n",
    ),
    # -- broadcasts
    _shape(
        "broadcast: a moment with an offset",
        _CASTS,
        "        elif zoned:\n",
        "        else:\n            fields.wrong(reading, member, label, _EXPECTED)\n            continue\n        if zoned:\n",
    ),
    _shape(
        "broadcast: without a mapping",
        _CASTS,
        '    return _timed(reading, tree, "at", segment, reading.zone, zoned=False)',
        '    fields.wrong(reading, tree, "at", "a mapping")\n    return ()',
    ),
    # -- settings, stories, values of steps
    _shape(
        "topic: with nothing said of it",
        "language/settings.py",
        "        empty = isinstance(entry.value, Leaf) and entry.value.value is None\n",
        "        empty = False\n",
    ),
    _shape(
        "settings: a file without any",
        "language/settings.py",
        "    empty = isinstance(tree, Leaf) and tree.value is None\n",
        "    empty = False\n",
    ),
    _shape(
        "entered: true",
        "language/stories.py",
        '    if outcome == "entered" and isinstance(tree, Leaf) and tree.value is True:\n        return None\n',
        "",
    ),
    _shape(
        "value: one that is Liquid",
        "language/values.py",
        "    if not has_liquid(text):\n        return text\n",
        "    return text\n",
    ),
    _shape(
        "value: a whole one keeps its type",
        "language/values.py",
        "Template(text, is_whole(text))",
        "Template(text)",
    ),
    _shape(
        "address: Liquid behind the host",
        "language/outward.py",
        "if found is None or not has_liquid(found) or",
        "if found is None or label == 'url' or not has_liquid(found) or",
    ),
    _shape(
        "Liquid: raw",
        "language/liquid.py",
        "    return environment\n",
        '    del environment.tags["raw"]\n    return environment\n',
    ),
)
