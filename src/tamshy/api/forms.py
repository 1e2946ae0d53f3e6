"""`POST /forms/sign-up`: what a visitor agrees to in a form of a shop's page.

The write key says which shop it is, and grants nothing: what counts is what the form can show, and where the address is somebody
else's, or the topic asks for it, only its owner's word by mail counts (ADR 97). The answer is the same whether an address is
known or not.
"""

from __future__ import annotations

import logging
import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.calls import MET_TRIES, problems, raw_body
from tamshy.api.credentials import write_key
from tamshy.api.crossing import allowed, preflight
from tamshy.api.problems import Problem
from tamshy.api.sharing import MET
from tamshy.api.wiring import wired
from tamshy.domain.address import valid_address
from tamshy.domain.place import seen_from
from tamshy.domain.token import Purpose, Subject
from tamshy.forms import Browser, Outcome, SignUp, take
from tamshy.ingest import Refused, cleaned, parse_body, unless_refused
from tamshy.ingest.moments import moment_or_none, occurred
from tamshy.track.hits import printable

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.accounts import Key
    from tamshy.api.workspaces import WorkspaceView
    from tamshy.language.model import Topic

_LOG = logging.getLogger("tamshy.api")
_METHODS: Final = "POST, OPTIONS"
_KNOWN: Final = frozenset(
    {"messageId", "timestamp", "sentAt", "writeKey", "anonymousId", "email", "topics", "wording", "form"}
    | {"traits", "context"}
)
_KEPT_CONTEXT: Final = ("page", "campaign", "locale", "timezone", "referrer")
_LONGEST_ID: Final = 200
_LONGEST_WORDING: Final = 2000
_LONGEST_FORM: Final = 100
_LONGEST_TRAIT: Final = 500
_MOST_TRAITS: Final = 20
_LARGEST: Final = 32 * 1024
_TRAIT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
# Whose an address is and what is known of them says the shop; a stranger's form does not.
_NO_TRAITS: Final = frozenset({"email", "id", "created_at", "createdAt", "source", "last_source"})


def take_sign_up(request: HttpRequest) -> HttpResponse:
    """Take what a form says."""
    if request.method == "OPTIONS":
        return preflight(request, _METHODS)
    try:
        response = _taken(request)
    except Problem as problem:
        response = problem.response()
        wired().counts.add("tamshy_sign_ups_total", outcome=problem.reason)
    except Refused as exc:
        response = Problem(HTTPStatus.BAD_REQUEST, exc.reason.value, str(exc)).response()
        wired().counts.add("tamshy_sign_ups_total", outcome=exc.reason.value)
    return allowed(request, response, _METHODS)


def _taken(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "sign-ups are sent by POST")
    wiring = wired()
    with problems():
        body = parse_body(raw_body(request), batch=False)
        key = write_key(request, body.write_key)
        view = wiring.workspaces.view(key.workspace)
    item = unless_refused(body.items[0])
    if not isinstance(item, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "not_an_object", "the body is one JSON object")
    document, text = cleaned(item)
    if len(text) > _LARGEST:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"a sign-up has at most {_LARGEST} bytes")
    browser = Browser(
        seen_from(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")),
        printable(request.headers.get("User-Agent", "")),
    )
    topics = _topics(document, view)
    sign_up = _sign_up(document, topics, browser, key, view)
    double = any(topic.double_opt_in for topic in topics)
    if double and not view.asks:
        raise Problem(
            HTTPStatus.CONFLICT,
            "no_confirmation",
            "the topic asks for a confirmation by mail, and no flow is triggered by `Subscription Requested`",
        )
    # Counted last: what is wrong costs nobody anything and is said at once.
    wait = wiring.pace.wait_s(browser.address)
    if wait > 0:
        detail = "too many sign-ups from this place; try again later"
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_often", detail, retry_after=math.ceil(wait))
    with problems():
        outcome = _stored(view, sign_up, ask_first=double)
    wiring.counts.add("tamshy_sign_ups_total", outcome=outcome.value)
    return HttpResponse(orjson.dumps({"success": True, "confirm": double}), content_type="application/json")


def _stored(view: WorkspaceView, sign_up: SignUp, *, ask_first: bool) -> Outcome:
    """Take a sign-up and commit; a transaction that met another over the same people is run again."""

    def link(bucket: int, profile: UUID, request: UUID) -> str:
        token = wired().signer.token(Purpose.CONFIRM, Subject(view.ref.id, bucket, profile, request))
        return f"{wired().links_base}/confirm/{token}"

    for left in reversed(range(MET_TRIES)):
        try:
            with wired().connection() as conn:
                return take(conn, view.ref, sign_up, ask_first=ask_first, make_link=link)
        except sqlkit.Error as exc:
            if left == 0 or sqlkit.sqlstate(exc) not in MET:
                raise
    raise AssertionError("the last try returns or raises")


def _sign_up(
    document: dict[str, object], topics: list[Topic], browser: Browser, key: Key, view: WorkspaceView
) -> SignUp:
    for name in document:
        if name not in _KNOWN:
            raise Problem(HTTPStatus.BAD_REQUEST, "unknown_field", f"`{name:.60}` is no field of a sign-up")
    address = valid_address(document.get("email"))
    if address is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_address", "`email` is no address that mail can be sent to")
    now = wired().now()
    zone = view.ref.zone
    at = occurred(moment_or_none(document.get("timestamp"), zone), moment_or_none(document.get("sentAt"), zone), now)
    message_id = _text(document, "messageId", _LONGEST_ID)
    return SignUp(
        address=address,
        topics=tuple(topic.name for topic in topics),
        titles=tuple(topic.title for topic in topics),
        wording=_text(document, "wording", _LONGEST_WORDING),
        form=_text(document, "form", _LONGEST_FORM),
        at=at,
        received_at=now,
        key=f"{key.id}|form|{message_id}",
        browser=browser,
        said_by=str(key.id),
        device=_text(document, "anonymousId", _LONGEST_ID) if document.get("anonymousId") is not None else None,
        traits=_traits(document.get("traits")),
        context=_context(document.get("context")),
    )


def _topics(document: dict[str, object], view: WorkspaceView) -> list[Topic]:
    """Read the topics, in the shop's own order."""
    asked = document.get("topics")
    if not isinstance(asked, list) or not asked or not all(isinstance(topic, str) for topic in asked):
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_type", '`topics` is a list of topics, such as ["offers"]')
    known = {topic.name: topic for topic in view.settings.topics}
    for name in asked:
        if name not in known:
            there = ", ".join(known) or "none: no topic is published yet"
            raise Problem(HTTPStatus.BAD_REQUEST, "unknown_topic", f"`{name:.60}` is no topic; there are: {there}")
    return [topic for name, topic in known.items() if name in asked]


def _text(document: dict[str, object], name: str, longest: int) -> str:
    found = document.get(name)
    if not isinstance(found, str) or not found.strip():
        raise Problem(HTTPStatus.BAD_REQUEST, "missing", f"`{name}` is missing: a text of 1 to {longest} characters")
    if len(found) > longest:
        raise Problem(HTTPStatus.BAD_REQUEST, "too_long", f"`{name}` has more than {longest} characters")
    return found.strip()


def _traits(given: object) -> dict[str, object]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > _MOST_TRAITS:
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_type", f"`traits` is an object of at most {_MOST_TRAITS} values")
    for name, value in given.items():
        if not _TRAIT.fullmatch(name) or name in _NO_TRAITS:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_trait", f"a form cannot set `{name:.60}`")
        plain = isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _LONGEST_TRAIT)
        if not plain:
            detail = f"`traits.{name}` is a number, true or false, or a text of at most {_LONGEST_TRAIT} characters"
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_trait", detail)
    return given


def _context(given: object) -> dict[str, object]:
    """Keep what says where the visitor came from; the rest of a page's context belongs to its other calls."""
    if not isinstance(given, dict):
        return {}
    return {name: given[name] for name in _KEPT_CONTEXT if given.get(name)}
