"""Gathering a report: counts and sums bucket by bucket, and what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Final

from tamshy.experiment import Sample, WinnerRule, compare, detectable, effect, needed, proven, shortfall
from tamshy.language.model import Measure, Send, Split
from tamshy.look import FEWEST_ARMS, counted_since, experiments, is_of, measure_of, newest, samples
from tamshy.publish import load_rulebook
from tamshy.report.crediting import credited
from tamshy.report.facts import CONFIDENCE, LIFT, Difference, FlowReport, Mail, Outcome, Trial
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tamshy.experiment import Shortfall
    from tamshy.look import Look
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.report")
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)

Rows = list[tuple[object, ...]]


def report(conn: Connection, workspace: str, *, now: datetime, flow: str = "") -> tuple[FlowReport, ...]:
    """Report on the live flows of a workspace in order of their names, or on one; changes nothing.

    Raises:
        LookupError: there is no such workspace or flow.
    """
    book = load_rulebook(conn, workspace)
    names = sorted(running.name for running in book.flows if running.live)
    if flow and flow not in names:
        raise LookupError(f"there is no flow {flow!r}; there are {', '.join(names) or 'none'}")
    wanted = [flow] if flow else names
    given: dict[str, object] = {"flows": wanted, "week": now - _WEEK, "at": now}
    passages = _grouped(_rows(conn, book, "passages", given))
    mails = _grouped(_rows(conn, book, "mails", given))
    pace = _pace(_rows(conn, book, "newcomers", given), now)
    trials = _trials(conn, book, now)
    credits_ = credited(conn, book, wanted)
    told: dict[str, list[Mail]] = {
        name: [
            replace(mail, orders=orders, worth=worth)
            for mail in _mails(book, name, mails.get(name, []))
            for orders, worth in [credits_.get((name, mail.step, mail.message), (0, 0.0))]
        ]
        for name in wanted
    }
    return tuple(_flow(book, name, passages.get(name, []), told[name], pace.get(name, 0.0), trials) for name in wanted)


def _rows(conn: Connection, book: Rulebook, name: str, given: dict[str, object]) -> Rows:
    found: Rows = []
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
        found += conn.execute(_SQL[name], given | {"bucket": bucket}).fetchall()
    return found


def _grouped(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(str(row[0]), []).append(row[1:])
    return found


def _pace(rows: Rows, now: datetime) -> dict[str, float]:
    """How many people come a day, by the last week, or by the days since the first of them."""
    counts: dict[str, int] = {}
    first: dict[str, datetime] = {}
    for name, count, since in rows:
        key = str(name)
        counts[key] = counts.get(key, 0) + int(str(count))
        if isinstance(since, datetime):
            first[key] = min(first.get(key, since), since)
    return {name: count / max(min(now - first[name], _WEEK) / _DAY, 1.0) for name, count in counts.items()}


def _flow(
    book: Rulebook, name: str, passages: Rows, mails: list[Mail], newcomers: float, trials: dict[str, Trial]
) -> FlowReport:
    running = _live(book, name)
    groups = {held_out: _sums([row for row in passages if row[0] is held_out]) for held_out in (False, True)}
    people = sum(sums[0] for sums in groups.values())
    outcomes = []
    if running.flow.conversion is not None:
        outcomes = [_outcome(measure, groups, newcomers) for measure in (Measure.CONVERSION, Measure.REVENUE)]
    own = [node.step.name for node in running.program.nodes if isinstance(node.step, Split)]
    return FlowReport(
        name,
        int(people),
        int(sum(sums[1] for sums in groups.values())),
        int(groups[True][0]),
        tuple(mails),
        tuple(outcomes),
        tuple(trials[trial] for trial in dict.fromkeys(own) if trial in trials),
    )


def _live(book: Rulebook, name: str) -> RunningFlow:
    return next(running for running in book.flows if running.live and running.name == name)


def _sums(rows: Rows) -> list[float]:
    """People, entries, people who converted, and the four sums of worth."""
    return [float(sum(float(str(row[place])) for row in rows)) for place in range(1, 8)]


def _outcome(measure: Measure, groups: dict[bool, list[float]], newcomers: float) -> Outcome:
    sides = []
    for sums in (groups[False], groups[True]):
        people, _, converted, worth, squares, cubes, magnitude = sums
        if measure is Measure.CONVERSION:
            sides.append(Sample.rate(int(converted), int(people)))
        else:
            sides.append(Sample(int(people), worth, squares, cubes, magnitude))
    mailed, held_out = sides
    if not held_out.people:
        return Outcome(measure, mailed, held_out, None)
    planned = _planned(
        mailed + held_out,
        (mailed.people, held_out.people),
        WinnerRule(CONFIDENCE),
        mailed.people + held_out.people,
        newcomers,
    )
    return Outcome(measure, mailed, held_out, Difference(effect(mailed, held_out, CONFIDENCE), planned))


def _planned(
    base: Sample, shares: Sequence[float], rule: WinnerRule, people: int, newcomers: float
) -> Shortfall | None:
    """How far it is to where a difference of `LIFT` would show; None: nothing is known to plan by."""
    impossible = base.yes_no and base.mean * (1 + LIFT) > 1
    if base.variance <= 0 or base.mean <= 0 or impossible or min(shares) <= 0:
        return None
    return shortfall(needed(base, LIFT, shares, rule), people, newcomers)


def _mails(book: Rulebook, name: str, rows: Rows) -> Iterable[Mail]:
    """The steps in the order of the flow, then those that it has no more."""
    steps = [node.step.id for node in _live(book, name).program.nodes if isinstance(node.step, Send)]
    sums: dict[tuple[str, str], list[int]] = {}
    for step, message, *counts in rows:
        known = sums.setdefault((str(step), str(message)), [0] * len(counts))
        for place, count in enumerate(counts):
            known[place] += int(str(count))
    order = {step: place for place, step in enumerate(steps)}
    for (step, message), (sent, people, opened, clicked) in sorted(
        sums.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0])
    ):
        yield Mail(step, message, sent, Sample.rate(opened, people), Sample.rate(clicked, people))


# -- experiments -----------------------------------------------------------------------------------------------------


def _trials(conn: Connection, book: Rulebook, now: datetime) -> dict[str, Trial]:
    these = experiments(book)
    if not these:
        return {}
    found = {name: split for name, (split, _) in these.items()}
    seen = newest(conn, book.workspace, now)
    since = counted_since(conn, these, seen)
    wanted = [(name, _measure(book, split), since[name]) for name, split in found.items()]
    # What was seen of an experiment before it was changed says nothing of it as it is now.
    looks = {name: look for name, look in seen.items() if name in found and is_of(found[name], look)}
    counted = samples(conn, range(book.first_bucket, book.first_bucket + book.buckets), wanted, now)
    given: dict[str, object] = {"experiments": sorted(found), "week": now - _WEEK, "at": now}
    pace = _pace(_rows(conn, book, "pace", given), now)
    return {
        name: _trial(found[name], measure, counted[name, measure], looks.get(name), pace.get(name, 0.0))
        for name, measure, _ in wanted
    }


def _measure(book: Rulebook, split: Split) -> Measure:
    """What it is judged by; without a word, by conversions where a flow of it has one."""
    if split.winner is not None or split.bandit:
        return measure_of(split)
    converts = any(
        place.running.live and place.running.flow.conversion is not None
        for place in book.places()
        if isinstance(place.node.step, Split) and place.node.step.name == split.name
    )
    return Measure.CONVERSION if converts else Measure.CLICKED


def _trial(split: Split, measure: Measure, counted: dict[str, Sample], look: Look | None, newcomers: float) -> Trial:
    nobody = Sample.rate(0, 0) if measure.yes_no else Sample.values([], 0)
    arms = {arm.name: counted.get(arm.name, nobody) for arm in split.arms if arm.weight}
    rule = WinnerRule(CONFIDENCE)
    if split.winner is not None:
        rule = WinnerRule(float(split.winner.confidence), split.winner.at_least)
    if len(arms) < FEWEST_ARMS:
        return Trial(split.name, measure, arms, None, {}, None, "one_arm", None, None, None)
    leader = max(arms, key=lambda name: (arms[name].people > 0, arms[name].mean))
    error = rule.error(len(arms))
    against = {name: compare(arms[leader], sample, error) for name, sample in arms.items() if name != leader}
    if split.bandit:
        why = "bandit" if look is None else look.why
        return Trial(split.name, measure, arms, leader, {}, None, why, None, None, look.weights if look else None)
    finding = proven(arms, rule)
    winner, why = finding.arm, finding.why.value
    if look is not None and look.winner is not None:
        winner, why = look.winner, look.why
    pool = reduce(add, arms.values())
    shares = [float(arm.weight) for arm in split.arms if arm.weight]
    planned = _planned(pool, shares, rule, pool.people, newcomers)
    least = None if planned is None else detectable(pool, pool.people, shares, rule)
    return Trial(split.name, measure, arms, leader, against, winner, why, planned, least, None)
