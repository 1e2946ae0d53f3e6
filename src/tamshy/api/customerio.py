"""Customer.io's Track API, so that its libraries work with only the host changed: any site id, the write key as the API key.

Its libraries take exactly 200 for done; what is refused is said as everywhere here.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy.api.calls import problems, raw_body
from tamshy.api.credentials import password, write_key
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired
from tamshy.ingest import Body, entity, parse_body, read_customerio

if TYPE_CHECKING:
    from tamshy.ingest import Reading

_METHODS: Final = {"identify": ("PUT", "DELETE")}


def take_entities(request: HttpRequest, kind: str, person: str | None = None) -> HttpResponse:
    """Take what a request says of one person (version 1), or of one or many (version 2)."""
    try:
        response = _taken(request, kind, person)
    except Problem as problem:
        response = problem.response()
    wired().counts.add("tamshy_ingest_requests_total", status=str(response.status_code))
    return response


def _taken(request: HttpRequest, kind: str, person: str | None) -> HttpResponse:
    if kind == "device":
        detail = "there are no push messages here, so no device is kept for them"
        raise Problem(HTTPStatus.NOT_FOUND, "no_push", detail)
    allowed = _METHODS.get(kind, ("POST",))
    if request.method not in allowed:
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", f"this is sent by {' or '.join(allowed)}")
    if request.method == "DELETE":
        kind = "delete"
    wiring = wired()
    with wiring.admission.inside(wiring.most_at_once):
        with problems():
            body = parse_body(raw_body(request) or b"{}", batch=kind == "batch")
            key = write_key(request, password(request), first=True)
            view = wiring.workspaces.view(key.workspace)
        if kind not in {"entity", "batch"}:
            items = [entity(kind, person, item) if isinstance(item, dict) else item for item in body.items]
            body = Body(items, single=True, write_key=None, sent_at=None)
        reading = read_customerio(
            body, received_at=wiring.now(), source_key=str(key.id), zone=view.ref.zone, topics=view.topics
        )
        if reading.calls:
            with problems():
                wiring.sharing.stored(view.ref, reading.calls)
    return _answer(body, reading)


def _answer(body: Body, reading: Reading) -> HttpResponse:
    for refusal in reading.refusals:
        wired().counts.add("tamshy_ingest_calls_total", outcome="refused", reason=refusal.reason.value)
    if reading.refusals and body.single:
        raise Problem(HTTPStatus.BAD_REQUEST, reading.refusals[0].reason.value, reading.refusals[0].text)
    errors = [{"batch_index": one.index, "reason": one.reason.value, "message": one.text} for one in reading.refusals]
    return HttpResponse(orjson.dumps({"errors": errors} if errors else {}), content_type="application/json")
