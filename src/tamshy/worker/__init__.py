"""Which stage runs when, over which buckets: leases, passes, rendering, hand-over, one loop.

Reads ``lease`` and the due indexes; leaves what the stages leave. The only loop that survives an unexpected error: it stops the
bucket alone, says so, and tries again later.
"""

from __future__ import annotations

from tamshy.worker.leasing import Leases
from tamshy.worker.loop import Clock, Worker
from tamshy.worker.sifting import Aside, aside, let_in
from tamshy.worker.tallying import count_deliveries

__all__ = ["Aside", "Clock", "Leases", "Worker", "aside", "count_deliveries", "let_in"]
