"""Works out daily what those who have ordered are like, and what is to be expected of them: `rfm` and `predicted` (rule 29).

Reads ``orders``; leaves ``buyer``, a row for each profile whose orders count. Nothing is computed where no rule asks for it.
"""

from __future__ import annotations

from tamshy.predict.buyers import asked, bury, foreseen, forget, reckon

__all__ = ["asked", "bury", "foreseen", "forget", "reckon"]
