"""What publishing does with pools: the codes of files are laid in, and each series gets its key once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.language.model import CouponPool
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.coupon")


def stock(conn: Connection, workspace: int, pools: Mapping[str, CouponPool], secret: bytes) -> None:
    """Write down the pools as they are published now; a code that was given out stays given out, whatever the file says.

    New codes of a file come behind those that lie there; codes that it holds no more, and nobody has, are taken away. ``secret``:
    what keys are derived from where a pattern is new, so that nobody can work out the next code; a pattern that was there before
    keeps its key.
    """
    params: dict[str, object] = {"workspace": workspace}
    rows = [{"n": pool.name, "p": pool.pattern} for pool in pools.values()]
    conn.execute(_SQL["write_pools"], params | {"rows": rows_json(rows)})
    series = {("file", pool.name) if pool.pattern is None else ("pattern", pool.pattern) for pool in pools.values()}
    keyed = [{"k": kind, "n": name, "y": _key(secret, workspace, kind, name)} for kind, name in sorted(series)]
    conn.execute(_SQL["open_series"], params | {"rows": rows_json(keyed)})
    codes = [
        {"p": pool.name, "o": place, "c": code} for pool in pools.values() for place, code in enumerate(pool.codes)
    ]
    lying = params | {"rows": rows_json(codes)}
    conn.execute(_SQL["clear_stock"], lying)
    conn.execute(_SQL["lay_in"], lying)


def rewind(conn: Connection, workspace: int) -> None:
    """Take it that no code was given out yet: a stage is played on again."""
    conn.execute(_SQL["rewind"], {"workspace": workspace})


def _key(secret: bytes, workspace: int, kind: str, name: str) -> str:
    said = f"coupons|{workspace}|{kind}|{name}".encode()
    return blake2b(said, key=blake2b(secret, digest_size=32).digest(), digest_size=32).hexdigest()
