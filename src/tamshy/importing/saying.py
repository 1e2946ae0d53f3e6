"""Records as what they say: calls, addresses to be left alone, and words for the person who imports."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tamshy.commerce import Word
from tamshy.domain.address import lowered, valid_address
from tamshy.domain.call import IMPORTED, Call, CallKind
from tamshy.domain.ids import named
from tamshy.importing.provenance import GRANTED, WITHDRAWN
from tamshy.ingest import KINDS, Refused, cleaned, meant, moment
from tamshy.language.products import ProductFault, read_product

if TYPE_CHECKING:
    from tamshy.importing.provenance import Said

SOURCE: Final = "import"
PER_LINE: Final = 64
"""Places of order that a line has: its calls stand within it in their order."""
_WORDS: Final = {
    **dict.fromkeys(("granted", "subscribed", "yes", "true", "1", "да"), True),
    **dict.fromkeys(("withdrawn", "unsubscribed", "no", "false", "0", "нет"), False),
}
_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](\d\d:\d\d(?::\d\d)?))?")
_NOTHING: Final = (None, "")
_BESIDE: Final = ("user_id", "anonymous_id", "consent")
UNSUBSCRIBED: Final = "Unsubscribed"


class Fault(Exception):
    """A record is refused: the field, what is wrong with it, and what would be right."""

    def __init__(self, field_: str, text: str) -> None:
        """Name the field; empty: the record as a whole."""
        super().__init__(text)
        self.field = field_


@dataclass(frozen=True, slots=True)
class Meant:
    """What holds for all records of a file.

    ``topics``: those that are published; ``open_topics``: of these the ones that are allowed until withdrawn. ``topic``: what an
    export's own status is about. ``evidence``: the wording that everybody of the file has agreed to. ``bought``: nobody of the
    file has agreed to anything.
    """

    file: str
    zone: str
    as_of: datetime
    topics: frozenset[str]
    open_topics: frozenset[str] = frozenset()
    topic: str = ""
    evidence: str = ""
    bought: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """An address that is not written to."""

    address: str
    reason: str
    since: datetime
    evidence: dict[str, object]


@dataclass(slots=True)
class Says:
    """What a record comes to. ``notes``: what was not taken of it, each with its field."""

    calls: list[Call] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    granted: int = 0
    withdrawn: int = 0
    unproven: int = 0


def product(values: dict[str, object], meant_: Meant, *, written: bool) -> Says:
    """Read a product of the catalogue; ``written``: its numbers may be text (the cells of a CSV).

    Raises:
        Fault: the record cannot be taken in.
    """
    images = values.get("images")
    if written and isinstance(images, str):
        values = {**values, "images": images.replace("|", " ").split()}
    try:
        return Says(words=[Word(read_product(values, text_is_number=written), meant_.as_of)])
    except ProductFault as exc:
        raise Fault(exc.field, str(exc)) from exc


@dataclass(frozen=True, slots=True)
class _Who:
    """Whom a record is about, and where it stands."""

    user: str | None
    anonymous: str | None
    address: str | None
    line: int
    arrival: datetime

    def place(self, step: int) -> int:
        return self.line * PER_LINE + step

    def __str__(self) -> str:
        return f"{self.user or ''}|{self.anonymous or ''}|{self.address or ''}"


def person(
    values: dict[str, object],
    said: Said | None,
    line: int,
    meant_: Meant,
    arrival: datetime,
    consented: object = None,
) -> Says:
    """Read a contact: an identify call, and what is said of consent; ``consented`` is when they agreed to the file's wording.

    Raises:
        Fault: the record cannot be taken in.
    """
    traits = {key: value for key, value in values.items() if key not in _BESIDE}
    address = _address(traits.get("email"), "email")
    if address is not None:
        traits["email"] = address
    for key in ("phone", "postal_code"):
        if isinstance(traits.get(key), int):
            traits[key] = str(traits[key])
    who = _who(values, address, line, arrival)
    if who.user is None and who.anonymous is None and address is None:
        raise Fault("email", "nobody is named: give `email` or `user_id`")
    zone = "UTC" if said is not None else meant_.zone
    own = _moment(said.changed, zone, "changed") if said is not None and said.changed else meant_.as_of
    found = Says()
    item: dict[str, object] = {"traits": traits}
    _add_ids(item, who)
    found.calls.append(_call(item, CallKind.IDENTIFY, min(own, arrival), who, 0))
    consents = _consents_of(values.get("consent"))
    if said is not None:
        _of_export(found, who, said, meant_, consents)
    if meant_.evidence:
        consents.setdefault(meant_.topic, {"status": GRANTED, "wording": meant_.evidence, "at": consented})
    for step, (topic, told) in enumerate(sorted(consents.items()), start=1):
        _consent(found, who, topic, told, step, zone, meant_)
    if meant_.bought:
        for step, topic in enumerate(sorted(meant_.open_topics), start=PER_LINE // 2):
            # Earlier than anything that they may have said themselves, which holds.
            _tell(
                found,
                who,
                topic,
                granted=False,
                at=_BEFORE_ALL,
                evidence={"bought": True, "file": meant_.file},
                step=step,
            )
    return found


def event(item: dict[str, object], line: int, meant_: Meant, arrival: datetime) -> Says:
    """Read an event: a call of Segment's form.

    Raises:
        Fault: the record cannot be taken in.
    """
    found = Says()
    kind = KINDS.get(str(item.get("type", "track")))
    if kind is None:
        raise Fault("type", f"`type` is one of {', '.join(KINDS)}, not {str(item.get('type'))[:40]!r}")
    address = _address(item.get("email"), "email")
    who = _who({"user_id": item.get("userId"), "anonymous_id": item.get("anonymousId")}, address, line, arrival)
    if item.get("timestamp") in _NOTHING:
        raise Fault("timestamp", "`timestamp` is missing; write it like 2026-03-02T09:00:00Z")
    own = min(_moment(item["timestamp"], meant_.zone, "timestamp"), arrival)
    beside = {"email", "timestamp", "type", "sentAt", "receivedAt", "originalTimestamp"}
    call = _call({key: value for key, value in item.items() if key not in beside}, kind, own, who, 0)
    if kind is CallKind.TRACK and call.name == UNSUBSCRIBED:
        topic = call.properties.get("topic")
        given = topic if isinstance(topic, str) and topic else meant_.topic
        _tell(found, who, given, granted=False, at=own, evidence={"file": meant_.file}, step=0)
    else:
        found.calls.append(call)
    return found


def block(values: dict[str, object], said: Said | None, meant_: Meant, arrival: datetime) -> Says:
    """Read an address that shall not be written to any more.

    Raises:
        Fault: there is none, or its time is no moment.
    """
    address = _address(values.get("email") or values.get("address"), "email")
    if address is None:
        raise Fault("email", "the address is missing; give it in a column `email`")
    told = values.get("reason") or (said.word if said is not None else "")
    since = (
        (said.at if said is not None else "") or values.get("time") or values.get("timestamp") or values.get("since")
    )
    at = meant_.as_of if since in _NOTHING else _moment(since, "UTC" if said is not None else meant_.zone, "time")
    evidence: dict[str, object] = {"file": meant_.file}
    if told:
        evidence["said"] = str(told)[:500]
    reason = (said.suppressed if said is not None else "") or "manual"
    return Says(blocks=[Block(address, reason, min(at, arrival), evidence)])


def _of_export(found: Says, who: _Who, said: Said, meant_: Meant, consents: dict[str, dict[str, object]]) -> None:
    evidence: dict[str, object] = {"provider": meant_.provider, "file": meant_.file}
    if said.suppressed and who.address is not None:
        at = _moment(said.at, "UTC", "time") if said.at else meant_.as_of
        found.blocks.append(Block(who.address, said.suppressed, min(at, who.arrival), evidence | {"said": said.word}))
    if said.status and meant_.topic:
        told: dict[str, object] = {
            "status": said.status,
            "at": said.at,
            "ip": said.ip,
            "source": said.source or said.word,
        }
        if said.status == GRANTED and not (said.ip or said.source):
            told["source"] = ""
        consents.setdefault(meant_.topic, {**told, **evidence})


def _consents_of(value: object) -> dict[str, dict[str, object]]:
    """Read `consent`: by topic a word, or status, time and evidence."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Fault("consent", "`consent` holds topics: consent.TOPIC.status, .at, .wording or .source")
    return {str(topic): dict(told) if isinstance(told, dict) else {"status": told} for topic, told in value.items()}


def _consent(found: Says, who: _Who, topic: str, told: dict[str, object], step: int, zone: str, meant_: Meant) -> None:
    column = f"consent.{topic}"
    if topic not in meant_.topics:
        known = ", ".join(sorted(meant_.topics)) or "none: publish a folder with topics first"
        raise Fault(column, f"there is no topic {topic!r}; there are {known}")
    word = str(told.get("status", "")).strip().lower()
    if not word:
        return
    if word not in _WORDS:
        raise Fault(f"{column}.status", f"{word[:40]!r} is neither granted nor withdrawn")
    when = told.get("at")
    at = None if when in _NOTHING else min(_moment(when, zone, f"{column}.at"), who.arrival)
    proof = {key: value for key, value in told.items() if key not in {"status", "at"} and value not in _NOTHING}
    if not _WORDS[word]:
        _tell(
            found, who, topic, granted=False, at=at or meant_.as_of, evidence={"file": meant_.file} | proof, step=step
        )
        return
    if meant_.bought:
        found.unproven += 1
        return
    proven = any(proof.get(key) for key in ("wording", "source", "ip", "proof"))
    if at is None or not proven:
        lacks = "its time (.at)" if at is None else "its wording or source (.wording, .source)"
        found.notes.append((column, f"no consent to {topic}: {lacks} is not there"))
        found.unproven += 1
        return
    _tell(found, who, topic, granted=True, at=at, evidence={"file": meant_.file} | proof, step=step)


def _tell(
    found: Says,
    who: _Who,
    topic: str,
    *,
    granted: bool,
    at: datetime,
    evidence: dict[str, object],
    step: int,
) -> None:
    word = GRANTED if granted else WITHDRAWN
    properties: dict[str, object] = {"topic": topic, "granted": granted, "source": SOURCE, "evidence": evidence}
    at = _milliseconds(at)
    found.calls.append(
        Call(
            kind=CallKind.CONSENT,
            occurred_at=at,
            received_at=who.arrival,
            key=f"{SOURCE}|consent|{named(str(who), topic, word, at.isoformat())}",
            ord=who.place(step),
            user_id=who.user,
            anonymous_id=who.anonymous,
            properties=properties,
            origin=IMPORTED,
            email=who.address,
        )
    )
    found.granted += granted
    found.withdrawn += not granted


def _call(item: dict[str, object], kind: CallKind, own: datetime, who: _Who, step: int) -> Call:
    try:
        clean, text = cleaned(item)
        own = _milliseconds(own)
        told = clean.get("messageId")
        key: object = (
            told if isinstance(told, str | int) and told != "" else named(text.decode(), own.isoformat(), str(who))
        )
        clean["messageId"] = str(key)
        call = meant(clean, kind, own, who.arrival, source=SOURCE, ord_=who.place(step), email=who.address)
    except Refused as exc:
        raise Fault("", str(exc)) from exc
    return replace(call, origin=IMPORTED)


def _who(values: dict[str, object], address: str | None, line: int, arrival: datetime) -> _Who:
    return _Who(
        _id(values.get("user_id"), "user_id"), _id(values.get("anonymous_id"), "anonymous_id"), address, line, arrival
    )


def _id(value: object, column: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Fault(column, f"`{column}` is text")
    return str(value)


def _add_ids(item: dict[str, object], who: _Who) -> None:
    if who.user is not None:
        item["userId"] = who.user
    if who.anonymous is not None:
        item["anonymousId"] = who.anonymous


def _address(value: object, column: str) -> str | None:
    if value is None or value == "":
        return None
    address = valid_address(value)
    if address is None:
        shown = lowered(value)[:60] if isinstance(value, str) else value
        raise Fault(column, f"{shown!r} is no address that mail can be sent to; write it like name@shop.example")
    return address


def _moment(value: object, zone: str, column: str) -> datetime:
    dotted = _DOTTED.fullmatch(value.strip()) if isinstance(value, str) else None
    if dotted is not None:
        value = f"{dotted[3]}-{dotted[2]:0>2}-{dotted[1]:0>2}T{dotted[4] or '00:00'}"
    try:
        return moment(value, zone, column)
    except Refused as exc:
        raise Fault(column, str(exc)) from exc


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
