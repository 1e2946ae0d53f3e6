"""`serve`, and its parts one by one: `web`, `worker`, `migrate`."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tamshy.accounts import KeyKind
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import WrongUse, configured
from tamshy.site.composition import parts
from tamshy.site.configuration import environment, kept_secret
from tamshy.site.database import database
from tamshy.site.founding import found
from tamshy.site.logs import to_stderr
from tamshy.site.processes import (
    GAVE_UP,
    Supervisor,
    follow_parent,
    give_up,
    relieve_on_signal,
    stop_on_signals,
)
from tamshy.site.soundness import refuse_unsound
from tamshy.sqlkit import DatabaseUnavailable

if TYPE_CHECKING:
    import argparse
    import threading
    from typing import TextIO

    from tamshy.site.configuration import Configuration
    from tamshy.site.founding import Founded

_DONE: Final = 0
_LOG: Final = logging.getLogger("tamshy.site")


def serve(options: argparse.Namespace) -> int:
    """Run everything on one machine until told to stop."""
    to_stderr("serve")
    configuration = configured(options)
    if options.smtp:
        configuration = replace(configuration, smtp_url=options.smtp)
    if not configuration.base_url:
        configuration = replace(configuration, base_url=f"http://{_reachable(options.host)}:{options.port}")
    stop, again = stop_on_signals(), relieve_on_signal()
    with ExitStack() as stack:
        dsn = stack.enter_context(database(configuration, _say))
        refuse_unsound(dsn, accepted=options.accept_loss)
        given = parts(configuration, dsn)
        _tell_keys(found(dsn, configuration, given.clock.now()), configuration)
        if options.dir:
            from tamshy.site.commands.folders import publish_folder  # noqa: PLC0415 - only where a folder is given

            publish_folder(dsn, options.workspace, Path(options.dir), given.clock.now(), given.configuration)
        up = {"event": "serving", "detail": f"{configuration.base_url}/"}
        _LOG.info("Tamshy answers at %s as soon as it is up; Ctrl-C ends it", up["detail"], extra=up)
        if not _is_here(options.host):
            seen = {"event": "page_open"}
            _LOG.warning("the page at / has no sign-in: let only those reach it who may see every shopper", extra=seen)
        place = Place(options.host, options.port, options.workers, accept_loss=options.accept_loss)
        run_processes(configuration, dsn, place, stop, again)
    return GAVE_UP if stop.at_once.is_set() else _DONE


@dataclass(frozen=True, slots=True)
class Place:
    """Where to answer, with how many workers, and whether the database may lose what it was told."""

    host: str
    port: int
    workers: int = 1
    accept_loss: bool = False


def run_processes(
    configuration: Configuration,
    dsn: str,
    place: Place,
    stop: threading.Event,
    again: threading.Event | None = None,
    log: TextIO | None = None,
) -> None:
    """Run one web process and some workers beside this one until `stop` is set; `again` has each relieved by a new one.

    They write to `log`, or to this process's own standard error.

    Raises:
        AddressTaken: somebody else listens on that port.
    """
    import os  # noqa: PLC0415 - the surroundings are handed on, and looked at nowhere else

    from tamshy.site.listening import listen  # noqa: PLC0415 - only here and in `web`

    secret = configuration.secret_key or kept_secret(configuration.data_folder)
    handed_on = replace(configuration, database_url=dsn, secret_key=secret)
    supervisor = Supervisor({**os.environ, **environment(handed_on)}, log)
    follow = ["--follow", str(os.getpid()), *(["--accept-loss"] if place.accept_loss else [])]
    # Kept here: whoever comes while the web server is started again waits in its queue, and is answered.
    with listen(place.host, place.port) as listening:
        open_file = listening.fileno()
        there = ["--host", place.host, "--port", str(place.port), "--fd", str(open_file)]
        supervisor.add("web", ["web", *follow, *there], handed=[open_file])
        for number in range(place.workers):
            supervisor.add(f"worker {number + 1}", ["worker", *follow])
        supervisor.run(stop, again)


def web(options: argparse.Namespace) -> int:
    """Run the web server until told to stop."""
    from socket import socket  # noqa: PLC0415 - no other command pays for it

    from tamshy.site.listening import answer, listen  # noqa: PLC0415

    to_stderr("web")
    configuration = configured(options)
    _needs_database(configuration, "web")
    with suppress(DatabaseUnavailable):  # calls are refused with "later" until it is there; the workers look at it then
        refuse_unsound(configuration.database_url, accepted=options.accept_loss)
    parts(configured(options))
    if options.follow:
        follow_parent(options.follow)
    with socket(fileno=options.fd) if options.fd >= 0 else listen(options.host, options.port) as listening:
        answer(listening)
    return _DONE


def worker(options: argparse.Namespace) -> int:
    """Work until told to stop."""
    from tamshy.site.working import work  # noqa: PLC0415 - no other command pays for the engine

    to_stderr("worker")
    configuration = configured(options)
    _needs_database(configuration, "worker")
    if options.follow:
        follow_parent(options.follow)
    stop = stop_on_signals(give_up)
    refuse_unsound(configuration.database_url, accepted=options.accept_loss, wait=stop.wait)
    work(parts(configuration), stop)
    return _DONE


def migrate(options: argparse.Namespace) -> int:
    """Bring the database up to date, and make the first workspace where there is none."""
    configuration = configured(options)
    with database(configuration, remark) as dsn:
        founded = found(dsn, configuration, clock_from(configuration.clock).now())
    if options.json:
        keys = {kind.value: secret for kind, secret in founded.made.items()}
        data({"applied": list(founded.applied), "keys": keys})
        return _DONE
    out(f"applied {', '.join(founded.applied)}" if founded.applied else "the database is up to date")
    _tell_keys(founded, configuration)
    return _DONE


def _tell_keys(founded: Founded, configuration: Configuration) -> None:
    """Show the keys that were made up, once: nothing keeps them."""
    for kind, secret in founded.made.items():
        what = "write key (for pages and Segment's libraries)" if kind is KeyKind.WRITE else "API key"
        out(f"{what}, shown this once: {secret}")
    if configuration.bootstrap_admin and founded.applied:
        remark("TAMSHY_BOOTSTRAP_ADMIN is not used yet: the console has no sign-in")


def _say(line: str) -> None:
    """Take a line about the embedded database."""
    _LOG.info("%s", line, extra={"event": "database_says", "detail": line})


def _needs_database(configuration: Configuration, command: str) -> None:
    if not configuration.database_url:
        raise WrongUse(f"`tamshy {command}` needs DATABASE_URL; `tamshy serve` brings a database of its own")


def _is_here(host: str) -> bool:
    """Tell whether only this machine reaches what listens on `host`."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _reachable(host: str) -> str:
    """Give the address by which this machine reaches what listens on `host`."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared with, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
