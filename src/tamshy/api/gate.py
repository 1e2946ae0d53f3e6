"""How many requests may wait for the database at once: beyond that they are told "later" instead of piling up."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from tamshy.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class Gate:
    """Counts who is inside. Safe for several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    @contextmanager
    def inside(self, most: int) -> Iterator[None]:
        """Be inside for a `with` block.

        Raises:
            Problem: `most` are inside already.
        """
        with self._lock:
            if self._inside >= most:
                detail = "more calls arrive than can be stored at this moment; send the same again"
                raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_at_once", detail, retry_after=1)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
