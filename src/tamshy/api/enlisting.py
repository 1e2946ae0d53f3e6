"""`POST /api/flows/NAME/enrollments`: a shop's own programs put somebody into a flow by hand."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.calls import raw_body
from tamshy.api.credentials import api_key
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.enlist import NoManualTrigger, SeveralPeople, Unknown, enlist
from tamshy.ingest import BodyRefused, Refused, cleaned, parse_body, unless_refused

if TYPE_CHECKING:
    from tamshy.accounts import Key

_KEYS: Final = ("profile", "event", "key")
_LONGEST: Final = 200


def enroll(request: HttpRequest, name: str) -> HttpResponse:
    """Send one person on the way into a flow."""
    if request.method != "POST":
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "somebody is enrolled by POST").response()
    try:
        return _enrolled(request, name, api_key(request))
    except Problem as problem:
        return problem.response()
    except (BodyRefused, Refused) as exc:
        return Problem(HTTPStatus.BAD_REQUEST, exc.reason.value, str(exc)).response()
    except Unknown as exc:
        return Problem(HTTPStatus.NOT_FOUND, "unknown", str(exc)).response()
    except NoManualTrigger as exc:
        return Problem(HTTPStatus.CONFLICT, "not_by_hand", str(exc)).response()
    except SeveralPeople as exc:
        return Problem(HTTPStatus.CONFLICT, "several_people", str(exc)).response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("nobody can be enrolled at this moment; send the same again").response()


def _enrolled(request: HttpRequest, flow: str, key: Key) -> HttpResponse:
    document = _document(request)
    who = _text(document, "profile")
    given = document.get("key")
    # Without a key of the caller's each request is another.
    once = secrets.token_hex(16) if given is None else f"api|{_text(document, 'key')}"
    event = document.get("event", {})
    if not isinstance(event, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_type", "`event` is an object: what `event.…` holds in the flow")
    if "\0" in flow:
        raise Unknown("there is no flow of this name; `GET /api/flows` lists those there are")
    with wired().connection() as conn:
        workspace = wired().workspaces.view(key.workspace).ref.name
        done = enlist(conn, workspace, flow, who, event, key=once, at=wired().now())
        conn.commit()
    body = orjson.dumps({"flow": done.flow, "profile": str(done.profile), "anew": done.anew})
    return HttpResponse(body, content_type="application/json", status=HTTPStatus.ACCEPTED)


def _document(request: HttpRequest) -> dict[str, object]:
    found = unless_refused(parse_body(raw_body(request), batch=False).items[0])
    if not isinstance(found, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "not_an_object", "the body is one JSON object")
    for name in found:
        if name not in _KEYS:
            raise Problem(
                HTTPStatus.BAD_REQUEST, "unknown_field", f"`{name}` is not known; there are {', '.join(_KEYS)}"
            )
    return cleaned(found)[0]


def _text(document: dict[str, object], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str) or not found.strip() or len(found) > _LONGEST or "\0" in found:
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_type", f"`{name}` is text of 1 to {_LONGEST} characters")
    return found
