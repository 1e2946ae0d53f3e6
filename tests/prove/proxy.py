"""A TCP connection as the world has it: slow, narrow, cut after some bytes, reset, or held open by nobody.

Stands between any two parts: app and PostgreSQL (whose socket may be Unix's), app and mail server, client and web. Faults
are set while it runs and hold for what passes from then on.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine

_PIECE: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Faults:
    """What happens to connections.

    ``latency_s``: each piece waits so long before it goes on. ``per_second``: bytes a second and direction at most.
    ``cut_to_server``, ``cut_to_client``: after so many bytes in that direction both ends are closed, or reset where
    ``reset`` is true; the bytes up to there arrive. ``silent``: nothing passes any more in either direction, and nobody
    hears of it: half-open. ``refuse``: new connections are closed at once.
    """

    latency_s: float = 0.0
    per_second: float | None = None
    cut_to_server: int | None = None
    cut_to_client: int | None = None
    reset: bool = False
    silent: bool = False
    refuse: bool = False


@dataclass(eq=False)
class _Link:
    """One connection: both ends, and how much has passed each way."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    passed: dict[str, int] = field(default_factory=lambda: {"server": 0, "client": 0})

    def end(self, *, reset: bool) -> None:
        """Close both ends; with `reset` they hear that it was torn, not that it ended."""
        for writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            if reset and sock is not None and sock.family != socket.AF_UNIX:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            if reset:
                writer.transport.abort()
            else:
                writer.close()


class Proxy:
    """Listens on `port` and passes on to a target, `(host, port)` or the path of a Unix socket; a context manager."""

    def __init__(self, target: tuple[str, int] | str, faults: Faults | None = None) -> None:
        self.target = target
        self.faults = faults or Faults()
        self.port = 0
        self.connections = 0
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *raised: object) -> None:
        """Cut what is left, and stop."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set(self, **faults: Any) -> None:  # noqa: ANN401 - the fields of Faults
        """Change some of the faults, for connections that are open too."""
        self.faults = replace(self.faults, **faults)

    def mend(self) -> None:
        """Be a plain connection from now on. What was silent stays so: its bytes are gone."""
        self.faults = Faults()

    def cut(self, *, reset: bool = True) -> int:
        """End all open connections; gives how many there were."""
        return int(self._do(self._cut(reset=reset)))

    # -- in the thread of the loop -------------------------------------------------------------------------------------

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what it gives
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._cut(reset=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cut(self, *, reset: bool) -> int:
        links, self._links = self._links, set()
        for link in links:
            link.end(reset=reset)
        return len(links)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.faults.refuse:
            writer.close()
            return
        try:
            if isinstance(self.target, str):
                there, out = await asyncio.open_unix_connection(self.target)
            else:
                there, out = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, out)
        self._links.add(link)
        for way, source, sink in (("server", reader, out), ("client", there, writer)):
            task = self._loop.create_task(self._pass_on(link, way, source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, link: _Link, way: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(_PIECE):
                faults = self.faults
                if faults.silent:
                    await asyncio.Event().wait()
                await self._slow_down(len(piece), faults)
                most = faults.cut_to_server if way == "server" else faults.cut_to_client
                if most is not None and link.passed[way] + len(piece) >= most:
                    sink.write(piece[: max(0, most - link.passed[way])])
                    await sink.drain()
                    self._links.discard(link)
                    link.end(reset=faults.reset)
                    return
                link.passed[way] += len(piece)
                sink.write(piece)
                await sink.drain()
        self._links.discard(link)
        link.end(reset=False)

    async def _slow_down(self, size: int, faults: Faults) -> None:
        pause = faults.latency_s + (size / faults.per_second if faults.per_second else 0.0)
        if pause:
            await asyncio.sleep(pause)
