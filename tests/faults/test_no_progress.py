"""What a pass would pick again and again, and never move, is an error that is said, not work without end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import HandClock, Shop, found_shop, links, small

from tamshy.passes import Horizon, NeverSettled, NowhereToGo, prepare, run, settle_rendered
from tamshy.passes.rendering import LiquidValues, Press
from tamshy.render.children import InProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.decide import Rendered
    from tamshy.sqlkit import Connection

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HORIZON = Horizon(NOW + timedelta(hours=2))


@pytest.fixture
def shop(db: Connection, dsn: str) -> Shop:
    """Somebody waits for an hour, then gets a mail."""
    book = found_shop(
        db, small({"flow": "trigger: {event: Go}\nsteps: [{wait: 1h}, {send: hi}]\n"}), buckets=1, zones=["UTC"]
    )
    made = Shop(dsn, db, book, HandClock(NOW))
    made.identify("u1", NOW, email="u1@example.com")
    made.track("u1", "Go", NOW)
    prepare(db)
    return made


def passes(shop: Shop, count: int) -> list[int]:
    """How many items each of so many passes works."""
    values = LiquidValues(shop.book.settings)
    found = []
    for _ in range(count):
        found.append(run(shop.conn, shop.book, shop.book.first_bucket, 0, HORIZON, values).items)
        shop.conn.commit()
    return found


def test_a_due_step_of_a_version_that_the_rules_do_not_hold_is_said(shop: Shop) -> None:
    assert passes(shop, 2) == [1, 1]
    shop.conn.execute("update enrollment set version = 7 where active")
    shop.conn.commit()
    with pytest.raises(NowhereToGo, match="step 0 of version 7, which the published rules do not hold"):
        passes(shop, 1)


def test_a_message_that_no_rule_settles_is_said(shop: Shop) -> None:
    assert passes(shop, 5) == [1, 1, 1, 1, 0]
    shop.conn.execute("delete from flow_version")
    shop.conn.execute("update flow set live_version = null")
    shop.publish(small({"other": "trigger: {event: Other}\nsteps: [{wait: 1h}]\n"}, messages={"hi": "Hi"}), NOW)
    press = Press(InProcess(), links)
    bucket = shop.book.first_bucket

    def render(rows: Sequence[tuple[object, ...]]) -> Sequence[Rendered]:
        return press.render(shop.conn, bucket, rows)

    with pytest.raises(NeverSettled, match="1 accepted messages are of no step"):
        settle_rendered(shop.conn, shop.book, bucket, 0, HORIZON, 10, render, keep_content=True)
