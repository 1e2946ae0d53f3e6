"""Tells machines from people by one request: what scanners and image proxies do must not count as reading.

Pure rules over what a request says of itself, and over how soon after the hand-over it came; what several requests
show together is `visits`. Google's and Yahoo's image proxies fetch when a person opens the mail, so they count as
people; Apple's fetches every image of every mail and does not.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.track.hits import Request


class Machine(StrEnum):
    """Why a hit is taken for a machine's."""

    METHOD = "method"
    """It did not ask for the thing, only whether it is there."""
    PREFETCH = "prefetch"
    """It says that nobody is looking yet."""
    NAMED = "named"
    """It names itself a scanner, a preview or a program."""
    MAIL_PRIVACY = "mail_privacy"
    """Apple's Mail Privacy Protection, which loads everything whether the mail is read or not."""
    TOO_SOON = "too_soon"
    """Nobody reads a mail within seconds of its hand-over."""
    ALL_LINKS = "all_links"
    """Several links of one mail within seconds, or very many within a minute."""
    SEVERAL_AGENTS = "several_agents"
    """Different links of one mail within seconds, by programs of different names."""
    OUTDATED = "outdated"
    """Follows a link with a browser that nobody has used for years."""
    NOT_A_BROWSER = "not_a_browser"
    """Follows a link with what links are not followed with: a part of an office program, a script of a page."""
    COMPANION = "companion"
    """The same program as a machine that was at another link of the message within the last minute."""


SOON: Final = timedelta(seconds=5)

_HINTS: Final = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
_APPLE_PRIVACY: Final = "mozilla/5.0"
# Google's prefetch of images, before anybody opens the mail, comes with an Edge of 2015; its image proxy names itself.
_GOOGLE_PREFETCH: Final = "chrome/42.0.2311.135 safari/537.36 edge/12.246 mozilla/5.0"
_PROXIES_OF_PEOPLE: Final = re.compile(r"googleimageproxy|yahoomailproxy", re.IGNORECASE)
# "Cubot" makes telephones.
_TELEPHONES: Final = re.compile(r"cubot", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"bot\b|bot[/_;)-]|crawl|spider|slurp|scan|preview|fetch|monitor|uptime|headless|phantom|selenium|puppeteer|playwright|"
    r"curl|wget|python|aiohttp|httpx|\bjava/|java-http|apache-httpclient|go-http|okhttp|libwww|lwp::|\bperl\b|ruby|\bphp|"
    r"guzzle|axios|node-fetch|undici|\bnode\b|dart:io|restsharp|winhttp|urlgrabber|facebookexternalhit|whatsapp/|"
    r"proofpoint|urldefense|barracuda|cudasvc|mimecast|safelinks|safe.?links|symantec|messagelabs|fireeye|trellix|"
    r"trend ?micro|sophos|fortinet|fortimail|cisco|ironport|checkpoint|zscaler|forcepoint|websense|bitdefender|"
    r"kaspersky|mcafee|avast|eset|vade|hornet|spamexperts|mailcontrol|virustotal|urlscan|phish|"
    r"microsoft office existence|existence discovery|protocol discovery|skypeuri|"
    r"appengine-google|google-safety|google-http|googleother|mediapartners|feedfetcher|validator|security|probe|"
    r"(?:^|\W)(?:link|url|mail|e-?mail)[ -]?(?:check|protect|analy|inspect|filter|gateway)",
    re.IGNORECASE,
)


# Of programs that show or fetch parts of a mail; a link opens in a browser.
_PARTS_OF_PROGRAMS: Final = re.compile(
    r"ms-?office|^microsoft office|^outlook/|\bcfnetwork/|^dalvik/|^dataaccessd|^exchange", re.IGNORECASE
)
_DESKTOP: Final = re.compile(r"\((?:Windows NT|Macintosh|X11)")
_CHROME: Final = re.compile(r"\bChrome/(\d+)")
_FIREFOX: Final = re.compile(r"\bFirefox/(\d+)")
_OLDEST_CHROME: Final = 70
_OLDEST_FIREFOX: Final = 52
# The last ones of Windows XP and Vista are still met there.
_LAST_OF_XP: Final = re.compile(r"Windows NT (?:5\.[12]|6\.0).*\bChrome/(?:49|50)\b")
_EXPLORER: Final = re.compile(r"\bMSIE [4-9]\.|\bMSIE 10\.")


def by_request(request: Request) -> Machine | None:
    """Judge a hit by what its request says of itself; None: may be a person."""
    if request.method not in {"GET", "POST"}:
        return Machine.METHOD
    if any(_HINTS.search(hint) for hint in request.hints):
        return Machine.PREFETCH
    agent = request.user_agent.strip()
    if _PROXIES_OF_PEOPLE.search(agent):
        return None
    if agent.lower() == _APPLE_PRIVACY:
        return Machine.MAIL_PRIVACY
    if not agent or agent.lower().endswith(_GOOGLE_PREFETCH) or _NAMED.search(_TELEPHONES.sub("", agent)):
        return Machine.NAMED
    return None


def by_following(request: Request) -> Machine | None:
    """Judge a hit on a link by how links are followed: by a browser, and as a page of its own; None: may be a person.

    Pictures are fetched by much else that people read mail with, so this does not hold for them.
    """
    agent = request.user_agent
    if request.mode and request.mode != "navigate":
        return Machine.NOT_A_BROWSER
    if _PROXIES_OF_PEOPLE.search(agent) or _PARTS_OF_PROGRAMS.search(agent):
        return Machine.NOT_A_BROWSER
    return Machine.OUTDATED if _outdated(agent) else None


def _outdated(agent: str) -> bool:
    if not _DESKTOP.search(agent) or _LAST_OF_XP.search(agent):
        return bool(_EXPLORER.search(agent))
    chrome, firefox = _CHROME.search(agent), _FIREFOX.search(agent)
    return (
        (chrome is not None and int(chrome[1]) < _OLDEST_CHROME)
        or (firefox is not None and int(firefox[1]) < _OLDEST_FIREFOX)
        or bool(_EXPLORER.search(agent))
    )


def by_timing(at: datetime, handed_over_at: datetime | None, *, handing_over: bool = False) -> Machine | None:
    """Judge a hit by how soon after the hand-over it came.

    One before it came before anybody could have the mail; so did one while the mail server still reads
    (`handing_over`), which is when servers scan what they are given.
    """
    soon = handed_over_at is not None and at < handed_over_at + SOON
    return Machine.TOO_SOON if soon or handing_over else None
