"""The catalogue: what is told of products, and that everybody it may concern hears of what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.domain.ids import named
from tamshy.language.products import CategoryInterval
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tamshy.domain.duration import Duration
    from tamshy.language.products import Product
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.commerce", "catalogue.sql")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HEARD: Final = timedelta(minutes=10)
"""Changes are kept so long at least, so that no bucket misses one that is being told at this moment."""
FOUNDING: Final = timedelta(days=1)
"""What is told so soon after the first product of all is what the shop had already: nobody hears of it as new."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is told of a product (or a category) and when it was so."""

    product: Product | CategoryInterval
    occurred_at: datetime


def tell(
    conn: Connection, workspace: int, words: Iterable[Word], at: datetime, founding: timedelta = timedelta(0)
) -> int:
    """Take in what is told of products, together; the caller commits. Told again, nothing changes.

    Args:
        conn: a connection.
        workspace: whose catalogue.
        words: what is told; of one product the later word of two counts where they say the same thing.
        at: the moment of telling: when those whom a change concerns hear of it.
        founding: products told within this time of the catalogue's first one are no new arrivals (`FOUNDING` in life).

    Returns:
        How many products became cheaper or came back.
    """
    products, categories = _rows(words)
    if categories:
        conn.execute(_SQL["tell_categories"], {"workspace": workspace, "rows": rows_json(categories)})
    if not products:
        return 0
    rows = rows_json(products)
    params = {
        "workspace": workspace,
        "rows": rows,
        "at": at,
        "founding": founding,
        "batch": named("catalogue", str(workspace), at.isoformat(), rows),
    }
    conn.execute(_SQL["register"], params)
    conn.execute(_SQL["hold"], params)
    changed = conn.execute(_SQL["tell"], params).rowcount
    if changed:
        conn.execute(_SQL["call_round"], params)
    return changed


def forget_changes(conn: Connection, now: datetime) -> None:
    """Let go of the changes that everybody has heard of; the caller commits."""
    conn.execute(_SQL["forget_changes"], {"before": now - _HEARD})


def _rows(words: Iterable[Word]) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """One row a product, and one a category: what is told of it later lies over what is told before."""
    products: dict[str, dict[str, object]] = {}
    categories: dict[str, dict[str, object]] = {}
    for word in sorted(words, key=lambda word: word.occurred_at):
        told = word.product
        if isinstance(told, CategoryInterval):
            categories[told.category] = {"category": told.category, **_lasts(told.interval)}
            continue
        own = (word.occurred_at - _EPOCH) // _MICROSECOND
        row = products.setdefault(told.sku, {"sku": told.sku, "told": {}, "names": [], "days": None, "seconds": None})
        row["told"] = {**_mapping(row["told"]), **told.told}
        row["names"] = list(dict.fromkeys([*_list(row["names"]), *told.names]))
        row["own"] = own
        if "interval" in told.told or told.interval is not None:
            row |= _lasts(told.interval)
    return list(products.values()), list(categories.values())


def _lasts(interval: Duration | None) -> dict[str, object]:
    if interval is None:
        return {"days": None, "seconds": None}
    return {"days": f"{interval.months} months {interval.days} days", "seconds": f"{interval.seconds} seconds"}


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
