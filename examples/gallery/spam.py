# ruff: noqa: INP001 - beside a script, no package
"""What SpamAssassin says of mails, by the rules that lie on this machine: nobody is asked over the network."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SPAMASSASSIN: Final = Path("/usr/bin/spamassassin")
MISSING: Final = f"{SPAMASSASSIN} is missing: sudo apt-get install spamassassin"
_PREFERENCES: Final = """\
use_bayes 0
report_safe 0
fold_headers 0
clear_headers
add_header all Total _SCORE_
add_header all Hits _TESTSSCORES(,)_
"""
"""Nothing that this machine has learnt counts, and what was found stands in two headers."""
_SEPARATOR: Final = b"From tamshy@localhost "
_BEGINS: Final = _SEPARATOR + b"Mon Mar  2 09:00:00 2026\n"
_FOUND: Final = re.compile(rb"^X-Spam-(Total|Hits): (.*)$", re.MULTILINE)
_MESSAGE_ID: Final = re.compile(rb"^Message-ID: *<([^>]+)>", re.MULTILINE)


class NotScored(Exception):
    """SpamAssassin did not say what it thinks of every mail; the text is what it said instead."""


@dataclass(frozen=True, slots=True)
class Score:
    """What it makes of one mail: points, and which rules gave how many. From 5.0 on a mail is usually taken for spam."""

    points: float
    rules: dict[str, float]

    def __str__(self) -> str:
        """The points, and the rules that count, the worst first."""
        worst = sorted(self.rules.items(), key=lambda rule: (-rule[1], rule[0]))
        return f"{self.points:.1f} ({', '.join(f'{name} {points:g}' for name, points in worst if points)})"


def scored(mails: Sequence[bytes]) -> list[Score]:
    """Have SpamAssassin judge mails, in their order; two processes share the work.

    Each mail is judged as it is, to the byte but for its line ends, and known by its Message-ID: no two have the same.

    Raises:
        NotScored: it is not installed, or failed.
    """
    if not SPAMASSASSIN.exists():
        raise NotScored(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        started = [_Started(mails[half::2], Path(folder, str(half))) for half in (0, 1)]
        try:
            found = {name: score for one in started for name, score in one.scores().items()}
        finally:
            for one in started:
                one.end()
    names = [_name(mail) for mail in mails]
    if found.keys() != set(names) or len(found) != len(mails):
        raise NotScored(f"SpamAssassin judged {len(found)} mails of {len(mails)}")
    return [found[name] for name in names]


class _Started:
    """One process with its mails. What it says goes into a file: a pipe that nobody reads yet would hold it up."""

    def __init__(self, mails: Sequence[bytes], folder: Path) -> None:
        folder.mkdir()
        preferences, mbox, self._said = folder / "preferences", folder / "mbox", folder / "said"
        preferences.write_text(_PREFERENCES, encoding="ascii")
        mbox.write_bytes(b"".join(_BEGINS + _of_mbox(mail) for mail in mails))
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [SPAMASSASSIN, "--local", "--nocreate-prefs", f"--prefspath={preferences}", "--mbox", mbox],
                stdout=said,
                stderr=subprocess.PIPE,
            )

    def scores(self) -> dict[bytes, Score]:
        """Wait for it, and read what it says of each mail, by Message-ID."""
        _, complaint = self._process.communicate()
        if self._process.returncode:
            raise NotScored(f"SpamAssassin failed: {complaint.decode()[-500:]}")
        return dict(map(_read, (b"\n" + self._said.read_bytes()).split(b"\n" + _SEPARATOR)[1:]))

    def end(self) -> None:
        """Leave no process behind, also where somebody does not wait for the end."""
        self._process.kill()
        self._process.wait()


def _of_mbox(mail: bytes) -> bytes:
    return re.sub(rb"^(>*From )", rb">\1", mail.replace(b"\r\n", b"\n"), flags=re.MULTILINE) + b"\n"


def _name(mail: bytes) -> bytes:
    found = _MESSAGE_ID.search(mail)
    return found[1] if found else b""


def _read(mail: bytes) -> tuple[bytes, Score]:
    heads = {name: value.decode() for name, value in _FOUND.findall(mail)}
    pairs = (hit.partition("=") for hit in heads[b"Hits"].split(",") if "=" in hit)
    return _name(mail), Score(float(heads[b"Total"]), {name: float(points) for name, _, points in pairs})
