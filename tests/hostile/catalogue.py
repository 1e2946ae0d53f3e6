"""Which cases there are for each promise: what the tests are made of, and what docs/explanation/hostile.md lists.

`python -m tests.hostile.catalogue` prints the tables of that page.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Final

PROMISES: Final = {
    25: "a poison item never blocks its neighbours",
    40: "only zones of the list are kept, and what is none is said to be none",
    44: "no field of a mail adds a header or a recipient",
    48: "tokens cannot be forged or guessed",
    57: "templates read nothing and burn nothing",
    58: "MJML crashes nothing and reads no file",
    59: "no webhook reaches a private network",
    60: "data from shops runs in no page",
    61: "a click leads where the mail does",
    63: "a write key writes calls and nothing else",
    65: "bombs are refused cheaply, and slow clients keep nobody waiting",
    66: "no name, value or id becomes SQL",
    68: "what is written holds nobody's data and no secret",
}
FEWEST: Final = 20
_OF: Final = re.compile(r"PROMISE_(\d+)(?:_[A-Z]+)?")


def cases() -> dict[int, dict[str, list[str]]]:
    """The names of all cases: promise → file → names, in the order in which they stand there."""
    found: dict[int, dict[str, list[str]]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = import_module(f"tests.hostile.{path.stem}")
        for name, value in vars(module).items():
            of = _OF.fullmatch(name)
            if of:
                found.setdefault(int(of[1]), {}).setdefault(path.name, []).extend(value)
    return dict(sorted(found.items()))


def tables() -> str:
    """The page's part that is made: a table of promises, and the names of their cases."""
    lines = ["| promise | | cases | tests |", "|---|---|---|---|"]
    for number, files in cases().items():
        count = sum(map(len, files.values()))
        where = ", ".join(f"`{name}`" for name in files)
        lines.append(f"| {number} | {PROMISES[number]} | {count} | {where} |")
    for number, files in cases().items():
        names = [f"`{name}`" if re.search(r"[<>^|*_\\]|^$", name) else name for each in files.values() for name in each]
        lines += ["", f"**{number}, {PROMISES[number]}:** {'; '.join(names)}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(tables(), end="")  # noqa: T201 - what it is run for
