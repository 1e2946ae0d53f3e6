"""The raw limit of storing: COPY of the same rows, under other ids, into the same tables with their indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.site.bench.cost import Cost, Meter
    from tamshy.sqlkit import Connection

_SEEN: Final = "workspace, md5(digest::text || %s)::uuid, seen_at"
_INBOX: Final = (
    "bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, context, facts"
)

Rows = tuple[list[bytes], list[bytes]]
"""Lines of COPY text: those of `seen_message`, those of `inbox`."""


class Copying:
    """Reads back what storing has left, and copies it in again."""

    def __init__(self, conn: Connection, meter: Meter) -> None:
        """Take a connection of ours alone, and what measures."""
        self._conn = conn
        self._meter = meter

    def rows(self, since: datetime, until: datetime, count: int, mark: str) -> Rows:
        """Read the first `count` rows that arrived within a span; `mark` makes new ids of theirs.

        Raises:
            RuntimeError: there are fewer, so that the figure would mean nothing.
        """
        seen = _SEEN.replace("%s", f"'{mark}'")
        inbox = _INBOX.replace(" id,", f" md5(id::text || '{mark}')::uuid,")
        span = f"between '{since.isoformat()}' and '{until.isoformat()}' order by ctid limit {count}"
        # Of our own words alone; COPY takes no parameters.
        found = (
            self._out(f"select {seen} from seen_message where seen_at {span}"),  # noqa: S608
            self._out(f"select {inbox} from inbox where moment {span}"),  # noqa: S608
        )
        self._conn.rollback()
        if {len(lines) for lines in found} != {count}:
            raise RuntimeError(f"{len(found[0])} message ids and {len(found[1])} rows of {count} events were found")
        return found

    def copied(self, rows: Rows, at_once: int = 0) -> Cost:
        """Copy rows, so many a commit (0: all), and give what it took."""
        step = at_once or len(rows[0])
        places = range(0, len(rows[0]), step)
        texts = [tuple(b"".join(lines[place : place + step]) for lines in rows) for place in places]

        def work() -> None:
            for seen, inbox in texts:
                with self._conn.cursor() as cursor:
                    with cursor.copy(b"copy seen_message from stdin") as copy:
                        copy.write(seen)
                    with cursor.copy(f"copy inbox ({_INBOX}) from stdin".encode()) as copy:
                        copy.write(inbox)
                self._conn.commit()

        return self._meter.of(work)

    def _out(self, query: str) -> list[bytes]:
        with self._conn.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout".encode()) as copy:
            return b"".join(bytes(piece) for piece in copy).splitlines(keepends=True)
