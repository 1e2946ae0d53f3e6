"""Proofreading: what somebody who has written many mails would remark on in what is otherwise sound.

Reads a message and what compiling has made of it, and the groups that rules name; leaves remarks with their places. A remark never
refuses anything.
"""

from __future__ import annotations

from tamshy.proofread.groups import unknown_groups
from tamshy.proofread.reading import Remark, read_over

__all__ = ["Remark", "read_over", "unknown_groups"]
