"""What a run is held against: the oracle's lines, and what must be so whatever happens."""

from __future__ import annotations

import json
import logging
import os
import traceback
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tests.oracle.compare import differences, report
from tests.prove.faults import life, plan, shop
from tests.prove.faults.ground import by_email
from tests.prove.faults.run import Run

from tamshy.ingest import calls_from_lines
from tamshy.simulate import journal_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.prove.faults.ground import Ground
    from tests.prove.faults.life import Line
    from tests.prove.faults.plan import Fault

    from tamshy.sqlkit import Connection

TRACES = os.environ.get("TRACES")
PER_SHOP: Final = 20
"""Seeds that have one workspace: publishing it takes as long as a run."""

_BUCKETS: Final = (2, 3, 1, 4)

HELD: Final = {
    "one decision for each visit of a step": """
        select enrollment, step_index, visit from message group by 1, 2, 3 having count(*) > 1""",
    "one line of the journal for each decision": """
        select id from journal where kind = 'message' and outcome in ('sent', 'skipped') group by id having count(*) > 1
        union all
        select m.id from message m where m.state <> 'accepted' and not exists (select from journal j where j.id = m.id)""",
    "one delivery and one content for what was sent, and for nothing else": """
        select id from message m where (m.state = 'sent') <> exists (select from delivery d where d.message = m.id)
        union all
        select id from message m where (m.state = 'sent') <> exists (select from content c where c.message = m.id)
        union all
        select message from delivery group by 1 having count(*) > 1
        union all
        select message from delivery d where not exists (select from message m where m.id = d.message)""",
    "one active enrollment of a flow and key": """
        select profile, flow, key from enrollment where active group by 1, 2, 3 having count(*) > 1""",
    "one enrollment by an event": """
        select profile, flow, trigger_event from enrollment group by 1, 2, 3 having count(*) > 1""",
    "one exit for each enrollment that has ended": """
        select e.id from enrollment e where e.active = exists (
            select from journal j where j.enrollment = e.id and j.outcome = 'exited')
        union all
        select enrollment from journal where outcome = 'exited' group by 1 having count(*) > 1""",
    "everybody ended, or waiting for a moment to come": """
        select id from enrollment where active and (step < 0 or work_at <= %(at)s or work_at = 'infinity')""",
    "nothing left in the hand": """
        select id from inbox where moment <= %(at)s
        union all
        select id from message where state = 'accepted'
        union all
        select message from delivery where state in ('queued', 'handing_over') and next_at <= %(at)s""",
    "each event once": """
        select profile, id from event group by 1, 2 having count(*) > 1""",
    "nobody set aside": "select profile from set_aside",
    "nothing done against what had been committed before": "select what, message from noticed",
    "one profile for each name": """
        select i.value from identifier i left join profile p on p.bucket = i.bucket and p.id = i.profile
        where p.id is null or p.merged_into is not null""",
}
_SURVIVORS: Final = """
select distinct i.value from profile l join identifier i on i.profile = l.merged_into where l.merged_into is not null"""


@dataclass(frozen=True)
class Case:
    """All that a run is made of. The same case is the same run."""

    files: Mapping[str, str]
    lines: list[Line]
    faults: list[Fault]
    seed: int
    buckets: int


@dataclass
class Verdict:
    """What is wrong with what came of a run: nothing, or some words. ``statements``: how long it was."""

    wrong: list[str] = field(default_factory=list)
    statements: int = 0
    lines: int = 0
    locked_up: int = 0


def drawn(seed: int) -> Case:
    """The case of a seed."""
    files = shop.workspace(seed // PER_SHOP)
    lines = life.history(seed, by_email=by_email(files))
    return Case(files, lines, plan.faults(seed), seed, _BUCKETS[seed // PER_SHOP % len(_BUCKETS)])


class _Errors(logging.Handler):
    """What the product itself calls an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was said, but for what is said of a sender that a run has broken."""
        if record.name.startswith("tamshy.deliver"):
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {record.exc_info[1]!r}"
            if TRACES:
                text += "\n" + "".join(traceback.format_exception(record.exc_info[1]))
        self.said.append(text)


def judge(ground: Ground, case: Case) -> Verdict:
    """Run a case and say what is wrong with what came of it."""
    ground.publish(case.files, case.buckets)
    zone = ZoneInfo(ground.book.settings.timezone)
    history = calls_from_lines([json.dumps(line) for line in case.lines], zone=zone)
    if not history.calls and not history.engages:
        return Verdict()
    run = Run(ground, history, case.faults, case.seed)
    errors = _Errors()
    logging.getLogger("tamshy").addHandler(errors)
    found = Verdict()
    try:
        run.work()
    except AssertionError as exc:
        found.wrong.append(f"{type(exc).__name__}: {exc}")
    finally:
        logging.getLogger("tamshy").removeHandler(errors)
    found.wrong += [f"said: {text}" for text in errors.said]
    if run.editions:
        ground.forget()
    found.statements, found.locked_up = run.turns.statement, run.turns.locked_up
    _hold(ground.look, run, found)
    expected = ground.expected(case.lines, run.until)
    got = list(journal_lines(ground.look, run.until))
    found.lines = len(expected)
    loose = {row[0] for row in ground.look.execute(_SURVIVORS)}
    expected, got = _ordered(expected, loose), _ordered(got, loose)
    if differences(expected, got):
        found.wrong.append("the oracle says otherwise: " + report(expected, got))
    return found


def _hold(conn: Connection, run: Run, found: Verdict) -> None:
    for name, sql in HELD.items():
        rows = conn.execute(sql, {"at": run.at}).fetchall()
        if rows:
            found.wrong.append(f"not {name}: {len(rows)}, the first is {rows[0]}")
    if run.ledger.twice:
        found.wrong.append(f"handed over again without a word: {run.ledger.twice}")
    sent = {row[0] for row in conn.execute("select message from delivery where state = 'sent'")}
    if sent - set(run.ledger.taken):
        found.wrong.append(f"said to be handed over, and was not: {sorted(sent - set(run.ledger.taken))}")
    told = {call.key or str(call.ord) for call in run.history.calls if call.kind == "track"}
    stored = conn.execute(
        "select count(*) from event where origin = 0 and name = any(%s)", [list(shop.EVENTS)]
    ).fetchone()
    if stored != (len(told),):
        found.wrong.append(f"{len(told)} events were told, and {stored} are known")


def _ordered(lines: list[Line], loose: set[str]) -> list[Line]:
    """Bring lines of one moment of people who were two into one order: which of the two came first, nothing rules."""
    found: list[Line] = []
    for (_, profile), some in groupby(lines, key=lambda line: (line["at"], line["profile"])):
        together = list(some)
        found += sorted(together, key=_text) if profile in loose else together
    return found


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)


def told(verdicts: Iterable[tuple[int, Verdict]]) -> str:
    """The failures among these, each with the command that runs it alone."""
    return "\n".join(
        f"seed {seed}: {'; '.join(verdict.wrong)}\n  again: python -m tests.prove.faults --seed {seed}"
        for seed, verdict in verdicts
        if verdict.wrong
    )
