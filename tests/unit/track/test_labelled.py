"""How many of the labelled hits are judged right: at least 95 of 100 machines' found, at most one of 100 people's lost."""

from __future__ import annotations

from collections import Counter

from tests.unit.track.labelled import HANDED_OVER, sessions

from tamshy.track.visits import judge

SLIPS = {"one-link-later", "barracuda"}
"""Kinds of which some are not found: they do, now and then, what a person does."""


def test_machines_are_found_and_people_are_not_taken_for_them() -> None:
    hits, flagged, slipped = Counter[bool](), Counter[bool](), Counter[str]()
    for session in sessions():
        found = judge(session.visits, HANDED_OVER, session.links)
        hits[session.machine] += len(found)
        flagged[session.machine] += sum(why is not None for why in found)
        if session.machine:
            slipped[session.kind] += sum(why is None for why in found)
    assert (hits[True] > 600, hits[False] > 600) == (True, True)
    assert flagged[True] >= 0.95 * hits[True], (flagged, hits, slipped)
    assert flagged[False] <= 0.01 * hits[False], (flagged, hits)
    assert {kind for kind, number in slipped.items() if number} <= SLIPS


def test_people_who_follow_links_are_told_even_where_they_are_few() -> None:
    """No kind of person is lost as a whole, but for the one who opens three tabs in a breath."""
    lost = Counter[str]()
    for session in sessions():
        if not session.machine and all(why is not None for why in judge(session.visits, HANDED_OVER, session.links)):
            lost[session.kind] += 1
    assert set(lost) <= {"tabs"}
