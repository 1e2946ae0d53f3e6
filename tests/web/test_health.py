"""What operators look at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.web.conftest import Edge


def test_alive_does_not_ask_the_database(edge: Edge) -> None:
    edge.down = True
    assert edge.client.get("/healthz").content == b"ok\n"


def test_ready_means_that_calls_can_be_stored(edge: Edge) -> None:
    assert edge.client.get("/readyz").status_code == 200
    edge.down = True
    answer = edge.client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_a_database_of_another_version_is_not_ready(edge: Edge) -> None:
    edge.conn.execute("insert into schema_version values ('9999_future.sql', 'x')")
    edge.conn.commit()
    try:
        answer = edge.client.get("/readyz")
    finally:
        edge.conn.execute("delete from schema_version where name = '9999_future.sql'")
        edge.conn.commit()
    assert answer.status_code == 503
    assert "tamshy migrate" in answer.json()["detail"]


def test_metrics_are_prometheus_text(edge: Edge) -> None:
    edge.client.post("/v1/track", b'{"event":"E","userId":"u1"}', content_type="text/plain")
    edge.conn.execute("insert into lease (bucket, owner, until) values (0, null, null), (1, 'w', %s)", [edge.real])
    edge.conn.execute(
        "insert into lease (bucket, owner, until) values (2, 'w', %s)", [edge.real + timedelta(seconds=9)]
    )
    edge.conn.commit()
    answer = edge.client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert 'tamshy_ingest_requests_total{status="401"} 1' in lines
    assert "tamshy_buckets_unworked 1" in lines
    assert "tamshy_database_up 1" in lines
    edge.down = True
    assert "tamshy_database_up 0" in edge.client.get("/metrics").content.decode().splitlines()
