"""A workspace folder's texts to a Workspace, with every problem of them at once."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tamshy.language import fields
from tamshy.language.broadcasts import PREFIX, check_trials, flow_of, read_broadcast
from tamshy.language.catalogue import read_catalogue
from tamshy.language.checks import check_coupons, check_names, check_reach
from tamshy.language.circles import check_loops
from tamshy.language.experiments import check_experiments
from tamshy.language.expiring import check_expiry
from tamshy.language.flows import read_flow
from tamshy.language.messages import read_message
from tamshy.language.model import Broadcast, Flow, Message, Position, Problem, Segment, Send, Settings, Story, Workspace
from tamshy.language.pools import read_pools
from tamshy.language.program import all_steps
from tamshy.language.reading import DefinedStep, Reading, Thing
from tamshy.language.segments import check_nesting, read_segment
from tamshy.language.settings import FILE as SETTINGS_FILE
from tamshy.language.settings import read_settings
from tamshy.language.stories import read_story
from tamshy.language.trees import Tree, place_in, read_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGES = "messages"
CATALOGUE = "catalog"
THING_FOLDERS = ("segments", "flows", "broadcasts", "coupons", "stories")
"""Folders with one file, ``NAME.yaml``, for each thing."""
ALL_FOLDERS = (*THING_FOLDERS, MESSAGES, CATALOGUE)

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_PRODUCT_FILES = (".jsonl", ".csv")
_CODES = re.compile(r"[^/]+\.csv")


def read_workspace(files: Mapping[str, str]) -> tuple[Workspace, list[Problem]]:
    """Read the texts of a workspace folder, by path relative to it with ``/`` between.

    Gives the workspace and all problems in order of place. With problems the workspace lacks what they concern, and
    must not be used but to look at. Bytes that are not UTF-8 are expected as lone surrogates (``surrogateescape``).
    """
    reading = Reading(files)
    folder = _sorted_out(reading, files)
    settings = _settings(reading, files, folder)
    reading.zone, reading.locale = settings.timezone, settings.locale
    reading.names[Thing.FLOW] = {name: Position(path, 1, 1) for name, path in folder.things["flows"].items()}
    told = {f"{PREFIX}{name}": Position(path, 1, 1) for name, path in folder.things["broadcasts"].items()}
    reading.names[Thing.FLOW] |= told
    reading.names[Thing.MESSAGE] = {name: Position(f"{MESSAGES}/{name}/", 1, 1) for name in folder.messages}
    reading.names[Thing.SEGMENT] = {name: Position(path, 1, 1) for name, path in folder.things["segments"].items()}
    reading.names[Thing.POOL] = {name: Position(path, 1, 1) for name, path in folder.things["coupons"].items()}
    pools = read_pools(
        reading, {name: _tree(reading, files, path) for name, path in folder.things["coupons"].items()}, files
    )
    messages: dict[str, Message] = {}
    for name, paths in sorted(folder.messages.items()):
        message = read_message(reading, name, {path: files[path] for path in paths})
        if message is not None:
            messages[name] = message
    flows: dict[str, Flow] = {}
    for name, path in folder.things["flows"].items():
        flow = read_flow(reading, name, _tree(reading, files, path))
        if flow is not None:
            flows[name] = flow
            check_reach(reading, flow)
            check_coupons(reading, flow)
            check_expiry(reading, flow, messages)
    segments: dict[str, Segment] = {}
    for name, path in folder.things["segments"].items():
        segment = read_segment(reading, name, _tree(reading, files, path))
        if segment is not None:
            segments[name] = segment
    check_nesting(reading)
    broadcasts = _broadcasts(reading, files, folder)
    stories = _stories(reading, files, folder)
    products = [one for path in folder.catalogue for one in read_catalogue(reading, path, files[path])]
    check_names(reading, flows)
    check_loops(reading, flows)
    check_experiments(reading, flows)
    check_trials(reading, flows, broadcasts)
    found = Workspace(settings, flows, messages, broadcasts, stories, segments, dict(files), pools, tuple(products))
    return found, sorted(set(reading.problems))


def _settings(reading: Reading, files: Mapping[str, str], folder: _Folder) -> Settings:
    if SETTINGS_FILE in files:
        if not folder.has_settings:
            return Settings()
        return read_settings(reading, _tree(reading, files, SETTINGS_FILE))
    # A folder is known by it, and a mistaken one must not wipe caps and quiet hours.
    text = "the settings of the workspace are missing; is this the right folder?"
    reading.refuse(Position(SETTINGS_FILE, 1, 1), text)
    return Settings()


def _broadcasts(reading: Reading, files: Mapping[str, str], folder: _Folder) -> dict[str, Broadcast]:
    broadcasts: dict[str, Broadcast] = {}
    for name, path in folder.things["broadcasts"].items():
        broadcast = read_broadcast(reading, name, _tree(reading, files, path))
        if broadcast is not None:
            broadcasts[name] = broadcast
            reading.steps[f"{PREFIX}{name}"] = {
                step.id: DefinedStep("send" if isinstance(step, Send) else "split", broadcast.position)
                for step in all_steps(flow_of(broadcast).steps)
            }
    return broadcasts


def _stories(reading: Reading, files: Mapping[str, str], folder: _Folder) -> dict[str, Story]:
    stories: dict[str, Story] = {}
    for name, path in folder.things["stories"].items():
        story = read_story(reading, name, _tree(reading, files, path))
        if story is not None:
            stories[name] = story
    return stories


def _tree(reading: Reading, files: Mapping[str, str], path: str) -> Tree:
    tree, problems = read_tree(files[path], path)
    reading.problems.extend(problems)
    return tree


# -- which file is what ----------------------------------------------------------------------------------------------


@dataclass
class _Folder:
    """The files sorted by what they are."""

    has_settings: bool = False
    things: dict[str, dict[str, str]] = field(default_factory=lambda: {folder: {} for folder in THING_FOLDERS})
    messages: dict[str, list[str]] = field(default_factory=dict)
    catalogue: list[str] = field(default_factory=list)


def _sorted_out(reading: Reading, files: Mapping[str, str]) -> _Folder:
    found = _Folder()
    for path in sorted(files):
        place = Position(path, 1, 1)
        wrong = _NOT_UTF8.search(files[path])
        if wrong is not None:
            reading.refuse(place_in(files[path], wrong.start(), path), "not UTF-8: save the file in that encoding")
            continue
        top, _, rest = path.partition("/")
        if path == SETTINGS_FILE:
            found.has_settings = True
        elif top in THING_FOLDERS and rest.endswith(".yaml") and "/" not in rest:
            _thing(reading, found, top, path)
        elif top == MESSAGES and rest.count("/") == 1:
            _message_file(reading, found, path)
        elif top == CATALOGUE and "/" not in rest and PurePosixPath(rest).suffix in _PRODUCT_FILES:
            found.catalogue.append(path)
        elif not (top == "coupons" and _CODES.fullmatch(rest)):
            reading.refuse(place, f"no file of a workspace{_file_hint(path)}")
    return found


def _thing(reading: Reading, found: _Folder, folder: str, path: str) -> None:
    name = path.rpartition("/")[2].removesuffix(".yaml")
    if fields.NAME.fullmatch(name):
        found.things[folder][name] = path
    else:
        _refuse_name(reading, path, name)


def _message_file(reading: Reading, found: _Folder, path: str) -> None:
    name = path.split("/")[1]
    if fields.NAME.fullmatch(name):
        found.messages.setdefault(name, []).append(path)
    else:
        _refuse_name(reading, path, name)


def _refuse_name(reading: Reading, path: str, name: str) -> None:
    likely = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64]
    hint = f" (did you mean '{likely}'?)" if likely else ""
    text = f"'{name[:80]}' must be a name of small letters, digits and hyphens, 64 at most{hint}"
    reading.refuse(Position(path, 1, 1), text)


def _file_hint(path: str) -> str:
    top, slash, rest = path.partition("/")
    if path.endswith(".yml"):
        return f" (did you mean '{path.removesuffix('.yml')}.yaml'?)"
    if not slash:
        return f" (did you mean '{SETTINGS_FILE}'?)"
    if top == MESSAGES and not rest.count("/"):
        return f"; a message is a folder, {MESSAGES}/NAME/message.yaml"
    if top in THING_FOLDERS:
        return f"; here stand files {top}/NAME.yaml"
    near = difflib.get_close_matches(top, ALL_FOLDERS, n=1, cutoff=0.7)
    return f" (did you mean '{near[0]}/{rest}'?)" if near else f"; its folders are {', '.join(ALL_FOLDERS)}"
