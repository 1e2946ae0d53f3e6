"""Settles each requested message: accepted for rendering, postponed until, or skipped with a reason.

Reads ``agenda``, ``enrollment``, ``profile`` and what was sent before; leaves ``message``, ``journal`` and, for what is settled,
a ``move``. ``settle`` writes down what rendering made of the accepted ones.
"""

from __future__ import annotations

from tamshy.decide.deciding import decide
from tamshy.decide.settling import Rendered, accepted, settle

__all__ = ["Rendered", "accepted", "decide", "settle"]
