"""``tamshy.yaml``: every key, and every refusal with its place."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest
from tests.unit.language.shop import said, sound

from tamshy.domain.duration import Duration
from tamshy.language import read_workspace
from tamshy.language.model import Cap, Keep, QuietHours, Settings, Topic, TopicDefault


def read(text: str) -> Settings:
    workspace, problems = read_workspace({"tamshy.yaml": text})
    assert problems == []
    return workspace.settings


def refusal(text: str) -> list[str]:
    return [str(problem) for problem in read_workspace({"tamshy.yaml": text})[1]]


def test_all_keys() -> None:
    assert read(
        """\
name: My shop
locale: pt-BR
timezone: Asia/Almaty
currency: KZT
url: https://shop.example
from: My shop <hello@shop.example>
topics: {offers: {name: Offers, default: opt_in}, news: {name: News, default: opt_out, double_opt_in: true}, plain: }
quiet_hours: {from: "21:00", to: "09:00"}
caps: [{messages: 1, per: 16h}, {messages: 3, per: 7d}]
holdout: 5%
attribution: {clicked: 7d, opened: 2d}
identities: {merge_on: [user_id, email]}
"""
    ) == Settings(
        name="My shop",
        locale="pt-BR",
        timezone="Asia/Almaty",
        currency="KZT",
        url="https://shop.example",
        from_="My shop <hello@shop.example>",
        topics=(
            Topic("offers", "Offers"),
            Topic("news", "News", TopicDefault.OPT_OUT, double_opt_in=True),
            Topic("plain", "plain"),
        ),
        quiet_hours=QuietHours(time(21), time(9)),
        caps=(Cap(1, Duration(seconds=57600)), Cap(3, Duration(days=7))),
        holdout=Decimal("0.05"),
        clicked_attribution=Duration(days=7),
        opened_attribution=Duration(days=2),
        merge_on=frozenset({"user_id", "email"}),
    )


@pytest.mark.parametrize("text", ["", "# all defaults\n", "{}\n"])
def test_everything_has_a_default(text: str) -> None:
    assert read(text) == Settings()


def test_times_without_an_offset_are_in_the_workspace_s_zone() -> None:
    story = sound({"stories/s.yaml": "profile: {id: u}\nstart: 2026-03-02T12:00\n"}).stories["s"]
    assert story.start.isoformat() == "2026-03-02T07:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("tmezone: UTC", ["tamshy.yaml:1:1: unknown key 'tmezone' (did you mean 'timezone'?) in the settings"]),
        ("[a]", [
            "tamshy.yaml:1:1: the settings must be a mapping with 'name', 'locale', 'timezone', 'currency', not a list",
        ]),
        ("timezone: Almaty", ["tamshy.yaml:1:11: unknown time zone 'Almaty' (did you mean 'Asia/Almaty'?)"]),
        ("timezone: xx", ["tamshy.yaml:1:11: unknown time zone 'xx'; names are as in Asia/Almaty"]),
        ("locale: English", ["tamshy.yaml:1:9: 'locale' must be a locale such as en or pt-BR, not 'English'"]),
        ("currency: tenge", ["tamshy.yaml:1:11: 'currency' must be three letters such as KZT, not 'tenge'"]),
        ("url: shop.example", [
            ("tamshy.yaml:1:6: 'url' must be an address such as https://shop.example, not "
            "'shop.example'")]),
        ("from: Shop", ["tamshy.yaml:1:7: 'from' must be an address such as Shop <hello@shop.example>, not 'Shop'"]),
        ("from: Shop <hello@localhost>", [
            ("tamshy.yaml:1:7: 'from' must be an address such as Shop <hello@shop.example>, not 'Shop "
            "<hello@localhost>'"),
        ]),
        ('from: "Shop\\r\\nBcc: x <a@b.example>"', [
            "tamshy.yaml:1:7: 'from' must be one line without control characters",
        ]),
        ("topics: [offers]", [
            "tamshy.yaml:1:9: 'topics' must be a mapping such as {offers: {name: Offers}}, not a list",
        ]),
        ("topics: {Big Offers: {}}", [
            (
                "tamshy.yaml:1:10: the topic 'Big Offers' must be named with small letters, digits, hyphens and "
                "underscores, "
            "64 at most"),
        ]),
        ("topics: {a: {default: optin}}", [
            "tamshy.yaml:1:23: 'default' must be opt_in or opt_out, not 'optin' (did you mean 'opt_in'?)",
        ]),
        ("topics: {a: {double_opt_in: on}}", ["tamshy.yaml:1:29: 'double_opt_in' must be true or false, not 'on'"]),
        ('quiet_hours: {from: "21:00"}', ["tamshy.yaml:1:14: 'quiet_hours' needs 'to': time of day, out"]),
        ('quiet_hours: {from: "09:00", to: "08:00"}', [
            ("tamshy.yaml:1:14: 'quiet_hours' from 09:00 to 08:00 leave less than 4 hours a day to send in "
            "(did you mean from 08:00 to 09:00?)"),
        ]),
        ('quiet_hours: {from: "09:00", to: "24:00"}', [
            "tamshy.yaml:1:34: 'to' must be a time of day from \"00:00\" to \"23:59\", not '24:00'",
        ]),
        ("caps: {messages: 1, per: 1d}", ["tamshy.yaml:1:7: 'caps' must be a list, not a mapping"]),
        ("caps: [{messages: 0, per: 0d}]", [
            "tamshy.yaml:1:19: 'messages' must lie between 1 and 1000, not 0",
            "tamshy.yaml:1:27: 'per' must be longer than nothing",
        ]),
        ("caps: [{per: 1d}]", ["tamshy.yaml:1:8: a cap needs 'messages': whole number from 1"]),
        ("holdout: 0.1", [
            "tamshy.yaml:1:10: 'holdout' must be a percentage from 0% to 100%, such as 10%, not the number 0.1",
        ]),
        ("identities: {merge_on: [phone]}", [
            "tamshy.yaml:1:25: unknown identifier 'phone'; there are email, user_id",
        ]),
        ("attribution: {clicked: 5}", [
            ("tamshy.yaml:1:24: 'clicked' must be a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h, "
            "not the number 5"),
        ]),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused(text: str, problems: list[str]) -> None:
    assert refusal(text) == problems


@pytest.mark.parametrize(("start", "end"), [("00:00", "20:00"), ("10:00", "10:00"), ("22:00", "18:00")])
def test_quiet_hours_leave_at_least_four_hours(start: str, end: str) -> None:
    hours = read(f'quiet_hours: {{from: "{start}", to: "{end}"}}').quiet_hours
    assert hours == QuietHours(time.fromisoformat(start), time.fromisoformat(end))


def test_a_folder_without_settings_is_refused() -> None:
    assert said({"tamshy.yaml": None, "messages/hello/message.yaml": "kind: transactional\nsubject: {en: x}\n"}) == [
        "tamshy.yaml:1:1: the settings of the workspace are missing; is this the right folder?"
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{events: 30d}", Keep(events=Duration(days=30))),
        ("{messages: 1y}", Keep(messages=Duration(months=12))),
        ("{bodies: 1w}", Keep(bodies=Duration(days=7))),
        ("{decisions: 2mo}", Keep(decisions=Duration(months=2))),
    ],
)
def test_how_long_each_part_of_history_is_kept_is_read(written: str, expected: Keep) -> None:
    assert read(f"keep: {written}\n") == Settings(keep=expected)


@pytest.mark.parametrize(
    ("part", "least", "why"),
    [
        ("events", 30, "so long a call may be sent again"),
        ("messages", 90, "so long unsubscribing and links must work in every mail"),
        ("bodies", 7, "so long people look at a mail in the browser"),
        ("decisions", 30, "they are what explains why somebody got a mail"),
    ],
)
def test_nothing_is_kept_for_less_than_it_is_needed(part: str, least: int, why: str) -> None:
    at = len(part) + 10
    assert refusal(f"keep: {{{part}: {least - 1}d}}\n") == [
        f"tamshy.yaml:1:{at}: '{part}' must be kept for at least {least}d: {why}"
    ]


def test_of_an_opened_or_clicked_message_nothing_may_count() -> None:
    found = read("attribution: {clicked: 0s, opened: 0s}\n")
    assert (found.clicked_attribution, found.opened_attribution) == (Duration(), Duration())
