"""Which database a command works on: `DATABASE_URL`, the one that `tamshy serve` runs already, or one it starts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tamshy.site.configuration import Configuration


@contextmanager
def database(configuration: Configuration, say: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Give the address of the database for a `with` block; an embedded server that was started is stopped after it.

    Raises:
        EmbeddedError: the data folder's server cannot be started.
    """
    if configuration.database_url:
        yield configuration.database_url
        return
    folder, named = configuration.data_folder, bool(configuration.data)
    running = sqlkit.running_dsn(folder, named=named)
    if running is not None:
        yield running
        return
    with sqlkit.EmbeddedServer.open(folder, named=named, say=say) as server:
        yield server.dsn
