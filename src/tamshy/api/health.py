"""For operators: alive, able to work, and what it counts."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Iterable

_Q: Final = sqlkit.queries(__package__)
_SCHEMA: Final = "tamshy.schema.sql"


def alive(_request: HttpRequest) -> HttpResponse:
    """Answer as long as this process answers anything."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when calls can be stored: the database answers, and its tables are this program's."""
    wanted = sqlkit.schema_files(_SCHEMA)[-1].name
    try:
        with wired().connection() as conn:
            row = conn.execute(_Q["newest_schema"]).fetchone()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
        return _not_ready(f"the database does not answer: {type(exc).__name__}")
    found = None if row is None else row[0]
    if found != wanted:
        return _not_ready(f"the database is at {found}, this program at {wanted}; run `tamshy migrate`")
    return HttpResponse("ready\n", content_type="text/plain")


def metrics(_request: HttpRequest) -> HttpResponse:
    """Give counters of this process and figures of the database, for Prometheus."""
    wiring = wired()
    lines = wiring.counts.lines()
    up = 1
    try:
        with wiring.connection() as conn:
            row = conn.execute(_Q["figures"], {"real": wiring.real()}).fetchone()
        lines += _gauges({"tamshy_buckets_unworked": row[0], "tamshy_deliveries_uncertain": row[1]} if row else {})
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        up = 0
    lines += _gauges({"tamshy_database_up": up})
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _gauges(figures: dict[str, int]) -> Iterable[str]:
    for name, value in figures.items():
        yield f"# TYPE {name} gauge"
        yield f"{name} {value}"


def _not_ready(detail: str) -> HttpResponse:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, retry_after=2).response()
