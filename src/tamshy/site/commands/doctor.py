"""`doctor`: checks what Tamshy needs, and says what to do about what it does not find."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from tamshy import __version__, sqlkit, standing
from tamshy.api.measures import figures
from tamshy.language import read_workspace
from tamshy.publish import load_rulebook, published_files, workspace_names
from tamshy.retain import FOREVER, longest, needs
from tamshy.site.clock import Clock, clock_from
from tamshy.site.commands.findings import Finding
from tamshy.site.commands.mailing import domains, mail_server
from tamshy.site.commands.saying import data, out
from tamshy.site.commands.surroundings import configured
from tamshy.site.composition import SCHEMA_FILES
from tamshy.site.configuration import BadSetting, secret_key
from tamshy.site.database import database
from tamshy.site.soundness import faults

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from tamshy.site.configuration import Configuration

_Q: Final = sqlkit.queries(__package__)
_DONE: Final = 0
_NOT_SO: Final = 1
_OLDEST_SERVER: Final = 15
_LEAST_DISK: Final = 1 << 30
_MOST_SKEW_S: Final = 2.0
_LATE_S: Final = 60.0


def doctor(options: argparse.Namespace) -> int:
    """Look at everything and print what was found."""
    findings = list(_findings(configured(options), options))
    for finding in findings:
        if options.json:
            data(asdict(finding))
        else:
            mend = f"\n      mend: {finding.mend}" if finding.mend and not finding.good else ""
            out(f"{'ok  ' if finding.good else 'BAD '}  {finding.about}: {finding.found}{mend}")
    return _DONE if all(finding.good for finding in findings) else _NOT_SO


def _findings(configuration: Configuration, options: argparse.Namespace) -> Iterator[Finding]:
    version = sys.version_info
    yield Finding("versions", version >= (3, 11), f"Tamshy {__version__}, Python {version.major}.{version.minor}")
    yield _secret(configuration)
    yield _disk(configuration)
    senders: set[str] = set()
    yield from _database(configuration, senders)
    yield mail_server(configuration)
    yield from domains(configuration, senders, options.dkim, options.resolver)
    if not configuration.base_url:
        mend = "set TAMSHY_BASE_URL to the address by which recipients reach this server"
        yield Finding("base url", good=False, found="not set: links in mails lead to this machine alone", mend=mend)
    else:
        secure = configuration.base_url.startswith("https://")
        mend = "mail programs want https for one-click unsubscribing"
        yield Finding("base url", good=secure, found=configuration.base_url, mend=mend)


def _nothing_yet(configuration: Configuration) -> bool:
    """Whether looking would make what it looks for."""
    return not configuration.database_url and not configuration.data_folder.exists()


def _secret(configuration: Configuration) -> Finding:
    if _nothing_yet(configuration):
        return Finding("secret key", good=True, found="none yet: `tamshy serve` makes one")
    try:
        secret_key(configuration)
    except BadSetting as exc:
        return Finding("secret key", good=False, found=str(exc), mend="set TAMSHY_SECRET_KEY")
    where = "TAMSHY_SECRET_KEY" if configuration.secret_key else str(configuration.data_folder)
    return Finding("secret key", good=True, found=f"from {where}")


def _disk(configuration: Configuration) -> Finding:
    folder = configuration.data_folder
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    mend = f"free at least {_LEAST_DISK >> 30} GiB, or name another folder by --data"
    return Finding("disk", free >= _LEAST_DISK, f"{free >> 20} MiB free at {os.fspath(folder.resolve())}", mend)


def _database(configuration: Configuration, senders: set[str]) -> Iterator[Finding]:
    """Look at the database, and take from it who sends."""
    if _nothing_yet(configuration):
        yield Finding("database", good=True, found="none yet: `tamshy serve` makes one, unless DATABASE_URL is set")
        return
    try:
        with database(configuration) as dsn, sqlkit.connect(dsn, autocommit=True) as conn:
            yield from _server(conn, configuration, senders)
    except sqlkit.DatabaseError as exc:
        yield Finding("database", good=False, found=str(exc), mend="start it, or mend DATABASE_URL")


def _server(conn: sqlkit.Connection, configuration: Configuration, senders: set[str]) -> Iterator[Finding]:
    row = conn.execute(_Q["server"]).fetchone()
    if row is None:
        return
    number, now, fsync, commit, encoding = row
    good = number // 10_000 >= _OLDEST_SERVER
    yield Finding("database", good, f"PostgreSQL {number // 10_000}", f"PostgreSQL {_OLDEST_SERVER} or newer is needed")
    wrong = faults(conn)
    said = f"fsync {fsync}, synchronous_commit {commit}, read as written"
    yield Finding("durability", not wrong, "; ".join(wrong) or said, "`tamshy serve` refuses such a database")
    yield Finding("encoding", encoding == "UTF8", encoding, "make the database with encoding UTF8")
    skew = abs((Clock().real() - now).total_seconds())
    mend = "have both machines set their clocks by NTP"
    yield Finding("clock", skew <= _MOST_SKEW_S, f"{skew:.1f} s apart from the database's", mend)
    wanted = sqlkit.schema_files(SCHEMA_FILES)[-1].name
    there = conn.execute("select to_regclass('schema_version')").fetchone() != (None,)
    newest = conn.execute(_Q["newest_schema"]).fetchone() if there else None
    found = newest[0] if newest else None
    yield Finding("tables", found == wanted, f"at {found or 'nothing'}", f"run `tamshy migrate`: {wanted} is wanted")
    if found == wanted:
        yield _standing(conn, configuration)
        yield from _work(conn, configuration)
        yield from _kept(conn)
        senders |= _senders(conn)


def _standing(conn: sqlkit.Connection, configuration: Configuration) -> Finding:
    """Say whether this installation works and mails, or is on hold."""
    from tamshy.site.commands.standing import here, told_ahead  # noqa: PLC0415 - no other check needs it

    held = standing.look(conn, here(conn, configuration))
    if not held.clear:
        return Finding(
            "installation", good=False, found=f"on hold: {standing.because(held.reasons)}", mend=standing.MEND
        )
    ahead = told_ahead(conn, configuration)
    mend = "set it right, or run `tamshy confirm` if it is right; until then nothing is decided and no mail leaves"
    said = f"on hold: this machine's clock was put forward by {ahead / 60:.0f} minutes" if ahead else "clear"
    return Finding("installation", good=not ahead, found=said, mend=mend)


def _kept(conn: sqlkit.Connection) -> Iterator[Finding]:
    """Say which events are kept for longer than a shop asks for, and which flow needs them."""
    for name in workspace_names(conn):
        book = load_rulebook(conn, name)
        keep, asked = book.settings.keep, needs(book)
        if keep.events is None:
            continue
        longer = [
            f"{event} (for {'ever' if span == FOREVER else f'{span.days} days'}, {asked.because[event]})"
            for event, span in sorted(asked.events.items())
            if span > longest(keep.events)
        ]
        said = f"longer than `keep` says, as flows ask for it: {', '.join(longer)}" if longer else "as `keep` says"
        yield Finding(f"history of {name}", good=True, found=said)


def _senders(conn: sqlkit.Connection) -> set[str]:
    """Give the From addresses that published messages leave with."""
    found: set[str] = set()
    for (workspace,) in conn.execute(_Q["workspaces"]).fetchall():
        read, _ = read_workspace(published_files(conn, workspace))
        found |= {message.from_ or read.settings.from_ for message in read.messages.values()}
    return found - {""}


def _work(conn: sqlkit.Connection, configuration: Configuration) -> Iterator[Finding]:
    """Say whether what is stored is worked, and what waits for a person."""
    clock = clock_from(configuration.clock)
    found = figures(conn, clock.now(), clock.real())
    worked = found.workers > 0 and not found.unworked
    said = f"{found.workers} live; {found.unworked} of {found.buckets} buckets are held by none"
    yield Finding("workers", worked, said, "start `tamshy serve` or `tamshy worker`; after a kill wait 15 seconds")
    late = max(found.inbox_s, found.due_s)
    said = f"{found.inbox} arrived and {found.due} due, the oldest for {late:.0f} s"
    yield Finding(
        "waiting", late <= _LATE_S, said, "more workers (`--workers`), or look at the log for what stops them"
    )
    aside = found.set_aside
    yield Finding("set aside", not aside, f"{aside} people", "`tamshy aside` says why; `--let-in` once it is mended")
    for each in found.pools:
        said = f"{each.left} of {each.size} codes are left"
        mend = "add codes to its file, or give its pattern another ?, and publish"
        yield Finding(f"coupon pool {each.pool} of {each.workspace}", not each.low, said, mend)
    given_up = sum(count for _, state, count in found.errands if state == "failed")
    said = f"{given_up} webhooks and notices were given up in the last day"
    yield Finding("errands", not given_up, said, "`tamshy explain PROFILE` says what was answered")
    said = f"{found.uncertain} messages whose answer was lost"
    yield Finding("uncertain", not found.uncertain, said, "`tamshy uncertain` lists them; a person settles each")
    said = f"{found.domains_paused} stand still"
    yield Finding(
        "sending domains",
        not found.domains_paused,
        said,
        "`tamshy uncertain` says what the server said, and how to go on",
    )
    said = f"{found.unreachable} messages wait for a mail server that does not answer"
    yield Finding("outgoing", not found.unreachable, said, "is it there? They are tried again by themselves")
