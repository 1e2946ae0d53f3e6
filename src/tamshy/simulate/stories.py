"""Stories: a scripted shopper, played on a virtual clock, and what must and must not have come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tamshy.domain.calendar import add, known_zone
from tamshy.domain.call import Call, CallKind
from tamshy.domain.duration import Duration
from tamshy.ingest import Engage, History

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.language.model import Expectation, Settings, Story, StoryEngagement

_DECISIONS = ("sent", "skipped", "postponed")
_STATES = {"exit": "exited", "exited": "exited", "entered": "entered", "refused": "refused"}
_TEXTS = ("subject_contains",)


@dataclass(frozen=True, slots=True)
class Told:
    """How a story went: what is wrong with it (empty: it passed), and its whole timeline."""

    story: Story
    wrong: tuple[str, ...]
    timeline: tuple[dict[str, object], ...]

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return not self.wrong


def tell(story: Story, settings: Settings, play: Callable[[History], list[dict[str, object]]]) -> Told:
    """Play a story and hold what came of it against what was expected.

    ``play`` plays a history from an empty database and gives its lines. What somebody does with a message is known only once
    it is known when that was sent, so each deed is put in after the play that shows it, and the story is played again.
    """
    zone = _zone(story, settings)
    calls = _calls(story, zone)
    engages: list[Engage] = []
    wrong: list[str] = []
    lines = play(History(calls, engages, [], [], 0))
    used: dict[tuple[str, str], int] = {}
    for deed in story.engage:
        nth = used.get((deed.did, deed.message), 0)
        used[deed.did, deed.message] = nth + 1
        sent = [line for line in lines if line.get("decision") == "sent" and line["message"] == deed.message]
        if nth >= len(sent):
            wrong.append(f"{deed.position}: {deed.message} was not sent, so it could not be {deed.did}")
            continue
        at = add(_moment(str(sent[nth]["at"])), deed.after, zone)
        engages.append(_engage(story, deed, at, len(calls) + len(engages)))
        lines = play(History(calls, sorted(engages, key=lambda e: (e.received_at, e.ord)), [], [], 0))
    wrong += _compare(story, lines, zone)
    return Told(story, tuple(wrong), tuple(lines))


def _zone(story: Story, settings: Settings) -> str:
    own = story.profile.get("timezone")
    return own if isinstance(own, str) and known_zone(own) else settings.timezone


def _who(story: Story) -> tuple[str | None, str | None]:
    """The shopper's user id or anonymous id; one who has neither goes by the address, as a stand-in."""
    user, anonymous = story.profile.get("id"), story.profile.get("anonymous_id")
    if user is None and anonymous is None:
        anonymous = story.profile.get("email")
    return (None if user is None else str(user)), (None if anonymous is None else str(anonymous))


def _calls(story: Story, zone: str) -> list[Call]:
    start = story.start.astimezone(UTC)
    user, anonymous = _who(story)
    traits = {
        key: value
        for key, value in story.profile.items()
        if key not in {"id", "anonymous_id", "subscribed", "unsubscribed"}
    }
    email = traits.get("email")
    if isinstance(email, str):
        traits["email"] = email.lower()
    calls = [
        Call(CallKind.IDENTIFY, start, start, user_id=user, anonymous_id=anonymous, properties=traits),
    ]
    for key, granted in (("subscribed", True), ("unsubscribed", False)):
        topics = story.profile.get(key, [])
        calls += [
            Call(
                CallKind.CONSENT,
                start,
                start,
                user_id=user,
                anonymous_id=anonymous,
                properties={"topic": topic, "granted": granted, "source": "api", "evidence": {"story": story.name}},
            )
            for topic in (topics if isinstance(topics, list) else [topics])
        ]
    for event in story.events:
        at = event.at.astimezone(UTC) if isinstance(event.at, datetime) else add(start, event.at, zone)
        calls.append(
            Call(
                CallKind.TRACK,
                at,
                at,
                user_id=user,
                anonymous_id=anonymous,
                name=event.event,
                properties=event.properties,
            )
        )
    return [replace(call, ord=place) for place, call in enumerate(sorted(calls, key=lambda call: call.received_at))]


def _engage(story: Story, deed: StoryEngagement, at: datetime, place: int) -> Engage:
    user, anonymous = _who(story)
    return Engage(user, anonymous, deed.message, deed.did, at, at, place, deed.url, deed.machine)


def _compare(story: Story, lines: Sequence[dict[str, object]], zone: str) -> list[str]:
    """Each expectation takes one line; no further message may have been sent."""
    wrong: list[str] = []
    taken: set[int] = set()
    start = story.start.astimezone(UTC)
    for expectation in story.expect:
        at = None
        if isinstance(expectation.at, datetime):
            at = expectation.at.astimezone(UTC)
        elif isinstance(expectation.at, Duration):
            at = add(start, expectation.at, zone)
        found = [n for n, line in enumerate(lines) if n not in taken and _fits(expectation, line, at)]
        if found:
            taken.add(found[0])
        else:
            wrong.append(
                f"{expectation.position}: {_said(expectation, at, zone)} did not come{_nearest(expectation, lines, zone)}"
            )
    if story.expect_nothing_else:
        wrong += [
            f"{story.position}: {line['message']} was sent at {_local(str(line['at']), zone)}, and nothing of the story expects it"
            for n, line in enumerate(lines)
            if n not in taken and line.get("decision") == "sent"
        ]
    return wrong


def _fits(expectation: Expectation, line: dict[str, object], at: datetime | None) -> bool:
    if not _same_kind(expectation, line):
        return False
    # Lines are printed to the millisecond, and so are compared.
    if at is not None and abs(_moment(str(line["at"])) - at) >= timedelta(milliseconds=1):
        return False
    return all(_check(key, wanted, line) for key, wanted in expectation.checks.items())


def _same_kind(expectation: Expectation, line: dict[str, object]) -> bool:
    outcome, what = expectation.outcome, expectation.what
    if outcome in _DECISIONS:
        return line.get("decision") == outcome and (what is None or line.get("message") == what)
    if line.get("state") != _STATES.get(outcome):
        return False
    if outcome == "entered":
        return what is None or what in {line.get("flow"), line.get("key")}
    return what is None or line.get("reason") == what


def _check(key: str, wanted: object, line: dict[str, object]) -> bool:
    if key in _TEXTS:
        return str(wanted) in str(line.get(key.removesuffix("_contains")) or "")
    if key == "until" and isinstance(wanted, datetime):
        return str(line.get("until")) == "" or _moment(str(line.get("until"))) == wanted.astimezone(UTC)
    return line.get(key) == wanted


def _said(expectation: Expectation, at: datetime | None, zone: str) -> str:
    what = " ".join(str(part) for part in (expectation.outcome, expectation.what) if part is not None)
    when = "" if at is None else f" at {at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"
    with_ = "".join(f", {key} {value!r}" for key, value in expectation.checks.items())
    return f"{what}{when}{with_}"


def _nearest(expectation: Expectation, lines: Sequence[dict[str, object]], zone: str) -> str:
    """The line that comes closest: the same thing at another time or in another way."""
    for line in lines:
        if _same_kind(expectation, line):
            details = ", ".join(f"{key} {line[key]!r}" for key in ("locale", "subject", "reason") if line.get(key))
            return f"; it came at {_local(str(line['at']), zone)}{f' with {details}' if details else ''}"
    for line in lines:
        if line.get("message") == expectation.what and line.get("reason"):
            return f"; at {_local(str(line['at']), zone)} it was {line['decision']}: {line['reason']}"
    return ""


def _local(text: str, zone: str) -> str:
    return f"{_moment(text).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
