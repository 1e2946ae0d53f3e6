"""What to recommend to whom: what goes with what, learnt daily from what people do, and a batch's products before it is rendered.

Reads ``orders``, ``event``, ``product`` and ``product_name``; leaves ``neighbour`` and ``bestseller`` anew at each learning.
Picking reads these for a whole batch, a query for each kind that its messages ask for, and writes nothing.
"""

from __future__ import annotations

from tamshy.recommend.learning import learn
from tamshy.recommend.picking import Wanted, pick

__all__ = ["Wanted", "learn", "pick"]
