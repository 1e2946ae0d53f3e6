"""One worker process: passes in the main thread, hand-over of mail in another, until told to stop."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.deliver import buckets_due
from tamshy.render.children import RenderChild
from tamshy.site.composition import make_guard, make_hand_over, make_worker, owner_name

if TYPE_CHECKING:
    from tamshy.deliver import HandOver
    from tamshy.site.composition import Parts

_LOG: Final = logging.getLogger("tamshy.worker")
_REST_S: Final = 0.1
_AGAIN_S: Final = 2.0
_AT_ONCE: Final = 500


def work(given: Parts, stop: threading.Event) -> None:
    """Work until `stop` is set; what is in hand is finished.

    Raises:
        BadSmtpUrl: the mail server's address cannot be used.
    """
    owner = owner_name(os.getpid())

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    hand_over = make_hand_over(given, owner, pause)
    handing = threading.Thread(target=_hand_over, args=(given, hand_over, stop), name="hand-over")
    handing.start()
    try:
        with RenderChild(1) as renderer:
            make_worker(given, owner, renderer, lambda seconds: _rest(stop, seconds)).serve()
    finally:
        stop.set()
        handing.join()


def _rest(stop: threading.Event, seconds: float) -> bool:
    return stop.wait(seconds) if seconds > 0 else stop.is_set()


def _hand_over(given: Parts, hand_over: HandOver, stop: threading.Event) -> None:
    """Hand over what is due, again and again; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with sqlkit.connect(given.dsn, autocommit=True, application="tamshy hand-over") as conn:
                _hand_over_while_there(conn, hand_over, given, stop)
        except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
            _LOG.warning("hand-over waits for the database: %s", type(exc).__name__)
            stop.wait(_AGAIN_S)
    hand_over.close()


def _hand_over_while_there(
    conn: sqlkit.Connection,
    hand_over: HandOver,
    given: Parts,
    stop: threading.Event,
) -> None:
    guard = make_guard(given, say=False)
    while not stop.is_set():
        due = buckets_due(conn, given.clock.now()) if guard.clear(conn) else []
        moved = hand_over.run(conn, due, _AT_ONCE).moved if due else 0
        if not moved:
            stop.wait(_REST_S)
    hand_over.drain(conn)
