"""A link that breaks within a command is not taken for a reader of its output that has gone."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tamshy.site import cli
from tamshy.site.commands import measuring
from tamshy.site.commands.saying import out

if TYPE_CHECKING:
    from collections.abc import Iterator


def breaks(*_: object) -> int:
    raise BrokenPipeError


def says(*_: object) -> int:
    out("what was asked for")
    return 0


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give the end of a pipe at which our output is read."""
    end, ours = os.pipe()
    with os.fdopen(ours, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        yield end


def test_a_link_of_the_command_is_an_error(monkeypatch: pytest.MonkeyPatch, reader: int) -> None:
    monkeypatch.setattr(measuring, "bench", breaks)
    with pytest.raises(BrokenPipeError):
        cli.main(["bench"])
    os.close(reader)


def test_a_reader_who_has_gone_is_none(monkeypatch: pytest.MonkeyPatch, reader: int) -> None:
    monkeypatch.setattr(measuring, "bench", says)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    os.close(reader)
    assert cli.main(["bench"]) == 0
