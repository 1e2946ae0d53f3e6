"""Checks over experiments: one name means the same arms and rules wherever it is split, and what it is judged by can be known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tamshy.language.model import NOWHERE, Split
from tamshy.language.program import all_steps

if TYPE_CHECKING:
    from tamshy.language.model import Flow
    from tamshy.language.reading import Reading


def bare_split(split: Split) -> Split:
    """What makes an experiment: name, arms with their weights, winner rule and method; not where it is split, nor its steps."""
    arms = tuple(sorted((replace(arm, steps=()) for arm in split.arms), key=lambda arm: arm.name))
    return replace(split, id="", note="", position=NOWHERE, arms=arms)


def defined(split: Split) -> str:
    """An experiment's arms, weights, rule and method as JSON text: people are counted anew where any of it changes."""
    winner = split.winner
    return json.dumps(
        {
            "arms": {arm.name: float(arm.weight) for arm in sorted(split.arms, key=lambda arm: arm.name)},
            "by": None if winner is None else winner.by.value,
            "confidence": None if winner is None else float(winner.confidence),
            "at_least": None if winner is None else winner.at_least,
            "bandit": split.bandit,
        }
    )


def check_experiments(reading: Reading, flows: dict[str, Flow]) -> None:
    """Refuse splits of one name that differ, and a measure of conversions in a flow that counts none."""
    first: dict[str, Split] = {}
    for _, flow in sorted(flows.items()):
        for step in all_steps(flow.steps):
            if not isinstance(step, Split):
                continue
            known = first.setdefault(step.name, step)
            if bare_split(known) != bare_split(step):
                where = f"in {known.position.file}, line {known.position.line}"
                reading.refuse(
                    step.position,
                    f"the experiment '{step.name}' has other arms, weights or rules {where}; "
                    "write them alike, or give one of the two another 'name'",
                )
            winner = step.winner
            if winner is not None and winner.by.of_conversions and flow.conversion is None:
                reading.refuse(
                    step.position,
                    f"the experiment '{step.name}' is judged by '{winner.by}', and the flow has no 'conversion'",
                )
