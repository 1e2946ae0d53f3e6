"""The newer pieces of the language in generated workspaces, played by the oracle alone until the engine knows them."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest
from tests.oracle.history import history, write_workspace
from tests.oracle.lines import jsonl, simulate
from tests.oracle.pieces import PIECES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.reading import Json

pytestmark = pytest.mark.slow

SHOPPERS, EVENTS, UNTIL = 30, 500, "2026-04-20T00:00:00Z"


@pytest.mark.parametrize("piece", PIECES)
def test_every_flow_of_a_piece_comes_to_something_and_the_order_of_the_calls_changes_nothing(
    piece: str, tmp_path: Path
) -> None:
    write_workspace(tmp_path, 0, pieces=(piece,))
    bodies = list(history(SHOPPERS, EVENTS, seed=5, delayed=0.1, pieces=(piece,)))

    lines = play(tmp_path, bodies)

    named = {
        path.removesuffix(".yaml").removeprefix("flows/").replace("broadcasts/", "broadcast/")
        for path in PIECES[piece]
        if path.startswith(("flows/", "broadcasts/"))
    }
    assert named <= {line["flow"] for line in lines}
    shuffled = list(bodies)
    random.Random(3).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    assert jsonl(play(tmp_path, shuffled)) == jsonl(lines)


def play(folder: Path, bodies: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """What the oracle makes of it; what it skips is nobody's business here."""
    return simulate(folder, bodies, until=UNTIL, report=io.StringIO())
