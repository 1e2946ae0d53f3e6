"""What a folder's flows would have sent over the shop's own past, beside what really was sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TextIO

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL: Final = queries("tamshy.simulate")
SENT: Final = "sent"
_BARS: Final = "▁▂▃▄▅▆▇█"
_WEEK_S: Final = 7 * 86_400
_WIDEST: Final = 40
"""Weeks that are drawn: more would not fit on a line."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time that is looked at: later than ``since``, up to ``until``."""

    since: datetime
    until: datetime

    @property
    def weeks(self) -> int:
        """How many weeks it lasts, the one that is not over included."""
        return int((self.until - self.since).total_seconds() // _WEEK_S) + 1


@dataclass(slots=True)
class Outcome:
    """What was decided in a stretch: messages by (flow, message, reason), sent ones by (flow, message, week), entries by flow."""

    decided: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    weeks: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)


def outcome(conn: Connection, name: str, stretch: Stretch) -> Outcome:
    """Read what a workspace decided."""
    params = {"name": name, "since": stretch.since, "until": stretch.until}
    found = Outcome()
    for flow, message, reason, week, count in conn.execute(_SQL["outcome"], params):
        found.decided[flow, message, reason] += count
        if reason == SENT:
            found.weeks[flow, message, week] += count
    found.entered.update(dict(conn.execute(_SQL["entered"], params).fetchall()))
    return found


def compared(was: Outcome, would_be: Outcome, stretch: Stretch) -> list[dict[str, object]]:
    """Put the two side by side: a row for each flow and message of either, reasons and weeks within."""
    weeks = stretch.weeks
    rows: dict[tuple[str, str], dict[str, dict[str, int]]] = defaultdict(lambda: {"was": {}, "would_be": {}})
    for word, side in (("was", was), ("would_be", would_be)):
        for (flow, message, reason), count in sorted(side.decided.items()):
            rows[flow, message][word][reason] = count
    return [
        {
            "flow": flow,
            "message": message,
            "entered": {"was": was.entered[flow], "would_be": would_be.entered[flow]},
            **reasons,
            "weeks": {
                word: [side.weeks[flow, message, week] for week in range(weeks)]
                for word, side in (("was", was), ("would_be", would_be))
            },
        }
        for (flow, message), reasons in sorted(rows.items())
    ]


def print_compared(was: Outcome, would_be: Outcome, stretch: Stretch, out: TextIO) -> None:
    """Print the two side by side for a person: how many, why not, and each week as a bar."""
    print(f"from {stretch.since:%Y-%m-%d %H:%M} to {stretch.until:%Y-%m-%d %H:%M} UTC", file=out)
    rows = [
        (flow, message, was.decided[flow, message, SENT], would_be.decided[flow, message, SENT])
        for flow, message in sorted({key[:2] for key in (*was.decided, *would_be.decided)})
    ]
    if not rows:
        print("nothing was decided, and nothing would have been", file=out)
        return
    names = [max(len(row[place]) for row in (("flow", "message"), *(row[:2] for row in rows))) for place in (0, 1)]
    weeks = stretch.weeks
    drawn = "  week by week" if 1 < weeks <= _WIDEST else ""
    print(
        f"{'flow':<{names[0]}}  {'message':<{names[1]}}  {'was sent':>9}  {'would be':>9}  {'more':>7}{drawn}", file=out
    )
    for flow, message, before, after in rows:
        line = f"{flow:<{names[0]}}  {message:<{names[1]}}  {before:>9,}  {after:>9,}  {after - before:>+7,}"
        print(f"{line}{_drawn(flow, message, weeks, was, would_be) if drawn else ''}", file=out)
    for said in _reasons(was, would_be):
        print(said, file=out)


def _drawn(flow: str, message: str, weeks: int, was: Outcome, would_be: Outcome) -> str:
    most = max(*(side.weeks[flow, message, week] for side in (was, would_be) for week in range(weeks)), 1)
    return "".join(
        "  " + "".join(_bar(side.weeks[flow, message, week], most) for week in range(weeks)) for side in (was, would_be)
    )


def _bar(count: int, most: int) -> str:
    return _BARS[min(len(_BARS) - 1, count * len(_BARS) // (most + 1))] if count else " "


def _reasons(was: Outcome, would_be: Outcome) -> Iterator[str]:
    reasons = sorted({key[2] for key in (*was.decided, *would_be.decided)} - {SENT})
    if reasons:
        yield "not sent:"
    for reason in reasons:
        before, after = (sum(n for key, n in side.decided.items() if key[2] == reason) for side in (was, would_be))
        yield f"  {reason:<14} {before:>9,}  {after:>9,}  {after - before:>+7,}"
