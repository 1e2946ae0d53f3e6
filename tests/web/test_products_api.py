"""`PUT /api/products`: what a shop sells, told by API key, many products at once."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from tests.web.conftest import Edge


def put(edge: Edge, body: object, key: str = "default-api-key") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return edge.client.generic("PUT", "/api/products", raw, headers={"authorization": f"Bearer {key}"})


def test_products_are_kept_and_bad_ones_answered_by_their_place(edge: Edge) -> None:
    told = [
        {"sku": "a1", "name": "Шәйнек", "price": 120.5, "stock": 3},
        {"name": "x"},
        {"sku": 7, "price": "dear"},
        {"sku": 8},
    ]
    answer = put(edge, {"products": told})
    assert (answer.status_code, json.loads(answer.content)) == (
        200,
        {
            "taken": 2,
            "refused": [
                {
                    "index": 1,
                    "field": "sku",
                    "detail": "a product needs a `sku`; without one, `category` and `interval` speak of a category",
                },
                {"index": 2, "field": "price", "detail": "`price` is a number, not text"},
            ],
        },
    )
    assert edge.rows("select sku, told, price, stock from product order by sku") == [
        ("8", {}, None, None),
        ("a1", {"name": "Шәйнек", "price": 120.5, "stock": 3}, 120.5, 3),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"sku":"a1","price":9}]',
        b'{"sku":"a1","price":9}',
        gzip.compress(b'{"products":[{"sku":"a1","price":9}]}', mtime=0),
    ],
)
def test_a_list_and_a_product_alone_are_understood_too(edge: Edge, body: bytes) -> None:
    assert json.loads(put(edge, body).content) == {"taken": 1, "refused": []}
    assert edge.rows("select sku, price from product") == [("a1", 9)]


def test_told_again_nothing_changes_and_an_older_word_does_not_overrule_a_newer_one(edge: Edge) -> None:
    for _ in range(2):
        assert put(edge, {"products": [{"sku": "a1", "price": 9}]}).status_code == 200
    put(edge, {"products": [{"sku": "a1", "price": 5, "timestamp": "2020-01-01T00:00:00Z"}]})
    assert edge.rows("select price from product") == [(9,)]
    assert edge.rows("select count(*) from product_change") == [(0,)]


@pytest.mark.parametrize(
    ("body", "key", "status", "says"),
    [
        ({"products": [{"sku": "a"}], "x": 1}, "default-api-key", 400, "the body is a list of products"),
        (
            {"products": [{"sku": "a", "price": -1}]},
            "default-api-key",
            400,
            "product 0: `price` cannot be less than nothing",
        ),
        ({"products": [{"sku": "a", "interval": "often"}]}, "default-api-key", 400, "'often' is not a duration"),
        ({"products": [{"sku": "a"}] * 2501}, "default-api-key", 400, "at most 2500 products"),
        (b"{", "default-api-key", 400, "JSON"),
        ({"products": []}, "default-write-key", 403, "key"),
    ],
)
def test_what_is_wrong_is_said(edge: Edge, body: object, key: str, status: int, says: str) -> None:
    answer = put(edge, body, key)
    assert (answer.status_code, says in json.loads(answer.content)["detail"]) == (status, True), answer.content
    assert edge.rows("select count(*) from product") == [(0,)]


def test_products_are_told_by_put(edge: Edge) -> None:
    assert edge.client.get("/api/products").status_code == 405
