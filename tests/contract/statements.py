"""Every statement of the product, where it stands: named in `*.sql`, woven of rulebooks, small ones in Python."""

from __future__ import annotations

import ast
import atexit
import importlib
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.oracle.shop import write_workspace

from tamshy.language import all_flows, read_folder, read_workspace
from tamshy.language.model import MessageKind
from tamshy.language.program import program
from tamshy.rulebook import PublishedMessage, Rulebook, RunningFlow
from tamshy.sqlkit.named import named_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tamshy.rulebook import Statement

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src/tamshy"
SCHEMA: Final = PACKAGE / "schema/sql"

EDGE: Final = frozenset({"site", "api", "panel", "public", "accounts", "senders"})
"""The packages that may read a clock; all others are the engine."""

_COMPILES: Final = "Statement | None"
STAGES: Final = ("commerce", "segment", "trigger", "enroll", "advance", "coupon", "errand", "decide")
"""The packages that compile statements of a rulebook."""


_OUTWARD: Final = """\
trigger: {event: Outward}
steps:
  - coupon: {pool: pool, as: code, expires: 2d}
  - webhook: {url: "https://shop.example/"}
  - notify: {to: team@shop.example, subject: Outward, text: "{{ coupon.code.code }}"}
"""


@dataclass(frozen=True)
class Said:
    """A statement with its package (`passes`), its name, its text and the values it is compiled with."""

    package: str
    name: str
    sql: str
    params: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """Tell where it stands."""
        return f"{self.package}: {self.name}"

    @property
    def plain(self) -> str:
        """The text without comments."""
        return without_comments(self.sql)


def without_comments(sql: str) -> str:
    """Take `--` comments out."""
    return re.sub(r"--[^\n]*", "", sql)


MORE_FORMS: Final = """\
trigger: {event: Checkout Started}
steps:
  - wait: {until: best_hour}
  - repeat: {times: 3, every: 2d, while: {profile.city: {exists: true}}, steps: [{wait: 1h}]}
  - split: {name: tone, arms: {warm: {weight: 2}, dry: {weight: 1}}, winner: {by: clicked}}
"""
"""Beside the oracle's workspace, as long as that has not all forms."""


@cache
def named() -> tuple[Said, ...]:
    """Every named query of every package."""
    found = []
    for file in sorted(PACKAGE.rglob("*.sql")):
        if file.parent == SCHEMA:
            continue
        folder = file.parent.relative_to(PACKAGE)
        dotted = ".".join(("tamshy", *folder.parts))
        found += [Said(folder.parts[0], f"{file.stem}.{q.name}", q.sql) for q in named_queries(dotted, file.name)]
    return tuple(found)


@cache
def compiled() -> tuple[Said, ...]:
    """What the stages weave of the example's rulebook, of the oracle's, and of such as hold the forms that these do not."""
    found = []
    books = {
        "shop": rulebook(ROOT / "examples/shop"),
        "oracle": rulebook(oracle_folder()),
        "offers": rulebook(offers_folder()),
        "segments": rulebook(segments_folder()),
        "more": rulebook(more_folder()),
    }
    for origin, book in books.items():
        for build in builders():
            statement = build(book)
            if statement is not None:
                _, package, module = build.__module__.split(".")
                name = f"{module}.{build.__name__} of {origin}"
                found.append(Said(package, name, statement.sql, dict(statement.params)))
    return tuple(found)


@cache
def builders() -> tuple[Callable[[Rulebook], Statement | None], ...]:
    """Every function of a stage that compiles a statement of a rulebook, known by what it gives."""
    found: list[Callable[[Rulebook], Statement | None]] = []
    for stage in STAGES:
        for file in sorted((PACKAGE / stage).glob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            module = importlib.import_module(f"tamshy.{stage}.{file.stem}")
            found += [
                getattr(module, node.name)
                for node in tree.body
                if isinstance(node, ast.FunctionDef)
                and not node.name.startswith("_")
                and node.returns
                and ast.unparse(node.returns) == "Statement | None"
            ]
    return tuple(found)


@cache
def oracle_folder() -> Path:
    """Write the oracle's workspace to a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="tamshy-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_workspace(folder)
    (folder / "flows/more-forms.yaml").write_text(MORE_FORMS, encoding="utf-8")
    # What the oracle leaves to tests of their own.
    (folder / "coupons").mkdir()
    (folder / "coupons/pool.yaml").write_text("pattern: P-????-????\n")
    (folder / "flows/outward.yaml").write_text(_OUTWARD)
    return folder


MORE: Final = {
    "tamshy.yaml": "name: Shop\n",
    "flows/birthday.yaml": "trigger: {date: profile.birthday, offset: -7d}\nsteps: [{set: {profile.birthday: 03-09}}]\n",
    "flows/again.yaml": "trigger: {date: order.last_at, every: once}\nsteps: [{wait: 1h}]\n",
    "flows/weekly.yaml": "trigger: {schedule: {cron: 0 9 * * mon, segment: all}}\nsteps: [{wait: {until: best_hour}}]\n",
    "flows/arrivals.yaml": "trigger: {new_arrivals: {where: {event.product.price: {gt: 1}}, segment: all}}\nsteps: [{wait: 1h}]\n",
    "flows/arrivals-all.yaml": "trigger: {new_arrivals: {every: 1mo, on: [mon]}}\nsteps: [{wait: 1h}]\n",
    "segments/all.yaml": "where: {profile.email: {exists: true}}\n",
}
"""Forms that the oracle's workspace does not hold."""


@cache
def more_folder() -> Path:
    """Write the workspace of those forms to a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="tamshy-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path, text in MORE.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@cache
def offers_folder() -> Path:
    """Write a workspace that the catalogue starts, and that asks for carts and orders."""
    folder = Path(tempfile.mkdtemp(prefix="tamshy-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "flows").mkdir()
    (folder / "tamshy.yaml").write_text("timezone: Asia/Almaty\n", encoding="utf-8")
    for name, trigger in (
        ("drop", "price_drop: {by: 10%}"),
        ("back", "back_in_stock: {within: 60d}"),
        ("due", "reorder_due: {offset: -3d, where: {event.product.price: {gte: 5}}}"),
    ):
        text = f"trigger: {{{trigger}}}\naudience: {{cart.value: 0, order.last_at: {{within_last: 9d}}}}\nsteps: [{{exit: over}}]\n"
        (folder / f"flows/{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@cache
def segments_folder() -> Path:
    """Write a workspace with every kind of segment to a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="tamshy-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path, text in SEGMENTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


SEGMENTS: Final = {
    "tamshy.yaml": "name: S\ntimezone: Europe/Berlin\ntopics: {news: {}}\n",
    "segments/best.yaml": "where: {top: 1%, by: {sum: event.products.price, of: Order Completed}, within: 365d}\n",
    "segments/buyers.yaml": "where: {did: Order Completed, within: 90d, until: 1mo}\n",
    "segments/born.yaml": "where: {profile.birthday: {anniversary: 7d}, profile.dates: {within_next: 3d}}\n",
    "segments/quiet.yaml": "where: [{last: Order Completed, ago: {gt: 60d}}, {not: {opened: any, within: 30d}}]\n",
    "segments/all.yaml": (
        "where: {any: [{in: best}, {in: buyers}, {in: born}, {in: quiet}, {enrolled: f, within: 3d}, {subscribed: news}]}\n"
    ),
    "flows/f.yaml": (
        "trigger: [{segment: all}, {segment: best, on: leave}]\nexit_on: {segment: quiet}\n"
        "conversion: {segment: buyers, within: 5d}\nsteps: [{wait: 1d}]\n"
    ),
}


def rulebook(folder: Path) -> Rulebook:
    """Number a folder as publishing would, without a database."""
    workspace, problems = read_workspace(read_folder(folder))
    assert problems == []
    flows = tuple(
        RunningFlow(version, flow, program(flow), live=True)
        for version, (_, flow) in enumerate(sorted(all_flows(workspace).items()), start=1)
    )
    messages = {
        name: PublishedMessage(number, name, message.kind is MessageKind.MARKETING, message.topic or "news")
        for number, (name, message) in enumerate(sorted(workspace.messages.items()), start=1)
    }
    segments = {name: segment.where for name, segment in workspace.segments.items()}
    return Rulebook(1, "default", 0, 64, workspace.settings, flows, messages, segments=segments)


@cache
def written() -> tuple[Said, ...]:
    """Every text of a Python module that is (or begins, or goes on) a statement; `{}` stands for what is put in."""
    found = []
    for module in sorted(PACKAGE.rglob("*.py")):
        package = module.relative_to(PACKAGE).parts[0]
        for number, text in texts(ast.parse(module.read_text(encoding="utf-8"))):
            if _STATEMENT.search(text):
                found.append(Said(package, f"{module.name}:{number}", text))
    return tuple(found)


_STATEMENT: Final = re.compile(
    r"\b(select\b.+\bfrom|insert into|delete from|update \w+|truncate|create |alter |analyze)\b", re.DOTALL
)


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text constant of a module that is no docstring, with its line; of an f-string its fixed parts."""
    inside = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values]
            inside.update(id(value) for value in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value
