"""Consent as recipients change it: the unsubscribe link, the mail program's own button, the preferences page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.domain.ids import named
from tamshy.track.hits import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tamshy.sqlkit import Connection
    from tamshy.track.subjects import Found

_QUERIES: Final = sqlkit.queries(__package__)


@dataclass(frozen=True, slots=True)
class Consented:
    """The word on a topic that holds, with what the engine has yet to take in: yes or no, and since when it says so."""

    granted: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """A wish for one topic."""

    topic: str
    granted: bool


def consents_of(conn: Connection, found: Found) -> dict[str, Consented]:
    """Give what the profile has said on each topic, the unread included; topics without a word are not in it."""
    key = {"bucket": found.bucket, "profile": found.profile}
    said: dict[str, Consented] = {}
    for topic, granted, at in conn.execute(_QUERIES["consents"], key):
        known = said.get(topic)
        # The latest own time holds; at one time the withdrawal (rule 23).
        if known is None or at > known.at or (at == known.at and not granted):
            said[topic] = Consented(granted, at)
    return said


def unsubscribe(conn: Connection, found: Found, now: datetime, source: str, user_agent: str) -> bool:
    """Withdraw the topic of the message; False where it was withdrawn already. The caller commits.

    Args:
        conn: a connection.
        found: the message whose link was used.
        now: the moment of the request, which becomes the withdrawal's own time.
        source: `link` or `one_click`.
        user_agent: kept as evidence.
    """
    return change_topics(conn, found, [Choice(found.topic, granted=False)], now, source, user_agent) > 0


def change_topics(
    conn: Connection,
    found: Found,
    choices: list[Choice],
    now: datetime,
    source: str,
    user_agent: str,
    wording: Mapping[str, str] | None = None,
) -> int:
    """Record choices that differ from what holds; gives how many. The caller commits.

    The row of the profile is held meanwhile, so that the same request coming ten times at once is recorded once.
    `wording` is what the person read beside each topic, kept as evidence of a grant.
    """
    conn.execute(_QUERIES["hold_profile"], {"bucket": found.bucket, "profile": found.profile})
    said = consents_of(conn, found)
    rows = []
    for place, choice in enumerate(choices):
        known = said.get(choice.topic)
        if known is not None and known.granted == choice.granted:
            continue
        evidence: dict[str, object] = {"user_agent": printable(user_agent), "at": now.isoformat()}
        if wording and choice.topic in wording:
            evidence["wording"] = wording[choice.topic]
        rows.append(
            {
                "id": named("consent", found.message.hex, choice.topic, source, now.isoformat()),
                "ord": place,
                "topic": choice.topic,
                "granted": choice.granted,
                "evidence": evidence,
            }
        )
    if rows:
        conn.execute(
            _QUERIES["consent"],
            {
                "bucket": found.bucket,
                "profile": found.profile,
                "message": found.message,
                "now": now,
                "source": source,
                "rows": sqlkit.rows_json(rows),
            },
        )
    return len(rows)
