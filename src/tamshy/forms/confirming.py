"""Confirming a request: what the owner of the address says by the link in the mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tamshy import sqlkit
from tamshy.domain.ids import bucket_of
from tamshy.domain.requested import SUBSCRIPTION_REQUESTED
from tamshy.forms.sign_up import confirming
from tamshy.forms.taking import device_of, standing
from tamshy.ingest import store

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from tamshy.domain.token import Subject
    from tamshy.forms.sign_up import Browser
    from tamshy.ingest import WorkspaceRef
    from tamshy.sqlkit import Connection

_Q: Final = sqlkit.queries(__package__)
CONFIRM_WITHIN: Final = timedelta(days=30)
"""How long a link confirms; the request's event is kept at least as long."""
_LONGEST_CHAIN: Final = 16


@dataclass(frozen=True, slots=True)
class Requested:
    """A request as it stands: whose it is now, what it asked for, and whether it was confirmed."""

    workspace: int
    bucket: int
    profile: UUID
    request: UUID
    said: dict[str, Any]
    locale: str
    confirmed: bool

    @property
    def address(self) -> str:
        """The address that was asked."""
        return str(self.said.get("address", ""))

    @property
    def topics(self) -> list[str]:
        """The topics that it would be written to about."""
        return [str(topic) for topic in self.said.get("topics") or ()]


def find_request(conn: Connection, subject: Subject, now: datetime) -> Requested | None:
    """Find what a link stands for; None where it is gone, or too long ago. `subject.message` is the id of the request's event."""
    bucket, profile = subject.bucket, subject.profile
    for _ in range(_LONGEST_CHAIN):
        row = conn.execute(_Q["home"], {"bucket": bucket, "profile": profile}).fetchone()
        if row is None or row[0] != subject.workspace:
            return None
        _, merged_into, first_bucket, buckets = row
        if merged_into is None:
            return _request(conn, subject, bucket, profile, now)
        bucket, profile = bucket_of(merged_into, first_bucket, buckets), merged_into
    return None


def _request(conn: Connection, subject: Subject, bucket: int, profile: UUID, now: datetime) -> Requested | None:
    given = {"bucket": bucket, "profile": profile, "request": subject.message, "name": SUBSCRIPTION_REQUESTED}
    row = conn.execute(_Q["request"], given).fetchone()
    if row is None or row[0] < now - CONFIRM_WITHIN:
        return None
    _, said, context, confirmed = row
    locale = context.get("locale")
    return Requested(
        subject.workspace,
        bucket,
        profile,
        subject.message,
        said,
        locale if isinstance(locale, str) else "en",
        confirmed,
    )


def confirm(
    conn: Connection, workspace: WorkspaceRef, found: Requested, browser: Browser, now: datetime, wording: str
) -> None:
    """Grant what a request asked for; said twice it is granted once. The caller commits.

    `wording` is what the page asked, kept as evidence beside what the form said. The device that asked becomes the address's
    only where both are known by nothing else: an owner who says yes to mails does not say that somebody's device is theirs.

    Raises:
        Contended: other processes kept changing the same people.
    """
    asked_from = found.said.get("device")
    device = device_of(conn, workspace, asked_from if isinstance(asked_from, str) else None, now)
    owner = standing(conn, found.bucket, found.profile)
    unknown = not owner.is_user and owner.addresses <= {found.address}
    free = asked_from is not None and (device is None or (not device.is_user and device.addresses <= {found.address}))
    calls = confirming(
        found.request,
        found.said,
        browser,
        now,
        wording,
        unknown=unknown,
        tied=unknown and free,
        by_device=not workspace.by_email,
    )
    store(conn, workspace, calls)
