"""How many codes are left in each pool, and which pools are about to run dry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.coupon")
_TENTH: Final = 10


@dataclass(frozen=True, slots=True)
class PoolLeft:
    """A published pool with its codes: how many there are in all, and how many nobody has yet."""

    workspace: str
    pool: str
    size: int
    left: int

    @property
    def low(self) -> bool:
        """Whether a tenth or less is left: time to add some."""
        return self.left * _TENTH <= self.size


def count_pools(conn: Connection, workspace: int | None = None) -> list[PoolLeft]:
    """Count the codes of every pool, of one workspace (by its id) or of all, in order of their names."""
    rows = conn.execute(_SQL["count_pools"], {"workspace": workspace}).fetchall()
    return [PoolLeft(workspace, pool, int(size), int(left)) for workspace, pool, size, left in rows]
