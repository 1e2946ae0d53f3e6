"""Tells machines from people: what scanners and image proxies do must not count as reading (promise 54).

Pure rules over what a request says of itself and over its timing. Google's and Yahoo's image proxies fetch when a
person opens the mail, so they count as people; Apple's fetches every image of every mail and does not.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
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
    """Several links of one mail within seconds."""


SOON: Final = timedelta(seconds=5)
BURST_WINDOW: Final = timedelta(seconds=10)
"""Distinct links of one message followed within this time are counted together."""
_BURST_LINKS: Final = 3
_PAIR_WINDOW: Final = timedelta(seconds=2)

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


def by_timing(at: datetime, handed_over_at: datetime | None) -> Machine | None:
    """Judge a hit by how soon after the hand-over it came; one before it came before anybody could have the mail."""
    return Machine.TOO_SOON if handed_over_at is not None and at < handed_over_at + SOON else None


def by_burst(at: datetime, url: str, before: Iterable[tuple[datetime, str]], links: int) -> Machine | None:
    """Judge a click by those just before it on the same message.

    Three different links within ten seconds are a machine's, and two within two seconds where the message has just two.

    Args:
        at: when.
        url: which link.
        before: (moment, link) of earlier clicks on the message.
        links: how many different links the message has.
    """
    near = [(moment, link) for moment, link in before if at - BURST_WINDOW <= moment <= at]
    if len({url, *(link for _, link in near)}) >= _BURST_LINKS:
        return Machine.ALL_LINKS
    pair = {url, *(link for moment, link in near if at - moment <= _PAIR_WINDOW)}
    return Machine.ALL_LINKS if links == len(pair) > 1 else None
