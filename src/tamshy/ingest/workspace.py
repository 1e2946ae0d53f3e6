"""What ingest has to know of the workspace that calls come in for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tamshy.domain.ids import bucket_of

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True)
class WorkspaceRef:
    """A workspace by its row, and the settings of it that decide whose a call is.

    `zone` is the IANA name of its time zone, `merge_on` the identifiers of `identities.merge_on`, `topic` its own
    topic (the first one listed; empty where it has none).
    """

    id: int
    name: str
    buckets: int
    zone: str
    merge_on: frozenset[str] = frozenset({"user_id"})
    topic: str = ""
    first_bucket: int = 0

    def bucket(self, profile: UUID) -> int:
        """The bucket of one of its profiles."""
        return bucket_of(profile, self.first_bucket, self.buckets)

    @cached_property
    def by_email(self) -> bool:
        """Whether addresses tie profiles together."""
        return "email" in self.merge_on
