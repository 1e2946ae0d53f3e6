"""Machines and people, told apart: requests as scanners, proxies and browsers send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tamshy.track import Machine, Request, by_request
from tamshy.track.machines import by_following, by_timing

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

MACHINES = [
    ("Mozilla/5.0", Machine.MAIL_PRIVACY),
    ("", Machine.NAMED),
    ("  ", Machine.NAMED),
    (
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/42.0.2311.135 "
            "Safari/537.36 Edge/12.246 Mozilla/5.0"
        ),
        Machine.NAMED,
    ),
    ("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", Machine.NAMED),
    ("BarracudaCentral/1.0", Machine.NAMED),
    ("Mozilla/5.0 (compatible; Proofpoint URL Defense)", Machine.NAMED),
    ("Mimecast-URL-Scanner/2.0", Machine.NAMED),
    ("Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0) BingPreview/1.0b", Machine.NAMED),
    ("Microsoft Office Existence Discovery", Machine.NAMED),
    ("Microsoft Office Protocol Discovery", Machine.NAMED),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", Machine.NAMED),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Machine.NAMED),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", Machine.NAMED),
    ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Machine.NAMED),
    ("TelegramBot (like TwitterBot)", Machine.NAMED),
    ("facebookexternalhit/1.1", Machine.NAMED),
    ("WhatsApp/2.23.20.0", Machine.NAMED),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/118.0.0.0", Machine.NAMED),
    ("curl/8.5.0", Machine.NAMED),
    ("Wget/1.21", Machine.NAMED),
    ("python-requests/2.31.0", Machine.NAMED),
    ("Python-urllib/3.11", Machine.NAMED),
    ("Go-http-client/1.1", Machine.NAMED),
    ("Java/17.0.9", Machine.NAMED),
    ("okhttp/4.9.3", Machine.NAMED),
    ("Apache-HttpClient/4.5.13 (Java/11.0.19)", Machine.NAMED),
    ("axios/1.6.2", Machine.NAMED),
    ("node-fetch/1.0", Machine.NAMED),
    ("libwww-perl/6.67", Machine.NAMED),
    ("GuzzleHttp/7", Machine.NAMED),
    ("Cisco-Secure-Email/1.0", Machine.NAMED),
    ("Mozilla/5.0 (compatible; FireEye)", Machine.NAMED),
    ("Symantec.cloud link follower", Machine.NAMED),
    ("Sophos Email Scanner", Machine.NAMED),
    ("Mozilla/5.0 zscaler", Machine.NAMED),
    ("AppEngine-Google; (+http://code.google.com/appengine)", Machine.NAMED),
    ("GoogleOther", Machine.NAMED),
    ("Uptime-Kuma/1.23", Machine.NAMED),
]
PEOPLE = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Edg/131.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 Chrome/88.0.4324.93 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0",
    "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko; Microsoft Outlook 16.0.17328",
    "Outlook-iOS/723.4027091.prod.iphone (4.28.0)",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0 (Linux; Android 13; Redmi Note 12) AppleWebKit/537.36 Chrome/110.0 YaBrowser/23.3",
    "Mozilla/5.0 (Linux; Android 12; SAMSUNG SM-A528B) AppleWebKit/537.36 SamsungBrowser/23.0 Chrome/115.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Instagram 309.0.0.28",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/191.308; U; en) Presto/2.12.423 Version/12.16",
    "Mozilla/5.0 (Linux; U; Android 11; ru-ru; POCO X3) AppleWebKit/537.36 XiaoMi/MiuiBrowser/13.30 Mobile",
]


@pytest.mark.parametrize(("agent", "why"), MACHINES)
def test_a_machine_is_told_by_its_name(agent: str, why: Machine) -> None:
    assert by_request(Request("GET", agent)) is why


@pytest.mark.parametrize("agent", PEOPLE)
def test_a_person_is_not_taken_for_a_machine(agent: str) -> None:
    assert by_request(Request("GET", agent)) is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request("HEAD", PEOPLE[0]), Machine.METHOD),
        (Request("OPTIONS", PEOPLE[0]), Machine.METHOD),
        (Request("GET", PEOPLE[0], ("prefetch",)), Machine.PREFETCH),
        (Request("GET", PEOPLE[0], ("prefetch;prerender",)), Machine.PREFETCH),
        (Request("GET", PEOPLE[0], ("preview",)), Machine.PREFETCH),
        (Request("GET", PEOPLE[0], ("",)), None),
        (Request("POST", PEOPLE[0]), None),
    ],
)
def test_a_machine_is_told_by_how_it_asks(request_: Request, why: Machine | None) -> None:
    assert by_request(request_) is why


@pytest.mark.parametrize(
    ("seconds", "why"), [(-60, Machine.TOO_SOON), (4.999, Machine.TOO_SOON), (5, None), (999, None)]
)
def test_nobody_reads_within_seconds_of_the_hand_over(seconds: float, why: Machine | None) -> None:
    assert by_timing(NOON + timedelta(seconds=seconds), NOON) is why


def test_without_a_hand_over_time_does_not_tell() -> None:
    assert by_timing(NOON, None) is None


@pytest.mark.parametrize("handed_over_at", [None, NOON, NOON + timedelta(hours=1)])
def test_nobody_has_a_mail_that_the_mail_server_still_reads(handed_over_at: datetime | None) -> None:
    assert by_timing(NOON, handed_over_at, handing_over=True) is Machine.TOO_SOON


CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
WINDOWS = "Windows NT 10.0; Win64; x64"


@pytest.mark.parametrize("agent", [agent for agent in PEOPLE if "Google" not in agent and "Yahoo" not in agent])
def test_people_follow_links_with_all_kinds_of_browsers(agent: str) -> None:
    if "ms-office" not in agent and "Microsoft Outlook" not in agent and not agent.startswith("Outlook"):
        assert by_following(Request("GET", agent)) is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request("GET", "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"), Machine.NOT_A_BROWSER),
        (Request("GET", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0)"), Machine.NOT_A_BROWSER),
        (Request("GET", "Shop/1 CFNetwork/1410 Darwin/22.6.0"), Machine.NOT_A_BROWSER),
        (Request("GET", "Mozilla/5.0 Firefox/11.0 (via ggpht.com GoogleImageProxy)"), Machine.NOT_A_BROWSER),
        (Request("GET", CHROME.format(WINDOWS, 131), mode="cors"), Machine.NOT_A_BROWSER),
        (Request("GET", CHROME.format(WINDOWS, 131), mode="no-cors"), Machine.NOT_A_BROWSER),
        (Request("GET", CHROME.format(WINDOWS, 131), mode="navigate"), None),
        (Request("GET", CHROME.format(WINDOWS, 69)), Machine.OUTDATED),
        (Request("GET", CHROME.format(WINDOWS, 70)), None),
        (Request("GET", CHROME.format("Macintosh; Intel Mac OS X 10_9_2", 35)), Machine.OUTDATED),
        (Request("GET", CHROME.format("Linux; Android 6.0; Nexus 5", 44)), None),
        (Request("GET", CHROME.format("Windows NT 5.1", 49)), None),
        (Request("GET", CHROME.format("Windows NT 6.1", 49)), Machine.OUTDATED),
        (Request("GET", "Mozilla/5.0 (Windows NT 6.1; rv:40.0) Gecko/20100101 Firefox/40.0"), Machine.OUTDATED),
        (Request("GET", "Mozilla/5.0 (Windows NT 5.1; rv:52.0) Gecko/20100101 Firefox/52.0"), None),
        (Request("GET", "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)"), Machine.OUTDATED),
        (Request("GET", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"), None),
    ],
)
def test_a_link_is_followed_with_a_browser_of_this_decade(request_: Request, why: Machine | None) -> None:
    assert by_request(request_) is None or why is not None
    assert by_following(request_) is why
