"""A connection that can break anywhere: before and after every statement and every commit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.prove.faults.turns import Hand

    from tamshy.sqlkit import Connection

CUT: Final = "cut"
KILL: Final = "kill"


class Killed(BaseException):
    """The process is no more; it has given nothing back."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a hand at a statement: cut off or killed, before the statement or after it."""

    how: str
    after: bool


class Fates(Protocol):
    """Says what becomes of whom, and whose turn it is."""

    def fate(self, hand: Hand, conn: Fragile) -> Fate | None:
        """What becomes of a hand that is about to run a statement."""
        ...

    def ask(self, hand: Hand, do: Callable[[], Any], *, releases: bool) -> Any:  # noqa: ANN401 - a statement's own
        """Run a statement; ``releases``: it lets go of locks."""
        ...


class Fragile:
    """As good as a connection, until it breaks. The session behind it is used again by whoever connects next."""

    def __init__(self, session: Connection, hand: Hand, fates: Fates) -> None:
        self._session = session
        self._hand = hand
        self._fates = fates
        self._was_alone = session.autocommit
        self._broken = False
        self._ended = False

    def execute(self, *given: Any, **more: Any) -> Any:  # noqa: ANN401 - whatever a connection takes and gives
        """Run a statement, or break."""
        return self._do(lambda: self._session.execute(*given, **more), releases=self._session.autocommit)

    def numbered(self, *given: Any) -> Any:  # noqa: ANN401 - whatever a connection takes and gives
        """Run a statement with numbered placeholders, or break."""
        return self._do(lambda: self._session.numbered(*given), releases=self._session.autocommit)

    def commit(self) -> None:
        """Commit, or break: before it, or with nobody knowing that it was done."""
        self._do(self._session.commit, releases=True)

    def rollback(self) -> None:
        """Give the transaction up."""
        self._check()
        self._fates.ask(self._hand, self._session.rollback, releases=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, or a part of one, as psycopg has it."""
        inner = self.in_transaction()
        self._do(lambda: self._session.execute("savepoint part" if inner else "begin"), releases=False)
        try:
            yield
        except BaseException:
            if not self._broken:
                undo = self._session.execute if inner else self._session.rollback
                given = ("rollback to savepoint part",) if inner else ()
                self._fates.ask(self._hand, lambda: undo(*given), releases=True)
            raise
        if inner:
            self._do(lambda: self._session.execute("release savepoint part"), releases=False)
        else:
            self.commit()

    def close(self) -> None:
        """Hang up: the server rolls back what was open."""
        if not self._broken:
            self._hang_up()

    @property
    def closed(self) -> bool:
        """Whether it is of no use any more."""
        return self._broken

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction."""
        return self._session.autocommit

    @autocommit.setter
    def autocommit(self, alone: bool) -> None:
        self._check()
        self._session.autocommit = alone

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if self._broken:
            return
        if kind is None and not self._session.autocommit:
            self.commit()
        self._hang_up()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a connection has
        return getattr(self._session, name)

    def end(self) -> None:
        """The server ends the session of one that has said nothing for too long within a transaction."""
        self._ended = True
        self._session.rollback()

    def _check(self) -> None:
        if self._ended:
            self._broken, self._ended = True, False
            raise psycopg.errors.IdleInTransactionSessionTimeout("the server has ended the session")
        if self._broken:
            raise psycopg.OperationalError("the connection is closed")

    def _do(self, do: Callable[[], Any], *, releases: bool) -> Any:  # noqa: ANN401
        self._check()
        fate = self._fates.fate(self._hand, self)
        self._check()
        if fate is not None and not fate.after:
            self._break(fate)
        found = self._fates.ask(self._hand, do, releases=releases)
        if fate is not None:
            self._break(fate)
        return found

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._session.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def _break(self, fate: Fate) -> None:
        self._hang_up()
        if fate.how == KILL:
            raise Killed
        raise psycopg.OperationalError("the connection was cut")

    def _hang_up(self) -> None:
        self._broken = True
        self._fates.ask(self._hand, self._session.rollback, releases=True)
        self._session.autocommit = self._was_alone
