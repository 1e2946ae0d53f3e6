"""What the pages say of the shop: its name, its address, and the topics a recipient can choose from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.ingest import WorkspaceRef
from tamshy.language.model import Settings, TopicDefault
from tamshy.language.workspace import read_workspace

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection
    from tamshy.track import Consented

_QUERIES: Final = sqlkit.queries(__package__)
_SETTINGS_FILE: Final = "tamshy.yaml"


@dataclass(frozen=True, slots=True)
class TopicChoice:
    """A topic with what holds for the person who looks at the page."""

    name: str
    title: str
    on: bool


def settings_of(conn: Connection, workspace: int) -> Settings:
    """Give the published settings of a workspace; the plain ones where nothing is published."""
    row = conn.execute(_QUERIES["settings"], {"workspace": workspace, "path": _SETTINGS_FILE}).fetchone()
    return _read(row[0]) if row else Settings()


@lru_cache(maxsize=64)
def _read(text: str) -> Settings:
    return read_workspace({_SETTINGS_FILE: text})[0].settings


def ref_of(conn: Connection, workspace: int, settings: Settings) -> WorkspaceRef:
    """Give what storing calls has to know of a workspace.

    Raises:
        LookupError: there is none.
    """
    row = conn.execute(_QUERIES["home"], {"workspace": workspace}).fetchone()
    if row is None:
        raise LookupError(f"there is no workspace with the id {workspace}")
    name, first_bucket, buckets = row
    return WorkspaceRef(
        id=workspace,
        name=name,
        buckets=buckets,
        zone=settings.timezone,
        merge_on=settings.merge_on,
        first_bucket=first_bucket,
    )


def choices(settings: Settings, said: dict[str, Consented]) -> list[TopicChoice]:
    """Give the topics in the shop's order, each with what holds: the person's word, else the topic's default."""
    return [
        TopicChoice(
            topic.name,
            topic.title,
            said[topic.name].granted if topic.name in said else topic.default is TopicDefault.OPT_OUT,
        )
        for topic in settings.topics
    ]
