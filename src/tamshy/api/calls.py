"""Segment's HTTP tracking API: calls in, `{"success":true}` out, which means stored durably.

Clients drop what is refused with anything but 429 and 5xx, so those two mean "later" here and nothing else does.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.credentials import write_key
from tamshy.api.crossing import allowed, preflight
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.ingest import MAX_BODY, Body, BodyReason, BodyRefused, Reading, Stored, parse_body, read_calls, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.accounts import Key
    from tamshy.domain.call import Call
    from tamshy.ingest import WorkspaceRef

_LOG = logging.getLogger("tamshy.api")
_METHODS: Final = "POST, OPTIONS"
_DONE: Final = b'{"success":true}'
_TOO_LARGE: Final = (BodyReason.TOO_LARGE, BodyReason.TOO_MANY_ITEMS, BodyReason.TOO_COMPLEX)
_TRIES: Final = 4
# Two that met over the same people, and one had to go back: run again from the start it goes through.
_MET: Final = ("40001", "40P01")


def take_calls(request: HttpRequest, kind: str) -> HttpResponse:
    """Take one call, or a batch of them; `kind` is what the path says."""
    if request.method == "OPTIONS":
        return preflight(request, _METHODS)
    try:
        response = _taken(request, kind)
    except Problem as problem:
        response = problem.response()
    wired().counts.add("tamshy_ingest_requests_total", status=str(response.status_code))
    return allowed(request, response, _METHODS)


def _taken(request: HttpRequest, kind: str) -> HttpResponse:
    if request.method != "POST":
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "calls are sent by POST")
    wiring = wired()
    with wiring.admission.inside(wiring.most_at_once):
        try:
            body = parse_body(raw_body(request), batch=kind == "batch")
            key = write_key(request, body.write_key)
            reading, stored = _stored(body, kind, key)
        except BodyRefused as exc:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if exc.reason in _TOO_LARGE else HTTPStatus.BAD_REQUEST
            raise Problem(status, exc.reason.value, str(exc)) from exc
        except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
            # Whatever the database says no to, the caller's calls are good: it keeps them and comes again.
            lost = {"event": "calls_not_stored", "error": type(exc).__name__, "sqlstate": sqlkit.sqlstate(exc)}
            unexpected = not sqlkit.is_retryable(exc)
            _LOG.warning("calls were not stored: %s", type(exc).__name__, exc_info=unexpected, extra=lost)
            raise later("calls cannot be stored at this moment; send the same again") from exc
    _count(reading, stored)
    return _answer(body, reading)


def _stored(body: Body, kind: str, key: Key) -> tuple[Reading, Stored]:
    """Read the calls and store what is good of them."""
    wiring = wired()
    ref = wiring.workspaces.view(key.workspace).ref
    reading = read_calls(body, path_kind=kind, received_at=wiring.now(), source_key=str(key.id), zone=ref.zone)
    return reading, stored_durably(ref, reading.calls)


def stored_durably(workspace: WorkspaceRef, calls: Sequence[Call]) -> Stored:
    """Store calls and commit; a transaction that met another over the same people is run again.

    Raises:
        DatabaseUnavailable: or the driver's error, where that cannot help.
    """
    if not calls:
        return Stored(0, 0)
    for left in reversed(range(_TRIES)):
        try:
            with wired().connection() as conn:
                return store(conn, workspace, calls)
        except sqlkit.Error as exc:
            if left == 0 or sqlkit.sqlstate(exc) not in _MET:
                raise
    raise AssertionError("the last try returns or raises")


def raw_body(request: HttpRequest) -> bytes:
    """Read the bytes of a request, whatever its headers call them, and no more of them than can be a body.

    Raises:
        BodyRefused: there are more.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MAX_BODY:
        raise BodyRefused(BodyReason.TOO_LARGE, f"a request holds at most {MAX_BODY} bytes; send smaller batches")
    if request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        # Django takes a request without a length for an empty one.
        chunked: bytes = request.META["wsgi.input"].read(MAX_BODY + 1)
        return chunked
    return request.body


def _answer(body: Body, reading: Reading) -> HttpResponse:
    if not reading.refusals:
        return HttpResponse(_DONE, content_type="application/json")
    if body.single:
        refusal = reading.refusals[0]
        raise Problem(HTTPStatus.BAD_REQUEST, refusal.reason.value, refusal.text)
    rejected = [{"index": one.index, "reason": one.reason.value, "text": one.text} for one in reading.refusals]
    return HttpResponse(orjson.dumps({"success": True, "rejected": rejected}), content_type="application/json")


def _count(reading: Reading, stored: Stored) -> None:
    counts = wired().counts
    for outcome, number in (("accepted", stored.accepted), ("repeated", stored.repeated)):
        if number:
            counts.add("tamshy_ingest_calls_total", number, outcome=outcome)
    for refusal in reading.refusals:
        counts.add("tamshy_ingest_calls_total", outcome="refused", reason=refusal.reason.value)
