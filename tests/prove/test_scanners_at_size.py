"""Ten thousand visits of scanners change nobody's consent, and fifty real opt-outs among them all count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.track.labelled import sessions
from tests.web.recipients import STANDING, check, crowd, judged_again, scan, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.prove


def test_ten_thousand_visits_of_scanners_change_no_consent(
    dsn: str, db: Connection, say: Callable[[str], None]
) -> None:
    with crowd(dsn, db, people=400) as people:
        before = people.rows(STANDING)
        visits = scan(people, visits=10_000, leavers=50)
        found = check(people, before, visits, leavers=50)
        say(f"{visits} visits, 50 opt-outs, {found:.1%} of the visits found to be machines'")
        assert found >= 0.9


def test_all_labelled_visits_are_told_apart_as_they_come(dsn: str, db: Connection, say: Callable[[str], None]) -> None:
    given = sessions()
    with crowd(dsn, db, people=len(given)) as people:
        machines, humans = told_apart(people, given)
        then, now = judged_again(people, given)
    # With all of a message's hits in view a few more are found, and none is cleared.
    assert all(again or not once for once, again in zip(then, now, strict=True))
    assert sum(now) - sum(then) <= 0.01 * len(now)
    say(f"{machines:.1%} of machines' hits flagged, {humans:.2%} of people's")
    assert machines >= 0.95
    assert humans <= 0.01
