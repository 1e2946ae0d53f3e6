"""The parent's side: a pool of children that may die, and a renderer of the same shape without any."""

from __future__ import annotations

import fcntl
import logging
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tamshy.render import protocol
from tamshy.render.compiled import Compiled, Job, Outcome, RenderError
from tamshy.render.protocol import Done, Fault, Load, Ready, Work, frame
from tamshy.render.rendering import Letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

_LOG: Final = logging.getLogger("tamshy.render")
# How many jobs a child is sent ahead, so that it never waits: at least, and where there are many. How many versions it may keep.
_AHEAD: Final = 16
_FAR_AHEAD: Final = 64
_MAX_VERSIONS: Final = 64
# To be woken for each answer costs as much as half a mail: while many are to come, some are let come together. They lie in the
# pipe meanwhile, which for that is made as large as Linux lets anybody make one.
_GATHER_SECONDS: Final = 0.003
_PIPE: Final = 1 << 20
# Without a sign of life for so long (of the wall's time, on a machine that may be busy) a child is taken for stuck.
_STALL_SECONDS: Final = 20.0
_START_SECONDS: Final = 60.0
_TRIES: Final = 2
_CHUNK: Final = 1 << 20


class RendererUnavailable(RuntimeError):
    """Children cannot be started at all; nothing is wrong with the messages."""


class Renderer(Protocol):
    """Renders batches of jobs, each alone: one that fails harms no other."""

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """Render a batch; results in the order of the jobs, one each.

        Args:
            jobs: what to render.
            compiled: the compiled messages by the versions that jobs name. What has been seen once is kept, and
                versions never change, so that a later batch may leave it out.

        Raises:
            KeyError: a job's version is in no batch so far.
            RendererUnavailable: no child can be started.
        """

    def close(self) -> None:
        """End what was started."""


class InProcess:
    """Renders right here, without limits of time and memory: for tests of what is rendered."""

    def __init__(self) -> None:
        self._letters: dict[int, Letter] = {}

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """See ``Renderer``."""
        for version in {job.version for job in jobs} - self._letters.keys():
            self._letters[version] = Letter(compiled[version])
        return [self._one(job) for job in jobs]

    def _one(self, job: Job) -> Outcome:
        try:
            return Outcome(id=job.id, rendered=self._letters[job.version].render(job))
        except RenderError as exc:
            return Outcome(id=job.id, error=str(exc))

    def close(self) -> None:
        """See ``Renderer``."""


@dataclass(slots=True)
class _Task:
    place: int
    job: Job
    tries: int = 0


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    known: set[int] = field(default_factory=set)
    outgoing: bytearray = field(default_factory=bytearray)
    incoming: bytearray = field(default_factory=bytearray)
    underway: deque[_Task] = field(default_factory=deque)
    served: int = 0
    ready: bool = False
    blocked: bool = False
    heard_at: float = 0.0

    @property
    def reading(self) -> int:
        assert self.process.stdout is not None  # noqa: S101  opened as a pipe
        return self.process.stdout.fileno()

    @property
    def writing(self) -> int:
        assert self.process.stdin is not None  # noqa: S101  opened as a pipe
        return self.process.stdin.fileno()


class RenderChild:
    """A pool of disposable children.

    A message over a limit gets an error of its own, and its child is replaced. Work that was under way when a child
    died is done again by the next; a message whose child dies twice is given up with an error. Not for several threads
    at once.

    Args:
        children: how many processes at most; they are started when first needed.
    """

    def __init__(self, children: int = 1) -> None:
        self._size = max(1, children)
        self._compiled: dict[int, bytes] = {}
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()
        self._starts_failed = 0
        self._fault = _SILENT

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def pids(self) -> list[int]:
        """The processes that live now."""
        return [child.process.pid for child in self._children if child.process.poll() is None]

    def start(self) -> None:
        """Start the children now, so that the first batch need not wait for them."""
        while len(self._children) < self._size:
            self._children.append(self._started())

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """See ``Renderer``."""
        for version in {job.version for job in jobs} - self._compiled.keys():
            self._compiled[version] = msgspec.json.encode(compiled[version])
        self._retire()
        waiting = deque(_Task(place, job) for place, job in enumerate(jobs))
        outcomes: list[Outcome | None] = [None] * len(jobs)
        try:
            while waiting or any(child.underway for child in self._children):
                self._feed(waiting)
                self._turn(waiting, outcomes)
        except BaseException:
            self.close()  # with answers under way a child is of no use to the next batch
            raise
        return [outcome for outcome in outcomes if outcome is not None]

    def close(self) -> None:
        """See ``Renderer``."""
        children, self._children = self._children, []
        for child in children:
            self._end(child)
        self._selector.close()
        self._selector = selectors.DefaultSelector()

    # -- one turn of the loop ----------------------------------------------------------------------------------------

    def _feed(self, waiting: deque[_Task]) -> None:
        """Spread what waits over the children, starting what is missing."""
        while waiting and len(self._children) < self._size and len(self._children) * _AHEAD < self._load(waiting):
            self._children.append(self._started())
        share = self._load(waiting) // max(1, len(self._children))
        ahead = min(max(share, _AHEAD), _FAR_AHEAD)
        for child in self._children:
            while waiting and len(child.underway) < ahead:
                self._give(child, waiting.popleft())

    def _load(self, waiting: deque[_Task]) -> int:
        return len(waiting) + sum(len(child.underway) for child in self._children)

    def _retire(self) -> None:
        """Between batches: let go of children that have ended or know too much."""
        for child in list(self._children):
            if child.process.poll() is not None or len(child.known) >= _MAX_VERSIONS:
                self._children.remove(child)
                self._end(child)

    def _give(self, child: _Child, task: _Task) -> None:
        version = task.job.version
        if version not in child.known:
            child.outgoing += frame(Load(version, self._compiled[version]))
            child.known.add(version)
        if not child.underway:
            child.heard_at = time.monotonic()
        child.outgoing += frame(Work(task.job))
        child.underway.append(task)

    def _turn(self, waiting: deque[_Task], outcomes: list[Outcome | None]) -> None:
        """Write what can be written, wait for a sign of any child, and read."""
        for child in self._children:
            self._write(child)
        signs = self._selector.select(timeout=1.0)
        if signs and all(len(child.underway) >= _AHEAD for child in self._children):
            time.sleep(_GATHER_SECONDS)
        for key, event in signs:
            child = key.data
            if child not in self._children or not event & selectors.EVENT_READ or key.fd != child.reading:
                continue
            if not self._read(child, outcomes):
                self._lost(child, waiting, outcomes)
        for child in list(self._children):
            limit = _STALL_SECONDS if child.ready else _START_SECONDS
            if child.underway and time.monotonic() - child.heard_at > limit:
                self._lost(child, waiting, outcomes)

    def _write(self, child: _Child) -> None:
        if child.outgoing:
            try:
                del child.outgoing[: os.write(child.writing, memoryview(child.outgoing)[:_CHUNK])]
            except BlockingIOError:
                pass
            except BrokenPipeError:
                child.outgoing.clear()  # its last words may still be there to read
        if bool(child.outgoing) != child.blocked:
            # only while the pipe is full is there anything to be told about it
            child.blocked = bool(child.outgoing)
            if child.blocked:
                self._selector.register(child.writing, selectors.EVENT_WRITE, child)
            else:
                self._selector.unregister(child.writing)

    def _read(self, child: _Child, outcomes: list[Outcome | None]) -> bool:
        try:
            piece = os.read(child.reading, _CHUNK)
        except BlockingIOError:
            return True
        child.incoming += piece
        child.heard_at = time.monotonic()
        for said in _frames(child.incoming):
            if isinstance(said, Ready):
                child.ready = True
                self._starts_failed = 0
            elif said.spent == "memory" and child.served and child.underway[0].tries + 1 < _TRIES:
                return False  # perhaps it was what the ones before had left: once more, alone
            else:
                task = child.underway.popleft()
                child.served += 1
                outcomes[task.place] = Outcome(id=said.id, rendered=said.rendered, error=said.error)
        return bool(piece)

    def _lost(self, child: _Child, waiting: deque[_Task], outcomes: list[Outcome | None]) -> None:
        """A child has ended or is stuck: the first message under way may be to blame, the others are not."""
        self._children.remove(child)
        fault = _last_words(child)
        self._end(child)
        if child.process.returncode:  # else it has told that a message was too much for it
            died = {"event": "renderer_died", "error": fault.kind, "detail": fault.where, "ending": _ending(child)}
            _LOG.error("what renders has ended by itself: %s", fault.kind, extra=died)
        if not child.ready:
            self._starts_failed += 1
            self._fault = fault
        elif child.underway:
            child.underway[0].tries += 1
            if child.underway[0].tries >= _TRIES:
                task = child.underway.popleft()
                outcomes[task.place] = Outcome(id=task.job.id, error=_cause(child.process.returncode))
        waiting.extendleft(reversed(child.underway))

    # -- processes ---------------------------------------------------------------------------------------------------

    def _started(self) -> _Child:
        if self._starts_failed >= _TRIES * self._size + 1:
            self._starts_failed = 0
            raise RendererUnavailable(
                f"the rendering process ends as soon as it starts: {self._fault.kind} at {self._fault.where}"
            )
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "tamshy.render.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Not ours: what a library prints as it dies may be a part of somebody's mail.
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            bufsize=0,
        )
        child = _Child(process, heard_at=time.monotonic())
        for pipe in (child.reading, child.writing):
            os.set_blocking(pipe, False)
            _widen(pipe)
        self._selector.register(child.reading, selectors.EVENT_READ, child)
        return child

    def _end(self, child: _Child) -> None:
        self._selector.unregister(child.reading)
        if child.blocked:
            self._selector.unregister(child.writing)
        child.process.kill()
        for pipe in (child.process.stdin, child.process.stdout, child.process.stderr):
            if pipe is not None:
                pipe.close()
        child.process.wait()


def _widen(pipe: int) -> None:
    """Let a pipe hold more, where the system has a word for it and lets us."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(PermissionError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _frames(buffer: bytearray) -> Iterable[Ready | Done]:
    """The whole frames at the start of a buffer, taken out of it."""
    at = 0
    while len(buffer) - at >= protocol.HEAD:
        size = int.from_bytes(buffer[at : at + protocol.HEAD], "little")
        if len(buffer) - at - protocol.HEAD < size:
            break
        at += protocol.HEAD
        yield protocol.TO_PARENT.decode(memoryview(buffer)[at : at + size])
        at += size
    del buffer[:at]


def _last_words(child: _Child) -> Fault:
    """Read what a child that has ended said of why; nothing else that it or a library has printed."""
    assert child.process.stderr is not None  # noqa: S101  opened as a pipe
    os.set_blocking(child.process.stderr.fileno(), False)
    try:
        said = os.read(child.process.stderr.fileno(), _CHUNK)
        return msgspec.json.decode(said.rpartition(b"\n")[2], type=Fault)
    except (BlockingIOError, msgspec.MsgspecError):
        return _SILENT


def _ending(child: _Child) -> str:
    code = child.process.returncode
    return f"signal {-code}" if code < 0 else f"code {code}"


def _cause(code: int | None) -> str:
    if code is not None and code < 0 and -code in _TIME_SIGNALS:
        return f"takes more than {protocol.CPU_SECONDS:g} s of processor time"
    return "brings the rendering process down"


_SILENT: Final = Fault("unknown", "unknown")
"""Of a child that has said nothing of ours: it was killed, or crashed within a library."""
_TIME_SIGNALS: Final = frozenset({24, 9})
"""SIGXCPU, and the SIGKILL that we give to what is stuck."""
