"""`/api/uncertain` and `/api/domains`: what delivery waits for a person's word for, listed and settled."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.credentials import api_key
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.deliver import (
    BadCursor,
    Settlement,
    Uncertain,
    paused_domains,
    place_of,
    resume_domain,
    settle,
    uncertain,
)

if TYPE_CHECKING:
    from tamshy.accounts import Key
    from tamshy.deliver.uncertain import Place

_MOST: Final = 200
_USUAL: Final = 50
_MAY_SETTLE: Final = "admin"


def list_uncertain(request: HttpRequest) -> HttpResponse:
    """List the messages whose answer was lost, oldest first, a page at a time."""
    try:
        key = _reader(request)
        limit, after = _limit(request), _place(request.GET.get("cursor", ""))
        with wired().connection() as conn:
            found = uncertain(conn, key.workspace, limit + 1, after)
    except Problem as problem:
        return problem.response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("the list cannot be read at this moment; ask again").response()
    page = found[:limit]
    following = page[-1].cursor if len(found) > limit else None
    return _answer({"items": [_item(one) for one in page], "next": following})


def settle_one(request: HttpRequest, message: str, did: str) -> HttpResponse:
    """Say what became of one message: `sent`, or that it is to be sent again."""
    try:
        key = _settler(request)
        id_ = _id(message)
        with wired().connection() as conn:
            found = settle(conn, key.workspace, [id_], Settlement(did), said_by(key), wired().now())
            conn.commit()
    except Problem as problem:
        return problem.response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("this cannot be settled at this moment; send the same again").response()
    if id_ not in found:
        detail = "no message with this id is uncertain, or was; `GET /api/uncertain` lists those that are"
        return Problem(HTTPStatus.NOT_FOUND, "not_uncertain", detail).response()
    word = found[id_]
    return _answer({"id": id_, "did": word.did.value, "by": word.by, "at": word.at, "anew": word.anew})


def list_domains(request: HttpRequest) -> HttpResponse:
    """List the sending domains that are paused."""
    try:
        key = _reader(request)
        with wired().connection() as conn:
            found = paused_domains(conn, key.workspace)
    except Problem as problem:
        return problem.response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("the list cannot be read at this moment; ask again").response()
    return _answer(
        {
            "items": [
                {"domain": one.domain, "paused_at": one.paused_at, "reply": one.reply, "message": one.message}
                for one in found
            ]
        }
    )


def resume_one(request: HttpRequest, domain: str) -> HttpResponse:
    """Go on with a sending domain; saying it again changes nothing."""
    try:
        key = _settler(request)
        with wired().connection() as conn:
            done = resume_domain(conn, key.workspace, domain, said_by(key), wired().now())
            conn.commit()
    except Problem as problem:
        return problem.response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("this cannot be done at this moment; send the same again").response()
    return _answer({"domain": domain, "resumed": done})


def said_by(key: Key) -> str:
    """Name a key as the one who said something."""
    return f"{key.name} (key {key.id})" if key.name else f"key {key.id}"


def _reader(request: HttpRequest) -> Key:
    if request.method not in {"GET", "HEAD"}:
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "the list is read by GET")
    return api_key(request)


def _settler(request: HttpRequest) -> Key:
    if request.method != "POST":
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "a person's word is sent by POST")
    key = api_key(request)
    if key.role != _MAY_SETTLE:
        detail = (
            f"this key has the role `{key.role}`, which may look and not act; use one with the role `{_MAY_SETTLE}`"
        )
        raise Problem(HTTPStatus.FORBIDDEN, "role", detail)
    return key


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_id", "the id of a message looks like a UUID") from exc


def _limit(request: HttpRequest) -> int:
    text = request.GET.get("limit", str(_USUAL))
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:4]) <= _MOST:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_limit", f"`limit` is a number from 1 to {_MOST}")
    return int(text[:4])


def _place(cursor: str) -> Place | None:
    try:
        return place_of(cursor)
    except BadCursor as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_cursor", "`cursor` is what `next` said on the page before") from exc


def _item(one: Uncertain) -> dict[str, object]:
    return {
        "id": one.message,
        "to": one.address,
        "message": one.name,
        "flow": one.flow,
        "step": one.step,
        "kind": one.kind,
        "subject": one.subject,
        "message_id": one.message.hex,
        "queued_at": one.queued_at,
        "begun_at": one.begun_at,
        "since": one.since,
        "expires_at": one.expires_at,
        "attempts": one.attempts,
        "reason": one.reason,
        "reply": one.reply,
        "owner": one.owner,
        "connection": one.link,
    }


def _answer(value: dict[str, object]) -> HttpResponse:
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response
