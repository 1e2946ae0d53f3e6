"""Contact exports of other providers: known by their header, and what their columns say of consent.

Mailchimp's and Klaviyo's columns are as their users' files have them, UniSender's as its API documents them. GetResponse's
and SendSay's are as their APIs spell the same fields: no file of theirs was at hand.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GRANTED, WITHDRAWN = "granted", "withdrawn"


@dataclass(frozen=True, slots=True)
class Said:
    """What an export says of one contact.

    ``status``: granted, withdrawn, or empty where it says neither; ``at`` and ``ip`` of that, as written; ``source``: how
    it came about. ``suppressed``: the reason, where nothing may be written to the address. ``changed``: when it was last so.
    """

    status: str = ""
    at: str = ""
    ip: str = ""
    source: str = ""
    suppressed: str = ""
    word: str = ""
    """The provider's own word for it."""
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An export: all columns of one of `marks` are there; `columns` to paths (empty: left out); how a row is read."""

    name: str
    marks: tuple[frozenset[str], ...]
    columns: Mapping[str, str]
    read: Callable[[Mapping[str, str]], Said]
    lists: frozenset[str] = frozenset()
    """Paths whose cells are lists with commas."""

    def knows(self, header: Sequence[str]) -> bool:
        """Whether a header is this export's."""
        there = frozenset(header)
        return any(mark <= there for mark in self.marks)


def _mailchimp(row: Mapping[str, str]) -> Said:
    changed = row.get("LAST_CHANGED", "")
    if row.get("CLEAN_TIME"):
        return Said(at=row["CLEAN_TIME"], suppressed="hard_bounce", word="cleaned", changed=changed)
    if row.get("UNSUB_TIME"):
        return Said(
            WITHDRAWN, row["UNSUB_TIME"], source=row.get("UNSUB_REASON", ""), word="unsubscribed", changed=changed
        )
    for step in ("CONFIRM", "OPTIN"):
        if row.get(f"{step}_TIME") and row.get(f"{step}_IP"):
            word = "confirmed" if step == "CONFIRM" else "opted in"
            return Said(GRANTED, row[f"{step}_TIME"], row[f"{step}_IP"], word=word, changed=changed)
    return Said(GRANTED, word="subscribed", changed=changed)


def _klaviyo(row: Mapping[str, str]) -> Said:
    status, at = row.get("Email Marketing Consent", "").upper(), row.get("Email Marketing Consent Timestamp", "")
    stopped = row.get("Email Suppressions", "").upper()
    if "BOUNCE" in stopped or "INVALID" in stopped:
        return Said(suppressed="hard_bounce", word=stopped)
    if "SPAM" in stopped:
        return Said(suppressed="complaint", word=stopped)
    if status == "UNSUBSCRIBED" or "UNSUBSCRIBE" in stopped:
        return Said(WITHDRAWN, at, word=status or stopped)
    if stopped not in {"", "[]", "FALSE", "NONE"}:
        return Said(suppressed="manual", word=stopped)
    if status == "SUBSCRIBED":
        return Said(GRANTED, at, row.get("IP Address", ""), row.get("Source", ""), word=status)
    return Said(word=status)


def _unisender(row: Mapping[str, str]) -> Said:
    status, reach = row.get("email_status", "").lower(), row.get("email_availability", "").lower()
    if status == "unsubscribed":
        return Said(WITHDRAWN, word=status)
    if status == "blocked":
        return Said(suppressed="manual", word=status)
    if reach == "unreachable":
        return Said(suppressed="hard_bounce", word=reach)
    if status != "active":
        return Said(word=status)
    confirmed = row.get("email_confirm_time", "")
    times = [time.strip() for time in row.get("email_subscribe_times", "").split(",")]
    ip = row.get("email_confirm_ip") or row.get("email_request_ip") or ""
    return Said(GRANTED, confirmed or times[0], ip, "confirmed by mail" if confirmed else "", word=status)


def _getresponse(row: Mapping[str, str]) -> Said:
    word = (row.get("status") or row.get("reason") or "").lower()
    if "bounce" in word:
        return Said(suppressed="hard_bounce", word=word)
    if "complain" in word or "spam" in word:
        return Said(suppressed="complaint", word=word)
    if "unsub" in word or "remov" in word:
        return Said(WITHDRAWN, row.get("changedOn", ""), word=word)
    origin = row.get("origin", "").lower()
    if origin in {"import", "api", "panel", "copy"}:
        # Put there by the shop: the time is that of the putting, and nobody has said anything then.
        return Said(GRANTED, source="", word=origin)
    return Said(GRANTED, row.get("createdOn", ""), row.get("ipAddress", ""), origin, word=origin)


def _sendsay(row: Mapping[str, str]) -> Said:
    if row.get("member.error", "0") not in {"", "0"}:
        return Said(suppressed="hard_bounce", word=f"error {row['member.error']}")
    if row.get("member.haslock", "0") not in {"", "0"}:
        return Said(WITHDRAWN, word=f"lock {row['member.haslock']}")
    for step in ("confirm", "create"):
        if row.get(f"member.{step}.time") and row.get(f"member.{step}.host"):
            return Said(GRANTED, row[f"member.{step}.time"], row[f"member.{step}.host"], word=step)
    return Said(GRANTED)


_PLACE: Final = {"City": "city", "State / Region": "region", "Country": "country", "Zip Code": "postal_code"}
PROVIDERS: Final = (
    Provider(
        "mailchimp",
        (frozenset({"LEID", "EUID"}),),
        {
            **dict.fromkeys(("LEID", "EUID", "GMTOFF", "DSTOFF", "LAST_CHANGED"), ""),
            **dict.fromkeys(("OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", "UNSUB_TIME", "CLEAN_TIME"), ""),
            **dict.fromkeys(("UNSUB_CAMPAIGN_TITLE", "UNSUB_CAMPAIGN_ID", "UNSUB_REASON", "UNSUB_REASON_OTHER"), ""),
            **dict.fromkeys(("CLEAN_CAMPAIGN_TITLE", "CLEAN_CAMPAIGN_ID"), ""),
            "MEMBER_RATING": "member_rating",
            "LATITUDE": "location.lat",
            "LONGITUDE": "location.lon",
            "TIMEZONE": "timezone",
            "CC": "country",
            "REGION": "region",
            "NOTES": "notes",
            "TAGS": "tags",
        },
        _mailchimp,
        frozenset({"tags"}),
    ),
    Provider(
        "klaviyo",
        (frozenset({"Klaviyo ID"}), frozenset({"Email Marketing Consent", "Email"})),
        {
            **dict.fromkeys(("Klaviyo ID", "Email Marketing Consent", "Email Marketing Consent Timestamp"), ""),
            **dict.fromkeys(("Email Suppressions", "IP Address", "Source"), ""),
            "Address": "address.street",
            "Address 2": "address.street_2",
            "Latitude": "location.lat",
            "Longitude": "location.lon",
            **_PLACE,
        },
        _klaviyo,
    ),
    Provider(
        "unisender",
        (
            frozenset({"email", "email_status", "email_availability"}),
            frozenset({"email", "email_status", "email_list_ids"}),
        ),
        {
            **dict.fromkeys(("email_status", "email_availability", "email_list_ids", "email_subscribe_times"), ""),
            **dict.fromkeys(("email_unsubscribed_list_ids", "email_excluded_list_ids", "email_add_time"), ""),
            **dict.fromkeys(("email_confirm_time", "email_confirm_ip", "email_request_ip"), ""),
            **dict.fromkeys(("phone_status", "phone_availability", "phone_list_ids", "phone_subscribe_times"), ""),
            **dict.fromkeys(("phone_unsubscribed_list_ids", "phone_excluded_list_ids"), ""),
            "Name": "name",
            "tags": "tags",
        },
        _unisender,
        frozenset({"tags"}),
    ),
    Provider(
        "getresponse",
        (frozenset({"contactId", "email"}),),
        {
            **dict.fromkeys(
                ("contactId", "href", "campaign", "origin", "ipAddress", "changedOn", "status", "reason"), ""
            ),
            **dict.fromkeys(("dayOfCycle", "scoring", "engagementScore", "activities"), ""),
            "name": "name",
            "createdOn": "created_at",
            "timeZone": "timezone",
            "note": "notes",
        },
        _getresponse,
    ),
    Provider(
        "sendsay",
        (frozenset({"member.email"}),),
        {
            **dict.fromkeys(("member.id", "member.addr_type", "member.haslock", "member.error", "member.origin"), ""),
            **dict.fromkeys(
                ("member.create.time", "member.create.host", "member.confirm.time", "member.confirm.host"), ""
            ),
            **dict.fromkeys(("member.update.time", "member.update.host"), ""),
            "member.email": "email",
        },
        _sendsay,
    ),
)
"""The exports that are recognised. Their times are UTC."""


def list_of(cell: str) -> list[str]:
    """Read a cell that is a list with commas, quoted or not."""
    return [part.strip() for row in csv.reader([cell], skipinitialspace=True) for part in row if part.strip()]
