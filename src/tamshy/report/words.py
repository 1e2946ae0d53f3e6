"""A report as lines to read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tamshy.language.model import Measure
from tamshy.report.facts import LIFT, limits

if TYPE_CHECKING:
    from tamshy.experiment import Comparison, Limits, Sample, Shortfall
    from tamshy.report.facts import FlowReport, Mail, Outcome, Trial

_DONE = {
    Measure.OPENED: "opened",
    Measure.CLICKED: "clicked",
    Measure.CONVERSION: "converted",
    Measure.REVENUE: "revenue",
    Measure.PROFIT: "profit",
}


def lines(report: FlowReport) -> list[str]:
    """The report of a flow. Intervals hold the true figure in 95 of 100 cases; those of differences at every look."""
    held_out = f", {report.held_out:,} of them held out" if report.held_out else ""
    again = f" ({report.entries:,} times)" if report.entries != report.people else ""
    said = [f"{report.flow}: {report.people:,} people entered{again}{held_out}"]
    said += [f"  {_mail(mail)}" for mail in report.mails]
    for outcome in report.outcomes:
        said += [f"  {line}" for line in _outcome(outcome)]
    for trial in report.trials:
        said += [f"  {line}" for line in _trial(trial)]
    return said


def _mail(mail: Mail) -> str:
    name = mail.step if mail.step == mail.message else f"{mail.step} ({mail.message})"
    to = "" if mail.sent == mail.opened.people else f" to {mail.opened.people:,} people"
    opened, clicked = (_figure(Measure.OPENED, limits(sample)) for sample in (mail.opened, mail.clicked))
    orders = f"; {mail.orders:,} orders count for it, worth {mail.worth:,.2f}" if mail.orders else ""
    return f"{name}: sent {mail.sent:,}{to}, opened {opened}, clicked {clicked}{orders}"


def _outcome(outcome: Outcome) -> list[str]:
    of = " of those mailed" if outcome.difference is not None else ""
    said = [f"{_done(outcome.measure, outcome.mailed)}{of}"]
    if outcome.difference is None:
        return said
    said.append(f"{_done(outcome.measure, outcome.held_out)} of those held out")
    comparison = outcome.difference.comparison
    if comparison is None:
        said.append("  what the mails brought cannot be said yet: too little has happened")
        return said
    unit = "more converted" if outcome.measure is Measure.CONVERSION else "more"
    extra = _numbers(comparison.extra, "{:,.0f}")
    said.append(f"  the mails brought {extra} {unit} per 1,000 people{_lift(comparison)}")
    if not outcome.difference.proven:
        said.append(f"  that is not proven: {_not_yet(outcome.difference.shortfall)}")
    return said


def _trial(trial: Trial) -> list[str]:
    said = [f"experiment {trial.name}, by {trial.measure.value}:"]
    for name, sample in trial.arms.items():
        weight = f", {trial.weights[name]:.0%} of newcomers" if trial.weights else ""
        said.append(f"  {name}: {sample.people:,} people, {_done(trial.measure, sample)}{weight}")
    for name, comparison in trial.against.items():
        if comparison is not None and comparison.lift is not None:
            said.append(f"  {trial.leader} against {name}: {_percents(comparison.lift)} more")
    if trial.winner is not None:
        said.append(f"  the winner is {trial.winner}")
    elif trial.why == "bandit":
        said.append("  a bandit has no winner: newcomers lean to what does better")
    elif trial.why == "one_arm":
        said.append("  only one arm has a weight: there is nothing to compare")
    else:
        said.append(f"  no winner yet: {_not_yet(trial.shortfall)}")
        if trial.shortfall is not None and not trial.shortfall.missing and trial.detectable is not None:
            said.append(f"  a difference of {trial.detectable:.0%} would most likely have shown by now")
    return said


def _not_yet(shortfall: Shortfall | None) -> str:
    if shortfall is None:
        return "not enough data yet, nobody has done it, or everybody has"
    if not shortfall.missing:
        return f"a difference of {LIFT:.0%} would most likely have shown; it is smaller, or luck was bad"
    if shortfall.days is None:
        return (
            f"not enough data yet: {shortfall.missing:,} more people for a difference of {LIFT:.0%}, and nobody comes"
        )
    days = "1 more day" if shortfall.days == 1 else f"{shortfall.days:,} more days"
    return f"not enough data yet: about {days} ({shortfall.missing:,} people) for a difference of {LIFT:.0%}"


def _done(measure: Measure, sample: Sample) -> str:
    figure = _figure(measure, limits(sample))
    if measure.yes_no:
        return f"{figure} {_DONE[measure]}"
    return f"{_DONE[measure]} {sample.total:,.2f}, {figure} a person"


def _figure(measure: Measure, found: Limits) -> str:
    return _percents(found) if measure.yes_no else _numbers(found, "{:,.2f}")


def _percents(found: Limits) -> str:
    return _between(*(f"{100 * value:.1f} %" if math.isfinite(value) else "?" for value in _three(found)))


def _numbers(found: Limits, form: str) -> str:
    return _between(*(form.format(value) if math.isfinite(value) else "?" for value in _three(found)))


def _three(found: Limits) -> tuple[float, float, float]:
    return found.estimate, found.low, found.high


def _between(estimate: str, low: str, high: str) -> str:
    return f"{estimate} ({low} to {high})"


def _lift(comparison: Comparison) -> str:
    return "" if comparison.lift is None else f", {_percents(comparison.lift)} more in proportion"
