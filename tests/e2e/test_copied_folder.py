"""A copied data folder mails nobody until somebody says so; one that was moved goes on."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tamshy.site.cli import main
from tamshy.sqlkit.account import is_root, system_account, system_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLEAR = "it is not on hold; there is nothing to confirm\n"


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the account of the database gets to."""
    within = system_folder(system_account()) / "scratch" if is_root() else None
    if within is not None:
        within.mkdir(mode=0o755, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="tamshy-folders-", dir=within))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def ran(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().out

    return ran


@pytest.mark.slow
def test_a_copy_is_held_and_what_was_moved_is_not(base: Path, run: Callable[..., tuple[int, str]]) -> None:
    first, moved, copy = base / "first", base / "moved", base / "copy"
    assert run("migrate", "--data", str(first))[0] == 0
    # Started again and upgraded under another name, it is itself.
    first.rename(moved)
    assert run("migrate", "--data", str(moved)) == (0, "the database is up to date\n")
    assert run("confirm", "--dry-run", "--data", str(moved)) == (0, CLEAR)

    copied(moved, copy)
    assert run("migrate", "--data", str(copy))[0] == 0
    code, said = run("confirm", "--dry-run", "--data", str(copy))
    assert (code, said.splitlines()[0].partition(": ")[2]) == (
        0,
        "the data folder is another than the one recorded: it is a copy, or was restored",
    )
    assert run("confirm", "--data", str(copy))[1].splitlines()[-1] == "confirmed: work goes on within a second"
    assert run("confirm", "--dry-run", "--data", str(copy)) == (0, CLEAR)
    assert run("confirm", "--dry-run", "--data", str(moved)) == (0, CLEAR)


def copied(source: Path, target: Path) -> None:
    """Copy a folder with its owners, as `cp -a` does."""
    shutil.copytree(source, target, symlinks=True)
    if not is_root():
        return
    account = system_account()
    for path in (target / "postgres", *(target / "postgres").rglob("*")):
        shutil.chown(path, account.uid, account.gid)
