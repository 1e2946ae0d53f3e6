"""The web server and its listening socket, which can be older than the server: kept by whoever starts it.

A socket that outlives the server is why nobody is turned away while it is restarted, or started again after a kill:
those who come meanwhile wait in the socket's queue, and the next server answers them.
"""

from __future__ import annotations

import os
import resource
import socket
from typing import Any, Final

from granian._granian import SocketHolder  # what granian.net hands on, with no word of it to type checkers
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

BACKLOG: Final = 1024
MOST_CONNECTIONS: Final = 12_288
"""Connections at the same time; further ones wait in the queue."""
MOST_HEADERS: Final = 16 * 1024
"""Bytes of a request's first line and headers, as many as Node.js takes; what a connection can hold before it is heard."""
LOGGING: Final[dict[str, Any]] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}
"""The server's own words go where ours go; by itself it prints errors whole, and what they say may be anybody's."""
_OTHER_FILES: Final = 128


class AddressTaken(OSError):
    """Somebody else listens there, or nobody may; the message says where."""


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        AddressTaken: it cannot be opened there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise AddressTaken(f"cannot listen on {host}, port {port}: {exc.strerror}; take another --port") from exc


def answer(listening: socket.socket) -> None:
    """Answer on this socket until told to stop."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = MOST_CONNECTIONS + _OTHER_FILES if allowed == resource.RLIM_INFINITY else allowed
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, allowed))
    # Its process inherits it: what many connections took is given back a second after they are gone.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:1")
    _OnSocket(
        listening,
        "tamshy.site.rsgi:application",
        interface=Interfaces.RSGI,
        workers=1,
        blocking_threads=1,
        backlog=BACKLOG,
        backpressure=min(MOST_CONNECTIONS, files - _OTHER_FILES),
        # HTTP/2 would be spoken to whoever begins with it: 16 MB of headers a request, and none of the limits here.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=MOST_HEADERS),
        websockets=False,
        respawn_failed_workers=True,
        # Requests take milliseconds; what is still open then are kept connections that nobody uses.
        workers_kill_timeout=3,
        log_access=False,
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
    ).serve()


class _OnSocket(MPServer):
    """A server that does not open a socket of its own, as granian itself does it with Unix sockets."""

    def __init__(self, listening: socket.socket, target: str, **options: Any) -> None:  # noqa: ANN401 - granian's own
        super().__init__(target, **options)
        self._listening = listening

    def _init_shared_socket(self) -> None:
        self._listening.settimeout(0)
        self._listening.set_inheritable(True)
        self._sso = self._listening
        self._sfd = self._listening.fileno()  # type: ignore[assignment]  # its base knows it as None
        # Its stub knows none of its three parameters: the socket, whether it is Unix's, the queue.
        self._shd = SocketHolder(self._sfd, *(False, BACKLOG))  # type: ignore[assignment, call-arg]
