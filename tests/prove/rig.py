"""The rig: a shop as `tamshy serve` runs it, the ledger, the crowd; and what is done to them while they are at work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from tests.prove import launch
from tests.prove.checking import Judgement, judge
from tests.prove.crowd import Crowd, ask, write_shop
from tests.prove.ledger import Ledger, Witness
from tests.prove.proxy import Proxy
from tests.prove.serving import Shop, wait_out

from tamshy import sqlkit
from tamshy.deliver import Settlement, settle, uncertain

if TYPE_CHECKING:
    from pathlib import Path

_SECRET: Final = "0123456789abcdef0123456789abcdef"
BEGIN: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_SESSIONS: Final = "select count(*) from pg_stat_activity where application_name = any(%(names)s)"
# Calls, enrollments, messages to be rendered, deliveries.
_LEFT: Final = """
select (select count(*) from inbox), (select count(*) from enrollment where active),
    (select count(*) from message where state = 'accepted'),
    (select count(*) from delivery where state in ('queued', 'handing_over'))
"""


@dataclass(frozen=True)
class Plan:
    """How much, how fast, and with what: carts over so many real seconds, on a clock `speed` times as fast as life.

    `leases`: real seconds of a worker's lease, of a delivery's and of a pause before another try; None: the product's.
    """

    carts: int
    seconds: float
    speed: float = 600.0
    seed: int = 1
    workers: int = 2
    connections: int = 4
    thinks_s: float = 0.0
    leases: tuple[float, float, float] | None = None
    plant: str = ""
    links: bool = False
    """A fault proxy between callers and the web server, workers and the mail server, and all processes and PostgreSQL."""


@dataclass
class Rig:
    """Everything at work; a context manager of which nothing is left afterwards."""

    plan: Plan
    place: Path
    kills: Counter[str] = field(default_factory=Counter)
    """What was done, and how often."""
    moments: list[float] = field(default_factory=list)
    """When anything was done that may leave a hand-over without its record (`DEADLY`)."""
    links: dict[str, Proxy] = field(default_factory=dict)
    """The links between the parts, where there are proxies: `web`, `mail` and `database`."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _versions: int = 1
    _publisher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it all, or leave nothing."""
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def _start(self, stack: ExitStack) -> None:
        plan, place = self.plan, self.place
        write_shop(place / "shop")
        self.ledger = stack.enter_context(Ledger(place / "ledger.jsonl", plan.thinks_s))
        self.points = place / "points"
        given = launch.surroundings(self.points, plan.leases, plan.plant)
        mail_port, own = self.ledger.port, ""
        if plan.links:
            own = stack.enter_context(sqlkit.scratch_server()).dsn
            given |= {"DATABASE_URL": self._linked(stack, own), "TAMSHY_SECRET_KEY": _SECRET}
            self.links["mail"] = stack.enter_context(Proxy(("127.0.0.1", self.ledger.port)))
            mail_port = self.links["mail"].port
        given["TAMSHY_SMTP_URL"] = f"smtp://127.0.0.1:{mail_port}?connections={plan.connections}"
        options = ("--workers", str(plan.workers))
        self.shop = Shop(place / "shop", place, module=launch.NAME, options=options, surroundings=given, dsn=own)
        stack.enter_context(self.shop)
        self.shop.open(BEGIN, plan.speed)
        port = self.shop.port
        if plan.links:
            self.links["web"] = stack.enter_context(Proxy(("127.0.0.1", port)))
            port = self.links["web"].port
        self.witness = Witness(place / "witness.jsonl")
        self.crowd = Crowd(port, self.witness, self.ledger, plan.carts, plan.seconds, self.shop.clock.now, plan.seed)

    def _linked(self, stack: ExitStack, dsn: str) -> str:
        """Put a link of its own before a database, and give the address at its other end."""
        where = sqlkit.dsn_parts(dsn)
        self.links["database"] = stack.enter_context(Proxy(f"{where['host']}/.s.PGSQL.{where['port']}"))
        return f"postgresql://{where['user']}@127.0.0.1:{self.links['database'].port}/{where['dbname']}"

    def __exit__(self, *raised: object) -> None:
        """Stop it all."""
        self.crowd.hush.set()
        self.crowd.enough.set()
        if self._publisher is not None:
            self._publisher.kill()
            self._publisher.wait()
        self._stack.close()

    # -- what is done to it --------------------------------------------------------------------------------------------

    def kill(self, what: str, how: int = signal.SIGKILL) -> bool:
        """Send a signal to one process of a kind; False where none of that kind runs at this moment.

        Kinds: `web` (the server that was started, or the one that answers), `worker` (passes and hand-over), `render`
        (a worker's child), `database` (all of it at once), `backend` (one session of it), `all` (the one that looks
        after all others, which then is started again).
        """
        if what == "all":
            self.shop.kill()
            self.shop.start()
        else:
            found = self.processes(what)
            if not found:
                return False
            with suppress(ProcessLookupError):
                os.kill(random.choice(found), how)  # noqa: S311 - whom it meets
        self.note(what)
        return True

    def note(self, what: str) -> None:
        """Keep that this was done, and when, where a hand-over may suffer from it."""
        self.kills[what] += 1
        if what in DEADLY or what.startswith("point"):
            self.moments.append(time.time())

    def works(self, what: str) -> bool:
        """Tell whether all of a kind are there again, as far as can be seen from outside."""
        match what:
            case "worker":
                # Each has a connection for passes and one for hand-over.
                return self._sessions("tamshy worker", "tamshy hand-over") >= 2 * self.plan.workers
            case "database" | "backend":
                return self._sessions("tamshy worker") > 0
            case "web" | "all":
                return ask(self.shop.port, "GET", "/readyz", None, {}) == 200
            case _:
                return True

    def _sessions(self, *names: str) -> int:
        """How many sessions of these names the database has; none where it is away."""
        try:
            with self.shop.connect() as conn:
                row = conn.execute(_SESSIONS, {"names": list(names)}).fetchone()
        except (sqlkit.DatabaseUnavailable, sqlkit.Error):
            return 0
        return int(row[0]) if row else 0

    def look_after(self) -> None:
        """Start the one that looks after all others again, where a kill in the midst of its start has ended it."""
        if not self.shop.runs():
            self.shop.start()
            self.kills["starts that a kill has ended"] += 1

    def processes(self, what: str) -> list[int]:
        """Find the processes of a kind."""
        match what:
            case "render":
                return [pid for pid, command in self.shop.family() if "tamshy.render.child" in command]
            case "database":
                return self.shop.processes("postgres")
            case "backend":
                return [pid for pid, command in self.shop.family() if command.startswith("postgres: tamshy")]
            case _:
                return self.shop.processes(what)

    def arm(self, point: str) -> None:
        """Have the next process that comes by this place die there."""
        (self.points / "armed" / point).touch()

    def armed(self, point: str) -> bool:
        """Tell whether nobody has come by since."""
        return (self.points / "armed" / point).exists()

    def disarm(self, point: str) -> bool:
        """Take it back; False: somebody has died there."""
        try:
            (self.points / "armed" / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def reached(self) -> set[str]:
        """Name the places that somebody has come by."""
        return {path.name for path in (self.points / "reached").iterdir()}

    def keep_publishing(self) -> None:
        """Publish the next version as soon as the last is; one whose publisher has died is published again."""
        if self._publisher is not None:
            code = self._publisher.poll()
            if code is None:
                return
            self._versions += code == 0
        write_shop(self.place / "next", self._versions)
        command = [sys.executable, "-m", launch.NAME, "apply", str(self.place / "next")]
        given = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith(("TAMSHY_", "PG"))}
        given |= {"TAMSHY_CLOCK": self.shop.clock.text(), **launch.surroundings(self.points)}
        with (self.place / "apply.log").open("ab") as log:
            self._publisher = subprocess.Popen(command, cwd=self.place, env=given, stdout=log, stderr=log)

    # -- to the end ----------------------------------------------------------------------------------------------------

    def settle_down(self, patience_s: float) -> None:
        """Wait until all is said, nobody is inside any flow and nothing waits; a person settles what is in doubt, half anew."""
        deadline = time.monotonic() + patience_s
        while self.crowd.calling():
            assert time.monotonic() < deadline, f"the crowd still calls: {self.shop.said()}"
            self.look_after()
            wait_out(0.1)
        self.crowd.hush.set()
        # Whose publisher has died is published again.
        while self._publisher is not None and self._publisher.wait() != 0:
            assert time.monotonic() < deadline, (self.place / "apply.log").read_text()[-2000:]
            self.look_after()
            self.keep_publishing()
        self._until_nothing_is_left(deadline)
        self.crowd.stop_calling()
        self.crowd.stop_reading()
        self._until_nothing_is_left(deadline)
        with self.shop.connect() as conn:
            doubts = uncertain(conn, 1, 100_000)
            self.kills["settled by a person"] = len(doubts)
            now = self.shop.clock.now()
            settle(conn, 1, [one.message for one in doubts[::2]], Settlement.RESEND, "rig", now)
            settle(conn, 1, [one.message for one in doubts[1::4]], Settlement.SENT, "rig", now)
        self._until_nothing_is_left(deadline)

    def _until_nothing_is_left(self, deadline: float) -> None:
        left: object = "the database does not answer"
        while True:
            try:
                with self.shop.connect() as conn:
                    while (row := conn.execute(_LEFT).fetchone()) != (0, 0, 0, 0):
                        left = row
                        assert time.monotonic() < deadline, (
                            f"{left} left at {self.shop.clock.now()}: {self.shop.said()}"
                        )
                        wait_out(0.2)
                    return
            except (sqlkit.DatabaseUnavailable, sqlkit.Error):
                assert time.monotonic() < deadline, f"{left}: {self.shop.said()}"
                self.look_after()
                wait_out(0.2)

    def deaths(self) -> str:
        """Say who died, in a line."""
        return ", ".join(f"{count} x {what}" for what, count in sorted(self.kills.items()))

    def judge(self) -> Judgement:
        """Hold the shop's database beside what is known outside."""
        most = self.plan.connections * self.plan.workers
        with self.shop.connect() as conn:
            return judge(conn, self.witness, self.ledger, deaths=self.moments, most_copies=most)


DEADLY: Final = frozenset({"worker", "all", "database", "backend", "link mail", "link database"})
"""What may leave a hand-over without its record, or its answer unheard."""
