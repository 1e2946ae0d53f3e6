"""`PUT /api/products`: a shop's own programs tell what it sells, many products at once."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.calls import raw_body
from tamshy.api.credentials import api_key
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.commerce import FOUNDING, Word, tell
from tamshy.ingest import BodyRefused, Refused, cleaned, moment, parse_body, unpacked
from tamshy.language.products import ProductFault, read_product

if TYPE_CHECKING:
    from datetime import datetime

MOST: Final = 2500
"""Products that one request may tell of."""


def put_products(request: HttpRequest) -> HttpResponse:
    """Take in what is told of products: the good ones are kept, and each bad one is answered by its place."""
    if request.method != "PUT":
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "products are told by PUT").response()
    try:
        key = api_key(request)
        view = wired().workspaces.view(key.workspace)
        told = _told(request)
        now = wired().now()
        words, refused = _words(told, now, view.ref.zone)
        with wired().connection() as conn:
            tell(conn, view.ref.id, words, now, FOUNDING)
            conn.commit()
    except Problem as problem:
        return problem.response()
    except BodyRefused as exc:
        return Problem(HTTPStatus.BAD_REQUEST, exc.reason.value, str(exc)).response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("products cannot be taken in at this moment; send the same again").response()
    body = json.dumps({"taken": len(words), "refused": refused}, ensure_ascii=False)
    return HttpResponse(body, content_type="application/json")


def _told(request: HttpRequest) -> list[object]:
    raw = unpacked(raw_body(request)).strip()
    if raw.startswith(b"["):
        raw = b'{"products":' + raw + b"}"
    document = parse_body(raw, batch=False).items[0]
    if isinstance(document, Refused):
        raise Problem(HTTPStatus.BAD_REQUEST, document.reason.value, str(document))
    found = document.get("products") if isinstance(document, dict) else None
    if isinstance(document, dict) and "sku" in document and found is None:
        found = [document]
    if not isinstance(found, list) or (
        isinstance(document, dict) and "sku" not in document and set(document) != {"products"}
    ):
        text = (
            'the body is a list of products such as {"sku": "a1", "price": 120}, or {"products": […]} and nothing else'
        )
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_type", text)
    if len(found) > MOST:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "too_many", f"a request tells of at most {MOST} products, not of {len(found)}"
        )
    return found


def _words(told: list[object], now: datetime, zone: str) -> tuple[list[Word], list[dict[str, object]]]:
    """The good ones, and what is wrong with the others.

    Raises:
        Problem: none is good.
    """
    words: list[Word] = []
    refused: list[dict[str, object]] = []
    for place, one in enumerate(told):
        try:
            words.append(_word(one, now, zone))
        except (ProductFault, Refused) as exc:
            field = exc.field if isinstance(exc, ProductFault) else ""
            refused.append({"index": place, "field": field or None, "detail": str(exc)})
    if told and not words:
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_product", f"product 0: {refused[0]['detail']}")
    return words, refused


def _word(one: object, now: datetime, zone: str) -> Word:
    if not isinstance(one, dict):
        raise ProductFault("", "a product is one JSON object")
    values, _ = cleaned(one)
    at = values.pop("timestamp", None)
    return Word(read_product(values), now if at is None else min(now, moment(at, zone, "timestamp")))
