"""A run of pytest that has read its tests and begun its database once, and forks for each removal: the quick way to ask."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.conftest import Databases
from tests.prove.removals import loaded
from tests.prove.removals.child import Told, note
from tests.prove.removals.removal import Texts

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from tests.prove.removals.removal import Removal
_STAGE: Final = "tamshy_stage_"
_PROCESSOR_S: Final = 60
_WAITS_S: Final = 300


class Session:
    """In place of pytest's own loop over the tests. Asked for a removal and the tests near it, it says what came of them."""

    def __init__(self, orders: Connection) -> None:
        """Take orders from a pipe, and answer through it."""
        self._orders = orders
        self._told = Told()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails."""
        note(self._told, report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answer orders until there are no more."""
        loaded.prepare()
        texts = Texts()
        items = session.items
        self._orders.send([item.nodeid for item in items])
        # With the first the fixtures of the whole run begin, which a forked process finds there.
        items[0].config.hook.pytest_runtest_protocol(item=items[0], nextitem=items[-1])
        while True:
            try:
                order: tuple[Removal, list[int]] | None = self._orders.recv()
            except EOFError:
                order = None
            if order is None:
                return True
            removal, near = order
            self._orders.send(_forked(lambda removal=removal, near=near: self._ask(session, removal, near, texts)))  # type: ignore[misc]

    def _ask(self, session: pytest.Session, removal: Removal, near: list[int], texts: Texts) -> Told:
        _keep_stages()
        try:
            loaded.take_out(removal, texts)
        except loaded.NotInPlace as exc:
            return Told(broken=f"not in place: {exc}")
        self._told = told = Told()
        # Behind the last comes the one that stands first, in a file of its own.
        behind = session.items[0]
        for place, following in zip(near, [*near[1:], 0], strict=True):
            item = session.items[place]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=session.items[following])
            if told.failed or told.broken:
                break
        # What stands for a module alone is put away again; what stands for the whole run is not this process's.
        session._setupstate.teardown_exact(behind)
        return told


def _keep_stages() -> None:
    """A module's stage is emptied before each test: the first forked process that asks for one makes it for all."""
    create, drop = Databases.create, Databases.drop

    def once(databases: Databases, name: str, template: str | None = None) -> str:
        if name.startswith(_STAGE):
            with sqlkit.connect(databases.admin, autocommit=True) as conn:
                if (
                    conn.execute("select from pg_database where datname = %(name)s", {"name": name}).fetchone()
                    is not None
                ):
                    return databases.address(name)
        return create(databases, name, template)

    def never(databases: Databases, name: str) -> None:
        if not name.startswith(_STAGE):
            drop(databases, name)

    Databases.create = once  # type: ignore[method-assign,assignment]
    Databases.drop = never  # type: ignore[method-assign,assignment]


def _forked(ask: Callable[[], Told]) -> Told:
    """Do it in a process of its own."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        # What was taken out may be what ends a loop, or what somebody waits for.
        resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S, _PROCESSOR_S))
        signal.alarm(_WAITS_S)
        try:
            told = ask()
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it is told, and ends this process alone
            told = Told(broken=f"{type(exc).__name__}: {exc}"[:300])
        with os.fdopen(there, "wb") as pipe:
            pipe.write(pickle.dumps(told))
        os._exit(0)
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data) if data else Told(broken="the process died, or went on for too long")  # noqa: S301 - our own words


def run(tests: tuple[str, ...], orders: Connection, said: str) -> None:
    """Run pytest over these tests with a session in place of its loop."""
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    options = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not prove and not browser")
    pytest.main([*options, *tests], plugins=[Session(orders)])
    sys.stdout.flush()
    os._exit(0)
