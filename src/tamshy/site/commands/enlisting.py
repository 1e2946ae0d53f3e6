"""`enroll`: puts somebody into a flow by hand."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from tamshy.enlist import NoManualTrigger, SeveralPeople, Unknown, enlist
from tamshy.ingest import BodyRefused, Refused, cleaned, parse_body, unless_refused
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import WrongUse, configured, opened

if TYPE_CHECKING:
    import argparse

_DONE: Final = 0
_NOT_SO: Final = 1


def enroll(options: argparse.Namespace) -> int:
    """Send one person on the way into a flow, and say where to look for what came of it."""
    event = _event(options.event)
    now = clock_from(configured(options).clock).now()
    # Without a key each time is another.
    key = options.key or f"command|{secrets.token_hex(16)}"
    with opened(options) as work:
        try:
            done = enlist(work.conn, work.workspace, options.flow, options.profile, event, key=key, at=now)
        except Unknown as exc:
            remark(exc)
            return _NOT_SO
        except (NoManualTrigger, SeveralPeople) as exc:
            raise WrongUse(str(exc)) from exc
        work.conn.commit()
    if options.json:
        data({"flow": done.flow, "profile": done.profile, "anew": done.anew})
    elif done.anew:
        out(
            f"{options.profile} is on the way into {done.flow}; `tamshy explain {options.profile}` tells what came of it"
        )
    else:
        out(f"this was asked before, with the key {options.key!r}; nothing was done")
    return _DONE


def _event(text: str) -> dict[str, object]:
    """Read what `event.…` shall hold."""
    if not text.lstrip().startswith("{"):
        raise WrongUse("""--event is one JSON object, such as '{"guide": "roses"}'""")
    try:
        found = unless_refused(parse_body(text.encode(), batch=False).items[0])
        if not isinstance(found, dict):
            raise WrongUse("--event is one JSON object")
        return cleaned(found)[0]
    except (BodyRefused, Refused) as exc:
        raise WrongUse(f"--event: {exc}") from exc
