"""The web server's way in, as granian calls it: the WSGI application behind its gateway."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

from tamshy.site.composition import WEB_THREADS
from tamshy.site.gateway import Gateway
from tamshy.site.wsgi import application as _wsgi

# malloc.h; what is set once stays as it is, where the library would learn from large bodies to keep their memory.
_ARENA_MAX: Final = (-8, 2)
_MMAP_THRESHOLD: Final = (-3, 512 * 1024)
_TRIM_THRESHOLD: Final = (-1, 1024 * 1024)


def _give_memory_back() -> None:
    """Have the C library hand back what large bodies took, instead of keeping it for each thread (glibc's alone does)."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            for setting in (_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD):
                mallopt(*setting)


_give_memory_back()
application = Gateway(_wsgi, WEB_THREADS)
# What is there now stays: looked through anew for garbage, time and again, it took a tenth of what ingest takes.
gc.collect()
gc.freeze()
