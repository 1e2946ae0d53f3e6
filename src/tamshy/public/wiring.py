"""What these pages need of their surroundings; the composition root installs it once, before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tamshy.domain.token import Signer
    from tamshy.sqlkit import Connection


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the pages read and write.

    `connection` lends a connection for a `with` block, committed at its end (`Pool.connection`); `now` is the moment
    it is for the engine; `signer` is the one that signed the links in the mails.
    """

    connection: Callable[[], AbstractContextManager[Connection]]
    now: Callable[[], datetime]
    signer: Signer


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
        raise RuntimeError("a page was asked for before `public.wiring.install` was called; call it in site")
    return _INSTALLED[0]
