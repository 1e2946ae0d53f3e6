"""The demo's storefront: a page for a person to shop in. Its pages speak Segment's protocol, as any shop's would."""

from __future__ import annotations

import http.client
import re
import threading
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from tamshy.panel.shop_words import WORDS
from tamshy.panel.storefront import PRODUCTS, Product
from tamshy.panel.views import guarded
from tamshy.panel.wiring import Storefront, wired

_VISITOR: Final = re.compile(r"visitor-[0-9a-f]{12}")
_TOPICS: Final = ("offers", "news")
_LONGEST: Final = 2000
_TIMEOUT_S: Final = 10.0
_JOINING: Final = threading.BoundedSemaphore(4)
"""Each asks this very server: if they had all of its threads, none would be left to answer them, nor anybody else."""


def _storefront() -> Storefront:
    found = wired().storefront
    if found is None:
        raise Http404("There is a storefront in the demo alone: `tamshy demo`.")
    return found


def _language(request: HttpRequest) -> str:
    asked = request.GET.get("lang") or request.COOKIES.get("shop_lang") or "en"
    return asked if asked in WORDS else "en"


def _money(amount: int) -> str:
    return f"{amount:,} ₸".replace(",", "\u00a0")


def _page(request: HttpRequest, template: str, title: str, **values: object) -> HttpResponse:
    storefront, language = _storefront(), _language(request)
    words = WORDS[language]
    shelf = {product.id: product.properties(language, storefront.base_url) for product in PRODUCTS}
    known = {
        "writeKey": storefront.write_key,
        "locale": language,
        "base": storefront.base_url,
        "shelf": shelf,
        "words": words,
    }
    around = {"language": language, "languages": tuple(WORDS), "words": words, "known": known, "title": title}
    response = render(request, f"shop/{template}.html", {**around, **values})
    response.set_cookie("shop_lang", language, max_age=86400 * 30, samesite="Lax")
    return response


def _card(product: Product, language: str) -> dict[str, object]:
    return {
        "id": product.id,
        "name": product.name(language),
        "says": product.line(language),
        "price": _money(product.price),
    }


@guarded
def shelf(request: HttpRequest, rest: str = "") -> HttpResponse:  # noqa: ARG001 - any other page leads to the shelf
    """Everything there is; also what an address leads to that means nothing (any more)."""
    language = _language(request)
    return _page(request, "shelf", "Qumyra", products=[_card(product, language) for product in PRODUCTS])


@guarded
def product(request: HttpRequest, name: str) -> HttpResponse:
    """One thing."""
    found = next((one for one in PRODUCTS if one.id == name), None)
    if found is None:
        return shelf(request, name)
    card = _card(found, _language(request))
    return _page(request, "product", str(card["name"]), product=card)


@guarded
def checkout(request: HttpRequest, cart: str = "") -> HttpResponse:
    """The basket and the way to an order; a link of a mail names the basket."""
    return _page(request, "checkout", WORDS[_language(request)]["basket"], cart=cart[:100])


@guarded
def picture(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """A picture of a thing, where a shop's mails expect it."""
    return redirect(f"/static/shop/{name}.png", permanent=True)


@require_POST
def join(request: HttpRequest) -> HttpResponse:
    """The shop's back end: records the consent that a visitor ticked, by the consent API, as a write key cannot."""
    storefront = _storefront()
    # A page of another site must not consent in a visitor's name; browsers say where a request comes from.
    if request.headers.get("Sec-Fetch-Site") not in {"same-origin", None} or len(request.body) > _LONGEST:
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    try:
        asked = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    visitor = asked.get("user_id") if isinstance(asked, dict) else None
    topics = asked.get("topics") if isinstance(asked, dict) else None
    if not isinstance(visitor, str) or _VISITOR.fullmatch(visitor) is None or not isinstance(topics, list):
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    if not _JOINING.acquire(blocking=False):
        return HttpResponse(status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "1"})
    try:
        answers = [_consent(storefront, visitor, topic) for topic in _TOPICS if topic in topics]
    finally:
        _JOINING.release()
    good = all(answer == HTTPStatus.OK for answer in answers)
    return HttpResponse(status=HTTPStatus.NO_CONTENT if good else HTTPStatus.BAD_GATEWAY)


def _consent(storefront: Storefront, visitor: str, topic: str) -> int:
    parts = urlsplit(storefront.base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT_S)
    body = orjson.dumps({"topic": topic, "consent": "granted", "wording": "The box under the form was ticked."})
    headers = {"Authorization": f"Bearer {storefront.api_key}", "Content-Type": "application/json"}
    try:
        connection.request("PUT", f"/api/profiles/{visitor}/consent", body, headers)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return HTTPStatus.BAD_GATEWAY
    else:
        return answer.status
    finally:
        connection.close()
