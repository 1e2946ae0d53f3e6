"""The web server's way in, as granian calls it: the WSGI application behind its gateway."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import TYPE_CHECKING, Final

from tamshy.site.composition import WEB_THREADS
from tamshy.site.gateway import Gateway
from tamshy.site.wsgi import application as _wsgi

if TYPE_CHECKING:
    from collections.abc import Callable

# malloc.h; what is set once stays as it is, where the library would learn from large bodies to keep their memory.
_ARENA_MAX: Final = (-8, 2)
_MMAP_THRESHOLD: Final = (-3, 512 * 1024)
_TRIM_THRESHOLD: Final = (-1, 1024 * 1024)


def _libc(name: str) -> Callable[..., int] | None:
    """Give a function of the C library, where it has it (glibc's alone does)."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def _give_memory_back() -> None:
    """Have the C library hand back what large bodies took, instead of keeping it for each thread."""
    mallopt = _libc("mallopt")
    if mallopt is not None:
        for setting in (_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD):
            mallopt(*setting)


def _relieve() -> None:
    """Hand back what a crowd took.

    Python keeps freed tuples and the like for the next, strewn over all memory of the crowd, until all garbage is
    looked for, and a quiet server may not do that for days.
    """
    gc.collect()
    trim = _libc("malloc_trim")
    if trim is not None:
        trim(0)


_give_memory_back()
application = Gateway(_wsgi, WEB_THREADS, _relieve)
# What is there now stays: looked through anew for garbage, time and again, it took a tenth of what ingest takes.
gc.collect()
gc.freeze()
