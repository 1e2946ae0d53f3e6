"""Plans of the passes' statements with few and with many rows waiting; names those whose cost grows with what waits.

    python benchmarks/plans.py [WAITING] [TIMES]      # default: 100000 rows waiting in 64 buckets, then 10 times as many

Each statement is planned as a worker plans it, generic, with as many profiles on the agenda both times, and the real
pages it touches are counted (`explain analyze`, undone). Figures of rows and pages do not suffer from other work on the
machine.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from tamshy.passes import Horizon, prepare, run, settle_rendered
from tamshy.passes.rendering import Links, LiquidValues, Press
from tamshy.render.children import InProcess
from tamshy.site.bench.ground import clean, ground
from tamshy.site.bench.shop import NOON, SQL, enrolled, people
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

DUE = 20_000
BUCKET = 3
PAST = 1
TABLES = ("profile", "event", "entry", "enrollment", "message", "inbox")
GROWS = 1.5


class Watched:
    """A connection whose every statement is explained as it runs, with what it touched."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.seen: dict[str, dict[str, Any]] = {}

    def execute(self, query: Any, params: Any = None) -> Any:  # noqa: ANN401 - stands in for a connection
        """Explain and run a statement that reads or changes rows; run any other as it is."""
        text = query.decode() if isinstance(query, bytes) else query
        if re.match(r"\s*(truncate|set|create)", text):
            return self._conn.execute(query, params)
        self._conn.execute("savepoint plan")
        row = self._conn.execute(f"explain (analyze, buffers, format json) {text}".encode(), params).fetchone()
        self._conn.execute("rollback to plan")
        if row is not None:
            found = row[0] if isinstance(row[0], list) else json.loads(row[0])
            self.seen[_title(text)] = found[0]["Plan"]
        return self._conn.execute(query, params)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._conn, name)


def _title(text: str) -> str:
    words = " ".join(re.sub(r"--[^\n]*", "", text).split())
    return words[:110]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a plan's nodes, the outermost first."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def touched(plan: dict[str, Any]) -> int:
    """Give the pages that a plan touched, in the cache or not, temporary tables left aside."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def scans(plan: dict[str, Any]) -> str:
    """Tell how a plan finds the rows of tables: each way once."""
    ways = {
        f"{node['Node Type']} {node.get('Index Name') or node['Relation Name']}"
        for node in nodes(plan)
        if "Scan" in node["Node Type"] and (node.get("Index Name") or node.get("Relation Name"))
    }
    return ", ".join(sorted(ways))


def explained(conn: Connection, book: Rulebook, flow: str) -> dict[str, dict[str, Any]]:
    """Let one bucket have its turn in passes, renderings and merges, explained and undone."""
    found: dict[str, dict[str, Any]] = {}
    values = LiquidValues(book.settings)
    press = Press(InProcess(), lambda _bucket, _profile, _message: Links())
    watched = Watched(conn)

    def note(what: str) -> None:
        found.update({f"{what}: {title}": plan for title, plan in watched.seen.items()})
        watched.seen.clear()

    watched.execute(queries("tamshy.worker")["discover"], {"buckets": [BUCKET], "horizon": NOON})
    note("worker")
    for number in range(1 if flow == "deciding" else 3):
        run(watched, book, BUCKET, 0, Horizon(NOON, NOON, 5000), values)  # type: ignore[arg-type]
        note(f"pass {number + 1}")
    if flow == "deciding":
        settle_rendered(
            watched,  # type: ignore[arg-type]
            book,
            BUCKET,
            0,
            500,
            lambda rows: press.render(conn, BUCKET, rows),
            keep_content=True,
        )
        note("rendered")
    watched.execute(queries("tamshy.passes", "merging.sql")["waiting"], {"buckets": [BUCKET], "horizon": NOON})
    watched.execute(queries("tamshy.passes")["next_moment"], {"bucket": BUCKET})
    note("beside")
    conn.rollback()
    return found


def main(waiting: int, times: int) -> None:
    """Plan and print."""
    with ground(os.environ.get("DATABASE_URL", ""), print) as made:
        for flow in ("waiting", "deciding"):
            with made.shop(f"plans_{flow}") as (conn, book):
                prepare(conn)
                people(conn, book, waiting, PAST)
                enrolled(conn, book, flow, 1, waiting, max(1, waiting // DUE))
                if flow == "deciding":
                    conn.execute(SQL["fill_messages"], {"noon": NOON})
                clean(conn, *TABLES)
                few = explained(conn, book, flow)
                people(conn, book, waiting * times, PAST, waiting + 1)
                enrolled(conn, book, flow, waiting + 1, waiting * times, 0)
                clean(conn, *TABLES)
                many = explained(conn, book, flow)
            print(
                f"\n{flow}: pages touched with {waiting:,} and {waiting * times:,} waiting, one bucket of {book.buckets}\n"
            )
            compare(few, many)


def compare(few: dict[str, dict[str, Any]], many: dict[str, dict[str, Any]]) -> None:
    """Print what each statement touched, and how those find their rows that touched more, or read a table whole."""
    for title in sorted(few.keys() ^ many.keys()):
        print(f"only once: {title}")
    for title, plan in few.items():
        other = many.get(title)
        if other is None:
            continue
        before, after = touched(plan), touched(other)
        grew = after > before * GROWS and after > before + 50
        took = other["Actual Total Time"]
        print(f"{'GROWS' if grew else 'flat '} {before:>8,} {after:>8,} {took:>9.1f} ms  {title}")
        whole = any(n["Node Type"] == "Seq Scan" and n["Relation Name"] in TABLES for n in nodes(other))
        if grew or whole:
            print(f"      {scans(plan)}\n      {scans(other)}")


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["100000", "10"][len(sys.argv) - 1 :])))
