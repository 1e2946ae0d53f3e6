"""`in` and `top`: a segment's own condition where it stands, and the place among the best as it was last computed (rule 29)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tamshy.conditions import behaviours, references
from tamshy.conditions.writing import Tested
from tamshy.language import walk
from tamshy.language.model import In, Top

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tamshy.conditions.writing import Writer
    from tamshy.language.model import Condition, Ref

    Write = Callable[[Condition], str]
    """Compiles a condition where it stands."""


def member(writer: Writer, name: str, write: Write) -> str:
    """Tell whether the profile is in a segment: its condition, asked now.

    Segments within segments are worked out once each, beside each other and not inside each other, so that the text does not
    grow faster than their number.
    """
    if name in writer.held:
        return writer.held[name]
    needed = nested(writer.env.segments, name)
    if not needed:
        return "false"
    *inner, outermost = needed
    if not inner:
        return write(writer.env.segments[outermost])
    around, writer.held = writer.held, {}
    rows = []
    for one in inner:
        row = writer.alias()
        rows.append(f"(select {write(writer.env.segments[one])} as holds offset 0) {row}")
        writer.held[one] = f"{row}.holds"
    whole = write(writer.env.segments[outermost])
    writer.held = around
    return f"(select {whole} from {' cross join lateral '.join(rows)})"


def among_the_best(writer: Writer, condition: Top) -> str:
    """Tell whether the profile was among the best when that was last computed."""
    row = writer.alias()
    return (
        f"coalesce((select true from best {row} where {row}.bucket = {writer.env.bucket} and {row}.profile = x.profile"
        f" and {row}.measure = {writer.text(measure(condition))}), false)"
    )


def measure(condition: Top) -> str:
    """The name under which the best by a measure are kept: all that it depends on."""
    within = condition.within
    if not condition.event:
        return "|".join((str(condition.share.normalize()), str(condition.ref)))
    window = "" if within is None else f"{within.months}mo{within.days}d{within.seconds}s"
    return "|".join((str(condition.share.normalize()), condition.event, str(condition.ref or ""), window))


class Total(NamedTuple):
    """What a property of events adds up to: an aggregate over their rows, and what has to be joined to each of them."""

    value: str
    joined: str


def total_sql(ref: Ref | None, event: str, value: str) -> Total:
    """Add up a property of the events ``event``, what is no number left out (rule 18), or count them: without a reference.

    ``value``: a name for what is joined. Raises for nothing that a property can hold.
    """
    if ref is None:
        return Total("count(*)", "")
    place = references.kept(ref, Tested(f"{event}.properties", f"{event}.context", f"{event}.occurred_at"))
    if place.moment is not None or not place.path:
        return Total("null::numeric", "")
    path = "{" + ",".join(json.dumps(part, ensure_ascii=False) for part in place.path) + "}"
    written = path.replace("'", "''").replace("%", "%%")
    joined = f" cross join lateral leaves({place.document}, '{written}'::text[]) {value} (value)"
    return Total(f"sum({behaviours.number(f'{value}.value')})", joined)


def nested(segments: Mapping[str, Condition], *names: str) -> list[str]:
    """These segments and all within them, each once, after those that it is made of; those that there are not left out."""
    found: list[str] = []
    seen: set[str] = set()
    waiting = [(name, False) for name in reversed(names)]
    while waiting:
        name, ready = waiting.pop()
        if ready:
            found.append(name)
        elif name in segments and name not in seen:
            seen.add(name)
            waiting.append((name, True))
            waiting += [(part.segment, False) for part in walk(segments[name]) if isinstance(part, In)]
    return found
