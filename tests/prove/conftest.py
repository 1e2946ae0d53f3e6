"""Proofs say what they measured: at the end of the run, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_SAID = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin without anything said."""
    config.stash[_SAID] = []


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take a line of what was measured; it is shown at once where output is, and again at the end."""

    def add(line: str) -> None:
        request.config.stash[_SAID].append(f"{request.node.name}: {line}")
        print(line, flush=True)  # noqa: T201 - shown with -s, and of a test that fails

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show all that was said."""
    said = terminalreporter.config.stash[_SAID]
    if said:
        terminalreporter.section("measured")
        for line in said:
            terminalreporter.write_line(line)
