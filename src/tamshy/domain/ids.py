"""Ids made from what they identify, so that two processes, or life and a simulation, make the same ones."""

from __future__ import annotations

import hashlib
from uuid import UUID


def named(*parts: str) -> UUID:
    """A UUID that is the MD5 of the parts joined by ``|``; SQL makes the same with ``md5(concat_ws('|', …))::uuid``."""
    return UUID(named_text(*parts))


def named_text(*parts: str) -> str:
    """The same as 32 digits, which SQL takes for a UUID too: making the object costs three times as much as the digits."""
    return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest()


def profile_id(workspace: str, die: str) -> UUID:
    """The id of the profile that first came into being under ``die`` (``user_id:u1``) in the workspace of that name."""
    return named(workspace, die)


def event_id(source: str, key: str) -> UUID:
    """The id of the event whose message id within its source is ``key``."""
    return named(source, key)


def bucket_of(profile: UUID, first_bucket: int, buckets: int) -> int:
    """The bucket of a profile: a workspace owns the buckets from ``first_bucket`` on, ``buckets`` of them."""
    return first_bucket + (profile.int >> 112) % buckets
