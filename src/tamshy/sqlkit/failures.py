"""What can go wrong between Tamshy and PostgreSQL, in words that name no driver.

psycopg's own classes stay inside `sqlkit`; other packages catch the names of this module, or ask `is_retryable` and
`violated_constraint` about an exception that passed through them.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors


class DatabaseError(Exception):
    """Something that PostgreSQL, or the way to it, refused."""


class DatabaseUnavailable(DatabaseError):
    """No server answers at the given address, or it is starting, stopping or full. Trying later can help."""


class InvalidDsn(DatabaseError):
    """The connection string cannot be understood; the message says where."""


class QueryFileError(DatabaseError):
    """A `queries.sql` breaks a rule of its form; the message names the file, the line and the mend."""


class MigrationError(DatabaseError):
    """A schema file cannot be applied, or differs from what was applied under its name."""


class EmbeddedError(DatabaseError):
    """The embedded PostgreSQL cannot be made or started; the message gives the reason and the mend."""


class DataFolderInUse(EmbeddedError):
    """Another living process runs the server of this data folder."""

    def __init__(self, message: str, pid: int | None) -> None:
        """Keep the process id of the owner, where it could be read."""
        super().__init__(message)
        self.pid = pid


class UnreachableDataFolder(EmbeddedError):
    """The account that must run the server cannot get into the data folder."""


Error = psycopg.Error
"""Any error of the driver, for `except` clauses that mean exactly "the database said no"."""

# Codes after which the same transaction, run again from its first statement, can succeed.
_RETRYABLE_STATES: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "57P01",  # admin_shutdown: the server is restarted under us
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: it is starting or recovering
        "57P05",  # idle_session_timeout
        "25P03",  # idle_in_transaction_session_timeout
        "53300",  # too_many_connections
        "53400",  # configuration_limit_exceeded
    },
)
_CONNECTION_CLASS: Final = "08"


def is_retryable(exc: BaseException) -> bool:
    """Tell whether running the whole transaction again, unchanged, can succeed.

    True for lost or refused connections, restarts of the server, deadlocks and serialization failures; False for
    everything that would fail the same way again (constraints, syntax, types, a full disk that a person must clear).
    """
    if isinstance(exc, DatabaseUnavailable):
        return True
    if not isinstance(exc, psycopg.Error):
        return False
    state = exc.sqlstate
    if state is None:
        # The driver met this itself, without an answer of the server: a broken, refused or timed-out connection.
        return isinstance(exc, psycopg.OperationalError)
    return state in _RETRYABLE_STATES or state.startswith(_CONNECTION_CLASS)


def violated_constraint(exc: BaseException) -> str | None:
    """Name the constraint that refused a row, or None when `exc` is no refusal by a constraint."""
    if isinstance(exc, errors.IntegrityError):
        return exc.diag.constraint_name
    return None


def sqlstate(exc: BaseException) -> str | None:
    """Give the five-character code of PostgreSQL's answer, or None where the server did not answer."""
    return exc.sqlstate if isinstance(exc, psycopg.Error) else None
