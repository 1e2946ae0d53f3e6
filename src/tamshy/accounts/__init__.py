"""Keys: who may write calls, and who may use the API; sessions of the page, opened by an API key.

Reads and writes `api_key`. Only digests are stored: a key is shown once, when it is made.
"""

from __future__ import annotations

from tamshy.accounts.keys import (
    Key,
    KeyKind,
    KeyRing,
    KnownKey,
    NotRemembered,
    add_key,
    keys_of,
    new_secret,
    revoke_key,
)
from tamshy.accounts.sessions import Sessions
from tamshy.accounts.tries import Tries

__all__ = [
    "Key",
    "KeyKind",
    "KeyRing",
    "KnownKey",
    "NotRemembered",
    "Sessions",
    "Tries",
    "add_key",
    "keys_of",
    "new_secret",
    "revoke_key",
]
