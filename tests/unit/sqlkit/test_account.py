"""The system user that runs PostgreSQL for root, made on a machine that does not have it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tamshy.sqlkit.account import SYSTEM_FOLDER, SYSTEM_USER

if TYPE_CHECKING:
    from pathlib import Path

# Makes the machine's accounts and Tamshy's folder for root a copy of their own, for what is run in here.
ELSEWHERE = f"""
mount --bind "$1/etc" /etc || exit 77
mkdir -p "$1/folder" {SYSTEM_FOLDER} && mount --bind "$1/folder" {SYSTEM_FOLDER} || exit 77
userdel {SYSTEM_USER} 2>/dev/null
shift
exec "$@"
"""

AT_ONCE = """
import subprocess, sys
one = [sys.executable, "-c", "from tamshy.sqlkit.account import system_account; print(system_account())"]
asked = [subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(6)]
said = [process.communicate()[0].strip() for process in asked]
print("\\n".join(said + [subprocess.run(one, capture_output=True, text=True, check=True).stdout.strip()]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes accounts")
def test_who_starts_at_once_on_a_new_machine_gets_one_account(tmp_path: Path) -> None:
    shutil.copytree("/etc", tmp_path / "etc", symlinks=True)
    line = ["unshare", "--mount", "sh", "-c", ELSEWHERE, "sh", str(tmp_path), sys.executable, "-c", AT_ONCE]
    run = subprocess.run(line, capture_output=True, text=True, check=False)
    if run.returncode == 77 or "unshare" in run.stderr:
        pytest.skip(f"no mounts of one's own here: {run.stderr.strip()}")
    said = run.stdout.splitlines()
    assert len(said) == 7, run.stderr
    assert said[0].startswith(f"Account(name='{SYSTEM_USER}', uid=")
    assert set(said) == {said[0]}
