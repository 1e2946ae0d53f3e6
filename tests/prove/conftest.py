"""Proofs say what they measured: at the end of the run, one line each (see `tests/conftest.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import MEASURED

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take a line of what was measured; it is shown at once where output is, and again at the end."""

    def add(line: str) -> None:
        request.node.user_properties.append((MEASURED, line))
        print(line, flush=True)  # noqa: T201 - shown with -s, and of a test that fails

    return add
