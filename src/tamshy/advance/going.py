"""Going on: every due enrollment to its next step, kind by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.advance.leaving import build_branches, build_plain
from tamshy.advance.repeating import build_repeats
from tamshy.advance.splitting import build_splits

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_KINDS: Final = (
    ("leave_plain", build_plain),
    ("leave_branch", build_branches),
    ("leave_repeat", build_repeats),
    ("leave_split", build_splits),
)


def leave(conn: Connection, book: Rulebook, bucket: int, pass_: int, places: set[int]) -> int:
    """Move every due enrollment on but those at a ``send``; returns how many."""
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    moved = 0
    for name, build in _KINDS:
        statement = book.statement_for(name, places, build)
        if statement is not None:
            moved += statement.run(conn, params).rowcount
    return moved
