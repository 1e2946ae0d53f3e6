"""Where somebody stands, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.explain.facts import Standing
from tamshy.language.diff import describe_step
from tamshy.language.model import Branch, Repeat, Split, WaitFor
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.language.program import Node
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.explain")
FINISHED = "the end"


def standing(
    conn: Connection, book: Rulebook, params: dict[str, object], wanted: frozenset[str] | None
) -> tuple[Standing, ...]:
    """Every enrollment that is active, the next to go on first."""
    flows = {running.version: running for running in book.flows}
    found = []
    for row in conn.execute(_SQL["standing"], params).fetchall():
        flow, version, index, key, entered_at, since, due_at, goes_on, held_out, paused, arms, rounds, held_back = row
        if wanted is not None and flow not in wanted:
            continue
        node = _node(flows.get(version), index)
        found.append(
            Standing(
                flow=flow,
                key=key,
                step=node.step.id if node else "",
                doing=describe_step(node.step) if node else "",
                entered_at=entered_at,
                since=since,
                due_at=due_at,
                goes_on=goes_on,
                held_back=held_back,
                held_out=held_out,
                paused=paused,
                then=_then(flows[version], node) if node else (),
                arms=arms,
                rounds={step: counted["n"] for step, counted in rounds.items()},
            )
        )
    return tuple(found)


def _node(running: RunningFlow | None, index: int) -> Node | None:
    nodes = running.program.nodes if running else ()
    return nodes[index] if 0 <= index < len(nodes) else None


def _then(running: RunningFlow, node: Node) -> tuple[str, ...]:
    """What may come after a step: one thing, or one for each way out of it."""
    if isinstance(node.step, WaitFor):
        targets = [node.then, node.otherwise]
    elif isinstance(node.step, Branch):
        targets = [target for _, target in node.arms]
        if all(condition is not None for condition, _ in node.arms):
            targets.append(node.next)
    elif isinstance(node.step, Split):
        targets = [target for _, target in node.ways]
    elif isinstance(node.step, Repeat):
        targets = [node.body, node.next]
    else:
        targets = [node.next]
    said = [FINISHED if target is None else describe_step(running.program.nodes[target].step) for target in targets]
    return tuple(dict.fromkeys(said))
