"""Small workspaces, made by number: some flows that meet in the same events, and settings that hold them back."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from tamshy.language import read_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.language.model import Problem

EVENTS: Final = ("Viewed", "Added", "Ordered", "Called")
"""What people do; flows begin, end and wait by the same few, so that they meet."""
MESSAGES: Final = ("m0", "m1", "m2", "m3", "m4", "m5")
TOPICS: Final = ("offers", "news")
_WAITS: Final = ("90s", "15m", "1h", "2h", "6h", "22h", "1d", "1d12h")
_ZONES: Final = ("UTC", "Europe/Berlin", "Asia/Almaty", "America/New_York")

Step = dict[str, Any]


@cache
def workspace(number: int) -> dict[str, str]:
    """The folder of this number, text by path. The same number gives the same folder."""
    problems: list[Problem] = []
    for trial in range(100):
        files = _folder(random.Random(f"workspace {number} {trial}"))  # noqa: S311 - made-up shops
        _, problems = read_workspace(files)
        if not problems:
            return files
    msg = f"no workspace {number} that can be published; the last one's problems: {problems}"
    raise ValueError(msg)


def _folder(die: random.Random) -> dict[str, str]:
    maker = _Maker(die)
    flows = {f"f{n}": maker.flow(n) for n in range(die.randrange(2, 5))}
    if maker.tracked:
        flows["echo"] = maker.echo()
    if die.random() < 0.3:
        flows["sent"] = maker.watch()
    files = {"tamshy.yaml": _text(_settings(die))}
    files |= {f"flows/{name}.yaml": _text(flow) for name, flow in flows.items()}
    for name in MESSAGES:
        files[f"messages/{name}/message.yaml"] = _text(_message(die, name))
        body = (
            "Dear {{ profile.first_name }}.\n" if die.random() < 0.2 else "Hello {{ event.value | default: 'you' }}.\n"
        )
        files[f"messages/{name}/en.md"] = body
    return files


def _text(value: object) -> str:
    """JSON is YAML, in one line."""
    return orjson.dumps(value).decode() + "\n"


def _settings(die: random.Random) -> Step:
    found: Step = {
        "name": "Small shop",
        "locale": "en",
        "timezone": die.choice(_ZONES),
        "currency": "EUR",
        "url": "https://shop.example",
        "from": "Small shop <hello@shop.example>",
        "topics": {"offers": {"default": die.choice(["opt_out", "opt_out", "opt_in"])}, "news": {"default": "opt_out"}},
        "identities": {"merge_on": die.choice([["user_id"], ["user_id", "email"]])},
    }
    for topic, word in found["topics"].items():
        word["name"] = topic
    if die.random() < 0.5:
        found["quiet_hours"] = die.choice([{"from": "21:00", "to": "09:00"}, {"from": "01:30", "to": "02:45"}])
    if die.random() < 0.7:
        caps = [{"messages": 1, "per": "6h"}, {"messages": 2, "per": "1d"}, {"messages": 1, "per": "90s"}]
        found["caps"] = die.sample(caps, die.choice([1, 1, 2]))
    if die.random() < 0.2:
        found["holdout"] = "20%"
    return found


def _message(die: random.Random, name: str) -> Step:
    found: Step = {"subject": {"en": f"{name} for {{{{ profile.first_name | default: 'you' }}}}"}}
    if die.random() < 0.2:
        found["kind"] = "transactional"
    if die.random() < 0.4:
        found["topic"] = die.choice(TOPICS)
    return found


class _Maker:
    """Makes flows by one die."""

    def __init__(self, die: random.Random) -> None:
        self.die = die
        self.tracked = False
        self._ids: set[str] = set()

    def flow(self, number: int) -> Step:
        """One flow with everything around its steps."""
        die, self._ids = self.die, set()
        found: Step = {"trigger": self._triggers()}
        if die.random() < 0.6:
            found["per"] = "event.key"
        if die.random() < 0.5:
            found["audience"] = self._condition(self._outside())
        found["reentry"] = die.choice(["once", "always", "always", {"after": "3h"}, {"after": "1d"}])
        if die.random() < 0.6:
            found["exit_on"] = self._listened(same=0.6)
        if die.random() < 0.3:
            found["conversion"] = {"event": die.choice(EVENTS), "within": "2d"}
        if die.random() < 0.2:
            found["holdout"] = "50%"
        if die.random() < 0.5:
            found["priority"] = die.choice([-5, 5, 50])
        found["steps"] = self._steps(die.randrange(2, 6), depth=0)
        if number == 0 and not self._ids & set(MESSAGES):
            found["steps"].append({"send": "m0"})
        return found

    def echo(self) -> Step:
        """A flow that answers what the others emit."""
        return {"trigger": {"event": "Echo"}, "reentry": "always", "steps": [{"wait": "10m"}, {"send": "m5"}]}

    def watch(self) -> Step:
        """A flow that takes notes of what is sent."""
        steps: list[Step] = [{"set": {"profile.noted": "{{ event.message }}"}}, {"wait": "1h"}, {"exit": "noted"}]
        return {"trigger": {"event": "Message Sent"}, "reentry": "always", "per": "event.message", "steps": steps}

    def _triggers(self) -> object:
        first, second = self.die.sample(EVENTS[:3], 2)
        trigger: Step = {"event": first}
        if self.die.random() < 0.3:
            trigger["where"] = {"event.value": {"gte": 20}}
        if self.die.random() < 0.2:
            trigger["max_age"] = "3h"
        return [trigger, {"event": second}] if self.die.random() < 0.2 else trigger

    def _listened(self, same: float) -> Step:
        found: Step = {"event": self.die.choice(EVENTS)}
        if self.die.random() < same:
            found["same"] = "event.key"
        elif self.die.random() < 0.3:
            found["where"] = {"event.value": {"lt": 60}}
        return found

    def _steps(self, count: int, depth: int) -> list[Step]:
        found: list[Step] = []
        kinds: Sequence[tuple[int, Callable[[int], Step]]] = (
            (30, self._send),
            (25, self._wait),
            (8, self._until),
            (10 if depth < 2 else 0, self._wait_for),
            (8 if depth < 2 else 0, self._branch),
            (7, self._set),
            (5, self._track),
            (4, self._consent),
        )
        for _ in range(count):
            (make,) = self.die.choices([make for _, make in kinds], [weight for weight, _ in kinds])
            found.append(make(depth))
        return found

    def _send(self, _depth: int) -> Step:
        message = self.die.choice(MESSAGES)
        found: Step = {"send": message}
        if message in self._ids:
            found["id"] = f"{message}-{len(self._ids)}"
        self._ids.add(found.get("id", message))
        if self.die.random() < 0.3:
            found["expires"] = self.die.choice(["1h", "8h", "2d"])
        if self.die.random() < 0.25:
            found["if"] = self._condition(self._inside())
        return found

    def _wait(self, _depth: int) -> Step:
        return {"wait": self.die.choice(_WAITS)}

    def _until(self, _depth: int) -> Step:
        choices: list[Step] = [
            {"until": "10:00"},
            {"until": "23:30", "zone": "workspace"},
            {"until": "event.at"},
            {"until": "event.at", "offset": "-2h"},
        ]
        return {"wait": self.die.choice(choices)}

    def _wait_for(self, depth: int) -> Step:
        form = self._listened(same=0.3) | {"at_most": self.die.choice(["1h", "5h", "1d"])}
        form["then"] = self._steps(self.die.randrange(1, 3), depth + 1)
        form["else"] = self._steps(self.die.randrange(1, 3), depth + 1)
        if self.die.random() < 0.4:
            form["then"].append({"exit": "came"})
        return {"wait_for": form}

    def _branch(self, depth: int) -> Step:
        arms: list[Step] = [{"if": self._condition(self._inside()), "steps": self._steps(1, depth + 1)}]
        if self.die.random() < 0.5:
            arms[0]["steps"].append({"exit": "arm"})
        if self.die.random() < 0.5:
            arms.append({"else": self._steps(1, depth + 1)})
        return {"branch": arms}

    def _set(self, _depth: int) -> Step:
        choices = [{"profile.vip": True}, {"profile.last": "{{ event.value }}"}, {"profile.vip": False}]
        return {"set": self.die.choice(choices)}

    def _track(self, _depth: int) -> Step:
        self.tracked = True
        return {"track": {"event": "Echo", "properties": {"key": "{{ event.key }}"}}}

    def _consent(self, _depth: int) -> Step:
        return {self.die.choice(["subscribe", "unsubscribe"]): self.die.choice(TOPICS)}

    def _condition(self, choices: list[Step]) -> Step:
        return self.die.choice(choices)

    def _outside(self) -> list[Step]:
        event = self.die.choice(EVENTS)
        return [
            {"did_not": event, "within": "1d"},
            {"did": event, "within": "2d"},
            {"profile.email": {"exists": True}},
            {"profile.vip": {"ne": True}},
            {"did": event, "count": {"gte": 2}},
            {"not": {"enrolled": "f0"}},
            {"subscribed": "offers"},
        ]

    def _inside(self) -> list[Step]:
        event = self.die.choice(EVENTS)
        return [
            *self._outside(),
            {"did": event, "since": "entry"},
            {"opened": "any"},
            {"not": {"clicked": "any", "within": "1d"}},
            {"received": "any", "within": "1d", "count": {"gte": 2}},
            {"event.value": {"gte": 50}},
            {"last": event, "ago": {"lt": "3h"}},
        ]
