"""The condition grammar, compiled into SQL over many rows at once. It reads what a profile did, and leaves nothing.

A compiled condition is a boolean expression over a FROM item named `x`, which the statement's author provides with
these columns. It is never null, and raises for no value that a property can hold.

| column | type | what |
|---|---|---|
| `bucket`, `profile` | smallint, uuid | whose condition it is |
| `moment` | timestamptz | the moment of deciding: nothing later is seen |
| `zone` | text | the profile's time zone, one that `sqlkit.calendar.fill_zones` has filled in |
| `props` | jsonb | the profile's properties: an object |
| `consents` | jsonb | {topic: {"on": bool, "at": microseconds}} |
| `enrollment` | uuid or null | the enrollment that asks; null in an audience |
| `entered_at` | timestamptz or null | its entry; null: the own time of the event that would start it |
| `reached` | jsonb or null | {step id: ISO 8601 text with offset}: the steps reached so far |
| `vars` | jsonb | what earlier steps have left with the enrollment; asked for where a condition names `vars` or `coupon` |
| `ev_props`, `ev_ctx`, `ev_at` | jsonb, jsonb, timestamptz, or null | the event that started it |

Beside `x` it reads the tables `event` (which holds what has been taken in by the moment), `cart`, `orders`, `message`,
`enrollment` and `zone_span`, each by bucket and profile. Names of parameters and aliases begin with the environment's prefix, which
must differ between the fragments of one statement; the texts hold no other `%`.

A question is a condition asked of everybody in a bucket at one moment (`compile_question`): a query of its own. A turn is the next
moment at which time alone may make a condition hold, or no longer (`compile_turn`).
"""

from __future__ import annotations

from tamshy.conditions.asking import compile_question
from tamshy.conditions.compiling import (
    compile_condition,
    compile_match,
    compile_test,
    compile_window,
    cost,
    day_sql,
    key_sql,
    moment_sql,
    value_sql,
)
from tamshy.conditions.segments import measure, nested, total_sql
from tamshy.conditions.turning import compile_turn, is_timed
from tamshy.conditions.writing import ENTRY, Environment, Fragment, Tested

__all__ = [
    "ENTRY",
    "Environment",
    "Fragment",
    "Tested",
    "compile_condition",
    "compile_match",
    "compile_question",
    "compile_test",
    "compile_turn",
    "compile_window",
    "cost",
    "day_sql",
    "is_timed",
    "key_sql",
    "measure",
    "moment_sql",
    "nested",
    "total_sql",
    "value_sql",
]
