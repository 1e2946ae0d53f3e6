"""A report as data: JSON-ready mappings; a limit that is not known yet is null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tamshy.report.facts import CONFIDENCE, LIFT, limits

if TYPE_CHECKING:
    from tamshy.experiment import Comparison, Limits, Sample, Shortfall
    from tamshy.report.facts import FlowReport, Mail, Outcome, Trial


def as_data(report: FlowReport) -> dict[str, object]:
    """One flow. ``confidence`` is that of every interval, ``planned_lift`` the difference that ``shortfall`` is reckoned for."""
    return {
        "flow": report.flow,
        "people": report.people,
        "entries": report.entries,
        "held_out": report.held_out,
        "confidence": CONFIDENCE,
        "planned_lift": LIFT,
        "mails": [_mail(mail) for mail in report.mails],
        "outcomes": [_outcome(outcome) for outcome in report.outcomes],
        "experiments": [_trial(trial) for trial in report.trials],
    }


def _mail(mail: Mail) -> dict[str, object]:
    return {
        "step": mail.step,
        "message": mail.message,
        "sent": mail.sent,
        "people": mail.opened.people,
        "opened": _sample(mail.opened),
        "clicked": _sample(mail.clicked),
        "credited": {"orders": mail.orders, "worth": mail.worth},
    }


def _outcome(outcome: Outcome) -> dict[str, object]:
    found: dict[str, object] = {"measure": outcome.measure.value, "mailed": _sample(outcome.mailed)}
    if outcome.difference is not None:
        found["held_out"] = _sample(outcome.held_out)
        found["brought_per_1000"] = _comparison(outcome.difference.comparison)
        found["proven"] = outcome.difference.proven
        found["shortfall"] = _shortfall(outcome.difference.shortfall)
    return found


def _trial(trial: Trial) -> dict[str, object]:
    return {
        "experiment": trial.name,
        "by": trial.measure.value,
        "arms": {name: _sample(sample) for name, sample in trial.arms.items()},
        "leader": trial.leader,
        "against": {name: _comparison(comparison) for name, comparison in trial.against.items()},
        "winner": trial.winner,
        "why": trial.why,
        "weights": trial.weights,
        "shortfall": _shortfall(trial.shortfall),
        "detectable_lift": trial.detectable,
    }


def _sample(sample: Sample) -> dict[str, object]:
    return {"people": sample.people, "total": sample.total, "per_person": _limits(limits(sample))}


def _comparison(comparison: Comparison | None) -> dict[str, object] | None:
    if comparison is None:
        return None
    return {
        "extra": _limits(comparison.extra),
        "lift": None if comparison.lift is None else _limits(comparison.lift),
    }


def _limits(found: Limits) -> dict[str, float | None]:
    ends = {"estimate": found.estimate, "low": found.low, "high": found.high}
    return {name: value if math.isfinite(value) else None for name, value in ends.items()}


def _shortfall(found: Shortfall | None) -> dict[str, object] | None:
    return None if found is None else {"needed": found.needed, "missing": found.missing, "days": found.days}
