"""Signatures of Standard Webhooks, held to the specification's own example; and when an errand is tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tamshy.errand import PAUSES, next_try, secret_text, sign, signing_key

AT = datetime.fromtimestamp(1614265330, UTC)


def test_the_specifications_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert secret_text(key) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", AT, b'{"test": 2432232314}') == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs_and_each_workspace_has_its_own() -> None:
    one, other = signing_key("new", "shop"), signing_key("old", "shop")
    assert one == hmac.new(b"new", b"webhooks|shop", hashlib.sha256).digest()
    assert len({one, other, signing_key("new", "other")}) == 3
    signed = sign([one, other], "m", AT, b"")["webhook-signature"].split(" ")
    assert signed == [sign([key], "m", AT, b"")["webhook-signature"] for key in (one, other)]


def test_tries_reach_over_more_than_a_day_and_do_not_come_together() -> None:
    ids = [UUID(int=number) for number in range(50)]
    assert len(PAUSES) >= 7
    assert sum(PAUSES, timedelta()) >= timedelta(hours=24)
    for attempts, pause in enumerate(PAUSES, start=1):
        moments = [next_try(one, attempts, AT) for one in ids]
        assert all(moment is not None and pause <= moment - AT <= pause * 1.1 for moment in moments)
        assert len(set(moments)) == len(ids)
        assert moments == [next_try(one, attempts, AT) for one in ids]
    assert next_try(ids[0], len(PAUSES) + 1, AT) is None
