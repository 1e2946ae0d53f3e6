"""For operators: alive, able to work, and what it counts."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit, standing
from tamshy.api.measures import build, figures, tallied, text, written
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

_Q: Final = sqlkit.queries(__package__)
_SCHEMA: Final = "tamshy.schema.sql"
_CLOCK: Final = "this machine's clock was put forward; set it right, or run `tamshy confirm` if it is right"
LAG_S: Final = 60.0
"""How long something may wait to be worked before the engine counts as behind, in the shop's seconds."""


def alive(_request: HttpRequest) -> HttpResponse:
    """Answer as long as this process answers anything."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when calls can be stored; with `?of=work`, when everything else goes on as well.

    Either way the answer says all that is not as it should be. A web server that is taken out of the way because a worker is
    away, or mail waits, would lose calls for nothing.
    """
    of_work = request.GET.get("of") == "work"
    wanted = sqlkit.schema_files(_SCHEMA)[-1].name
    try:
        with wired().connection() as conn:
            row = conn.execute(_Q["newest_schema"]).fetchone()
            found = None if row is None else row[0]
            reasons = _reasons(conn) if found == wanted else []
    except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
        return _not_ready([_reason("database", f"the database does not answer: {type(exc).__name__}")])
    if found != wanted:
        words = f"the database is at {found}, this program at {wanted}; run `tamshy migrate`"
        return _not_ready([_reason("schema", words)])
    if of_work and reasons:
        return _not_ready(reasons)
    body = orjson.dumps({"ready": True, "works": not reasons, "reasons": reasons})
    return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _reasons(conn: Connection) -> list[dict[str, str]]:
    """Give what keeps calls that are stored from becoming mail that leaves."""
    wiring = wired()
    found = figures(conn, wiring.now(), wiring.real())
    held = standing.look(conn, standing.whereabouts(conn, name=wiring.instance)).reasons
    reasons = []
    if held:
        reasons.append(_reason("on_hold", f"on hold: {standing.because(held)}. {standing.MEND}"))
    if wiring.clock_ahead():
        reasons.append(_reason("clock", _CLOCK))
    if found.workers == 0:
        reasons.append(_reason("no_worker", "no worker lives; start `tamshy worker`, or look at its log"))
    elif found.unworked:
        reasons.append(_reason("buckets", f"{found.unworked} of {found.buckets} buckets are held by no worker"))
    if found.inbox_s > LAG_S:
        reasons.append(_reason("inbox_lag", f"what arrived {found.inbox_s:.0f} s ago is not taken in yet"))
    if found.due_s > LAG_S:
        reasons.append(_reason("due_lag", f"who was due {found.due_s:.0f} s ago is not worked yet"))
    if found.unreachable:
        reasons.append(_reason("mail_server", f"the mail server does not answer; {found.unreachable} messages wait"))
    elif found.outgoing_s > LAG_S:
        reasons.append(_reason("mail_lag", f"mail that was due {found.outgoing_s:.0f} s ago has not left"))
    return reasons


def _reason(word: str, detail: str) -> dict[str, str]:
    return {"reason": word, "detail": detail}


def metrics(_request: HttpRequest) -> HttpResponse:
    """Give counters of this process and figures of the database, for Prometheus."""
    wiring = wired()
    samples = [build(), *wiring.counts.samples()]
    up = 1
    try:
        with wiring.connection() as conn:
            here = standing.whereabouts(conn, name=wiring.instance)
            held = not standing.look(conn, here).clear or wiring.clock_ahead()
            samples += written(figures(conn, wiring.now(), wiring.real()))
            samples += tallied(conn)
        samples.append(("tamshy_on_hold", {}, int(held)))
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        up = 0
    samples.append(("tamshy_database_up", {}, up))
    return HttpResponse(text(samples), content_type="text/plain; version=0.0.4; charset=utf-8")


def _not_ready(reasons: list[dict[str, str]]) -> HttpResponse:
    detail = "; ".join(reason["detail"] for reason in reasons)
    more = {"reasons": reasons}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, retry_after=2, more=more).response()
