"""`explain`: why somebody got a mail, did not, or will: each decision with reason and facts, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.explain import as_data, lines
from tamshy.explain import explain as explained
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import configured, opened

if TYPE_CHECKING:
    import argparse

_DONE: Final = 0
_NOT_SO: Final = 1


def explain(options: argparse.Namespace) -> int:
    """Tell the story of each profile that goes by the name given."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        try:
            people = explained(
                work.conn, work.workspace, options.profile, now=now, flow=options.flow, message=options.message
            )
        except LookupError as exc:
            remark(exc)
            return _NOT_SO
    if not people:
        remark(f"nobody goes by {options.profile!r}; give a user id, an address, an anonymous id or a profile's id")
        return _NOT_SO
    for place, explanation in enumerate(people):
        if options.json:
            for one in as_data(explanation):
                data(one)
            continue
        if place:
            out("")
        for line in lines(explanation):
            out(line)
    return _DONE
