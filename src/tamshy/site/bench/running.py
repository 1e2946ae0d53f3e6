"""A run: the stages asked for, one after another, with what the machine was like."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from tamshy import __version__
from tamshy.site.bench.asking import ask
from tamshy.site.bench.calling import http
from tamshy.site.bench.ground import ground
from tamshy.site.bench.growing import backlog, growth
from tamshy.site.bench.ingesting import ingest
from tamshy.site.bench.lagging import lag
from tamshy.site.bench.mailing import render, send
from tamshy.site.bench.passing import advance, decide
from tamshy.site.bench.replaying import simulate
from tamshy.site.bench.sharing import share
from tamshy.site.bench.whole import mail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tamshy.site.bench.figures import Figure
    from tamshy.site.bench.sizes import Size

_IN_DATABASE: Final = {
    "ingest": ingest,
    "http": http,
    "advance": advance,
    "decide": decide,
    "growth": growth,
    "backlog": backlog,
    "ask": ask,
    "workers": share,
    "lag": lag,
}
STAGES: Final = (*_IN_DATABASE, "mail", "simulate", "render", "send")
"""What can be measured, in the order in which it is."""
_BUSY: Final = 0.5
"""Load of other work, in processors, from which on figures are noisy."""


def measure(
    stages: Sequence[str], size: Size, now: datetime, database_url: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, object]]:
    """Measure stages; gives the figures, and the whole run as JSON values.

    Args:
        stages: some of `STAGES`.
        size: how much.
        now: the machine's moment, for the record.
        database_url: a server to measure on, in databases made for it; empty: a new one with the embedded server's settings.
        say: takes lines about what is being done.

    Raises:
        DatabaseError: the server cannot be reached or started, or its role may make no databases.
    """
    load = os.getloadavg()[0]
    figures: list[Figure] = []
    server = ""
    wanted = [name for name in (*_IN_DATABASE, "mail") if name in stages]
    if wanted:
        with ground(database_url, say) as made:
            server = made.server
            for name in wanted:
                say(f"measuring {name}")
                figures += mail(made, size, say) if name == "mail" else _IN_DATABASE[name](made, size)
    if "simulate" in stages:
        say("measuring simulate")
        figures += simulate(size)
    if "render" in stages:
        say("measuring render")
        figures += render(size)
    if "send" in stages:
        say("measuring send")
        figures += send(size, say)
    record: dict[str, object] = {
        "at": now.isoformat(timespec="seconds"),
        "tamshy": __version__,
        "size": asdict(size),
        "machine": {
            "processors": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "postgresql": server,
            "load_before": round(load, 2),
            "noisy": load > _BUSY,
        },
        "figures": [figure.data() for figure in figures],
    }
    return figures, record
