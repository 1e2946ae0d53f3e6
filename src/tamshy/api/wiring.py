"""What the routes need of their surroundings; the composition root installs it once, before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from tamshy.accounts import KeyRing
    from tamshy.api.counts import Counts
    from tamshy.api.gate import Gate
    from tamshy.api.pace import Pace
    from tamshy.api.sharing import Sharing
    from tamshy.api.workspaces import Workspaces
    from tamshy.domain.token import Signer
    from tamshy.sqlkit import Connection


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the routes reach the database, the clock and the keys.

    `connection` lends a connection for a `with` block; `now` is the moment of arrival, `real` the machine's.
    `instance` is what the settings call this installation; `clock_ahead` says whether the machine's clock was put forward
    and is not believed.
    `base_url` is where the outside reaches us (empty: as the request says). `scripts` are the folders in which
    Segment's library may lie, `scripts_mend` says how it gets there. `admission` lets at most `most_at_once` requests
    hold a thread for their calls, and `most_waiting` small ones wait without one; `sharing` stores calls. `signer` and
    `links_base` make the links in mails; `pace` is how often one place may sign up.
    """

    connection: Callable[[], AbstractContextManager[Connection]]
    now: Callable[[], datetime]
    real: Callable[[], datetime]
    keys: KeyRing
    workspaces: Workspaces
    counts: Counts
    admission: Gate
    sharing: Sharing
    signer: Signer
    pace: Pace
    links_base: str = ""
    base_url: str = ""
    instance: str = ""
    clock_ahead: Callable[[], bool] = bool
    scripts: tuple[Path, ...] = ()
    scripts_mend: str = "this server does not carry Segment's script"
    most_at_once: int = 12
    most_waiting: int = 512


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
        raise RuntimeError("a route was called before `api.wiring.install`; call it in site")
    return _INSTALLED[0]
