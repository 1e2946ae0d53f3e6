"""API keys: made, found by what is presented, and revoked."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

_Q: Final = sqlkit.queries(__package__)

KNOWN_FOR_S: Final = 30.0
"""How long a key is believed without asking again: a revoked one is dead after this time at the latest."""
UNKNOWN_FOR_S: Final = 5.0
"""How long a key that is none is refused without asking again."""
LONGEST: Final = 512
_MOST_REMEMBERED: Final = 10_000


class KeyKind(StrEnum):
    """What a key is for."""

    WRITE = "write"
    """Sends calls, and does nothing else; may be seen by everybody, as in a page."""
    API = "api"
    """Used by the shop's own programs, with a role."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was presented and found."""

    id: UUID
    workspace: int
    kind: KeyKind
    role: str
    name: str


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is listed: never its text, which is not stored."""

    id: UUID
    kind: KeyKind
    role: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


def new_secret(kind: KeyKind) -> str:
    """Make the text of a new key: 32 random bytes behind a prefix that says its kind, so that a leaked one is told."""
    return f"tamshy_{kind.value}_{secrets.token_urlsafe(32)}"


def add_key(
    conn: sqlkit.Connection,
    workspace: int,
    kind: KeyKind,
    secret: str,
    *,
    name: str,
    now: datetime,
) -> UUID:
    """Add a key to a workspace, within the transaction of `conn`. Adding the same text again does nothing.

    Raises:
        ValueError: the text is empty or longer than `LONGEST`.
    """
    if not 1 <= len(secret) <= LONGEST:
        raise ValueError(f"a key has 1 to {LONGEST} characters, this one {len(secret)}; leave it out to have one made")
    made = uuid4()
    conn.execute(
        _Q["add_key"],
        {
            "id": made,
            "workspace": workspace,
            "kind": kind.value,
            "role": "write" if kind is KeyKind.WRITE else "admin",
            "name": name,
            "digest": _digest(secret),
            "now": now,
        },
    )
    return made


def revoke_key(conn: sqlkit.Connection, workspace: int, key: UUID, *, now: datetime) -> bool:
    """End a key; False where the workspace has no such key, or it was ended before."""
    return conn.execute(_Q["revoke_key"], {"workspace": workspace, "id": key, "now": now}).rowcount == 1


def keys_of(conn: sqlkit.Connection, workspace: int) -> list[KnownKey]:
    """List the keys of a workspace, the oldest first, revoked ones too."""
    rows = conn.execute(_Q["keys"], {"workspace": workspace}).fetchall()
    return [KnownKey(row[0], KeyKind(row[1]), *row[2:]) for row in rows]


class NotRemembered(LookupError):
    """The database would have to be asked, and was not to be."""


class KeyRing:
    """Finds keys by what is presented, and remembers for a short while what it found.

    Safe for several threads at once.
    """

    def __init__(
        self,
        connection: Callable[[], AbstractContextManager[sqlkit.Connection]],
        monotonic: Callable[[], float],
    ) -> None:
        """Take what lends connections, and seconds that only grow."""
        self._connection = connection
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._remembered: dict[bytes, tuple[float, Key | None]] = {}

    def with_id(self, id_: UUID) -> Key | None:
        """Find a key by its id, None where there is none or it was revoked.

        Raises:
            DatabaseUnavailable: it is not remembered, and the database cannot be asked.
        """
        return self._known(id_.bytes, "find_key_by_id", {"id": id_})

    def find(self, secret: str, *, asking: bool = True) -> Key | None:
        """Find the key with this text, None where there is none or it was revoked.

        Args:
            secret: the text.
            asking: False: never wait for the database.

        Raises:
            DatabaseUnavailable: it is not remembered, and the database cannot be asked.
            NotRemembered: the database would have to be asked.
        """
        if not secret or len(secret) > LONGEST:
            return None
        digest = _digest(secret)
        return self._known(digest, "find_key", {"digest": digest}, asking=asking)

    def _known(self, mark: bytes, query: str, params: dict[str, object], *, asking: bool = True) -> Key | None:
        now = self._monotonic()
        with self._lock:
            until, key = self._remembered.get(mark, (now, None))
        if until > now:
            return key
        if not asking:
            raise NotRemembered("this key")
        key = self._look_up(query, params)
        with self._lock:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[mark] = (now + (UNKNOWN_FOR_S if key is None else KNOWN_FOR_S), key)
        return key

    def _look_up(self, query: str, params: dict[str, object]) -> Key | None:
        with self._connection() as conn:
            row = conn.execute(_Q[query], params).fetchone()
        return None if row is None else Key(row[0], row[1], KeyKind(row[2]), row[3], row[4])


def _digest(secret: str) -> bytes:
    # Keys are long and random, so one round of a fast hash is enough; a guess costs no less than the key's own bits.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
