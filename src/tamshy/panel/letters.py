"""A shopper's mail as the staff sees it: looking at it, or following its links, is not the shopper's doing so."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNED: Final = r"[A-Za-z0-9_-]{72}"
_PIXEL: Final = re.compile(r"<img\b[^>]*\bsrc=\"[^\"]*/o/[A-Za-z0-9_-]+\.gif\"[^>]*>", re.IGNORECASE)
_CLICK: Final = re.compile(rf"https?://[^\s\"'<>]*/c/{_SIGNED}/(\d+)")
_PAGE: Final = re.compile(rf"https?://[^\s\"'<>]*/(?:u|m|prefs)/{_SIGNED}")
_NOWHERE: Final = "#"


def as_seen_by_staff(html: str, links: Sequence[str], *, leaves: bool) -> str:
    """Give a mail's HTML without what counts.

    Args:
        html: the mail as it was sent.
        links: where its links lead, by their numbers.
        leaves: whether mail leaves this machine. Then its shopper has it, and here its links lead straight to their
            destinations, those of the shopper's own pages nowhere. Where mail stays, here is the shopper's only inbox.
    """
    seen = _PIXEL.sub("", html)
    if not leaves:
        return seen

    def destination(found: re.Match[str]) -> str:
        number = int(found[1])
        return escape(links[number]) if number < len(links) else _NOWHERE

    return _PAGE.sub(_NOWHERE, _CLICK.sub(destination, seen))
