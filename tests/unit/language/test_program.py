"""Flattening a flow: numbers in the order as written, and where each step leads."""

from __future__ import annotations

import pytest

from tamshy.domain.duration import Duration
from tamshy.language import Node, Program, program
from tamshy.language.model import (
    Arm,
    Branch,
    Engaged,
    Engagement,
    EventMatch,
    EventTrigger,
    Exit,
    Flow,
    Send,
    Step,
    Wait,
    WaitFor,
)

WAIT = Wait("wait-1", Duration(seconds=7200))
SEND = Send("first", "first")
CLICKED = Engagement(Engaged.CLICKED, step="first")


def flow(*steps: Step) -> Flow:
    return Flow("f", "F", (EventTrigger("E"),), steps)


def test_a_flow_without_steps_has_no_entry() -> None:
    assert program(flow()) == Program(())
    assert program(flow()).entry is None


def test_a_straight_flow_leads_from_each_step_to_the_next() -> None:
    made = program(flow(WAIT, SEND))
    assert made.nodes == (Node(0, WAIT, 1), Node(1, SEND, None))
    assert made.entry == 0
    assert made.node("first").index == 1
    with pytest.raises(KeyError, match="gone"):
        made.node("gone")


def test_arms_of_a_branch_lead_on_with_the_next_step() -> None:
    help_, last, end = Send("help", "help"), Send("last", "last"), Exit("exit-1", "too-small")
    branch = Branch("branch-1", (Arm(CLICKED, (help_,)), Arm(CLICKED, ()), Arm(None, (end,))))
    made = program(flow(SEND, branch, last))
    assert made.nodes == (
        Node(0, SEND, 1),
        Node(1, branch, 4, arms=((CLICKED, 2), (CLICKED, 4), (None, 3))),
        Node(2, help_, 4),
        Node(3, end, None),
        Node(4, last, None),
    )


def test_a_branch_at_the_end_finishes_where_no_arm_holds() -> None:
    branch = Branch("branch-1", (Arm(CLICKED, (SEND,)), Arm(None, ())))
    assert program(flow(branch)).nodes[0] == Node(0, branch, None, arms=((CLICKED, 1), (None, None)))


def test_a_wait_for_leads_into_then_and_else_and_what_is_nested_in_them() -> None:
    inner = Branch("branch-1", (Arm(CLICKED, (SEND,)),))
    last = Send("last", "last")
    waiting = WaitFor("wait_for-1", (EventMatch("Paid"),), Duration(days=1), then=(inner, WAIT), otherwise=())
    made = program(flow(waiting, last))
    assert made.nodes == (
        Node(0, waiting, 4, then=1, otherwise=4),
        Node(1, inner, 3, arms=((CLICKED, 2),)),
        Node(2, SEND, 3),
        Node(3, WAIT, 4),
        Node(4, last, None),
    )
