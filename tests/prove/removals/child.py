"""One run of tests on a copy of the program, in a process of its own that has loaded the libraries and nothing of the program."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

ROOT: Final = Path(__file__).parents[3]
LIBRARIES: Final = (
    "babel.dates",
    "babel.numbers",
    "django",
    "hypothesis",
    "liquid",
    "markdown_it",
    "markupsafe",
    "mrml",
    "msgspec",
    "orjson",
    "psycopg",
    "psycopg_pool",
    "pytest",
    "ruamel.yaml",
    "tests.prove.removals.child",
)
"""What is loaded once, for all runs: none of it loads the program."""


_OPTIONS: Final = (
    "-x",
    "-q",
    *(word for name in ("randomly", "cacheprovider") for word in ("-p", f"no:{name}")),
    # Of what is loaded for all runs nothing asserts.
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
    *("-m", "not prove and not browser"),
)


_UNFIT: Final = re.compile(
    r"^(?:NameError|UnboundLocalError|RecursionError|SyntaxError|ImportError|ModuleNotFoundError|AttributeError"
    r"|psycopg\.errors\.(?:SyntaxError|Undefined\w+|Ambiguous\w+|\w*Mismatch|IndeterminateDatatype|GroupingError|InvalidColumnReference))\b"
)
"""What a removal must not end in: the program would be none."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which tests are to run on which copy of the program.

    ``server``: the address of a database server. ``said``: a file for what pytest says. ``compiled``: a folder for what is
    compiled.
    """

    source: Path
    tests: tuple[str, ...]
    server: str
    said: Path
    compiled: Path


@dataclass
class Told:
    """What came of a run: the first test that failed, what broke before any test could, how many ran."""

    failed: str = ""
    broken: str = ""
    ran: int = 0


@dataclass(eq=False)
class _Watch:
    told: Told = field(default_factory=Told)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first failure."""
        note(self.told, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not even be read."""
        if report.failed:
            self.told.broken = self.told.broken or f"{report.nodeid}: {_last_line(report)}"


def note(told: Told, report: pytest.TestReport) -> None:
    """Note what a report says, unless something failed before.

    What fails before its test begins, and what shows that the program cannot even run, is no word of the test's.
    """
    told.ran += report.when == "call"
    if report.failed and not told.failed and not told.broken:
        said = _last_line(report)
        if report.when == "call" and not _UNFIT.search(said):
            told.failed = report.nodeid
        else:
            told.broken = f"{report.nodeid}: {said}"


def _last_line(report: pytest.CollectReport | pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr).strip().partition("\n")[0][:300]


def work(order: Order, answer: Connection) -> None:
    """Run the tests of an order, up to the first that fails, and tell what came of them."""
    os.chdir(ROOT)
    # As near as possible to what a person would do by hand: the copy stands before the program in every process from here on.
    sys.path[:0] = [str(order.source), str(ROOT)]
    os.environ["PYTHONPATH"] = str(order.source)
    os.environ["TAMSHY_TEST_DATABASE_URL"] = order.server
    # What was compiled once is compiled for all runs, whatever the machine thinks of that; not beside the project's own files.
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(order.compiled)
    said = os.open(order.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    watch = _Watch()
    code = pytest.main([*_OPTIONS, *order.tests], plugins=[watch])
    if code in {pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR}:
        watch.told.broken = watch.told.broken or f"pytest ended with {code}: see {order.said}"
    answer.send(watch.told)
    answer.close()
    sys.stdout.flush()
    # Whatever the program has left running must not be waited for.
    os._exit(0)
