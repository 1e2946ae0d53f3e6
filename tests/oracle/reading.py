"""Reads a workspace folder: YAML 1.2 core schema (rule 20), flows, messages and settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import ruamel.yaml
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from tests.oracle import almanac

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.almanac import Duration

# What JSON and YAML hold; a recursive alias would say no more here and cost a cast a line.
Json = Any

BODIES = (".mjml", ".html", ".md")


def _plain(text: str) -> Json:
    """A plain scalar by the core schema: dates, times, on, off, yes and no stay text."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE"}:
        return True
    if text in {"false", "False", "FALSE"}:
        return False
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"0o[0-7]+", text):
        return int(text, 0)
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return int(text, 0)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return text


def _value(node: Node) -> Json:
    if isinstance(node, ScalarNode):
        return _plain(node.value) if not node.style else node.value
    if isinstance(node, SequenceNode):
        return [_value(item) for item in node.value]
    assert isinstance(node, MappingNode)
    found: dict[Json, Json] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, ScalarNode) else str(_value(key_node))
        if key in found:
            message = f"duplicate key {key!r} at line {key_node.start_mark.line + 1}"
            raise ValueError(message)
        found[key] = _value(value_node)
    return found


def yaml(text: str) -> Json:
    """The value a YAML document holds."""
    node = ruamel.yaml.YAML(typ="safe", pure=True).compose(text)
    return None if node is None else _value(node)


def listed(value: Json) -> list[Json]:
    """One or a list of: always the list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def share(value: Json) -> float:
    """A percentage as a share of one."""
    text = str(value or "0%").removesuffix("%")
    return float(text) / 100


@dataclass(frozen=True)
class Reentry:
    """How often a key may enter: once, always, or after a time."""

    always: bool
    after: Duration | None


@dataclass
class Flow:
    """A flow as written, defaults filled in."""

    name: str
    triggers: list[dict[str, Json]]
    per: str | None
    audience: Json
    reentry: Reentry
    exit_on: list[dict[str, Json]]
    max_age: str
    priority: float
    holdout: float
    steps: list[dict[str, Json]]


@dataclass
class Message:
    """A message with its templates: locale -> texts."""

    name: str
    transactional: bool
    topic: str | None
    subject: Json
    preheader: Json
    bodies: dict[str, str]
    texts: dict[str, str]


@dataclass
class Pool:
    """A pool of promo codes: a list that runs out, or a pattern that does not."""

    codes: list[str] | None
    pattern: str
    discount: Json


@dataclass
class Settings:
    """``tamshy.yaml``, defaults filled in."""

    raw: dict[str, Json]
    locale: str
    zone: ZoneInfo
    opt_out: dict[str, bool]
    quiet: tuple[str, str] | None
    caps: list[tuple[int, Duration]]
    holdout: float
    merge_by_email: bool

    @property
    def first_topic(self) -> str | None:
        """The workspace's topic: the first listed (rule 23)."""
        return next(iter(self.opt_out), None)


@dataclass
class Workspace:
    """Everything the folder says."""

    settings: Settings
    flows: dict[str, Flow] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    segments: dict[str, Json] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    products: dict[str, dict[str, Json]] = field(default_factory=dict)


def verb_of(step: dict[str, Json]) -> str:
    """The one verb of a step."""
    beside = {"id", "note", "expires", "topic", "if"}
    return next(key for key in step if key not in beside)


def _name_steps(steps: list[dict[str, Json]], counter: list[int]) -> None:
    """Give every step its id: the message's name for send, else verb and position."""
    for step in steps:
        counter[0] += 1
        verb = verb_of(step)
        if "id" not in step:
            step["id"] = step[verb] if verb == "send" else f"{verb}-{counter[0]}"
        for inner in _inner(step, verb):
            _name_steps(inner, counter)


def _inner(step: dict[str, Json], verb: str) -> list[list[dict[str, Json]]]:
    if verb == "branch":
        return [arm["else"] if "else" in arm else arm["steps"] for arm in step["branch"]]
    if verb == "wait_for":
        return [step["wait_for"].get(part) or [] for part in ("then", "else")]
    if verb == "split":
        return [arm.get("steps") or [] for arm in step["split"]["arms"].values()]
    if verb == "repeat":
        return [step["repeat"]["steps"]]
    return []


def _reentry(value: Json) -> Reentry:
    if isinstance(value, dict):
        return Reentry(always=False, after=almanac.duration(value["after"]))
    return Reentry(always=value == "always", after=None)


def _flow(name: str, raw: dict[str, Json]) -> Flow:
    steps = raw.get("steps") or []
    _name_steps(steps, [0])
    return Flow(
        name=name,
        triggers=listed(raw.get("trigger")),
        per=raw.get("per"),
        audience=raw.get("audience"),
        reentry=_reentry(raw.get("reentry")),
        exit_on=listed(raw.get("exit_on")),
        max_age=raw.get("max_age") or "1d",
        priority=raw.get("priority") or 0,
        holdout=share(raw.get("holdout")),
        steps=steps,
    )


def _broadcast(name: str, raw: dict[str, Json]) -> Flow:
    """A broadcast as a flow of one send, or of a split into several."""
    if "split" in raw:
        split = raw["split"]
        arms = {arm: {**text, "steps": [_text(text, arm)]} for arm, text in split["arms"].items()}
        winner = split.get("winner") or {}
        if "after" in winner:
            # How the rest is drawn the specification does not say, but ADR 90: one arm more, whose people wait, and get the best.
            best = {arm: {**text, "steps": [_text(text, f"best-{arm}")]} for arm, text in split["arms"].items()}
            after = [{"wait": winner["after"]}, {"split": {**split, "arms": best, "settles": True}}]
            left = 100 - sum(text["weight"] for text in arms.values())
            arms["rest"] = {"weight": left, "steps": after}
        steps: list[dict[str, Json]] = [{"split": {**split, "arms": arms}}]
    else:
        steps = [{"send": raw["message"]}]
    shape = {"trigger": {"broadcast": raw}, "priority": raw.get("priority"), "steps": steps}
    return _flow(f"broadcast/{name}", shape)


def _text(text: dict[str, Json], step: str) -> dict[str, Json]:
    """The send of an arm's message."""
    return {"send": text["message"], "id": step}


def _pool(path: Path) -> Pool:
    raw, codes = yaml(path.read_text(encoding="utf-8")), None
    if "file" in raw:
        rows = (path.parent / raw["file"]).read_text(encoding="utf-8").split()
        codes = [row.split(",")[0] for row in rows if row != "code"]
    return Pool(codes, raw.get("pattern") or "????????", raw.get("discount"))


def _message(folder: Path) -> Message:
    raw = yaml((folder / "message.yaml").read_text(encoding="utf-8")) or {}
    files = sorted(folder.iterdir())
    return Message(
        name=folder.name,
        transactional=raw.get("kind") == "transactional",
        topic=raw.get("topic"),
        subject=raw.get("subject"),
        preheader=raw.get("preheader"),
        bodies={f.stem: f.read_text(encoding="utf-8") for f in files if f.suffix in BODIES},
        texts={f.stem: f.read_text(encoding="utf-8") for f in files if f.suffix == ".txt"},
    )


def _settings(raw: dict[str, Json]) -> Settings:
    quiet = raw.get("quiet_hours")
    topics = raw.get("topics") or {}
    identities = raw.get("identities") or {}
    return Settings(
        raw=raw,
        locale=raw.get("locale") or "en",
        zone=almanac.zone(raw.get("timezone") or "UTC") or ZoneInfo("UTC"),
        opt_out={n: (t or {}).get("default", "opt_in") == "opt_out" for n, t in topics.items()},
        quiet=(quiet["from"], quiet["to"]) if quiet else None,
        caps=[(c["messages"], almanac.duration(c["per"])) for c in raw.get("caps") or []],
        holdout=share(raw.get("holdout")),
        merge_by_email="email" in (identities.get("merge_on") or []),
    )


def workspace(folder: Path) -> Workspace:
    """Read the folder. It is taken to be right: refusing is not the oracle's work."""
    settings = folder / "tamshy.yaml"
    raw = yaml(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    found = Workspace(_settings(raw or {}))
    for path in sorted((folder / "flows").glob("*.yaml")):
        text = yaml(path.read_text(encoding="utf-8"))
        found.flows[path.stem] = _flow(path.stem, text)
    for path in sorted((folder / "broadcasts").glob("*.yaml")):
        flow = _broadcast(path.stem, yaml(path.read_text(encoding="utf-8")))
        found.flows[flow.name] = flow
    for path in sorted((folder / "coupons").glob("*.yaml")):
        found.pools[path.stem] = _pool(path)
    for path in sorted((folder / "segments").glob("*.yaml")):
        found.segments[path.stem] = yaml(path.read_text(encoding="utf-8")).get("where")
    for path in sorted((folder / "messages").glob("*/message.yaml")):
        found.messages[path.parent.name] = _message(path.parent)
    return found
