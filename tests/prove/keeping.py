"""What a shop's year must keep, read off the lines of a simulation and the history that it played, by plain Python and no engine.

Each function gives what is wrong, a line each; nothing where all is kept.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Line = dict[str, Any]

CART = "abandoned-cart"
WIN_BACK = "win-back-"
SUNSET = ("sunset", "let_go")
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Mail:
    """A message that was sent."""

    at: datetime
    profile: str
    flow: str
    step: str
    message: str
    topic: str
    marketing: bool


@dataclass
class Year:
    """What came out and what went in, sorted for the questions below."""

    settings: Line
    mails: list[Mail] = field(default_factory=list)
    enrollments: list[Line] = field(default_factory=list)
    zones: dict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    consents: dict[tuple[str, str], list[tuple[datetime, bool]]] = field(default_factory=lambda: defaultdict(list))
    ordered: dict[tuple[str, str], datetime] = field(default_factory=dict)  # person and cart -> when that was known
    lost: dict[str, datetime] = field(default_factory=dict)  # whose address has bounced, or who complained

    def zone(self, profile: str, at: datetime) -> ZoneInfo:
        """The zone of a person at a moment: the last that was told, else the shop's."""
        told = self.zones.get(profile, [])
        place = bisect_right(told, at, key=lambda one: one[0])
        return ZoneInfo(told[place - 1][1] if place else self.settings["timezone"])

    def marketing(self) -> dict[str, list[Mail]]:
        """The mails that caps count, by person, in their order."""
        found: dict[str, list[Mail]] = defaultdict(list)
        for mail in self.mails:
            if mail.marketing:
                found[mail.profile].append(mail)
        return found


def read_year(folder: Path, history: Iterable[Line], lines: Iterable[Line]) -> Year:
    """Sort what there is."""
    yaml = YAML(typ="safe", pure=True)
    year = Year(yaml.load((folder / "tamshy.yaml").read_text("utf-8")))
    messages = {
        path.parent.name: yaml.load(path.read_text("utf-8")) for path in sorted(folder.glob("messages/*/message.yaml"))
    }
    first_topic = next(iter(year.settings["topics"]))
    for line in lines:
        at = moment(line["at"])
        if line["kind"] == "enrollment":
            year.enrollments.append({**line, "at": at})
            if (line["flow"], line.get("reason")) == SUNSET:
                for topic in year.settings["topics"]:
                    # What is due at the same moment may come before.
                    year.consents[line["profile"], topic].append((at + timedelta(microseconds=1), True))
        elif line["decision"] == "sent":
            said = messages[line["message"]]
            marketing, topic = said.get("kind") != "transactional", said.get("topic", first_topic)
            year.mails.append(Mail(at, line["profile"], line["flow"], line["step"], line["message"], topic, marketing))
    _read_history(year, history)
    return year


def _read_history(year: Year, history: Iterable[Line]) -> None:
    sent: dict[tuple[str, str], list[Mail]] = defaultdict(list)
    for mail in year.mails:
        sent[mail.profile, mail.message].append(mail)
    for line in history:
        user, at = str(line.get("userId")), moment(line["timestamp"])
        if line["type"] == "identify" and "timezone" in line["traits"]:
            year.zones[user].append((at, line["traits"]["timezone"]))
        elif line["type"] == "consent":
            year.consents[user, line["topic"]].append((at, line["did"] == "unsubscribed"))
        elif line["type"] == "track" and line["event"] == "Order Completed":
            arrived = moment(line["receive_at"] if "receive_at" in line else line["timestamp"])
            cart = (user, str(line["properties"]["cart_id"]))
            year.ordered[cart] = min(arrived, year.ordered.get(cart, arrived))
        elif line["type"] == "engage":
            before = [mail for mail in sent[user, line["message"]] if mail.at <= at]
            if before:
                _touched(year, user, before[-1], line["did"], at)
    for told in year.zones.values():
        told.sort()
    for log in year.consents.values():
        log.sort()


def _touched(year: Year, user: str, mail: Mail, did: str, at: datetime) -> None:
    """Somebody, or a mail server, has answered a mail: by its topic, or for good."""
    if did == "unsubscribed":
        year.consents[user, mail.topic].append((at, True))
    elif did in {"bounced", "complained"}:
        year.lost[user] = min(at, year.lost.get(user, at))


def moment(text: str) -> datetime:
    """A moment of a line."""
    return datetime.fromisoformat(text).astimezone(UTC)


def over_the_caps(year: Year) -> Iterator[str]:
    """Who has had more marketing mails than a cap allows in the time before one, its beginning excluded."""
    for profile, mails in year.marketing().items():
        times = [mail.at for mail in mails]
        for place, at in enumerate(times):
            for cap in year.settings["caps"]:
                begins = _before(at, cap["per"], year.zone(profile, at))
                many = sum(begins < earlier for earlier in times[:place])
                if many >= cap["messages"]:
                    yield f"{profile} has {many + 1} mails in the {cap['per']} up to {at}: {mails[place].message}"


def _before(at: datetime, per: str, zone: ZoneInfo) -> datetime:
    """The moment a cap reaches back to: hours are elapsed, days go by the person's own calendar."""
    count = int(per[:-1])
    if per.endswith("h"):
        return at - timedelta(hours=count)
    local = at.astimezone(zone).replace(tzinfo=None) - timedelta(days=count)
    return local.replace(tzinfo=zone).astimezone(UTC)


def in_quiet_hours(year: Year) -> Iterator[str]:
    """Marketing mails at night by the person's own clock."""
    begins, ends = (time.fromisoformat(year.settings["quiet_hours"][word]) for word in ("from", "to"))
    for mail in year.mails:
        clock = mail.at.astimezone(year.zone(mail.profile, mail.at)).time()
        if mail.marketing and (clock >= begins or clock < ends):
            yield f"{mail.profile} has {mail.message} at {clock} by their clock, {mail.at}"


def without_consent(year: Year) -> Iterator[str]:
    """Marketing mails to who has not agreed, or not any more; any mail to an address that is lost."""
    for mail in year.mails:
        log = year.consents.get((mail.profile, mail.topic), [])
        place = bisect_right(log, mail.at, key=lambda one: one[0])
        # The latest holds; at one time the withdrawal, which sorts behind.
        if mail.marketing and (not place or log[place - 1][1]):
            yield f"{mail.profile} has {mail.message} of {mail.topic} without consent at {mail.at}"
        if mail.at > year.lost.get(mail.profile, mail.at):
            yield f"{mail.profile} has {mail.message} at {mail.at} at an address that is lost"


def in_two_groups(year: Year) -> Iterator[str]:
    """Who is in two groups to be won back at once, or comes into a second one within a year."""
    stays: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    inside: dict[tuple[str, str], datetime] = {}
    for line in year.enrollments:
        if not line["flow"].startswith(WIN_BACK):
            continue
        place = (line["profile"], line["flow"])
        if line["state"] == "entered":
            inside[place] = line["at"]
        elif line["state"] == "exited":
            stays[line["profile"]].append((inside.pop(place), line["at"], line["flow"]))
    for (profile, flow), at in inside.items():
        stays[profile].append((at, datetime.max.replace(tzinfo=UTC), flow))
    for profile, those in stays.items():
        for (begun, ended, one), (later, _, other) in combinations(sorted(those), 2):
            if one != other and (later <= ended or later - begun < YEAR):
                yield f"{profile} came into {one} at {begun}, and into {other} at {later}"


def after_the_order(year: Year) -> Iterator[str]:
    """Cart mails for which there is no cart of that person that was left and not ordered by then.

    A line does not say which cart its mail is about. So there has to be one for each: every cart has each step once at most.
    """
    carts: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for line in year.enrollments:
        if line["flow"] == CART and line["state"] == "entered":
            carts[line["profile"]].append((line["at"], line["key"]))
    told: set[tuple[str, str, str]] = set()
    never = datetime.max.replace(tzinfo=UTC)
    for mail in year.mails:
        if mail.flow != CART:
            continue
        open_ones = [
            (year.ordered.get((mail.profile, cart), never), cart)
            for at, cart in carts[mail.profile]
            if at < mail.at < year.ordered.get((mail.profile, cart), never)
            and (mail.profile, cart, mail.step) not in told
        ]
        if open_ones:
            told.add((mail.profile, min(open_ones)[1], mail.step))
        else:
            yield f"{mail.profile} has {mail.message} at {mail.at}, and no cart that was not ordered"


KEPT = {
    "caps": over_the_caps,
    "quiet hours": in_quiet_hours,
    "consent": without_consent,
    "groups": in_two_groups,
    "carts": after_the_order,
}


def broken(folder: Path, history: Iterable[Line], lines: Iterable[Line]) -> dict[str, list[str]]:
    """All that is wrong, by what it is against."""
    year = read_year(folder, history, lines)
    return {name: found for name, asked in KEPT.items() if (found := list(asked(year)))}


def lines_of(text: str) -> list[Line]:
    """The lines of a run."""
    return [json.loads(line) for line in text.splitlines()]
