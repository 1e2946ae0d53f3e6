"""Taking a sign-up: whom it can be for, and whether it counts at once or its address is asked first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from tamshy import sqlkit
from tamshy.domain.ids import named_text, profile_id
from tamshy.domain.requested import SUBSCRIPTION_REQUESTED
from tamshy.forms.sign_up import Outcome, Standing, asking, belongs_to, granting, ties
from tamshy.ingest import store

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.forms.sign_up import SignUp
    from tamshy.ingest import WorkspaceRef
    from tamshy.sqlkit import Connection

_Q: Final = sqlkit.queries(__package__)
MOST_REQUESTS: Final = 3
"""How often an address is asked within a day: whoever types somebody else's into a form fills no mailbox."""
REQUESTS_WITHIN: Final = timedelta(days=1)


class MakeLink(Protocol):
    """Signs the link by which a request is confirmed."""

    def __call__(self, bucket: int, profile: UUID, request: UUID, /) -> str:
        """The whole address."""


def take(
    conn: Connection, workspace: WorkspaceRef, sign_up: SignUp, *, ask_first: bool, make_link: MakeLink
) -> Outcome:
    """Take a sign-up, within the transaction of `conn`; the caller commits.

    Args:
        conn: a connection.
        workspace: whom it comes in for.
        sign_up: what the form said.
        ask_first: the address is asked by mail in any case: one of the topics wants it so.
        make_link: signs the link in that mail.

    Raises:
        Contended: other processes kept changing the same people.
    """
    device = device_of(conn, workspace, sign_up.device, sign_up.received_at)
    holder = _holder(conn, workspace, sign_up.address)
    if not ask_first and belongs_to(sign_up.address, device, holder):
        store(
            conn,
            workspace,
            granting(sign_up, tied=ties(sign_up, device), is_user=device is not None and device.is_user),
        )
        return Outcome.GRANTED
    return _ask(conn, workspace, sign_up, holder, make_link)


def _ask(
    conn: Connection, workspace: WorkspaceRef, sign_up: SignUp, holder: UUID | None, make_link: MakeLink
) -> Outcome:
    profile = holder or profile_id(workspace.name, f"email:{sign_up.address}")
    bucket = workspace.bucket(profile)
    given = {
        "bucket": bucket,
        "profile": profile,
        "name": SUBSCRIPTION_REQUESTED,
        "since": sign_up.received_at - REQUESTS_WITHIN,
    }
    row = conn.execute(_Q["requests"], given).fetchone()
    if row is not None and row[0] >= MOST_REQUESTS:
        return Outcome.LIMITED
    # The event goes by the name of what brought it, so that the link can be signed before it is there.
    link = make_link(bucket, profile, UUID(named_text(sign_up.key)))
    store(conn, workspace, asking(sign_up, newcomer=holder is None, confirm_url=link))
    return Outcome.ASKED


def device_of(conn: Connection, workspace: WorkspaceRef, device: str | None, at: datetime) -> Standing | None:
    """Give the profile that a device is at a moment, and what is known of it; None where it is new."""
    if device is None:
        return None
    row = conn.execute(_Q["owner"], {"workspace": workspace.id, "device": device, "at": at}).fetchone()
    return None if row is None else standing(conn, *row)


def standing(conn: Connection, bucket: int, profile: UUID) -> Standing:
    """Give what is known of a profile."""
    row = conn.execute(_Q["standing"], {"bucket": bucket, "profile": profile}).fetchone()
    is_user, addresses = row or (False, [])
    return Standing(profile, is_user, frozenset(addresses))


def _holder(conn: Connection, workspace: WorkspaceRef, address: str) -> UUID | None:
    row = conn.execute(_Q["holder"], {"workspace": workspace.id, "address": address}).fetchone()
    return None if row is None else row[1]
