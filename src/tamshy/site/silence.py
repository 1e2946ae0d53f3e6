"""Connections on which nothing is said any more are closed, once there are many.

The server waits for the first word of a connection without end, so whoever opens enough of them and keeps still would
shut everybody else out. What the kernel knows of each connection tells them from those that are in use.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MANY: Final = 512
"""Open files of this process from which on it looks for silent connections."""
SILENT_MS: Final = 10_000
"""Milliseconds without a byte in either direction."""
_LOOK_S: Final = 2.0
_LOOKS_AFTER: Final = 3
"""Looks after a crowd at which memory is given back: what they had asked for may still be answered when they have gone."""
_FILES: Final = Path("/proc/self/fd")
_TCP_INFO_BYTES: Final = 104
# struct tcp_info (linux/tcp.h): eight bytes, then words of 32 bits; these two say how long ago, in milliseconds.
_WORDS: Final = struct.Struct("=8B24I")
_SENT, _RECEIVED = 8 + 9, 8 + 11


class Watch:
    """Looks after the connections to a port of ours; on Linux, where it can be known how long they are silent."""

    def __init__(self, port: int, relieve: Callable[[], object]) -> None:
        """Take the port, and what is to be done once many have gone."""
        self._port = port
        self._relieve = relieve
        self._looks = 0

    def begin(self) -> None:
        """Look from now on, in a thread."""
        if sys.platform == "linux":
            threading.Thread(target=self._look_on, name="silence", daemon=True).start()

    def _look_on(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Close who is silent where there are many; where there were, and no longer are, have what they took given back."""
        if len(os.listdir(_FILES)) > MANY:  # noqa: PTH208 - thousands of names, no paths of them
            close_silent(self._port)
            self._looks = _LOOKS_AFTER
        elif self._looks:
            self._looks -= 1
            self._relieve()


def close_silent(port: int, silent_ms: int = SILENT_MS) -> int:
    """Close the connections to `port` that have been silent for so long; gives how many."""
    closed = 0
    for name in os.listdir(_FILES):  # noqa: PTH208
        with suppress(OSError):  # it was none, or has gone meanwhile
            closed += _close(int(name), port, silent_ms)
    return closed


def _close(file: int, port: int, silent_ms: int) -> bool:
    # A second handle of our own, so that what is looked at is what is closed, whoever takes the number meanwhile.
    copy = os.dup(file)
    try:
        link = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return False
    with link:
        name = link.getsockname()
        if not isinstance(name, tuple) or name[1] != port or link.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        words = _WORDS.unpack(link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES))
        if min(words[_SENT], words[_RECEIVED]) < silent_ms:
            return False
        link.shutdown(socket.SHUT_RDWR)
        return True
