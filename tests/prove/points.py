"""Named places in the program at which a process dies when it is told to; the program itself knows nothing of them.

A place is a function of the program, before or after one of its calls. `install` wraps those functions in a process that
was started by `tests.prove.launch`. A file of a place's name in the folder `armed` has the process that comes by next
take the file away and die; the first to come by at all leaves a file in the folder `reached`.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import FrameType

_DEPTH: Final = 9
"""How far up the caller of a commit may stand: a context manager, a pool and a generator lie in between."""


@dataclass(frozen=True)
class Point:
    """A place: `before` or `after` calls of `module:name`; where `caller` is given, those that come from there.

    `said`: only calls with this argument behind the object itself.
    """

    name: str
    when: str
    target: str
    caller: str = ""
    said: bytes | None = None


_COMMIT = "psycopg:Connection.commit"
_LEAVE = "psycopg:Transaction.__exit__"
_LOOP = "tamshy.worker.loop"
_STAGE = "tamshy.passes.stage"
_HAND_OVER = "tamshy.deliver.stage"
_SMTP = "tamshy.senders.smtp:SmtpSender"
_SAID = "tamshy.senders.smtp:SmtpSender._said"
_PAGES = "tamshy.public.views"


def _around(name: str, target: str, caller: str = "") -> tuple[Point, Point]:
    return Point(f"before {name}", "before", target, caller), Point(f"after {name}", "after", target, caller)


WEB: Final = (
    Point("ingest: body read", "after", "tamshy.api.calls:parse_body"),
    Point("ingest: ids written down", "after", "tamshy.ingest.store:_accept"),
    Point("ingest: identifiers written", "after", "tamshy.ingest.store:_write"),
    *_around("ingest: commit", _COMMIT, "tamshy.api.calls:stored_durably"),
    Point("ingest: answer made", "after", "tamshy.api.calls:_answer"),
    *_around("consent: commit", _COMMIT, "tamshy.api.consent:record_consent"),
    *_around("track: commit of an opening", _COMMIT, f"{_PAGES}:opened"),
    *_around("track: commit of a click", _COMMIT, f"{_PAGES}:clicked"),
    *_around("track: commit of a withdrawal", _COMMIT, f"{_PAGES}:unsubscribe"),
)
PASSES: Final = (
    *_around("lease: commit", _COMMIT, "tamshy.worker.leasing:share_out"),
    Point("pass: bucket held", "after", f"{_STAGE}:hold"),
    Point("pass: taken in", "after", f"{_STAGE}:_take_in"),
    Point("pass: enrollments opened", "after", f"{_STAGE}:open_enrollments"),
    Point("pass: steps done", "after", f"{_STAGE}:change"),
    Point("pass: steps left", "after", f"{_STAGE}:leave"),
    Point("pass: decided", "after", f"{_STAGE}:decide"),
    Point("pass: arrived", "after", f"{_STAGE}:arrive"),
    *_around("pass: commit", _COMMIT, f"{_LOOP}:_turn"),
    *_around("render: what is said to the child", "tamshy.passes.rendering:Press.render"),
    Point("render: settled", "after", f"{_STAGE}:settle"),
    *_around("render: commit", _COMMIT, f"{_LOOP}:_render"),
    *_around("merge: commit", _COMMIT, "tamshy.passes.merging:merge_ready"),
)
SENDER: Final = (
    *_around("claim: commit", _LEAVE, f"{_HAND_OVER}:_claim"),
    *_around("smtp: connect", f"{_SMTP}._opened"),
    *_around("smtp: first words", f"{_SMTP}._first_answer"),
    *_around("smtp: the message", "smtplib:SMTP.send", _SAID.replace("SmtpSender.", "")),
    Point("before smtp: the dot", "before", "smtplib:SMTP.send", "", b".\r\n"),
    Point("after smtp: the dot", "after", "smtplib:SMTP.send", "", b".\r\n"),
    Point("smtp: answer read", "after", f"{_SMTP}._said"),
    *_around("record: commit", f"{_HAND_OVER}:HandOver._written"),
)
PUBLISHER: Final = (
    Point("publish: buckets held", "after", "tamshy.publish.publishing:hold_buckets"),
    Point("publish: versions written", "after", "tamshy.publish.publishing:_write_flows"),
    Point("publish: people moved", "after", "tamshy.publish.publishing:_move_people"),
    *_around("publish: commit", _COMMIT, "tamshy.site.commands.folders:apply"),
)
POINTS: Final = (*WEB, *PASSES, *SENDER, *PUBLISHER)


def resolve(target: str) -> tuple[Any, str]:
    """Give the module or class that holds a target, and its name there.

    Raises:
        AttributeError: there is no such thing any more.
    """
    module, _, path = target.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        holder = getattr(holder, part)
    getattr(holder, name)
    return holder, name


def install(points: Iterable[Point], folder: Path) -> None:
    """Wrap the functions of these places in this process."""
    by_target: dict[str, list[Point]] = {}
    for point in points:
        by_target.setdefault(point.target, []).append(point)
    for target, some in by_target.items():
        holder, name = resolve(target)
        setattr(holder, name, _wrapped(getattr(holder, name), some, folder))


def _wrapped(original: Callable[..., Any], points: list[Point], folder: Path) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
        here = [point for point in points if _is_meant(point, sys._getframe(1), given)]
        for point in here:
            if point.when == "before":
                come_by(point, folder)
        result = original(*given, **named)
        for point in here:
            if point.when == "after":
                come_by(point, folder)
        return result

    return call


def _is_meant(point: Point, frame: FrameType | None, given: tuple[Any, ...]) -> bool:
    if point.said is not None:
        return len(given) > 1 and given[1] == point.said
    if not point.caller:
        return True
    module, _, name = point.caller.partition(":")
    for _ in range(_DEPTH):
        if frame is None:
            return False
        if frame.f_code.co_name == name and frame.f_globals.get("__name__") == module:
            return True
        frame = frame.f_back
    return False


def come_by(point: Point, folder: Path) -> None:
    """Note that somebody came by, and die where that was asked for."""
    if point.name not in _KNOWN:
        _KNOWN.add(point.name)
        (folder / "reached" / point.name).touch()
    try:
        # Whoever takes the file away is the one that dies: several processes may come by at once.
        os.unlink(folder / "armed" / point.name)  # noqa: PTH108 - at every call: the plain call costs two microseconds
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


_KNOWN: Final[set[str]] = set()
