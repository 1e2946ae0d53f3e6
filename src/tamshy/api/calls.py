"""Segment's HTTP tracking API: calls in, `{"success":true}` out, which means stored durably.

Clients drop what is refused with anything but 429 and 5xx, so those two mean "later" here and nothing else does.
Whoever serves a request reads it (`read_request`), has its calls stored (`Sharing`), and answers (`answer_to`).
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.credentials import write_key
from tamshy.api.crossing import allowed, preflight
from tamshy.api.problems import Problem, later
from tamshy.api.sharing import MET
from tamshy.api.wiring import wired
from tamshy.ingest import MAX_BODY, BodyReason, BodyRefused, Reading, Stored, parse_body, read_calls, store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tamshy.api.credentials import Presenting
    from tamshy.domain.call import Call
    from tamshy.ingest import WorkspaceRef

_LOG = logging.getLogger("tamshy.api")
METHODS: Final = "POST, OPTIONS"
_DONE: Final = b'{"success":true}'
_TOO_LARGE: Final = (BodyReason.TOO_LARGE, BodyReason.TOO_MANY_ITEMS, BodyReason.TOO_COMPLEX)
MET_TRIES: Final = 4
"""How often a transaction is run that met another over the same people."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a request holds: whether it is a single call, its reading, and whom it is for."""

    single: bool
    reading: Reading
    workspace: WorkspaceRef


def take_calls(request: HttpRequest, kind: str) -> HttpResponse:
    """Take one call, or a batch of them; `kind` is what the path says."""
    if request.method == "OPTIONS":
        return preflight(request, METHODS)
    try:
        response = _taken(request, kind)
    except Problem as problem:
        response = problem.response()
    return answered(request, response)


def _taken(request: HttpRequest, kind: str) -> HttpResponse:
    if request.method != "POST":
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "calls are sent by POST")
    wiring = wired()
    with wiring.admission.inside(wiring.most_at_once):
        with problems():
            raw = raw_body(request)
        read = read_request(request, kind, raw)
        if read.reading.calls:
            with problems():
                wiring.sharing.stored(read.workspace, read.reading.calls)
    return answer_to(read)


def read_request(request: Presenting, kind: str, raw: bytes, *, asking: bool = True) -> Read:
    """Read the calls of a request.

    Args:
        request: its headers, and the query of its address.
        kind: what the path says the calls are.
        raw: its body, as it came.
        asking: whether the database may be asked for what is not remembered; False never waits.

    Raises:
        Problem: nothing of it can be taken.
        NotRemembered: the database would have to be asked.
    """
    wiring = wired()
    with problems():
        body = parse_body(raw, batch=kind == "batch")
        key = write_key(request, body.write_key, asking=asking)
        ref = wiring.workspaces.view(key.workspace, asking=asking).ref
        reading = read_calls(body, path_kind=kind, received_at=wiring.now(), source_key=str(key.id), zone=ref.zone)
    return Read(body.single, reading, ref)


@contextmanager
def problems() -> Iterator[None]:
    """Have whatever stands in the way of calls told as a problem.

    Raises:
        Problem: the body is refused, or the database does not take calls.
    """
    try:
        yield
    except BodyRefused as exc:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if exc.reason in _TOO_LARGE else HTTPStatus.BAD_REQUEST
        raise Problem(status, exc.reason.value, str(exc)) from exc
    except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
        # Whatever the database says no to, the caller's calls are good: it keeps them and comes again.
        lost = {"event": "calls_not_stored", "error": type(exc).__name__, "sqlstate": sqlkit.sqlstate(exc)}
        unexpected = not sqlkit.is_retryable(exc)
        _LOG.warning("calls were not stored: %s", type(exc).__name__, exc_info=unexpected, extra=lost)
        raise later("calls cannot be stored at this moment; send the same again") from exc


def store_counted(workspace: WorkspaceRef, calls: Sequence[Call]) -> Stored:
    """Store calls of one or several requests, commit, and count them.

    Raises:
        DatabaseUnavailable: or the driver's error.
    """
    stored = stored_durably(workspace, calls)
    for outcome, number in (("accepted", stored.accepted), ("repeated", stored.repeated)):
        if number:
            wired().counts.add("tamshy_ingest_calls_total", number, outcome=outcome)
    return stored


def stored_durably(workspace: WorkspaceRef, calls: Sequence[Call]) -> Stored:
    """Store calls and commit; a transaction that met another over the same people is run again.

    Raises:
        DatabaseUnavailable: or the driver's error, where that cannot help.
    """
    for left in reversed(range(MET_TRIES)):
        try:
            with wired().connection() as conn:
                return store(conn, workspace, calls)
        except sqlkit.Error as exc:
            if left == 0 or sqlkit.sqlstate(exc) not in MET:
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


def answer_to(read: Read) -> HttpResponse:
    """Answer a request whose good calls are stored.

    Raises:
        Problem: its only call was refused.
    """
    for refusal in read.reading.refusals:
        wired().counts.add("tamshy_ingest_calls_total", outcome="refused", reason=refusal.reason.value)
    return _answer(read)


def _answer(read: Read) -> HttpResponse:
    refusals = read.reading.refusals
    if not refusals:
        return HttpResponse(_DONE, content_type="application/json")
    if read.single:
        raise Problem(HTTPStatus.BAD_REQUEST, refusals[0].reason.value, refusals[0].text)
    rejected = [{"index": one.index, "reason": one.reason.value, "text": one.text} for one in refusals]
    return HttpResponse(orjson.dumps({"success": True, "rejected": rejected}), content_type="application/json")


def answered(request: Presenting, response: HttpResponse) -> HttpResponse:
    """Count an answer, and let pages of other hosts read it."""
    wired().counts.add("tamshy_ingest_requests_total", status=str(response.status_code))
    return allowed(request, response, METHODS)
