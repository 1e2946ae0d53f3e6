"""From a token's subject to the message it means today: profiles merge, and their messages go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.domain.ids import bucket_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from tamshy.domain.token import Subject
    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)
_LONGEST_CHAIN: Final = 16
"""Merges of merges are followed this far; more were never made by people."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message as it stands: whose it is now, what it said, where it leads, and when it was handed over.

    ``locale`` is the profile's own, else that of the body used. ``links`` are the destinations in the order in which
    they were numbered.
    """

    workspace: int
    bucket: int
    profile: UUID
    message: UUID
    name: str
    kind: str
    topic: str
    locale: str
    address: str | None
    html: str
    links: tuple[str, ...]
    handed_over_at: datetime | None
    handing_over: bool = False


def find(conn: Connection, subject: Subject) -> Found | None:
    """Find the message of a token; None where it, or its profile, is not there any more."""
    bucket, profile = subject.bucket, subject.profile
    for _ in range(_LONGEST_CHAIN):
        row = conn.execute(_QUERIES["profile"], {"bucket": bucket, "profile": profile}).fetchone()
        if row is None or row[0] != subject.workspace:
            return None
        _, merged_into, first_bucket, buckets = row
        if merged_into is None:
            return _message(conn, subject, bucket, profile)
        bucket, profile = bucket_of(merged_into, first_bucket, buckets), merged_into
    return None


def _message(conn: Connection, subject: Subject, bucket: int, profile: UUID) -> Found | None:
    row = conn.execute(
        _QUERIES["message"],
        {"bucket": bucket, "profile": profile, "message": subject.message},
    ).fetchone()
    if row is None:
        return None
    name, kind, topic, locale, address, html, links, handed_over_at, handing_over = row
    destinations = tuple(str(link) for link in links or ())
    return Found(
        subject.workspace,
        bucket,
        profile,
        subject.message,
        name,
        kind,
        topic,
        locale or "en",
        address,
        html or "",
        destinations,
        handed_over_at,
        bool(handing_over),
    )
