"""What parent and child say to each other: frames of four bytes of length and msgpack."""

from __future__ import annotations

from typing import Final

import msgspec

from tamshy.render.compiled import Job, Rendered

MAX_FRAME: Final = 64 * 1024 * 1024
HEAD: Final = 4

CPU_SECONDS: Final = 1.0
MEMORY: Final = 128 * 1024 * 1024


class Load(msgspec.Struct, tag=True):
    """Parent to child: a compiled message, as JSON, under its version id."""

    version: int
    compiled: bytes


class Work(msgspec.Struct, tag=True):
    """Parent to child: a message to render."""

    job: Job


class Ready(msgspec.Struct, tag=True):
    """Child to parent: started."""


class Done(msgspec.Struct, tag=True):
    """Child to parent: one result, in the order of the work.

    ``spent``: the limit that was passed (``time``, ``memory``); the child ends after such a result.
    """

    id: str
    rendered: Rendered | None = None
    error: str | None = None
    spent: str = ""


class Fault(msgspec.Struct):
    """The child's last words, on standard error: the kind of an error of ours, and where. What it says may be anybody's."""

    kind: str
    where: str


_ENCODER: Final = msgspec.msgpack.Encoder()
TO_CHILD: Final = msgspec.msgpack.Decoder(Load | Work)
TO_PARENT: Final = msgspec.msgpack.Decoder(Ready | Done)


def frame(said: Load | Work | Ready | Done) -> bytes:
    """Put a value into a frame."""
    packed = _ENCODER.encode(said)
    return len(packed).to_bytes(HEAD, "little") + packed
