"""What `doctor` finds: one thing looked at, whether it is as it should be, and the mend where it is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is as it should be, what was found, and the mend where it is not."""

    about: str
    good: bool
    found: str
    mend: str = ""
