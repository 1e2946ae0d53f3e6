"""Measurements: what they say, that each is on the page, and that none costs more when there are more people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.contract.statements import PACKAGE, ROOT

from tamshy import __version__, sqlkit
from tamshy.api.measures import DEEP, METRICS, figures
from tamshy.worker.tallying import count_deliveries, count_journal

if TYPE_CHECKING:
    from tests.web.conftest import Edge

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAGE = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")


def samples(edge: Edge) -> dict[str, float]:
    """What a scrape gives: name and labels → value."""
    answer = edge.client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.content.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def enrolled(edge: Edge, bucket: int, count: int, due: datetime, flow: str = "f") -> None:
    edge.conn.execute(
        "insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit, priority,"
        " held_out, entered_at, reached_at, due_at, work_at)"
        " select %(bucket)s, md5(%(flow)s || n)::uuid, md5(%(flow)s || n)::uuid, 1, %(flow)s, 1,"
        " '', md5('t' || n)::uuid, true, 0, 1, 0, false, %(due)s, %(due)s, %(due)s, %(due)s"
        " from generate_series(1, %(count)s) n",
        {"bucket": bucket, "count": count, "due": due, "flow": flow},
    )


def arrived(edge: Edge, bucket: int, profile: int, at: datetime) -> None:
    edge.conn.execute(
        "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, name, occurred_at)"
        " values (%s, %s, %s, 0, %s, 1, 'event', 'E', %s)",
        [bucket, UUID(int=profile), at, UUID(int=profile), at],
    )


def delivery(edge: Edge, number: int, state: str, at: datetime, reason: str | None = None) -> None:
    edge.conn.execute(
        "insert into delivery (bucket, profile, message, workspace, state, next_at, queued_at, reason)"
        " values (0, %s, %s, 1, %s, %s, %s, %s)",
        [UUID(int=number), UUID(int=number), state, at, at, reason],
    )


@pytest.fixture
def shop(edge: Edge) -> Edge:
    """A shop of two buckets with something of everything."""
    edge.conn.execute(
        "insert into lease (bucket, owner, until) values (0, 'w', %s), (1, 'w', %s)", [NOW + 9 * SECOND] * 2
    )
    edge.conn.execute(
        "insert into worker (owner, until) values ('w', %s), ('dead', %s)", [NOW + 9 * SECOND, NOW - SECOND]
    )
    edge.conn.execute("insert into flow (workspace, name, paused) values (1, 'f', false), (1, 'still', true)")
    arrived(edge, 0, 1, NOW - 3 * SECOND)
    arrived(edge, 1, 2, NOW - 7.5 * SECOND)
    arrived(edge, 1, 3, NOW + 2 * SECOND)
    arrived(edge, 1, 4, NOW - 900 * SECOND)
    edge.conn.execute(
        "insert into set_aside (bucket, profile, since, tries, until, error) values (1, %s, %s, 1, 'infinity', 'x')",
        [UUID(int=4), NOW],
    )
    enrolled(edge, 0, 3, NOW - 5 * SECOND)
    enrolled(edge, 1, 2, NOW + 5 * SECOND)
    enrolled(edge, 1, 4, NOW - 3600 * SECOND, "still")
    for number, (state, at, reason) in enumerate(
        [
            ("queued", NOW - 2 * SECOND, None),
            ("queued", NOW + 60 * SECOND, "unreachable"),
            ("handing_over", NOW + 30 * SECOND, None),
            ("uncertain", NOW, "answer_lost"),
            ("sent", NOW, None),
        ]
    ):
        delivery(edge, number, state, at, reason)
    edge.conn.commit()
    return edge


def test_what_waits_is_told_with_its_age(shop: Edge) -> None:
    found = samples(shop)
    assert {name: value for name, value in found.items() if "database" not in name and "http" not in name} == {
        f'tamshy_build_info{{version="{__version__}"}}': 1,
        "tamshy_buckets": 2,
        "tamshy_buckets_unworked": 0,
        "tamshy_workers": 1,
        "tamshy_profiles_set_aside": 1,
        "tamshy_on_hold": 0,
        "tamshy_inbox_rows": 2,
        "tamshy_inbox_oldest_seconds": 7.5,
        "tamshy_due_rows": 3,
        "tamshy_due_oldest_seconds": 5,
        'tamshy_deliveries{state="queued"}': 2,
        'tamshy_deliveries{state="handing_over"}': 1,
        'tamshy_deliveries{state="uncertain"}': 1,
        "tamshy_delivery_oldest_seconds": 2,
        "tamshy_deliveries_unreachable": 1,
        "tamshy_deliveries_uncertain": 1,
        "tamshy_domains_paused": 0,
        "tamshy_enrollments_active": found["tamshy_enrollments_active"],
        "tamshy_profiles": found["tamshy_profiles"],
    }
    assert found["tamshy_database_up"] == 1
    assert found["tamshy_database_bytes"] > 1_000_000
    assert 0 < found["tamshy_database_connections"] <= found["tamshy_database_connections_most"]


def test_without_a_database_it_says_so_and_what_the_process_knows(edge: Edge) -> None:
    edge.down = True
    edge.client.post("/v1/track", b"{}", content_type="text/plain")
    found = samples(edge)
    assert found["tamshy_database_up"] == 0
    assert found['tamshy_ingest_requests_total{status="401"}'] == 1
    assert "tamshy_workers" not in found


def decided(edge: Edge, number: int, outcome: str, reason: str | None, at: datetime, kind: str = "message") -> None:
    edge.conn.execute(
        "insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, outcome, reason)"
        " values (%s, %s, 1, 0, %s, 1, %s, %s, 'f', %s, %s)",
        [number % 2, UUID(int=number), UUID(int=number), at, kind, outcome, reason],
    )


def test_decisions_are_counted_once_each_three_minutes_behind(shop: Edge) -> None:
    long_ago = NOW - timedelta(days=90)
    for number, (outcome, reason, at) in enumerate(
        [
            ("sent", None, long_ago),
            ("sent", None, NOW - 181 * SECOND),
            ("sent", None, NOW - 180 * SECOND),
            ("skipped", "render_error", NOW - 200 * SECOND),
            ("postponed", "quiet_hours", NOW - 170 * SECOND),
        ]
    ):
        decided(shop, number, outcome, reason, at)
    decided(shop, 20, "entered", None, long_ago, "enrollment")
    decided(shop, 21, "refused", "audience", long_ago, "enrollment")

    def totals() -> dict[str, float]:
        shop.conn.commit()
        return {name: value for name, value in samples(shop).items() if "_total{outcome" in name}

    assert totals() == {}
    count_journal(shop.conn, [0, 1], NOW, 1.0)
    first = {
        'tamshy_decisions_total{outcome="sent",reason=""}': 3,
        'tamshy_decisions_total{outcome="skipped",reason="render_error"}': 1,
        'tamshy_enrollments_total{outcome="refused",reason="audience"}': 1,
    }
    assert totals() == first
    count_journal(shop.conn, [0, 1], NOW, 1.0)
    assert totals() == first
    count_journal(shop.conn, [0, 1], NOW + 10 * SECOND, 1.0)
    assert totals() == first | {'tamshy_decisions_total{outcome="postponed",reason="quiet_hours"}': 1}
    decided(shop, 30, "sent", None, NOW - 100 * SECOND)
    count_journal(shop.conn, [0], NOW + 300 * SECOND, 1.0)
    assert totals()['tamshy_decisions_total{outcome="sent",reason=""}'] == 4


def test_hand_overs_add_up(shop: Edge) -> None:
    count_deliveries(shop.conn, {"sent": 3, "uncertain": 1})
    count_deliveries(shop.conn, {"sent": 2, "failed": 0})
    count_deliveries(shop.conn, {})
    shop.conn.commit()
    assert {name: value for name, value in samples(shop).items() if "handed_over" in name} == {
        'tamshy_handed_over_total{state="sent"}': 5,
        'tamshy_handed_over_total{state="uncertain"}': 1,
    }


def test_a_scrape_looks_so_deep_and_no_deeper(shop: Edge) -> None:
    """Of a backlog it counts so many rows in each bucket; its cost does not grow with who waits behind."""
    enrolled(shop, 0, 5_000, NOW - 100 * SECOND, "many")
    enrolled(shop, 1, 20_000, NOW + timedelta(days=3), "waiting")
    shop.conn.execute("insert into flow (workspace, name) values (1, 'many'), (1, 'waiting')")
    shop.conn.commit()
    shop.conn.autocommit = True
    shop.conn.execute("vacuum analyze enrollment")
    shop.conn.autocommit = False
    found = figures(shop.conn, NOW, NOW)
    assert (found.due, found.due_s) == (DEEP, 100.0)
    assert found.enrollments == 25_009
    for name in ("arrived", "due", "outgoing"):
        sql = sqlkit.queries("tamshy.api", "measures.sql")[name]
        given = {"now": NOW, "real": NOW, "deep": DEEP}
        plan = "\n".join(
            row[0] for row in shop.conn.execute(f"explain (analyze, timing off) {_text(sql)}".encode(), given)
        )
        assert "Seq Scan on enrollment" not in plan
        touched = [
            int(float(rows) * int(loops)) for rows, loops in re.findall(r"actual rows=([\d.]+) loops=(\d+)", plan)
        ]
        assert max(touched) <= 2 * DEEP


def _text(sql: object) -> str:
    return sql.decode() if isinstance(sql, bytes) else str(sql)


def test_every_name_is_on_the_page_and_in_the_code() -> None:
    on_the_page = set(re.findall(r"`(tamshy_[a-z_]+)`", PAGE))
    assert on_the_page == METRICS.keys()
    used = {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r'"(tamshy_[a-z_]+)"', file.read_text(encoding="utf-8"))
    }
    assert {
        name for name in used if name in METRICS or name.endswith(("_total", "_seconds", "_rows"))
    } == METRICS.keys()


def test_no_label_holds_anything_of_a_person(shop: Edge) -> None:
    for path in ("/u/secret-token", "/nowhere/aia@example.com", "/api/profiles/aia@example.com/consent"):
        shop.client.get(path)
    text = shop.client.get("/metrics").content.decode()
    assert "secret-token" not in text
    assert "aia@" not in text
    assert set(re.findall(r'(\w+)="', text)) <= {"version", "state", "outcome", "reason", "status", "route"}


# -- ready ------------------------------------------------------------------------------------------------------------------


def test_ready_says_what_does_not_go_on_and_stays_ready_for_calls(shop: Edge) -> None:
    answer = shop.client.get("/readyz").json()
    assert (answer["ready"], answer["works"]) == (True, False)
    assert [reason["reason"] for reason in answer["reasons"]] == ["mail_server"]
    refused = shop.client.get("/readyz?of=work")
    assert (refused.status_code, refused["Content-Type"]) == (503, "application/problem+json")
    assert [reason["reason"] for reason in refused.json()["reasons"]] == ["mail_server"]

    shop.conn.execute("delete from delivery")
    shop.conn.commit()
    assert shop.client.get("/readyz?of=work").json() == {"ready": True, "works": True, "reasons": []}


def test_ready_knows_lag_dead_workers_and_holds(shop: Edge) -> None:
    shop.conn.execute("delete from delivery")
    shop.conn.execute("update worker set until = %s", [NOW - SECOND])
    enrolled(shop, 0, 1, NOW - 61 * SECOND, "late")
    arrived(shop, 0, 9, NOW - 75 * SECOND)
    delivery(shop, 9, "queued", NOW - 62 * SECOND)
    shop.conn.commit()
    words = {reason["reason"]: reason["detail"] for reason in shop.client.get("/readyz?of=work").json()["reasons"]}
    assert words == {
        "no_worker": "no worker lives; start `tamshy worker`, or look at its log",
        "inbox_lag": "what arrived 75 s ago is not taken in yet",
        "due_lag": "who was due 61 s ago is not worked yet",
        "mail_lag": "mail that was due 62 s ago has not left",
    }
    assert shop.client.get("/readyz").status_code == 200
    shop.conn.execute("update worker set until = %s", [NOW + SECOND])
    shop.conn.execute("update lease set owner = null where bucket = 1")
    shop.conn.commit()
    reasons = shop.client.get("/readyz?of=work").json()["reasons"]
    assert reasons[0] == {"reason": "buckets", "detail": "1 of 2 buckets are held by no worker"}
