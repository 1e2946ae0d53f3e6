"""Which steps of a flow its conditions look back to: only those have their reaching kept."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from tamshy.language.model import ENTRY, Window

if TYPE_CHECKING:
    from tamshy.language.model import Flow


def steps_referred_to(flow: Flow) -> frozenset[str]:
    """The ids of the steps named by ``since: STEP`` anywhere in the flow."""
    found: set[str] = set()
    _collect(flow, found)
    return frozenset(found)


def _collect(value: object, found: set[str]) -> None:
    if isinstance(value, Window):
        if value.since is not None and value.since != ENTRY:
            found.add(value.since)
    elif is_dataclass(value):
        for part in fields(value):
            _collect(getattr(value, part.name), found)
    elif isinstance(value, tuple):
        for member in value:
            _collect(member, found)
