"""A flow as a stream to look at: where each step stands, and the paths that people take between them.

Pure geometry, twice: `wide` runs from left to right, `tall` from top to bottom for narrow screens. Both show the same
boxes; a box's place in the stream is its column (how far along) and its row (which arm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.language.model import Branch, Exit, Flow, Repeat, Split, Step, WaitFor
from tamshy.language.program import inner_steps
from tamshy.panel.steps import Label, arm_words, entry_label, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.language.program import Program

ENTRY: Final = -1
"""Where people come in; the engine's own mark for "entering" too."""
END: Final = -2
"""Where those who have seen every step leave."""

_CARD: Final = 100
_SMALL: Final = 60
_LAST: Final = 68
_HIGH: Final = 50
_FOOT: Final = 28
"""Room under a box for the number of those who stand there."""
_GAP: Final = 14
_ROW: Final = 94
_TOP: Final = 22
_TALL_ROW: Final = 112
_TALL_COLUMN: Final = 88


@dataclass(frozen=True, slots=True)
class Place:
    """A step's place in the stream: `column` along it, `row` across it, from 0; `words` stand over an arm's head."""

    index: int
    label: Label
    column: int
    row: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A place drawn: its corner and size in pixels. `lines` are its name, broken to fit."""

    index: int
    kind: str
    verb: str
    lines: tuple[str, ...]
    told: str
    words: str
    step: str
    reason: str
    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        """The box's middle from left to right."""
        return self.x + self.width // 2

    @property
    def verb_at(self) -> int:
        """Where the verb is written."""
        return self.y + 15

    @property
    def drop_at(self) -> int:
        """Where the drop beside the number of those who stand here lies."""
        return self.middle - 9

    @property
    def below(self) -> int:
        """How far down that drop lies."""
        return self.y + self.height + 12

    @property
    def count_at(self) -> int:
        """Where the number of those who stand here is written."""
        return self.middle - 1

    @property
    def count_y(self) -> int:
        """How far down that number is written."""
        return self.below + 5

    @property
    def over(self) -> int:
        """Where the words of an arm are written."""
        return self.y - 7

    @property
    def texts(self) -> tuple[tuple[int, str], ...]:
        """The lines of the name, each with its own height."""
        top = self.y + (34 if len(self.lines) == 1 else 28)
        return tuple((top + 14 * at, text) for at, text in enumerate(self.lines))


@dataclass(frozen=True, slots=True)
class Path:
    """The way from one box to the next, as SVG path data."""

    start: int
    end: int
    data: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A flow drawn one way."""

    way: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    paths: tuple[Path, ...]


def pictures(flow: Flow, program: Program) -> tuple[Picture, Picture]:
    """Draw `flow` wide and tall."""
    places = _placed(flow)
    pairs = _pairs(program)
    return _wide(places, pairs), _tall(places, pairs)


def _placed(flow: Flow) -> list[Place]:
    places = [Place(ENTRY, entry_label(flow), 0, 0)]
    width, _ = _lay(flow.steps, 1, 0, places, "")
    ends = Label("end", "", ("finished",), "finished: has seen every step")
    return [*places, Place(END, ends, 1 + width, 0)]


def _lay(steps: Sequence[Step], column: int, row: int, places: list[Place], words: str) -> tuple[int, int]:
    """Lay `steps` from (column, row) on; gives how many columns and rows they take."""
    at, height = column, 1
    for step in steps:
        # Steps are numbered in the order as written, and the entry stands before them in the list.
        places.append(Place(len(places) - 1, label(step), at, row, words if at == column else ""))
        at += 1
        arms = inner_steps(step)
        if not arms:
            continue
        # Row 0 is left to those who take no arm: their way must not run behind a step.
        top = row + (1 if _passes(step) else 0)
        widest = 0
        for arm, says in zip(arms, arm_words(step), strict=True):
            wide, high = _lay(arm, at, top, places, says)
            widest, top = max(widest, wide), top + (high if arm else 0)
        at, height = at + widest, max(height, top - row)
    return at - column, height


def _passes(step: Step) -> bool:
    if isinstance(step, Branch):
        return all(arm.condition is not None for arm in step.arms) or any(not arm.steps for arm in step.arms)
    if isinstance(step, Split):
        return any(not arm.steps for arm in step.arms)
    return isinstance(step, Repeat) or (isinstance(step, WaitFor) and not (step.then and step.otherwise))


def _pairs(program: Program) -> list[tuple[int, int]]:
    """Every way from step to step, each once, in order."""
    pairs: dict[tuple[int, int], None] = {(ENTRY, 0 if program.nodes else END): None}
    for node in program.nodes:
        if isinstance(node.step, Exit):
            continue
        follow: list[int | None] = [node.next]
        if isinstance(node.step, Branch):
            follow = [target for _, target in node.arms]
            if all(condition is not None for condition, _ in node.arms):
                follow.append(node.next)
        elif isinstance(node.step, WaitFor):
            follow = [node.then, node.otherwise]
        elif isinstance(node.step, Split):
            follow = [target for _, target in node.ways]
        elif isinstance(node.step, Repeat):
            follow = [node.body, node.next]
        for target in follow:
            pairs[node.index, END if target is None else target] = None
    return list(pairs)


def _width(kind: str) -> int:
    if kind == "end":
        return _LAST
    return _CARD if kind in {"entry", "send", "exit", "act"} else _SMALL


def _box(place: Place, x: int, y: int) -> Box:
    made = place.label
    said = (made.kind, made.verb, made.lines, made.told, place.words, made.step, made.reason)
    return Box(place.index, *said, x, y, _width(made.kind), _HIGH)


def _wide(places: list[Place], pairs: list[tuple[int, int]]) -> Picture:
    columns = max(place.column for place in places) + 1
    widths = [max(_width(p.label.kind) for p in places if p.column == column) for column in range(columns)]
    lefts = [1 + sum(widths[:column]) + _GAP * column for column in range(columns)]
    boxes = {
        p.index: _box(p, lefts[p.column] + (widths[p.column] - _width(p.label.kind)) // 2, _TOP + _ROW * p.row)
        for p in places
    }
    paths = tuple(Path(a, b, _across(boxes[a], boxes[b])) for a, b in pairs)
    rows = max(place.row for place in places) + 1
    return Picture(
        "wide", lefts[-1] + widths[-1] + 1, _TOP + _ROW * (rows - 1) + _HIGH + _FOOT, tuple(boxes.values()), paths
    )


def _across(start: Box, end: Box) -> str:
    """From the right edge of one box to the left edge of another: down at once, up at the last moment."""
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    if x2 < x1:  # the next round: back behind the boxes, to where it began
        return f"M{start.middle} {start.y + start.height}v12H{end.middle}V{end.y + end.height}"
    if y1 == y2:
        return f"M{x1} {y1}H{x2}"
    if y2 > y1:
        turn = min(x1 + _GAP + 8, x2)
        return f"M{x1} {y1}C{x1 + 14} {y1} {turn - 14} {y2} {turn} {y2}H{x2}"
    turn = max(x2 - _GAP - 8, x1)
    return f"M{x1} {y1}H{turn}C{turn + 14} {y1} {x2 - 14} {y2} {x2} {y2}"


def _tall(places: list[Place], pairs: list[tuple[int, int]]) -> Picture:
    rows = max(place.row for place in places) + 1
    boxes = {
        p.index: _box(p, 4 + _TALL_ROW * p.row + (_CARD - _width(p.label.kind)) // 2, _TOP + _TALL_COLUMN * p.column)
        for p in places
    }
    paths = tuple(Path(a, b, _down(boxes[a], boxes[b])) for a, b in pairs)
    columns = max(place.column for place in places) + 1
    return Picture(
        "tall",
        8 + _TALL_ROW * (rows - 1) + _CARD,
        _TOP + _TALL_COLUMN * (columns - 1) + _HIGH + _FOOT,
        tuple(boxes.values()),
        paths,
    )


def _down(start: Box, end: Box) -> str:
    """From the lower edge of one box to the upper edge of another: aside at once, back at the last moment."""
    x1, y1 = start.middle, start.y + start.height
    x2, y2 = end.middle, end.y
    if y2 < y1:
        return f"M{start.x + start.width} {start.y + start.height // 2}h8V{end.y + end.height // 2}H{end.x + end.width}"
    if x1 == x2:
        return f"M{x1} {y1}V{y2}"
    if x2 > x1:
        turn = y1 + _TALL_COLUMN - _HIGH
        return f"M{x1} {y1}C{x1} {turn - 8} {x2} {y1 + 8} {x2} {turn}V{y2}"
    turn = y2 - (_TALL_COLUMN - _HIGH)
    return f"M{x1} {y1}V{turn}C{x1} {y2 - 8} {x2} {turn + 8} {x2} {y2}"
