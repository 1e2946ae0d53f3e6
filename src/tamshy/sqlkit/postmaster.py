"""One running server process: started, waited for, watched, stopped, and found again after a crash.

Time is read here only to wait, by the monotonic clock; nothing that Tamshy decides depends on it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import psycopg

from tamshy.sqlkit.cluster import DATABASE, PORT, ROLE, process_identity, settings
from tamshy.sqlkit.failures import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.sqlkit.cluster import Cluster

READY_TIMEOUT_S: Final = 600.0
"""How long a start may take; replaying three gigabytes of log after a crash was measured at 27 seconds."""

STOP_TIMEOUT_S: Final = 60.0
_ORPHANS_TIMEOUT_S: Final = 60.0
_FIRST_WORD_S: Final = 3.0
_ASK_AGAIN_S: Final = 0.5
_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.25

# What the server says when processes of a killed predecessor still hold its memory, or its lock file still stands.
_PREDECESSOR_WORDS: Final = ("pre-existing shared memory block", 'lock file "')

# Reads until its owner writes a line (then it leaves) or is gone (then it stops the server, and removes a throwaway
# folder). It checks the pid file, so that a number given to another process meanwhile is not signalled.
_WATCH: Final = """
if read -r word; then exit 0; fi
if [ "$(head -n 1 "$2/postmaster.pid" 2>/dev/null)" = "$1" ]; then kill -"$3" "$1"; fi
if [ -n "$4" ]; then
  tries=0
  while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  rm -rf "$4"
fi
"""


def socket_dsn(sockets: Path, database: str = DATABASE, role: str = ROLE) -> str:
    """Write the address of a server by its socket folder as a URL."""
    return f"postgresql://{role}@/{database}?host={quote(str(sockets), safe='')}&port={PORT}"


@dataclass(frozen=True, slots=True)
class Start:
    """What a server is started with: cluster, socket folder, durability, and a folder to remove after our death."""

    cluster: Cluster
    sockets: Path
    durable: bool
    throwaway: Path | None = None


class Postmaster:
    """A server process that this process started, and its watchdog."""

    def __init__(self, start: Start, say: Callable[[str], None], cancelled: threading.Event | None = None) -> None:
        """Start the server and wait until it answers; setting `cancelled` ends the waiting, and the server.

        Raises:
            EmbeddedError: it ended by itself, or did not answer in time; the message holds what it said.
        """
        self._start = start
        self._say = say
        self._cancelled = cancelled or threading.Event()
        # A forked child would hold the watchdog's pipe open beyond our death.
        os.register_at_fork(after_in_child=self._forget)
        deadline = monotonic() + _ORPHANS_TIMEOUT_S
        while not self._try():
            # Processes of a killed predecessor still hold its memory; they end by themselves.
            if monotonic() > deadline:
                raise EmbeddedError(self._failure())
            _pause(_LONGEST_PAUSE_S)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def wait(self) -> int:
        """Block until the server ends; gives its exit code (negative: the signal that ended it)."""
        return self._process.wait()

    def stop(self) -> None:
        """Stop the server: sessions are cut and the data written out; what is thrown away, or hangs, is cut off."""
        how = signal.SIGINT if self._start.throwaway is None else signal.SIGQUIT
        if not self._end(how, STOP_TIMEOUT_S):
            self._say(f"PostgreSQL did not stop within {STOP_TIMEOUT_S:g} seconds: ending it as after a crash")
            self._end(signal.SIGQUIT)
        self.release()

    def _end(self, how: signal.Signals, within_s: float = inf) -> bool:
        """Ask the server to end until it has; says whether it did in time.

        Asked once it may not hear: one that has only begun ignores what whoever started us had us ignore, as shells have it
        with what they run in the background.
        """
        deadline = monotonic() + within_s
        while monotonic() < deadline:
            with suppress(ProcessLookupError):
                self._process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_ASK_AGAIN_S)
                return True
        return False

    def release(self) -> None:
        """Send the watchdog away; it is of no use once the server has ended."""
        _dismiss(self._watchdog)

    def _forget(self) -> None:
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()

    def _try(self) -> bool:
        """Start the server once: True when it answers, False when leftovers of a predecessor are in its way."""
        self._process = _spawn(self._start)
        self._watchdog = _watchdog(self._process.pid, self._start)
        try:
            answers = self._answers()
        except BaseException:
            # Ctrl-C among them: nothing that we started stays behind.
            self._end(signal.SIGQUIT)
            self.release()
            raise
        if answers:
            return True
        self.release()
        if not any(word in _said(self._start) for word in _PREDECESSOR_WORDS):
            raise EmbeddedError(self._failure())
        return False

    def _answers(self) -> bool:
        """Wait until a real connection works (True) or the process ends (False)."""
        begun = monotonic()
        next_word = begun + _FIRST_WORD_S
        pause = _PAUSE_S
        while self._process.poll() is None:
            try:
                psycopg.connect(socket_dsn(self._start.sockets), connect_timeout=5).close()
            except psycopg.OperationalError as exc:
                waited = monotonic() - begun
                if waited > READY_TIMEOUT_S or self._cancelled.is_set():
                    msg = f"PostgreSQL did not answer within {waited:.0f} seconds: {_reason(exc)}"
                    raise EmbeddedError(msg) from exc
                if monotonic() > next_word:
                    self._say(f"PostgreSQL is not ready after {waited:.0f} s: {_reason(exc)}")
                    next_word = monotonic() + _FIRST_WORD_S
                _pause(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE_S)
            else:
                return True
        return False

    def _failure(self) -> str:
        said = " / ".join(line.strip() for line in _said(self._start).strip().splitlines()[-6:])
        return f"PostgreSQL ended with code {self._process.returncode} while starting: {said or 'it said nothing'}"


def end_orphan(folder: Path, say: Callable[[str], None]) -> None:
    """Clear away a server of this folder whose owner is dead; the caller holds the folder's lock.

    A living one is stopped as by its owner. A pid file that names a zombie, or a process that is something else by
    now, is removed: PostgreSQL would take either for a running server and refuse for ever. Processes that still use
    the cluster are noticed by PostgreSQL itself, by its shared memory.
    """
    pid_file = folder / "postmaster.pid"
    pid = _pid_in(pid_file)
    if pid is None:
        return
    if not _is_server(pid, folder):
        pid_file.unlink(missing_ok=True)
        return
    say(f"PostgreSQL still runs as process {pid} for an owner that is gone: stopping it")
    deadline = monotonic() + STOP_TIMEOUT_S
    how = signal.SIGINT
    while _is_server(pid, folder):
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        if monotonic() > deadline:
            how = signal.SIGQUIT
        _pause(0.1)


def _pid_in(pid_file: Path) -> int | None:
    try:
        first = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
    return abs(int(first)) if first.lstrip("-").isdigit() else None


def _is_server(pid: int, folder: Path) -> bool:
    """Tell whether `pid` is a living server of this cluster: no zombie, and working in its folder."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    stat = Path("/proc", str(pid), "stat")
    if not stat.exists():
        # Without /proc (macOS) there are no containers whose first process never reaps; a living pid is believed.
        return not Path("/proc/self/stat").exists()
    try:
        state = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        return state not in {"Z", "X"} and Path("/proc", str(pid), "cwd").samefile(folder)
    except OSError:
        return False


def _spawn(start: Start) -> subprocess.Popen[bytes]:
    cluster = start.cluster
    arguments = [cluster.binaries.program("postgres"), "-D", str(cluster.folder)]
    throwaway = start.throwaway is not None
    for name, value in settings(cluster, start.sockets, durable=start.durable, throwaway=throwaway).items():
        arguments += ["-c", f"{name}={value}"]
    # As root we write into a folder of another account, so no link that it may have put there is followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(_log_path(start), flags, 0o600), "wb") as log:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cluster.folder,
            # Ctrl-C in a terminal goes to the whole group: the server must outlive the sessions we close first.
            start_new_session=True,
            **process_identity(cluster.account),
        )


def _watchdog(pid: int, start: Start) -> subprocess.Popen[bytes]:
    """Start the process that stops the server when ours is gone without having said goodbye."""
    how = "INT" if start.throwaway is None else "QUIT"
    throwaway = str(start.throwaway) if start.throwaway is not None else ""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, "tamshy-watchdog", str(pid), str(start.cluster.folder), how, throwaway],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _dismiss(watchdog: subprocess.Popen[bytes]) -> None:
    if watchdog.stdin is not None and not watchdog.stdin.closed:
        with suppress(BrokenPipeError):
            watchdog.stdin.write(b"stopped\n")
            watchdog.stdin.flush()
        with suppress(BrokenPipeError):
            watchdog.stdin.close()
    watchdog.wait()


def _log_path(start: Start) -> Path:
    return start.cluster.folder.with_name(f"{start.cluster.folder.name}-start.log")


def _said(start: Start) -> str:
    """Read what the server said while starting: before and after its log collector took over."""
    paths = [_log_path(start)]
    with suppress(OSError):
        logs = (start.cluster.folder / "log").glob("*.log")
        paths += sorted(logs, key=lambda path: path.stat().st_mtime)[-1:]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace")[-4000:] for path in paths if path.exists())


def _reason(exc: psycopg.OperationalError) -> str:
    return str(exc).strip().splitlines()[-1].strip()


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
