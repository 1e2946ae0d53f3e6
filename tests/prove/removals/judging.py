"""Which test notices a removal.

First a running session is asked (`session`), which forks for each removal; of what it cannot take out, and of what it overlooks,
a copy of the program is made, and pytest begins anew on it.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import queue
import re
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.contract.statements import PACKAGE, ROOT
from tests.contract.test_rules import by_cases
from tests.prove.removals import session
from tests.prove.removals.child import LIBRARIES, Order, Told, work
from tests.prove.removals.removal import Texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.prove.removals.removal import Removal

LANGUAGE: Final = "tests/unit/language"
OF_THE_PAGE: Final = "tests/unit/language/test_reference.py"
"""It compares the page with the vocabulary: every removal is noticed there, and nothing is proved by that."""
OF_CHANCE: Final = "tests/unit/language/test_nonsense.py"
"""What it is given differs from run to run."""
OTHERS: Final = (
    "tests/unit/render",
    "tests/unit/recipes",
    "tests/unit/proofread",
    "tests/engine/test_cases.py",
    "tests/engine/test_segments.py",
    "tests/engine/test_catalogue.py",
    "tests/engine/test_coupons.py",
    "tests/engine/test_errands.py",
    "tests/engine/test_recommend.py",
)
"""Where else an alternative may be tested, in this order."""
CASES: Final = "tests/engine/test_cases.py"
WITH_DATABASE: Final = "tests/engine/test_arm_sql.py"
"""A small test that begins the database for all others."""
_LATELY: Final = 6
_NEAREST: Final = 150
"""So many a session is asked; what they overlook is put to all others on a copy."""
WITHIN_S: Final = 600
_LAST: Final = ("test_workspace.py",)
"""One of its tests reads a large workspace, which takes as long as all others together."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a removal. ``by``: the first test that failed; empty: none did. ``broken``: why that cannot be told."""

    removal: Removal
    by: str
    broken: str
    seconds: float

    @property
    def noticed(self) -> bool:
        """Whether a test failed."""
        return bool(self.by)


def judge(
    removals: Sequence[Removal],
    server: str,
    scratch: Path,
    jobs: int,
    done: Callable[[Verdict], None],
    *,
    whole: bool = True,
) -> list[Verdict]:
    """Judge every removal, some side by side.

    Args:
        removals: what is to be taken out.
        server: the address of a database server, for copies.
        scratch: a folder for copies.
        jobs: how many side by side.
        done: told of each, once it is settled.
        whole: what the nearest tests overlook is put to all others; else it counts as not noticed.
    """
    found: dict[str, Verdict] = {}
    for rules in (False, True):
        those = [one for one in removals if bool(one.rule) is rules]
        tests = (WITH_DATABASE, CASES, *files_of_rules()) if rules else tuple(language_files())
        overlooked: list[Removal] = []

        def settle(verdict: Verdict, overlooked: list[Removal] = overlooked) -> None:
            if verdict.noticed or not whole:
                found[verdict.removal.name] = verdict
                done(verdict)
            else:
                overlooked.append(verdict.removal)

        def seen(verdict: Verdict) -> None:
            found[verdict.removal.name] = verdict
            done(verdict)

        _side_by_side(those, jobs, lambda number, tests=tests: Asked(tests, scratch / f"said-{number}.txt"), settle)  # type: ignore[misc]
        _side_by_side(overlooked, jobs, lambda number: Bench(scratch / f"copy-{number}", server), seen)
    return [found[removal.name] for removal in removals]


def _side_by_side(
    removals: Sequence[Removal], jobs: int, begin: Callable[[int], Asked | Bench], done: Callable[[Verdict], None]
) -> None:
    waiting: queue.SimpleQueue[Removal] = queue.SimpleQueue()
    for removal in removals:
        waiting.put(removal)
    lock = threading.Lock()

    def run(number: int) -> None:
        bench = begin(number)
        while True:
            try:
                removal = waiting.get_nowait()
            except queue.Empty:
                break
            verdict = bench.judge(removal)
            with lock:
                done(verdict)
        bench.end()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(min(jobs, len(removals)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Asked:
    """A session that is asked."""

    def __init__(self, tests: tuple[str, ...], said: Path) -> None:
        """Begin it."""
        self._files, self._said = tests, said
        self._lately: deque[str] = deque(maxlen=_LATELY)
        self._begin()

    def _begin(self) -> None:
        """Begin it, and hear which tests it has."""
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=session.run, args=(self._files, there, str(self._said)))
        self._process.start()
        there.close()
        self._tests: list[str] = _heard(self._here, WITHIN_S) or []

    def judge(self, removal: Removal) -> Verdict:
        """Ask for one."""
        begun = time.monotonic()
        self._here.send((removal, near(removal, self._tests, self._lately)))
        told: Told | None = _heard(self._here, WITHIN_S)
        if told is None:
            self._process.kill()
            self._begin()
            told = Told(broken=f"the session died, or said nothing for {WITHIN_S} s: {self._said}")
        if told.failed and told.failed not in self._lately:
            self._lately.append(told.failed)
        return Verdict(removal, told.failed, told.broken, time.monotonic() - begun)

    def end(self) -> None:
        """Let it go, with its database."""
        self._here.send(None)
        self._process.join()


def _heard(pipe: Connection, within: float) -> Any:  # noqa: ANN401 - whatever the other side says
    if not pipe.poll(within):
        return None
    try:
        return pipe.recv()
    except EOFError:
        return None


class Bench:
    """A copy of the program in which one thing after the other is taken out and put back."""

    def __init__(self, folder: Path, server: str) -> None:
        """Make the copy."""
        self._folder, self._source, self._server, self._said = folder, folder / "src", server, folder / "said.txt"
        self._texts = Texts()
        self._clock = time.time_ns()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(LIBRARIES))
        shutil.rmtree(self._source, ignore_errors=True)
        shutil.copytree(PACKAGE, self._source / "tamshy", ignore=shutil.ignore_patterns("__pycache__"))

    def judge(self, removal: Removal) -> Verdict:
        """Take it out, and ask the tests, the nearest first, until one of them fails."""
        begun = time.monotonic()
        changed = removal.files(self._texts)
        self._write(changed)
        told, ran = Told(), 0
        try:
            for tests in asked(removal):
                told = self._run(tests)
                ran += told.ran
                if told.failed or told.broken:
                    break
        finally:
            self._write({file: self._texts[file] for file in changed})
        broken = told.broken or ("" if ran else "no test is about it")
        return Verdict(removal, told.failed, broken, time.monotonic() - begun)

    def end(self) -> None:
        """Nothing runs on between two removals."""

    def _write(self, files: dict[str, str]) -> None:
        for file, text in files.items():
            path = self._source / "tamshy" / file
            path.write_text(text, encoding="utf-8")
            # Two texts of one size within a second would be taken for one by what Python keeps of the first.
            self._clock += 2_000_000_000
            os.utime(path, ns=(self._clock, self._clock))

    def _run(self, tests: Sequence[str]) -> Told:
        here, there = self._context.Pipe(duplex=False)
        order = Order(self._source, tuple(tests), self._server, self._said, self._folder / "compiled")
        process = self._context.Process(target=work, args=(order, there))
        process.start()
        there.close()
        told: Told | None = _heard(here, WITHIN_S)
        process.kill()
        process.join()
        here.close()
        return told or Told(broken=f"the process died, or said nothing for {WITHIN_S} s: {self._said}")


# -- whom to ask -----------------------------------------------------------------------------------------------------


def near(removal: Removal, tests: Sequence[str], lately: Sequence[str] = ()) -> list[int]:
    """Which of a session's tests to ask, by their places: those that noticed something ``lately``, then the nearest first."""
    if removal.rule:
        named = re.compile(rf"::test_(?:case\[)?rule_0?{removal.rule}_")
        found = [place for place, test in enumerate(tests) if place and named.search(test)]
        # The test whose name says most of the same is asked first.
        said = set(re.findall(r"\w+", removal.name.lower()))
        return sorted(found, key=lambda place: -len(said & set(re.findall(r"[^\W_]+", tests[place].lower()))))
    word = re.compile(rf"(?<![\w-]){re.escape(removal.word)}(?![\w-])") if removal.word else None
    telling = {name for name, text in _texts_of_tests().items() if word is not None and word.search(text)}
    about = _beginnings(removal.name)

    def nearness(place: int) -> tuple[bool, int]:
        name, _, case = tests[place].partition("[")
        alike = len(about & _beginnings(name))
        return tests[place] in lately, alike + (4 if word and word.search(case) else 2 if name in telling else 0)

    return [place for place in sorted(range(len(tests)), key=nearness, reverse=True) if place][:_NEAREST]


def _beginnings(text: str) -> set[str]:
    """The first letters of its words: ``story`` and ``test_stories`` have the same."""
    return {word[:4] for word in re.findall(r"[^\W\d_]{4,}", text.lower())} - {"test", "unit", "lang"}


@cache
def _texts_of_tests() -> dict[str, str]:
    return {f"{file}::{name}": text for file, tests in language_files().items() for name, text in tests.items()}


def asked(removal: Removal) -> Iterator[tuple[str, ...]]:
    """The tests to ask about a copy, the nearest first, a run of pytest at a time."""
    if removal.rule:
        if by_cases().get(removal.rule):
            yield (CASES, "-k", f"rule_{removal.rule:02}_")
        for file, names in sorted(named_tests().get(removal.rule, {}).items()):
            yield tuple(f"{file}::{name}" for name in names)
        return
    yield tuple(language_files())
    for one in OTHERS:
        yield (one,)


@cache
def language_files() -> dict[str, dict[str, str]]:
    """The tests of the language by file: each with its text."""
    found = {}
    for path in sorted((ROOT / LANGUAGE).glob("test_*.py"), key=lambda path: (path.name in _LAST, path)):
        file = path.relative_to(ROOT).as_posix()
        if file not in {OF_THE_PAGE, OF_CHANCE}:
            found[file] = _functions(path)
    return found


def _functions(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    return {
        node.name: "\n".join(text.splitlines()[_first_line(node) - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


@cache
def named_tests() -> dict[int, dict[str, list[str]]]:
    """Rule -> the tests named after it, by file."""
    found: dict[int, dict[str, list[str]]] = {}
    named = re.compile(r"^def (test_rule_(\d+)_\w+)", re.MULTILINE)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        for name, number in named.findall(path.read_text(encoding="utf-8")):
            found.setdefault(int(number), {}).setdefault(file, []).append(name)
    return found


def files_of_rules() -> list[str]:
    """The files in which tests are named after rules."""
    return sorted({file for files in named_tests().values() for file in files} - {WITH_DATABASE, CASES})
