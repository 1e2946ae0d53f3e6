"""`segment`: how many people are in each segment now, and some of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy import segment as segments
from tamshy.publish import load_rulebook
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import configured, opened

if TYPE_CHECKING:
    import argparse
    from uuid import UUID

    from tamshy.site.commands.surroundings import Opened

_DONE: Final = 0
_NOT_SO: Final = 1
_NAMED: Final = """
select coalesce((
    select i.value from identifier i where i.bucket = p.bucket and i.profile = p.id
    order by case i.kind when 'user_id' then 0 when 'email' then 1 else 2 end, i.since, i.value limit 1), p.id::text)
from profile p where p.bucket = %(bucket)s and p.id = %(profile)s
"""


def segment(options: argparse.Namespace) -> int:
    """Count who is in each segment at this moment, or in the one that is named, with some of its people."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        book = load_rulebook(work.conn, work.workspace)
        if options.name and options.name not in book.segments:
            known = ", ".join(sorted(book.segments)) or "none"
            remark(f"there is no segment {options.name!r}; there are {known}")
            return _NOT_SO
        names = [options.name] if options.name else sorted(book.segments)
        counts = {name: segments.count(work.conn, book, name, now) for name in names}
        people = segments.sample(work.conn, book, options.name, now, options.sample) if options.name else []
        sample = [_named(work, *one) for one in people]
    if options.json:
        rows = [{"segment": name, "people": people} for name, people in counts.items()]
        data({"segments": rows, "sample": sample} if options.name else {"segments": rows})
        return _DONE
    for name, number in counts.items():
        out(f"{name}: {number} people")
    for one in sample:
        out(f"  {one['name']}  {one['profile']}")
    return _DONE


def _named(work: Opened, bucket: int, profile: UUID) -> dict[str, str]:
    row = work.conn.execute(_NAMED, {"bucket": bucket, "profile": profile}).fetchone()
    return {"profile": str(profile), "name": str(profile) if row is None else str(row[0])}
