"""Leases on buckets: several workers share them out by themselves; a stale owner's fence no longer fits.

Every worker says that it lives, whether it holds a bucket or not: one that has just come is counted by the others, which give
back what is beyond their share.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.worker")
LEASE: Final = timedelta(seconds=15)
"""How long a lease lasts without being renewed: a dead worker's buckets are idle for no longer."""

FAR: Final = timedelta(minutes=5)
"""A lease that reaches farther than this is nobody's: the clock was put back since it was written."""


class Leases:
    """The buckets of one worker, with the fence each was taken under."""

    def __init__(self, owner: str) -> None:
        """Start without any; ``owner`` tells workers apart."""
        self.owner = owner
        self.held: dict[int, int] = {}
        self.settled = False
        """Whether we held our share when we last looked."""

    def share_out(self, conn: Connection, now: datetime) -> datetime | None:
        """Renew what is held, give back what is beyond our share, take what is free; commits.

        ``now`` is real time. Returns when the first lease or life of another runs out that is not renewed; None: there is none.
        """
        conn.execute(_SQL["live"], {"owner": self.owner, "until": now + LEASE, "now": now, "far": now + FAR})
        self.held = dict(conn.execute(_SQL["renew"], {"owner": self.owner, "until": now + LEASE}).fetchall())
        row = conn.execute(_SQL["others"], {"owner": self.owner, "now": now}).fetchone()
        others, total, runs_out = row or (0, 0, None)
        share = -(-total // (others + 1))
        beyond = sorted(self.held)[share:]
        if beyond:
            conn.execute(_SQL["give_back"], {"owner": self.owner, "buckets": beyond})
            for bucket in beyond:
                del self.held[bucket]
        if len(self.held) < share:
            times = {"until": now + LEASE, "now": now, "far": now + FAR}
            params = {"owner": self.owner, "count": share - len(self.held), **times}
            self.held.update(conn.execute(_SQL["take"], params).fetchall())
        conn.commit()
        # The last of several may find less than an equal share, and that is all there is.
        self.settled = len(self.held) >= total // (others + 1)
        return runs_out if isinstance(runs_out, datetime) else None

    def give_back(self, conn: Connection) -> None:
        """Give everything back, so that others need not wait for it to run out; commits."""
        conn.execute(_SQL["leave"], {"owner": self.owner})
        conn.execute(_SQL["give_back"], {"owner": self.owner, "buckets": None})
        conn.commit()
        self.held = {}
