"""Where commands write: data to standard output, remarks to standard error."""

from __future__ import annotations

import json
import sys


def out(text: object) -> None:
    """Write a line that was asked for."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def data(value: object) -> None:
    """Write a line of JSON that was asked for."""
    out(json.dumps(value, ensure_ascii=False, default=str))


def remark(text: object) -> None:
    """Write a line beside what was asked for."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
