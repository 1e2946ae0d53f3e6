"""One worker process: passes in the main thread, hand-over of mail and errands in two others, until told to stop."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.deliver import buckets_due
from tamshy.errand import buckets_due as errands_due
from tamshy.render.children import RenderChild
from tamshy.site.composition import make_errands, make_guard, make_hand_over, make_worker, owner_name
from tamshy.worker import count_deliveries

if TYPE_CHECKING:
    from tamshy.deliver import HandOver
    from tamshy.errand import Errands
    from tamshy.site.composition import Parts

_LOG: Final = logging.getLogger("tamshy.worker")
_REST_S: Final = 0.1
"""Rest when nothing was to hand over; longer and longer, up to the longest, while there still is nothing."""
_LONGEST_REST_S: Final = 1.0
_LONGER: Final = 1.25
_AGAIN_S: Final = 2.0
_AT_ONCE: Final = 500
_TELL_S: Final = 5.0
"""Seconds between two additions to the counts of what was handed over."""
_LAST_S: Final = 20.0
"""Seconds after being told to stop at which links to a mail server that says nothing are cut."""


class HandOverBroken(RuntimeError):
    """The hand-over of mail ended by an error that nobody expected; the log has it."""


def work(given: Parts, stop: threading.Event) -> None:
    """Work until `stop` is set; what is in hand is finished.

    Raises:
        BadSmtpUrl: the mail server's address cannot be used.
        HandOverBroken: the hand-over ended by itself. A process that goes on without it would look well and mail nobody.
    """
    owner = owner_name(os.getpid())
    mail, broken = threading.Event(), threading.Event()
    hand_over = make_hand_over(given, owner, stop)
    handing = threading.Thread(
        target=_hand_over_to_the_end, args=(given, hand_over, stop, mail, broken), name="hand-over"
    )
    handing.start()
    errands = make_errands(given, owner, hand_over.sender, stop.is_set)
    running = threading.Thread(target=_run_errands_to_the_end, args=(given, errands, stop, broken), name="errands")
    running.start()
    try:
        with RenderChild(1) as renderer:
            worker = make_worker(given, owner, renderer, stop, mail.set)
            worker.serve()
    finally:
        stop.set()
        mail.set()
        # A server that does not answer must not keep us: its links are cut, and what was lost is told so.
        cut = threading.Timer(_LAST_S, hand_over.sender.close)
        cut.daemon = True
        cut.start()
        handing.join()
        # Errands use the sender too: what is under way ends, and is written down, before its links are closed.
        running.join()
        cut.cancel()
        # After an error too: else the end of this process would wait for answers of the mail server, ten minutes long.
        hand_over.close()
    if broken.is_set():
        raise HandOverBroken("the hand-over of mail, or of errands, ended by an error; another process begins anew")
    ended = {"event": "worker_ended", "count": worker.items}
    _LOG.info(
        "ended in order: its leases are given back, nothing is in hand; %d items worked", worker.items, extra=ended
    )


def _hand_over_to_the_end(
    given: Parts, hand_over: HandOver, stop: threading.Event, mail: threading.Event, broken: threading.Event
) -> None:
    """Hand over until `stop` is set; ending in any other way ends the process too."""
    try:
        _hand_over(given, hand_over, stop, mail)
    finally:
        if not stop.is_set():
            broken.set()
            stop.set()


def _hand_over(given: Parts, hand_over: HandOver, stop: threading.Event, mail: threading.Event) -> None:
    """Hand over what is due, again and again; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with sqlkit.connect(given.dsn, autocommit=True, application="tamshy hand-over") as conn:
                _hand_over_while_there(conn, hand_over, given, stop, mail)
        except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
            waits = {"event": "hand_over_waits", "error": type(exc).__name__, "sqlstate": sqlkit.sqlstate(exc)}
            _LOG.warning("hand-over waits for the database: %s", type(exc).__name__, extra=waits)
            stop.wait(_AGAIN_S)


def _hand_over_while_there(
    conn: sqlkit.Connection,
    hand_over: HandOver,
    given: Parts,
    stop: threading.Event,
    mail: threading.Event,
) -> None:
    guard = make_guard(given, say=False)
    rest = _REST_S
    ended: Counter[str] = Counter()
    told = given.clock.monotonic()
    while not stop.is_set():
        due = buckets_due(conn, given.clock.now()) if guard.clear(conn) else []
        states = hand_over.run(conn, due, _AT_ONCE).states if due else Counter[str]()
        ended += states
        _tell_of_doubt(states)
        if ended and given.clock.monotonic() - told >= _TELL_S:
            count_deliveries(conn, ended)
            ended.clear()
            told = given.clock.monotonic()
        if states:
            rest = _REST_S
        elif mail.wait(rest):
            # Our own worker has rendered something; what other processes' have is found within the longest rest.
            rest = _REST_S
        else:
            rest = min(rest * _LONGER, _LONGEST_REST_S)
        mail.clear()
    result = hand_over.drain(conn)
    _tell_of_doubt(result.states)
    count_deliveries(conn, ended + result.states)
    drained = {"event": "hand_over_ended", "count": result.moved}
    _LOG.info("hand-over ended in order: %d answers came in meanwhile", result.moved, extra=drained)


def _run_errands_to_the_end(given: Parts, errands: Errands, stop: threading.Event, broken: threading.Event) -> None:
    """Run errands until `stop` is set; ending in any other way ends the process too."""
    try:
        _run_errands(given, errands, stop)
    finally:
        if not stop.is_set():
            broken.set()
            stop.set()


def _run_errands(given: Parts, errands: Errands, stop: threading.Event) -> None:
    """Run what is due, again and again; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with sqlkit.connect(given.dsn, autocommit=True, application="tamshy errands") as conn:
                guard = make_guard(given, say=False)
                rest = _REST_S
                while not stop.is_set():
                    due = errands_due(conn, given.clock.now()) if guard.clear(conn) else []
                    rest = _REST_S if errands.run(conn, due) else min(rest * _LONGER, _LONGEST_REST_S)
                    # While something is under way the run itself has waited for it.
                    stop.wait(0.0 if errands.busy else rest)
                errands.drain(conn)
        except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
            waits = {"event": "errands_wait", "error": type(exc).__name__, "sqlstate": sqlkit.sqlstate(exc)}
            _LOG.warning("errands wait for the database: %s", type(exc).__name__, extra=waits)
            stop.wait(_AGAIN_S)
    errands.close()


def _tell_of_doubt(states: Counter[str]) -> None:
    """Say at once that a person is wanted, for those who look at no measurement."""
    if count := states["uncertain"]:
        lost = {"event": "answers_lost", "count": count}
        _LOG.warning("%d answers of the mail server were lost; `tamshy uncertain` settles them", count, extra=lost)
