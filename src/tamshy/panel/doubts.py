"""`/uncertain`: messages whose answer was lost and sending domains that are paused, and the forms that settle them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from tamshy import sqlkit
from tamshy.deliver import (
    BadCursor,
    PausedDomain,
    Settlement,
    Uncertain,
    in_doubt,
    paused_domains,
    place_of,
    resume_domain,
    settle,
)
from tamshy.deliver import uncertain as listed
from tamshy.panel import signing, words
from tamshy.panel.published import Unpublished, published
from tamshy.panel.signing import NotAllowed
from tamshy.panel.views import dressed, guarded, page
from tamshy.panel.wiring import wired

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.panel.published import Shop
    from tamshy.panel.signing import Session
    from tamshy.sqlkit import Connection

Values = dict[str, Any]

_A_PAGE: Final = 50
_AT_ONCE: Final = 500
_MOST_CHOSEN: Final = 200
_ENDS: Final = {
    "answer_lost": "Everything was said, and the answer did not come.",
    "owner_lost": "The process that handed it over is gone; how far it came is not known.",
    "sender_fault": "The program failed while it handed it over.",
}
_UNSEEN: Final = "Choose at least one message. Nothing was done."
_ODD: Final = "This form is not one of ours. Nothing was done."


@guarded
def uncertain(request: HttpRequest) -> HttpResponse:
    """What waits for a person's word: to everybody how much, with addresses to those who are signed in."""
    who = signing.session(request)
    setting = wired()
    try:
        after = place_of(request.GET.get("after", ""))
    except BadCursor:
        after = None
    with setting.connection() as conn:
        shop = _shop(conn, who)
        workspace = who.key.workspace if who else shop.workspace if shop else 0
        zone = shop.settings.timezone if shop else "UTC"
        values: Values = {
            "shop": shop,
            "who": who,
            "zone": zone,
            "count": in_doubt(conn, workspace),
            "domains": [_domain(one, zone) for one in paused_domains(conn, workspace)],
            "said": _said(request),
        }
        if who is not None:
            found = listed(conn, workspace, _A_PAGE + 1, after)
            values["items"] = [_item(one, zone, setting.now()) for one in found[:_A_PAGE]]
            values["following"] = found[_A_PAGE - 1].cursor if len(found) > _A_PAGE else ""
            values["later"] = after is not None
    return page(request, "uncertain", values)


def settled(request: HttpRequest) -> HttpResponse:
    """Take a person's word on the chosen messages, or on all."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        who = signing.allowed(request)
        did, chosen = _chosen(request)
        with wired().connection() as conn:
            count = _settle_all(conn, who, did) if chosen is None else _settle(conn, who, did, chosen)
    except NotAllowed as exc:
        return signing.refused(request, str(exc))
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return signing.away(request)
    return _back({"did": did.value, "count": count})


def resumed(request: HttpRequest) -> HttpResponse:
    """Go on with a sending domain."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        who = signing.allowed(request)
        domain = request.POST.get("domain", "")[:300]
        with wired().connection() as conn:
            done = resume_domain(conn, who.key.workspace, domain, who.said_by, wired().now())
            conn.commit()
    except NotAllowed as exc:
        return signing.refused(request, str(exc))
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return signing.away(request)
    return _back({"did": "resumed", "count": int(done)})


def _chosen(request: HttpRequest) -> tuple[Settlement, list[UUID] | None]:
    """Read what is to become of which messages; None: of all."""
    try:
        did = Settlement(request.POST.get("did", ""))
        chosen = [UUID(text) for text in request.POST.getlist("message")]
    except ValueError as exc:
        raise NotAllowed(_ODD) from exc
    if request.POST.get("all") == "yes":
        return did, None
    if not chosen:
        raise NotAllowed(_UNSEEN)
    if len(chosen) > _MOST_CHOSEN:
        raise NotAllowed(_ODD)
    return did, chosen


def _settle(conn: Connection, who: Session, did: Settlement, chosen: list[UUID]) -> int:
    found = settle(conn, who.key.workspace, chosen, did, who.said_by, wired().now())
    conn.commit()
    return sum(word.anew for word in found.values())


def _settle_all(conn: Connection, who: Session, did: Settlement) -> int:
    total, after = 0, None
    while some := listed(conn, who.key.workspace, _AT_ONCE, after):
        after = some[-1].place
        total += _settle(conn, who, did, [one.message for one in some])
    return total


def _shop(conn: Connection, who: Session | None) -> Shop | None:
    try:
        shop = published(conn)
    except Unpublished:
        return None
    return shop if who is None or who.key.workspace == shop.workspace else None


def _said(request: HttpRequest) -> str:
    """What the form before has done, in words; nothing of it comes from the address but a word and a number."""
    text = request.GET.get("count", "")
    count = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0  # noqa: PLR2004 - a number's length
    messages = "1 message" if count == 1 else f"{count} messages"
    match request.GET.get("did"):
        case "sent":
            return f"{messages} marked as sent."
        case "resend":
            return f"{messages} on the way again, with the same Message-ID."
        case "resumed":
            return "The sending domain goes on." if count else "That domain was not paused."
    return ""


def _item(one: Uncertain, zone: str, now: datetime) -> Values:
    late = one.expires_at is not None and one.expires_at < now
    return {
        "id": str(one.message),
        "to": one.address or "",
        "person": f"/people/{one.bucket}/{one.profile}",
        "mail": f"/mails/{one.bucket}/{one.profile}/{one.message}",
        "subject": one.subject or one.name,
        "flow": one.flow,
        "step": one.step,
        "kind": one.kind,
        "begun": _exact(one.begun_at, zone) if one.begun_at else "not known",
        "since": _exact(one.since, zone),
        "ended": _ENDS.get(one.reason, one.reason.replace("_", " ")),
        "reply": one.reply or "",
        "connection": one.link or "",
        "owner": one.owner or "",
        "attempts": one.attempts,
        "late": late,
        "expires": words.day_and_time(one.expires_at, zone) if one.expires_at else "",
    }


def _domain(one: PausedDomain, zone: str) -> Values:
    return {"name": one.domain, "since": words.day_and_time(one.paused_at, zone), "reply": one.reply}


def _exact(moment: datetime, zone: str) -> str:
    """To the second, as a mail server's log has it."""
    return f"{words.day_and_time(moment, zone)}:{moment:%S}"


def _back(said: dict[str, object]) -> HttpResponse:
    response = redirect(f"/uncertain?{urlencode(said)}")
    response.status_code = HTTPStatus.SEE_OTHER
    return dressed(response)
