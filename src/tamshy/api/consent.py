"""`PUT /api/profiles/ID/consent`: a shop's own programs record consent, with its evidence."""

from __future__ import annotations

import difflib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from tamshy import sqlkit
from tamshy.api.calls import raw_body, stored_durably
from tamshy.api.credentials import api_key
from tamshy.api.problems import Problem, later
from tamshy.api.wiring import wired
from tamshy.domain.call import Call, CallKind
from tamshy.domain.identity import ANONYMOUS, USER
from tamshy.ingest import BodyRefused, Refused, cleaned, moment, parse_body, unless_refused

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.accounts import Key
    from tamshy.api.workspaces import WorkspaceView

_Q: Final = sqlkit.queries(__package__)
_SAID_BY: Final = ("consent", "status", "state", "did", "granted", "withdrawn")
"""The fields that may say it: by a word, or `granted` and `withdrawn` by true or false."""
_TIMES: Final = ("time", "timestamp", "at", "occurred_at")
_KEYS: Final = ("topic", *_SAID_BY, *_TIMES, "wording", "proof")
_WORDS: Final = {"granted": True, "withdrawn": False, "subscribed": True, "unsubscribed": False}
_LONGEST_ID: Final = 200


def record_consent(request: HttpRequest, profile: str) -> HttpResponse:
    """Record that a person granted or withdrew consent to a topic."""
    if request.method != "PUT":
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "consent is recorded by PUT").response()
    try:
        key = api_key(request)
        view = wired().workspaces.view(key.workspace)
        call = _call(profile, _document(request), key, view)
        stored_durably(view.ref, [call])
    except Problem as problem:
        return problem.response()
    except BodyRefused as exc:
        return Problem(HTTPStatus.BAD_REQUEST, exc.reason.value, str(exc)).response()
    except Refused as exc:
        return Problem(HTTPStatus.BAD_REQUEST, exc.reason.value, str(exc)).response()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return later("consent cannot be recorded at this moment; send the same again").response()
    return HttpResponse(b'{"success":true}', content_type="application/json")


def _document(request: HttpRequest) -> dict[str, object]:
    found = unless_refused(parse_body(raw_body(request), batch=False).items[0])
    if not isinstance(found, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "not_an_object", "the body is one JSON object")
    for name in found:
        if name not in _KEYS:
            raise Problem(HTTPStatus.BAD_REQUEST, "unknown_field", f"`{name}` is not known{_did_you_mean(name, _KEYS)}")
    return cleaned(found)[0]


def _call(profile: str, document: dict[str, object], key: Key, view: WorkspaceView) -> Call:
    now = wired().now()
    topic = document.get("topic")
    if not isinstance(topic, str) or topic not in view.topics:
        known = sorted(view.topics)
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "unknown_topic",
            f"`topic` is one of {', '.join(known) or 'none: no topic is published yet'}{_did_you_mean(topic, known)}",
        )
    granted = _granted(document)
    time = next((document[name] for name in _TIMES if document.get(name) is not None), None)
    own = now if time is None else min(now, moment(time, view.ref.zone, "time"))
    word = "granted" if granted else "withdrawn"
    user, anonymous = _named(profile, view)
    evidence = {name: document[name] for name in ("wording", "proof") if document.get(name) is not None}
    return Call(
        kind=CallKind.CONSENT,
        occurred_at=_milliseconds(own),
        received_at=now,
        # The same consent at the same time, sent again, is the same; without a time it is said anew.
        key=None if time is None else f"{key.id}|consent|{profile}|{topic}|{word}|{own.isoformat()}",
        user_id=user,
        anonymous_id=anonymous,
        properties={
            "topic": topic,
            "granted": granted,
            "source": "api",
            "evidence": {**evidence, "key": str(key.id)},
        },
        origin=1,
    )


def _granted(document: dict[str, object]) -> bool:
    """Read whether consent is granted; exactly one field says it."""
    said = [name for name in _SAID_BY if document.get(name) is not None]
    if len(said) == 1:
        word = document[said[0]]
        if isinstance(word, str) and word in _WORDS and said[0] not in {"granted", "withdrawn"}:
            return _WORDS[word]
        if isinstance(word, bool) and said[0] in {"granted", "withdrawn"}:
            return word is (said[0] == "granted")
    raise Problem(HTTPStatus.BAD_REQUEST, "wrong_type", "`consent` is `granted` or `withdrawn`")


def _named(profile: str, view: WorkspaceView) -> tuple[str | None, str | None]:
    """Find whom the path means: a profile by its own id, else the user with that id."""
    if not profile.strip() or len(profile) > _LONGEST_ID or "\0" in profile:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_id", f"an id has 1 to {_LONGEST_ID} characters")
    try:
        own_id = UUID(profile)
    except ValueError:
        return profile, None
    parameters = {"bucket": view.ref.bucket(own_id), "profile": own_id, "workspace": view.ref.id}
    with wired().connection() as conn:
        names = conn.execute(_Q["names_of"], parameters).fetchall()
    for kind, value in names:
        if kind == USER:
            return value, None
        if kind == ANONYMOUS:
            return None, value
    return profile, None


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _did_you_mean(word: object, known: list[str] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, 1) if isinstance(word, str) else []
    return f" (did you mean `{close[0]}`?)" if close else ""
