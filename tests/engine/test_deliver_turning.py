"""Hand-over does not turn on the spot: what is held by others or fails for ever costs a look a run, and ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, person, sent_message, unread, workspace
from tests.engine.test_deliver_stage import ACCEPTED, Answering, Clock, handing

from tamshy import sqlkit
from tamshy.deliver import Mail, Options, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.newest

SIZES = [1_200, pytest.param(10_000, marks=pytest.mark.prove)]
EVERY = 100
"""Every hundredth is odd."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


def many(db: Connection, due: int) -> None:
    """So many due deliveries of one bucket, every hundredth odd (`odd…@`); all due at the same moment."""
    workspace(db)
    first = sent_message(db, person(db, "aia"))
    db.execute(
        """
        create temp table wanted as
        select n, md5('p' || n)::uuid as profile, md5('m' || n)::uuid as message,
            case when n %% %(every)s = 0 then 'odd' else 'p' end || n || '@example.com' as address
        from generate_series(1, %(due)s) n
        """,
        {"due": due, "every": EVERY},
    )
    for table, key, put in (
        ("profile", "id", {"id": "w.profile", "die": "w.address", "address": "w.address"}),
        ("message", "id", {"profile": "w.profile", "id": "w.message", "address": "w.address", "visit": "w.n"}),
        ("content", "message", {"profile": "w.profile", "message": "w.message"}),
        ("delivery", "message", {"profile": "w.profile", "message": "w.message"}),
    ):
        names = [
            row[0]
            for row in db.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
                [table],
            )
        ]
        columns, values = ", ".join(names), ", ".join(put.get(name, f"t.{name}") for name in names)
        which = f"t.{key} = %(message)s" if table != "profile" else "true"
        db.execute(
            f"insert into {table} ({columns}) select {values} from {table} t, wanted w where {which}".encode(),
            {"message": first},
        )
    for table, key in (("delivery", "message"), ("content", "message"), ("message", "id")):
        db.execute(f"delete from {table} where {key} = %s".encode(), [first])
    db.commit()
    with sqlkit.connect(sqlkit_dsn(db), autocommit=True) as other:
        other.execute("vacuum (analyze) delivery")


def sqlkit_dsn(db: Connection) -> str:
    return db.info.dsn


def examined(db: Connection) -> int:
    """How many entries of the index of what is due have been read so far."""
    db.rollback()
    row = db.execute(
        "select pg_stat_force_next_flush(), pg_stat_clear_snapshot(), "
        "(select idx_tup_read from pg_stat_user_indexes where indexrelname = 'delivery_due')"
    ).fetchone()
    db.rollback()
    assert row is not None
    return int(row[2])


@pytest.mark.parametrize("due", SIZES)
def test_rows_that_another_holds_cost_a_look_a_run(dsn: str, db: Connection, clock: Clock, due: int) -> None:
    many(db, due)
    odd = due // EVERY
    sender = Answering(slots=8)
    with sqlkit.connect(dsn) as holder:
        held = holder.execute(
            "select count(*) from (select from delivery d join message m on m.id = d.message "
            "where m.address like 'odd%' for update of d) h"
        ).fetchone()
        assert held == (odd,)
        stage = handing(sender, clock)
        before, runs = examined(db), 0
        while stage.run(db, [BUCKET], 500).moved:
            runs += 1
            db.rollback()
        looked = examined(db) - before
        assert len(sender.given) == due - odd
        # Of a run of 500 at most a fifth more than its due rows are looked at; over all runs as well.
        assert looked <= 1.2 * due, f"{looked} examined for {due} due in {runs} runs"
        # With nothing left but what is held, a look costs just that.
        before = examined(db)
        assert stage.run(db, [BUCKET], 500).moved == 0
        assert examined(db) - before <= odd
        holder.rollback()
    assert stage.run(db, [BUCKET], 500).moved == odd


@pytest.mark.parametrize("due", SIZES)
def test_what_fails_for_ever_is_parked_after_a_few_tries(db: Connection, clock: Clock, due: int) -> None:
    """Of the odd ones a quarter each: the program fails at it, the server says later, it is full, the answer is lost."""
    many(db, due)
    ends = {
        0: ("failed", "program_fault", 3),
        1: ("failed", "gave_up", None),
        2: ("failed", "mailbox_full", None),
        3: ("uncertain", "answer_lost", 1),
    }

    def odd(mail: Mail) -> Verdict:
        if not mail.to_address.startswith("odd"):
            return ACCEPTED
        quarter = int(mail.to_address.partition("@")[0][3:]) // EVERY % 4
        if quarter == 0:
            raise ZeroDivisionError
        return {
            1: Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451 later"),
            2: Verdict(Outcome.DEFERRED, Reason.MAILBOX_FULL, "452 4.2.2 full"),
            3: Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST, "timed out"),
        }[quarter]

    sender = Answering(odd, slots=8)
    stage = handing(sender, clock, options=Options(give_up_after=timedelta(hours=6)))
    before = examined(db)
    while stage.run(db, [BUCKET], 500).moved:
        db.rollback()
    assert examined(db) - before <= 1.2 * due
    before = examined(db)
    for _ in range(4000):
        # Asked in a way that leaves the index alone, which is what is counted.
        row = db.execute("select min(next_at) from delivery where state || '' = 'queued'").fetchone()
        db.commit()
        if row is None or row[0] is None:
            break
        clock.now = row[0]
        stage.run(db, [BUCKET], 500)
    # Every entry that is left behind (two for each try) is passed once more and then forgotten, not at every look.
    assert examined(db) - before <= due + 6 * len(sender.given)
    found = db.execute(
        "select substring(m.address from 'odd([0-9]+)')::int / %s %% 4, d.state, d.reason, min(d.attempts), max(d.attempts), "
        "count(*) "
        "from delivery d join message m on m.id = d.message where m.address like 'odd%%' group by 1, 2, 3 order by 1",
        [EVERY],
    ).fetchall()
    assert [(quarter, state, reason, count) for quarter, state, reason, _, _, count in found] == [
        (quarter, state, reason, due // EVERY // 4) for quarter, (state, reason, _) in ends.items()
    ]
    for quarter, _, _, least, most, _ in found:
        tries = ends[quarter][2]
        # Six hours of trying, half an hour apart in the end.
        assert (least, most) == (tries, tries) if tries else 12 <= least <= most <= 20
    assert db.execute("select count(*) from delivery where state = 'sent'").fetchone() == (due - due // EVERY,)


def test_a_profile_that_nobody_reads_is_looked_at_once_a_minute_in_the_end(db: Connection, clock: Clock) -> None:
    workspace(db)
    profile = person(db, "aia")
    sent_message(db, profile)
    unread(db, profile, "event", "Order Completed")
    db.commit()
    sender = Answering()
    stage = handing(sender, clock, options=Options(give_up_after=timedelta(hours=6)))
    gaps: list[float] = []
    while True:
        stage.run(db, [BUCKET], 10)
        state, next_at = db.execute("select state, next_at from delivery").fetchone() or ("", NOON)
        db.commit()
        if state != "queued":
            break
        gaps.append((next_at - clock.now).total_seconds())
        clock.now = next_at
    assert gaps[:10] == [1.0] * 10
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60.0
    assert len(gaps) <= 6 * 60 + 100
    assert (state, sender.given) == ("failed", [])
    assert clock.now - NOON <= timedelta(hours=6, minutes=1)
