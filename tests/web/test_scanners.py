"""Machines may open and follow everything in everybody's mail, at any age of it: nobody's consent changes by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.track.labelled import sessions
from tests.web.recipients import STANDING, check, crowd, judged_again, scan, told_apart

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection


def test_scanners_change_no_consent_and_every_real_opt_out_counts(dsn: str, db: Connection) -> None:
    with crowd(dsn, db, people=50) as people:
        before = people.rows(STANDING)
        visits = scan(people, visits=300, leavers=50)
        # Of an old mail nothing comes too soon, so a few of them are not known for what they are. They change nothing.
        assert check(people, before, visits, leavers=50) >= 0.9


def test_machines_and_people_are_told_apart_as_they_come_and_again_by_what_was_kept(dsn: str, db: Connection) -> None:
    given = sessions()[::8]
    with crowd(dsn, db, people=len(given)) as people:
        machines, humans = told_apart(people, given)
        then, now = judged_again(people, given)
    assert then == now
    assert machines >= 0.95
    assert humans <= 0.01
