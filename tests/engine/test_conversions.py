"""Conversions are counted once, within their window, also after the enrollment has ended, with what they are worth."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tamshy.ingest import calls_from_lines
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import play

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.sqlkit import Connection

    Happened = tuple[str, str, Mapping[str, object]]

START = "2026-03-02T09:00:00Z"


def converted(stage: Connection, conversion: str, *events: Happened) -> list[tuple[object, ...]]:
    """Play a checkout and what follows through a flow with this conversion: (moment, worth, held out) of each counted."""
    files = {
        "tamshy.yaml": "name: Shop\n",
        "flows/f.yaml": f"trigger: {{event: Checkout Started}}\nconversion: {conversion}\nsteps: [{{wait: 1h}}]\n",
    }
    lines: list[Happened] = [("Checkout Started", START, {"cart_id": "c1"}), *events]
    history = calls_from_lines(
        [
            json.dumps({"type": "track", "userId": "u1", "event": name, "timestamp": at, "properties": properties})
            for name, at, properties in lines
        ],
        zone=ZoneInfo("UTC"),
    )
    play(stage, files, history, compile_message=compile_message, renderer=InProcess())
    rows = stage.execute("select occurred_at, value, held_out from conversion order by occurred_at").fetchall()
    return [(f"{at:%dT%H:%M}", value, held_out) for at, value, held_out in rows]


def test_rule_28_a_conversion_counts_once_and_also_after_the_enrollment_has_ended(stage: Connection) -> None:
    first: Happened = ("Order Completed", "2026-03-04T09:00:00Z", {"value": 20})
    second: Happened = ("Order Completed", "2026-03-05T09:00:00Z", {})
    assert converted(stage, "{event: Order Completed, within: 5d}", second, first) == [("04T09:00", Decimal(20), False)]


def test_rule_28_the_window_is_measured_from_the_entry_its_end_in(stage: Connection) -> None:
    at_the_end = ("Order Completed", "2026-03-07T09:00:00Z", {"value": 1})
    assert converted(stage, "{event: Order Completed, within: 5d}", at_the_end) == [("07T09:00", Decimal(1), False)]


def test_rule_28_later_than_the_window_is_no_conversion(stage: Connection) -> None:
    too_late = ("Order Completed", "2026-03-07T09:00:01Z", {"value": 1})
    assert converted(stage, "{event: Order Completed, within: 5d}", too_late) == []


def test_rule_28_the_event_at_the_very_moment_of_the_entry_is_no_conversion(stage: Connection) -> None:
    assert converted(stage, "{event: Order Completed}", ("Order Completed", START, {"value": 1})) == []


def test_rule_28_a_conversion_is_worth_the_first_present_of_value_revenue_total(stage: Connection) -> None:
    order = ("Order Completed", "2026-03-02T10:00:00Z", {"total": 9, "revenue": 7.5})
    assert converted(stage, "{event: Order Completed}", order) == [("02T10:00", Decimal("7.5"), False)]


def test_rule_28_a_conversion_is_worth_what_its_own_path_holds_where_that_is_a_number(stage: Connection) -> None:
    order = ("Order Completed", "2026-03-02T10:00:00Z", {"value": 20, "margin": "4"})
    assert converted(stage, "{event: Order Completed, value: event.margin}", order) == [("02T10:00", None, False)]


def test_rule_28_any_of_several_events_converts_and_the_earliest_known_counts(stage: Connection) -> None:
    either = "[{event: Order Completed}, {event: Call Booked, where: {event.kind: demo}}]"
    events: list[Happened] = [
        ("Call Booked", "2026-03-02T10:00:00Z", {"kind": "chat"}),
        ("Call Booked", "2026-03-02T11:00:00Z", {"kind": "demo", "value": 3}),
        ("Order Completed", "2026-03-02T12:00:00Z", {"value": 50}),
    ]
    assert converted(stage, either, *events) == [("02T11:00", Decimal(3), False)]
