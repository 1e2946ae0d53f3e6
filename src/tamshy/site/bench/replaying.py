"""Simulate: two months of the busy shop, played by `tamshy simulate` as a shop runs it, beside reading and writing its lines."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from tamshy.site.bench import busy
from tamshy.site.bench.cost import Meter
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.shop import NOON
from tamshy.site.configuration import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.sizes import Size

_EVENTS: Final = {"tiny": 400, "short": 20_000, "full": 200_000}
_EACH: Final = 20
"""Events of a shopper."""
_ROUNDS: Final = {"tiny": 1, "short": 1, "full": 3}
_GROWTH: Final = 5
"""How many times the shoppers and events are in the last part: only at full size."""
_SPAN: Final = timedelta(days=60)
_AWAY: Final = ("DATABASE_URL", PREFIX)


def simulate(size: Size) -> list[Figure]:
    """Measure playing a history, on a throwaway server of its own."""
    events = _EVENTS[size.name]
    meter = Meter()
    ours, limits, grown = [], [], []
    with tempfile.TemporaryDirectory(prefix="tamshy-bench-") as folder:
        shop = Path(folder, "shop")
        for path, text in busy.files().items():
            target = shop / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        history = _written(Path(folder, "history.jsonl"), events)
        for _ in range(_ROUNDS[size.name]):
            ours.append(_played(meter, shop, history))
            limits.append(meter.of(lambda: _passed_on(history)))
        if size.name == "full":
            longer = _written(Path(folder, "longer.jsonl"), events * _GROWTH)
            grown.append(_played(meter, shop, longer))
    return [
        Figure(
            stage="simulate",
            what=f"{events // _EACH:,} shoppers and {events:,} events, 20 flows, from the file to the last line",
            unit="events",
            items=events,
            rounds=ours,
            limit="its lines read as JSON and written again",
            limit_items=events,
            limits=limits,
            grown=grown,
            grown_items=events * _GROWTH,
            growth=_GROWTH if grown else 1,
            growing="shoppers and events",
        )
    ]


def _played(meter: Meter, shop: Path, history: Path) -> Cost:
    command = [sys.executable, "-m", "tamshy.site.cli", "simulate", str(shop), "--events", str(history)]
    out = history.with_suffix(".out")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(_AWAY)}
    cost = meter.of(lambda: subprocess.run([*command, "--out", str(out)], check=True, env=plain))
    if not out.stat().st_size:
        raise RuntimeError("nothing came of the history")
    return cost


def _passed_on(history: Path) -> None:
    with history.open("rb") as lines, history.with_suffix(".same").open("wb") as out:
        for line in lines:
            out.write(orjson.dumps(orjson.loads(line), option=orjson.OPT_APPEND_NEWLINE))


def _written(path: Path, events: int) -> Path:
    """Write a history of so many events, after what makes its people known."""
    with path.open("wb") as out:
        for line in _lines(events):
            out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return path


def _lines(events: int) -> Iterator[dict[str, object]]:
    knowing = max(events // _EACH, 1)
    for number in range(1, knowing + 1):
        known: dict[str, object] = {"userId": f"p{number}", "timestamp": (NOON - _SPAN).isoformat()}
        traits = {"email": f"p{number}@example.com", "first_name": "Айгүл", "visits": number % 50}
        yield known | {"type": "identify", "messageId": f"known-{number}", "traits": traits}
        yield known | {"type": "consent", "topic": "offers", "did": "subscribed", "messageId": f"word-{number}"}
    for place, call in enumerate(busy.calls(0, events, knowing)):
        at = NOON - _SPAN + timedelta(seconds=60) + place * _SPAN / events
        yield {**call, "timestamp": at.isoformat(timespec="milliseconds")}
