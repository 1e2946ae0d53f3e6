"""`/api/report` and `/api/report/FLOW`: what flows have brought, with intervals."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from django.http import HttpResponse

from tamshy import sqlkit
from tamshy.api.credentials import api_key
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.report import as_data
from tamshy.report import report as reported

if TYPE_CHECKING:
    from django.http import HttpRequest


def report(request: HttpRequest, name: str = "") -> HttpResponse:
    """Report on one flow, or on all that take people."""
    if request.method != "GET":
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "a report is asked for by GET").response()
    try:
        key = api_key(request)
        workspace = wired().workspaces.view(key.workspace).ref.name
        with wired().connection() as conn:
            flows = reported(conn, workspace, now=wired().now(), flow=name)
    except Problem as problem:
        return problem.response()
    except LookupError as exc:
        return Problem(HTTPStatus.NOT_FOUND, "unknown_flow", str(exc)).response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("this cannot be told at this moment; ask again").response()
    body = orjson.dumps({"flows": [as_data(flow) for flow in flows]})
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response
