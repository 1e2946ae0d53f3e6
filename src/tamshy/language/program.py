"""A flow flattened for the engine: numbered nodes, each with the nodes that can come after it."""

from __future__ import annotations

from dataclasses import dataclass

from tamshy.language.model import Branch, Condition, Exit, Flow, Repeat, Split, Step, WaitFor


@dataclass(frozen=True, slots=True)
class Node:
    """One step with where it leads. Targets are indexes into ``Program.nodes``; None: the flow is finished there.

    ``next`` is what follows the step: for a branch where no arm holds, for a ``wait_for`` whatever an arm without steps
    of its own leads to. An ``exit`` has None. ``arms`` is for a Branch alone, in the order as written, ``else`` with
    the condition None; ``then`` and ``otherwise`` are for a WaitFor alone (None elsewhere); ``ways`` for a Split alone, an
    arm's name with where it leads; ``body`` for a Repeat alone: the first step of a round, whose last leads back to it.
    """

    index: int
    step: Step
    next: int | None = None
    arms: tuple[tuple[Condition | None, int | None], ...] = ()
    then: int | None = None
    otherwise: int | None = None
    ways: tuple[tuple[str, int | None], ...] = ()
    body: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """The nodes in the order as written, depth first: a step's index is less than that of all it leads to, but for a ``repeat``."""

    nodes: tuple[Node, ...] = ()

    @property
    def entry(self) -> int | None:
        """The index of the first step; None where the flow has none."""
        return 0 if self.nodes else None

    def rounds_around(self, index: int) -> tuple[Node, ...]:
        """The ``repeat`` steps that the node lies inside of, the outermost first; a ``repeat`` does not lie inside itself."""
        return tuple(
            found
            for found in self.nodes[:index]
            if isinstance(found.step, Repeat) and index - found.index <= len(all_steps(found.step.steps))
        )

    def node(self, step_id: str) -> Node:
        """The node of the step with this id. Raises KeyError."""
        for found in self.nodes:
            if found.step.id == step_id:
                return found
        raise KeyError(step_id)


def inner_steps(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps written inside ``step``, in order (arms of a branch or split; ``then`` and ``else``)."""
    if isinstance(step, Branch | Split):
        return tuple(arm.steps for arm in step.arms)
    if isinstance(step, WaitFor):
        return (step.then, step.otherwise)
    return (step.steps,) if isinstance(step, Repeat) else ()


def all_steps(steps: tuple[Step, ...]) -> list[Step]:
    """Every step, also those inside others, in the order as written."""
    found: list[Step] = []
    for step in steps:
        found.append(step)
        for inner in inner_steps(step):
            found.extend(all_steps(inner))
    return found


def program(flow: Flow) -> Program:
    """Flatten ``flow``. The same flow always gives the same program."""
    nodes: list[Node | None] = []
    _place(flow.steps, None, 0, nodes)
    return Program(tuple(node for node in nodes if node is not None))


def _size(steps: tuple[Step, ...]) -> int:
    return sum(1 + sum(_size(inner) for inner in inner_steps(step)) for step in steps)


def _place(steps: tuple[Step, ...], after: int | None, start: int, nodes: list[Node | None]) -> None:
    """Number ``steps`` from ``start`` on; the last of them leads to ``after``."""
    index = start
    for place, step in enumerate(steps):
        follower = index + _size((step,))
        _place_one(step, index, follower if place + 1 < len(steps) else after, nodes)
        index = follower


def _place_one(step: Step, index: int, after: int | None, nodes: list[Node | None]) -> None:
    nodes.append(None)  # its place in the order; filled when the places of its inner steps are known
    heads: list[int | None] = []
    head = index + 1
    for inner in inner_steps(step):
        heads.append(head if inner else after)
        _place(inner, index if isinstance(step, Repeat) else after, head, nodes)
        head += _size(inner)
    if isinstance(step, Branch):
        arms = tuple((arm.condition, target) for arm, target in zip(step.arms, heads, strict=True))
        nodes[index] = Node(index, step, after, arms=arms)
    elif isinstance(step, WaitFor):
        nodes[index] = Node(index, step, after, then=heads[0], otherwise=heads[1])
    elif isinstance(step, Split):
        ways = tuple((arm.name, target) for arm, target in zip(step.arms, heads, strict=True))
        nodes[index] = Node(index, step, after, ways=ways)
    elif isinstance(step, Repeat):
        nodes[index] = Node(index, step, after, body=heads[0])
    else:
        nodes[index] = Node(index, step, None if isinstance(step, Exit) else after)
