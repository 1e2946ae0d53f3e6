"""A shop's own past, played again: through its own flows it comes out as it was, through others as it would have been."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, next_due, small

from tamshy.domain.call import Call, CallKind
from tamshy.simulate import command, journal_lines
from tamshy.simulate.past import Extent
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FLOWS = {
    "cart": """\
trigger: {event: Checkout Started}
audience: {profile.city: {ne: Oral}}
reentry: {after: 2d}
exit_on: {event: Order Completed}
steps:
  - wait: 2h
  - send: reminder
  - wait_for: {event: Message Clicked, at_most: 1d, then: [{send: help}]}
""",
    "thanks": """\
trigger: {event: Order Completed}
reentry: always
steps: [{send: thanks}]
""",
    "looked": """\
trigger: {event: Looked}
holdout: 50%
steps: [{set: {profile.has_looked: true}}, {unsubscribe: news}]
""",
}
SETTINGS = "identities: {merge_on: [user_id, email]}\ncaps: [{messages: 1, per: 25h}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS, settings=SETTINGS), buckets=4, zones=["UTC", "Asia/Almaty"])
        yield Shop(dsn, conn, book, HandClock(T0))


def lived(shop: Shop) -> datetime:
    """Six people over four days; gives the end of it."""
    for place in range(6):
        user = f"u{place}"
        began = T0 + place * timedelta(minutes=7)
        # Whoever came without a name was drawn by their device.
        shop.visit(f"d{place}", "Looked", began)
        traits = {"email": f"{user}@example.com", "city": "Oral" if place == 4 else "Almaty", "timezone": "Asia/Almaty"}
        shop.identify(user, began + HOUR, device=f"d{place}" if place % 2 else None, **traits)
        for day in range(4):
            at = began + 2 * HOUR + day * DAY
            shop.track(user, "Checkout Started", at, cart_id=f"c{day}")
            if (place + day) % 3 == 0:
                shop.track(user, "Order Completed", at + HOUR, order_id=f"o{place}{day}")
    asked: dict[str, object] = {"topic": "offers", "granted": False, "source": "link", "evidence": {}}
    shop.store(Call(CallKind.CONSENT, T0 + 30 * HOUR, T0 + 30 * HOUR, user_id="u1", properties=asked))
    bad: dict[str, object] = {"reason": "blocked"}
    shop.store(Call(CallKind.SUPPRESS, T0 + 50 * HOUR, T0 + 50 * HOUR, user_id="u2", properties=bad))
    end = T0 + 5 * DAY
    while (due := next_due(shop.conn)) is not None and due <= end:
        shop.work(due)
    return end


def backtest(
    shop: Shop, folder: Path, files: dict[str, str], since: datetime, until: datetime
) -> tuple[str, list[str]]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    out, err, lines = io.StringIO(), io.StringIO(), io.StringIO()
    extent = Extent(shop.book.workspace, shop.book.first_bucket, shop.book.first_bucket + shop.book.buckets - 1, until)
    past = command.Shop(shop.conn, NAME, extent, since)
    code = command.backtest(folder, past, out=out, err=err, dsn=shop.dsn, lines=lines, as_json=True)
    assert (code, err.getvalue()) == (0, "")
    return out.getvalue(), lines.getvalue().splitlines()


def test_through_its_own_flows_a_past_comes_out_as_it_was(shop: Shop, tmp_path: Path) -> None:
    until = lived(shop)
    since = T0 + DAY
    said, lines = backtest(shop, tmp_path, small(FLOWS, settings=SETTINGS), since, until)
    was = [line for line in journal_lines(shop.conn, until) if str(line["at"]) > "2026-03-03T09:00:00Z"]
    assert [json.loads(line) for line in lines] == was
    assert {line.get("decision") for line in was} >= {"sent", "skipped", "postponed"}
    rows = json.loads(said)["messages"]
    assert [row["message"] for row in rows] == ["reminder", "thanks"]
    assert [row["was"] for row in rows] == [row["would_be"] for row in rows]
    assert [row["entered"]["was"] for row in rows] == [row["entered"]["would_be"] for row in rows]
    assert sum(row["was"]["sent"] for row in rows) == len([line for line in was if line.get("decision") == "sent"]) > 0


@pytest.mark.newest
def test_through_other_flows_it_comes_out_as_it_would_have_been(shop: Shop, tmp_path: Path) -> None:
    until = lived(shop)
    other = {"cart": FLOWS["cart"].replace("wait: 2h", "wait: 30m"), "thanks": FLOWS["thanks"]}
    said, _ = backtest(shop, tmp_path, small(other), T0, until)
    rows = {row["message"]: row for row in json.loads(said)["messages"]}
    # Half an hour after the cart nobody has ordered yet, so whoever entered is reminded; and no cap stands in the way.
    sent = rows["reminder"]["would_be"]["sent"]
    assert sent > rows["reminder"]["was"]["sent"]
    assert (
        sent + rows["reminder"]["would_be"].get("suppressed", 0) + rows["reminder"]["would_be"].get("no_consent", 0)
        == (rows["reminder"]["entered"]["would_be"])
    )
    assert sum(rows["reminder"]["weeks"]["would_be"]) == sent


def test_a_past_that_holds_nothing_says_so(shop: Shop, tmp_path: Path) -> None:
    said, lines = backtest(shop, tmp_path, small(FLOWS), T0, T0 + DAY)
    assert json.loads(said) == {"since": "2026-03-02T09:00:00Z", "until": "2026-03-03T09:00:00Z", "messages": []}
    assert lines == []


@pytest.mark.newest
def test_a_person_reads_a_table(shop: Shop, tmp_path: Path) -> None:
    until = lived(shop)
    for name, text in small(FLOWS, settings=SETTINGS).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    extent = Extent(shop.book.workspace, shop.book.first_bucket, shop.book.first_bucket + shop.book.buckets - 1, until)
    out = io.StringIO()
    past = command.Shop(shop.conn, NAME, extent, until - timedelta(days=14))
    assert command.backtest(tmp_path, past, out=out, err=io.StringIO(), dsn=shop.dsn) == 0
    lines = out.getvalue().splitlines()
    assert lines[0] == "from 2026-02-21 09:00 to 2026-03-07 09:00 UTC"
    assert lines[1] == "flow    message    was sent   would be     more  week by week"
    assert [line.split()[:2] for line in lines[2:4]] == [["cart", "reminder"], ["thanks", "thanks"]]
    assert all(line.split()[2] == line.split()[3] for line in lines[2:4])
    assert lines[4] == "not sent:"
