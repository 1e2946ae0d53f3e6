"""What processes say on standard error: a line of JSON for each event; where a person reads it at a terminal, a plain line.

Nothing leaves by accident: of a record only its constant text and the fields named here are written, of an error its kind,
PostgreSQL's code and the places in the code. What an error says, and whatever else a record holds, may belong to a person.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TextIO

from tamshy import sqlkit

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FIELDS: Final = frozenset(
    {
        "bucket",
        "bytes",
        "child",
        "count",
        "detail",
        "ending",
        "error",
        "message_id",
        "method",
        "ms",
        "pool",
        "reason",
        "route",
        "seconds",
        "sqlstate",
        "status",
        "workspace",
    }
)
"""What a record may bring along, by `extra`; described in docs/reference/logs.md. Other names are left out."""
_OURS: Final = "tamshy"
_MOST_FRAMES: Final = 12
_LONGEST: Final = 300
_PLACE: Final = re.compile(r"%[-#0 +]*[0-9]*(?:\.[0-9]+)?[srdifg]")


def to_stderr(part: str, level: int = logging.INFO) -> None:
    """Have this process write what it logs to standard error; `part` is what it is called in the lines.

    A process whose log somebody reads already is left as it is.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    root.addHandler(_Written(part))
    root.setLevel(level)
    # What nobody catches would be printed with all that it says.
    sys.excepthook = uncaught
    threading.excepthook = lambda given: uncaught(given.exc_type, given.exc_value, given.exc_traceback)
    sys.unraisablehook = lambda given: untold(given.exc_type, given.exc_value)


def into(path: Path) -> TextIO:
    """Have what `to_stderr` writes go into a file from now on, as lines of JSON, in place of an older one.

    What ends the process is told on standard error as well. Gives the file, opened for adding to it, for what other
    processes write.
    """
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    # Added to, by whoever writes: each line where the one before it ends.
    file = path.open("a", encoding="utf-8")
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _Written):
            loud = _Written(handler.part)
            loud.setLevel(logging.CRITICAL)
            root.addHandler(loud)
            handler.setStream(file)
            handler.setFormatter(Lines(handler.part))
    return file


def uncaught(kind: type[BaseException], raised: BaseException | None, trace: TracebackType | None) -> None:
    """Tell of an error that ends the process or a thread."""
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    found = (kind, raised or kind(), trace)
    logging.getLogger(_OURS).critical("an error that nobody expected", exc_info=found, extra={"event": "crashed"})


def untold(kind: type[BaseException], raised: BaseException | None) -> None:
    """Tell of an error where there is nobody to raise it to, as when something is thrown away; nothing ends by it."""
    found = (kind, raised or kind(), None)
    logging.getLogger(_OURS).error("an error went past everybody", exc_info=found, extra={"event": "went_past"})


def told(record: logging.LogRecord) -> dict[str, object]:
    """Give what may be told of a record: its event, its text as far as it is ours, its fields, and what is known of an error."""
    fields = {name: _plain(value) for name, value in vars(record).items() if name in FIELDS and value is not None}
    line: dict[str, object] = {"event": getattr(record, "event", "said")}
    text = _text(record, {str(value) for value in fields.values()})
    if text:
        line["said"] = text
    line |= dict(sorted(fields.items()))
    if record.exc_info and record.exc_info[1] is not None:
        line |= _error(record.exc_info[1])
    return line


def _text(record: logging.LogRecord, plain: set[str]) -> str:
    """Give a record's text with numbers and told fields put in, and a dot for everything else.

    Of other people's records nothing but the name of who speaks: their texts may be made of anything.
    """
    if record.name.partition(".")[0] != _OURS:
        return f"{record.name} speaks" if not record.exc_info else f"{record.name} speaks of an error"
    given = record.args if isinstance(record.args, tuple) else ()
    shown = tuple(value if _harmless(value, plain) else "…" for value in map(_plain, given))
    template = str(record.msg)
    for value in shown:
        place = _PLACE.search(template)
        if place is None:
            break
        written = str(value) if isinstance(value, str) else place[0] % value
        template = template[: place.start()] + written.replace("%", "%%") + template[place.end() :]
    return template.replace("%%", "%")[:_LONGEST]


def _harmless(value: object, plain: set[str]) -> bool:
    return isinstance(value, bool | int | float) or str(value) in plain


def _plain(value: object) -> bool | float | str:
    if isinstance(value, bool | int | float):
        return value
    return "".join(c if c.isprintable() else "?" for c in str(value))[:_LONGEST]


def _error(raised: BaseException) -> dict[str, object]:
    """Give an error's kind, PostgreSQL's code and the constraint, and where in the code: never its words."""
    frames = traceback.extract_tb(raised.__traceback__)[-_MOST_FRAMES:]
    found: dict[str, object] = {"error": type(raised).__name__}
    state, constraint = sqlkit.sqlstate(raised), sqlkit.violated_constraint(raised)
    if state:
        found["sqlstate"] = state
    if constraint:
        found["constraint"] = constraint
    found["where"] = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    if raised.__cause__ is not None:
        found["cause"] = type(raised.__cause__).__name__
    return found


def _short(path: str) -> str:
    return "/".join(PurePath(path).parts[-3:])


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Written(logging.StreamHandler[TextIO]):
    """Writes what this process logs, under the name of its part."""

    def __init__(self, part: str) -> None:
        super().__init__(sys.stderr)
        self.part = part
        self.setFormatter(Reading(part) if sys.stderr.isatty() else Lines(part))


class Lines(logging.Formatter):
    """Writes a record as a line of JSON."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        head = {"at": _at(record), "level": record.levelname.lower(), "part": self._part, "pid": record.process}
        return json.dumps(head | told(record), ensure_ascii=False)


class Reading(logging.Formatter):
    """Writes a record for a person: time, part, what is said, and the fields behind it."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = told(record)
        event, said = str(line.pop("event")), str(line.pop("said", ""))
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        rest = " ".join(f"{name}={value}" for name, value in line.items())
        return f"{_at(record)[11:19]} {self._part} {level}{said or event}{f'  ({rest})' if rest else ''}"
