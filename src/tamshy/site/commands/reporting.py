"""`report`: what flows have brought, with intervals, and how much longer experiments take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.report import as_data, lines
from tamshy.report import report as reported
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import configured, opened

if TYPE_CHECKING:
    import argparse

_DONE: Final = 0
_NOT_SO: Final = 1


def report(options: argparse.Namespace) -> int:
    """Report on one flow, or on all that take people."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        try:
            flows = reported(work.conn, work.workspace, now=now, flow=options.flow)
        except LookupError as exc:
            remark(exc)
            return _NOT_SO
    if not flows and not options.json:
        out("no flow takes people; `tamshy apply` publishes a folder")
    for place, flow in enumerate(flows):
        if options.json:
            data(as_data(flow))
            continue
        if place:
            out("")
        for line in lines(flow):
            out(line)
    return _DONE
