"""Measures this machine: what each stage does in a second, as a ratio to the raw limit taken in the same run.

Reads and writes nothing but databases of its own, with every guarantee on: no setting makes a measurement faster than
the product.
"""

from __future__ import annotations

from tamshy.site.bench.running import STAGES, measure
from tamshy.site.bench.sizes import SIZES, Size

__all__ = ["SIZES", "STAGES", "Size", "measure"]
