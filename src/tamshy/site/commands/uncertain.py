"""`uncertain`: messages whose answer was lost, and sending domains that are paused: shown, and settled."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.deliver import PausedDomain, Settlement, Uncertain, paused_domains, resume_domain, settle, uncertain
from tamshy.domain import calendar
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import WrongUse, configured, opened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime

    from tamshy.site.commands.surroundings import Opened

_DONE: Final = 0
_NOT_SO: Final = 1
_AT_ONCE: Final = 500
_ENDS: Final = {
    "answer_lost": "everything was said, and the answer did not come",
    "owner_lost": "the process that handed it over is gone",
    "sender_fault": "the program failed while it handed over",
}


def uncertain_(options: argparse.Namespace) -> int:
    """List what waits for a person's word, or say it."""
    now = clock_from(configured(options).clock).now()
    with opened(options) as work:
        if options.does is None:
            return _list(work, as_json=options.json)
        if options.does == "resume":
            return _resume(work, options.ids, now, as_json=options.json)
        return _settle(work, Settlement(options.does), options.ids, now, as_json=options.json)


def all_uncertain(work: Opened) -> Iterator[list[Uncertain]]:
    """Give all of a workspace, page by page."""
    after = None
    while page := uncertain(work.conn, work.id, _AT_ONCE, after):
        after = page[-1].place
        yield page


def _list(work: Opened, *, as_json: bool) -> int:
    count = 0
    for page in all_uncertain(work):
        count += len(page)
        for one in page:
            if as_json:
                data(_row(one))
            else:
                for line in _told(one):
                    out(line)
    domains = paused_domains(work.conn, work.id)
    for domain in domains:
        if as_json:
            data({"domain": domain.domain, "paused_at": domain.paused_at.isoformat(), "reply": domain.reply})
        else:
            for line in _domain_told(domain):
                out(line)
    if not as_json and not count and not domains:
        out("nothing waits for a word of yours: no answer was lost, and no sending domain is paused")
    return _DONE


def _told(one: Uncertain) -> list[str]:
    begun = _utc(one.begun_at) if one.begun_at else "unknown"
    ended = _ENDS.get(one.reason, one.reason)
    lines = [
        f'{one.message}  {one.address}  "{one.subject or one.name}" ({one.flow}, {one.step}, {one.kind})',
        f"    hand-over {one.attempts} began {begun}, in doubt since {_utc(one.since)}: {ended}",
    ]
    if one.reply:
        lines.append(f"    heard last: {one.reply}")
    lines.append(
        f"    on {one.link or 'a connection that is not known any more'}, by {one.owner or 'an unknown process'}"
    )
    if one.expires_at:
        lines.append(f"    not sent again after {_utc(one.expires_at)}")
    return lines


def _domain_told(one: PausedDomain) -> list[str]:
    return [
        f"{one.domain}  paused since {_utc(one.paused_at)}: {one.reply}",
        f"    mend what it names, then: tamshy uncertain resume {one.domain}",
    ]


def _row(one: Uncertain) -> dict[str, object]:
    return {
        "id": str(one.message),
        "to": one.address,
        "message": one.name,
        "flow": one.flow,
        "step": one.step,
        "kind": one.kind,
        "subject": one.subject,
        "queued_at": one.queued_at.isoformat(),
        "begun_at": one.begun_at.isoformat() if one.begun_at else None,
        "since": one.since.isoformat(),
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        "attempts": one.attempts,
        "reason": one.reason,
        "reply": one.reply,
        "owner": one.owner,
        "connection": one.link,
    }


def _settle(work: Opened, did: Settlement, texts: list[str], now: datetime, *, as_json: bool) -> int:
    whole = texts == ["all"]
    wanted = [] if whole else [_id(text) for text in texts]
    by = f"{_user()} (command line)"
    anew, missing = 0, []
    pages = ([one.message for one in page] for page in all_uncertain(work)) if whole else iter([wanted])
    for page in pages:
        found = settle(work.conn, work.id, page, did, by, now)
        work.conn.commit()
        for message in page:
            if message not in found:
                missing.append(message)
                continue
            word = found[message]
            anew += word.anew
            if as_json:
                row = {"id": str(message), "did": word.did.value, "by": word.by, "at": word.at.isoformat()}
                data({**row, "anew": word.anew})
            elif not word.anew:
                out(f"{message}: {word.by} said {word.did.value} at {_utc(word.at)}, and that holds")
    for message in missing:
        remark(f"{message}: was never uncertain here; `tamshy uncertain` lists those that are")
    if not as_json:
        out(f"{anew} {'marked as sent' if did is Settlement.SENT else 'to be sent again'}")
    return _NOT_SO if missing else _DONE


def _resume(work: Opened, domains: list[str], now: datetime, *, as_json: bool) -> int:
    paused = [one.domain for one in paused_domains(work.conn, work.id)]
    wanted = paused if domains == ["all"] else domains
    code = _DONE
    for domain in wanted:
        done = resume_domain(work.conn, work.id, domain, f"{_user()} (command line)", now)
        work.conn.commit()
        if as_json:
            data({"domain": domain, "resumed": done})
        elif done:
            out(f"{domain}: goes on")
        if not done:
            code = _NOT_SO
            remark(f"{domain} is not paused; paused are: {', '.join(paused) or 'none'}")
    return code


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as exc:
        raise WrongUse(f"{text!r} is no message's id, and not `all`; `tamshy uncertain` lists them") from exc


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody without a name"


def _utc(moment: datetime) -> str:
    return f"{calendar.local(moment, 'UTC'):%Y-%m-%d %H:%M:%S} UTC"
