"""For operators: alive, able to work, and what it counts."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit, standing
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Iterable

_Q: Final = sqlkit.queries(__package__)
_SCHEMA: Final = "tamshy.schema.sql"
_CLOCK: Final = "this machine's clock was put forward; set it right, or run `tamshy confirm` if it is right"


def alive(_request: HttpRequest) -> HttpResponse:
    """Answer as long as this process answers anything."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when calls can be stored: the database answers, and its tables are this program's.

    An installation on hold stores calls too, and says that nothing else is done.
    """
    wanted = sqlkit.schema_files(_SCHEMA)[-1].name
    held: tuple[str, ...] = ()
    try:
        with wired().connection() as conn:
            row = conn.execute(_Q["newest_schema"]).fetchone()
            if row == (wanted,):
                held = standing.look(conn, standing.whereabouts(conn, name=wired().instance)).reasons
    except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
        return _not_ready(f"the database does not answer: {type(exc).__name__}")
    found = None if row is None else row[0]
    if found != wanted:
        return _not_ready(f"the database is at {found}, this program at {wanted}; run `tamshy migrate`")
    said = "ready\n"
    if held:
        said = f"ready to store calls, and on hold: {standing.because(held)}. {standing.MEND}\n"
    elif wired().clock_ahead():
        said = f"ready to store calls, and on hold: {_CLOCK}\n"
    return HttpResponse(said, content_type="text/plain")


def metrics(_request: HttpRequest) -> HttpResponse:
    """Give counters of this process and figures of the database, for Prometheus."""
    wiring = wired()
    lines = wiring.counts.lines()
    up = 1
    try:
        with wiring.connection() as conn:
            row = conn.execute(_Q["figures"], {"real": wiring.real()}).fetchone()
            here = standing.whereabouts(conn, name=wiring.instance)
            held = not standing.look(conn, here).clear or wiring.clock_ahead()
        lines += _gauges({"tamshy_on_hold": int(held)})
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
