"""Files of products in the folder: what they say, and what is wrong with them, with the place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.language.shop import said, sound

from tamshy.domain.duration import Duration
from tamshy.language.products import CategoryInterval, Product, ProductFault, read_product


def test_a_line_is_a_product_and_one_without_sku_speaks_of_its_category() -> None:
    text = (
        '{"sku": "a1", "name": "Kettle", "price": 120.50, "stock": 3, "interval": "30d", "color": "red"}\n'
        "\n"
        '{"category": "coffee", "interval": "1mo"}\n'
    )
    assert sound({"catalog/all.jsonl": text}).products == (
        Product(
            "a1",
            {
                "name": "Kettle",
                "price": Decimal("120.50"),
                "stock": 3,
                "color": "red",
                "interval": "30d",
            },
            ("a1",),
            Duration(days=30),
        ),
        CategoryInterval("coffee", Duration(months=1)),
    )


def test_a_row_of_a_csv_is_a_product_with_its_numbers() -> None:
    text = "sku;price;category;images\n007;9.50;tea;https://a.example/1 https://a.example/2\n008;;;\n"
    assert sound({"catalog/all.csv": text}).products == (
        Product(
            "007",
            {"price": Decimal("9.50"), "category": "tea", "images": ["https://a.example/1", "https://a.example/2"]},
            ("007",),
        ),
        Product("008", {}, ("008",)),
    )


def test_what_a_product_leaves_to_its_variants_is_taken_from_them() -> None:
    variants = [{"sku": "s", "price": 12, "stock": 2}, {"sku": "m", "price": 10, "stock": 0}, {"id": 7}]
    found = read_product({"sku": "a", "product_id": 9, "variants": variants})
    assert found == Product(
        "a", {"product_id": "9", "variants": variants, "price": 10, "stock": 2}, ("a", "9", "s", "m", "7")
    )


@pytest.mark.parametrize(
    ("file", "text", "problems"),
    [
        (
            "p.jsonl",
            "{}\n",
            ["1:1: a product needs a `sku`; without one, `category` and `interval` speak of a category"],
        ),
        ("p.jsonl", ' {"SKU": 1}\n', ["1:2: a product needs a `sku` (did you mean 'sku' by 'SKU'?); without one,"]),
        ("p.jsonl", '{"sku": "a"}\n[]\n', ["2:1: a line is one JSON object such as"]),
        (
            "p.jsonl",
            '{"sku": "a",}\n{"sku": "b", "price": "x"}\n',
            ["1:1: a line is one JSON object: ", "2:1: `price` is a number"],
        ),
        ("p.jsonl", '{"sku": "a"}\n{"sku": "a"}\n', ["2:1: the product 'a' stands in line 1 already"]),
        ("p.csv", "name,price\nx,1\n", ["1:1: the first line names the columns, and one of them is 'sku'"]),
        (
            "p.csv",
            "sku,price\na,dear\nb,1,2\n",
            ["2:1: `price` is a number such as 1200.50", "3:1: the line has 3 cells"],
        ),
        ("p.csv", 'sku,price\na,"1\n', ["2:1: no CSV from here on"]),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file: str, text: str, problems: list[str]) -> None:
    found = said({f"catalog/{file}": text})
    assert len(found) == len(problems), found
    assert [
        line for line, start in zip(found, problems, strict=True) if not line.startswith(f"catalog/{file}:{start}")
    ] == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sku": "a", "price": True}, "price"),
        ({"sku": "a", "price": float("nan")}, "price"),
        ({"sku": "a", "cost": -1}, "cost"),
        ({"sku": "a", "stock": 1e13}, "stock"),
        ({"sku": "a", "interval": "-3d"}, "interval"),
        ({"sku": "a", "interval": "0s"}, "interval"),
        ({"sku": "a", "interval": 30}, "interval"),
        ({"sku": "a", "images": "x"}, "images"),
        ({"sku": "a", "variants": {}}, "variants"),
        ({"sku": "a", "name": ["x"]}, "name"),
        ({"sku": "a" * 1001}, "sku"),
        ({"category": "x"}, "sku"),
    ],
)
def test_what_is_no_product_is_refused_with_its_field(values: dict[str, object], field: str) -> None:
    with pytest.raises(ProductFault) as refused:
        read_product(values)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "name", ["sku", "product_id", "name", "brand", "category", "url", "image_url", "currency", "description"]
)
def test_each_text_of_a_product_is_text_and_a_number_is_taken_for_one(name: str) -> None:
    with pytest.raises(ProductFault, match=f"^`{name}` is text, not true or false$"):
        read_product({"sku": "a", name: True})
    found = read_product({"sku": "a", name: 7})
    assert isinstance(found, Product)
    assert {"sku": found.sku, **found.told}[name] == "7"


@pytest.mark.parametrize("name", ["price", "cost", "stock"])
def test_each_number_of_a_product_is_a_number(name: str) -> None:
    with pytest.raises(ProductFault, match=f"^`{name}` is a number, not text$"):
        read_product({"sku": "a", name: "7"})
    assert read_product({"sku": "a", name: 7}) == Product("a", {name: 7}, ("a",))


@pytest.mark.parametrize("name", ["images", "variants"])
def test_each_list_of_a_product_is_a_list(name: str) -> None:
    with pytest.raises(ProductFault, match=f"^`{name}` is a list, not text$"):
        read_product({"sku": "a", name: "7"})
    assert read_product({"sku": "a", name: []}) == Product("a", {name: []}, ("a",))
