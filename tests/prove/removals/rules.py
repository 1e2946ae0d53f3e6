"""The code of each numbered rule, taken out piece by piece: a test named after the rule has to notice each piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.prove.removals import order_rules, people_rules, value_rules

if TYPE_CHECKING:
    from tests.prove.removals.removal import Removal

REMOVALS: Final[tuple[Removal, ...]] = (*order_rules.REMOVALS, *value_rules.REMOVALS, *people_rules.REMOVALS)
