"""`/api/flows`: which flows there are and how they stand; pausing and resuming them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import publish, sqlkit
from tamshy.api.calls import raw_body
from tamshy.api.credentials import api_key
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.ingest import BodyRefused
from tamshy.publish import Overdue
from tamshy.publish.outlook import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.sqlkit import Connection

_CHOICES: Final = ", ".join(f"`{choice}`" for choice in Overdue)


def flows(request: HttpRequest) -> HttpResponse:
    """List the flows of the key's workspace, each with who is overdue in it."""

    def listed(conn: Connection, workspace: str) -> object:
        now = wired().now()
        names = publish.flow_names(conn, workspace)
        return {"flows": [told(publish.outlook(conn, workspace, name, at=now)) for name in names]}

    return _answer(request, "GET", listed)


def flow(request: HttpRequest, name: str) -> HttpResponse:
    """Tell how one flow stands, and what each choice of resuming it would do."""

    def stands(conn: Connection, workspace: str) -> object:
        return told(publish.outlook(conn, workspace, _known(name), at=wired().now()))

    return _answer(request, "GET", stands)


def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Let a flow stand still."""

    def paused(conn: Connection, workspace: str) -> object:
        done = publish.pause(conn, workspace, _known(name), at=wired().now())
        return {"flow": name, "paused": True, "changed": done}

    return _answer(request, "POST", paused)


def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let a flow go on, and tell for how many people something was due."""

    def resumed(conn: Connection, workspace: str) -> object:
        overdue = _overdue(request)
        people = publish.resume(conn, workspace, _known(name), at=wired().now(), overdue=overdue)
        return {"flow": name, "paused": False, "overdue": people, "treated": overdue or "expires"}

    return _answer(request, "POST", resumed)


def _answer(request: HttpRequest, method: str, act: Callable[[Connection, str], object]) -> HttpResponse:
    if request.method != method:
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", f"this is asked by {method}").response()
    try:
        key = api_key(request)
        name = wired().workspaces.view(key.workspace).ref.name
        with wired().connection() as conn:
            body = orjson.dumps(act(conn, name))
    except Problem as problem:
        return problem.response()
    except BodyRefused as exc:
        return Problem(HTTPStatus.BAD_REQUEST, exc.reason.value, str(exc)).response()
    except LookupError as exc:
        return Problem(HTTPStatus.NOT_FOUND, "unknown_flow", str(exc)).response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("this cannot be done at this moment; ask again").response()
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


def _known(name: str) -> str:
    """Give a name that the database can be asked for."""
    if "\0" in name:
        # No text of PostgreSQL holds U+0000; asked for, it would say no, and we "later".
        raise LookupError("there is no flow of this name; `GET /api/flows` lists those there are")
    return name


def _overdue(request: HttpRequest) -> Overdue | None:
    """Read the choice of a body; an empty body leaves it to `expires`."""
    body = raw_body(request)
    if not body.strip():
        return None
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid_json", f"this is not JSON: {exc}") from exc
    if not isinstance(found, dict) or found.keys() - {"overdue"}:
        raise Problem(HTTPStatus.BAD_REQUEST, "unknown_field", 'the body is {"overdue": …} or nothing')
    choice = found.get("overdue")
    if choice is None:
        return None
    if not isinstance(choice, str) or choice not in set(Overdue):
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_choice", f"`overdue` is one of {_CHOICES}, or absent")
    return Overdue(choice)
