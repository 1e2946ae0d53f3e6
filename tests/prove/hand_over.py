"""`python -m tests.prove.hand_over DSN PORT NAME LEASE_S`: one sender, handing over by real time until it is ended."""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime, timedelta

from tests.engine.deliveries import BUCKET, SECRET

from tamshy import sqlkit
from tamshy.deliver import HandOver, Options
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings


def main(dsn: str, port: str, name: str, lease_s: str) -> None:
    """Hand over what is due in the bucket of the tests, again and again; says its name to the mail server."""
    if plants := os.environ.get("PROVE_PLANT"):
        from tests.prove import planting  # noqa: PLC0415 - only where a bug is asked for

        for plant in plants.split(","):
            planting.BUGS[plant]()
    lease = timedelta(seconds=float(lease_s))
    options = Options(lease=lease, first_retry=lease / 10, longest_retry=lease / 10, most_doubts=1000, watch_s=0.05)
    sender = SmtpSender(SmtpSettings("127.0.0.1", int(port), connections=4), name)
    rest = threading.Event()
    hand_over = HandOver(
        sender,
        options,
        Signer([SECRET]),
        "https://x.example",
        lambda: datetime.now(tz=UTC),
        rest.wait,
        name,
    )
    with sqlkit.connect(dsn, autocommit=True) as conn:
        while True:
            if not hand_over.run(conn, [BUCKET], 100).moved:
                rest.wait(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:5])
