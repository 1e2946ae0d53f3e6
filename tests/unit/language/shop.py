"""A small sound workspace for the tests to change one thing of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language import read_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.language.model import Flow, Step, Workspace

SETTINGS = """\
name: Shop
locale: en
timezone: Asia/Almaty
currency: KZT
url: https://shop.example
from: Shop <hello@shop.example>
topics:
  offers: {name: Offers}
  news: {name: News, default: opt_out, double_opt_in: true}
"""
MESSAGE = """\
kind: marketing
topic: offers
subject: {en: "Hello {{ profile.first_name | default: 'you' }}"}
"""
BODY = "Hello {{ profile.first_name | default: 'you' }}\n"
FLOW = """\
name: Cart
trigger: {event: Checkout Started}
steps:
  - send: hello
"""


def files(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The sound workspace's files, with files added, replaced or (None) taken away."""
    found: dict[str, str | None] = {
        "tamshy.yaml": SETTINGS,
        "flows/cart.yaml": FLOW,
        "messages/hello/message.yaml": MESSAGE,
        "messages/hello/en.md": BODY,
        **(changes or {}),
    }
    return {path: text for path, text in found.items() if text is not None}


def said(changes: Mapping[str, str | None] | None = None) -> list[str]:
    """What is refused in the changed workspace, as printed."""
    return [str(problem) for problem in read_workspace(files(changes))[1]]


def sound(changes: Mapping[str, str | None] | None = None) -> Workspace:
    """The changed workspace, in which nothing may be refused."""
    workspace, problems = read_workspace(files(changes))
    assert [str(problem) for problem in problems] == []
    return workspace


def flow_of(text: str) -> Flow:
    """The flow of a sound ``flows/cart.yaml``."""
    return sound({"flows/cart.yaml": text}).flows["cart"]


def steps_of(steps: str) -> tuple[Step, ...]:
    """The steps of a sound flow; ``steps`` is a YAML list on one line."""
    return flow_of(f"trigger: {{event: E}}\nsteps: {steps}\n").steps


def refused(steps: str) -> list[str]:
    """What is refused in the steps of a flow, ``steps`` being line 2 from column 8 on."""
    return said({"flows/cart.yaml": f"trigger: {{event: E}}\nsteps: {steps}\n"})
