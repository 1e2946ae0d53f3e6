"""An explanation in plain words: what happened, why, and what can be done."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from tamshy.explain.facts import Absent
from tamshy.explain.sentences import sentence
from tamshy.explain.times import Times

if TYPE_CHECKING:
    from tamshy.explain.facts import Absence, Belonging, Coming, Consent, Explanation, Person, Standing

_KINDS: Final = {"user_id": "user id", "email": "address", "anonymous_id": "device"}
_SUPPRESSED: Final = {
    "hard_bounce": "mail to it bounced for good",
    "soft_bounces": "its mailbox was full for weeks",
    "complaint": "mail was marked as spam",
    "manual": "blocked by hand",
    "erased": "the person was erased",
}
_SOURCES: Final = {
    "api": "your shop's back end",
    "write_key": "an Unsubscribed call",
    "link": "the unsubscribe page",
    "one_click": "the button of their mail program",
    "preferences": "the preferences page",
    "import": "an import",
}


def lines(explanation: Explanation, zone: str = "") -> list[str]:
    """The explanation as lines to read, indented by what belongs to what.

    ``zone``: an IANA name, for all times; empty: the person's own.
    """
    person = explanation.person
    times = Times(zone or person.zone, own=zone in {"", person.zone})
    said = _person(person, times)
    if explanation.story:
        said += ["", "What happened"]
    day = ""
    for happening in explanation.story:
        if times.day(happening.at) != day:
            day = times.day(happening.at)
            said.append(f"  {day}")
        said.append(f"    {times.clock(happening.at)}  {sentence(happening, times)}")
    if explanation.standing or explanation.coming:
        said += ["", "Now and next"]
        said += [f"  {_standing(one, times, explanation)}" for one in explanation.standing]
        said += [f"  {_coming(one, times, explanation)}" for one in explanation.coming]
    if explanation.absences:
        said += ["", "Never entered"]
        said += [f"  {_absence(one, times)}" for one in explanation.absences]
    if explanation.belongings:
        said += ["", "Segments"]
        said += [f"  {_belonging(one, times, explanation)}" for one in explanation.belongings]
    return said


def _person(person: Person, times: Times) -> list[str]:
    address = "" if person.name == person.address else f"{person.address or 'no valid address'}, "
    said = [f"{person.name}: {address}{times.whose}"]
    more = [f"{_KINDS.get(kind, kind)} {value}" for kind, value in person.identifiers if value != person.name]
    said.append(f"  profile {person.profile}" + (f", also known by {', '.join(more)}" if more else ""))
    if person.suppressed is not None:
        why = _SUPPRESSED.get(person.suppressed.reason, person.suppressed.reason)
        since = f" since {times.full(person.suppressed.since)}" if person.suppressed.since else ""
        said.append(f"  Nothing is written to this address{since}: {why}.")
    return said + [f"  {_consent(consent, times)}" for consent in person.consents]


def _consent(consent: Consent, times: Times) -> str:
    if consent.at is None:
        said = "nothing said, mail is allowed until they withdraw" if consent.allowed else "nothing said, so no mail"
        return f"{consent.topic}: {said}."
    word = "agreed" if consent.granted else "withdrew"
    flow = consent.source.partition("/")[2]
    through = f"flow {flow}" if flow else _SOURCES.get(consent.source, consent.source or "an unknown source")
    return f"{consent.topic}: {word} on {times.full(consent.at)}, through {through}."


def _standing(standing: Standing, times: Times, explanation: Explanation) -> str:
    where = f"{standing.flow}{f' ({standing.key})' if standing.key else ''}"
    step = f"{standing.step} ({standing.doing})" if standing.step else "a step that is not there any more"
    rounds = "".join(f", round {number} of {name}" for name, number in standing.rounds.items())
    arms = "".join(f", in arm {arm} of {name}" for name, arm in standing.arms.items())
    said = f"{where}: at {step}{rounds}{arms} since {times.full(standing.since)}. "
    if standing.paused:
        said += "The flow stands still; nothing moves until it is resumed."
    elif standing.goes_on is None and standing.doing.startswith("webhook:"):
        said += "Waits for the answer."
    elif standing.goes_on is None:
        said += "The mail is being rendered."
    elif standing.goes_on <= explanation.now:
        said += f"Due since {times.full(standing.goes_on)}: a worker takes it next."
    elif standing.held_back:
        said += f"Held back until {times.until(standing.goes_on, explanation.now)}."
    else:
        said += f"Goes on at {times.until(standing.goes_on, explanation.now)}."
    if standing.then:
        said += f" Then {' or '.join(standing.then)}."
    return said + (" Held out to compare: gets nothing from it." if standing.held_out else "")


def _coming(one: Coming, times: Times, explanation: Explanation) -> str:
    return f"{one.flow}: {one.key} comes at {times.until(one.at, explanation.now)}."


def _absence(absence: Absence, times: Times) -> str:
    events = " or ".join(absence.events)
    last = "" if absence.last is None else times.full(absence.last)
    match absence.why:
        case Absent.NO_EVENT if not events:
            return f"{absence.flow}: it is entered by hand, and nobody has put them in."
        case Absent.REFUSED if not events:
            return f"{absence.flow}: put in by hand; refused last on {last}: {absence.reason.replace('_', ' ')}."
        case Absent.NO_EVENT:
            return f"{absence.flow}: {events} has never come."
        case Absent.BEFORE:
            return f"{absence.flow}: {events} came last on {last}, before the flow was published."
        case Absent.NO_MATCH:
            return f"{absence.flow}: {events} came {_times(absence.came)}, last on {last}, but not as the trigger asks."
        case Absent.REFUSED:
            reason = absence.reason.replace("_", " ")
            came = f" came {_times(absence.came)}" if absence.came else ""
            return f"{absence.flow}: {events}{came}; refused last on {last}: {reason}."


def _belonging(one: Belonging, times: Times, explanation: Explanation) -> str:
    since = "" if one.since is None or not one.inside else f" since {times.full(one.since)}"
    parts = [part.condition for part in one.parts if part.holds is one.inside]
    why = f"{'; '.join(parts)}{' holds' if one.inside else ' does not hold'}"
    turn = (
        "" if one.may_turn_at is None else f" Time may change that at {times.until(one.may_turn_at, explanation.now)}."
    )
    figures = [
        f"{ref} has no figure" if value is None else f"{ref} is {_figure(value, times)}"
        for ref, value in (one.figures or {}).items()
    ]
    known = f" {', '.join(figures)}." if figures else ""
    return f"{one.segment}: {'in' if one.inside else 'not in'}{since}: {why}.{known}{turn}"


def _figure(value: object, times: Times) -> str:
    return times.full(value) if isinstance(value, datetime) else str(value)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
