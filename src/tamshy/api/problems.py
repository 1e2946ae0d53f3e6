"""Errors as `application/problem+json` (RFC 9457): a reason for machines, a sentence for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from django.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Problem(Exception):
    """An answer other than the one asked for; a view may raise it anywhere."""

    def __init__(
        self,
        status: HTTPStatus,
        reason: str,
        detail: str,
        *,
        retry_after: int | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.more = dict(more or {})

    def response(self) -> HttpResponse:
        """Give the answer."""
        body = {
            "type": f"urn:tamshy:problem:{self.reason}",
            "title": self.status.phrase,
            "status": self.status.value,
            "reason": self.reason,
            "detail": self.detail,
            **self.more,
        }
        response = HttpResponse(orjson.dumps(body), status=self.status, content_type="application/problem+json")
        response["Cache-Control"] = "no-store"
        if self.retry_after is not None:
            response["Retry-After"] = str(self.retry_after)
        if self.status is HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = 'Basic realm="tamshy"'
        return response


def later(detail: str, *, seconds: int = 2) -> Problem:
    """Say that the same request may succeed in a while: clients keep it and come again."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, retry_after=seconds)
