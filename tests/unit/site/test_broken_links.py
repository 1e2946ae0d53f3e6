"""A link that breaks within a command is not taken for a reader of its output that has gone."""

from __future__ import annotations

import io
import sys

import pytest

from tamshy.site import cli
from tamshy.site.commands import measuring


class Gone(io.StringIO):
    """Output that nobody takes."""

    def flush(self) -> None:
        raise BrokenPipeError


def breaks(*_: object) -> int:
    raise BrokenPipeError


@pytest.fixture(autouse=True)
def _a_link_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "bench", breaks)


def test_a_link_of_the_command_is_an_error() -> None:
    with pytest.raises(BrokenPipeError):
        cli.main(["bench"])


def test_a_reader_who_has_gone_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert cli.main(["bench"]) == 0
