"""Plays a history through the flows, one row at a time, on a virtual clock.

The order of things is rule 1: at one moment first all lines, as taken in; then, profile by profile,
what is due, picked anew after every single step; then what that emitted is taken in as events;
and again, until nothing is due.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
import sys
from collections import Counter, deque
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, TextIO

from tests.oracle import almanac
from tests.oracle.almanac import add, back, duration, stamp
from tests.oracle.arms import arm_of, weights_of
from tests.oracle.buyers import figures
from tests.oracle.catalogue import Change, in_stock, lasting, of_line
from tests.oracle.conditions import FIGURES, Scene, best_of, holds, member, reference, same, subscribed
from tests.oracle.identities import Register, absorb, valid_address
from tests.oracle.membership import next_change
from tests.oracle.occasions import Occasion, changed, occasions
from tests.oracle.people import Enrollment, Event, Flip, Frame, Letter, Profile, World
from tests.oracle.ranking import best, rankings
from tests.oracle.reading import Flow, Json, Message, Workspace, listed, verb_of
from tests.oracle.shopping import products, sku
from tests.oracle.templates import Unrenderable, letter, surroundings, valued

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Line = dict[str, Json]

DEDUPE_MS = 30 * 86_400_000  # rule 15
BEST_HOUR_FROM = 5  # opens and clicks
OFFERS = ("price_drop", "back_in_stock", "reorder_due")
ROUNDS = 10_000  # a guard of the oracle's own: a workspace that emits for ever is refused at check


@dataclass(frozen=True)
class Call:
    """One line of the history with its two times."""

    arrival: int
    own: int
    message_id: str
    text: str  # canonical JSON: breaks the last ties, so that the order of lines is nothing
    body: dict[str, Json]


@dataclass(frozen=True)
class Happening:
    """One line of output before its profile has a name."""

    at: int
    profile: Profile
    line: dict[str, Json]


@dataclass(frozen=True)
class Candidate:
    """What may start a flow, with the reason why it does not."""

    flow: Flow
    key: str
    refused: str | None
    event: Event
    origin: Json


def _turn_of_call(one: Call) -> tuple[int, int, str, str]:
    return one.arrival, one.own, one.message_id, one.text


def call(body: dict[str, Json], zone: ZoneInfo) -> Call:
    """Read one line. Rule 5: timed after its arrival means timed at its arrival."""
    own = stamp(body["timestamp"], zone)
    assert own is not None, body
    arrival = stamp(body.get("receive_at"), zone)
    arrival = own if arrival is None else arrival
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Call(arrival, min(own, arrival), str(body.get("messageId") or ""), text, body)


class Engine:
    """The whole of the oracle's memory, and what happens to it."""

    def __init__(self, workspace: Workspace, seed: int = 0, report: TextIO | None = None) -> None:
        """Start empty; what is skipped is told to ``report`` (standard error)."""
        self.workspace = workspace
        self.settings = workspace.settings
        self.seed = seed
        self.report = report or sys.stderr
        self.world = World(workspace.segments, dict(workspace.products))
        self.changes: list[Change] = []  # of the catalogue, at this moment
        self.flows = [workspace.flows[name] for name in sorted(workspace.flows)]
        self.timed = [flow for flow in self.flows if any("event" not in form for form in flow.triggers)]
        forms = [form for flow in self.flows for form in flow.triggers + flow.exit_on]
        self.watched = sorted({form["segment"] for form in forms if "segment" in form})
        self.rankings = [one for where in workspace.segments.values() for one in rankings(where)]
        said = json.dumps(
            [workspace.segments, [[flow.audience, flow.triggers, flow.exit_on, flow.steps] for flow in self.flows]]
        )
        self.foresees = any(root in said for root in FIGURES)
        self.learns = any("reorder_due" in form for form in forms)
        self.known: dict[Profile, None] = {}
        self.dealt: dict[
            str, dict[Profile, None]
        ] = {}  # product -> who has looked at it, carted, wished for or bought it
        self.register = Register(self.settings.merge_by_email, self._merge)
        self.lines: list[Happening] = []
        self.wakes: list[tuple[int, int, Enrollment]] = []
        self.timers: list[tuple[int, int, Profile]] = []
        self.emitted: dict[Profile, list[Event]] = {}
        self.suppressed: set[str] = set()
        self.taken: dict[str, int] = {}  # messageId -> arrival of the one that counted
        self.calls: deque[Call] = deque()
        self.figures: int | None = None  # when they are made next
        self.counter = 0
        self.now = 0

    # -- the loop ----------------------------------------------------------------------------

    def play(self, bodies: list[dict[str, Json]], until: int | None = None) -> None:
        """Take every line in at its arrival and do everything at its time."""
        self.calls = deque(sorted((call(body, self.settings.zone) for body in bodies), key=_turn_of_call))
        if not self.calls:
            return
        if until is None:
            until = add(self.calls[-1].arrival, duration("1y"), self.settings.zone)
        if self.rankings or self.foresees or self.learns:
            self.figures = self._next_figures(self.calls[0].arrival)
        while (moment := self._next_moment()) is not None and moment <= until:
            self.now = moment
            roots = {profile.now_known_as() for profile in self._touched()}
            for profile in sorted(roots, key=lambda one: one.number):
                self._set_timer(profile, self._settle(profile))

    def _next_moment(self) -> int | None:
        moments = [self.calls[0].arrival] if self.calls else []
        moments += [queue[0][0] for queue in (self.wakes, self.timers) if queue]
        moments += [] if self.figures is None else [self.figures]
        return min(moments, default=None)

    def _touched(self) -> dict[Profile, None]:
        """Take in the lines of this moment; give the profiles for whom there is something to do."""
        touched: dict[Profile, None] = {}
        self.changes = []
        while self.calls and self.calls[0].arrival == self.now:
            profile = self._line(self.calls.popleft())
            if profile is not None:
                touched[profile] = None
        while self.wakes and self.wakes[0][0] <= self.now:
            touched[heapq.heappop(self.wakes)[2].profile] = None
        while self.timers and self.timers[0][0] <= self.now:
            touched[heapq.heappop(self.timers)[2]] = None
        self.known.update(dict.fromkeys(profile.now_known_as() for profile in touched))
        if self.now == self.figures:
            touched |= self._rank()
            self.figures = self._next_figures(self.now + 1)
        for change in self.changes:
            touched |= self.dealt.get(sku(change.product), {})
        return touched

    def _next_figures(self, moment: int) -> int:
        """Rule 29: daily at 03:00 of the workspace."""
        return almanac.next_clock(moment, almanac.clock_time("03:00"), None, self.settings.zone)

    def _rank(self) -> dict[Profile, None]:
        """Reckon anew what buyers are like, who is among the best, and how long products last; gives those to whom it matters."""
        everybody = dict.fromkeys(profile.now_known_as() for profile in self.known)
        concerned: dict[Profile, None] = {}
        if self.foresees:
            self.world.buyers = figures(everybody, self.now)
            concerned = everybody
        if self.learns:
            before, now = self.world.lasting, lasting(everybody, self.world.products.values(), self.now)
            self.world.lasting = now
            for name in before.keys() | now.keys():
                if before.get(name) != now.get(name):
                    concerned |= self.dealt.get(name, {})
        for ranking in self.rankings:
            before_best = self.world.best.get(best_of(ranking), set())
            among = best(ranking, [self._scene(profile) for profile in everybody])
            self.world.best[best_of(ranking)] = among
            concerned |= dict.fromkeys(sorted(among ^ before_best, key=lambda one: one.number))
        return concerned

    def _set_timer(self, profile: Profile, known: list[Occasion]) -> None:
        """Wake the profile at the next moment at which time alone does something."""
        ahead = [o for o in known if o.moment > self.now]
        coming = [o.moment for o in ahead]
        profile.ahead = self._scene(profile).zone, frozenset((o.flow.name, o.key) for o in ahead)
        changes = next_change(self.watched, self._scene(profile))
        coming += [] if changes is None else [changes]
        if coming:
            heapq.heappush(self.timers, (min(coming), profile.number, profile))

    def _occasions(self, profile: Profile) -> list[Occasion]:
        scene = self._scene(profile)
        zone, ahead = profile.ahead
        moved = ahead if zone is not None and zone is not scene.zone else frozenset()
        found = [one for flow in self.timed for one in occasions(flow, scene, moved)]
        return found + [one for flow in self.timed for one in changed(flow, self.changes, scene)]

    def _settle(self, profile: Profile) -> list[Occasion]:
        """Do all that is to be done for a profile at this moment; gives the occasions that it is left with."""
        comes, found = True, []
        for _ in range(ROUNDS):
            self._reconsider(profile)
            # What comes by time starts flows as events do: after those of the moment, before what is due.
            if comes:
                found = self._occasions(profile)
                self._come(profile, found)
            due = [e for e in profile.active if e.wake <= self.now]
            if due:
                turn = min(due, key=_turn)
                comes = verb_of(turn.step) == "set"  # of all steps this one alone can bring a date
                self._step(turn)
                continue
            events = self.emitted.pop(profile, [])
            if not events:
                return found
            comes = True
            for event in events:
                self._event(profile, event)
        message = f"no end at {almanac.iso(self.now)} for {profile.name()}"
        raise RuntimeError(message)

    def _next(self) -> int:
        self.counter += 1
        return self.counter

    def _say(self, profile: Profile, at: int, line: dict[str, Json]) -> None:
        if line["kind"] == "enrollment" and line["flow"].startswith("broadcast/"):
            return  # nobody is enrolled in a broadcast
        self.lines.append(Happening(at, profile, line))

    # -- lines of the history ------------------------------------------------------------------

    def _line(self, taken: Call) -> Profile | None:
        body = taken.body
        if self._repeated(taken):
            return None
        kind = body["type"]
        if kind == "product":
            self._product(taken)
            return None
        if kind == "engage":
            engaged = self._engage(taken)
            if engaged is not None:
                self._reconsider(engaged)
            return engaged
        profile = self.register.resolve(body, taken.own, self._next())
        if profile is None:
            self.report.write(f"nobody named, skipped: {taken.text}\n")
            return None
        if kind == "identify":
            for key, value in (body.get("traits") or {}).items():
                profile.write(key, value, taken.own, self._next())
        elif kind in {"track", "page", "screen"}:
            self._event(profile, self._named(taken))
        elif kind == "consent":
            event = self._consent(profile, body["topic"], body["did"], taken.own)
            self._event(profile, event)
        self._reconsider(profile)
        return profile

    def _repeated(self, taken: Call) -> bool:
        """Rule 15: a repeated messageId does nothing."""
        before = self.taken.get(taken.message_id) if taken.message_id else None
        if before is not None and taken.arrival - before <= DEDUPE_MS:
            return True
        self.taken[taken.message_id] = taken.arrival
        return False

    def _product(self, taken: Call) -> None:
        """What is said of a product; what is not said of it stays."""
        said = of_line(taken.body)
        before = self.world.products.get(sku(said))
        now = self.world.products[sku(said)] = {**(before or {}), **said}
        if in_stock(now) and sku(said) not in self.workspace.products:
            self.world.since.setdefault(sku(said), self.now)
        if before is not None:
            self.changes.append(Change(self.now, now, before))

    def _named(self, taken: Call) -> Event:
        body = taken.body
        properties = dict(body.get("properties") or {})
        if body["type"] == "track":
            name = body["event"]
        else:
            name = "Page Viewed" if body["type"] == "page" else "Screen Viewed"
            if body.get("name") is not None:
                properties["name"] = body["name"]
        context = body.get("context") or {}
        return Event(name, taken.own, self._next(), properties, context)

    def _consent(self, profile: Profile, topic: str, did: str, at: int) -> Event:
        profile.consented(topic, at, withdrawn=did == "unsubscribed")
        name = "Unsubscribed" if did == "unsubscribed" else "Subscribed"
        return Event(name, at, self._next(), {"topic": topic}, {})

    def _engage(self, taken: Call) -> Profile | None:
        body = taken.body
        profile = self.register.known(body, taken.own)
        letters = [] if profile is None else profile.letters
        fitting = [x for x in letters if x.message == body["message"] and x.at <= taken.own]
        if profile is None or not fitting:
            self.report.write(f"no such message, skipped: {taken.text}\n")
            return None
        newest = max(enumerate(fitting), key=lambda pair: (pair[1].at, pair[0]))[1]
        facts: dict[str, Json] = {"message": newest.message, "flow": newest.flow, "step": newest.step}
        did = body["did"]
        if did in {"opened", "clicked"} and body.get("machine"):
            return profile  # what machines do does not count
        if did == "opened":
            newest.opens.append(taken.own)
            self._event(profile, Event("Message Opened", taken.own, self._next(), facts, {}))
        elif did == "clicked":
            newest.clicks.append((taken.own, body.get("url")))
            facts["url"] = body.get("url")
            self._event(profile, Event("Message Clicked", taken.own, self._next(), facts, {}))
        elif did == "unsubscribed":
            topic = newest.topic or ""
            event = self._consent(profile, topic, did, taken.own)
            event.properties.update(facts)
            self._event(profile, event)
        else:  # rule 34: a bounce is a hard one; a complaint suppresses just so
            self.suppressed.add(newest.address)
            name = "Message Bounced" if did == "bounced" else "Message Complained"
            self._event(profile, Event(name, taken.own, self._next(), facts, {}))
        return profile

    # -- one event ---------------------------------------------------------------------------

    def _scene(self, profile: Profile, **more: Json) -> Scene:
        return Scene(self.settings, profile, self.now, self.world, **more)

    def _event(self, profile: Profile, event: Event) -> None:
        """Rule 1: properties, exits, conversions, waits for it, then triggers."""
        profile.remember(event)
        for one in products(event):
            self.dealt.setdefault(sku(one), {})[profile] = None
        flips = self._flips(profile)
        for enrollment in sorted(profile.active, key=_place):
            if self._ends(enrollment, event) or self._ends_by(enrollment, flips):
                self._leave(enrollment, "exit_on")
        for enrollment in list(profile.active):
            self._awaited(enrollment, event)
        # All that an event may start is judged before any of it begins: none is "enrolled" for another by the same event.
        judged = [found for flow in self.flows if (found := self._judge(flow, profile, event)) is not None]
        judged += self._judge_flips(profile, flips)
        for candidate in sorted(judged, key=lambda one: one.flow.name):
            self._trigger(candidate, profile)

    # -- segments ------------------------------------------------------------------------------

    def _flips(self, profile: Profile) -> list[Flip]:
        """Which segments the profile has entered or left since it was last asked."""
        scene, found = self._scene(profile), []
        for name in self.watched:
            if member(name, scene) != (name in profile.inside):
                profile.inside ^= {name}
                found.append(Flip(self.now, name, "enter" if name in profile.inside else "leave"))
        profile.flips += found
        return found

    def _reconsider(self, profile: Profile) -> None:
        """What follows where something other than an event has changed who is in a segment: exits, then triggers."""
        for _ in range(ROUNDS):
            flips = self._flips(profile)
            if not flips:
                return
            for enrollment in sorted(profile.active, key=_place):
                if self._ends_by(enrollment, flips):
                    self._leave(enrollment, "exit_on")
            for candidate in self._judge_flips(profile, flips):
                self._trigger(candidate, profile)
        message = f"no end of flips at {almanac.iso(self.now)} for {profile.name()}"
        raise RuntimeError(message)

    def _ends_by(self, enrollment: Enrollment, flips: list[Flip]) -> bool:
        """Rule 2: exits look at what is later than the entry."""
        return any(
            flip.at > enrollment.entry and _concerns(form, flip) for flip in flips for form in enrollment.flow.exit_on
        )

    def _judge_flips(self, profile: Profile, flips: list[Flip]) -> list[Candidate]:
        found = []
        for flow in self.flows:
            for flip in flips:
                if any(_concerns(form, flip) for form in flow.triggers):
                    event = Event("", flip.at, self._next(), {"segment": flip.segment}, {})
                    scene = self._scene(profile, start=event)
                    key = _key(reference(flow.per, scene)) if flow.per else ""
                    times = profile.entries.get((flow.name, key), [])
                    refused = self._objection(flow, key, times, scene)
                    found.append(Candidate(flow, key, refused, event, ("segment", flip.segment, flip.at)))
        return found

    def _matches(self, form: dict[str, Json], event: Event, profile: Profile, start: Event) -> bool:
        """``{event, where, same}``: does the event fit it?"""
        if form.get("event") != event.name:
            return False
        if "same" in form and not same(form["same"], event, start):
            return False
        return holds(form.get("where"), self._scene(profile, start=start, tested=event))

    def _ends(self, enrollment: Enrollment, event: Event) -> bool:
        """Rule 2: exits look at events whose own time is later than the entry's."""
        return event.at > enrollment.entry and any(
            self._matches(form, event, enrollment.profile, enrollment.event) for form in enrollment.flow.exit_on
        )

    def _awaited(self, enrollment: Enrollment, event: Event) -> None:
        """Rule 2: later than the reaching of the step, up to the deadline; the earliest counts."""
        if "wait_for" not in enrollment.step:
            return
        form = enrollment.step["wait_for"]
        if not enrollment.reached < event.at <= enrollment.due:
            return
        if enrollment.came and enrollment.due <= event.at:
            return
        if any(self._matches(one, event, enrollment.profile, enrollment.event) for one in form.get("any") or [form]):
            enrollment.came, enrollment.due = True, event.at
            self._sleep(enrollment, event.at)

    def _judge(self, flow: Flow, profile: Profile, event: Event) -> Candidate | None:
        """Whether the event is a trigger of the flow: its key, and why it does not enroll."""
        fits = [t for t in flow.triggers if self._matches(t, event, profile, event)]
        if not fits:
            return None
        scene = self._scene(profile, start=event)
        key = _key(reference(flow.per, scene)) if flow.per else ""
        if all(event.at < scene.ago(t.get("max_age") or flow.max_age) for t in fits):
            return Candidate(flow, key, "too_old", event, event)
        times = profile.entries.get((flow.name, key), [])
        return Candidate(flow, key, self._objection(flow, key, times, scene), event, event)

    def _come(self, profile: Profile, found: list[Occasion]) -> None:
        """Fire the occasions whose moment it is: all are judged before any of them begins."""
        come = [o for o in found if o.moment == self.now]
        come = [o for o in come if (o.flow.name, _once(o)) not in profile.fired]
        come = [o for o in come if o.segment is None or member(o.segment, self._scene(profile))]
        entered: set[str] = set()
        for candidate in [self._fire(o, profile) for o in sorted(come, key=_turn_of_occasion)]:
            one, name = candidate, candidate.flow.name
            if one.refused is None and name in entered and one.flow.reentry.after is not None:
                one = replace(
                    one, refused="reentry"
                )  # two occasions of a flow at one moment: the first was the last entry
            self._trigger(one, profile)
            entered |= {name} if one.refused is None else set()

    def _fire(self, occasion: Occasion, profile: Profile) -> Candidate:
        """Rule 13: each occurrence is a key of its own, but a time given in ``reentry`` counts over all."""
        flow, key = occasion.flow, occasion.key
        profile.fired.add((flow.name, _once(occasion)))
        event = Event("", self.now, self._next(), occasion.facts, {})
        times = [at for (name, _), entered in profile.entries.items() if name == flow.name for at in entered]
        if flow.reentry.after is None:
            times = profile.entries.get((flow.name, key), [])
        refused = self._objection(flow, key, times, self._scene(profile, start=event))
        return Candidate(flow, key, refused, event, occasion.mark)

    def _trigger(self, candidate: Candidate, profile: Profile) -> None:
        flow, key, event = candidate.flow, candidate.key, candidate.event
        refused = candidate.refused
        if refused is None and any(e.flow is flow and e.key == key for e in profile.active):
            refused = "active"  # the flow has two triggers, and both fired at once
        if refused is not None:
            line = {"kind": "enrollment", "flow": flow.name, "state": "refused", "reason": refused}
            self._say(profile, self.now, line)
            return
        profile.entries.setdefault((flow.name, key), []).append(event.at)
        line = {"kind": "enrollment", "flow": flow.name, "state": "entered", "key": key}
        self._say(profile, event.at, line)
        enrollment = Enrollment(flow, key, event.at, event, candidate.origin, self._next(), profile)
        profile.active.append(enrollment)
        names = {form["event"] for form in flow.exit_on if "event" in form}
        known = [e for name in names for _, _, e in profile.events.get(name, [])]
        if any(self._ends(enrollment, one) for one in known) or self._ends_by(enrollment, profile.flips):
            self._leave(enrollment, "exit_on")
            return
        enrollment.frames = [Frame(flow.steps)]
        self._arrive(enrollment, event.at)

    def _objection(self, flow: Flow, key: str, times: list[int], scene: Scene) -> str | None:
        """Why the trigger does not enroll: the reasons in their order. ``times`` are the entries that re-entry counts."""
        event, profile = scene.start, scene.profile
        assert event is not None
        if not holds(flow.audience, scene):
            return "audience"
        if any(e.flow is flow and e.key == key for e in profile.active):
            return "active"
        if not times or flow.reentry.always:
            return None
        if flow.reentry.after is None:
            return "reentry"
        opens = add(max(times), flow.reentry.after, scene.zone)
        return None if event.at >= opens else "reentry"

    # -- merging (rule 30) -----------------------------------------------------------------------

    def _merge(self, stays: Profile, goes: Profile) -> None:
        mine, theirs = list(stays.active), list(goes.active)
        from_me = [e for events in stays.events.values() for _, _, e in events]
        from_them = [e for events in goes.events.values() for _, _, e in events]
        absorb(stays, goes)
        self.world.absorb(stays, goes)
        self.emitted.setdefault(stays, []).extend(self.emitted.pop(goes, []))
        stays.active += theirs
        for enrollment in theirs:
            enrollment.profile = stays
        for one in sorted(mine, key=_place):
            for other in theirs:
                if one.flow is other.flow and one.key == other.key:
                    later = max(one, other, key=lambda e: (e.entry, e.seq))
                    self._leave(later, "merged")
        for enrollment in sorted(stays.active, key=_place):
            news = from_them if enrollment in mine else from_me
            news = sorted(news, key=lambda e: (e.at, e.seq))
            if any(self._ends(enrollment, event) for event in news):
                self._leave(enrollment, "exit_on")
                continue
            for event in news:
                self._awaited(enrollment, event)

    # -- steps ---------------------------------------------------------------------------------

    def _sleep(self, enrollment: Enrollment, until: int) -> None:
        enrollment.wake = until
        heapq.heappush(self.wakes, (max(until, self.now), enrollment.seq, enrollment))

    def _leave(self, enrollment: Enrollment, reason: str) -> None:
        enrollment.active = False
        enrollment.profile.active.remove(enrollment)
        line = {"kind": "enrollment", "flow": enrollment.flow.name}
        line |= {"state": "exited", "reason": reason}
        self._say(enrollment.profile, self.now, line)

    def _arrive(self, enrollment: Enrollment, at: int) -> None:
        """Reach the next step (or the end) at a moment; compute when it is due, once (rule 6)."""
        while enrollment.frames and enrollment.frames[-1].place == len(enrollment.frames[-1].steps):
            if self._another_round(enrollment, enrollment.frames[-1], at):
                return
            enrollment.frames.pop()
        if not enrollment.frames:
            self._leave(enrollment, "finished")
            return
        frame = enrollment.frames[-1]
        step = frame.steps[frame.place]
        frame.place += 1
        enrollment.step, enrollment.reached, enrollment.came = step, at, False
        enrollment.reached_at[step["id"]] = at
        enrollment.due = self._due(enrollment, step, at)
        self._sleep(enrollment, enrollment.due)
        if "wait_for" in step:
            form = step["wait_for"]
            names = {one["event"] for one in form.get("any") or [form]}
            for name in sorted(names):
                for _, _, event in enrollment.profile.events.get(name, []):
                    self._awaited(enrollment, event)

    def _another_round(self, enrollment: Enrollment, frame: Frame, at: int) -> bool:
        """Rule 31: the next round is due ``every`` after the one before began, or when it ended if that is later."""
        if frame.repeat is None or frame.rounds == frame.repeat["repeat"]["times"]:
            return False
        every = duration(frame.repeat["repeat"].get("every", "0s"))
        zone = self._scene(enrollment.profile).zone
        enrollment.step, enrollment.reached, enrollment.came = frame.repeat, at, False
        enrollment.due = max(at, add(frame.began, every, zone))
        self._sleep(enrollment, enrollment.due)
        return True

    def _round(self, enrollment: Enrollment, step: dict[str, Json], scene: Scene) -> None:
        """Begin the first or the next round, or be done with them where ``while`` does not hold."""
        frame = enrollment.frames[-1]
        if frame.repeat is not step:
            frame = Frame(step["repeat"]["steps"], repeat=step)
            enrollment.frames.append(frame)
        if holds(step["repeat"].get("while"), scene):
            frame.place, frame.rounds, frame.began = 0, frame.rounds + 1, enrollment.due
        else:
            enrollment.frames.pop()

    def _due(self, enrollment: Enrollment, step: dict[str, Json], at: int) -> int:
        profile = enrollment.profile
        scene = self._scene(profile, start=enrollment.event, enrollment=enrollment)
        if "wait_for" in step:
            return add(at, duration(step["wait_for"]["at_most"]), scene.zone)
        if "wait" not in step:
            return at
        wait = step["wait"]
        if isinstance(wait, str):
            return add(at, duration(wait), scene.zone)
        until = wait["until"]
        if until == "best_hour":
            return self._best_hour(profile, at, wait.get("at_most"), scene)
        if re.fullmatch(r"\d{1,2}:\d{2}", until):
            zone = {"profile": scene.zone, "workspace": self.settings.zone}.get(
                wait.get("zone", "profile")
            ) or almanac.zone(wait["zone"])
            assert zone is not None
            days = listed(wait.get("on")) or None
            return almanac.next_clock(at, almanac.clock_time(until), days, zone)
        moment = stamp(reference(until, scene)[0], self.settings.zone)
        if moment is None:
            return at
        return max(at, add(moment, duration(wait.get("offset", "0s")), scene.zone))

    def _best_hour(self, profile: Profile, at: int, at_most: str | None, scene: Scene) -> int:
        """The next time that it is the hour of the day at which the profile, else the workspace, opens and clicks most."""
        everybody = dict.fromkeys(one.now_known_as() for one in self.known)
        best = _busiest([self._scene(profile)]) or _busiest([self._scene(one) for one in everybody])
        if best is None or almanac.wall(at, scene.zone).hour == best[0]:
            return at
        due = almanac.next_clock(at, almanac.clock_time(f"{best[0]}:00"), None, scene.zone)
        return due if at_most is None else min(due, add(at, duration(at_most), scene.zone))

    def _step(self, enrollment: Enrollment) -> None:
        """Do the step an enrollment stands at, whose time has come."""
        step, verb = enrollment.step, verb_of(enrollment.step)
        scene = self._scene(enrollment.profile, start=enrollment.event, enrollment=enrollment)
        goes_on = enrollment.due  # rule 4: from when the step was due ...
        if verb == "send":
            if not self._decide(enrollment, step, scene):
                return  # postponed: it stays at the step
            goes_on = self.now  # ... but behind a send from when it was really decided
        elif verb == "exit" or (verb == "coupon" and not self._coupon(enrollment, step, scene)):
            self._leave(enrollment, step.get("exit") or "no_coupon")
            return
        elif verb in {"wait_for", "branch", "split", "repeat"}:
            self._fork(enrollment, verb, step, scene)
        else:
            self._write(enrollment, verb, step)
        self._arrive(enrollment, goes_on)

    def _fork(self, enrollment: Enrollment, verb: str, step: dict[str, Json], scene: Scene) -> None:
        """Go into the steps of an arm, or of a round."""
        if verb == "wait_for":
            arm = step["wait_for"].get("then" if enrollment.came else "else")
            enrollment.frames.append(Frame(arm or []))
        elif verb == "branch":
            self._branch(enrollment, step["branch"], scene)
        elif verb == "split":
            self._split(enrollment, step["split"])
        else:
            self._round(enrollment, step, scene)

    def _write(self, enrollment: Enrollment, verb: str, step: dict[str, Json]) -> None:
        """Change what is known of the profile; ``webhook`` and ``notify`` reach nobody in a simulation."""
        if verb == "set":
            self._set(enrollment, step["set"])
        elif verb == "track":
            self._track(enrollment, step["track"])
        elif verb in {"subscribe", "unsubscribe"}:
            event = self._consent(enrollment.profile, step[verb], f"{verb}d", self.now)
            event.properties |= {"flow": enrollment.flow.name, "step": step["id"], "message": None}
            self._emit(enrollment.profile, event)

    def _emit(self, profile: Profile, event: Event) -> None:
        self.emitted.setdefault(profile, []).append(event)

    def _branch(self, enrollment: Enrollment, arms: list[dict[str, Json]], scene: Scene) -> None:
        for arm in arms:
            if "else" in arm:
                enrollment.frames.append(Frame(arm["else"] or []))
                return
            if holds(arm["if"], scene):
                enrollment.frames.append(Frame(arm["steps"] or []))
                return

    def _split(self, enrollment: Enrollment, form: dict[str, Json]) -> None:
        """Go the way of the profile's arm; no winner is ever proven here (rule 32)."""
        weights = weights_of(form["arms"])
        if form.get("settles"):
            arm = self._settled(form, enrollment.due)
        else:
            arm = arm_of(enrollment.profile.die, form["name"], weights, self.seed)
            held_out = self._held_out(enrollment.profile, enrollment.flow)
            drawn = self.world.drawn.setdefault(form["name"], {})
            drawn.setdefault(enrollment.profile, (arm, self.now, held_out))
        enrollment.arms[form["name"]] = arm
        enrollment.frames.append(Frame(form["arms"][arm].get("steps") or []))

    def _settled(self, form: dict[str, Json], at: int) -> str:
        """What a test on a part has shown when the first of the rest is due: the best measure, the first named of equals."""
        name = form["name"]
        if name not in self.world.settled:
            assert form["winner"]["by"] == "clicked", "the oracle counts no other"
            drawn = self.world.drawn[name]
            self.world.settled[name] = max(form["arms"], key=lambda arm: _clicked_share(drawn, name, arm, at))
        return self.world.settled[name]

    def _coupon(self, enrollment: Enrollment, step: dict[str, Json], scene: Scene) -> bool:
        """Take a code; the held out take none (rule 25). False: the pool is empty, and that ends the enrollment."""
        form = step["coupon"]
        if self._held_out(enrollment.profile, enrollment.flow):
            return True
        pool, gone = self.workspace.pools[form["pool"]], self.world.taken.get(form["pool"], 0)
        if pool.codes is not None and gone == len(pool.codes):
            return bool(form.get("if_empty", "continue") == "continue")
        self.world.taken[form["pool"]] = gone + 1
        # Which code it is the specification leaves open; only where there is but one it can be compared.
        code = pool.pattern.replace("?", str(gone % 10)) if pool.codes is None else pool.codes[gone]
        found: dict[str, Json] = {"code": code, "discount": pool.discount}
        if "expires" in form:
            found["expires_at"] = almanac.iso(add(self.now, duration(form["expires"]), scene.zone))
        enrollment.coupons[form["as"]] = found
        return True

    def _around(self, enrollment: Enrollment) -> dict[str, Json]:
        locale = enrollment.profile.get("locale") or self.settings.locale
        return surroundings(enrollment, self.settings, locale, self.now)

    def _set(self, enrollment: Enrollment, values: dict[str, Json]) -> None:
        profile, around = enrollment.profile, self._around(enrollment)
        for text, value in values.items():
            try:
                found = valued(value, around)
            except Unrenderable:
                continue  # the property is left as it was
            _, key, *inner = text.split(".")
            for part in reversed(inner[1:]):
                found = {part: found}
            if inner:
                held = profile.get(key)
                found = {**(held if isinstance(held, dict) else {}), inner[0]: found}
            profile.write(key, found, self.now, self._next())

    def _track(self, enrollment: Enrollment, form: dict[str, Json]) -> None:
        try:
            properties = valued(form.get("properties") or {}, self._around(enrollment))
        except Unrenderable:
            return
        event = Event(form["event"], self.now, self._next(), properties, {})
        self._emit(enrollment.profile, event)

    # -- deciding --------------------------------------------------------------------------------

    def _held_out(self, profile: Profile, flow: Flow) -> bool:
        for scope, percentage in ((flow.name, flow.holdout), ("", self.settings.holdout)):
            text = f"{self.seed}:holdout:{scope}:{profile.die}"
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            if int(digest[:8], 16) / 2**32 < percentage:
                return True
        return False

    def _decide(self, enrollment: Enrollment, step: dict[str, Json], scene: Scene) -> bool:
        """Decide one send: the first check that objects. False: postponed, it stays at the step."""
        profile, message = enrollment.profile, self.workspace.messages[step["send"]]
        topic = step.get("topic") or message.topic or self.settings.first_topic
        deadline = add(enrollment.due, duration(step.get("expires", "1d")), scene.zone)
        line: dict[str, Json] = {"kind": "message", "flow": enrollment.flow.name}
        line |= {"step": step["id"], "message": message.name}
        reason, until = self._forbidden(enrollment, message, topic, scene), None
        if reason is None and not holds(step.get("if"), scene):
            reason = "condition"
        elif reason is None:
            reason, until = self._untimely(enrollment, message, deadline, scene)
        if until is not None and until <= deadline:  # rule 8: exactly then is in time
            late = {"decision": "postponed", "reason": reason, "until": almanac.iso(until)}
            self._say(profile, self.now, line | late)
            self._sleep(enrollment, until)
            return False
        if reason is None:
            reason = self._send(enrollment, step["id"], message, topic, line)
        if reason is not None:
            self._say(profile, self.now, line | {"decision": "skipped", "reason": reason})
        return True

    def _forbidden(self, enrollment: Enrollment, message: Message, topic: str | None, scene: Scene) -> str | None:
        """The checks on the person: may this message go to this profile at all?"""
        profile = enrollment.profile
        address = profile.get("email")
        if not message.transactional and self._held_out(profile, enrollment.flow):
            return "held_out"
        if not valid_address(address):
            return "no_address"
        if address in self.suppressed:
            return "suppressed"
        if not message.transactional and not subscribed(profile, topic, scene.settings):
            return "no_consent"
        return None

    def _untimely(
        self, enrollment: Enrollment, message: Message, deadline: int, scene: Scene
    ) -> tuple[str | None, int | None]:
        """The checks on the moment: the reason, and until when the send could be postponed."""
        profile = enrollment.profile
        if self.now > deadline:
            return "expired", None
        if self._duplicate(enrollment, message.name, profile.get("email")):
            return "duplicate", None
        if message.transactional:
            return None, None
        if (until := self._quiet(scene.zone)) is not None:
            return "quiet_hours", until
        if (until := self._capped(profile, scene.zone)) is not None:
            return "frequency_cap", until
        return None, None

    def _duplicate(self, enrollment: Enrollment, message: str, address: str) -> bool:
        """Rule 14: another enrollment of the same trigger event has sent it to this address."""
        return any(
            one.enrollment is not enrollment
            and one.enrollment.origin == enrollment.origin
            and one.message == message
            and one.address == address
            for one in enrollment.profile.letters
        )

    def _quiet(self, zone: ZoneInfo) -> int | None:
        if self.settings.quiet is None:
            return None
        start, end = (almanac.clock_time(text) for text in self.settings.quiet)
        return almanac.quiet_until(self.now, start, end, zone)

    def _capped(self, profile: Profile, zone: ZoneInfo) -> int | None:
        """Rule 24: the first moment every cap allows, None where all allow now."""
        latest = None
        for messages, per in self.settings.caps:
            begins = back(self.now, per, zone)
            sent = sorted(one.at for one in profile.letters if one.marketing and one.at > begins)
            if len(sent) >= messages:
                # One more fits once the oldest of the newest N has left the window.
                frees = almanac.lets_go(sent[-messages], per, zone, self.now)
                latest = frees if latest is None else max(latest, frees)
        return latest

    def _send(self, enrollment: Enrollment, step: str, message: Message, topic: str | None, line: Line) -> str | None:
        """Render and hand over. Gives the reason where that cannot be."""
        profile = enrollment.profile
        try:
            locale, subject = letter(message, enrollment, self.settings, self.now)
        except Unrenderable:
            return "render_error"
        address = profile.get("email")
        profile.letters.append(
            Letter(
                at=self.now,
                message=message.name,
                flow=enrollment.flow.name,
                step=step,
                topic=topic,
                address=address,
                marketing=not message.transactional,
                enrollment=enrollment,
            )
        )
        sent = {"decision": "sent", "to": address, "locale": locale, "subject": subject, "arm": dict(enrollment.arms)}
        self._say(profile, self.now, line | sent)
        facts = {"message": message.name, "flow": enrollment.flow.name, "step": step}
        self._emit(profile, Event("Message Sent", self.now, self._next(), facts, {}))
        return None


def _busiest(scenes: list[Scene]) -> tuple[int] | None:
    """The local hour with the most opens and clicks of people, the earliest of several; None where there are fewer than five."""
    hours: Counter[int] = Counter()
    for scene in scenes:
        for one in scene.profile.letters:
            touches = [*one.opens, *(clicked for clicked, _ in one.clicks)]
            hours.update(almanac.wall(at, scene.zone).hour for at in touches)
    if hours.total() < BEST_HOUR_FROM:
        return None
    return (min(hours, key=lambda hour: (-hours[hour], hour)),)


def _clicked_share(
    drawn: dict[Profile, tuple[str, int, bool]], experiment: str, arm: str, at: int
) -> tuple[bool, Fraction]:
    """How many of those in an arm have clicked a mail that went out behind the split, before a moment."""
    people = [
        (one, since) for one, (its, since, held_out) in drawn.items() if its == arm and since < at and not held_out
    ]
    clicked = sum(
        any(
            since <= click < at
            for letter in one.letters
            if experiment in letter.enrollment.arms
            for click, _ in letter.clicks
        )
        for one, since in people
    )
    return bool(people), Fraction(clicked, len(people) or 1)


def _turn_of_occasion(one: Occasion) -> tuple[bool, float, str, str]:
    """What comes by time comes in the order in which what is due is done (rule 1); what the catalogue brings comes behind dates.

    The latter the specification leaves open. It is the order of entries alone: what they then have to do is due at one moment.
    """
    return one.mark[0] in OFFERS, -one.flow.priority, one.flow.name, one.key


def _once(occasion: Occasion) -> str:
    """What an occasion is known by, so that it comes once at its moment."""
    return f"{occasion.key} at {occasion.moment}"


def _concerns(form: dict[str, Json], flip: Flip) -> bool:
    """``{segment, on}``: does the flip fit it?"""
    return bool(form.get("segment") == flip.segment and form.get("on", "enter") == flip.on)


def _turn(enrollment: Enrollment) -> tuple[float, int, str, str]:
    """Rule 1: by priority, the earlier due, flow name, key."""
    return -enrollment.flow.priority, enrollment.due, enrollment.flow.name, enrollment.key


def _place(enrollment: Enrollment) -> tuple[str, str]:
    return enrollment.flow.name, enrollment.key


def _key(values: list[Json]) -> str:
    """Rule 12: the value as text; missing, null, a list or an object: the empty key."""
    value = values[0] if len(values) == 1 else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return json.dumps(value)
    return value if isinstance(value, str) else ""
