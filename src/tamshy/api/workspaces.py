"""What ingest has to know of a workspace, read once for every publication."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.accounts import NotRemembered
from tamshy.domain.requested import SUBSCRIPTION_REQUESTED
from tamshy.ingest import WorkspaceRef
from tamshy.language import answers_requests, read_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tamshy.language.model import Settings

_Q: Final = sqlkit.queries(__package__)
BELIEVED_FOR_S: Final = 2.0
"""How long settings are used without asking whether something was published meanwhile."""


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A workspace as the edge sees it: how calls are stored, and what its settings say.

    `asks` says whether a flow of it answers `Subscription Requested`.
    """

    ref: WorkspaceRef
    settings: Settings
    asks: bool = False

    @property
    def topics(self) -> frozenset[str]:
        """The names of its topics."""
        return frozenset(topic.name for topic in self.settings.topics)


class Workspaces:
    """The workspaces, as last published. Safe for several threads at once."""

    def __init__(
        self,
        connection: Callable[[], AbstractContextManager[sqlkit.Connection]],
        monotonic: Callable[[], float],
    ) -> None:
        """Take what lends connections, and seconds that only grow."""
        self._connection = connection
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._views: dict[int, tuple[float, int, WorkspaceView]] = {}

    def view(self, workspace: int, *, asking: bool = True) -> WorkspaceView:
        """Give a workspace by its id; `asking` False: never wait for the database.

        Raises:
            LookupError: there is none.
            DatabaseUnavailable: it has to be asked, and does not answer.
            NotRemembered: it would have to be asked.
        """
        now = self._monotonic()
        with self._lock:
            known = self._views.get(workspace)
        if known is not None and known[0] > now:
            return known[2]
        if not asking:
            raise NotRemembered("this workspace")
        number, view = self._read(workspace, known)
        with self._lock:
            self._views[workspace] = (now + BELIEVED_FOR_S, number, view)
        return view

    def _read(self, workspace: int, known: tuple[float, int, WorkspaceView] | None) -> tuple[int, WorkspaceView]:
        with self._connection() as conn:
            row = conn.execute(_Q["workspace"], {"workspace": workspace}).fetchone()
            if row is None:
                raise LookupError(f"there is no workspace with the id {workspace}")
            id_, name, first_bucket, buckets, number = row
            if known is not None and known[1] == number:
                return number, known[2]
            found = conn.execute(_Q["settings_file"], {"workspace": workspace}).fetchone()
            given = {"workspace": workspace, "word": SUBSCRIPTION_REQUESTED}
            asking: dict[str, str] = dict(conn.execute(_Q["flows_with"], given).fetchall())
        # What was published was checked then; only the settings are read, whatever refers to files left out here.
        read = read_workspace({"tamshy.yaml": found[0] if found else "", **asking})[0]
        settings = read.settings
        asks = any(answers_requests(flow) for flow in read.flows.values())
        topics = [topic.name for topic in settings.topics]
        ref = WorkspaceRef(
            id=id_,
            name=name,
            buckets=buckets,
            zone=settings.timezone,
            merge_on=settings.merge_on,
            topic=topics[0] if topics else "",
            first_bucket=first_bucket,
        )
        return number, WorkspaceView(ref, settings, asks)
