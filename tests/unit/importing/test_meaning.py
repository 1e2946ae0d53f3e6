"""What columns mean: their paths and types, and the exports that are recognised."""

from __future__ import annotations

import pytest

from tamshy.importing.meaning import ClashingColumns, Meaning, WrongCell, named, types_of
from tamshy.importing.provenance import PROVIDERS, Said, list_of

MAILCHIMP = [
    "Email Address",
    "First Name",
    "Last Name",
    "MEMBER_RATING",
    "OPTIN_TIME",
    "OPTIN_IP",
    "CONFIRM_TIME",
    "CONFIRM_IP",
    "LATITUDE",
    "LONGITUDE",
    "GMTOFF",
    "DSTOFF",
    "TIMEZONE",
    "CC",
    "REGION",
    "LAST_CHANGED",
    "LEID",
    "EUID",
    "NOTES",
    "TAGS",
]
KLAVIYO = [
    "Email",
    "Klaviyo ID",
    "First Name",
    "Last Name",
    "Phone Number",
    "Address",
    "City",
    "State / Region",
    "Country",
    "Zip Code",
    "Source",
    "IP Address",
    "Email Marketing Consent",
    "Email Marketing Consent Timestamp",
    "Email Suppressions",
]
UNISENDER = [
    "email",
    "email_status",
    "email_availability",
    "email_list_ids",
    "email_subscribe_times",
    "email_confirm_time",
    "Name",
]
GETRESPONSE = ["contactId", "name", "email", "origin", "createdOn", "ipAddress"]
SENDSAY = ["member.email", "member.haslock", "member.error", "member.confirm.time", "member.confirm.host"]


def provider(header: list[str]) -> str:
    return next((one.name for one in PROVIDERS if one.knows(header)), "")


def said(header: list[str], **cells: str) -> Said:
    found = next(one for one in PROVIDERS if one.knows(header))
    return found.read(dict.fromkeys(header, "") | {name.replace("__", " "): cell for name, cell in cells.items()})


def test_columns_go_by_their_usual_names_or_by_their_own() -> None:
    header = [
        "E-Mail",
        "User ID",
        "First Name",
        "Имя",
        "Phone",
        "address.city",
        "Loyalty points",
        "vip",
        "consent.news",
    ]
    assert [".".join(path) for path in named(header).paths] == [
        "email",
        "user_id",
        "first_name",
        "first_name",
        "phone",
        "address.city",
        "loyalty_points",
        "vip",
        "consent.news.status",
    ]


def test_two_columns_that_cannot_both_be_are_refused() -> None:
    with pytest.raises(ClashingColumns, match=r"'address.city' lies within `address`"):
        named(["email", "address", "address.city"])


def test_a_type_is_that_of_the_whole_column() -> None:
    names = named(["email", "orders", "sum", "vip", "born", "mixed", "phone", "zip", "zeros", "nothing", "order_id"])
    rows = [
        ["1@example.com", "3", "12.50", "true", "1990-02-28", "1", "77011234567", "50000", "007", "", "1001"],
        ["2@example.com", "", "-3", "FALSE", "28.02.1990", "x", "77019999999", "60000", "12", "", "1002"],
    ]
    types = types_of(names, rows, {})
    assert types == ("text", "number", "number", "boolean", "date", "text", "text", "text", "text", "text", "text")
    assert Meaning(names, types).values(rows[1]) == {
        "email": "2@example.com",
        "sum": -3,
        "vip": False,
        "born": "1990-02-28",
        "mixed": "x",
        "phone": "77019999999",
        "zip": "60000",
        "zeros": "12",
        "order_id": "1002",
    }


def test_a_type_that_was_given_is_believed_and_held_to() -> None:
    names = named(["email", "born"])
    assert types_of(names, [], {"born": "mdy"}) == ("text", "mdy")
    assert Meaning(names, ("text", "mdy")).values(["", "2/28/1990"]) == {"born": "1990-02-28"}
    with pytest.raises(WrongCell, match=r"'31.31.1990' is no date; write it like 2026-03-02"):
        Meaning(names, ("text", "dmy")).values(["", "31.31.1990"])
    with pytest.raises(WrongCell, match=r"'many' is no number"):
        Meaning(names, ("text", "number")).values(["", "many"])


def test_exports_are_known_by_their_header() -> None:
    headers = (MAILCHIMP, KLAVIYO, UNISENDER, GETRESPONSE, SENDSAY, ["email", "first_name"])
    assert [provider(header) for header in headers] == [
        "mailchimp",
        "klaviyo",
        "unisender",
        "getresponse",
        "sendsay",
        "",
    ]


def test_mailchimp_says_when_and_from_where_somebody_agreed() -> None:
    at = {"OPTIN_TIME": "2020-02-03 04:05:06", "OPTIN_IP": "1.2.3.4"}
    confirmed = {"CONFIRM_TIME": "2020-02-03 04:06:00", "CONFIRM_IP": "1.2.3.4"}
    assert said(MAILCHIMP, **at) == Said("granted", "2020-02-03 04:05:06", "1.2.3.4", word="opted in")
    assert said(MAILCHIMP, **at, **confirmed) == Said("granted", "2020-02-03 04:06:00", "1.2.3.4", word="confirmed")
    # put there by the shop: a time, and nobody's address
    assert said(MAILCHIMP, CONFIRM_TIME="2015-03-16 14:40:47") == Said("granted", word="subscribed")
    gone = said([*MAILCHIMP, "UNSUB_TIME", "UNSUB_REASON"], UNSUB_TIME="2021-01-01 00:00:00", UNSUB_REASON="NORMAL")
    assert gone == Said("withdrawn", "2021-01-01 00:00:00", source="NORMAL", word="unsubscribed")
    cleaned = said([*MAILCHIMP, "CLEAN_TIME"], CLEAN_TIME="2021-01-01 00:00:00")
    assert cleaned == Said(at="2021-01-01 00:00:00", suppressed="hard_bounce", word="cleaned")


def test_klaviyo_says_consent_in_words_and_suppressions_beside() -> None:
    consent, time = "Email__Marketing__Consent", "Email__Marketing__Consent__Timestamp"
    at = "2024-01-01T00:00:00Z"
    assert said(KLAVIYO, **{consent: "SUBSCRIBED", time: at, "Source": "form"}) == Said(
        "granted", at, source="form", word="SUBSCRIBED"
    )
    assert said(KLAVIYO, **{consent: "UNSUBSCRIBED", time: at}) == Said("withdrawn", at, word="UNSUBSCRIBED")
    assert said(KLAVIYO, **{consent: "NEVER_SUBSCRIBED"}) == Said(word="NEVER_SUBSCRIBED")
    for word, reason in (
        ("HARD_BOUNCE", "hard_bounce"),
        ("SPAM_COMPLAINT", "complaint"),
        ("USER_SUPPRESSED", "manual"),
    ):
        assert said(KLAVIYO, Email__Suppressions=word) == Said(suppressed=reason, word=word)


def test_unisender_says_whether_an_address_is_there_and_willing() -> None:
    assert said(UNISENDER, email_status="active", email_confirm_time="2024-01-01 10:00:00") == Said(
        "granted", "2024-01-01 10:00:00", source="confirmed by mail", word="active"
    )
    assert said(UNISENDER, email_status="active", email_subscribe_times="2024-01-01 10:00:00,2024-02-01") == Said(
        "granted", "2024-01-01 10:00:00", word="active"
    )
    assert said(UNISENDER, email_status="unsubscribed") == Said("withdrawn", word="unsubscribed")
    assert said(UNISENDER, email_status="active", email_availability="unreachable").suppressed == "hard_bounce"
    assert said(UNISENDER, email_status="new") == Said(word="new")


def test_getresponse_and_sendsay_believe_nobody_whom_the_shop_put_there() -> None:
    own = {"createdOn": "2024-01-01T10:00:00+0000", "ipAddress": "1.2.3.4"}
    assert said(GETRESPONSE, origin="www", **own).ip == "1.2.3.4"
    assert said(GETRESPONSE, origin="import", **own) == Said("granted", word="import")
    locked = said(SENDSAY, **{"member.haslock": "1"})
    assert locked == Said("withdrawn", word="lock 1")
    agreed = said(SENDSAY, **{"member.confirm.time": "2024-01-01 10:00:00", "member.confirm.host": "1.2.3.4"})
    assert agreed == Said("granted", "2024-01-01 10:00:00", "1.2.3.4", word="confirm")


def test_a_cell_that_is_a_list_is_read_as_one() -> None:
    assert list_of('"VIP","Blog, weekly"') == ["VIP", "Blog, weekly"]
    assert list_of("vip, denver") == ["vip", "denver"]
