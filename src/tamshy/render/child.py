"""The process in which templates run: no database, no settings, an empty environment, and firm limits.

Started as ``python -I -m tamshy.render.child`` by ``RenderChild``; reads frames from standard input, answers on
standard output, ends with its input; on standard error it says what kind of error ended it, and nothing else. A message
over a limit gets a clean error, and the process ends after saying so: memory that a template has blown up, or an
interrupted call, is nothing to go on with.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from tamshy.render import protocol
from tamshy.render.compiled import RenderError
from tamshy.render.manner import babel_locale
from tamshy.render.protocol import Done, Fault, Load, Ready, Work, frame
from tamshy.render.rendering import Letter

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from tamshy.render.compiled import Compiled, Job

_PAGE: Final = resource.getpagesize()
# Beyond the timer, for one long call into C that no Python signal handler interrupts.
_BACKSTOP_SECONDS: Final = 2
_FRAMES: Final = 6


class _OutOfTime(BaseException):
    """Not an Exception: nothing on the way out may take it for its own."""


def main() -> None:
    """Serve until the input ends."""
    sys.excepthook = _last_words
    # Whoever reads it does so at the end: what a library prints beyond what fits is lost, and stops nobody.
    os.set_blocking(2, False)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    _settle()
    letters: dict[int, Letter | str] = {}
    _say(sink, Ready())
    while (said := _heard(source)) is not None:
        if isinstance(said, Load):
            letters[said.version] = _letter(said)
            continue
        done = _within_limits(said, letters)
        _say(sink, done)
        if done.spent:
            os._exit(0)  # without unwinding: what is left may be as large as it likes


def _last_words(kind: type[BaseException], _raised: BaseException, trace: TracebackType | None) -> None:
    """Say what ended this process, without what it says itself: that may be a part of somebody's mail."""
    frames = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(trace)[-_FRAMES:]]
    os.write(2, b"\n" + msgspec.json.encode(Fault(kind.__name__, ", ".join(frames))))


def _settle() -> None:
    """Take the limits on, once what every message needs is in memory."""
    for tag in ("en", "ru", "kk", "id"):
        _ = babel_locale(tag).currency_formats
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _out_of_time)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit_memory()


def _limit_memory() -> None:
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  one read at the start, without pathlib's import
            base = int(statm.read().split()[0]) * _PAGE
    except FileNotFoundError:
        return  # no Linux: the time limit and the limits within Liquid remain
    _limit(resource.RLIMIT_AS, base + protocol.MEMORY)


def _limit(kind: int, soft: int) -> None:
    """Set a soft limit, within the hard one that this process may have been born with."""
    hard = resource.getrlimit(kind)[1]
    infinite = resource.RLIM_INFINITY
    resource.setrlimit(kind, (hard if hard != infinite and (soft == infinite or soft > hard) else soft, hard))


def _out_of_time(_number: int, _where: FrameType | None) -> None:
    raise _OutOfTime


def _letter(said: Load) -> Letter | str:
    try:
        compiled: Compiled = msgspec.json.decode(said.compiled)
        return Letter(compiled)
    except RenderError as exc:
        return str(exc)


def _within_limits(said: Work, letters: dict[int, Letter | str]) -> Done:
    job = said.job
    try:
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + _BACKSTOP_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, protocol.CPU_SECONDS)
        try:
            return _rendered(job, letters[job.version])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _OutOfTime:
        return Done(job.id, error=f"takes more than {protocol.CPU_SECONDS:g} s of processor time", spent="time")
    except MemoryError:
        _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)  # there must be room to say so
        return Done(job.id, error=f"takes more than {protocol.MEMORY >> 20} MiB of memory", spent="memory")


def _rendered(job: Job, letter: Letter | str) -> Done:
    if isinstance(letter, str):
        return Done(job.id, error=letter)
    try:
        return Done(job.id, rendered=letter.render(job))
    except RenderError as exc:
        return Done(job.id, error=str(exc))


def _heard(source: BinaryIO) -> Load | Work | None:
    head = source.read(protocol.HEAD)
    if len(head) < protocol.HEAD:
        return None
    said: Load | Work = protocol.TO_CHILD.decode(source.read(int.from_bytes(head, "little")))
    return said


def _say(sink: BinaryIO, said: Ready | Done) -> None:
    sink.write(frame(said))
    sink.flush()


if __name__ == "__main__":
    main()
