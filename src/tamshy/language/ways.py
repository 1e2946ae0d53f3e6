"""``split`` and ``repeat``: several ways, and one way several times (rules 31, 32)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_condition
from tamshy.language.model import Measure, Repeat, Split, SplitArm, Winner
from tamshy.language.trees import Items, Mapping

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.language.conditions import Scope
    from tamshy.language.model import Step
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree
    from tamshy.language.waits import StepHead

    ReadSteps = Callable[[Tree, str], tuple[Step, ...]]

MOST_ROUNDS: Final = 100
_HEAVIEST: Final = 1_000_000
_MOST_PEOPLE: Final = 1_000_000_000
_FEWEST_ARMS: Final = 2
_MOST_ARMS: Final = 20
_LEAST_SURE: Final = Decimal("0.5")


class _Method(StrEnum):
    BANDIT = "bandit"


def read_split(reading: Reading, tree: Tree, head: StepHead, steps: ReadSteps) -> Step | None:
    """Read what stands behind ``split``; None where it was refused."""
    keys = fields.mapping(reading, tree, vocabulary.SPLIT)
    if keys is None:
        return None
    name = fields.name(reading, keys["name"], "name", fields.WORD) if "name" in keys else None
    arms = _arms(reading, keys["arms"], steps) if "arms" in keys else ()
    winner = _winner(reading, keys["winner"]) if "winner" in keys else None
    method = fields.choice(reading, keys["method"], "method", _Method) if "method" in keys else None
    if name is None or len(arms) < _FEWEST_ARMS:
        return None
    return Split(head.id, name, arms, winner, method is _Method.BANDIT, head.position, head.note)


def _arms(reading: Reading, tree: Tree, steps: ReadSteps) -> tuple[SplitArm, ...]:
    entries = fields.open_mapping(reading, tree, "arms", "of arms such as {A: {weight: 50, steps: [...]}, B: {...}}")
    if isinstance(tree, Mapping) and not _FEWEST_ARMS <= len(entries) <= _MOST_ARMS:
        reading.refuse(tree.at, f"'arms' must be {_FEWEST_ARMS} to {_MOST_ARMS} arms, not {len(entries)}")
    found: list[SplitArm] = []
    weighted = 0
    for name, entry in entries.items():
        if not fields.WORD.fullmatch(name):
            reading.refuse(
                entry.at, f"an arm's name must be one word of letters, digits, hyphens and underscores: '{name[:80]}'"
            )
        keys = fields.mapping(reading, entry.value, vocabulary.SPLIT_ARM) or {}
        weight = fields.number(reading, keys["weight"], "weight", 0, _HEAVIEST) if "weight" in keys else Decimal(1)
        weighted += "weight" in keys
        inner = steps(keys["steps"], "steps") if "steps" in keys else ()
        found.append(SplitArm(name, Decimal(1) if weight is None else weight, inner))
    if 0 < weighted < len(entries):
        bare = next(entry for entry in entries.values() if not _has_weight(entry.value))
        reading.refuse(bare.at, "an arm without 'weight' beside arms with one: give it to all arms, or to none")
    elif found and not any(arm.weight for arm in found):
        reading.refuse(tree.at, "every arm has the weight 0: nobody would go anywhere")
    return tuple(found)


def _has_weight(tree: Tree) -> bool:
    return isinstance(tree, Mapping) and "weight" in tree.entries


def _winner(reading: Reading, tree: Tree) -> Winner | None:
    keys = fields.mapping(reading, tree, vocabulary.WINNER)
    if keys is None:
        return None
    by = fields.choice(reading, keys["by"], "by", Measure) if "by" in keys else None
    sure: Decimal | None = Winner(Measure.CLICKED).confidence
    if "confidence" in keys:
        sure = fields.percentage(reading, keys["confidence"], "confidence")
        if sure is not None and not _LEAST_SURE <= sure < 1:
            reading.refuse(keys["confidence"].at, "'confidence' must lie between 50% and 100%, such as 95%")
            sure = None
    people = fields.integer(reading, keys["at_least"], "at_least", 0, _MOST_PEOPLE) if "at_least" in keys else 0
    return None if by is None or sure is None or people is None else Winner(by, sure, people)


def read_repeat(reading: Reading, tree: Tree, head: StepHead, scope: Scope, steps: ReadSteps) -> Step | None:
    """Read what stands behind ``repeat``; None where it was refused."""
    keys = fields.mapping(reading, tree, vocabulary.REPEAT)
    if keys is None:
        return None
    times = fields.integer(reading, keys["times"], "times", 1, MOST_ROUNDS) if "times" in keys else None
    every = fields.duration(reading, keys["every"], "every") if "every" in keys else None
    condition = read_condition(reading, keys["while"], scope) if "while" in keys else None
    inner = steps(keys["steps"], "steps") if "steps" in keys else ()
    if "steps" in keys and isinstance(keys["steps"], Items) and not keys["steps"].items:
        reading.refuse(keys["steps"].at, "'repeat' needs at least one step")
    if times is None or not inner:
        return None
    return Repeat(head.id, times, inner, every, condition, head.position, head.note)
