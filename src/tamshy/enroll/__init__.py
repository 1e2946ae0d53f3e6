"""Opens enrollments under audience, key and re-entry rules, or refuses with a reason; hears exits, conversions, awaited events.

Reads ``agenda``, ``candidate``, ``event`` and ``enrollment``; leaves enrollments (with a ``move`` to their first step), refusals
and exits in ``journal``, ``conversion``, and withdrawn deliveries.
"""

from __future__ import annotations

from tamshy.enroll.listening import hear, listened_names
from tamshy.enroll.opening import hear_known, hold_out_again, open_enrollments

__all__ = ["hear", "hear_known", "hold_out_again", "listened_names", "open_enrollments"]
