"""Ready-made campaigns: texts that are taken off the shelf, dressed in a shop's look and fitted to its folder.

Reads nothing but the shelf that lies in the package and the texts it is handed; leaves the files of a workspace folder,
or why they cannot be written. What stands in them is the flow language and nothing else.
"""

from __future__ import annotations

from tamshy.recipes.adding import Addition, Unaddable, add, dress
from tamshy.recipes.brand import BRAND_FILE, Brand, UnusableBrand, read_brand
from tamshy.recipes.fitting import fitted
from tamshy.recipes.shelf import Bundle, Recipe, bundles, recipes

__all__ = [
    "BRAND_FILE",
    "Addition",
    "Brand",
    "Bundle",
    "Recipe",
    "Unaddable",
    "UnusableBrand",
    "add",
    "bundles",
    "dress",
    "fitted",
    "read_brand",
    "recipes",
]
