"""What the page needs of its surroundings; the composition root installs it once, before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tamshy.accounts import KeyRing, Sessions, Tries
    from tamshy.sqlkit import Connection


@dataclass(frozen=True, slots=True)
class SignIn:
    """What signing in needs: the keys, the sessions, and how often somebody was wrong.

    `base_url` is where the outside reaches the page; with `https` the cookie goes nowhere else.
    """

    keys: KeyRing
    sessions: Sessions
    tries: Tries
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Storefront:
    """What the demo's storefront acts with: its own address, its pages' write key, and its back end's API key."""

    base_url: str
    write_key: str
    api_key: str


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the page reads.

    `connection` lends a connection for a `with` block; `now` is the moment it is for the engine; `speed` tells how much
    faster than life that clock runs (1: life); `demo` is True where the shop and its shoppers are made up, and then
    `storefront` may be there for a person to shop in. Without `sign_in` the page only shows. `mail_leaves`: it is handed
    to a mail server, and the page's inbox is not the shoppers' only one.
    """

    connection: Callable[[], AbstractContextManager[Connection]]
    now: Callable[[], datetime]
    speed: float = 1.0
    demo: bool = False
    storefront: Storefront | None = None
    sign_in: SignIn | None = None
    mail_leaves: bool = False


_INSTALLED: list[Wiring] = []


def install(wiring: Wiring) -> None:
    """Take `wiring` from now on."""
    _INSTALLED[:] = [wiring]


def wired() -> Wiring:
    """Give what was installed.

    Raises:
        RuntimeError: nothing was; the composition root is at fault.
    """
    if not _INSTALLED:
        raise RuntimeError("the page was asked for before `panel.wiring.install` was called; call it in site")
    return _INSTALLED[0]
