"""Links of a body, seen to when it is published, so that rendering only numbers them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markupsafe import escape

from tamshy.language.model import Problem
from tamshy.render.marks import MARK
from tamshy.render.markup import elements
from tamshy.render.tracking import BadLink, Shop, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.language.model import Position
    from tamshy.render.marks import Marked

# `link` and `base` are no links of the reader's.
_LINKING: Final = frozenset({"a", "area", "v:rect", "v:roundrect", "v:shape", "v:oval"})
_LEFT: Final = ("mailto:", "tel:", "sms:", "#")
_OWN: Final = re.compile(r"\{\{-?\s*(?:unsubscribe_url|preferences_url|view_url)\s*-?\}\}")


class Links:
    """Rewrites the addresses of one body.

    Args:
        marked: the body as marked; its marks stand in the HTML that comes in.
        shop: finishes addresses.
    """

    def __init__(self, marked: Marked, shop: Shop) -> None:
        self._marked = marked
        self._shop = shop
        self.static: list[str] = []
        self.problems: list[Problem] = []

    def tracked(self, html: str) -> str:
        """Put our link tags into the HTML (marks are kept)."""
        return self._rewritten(html, self._tracked)

    def finished(self, address: str) -> str:
        """An address for the plain text, as Liquid with marks: whole, with utm, not tracked; '' for what is none."""
        address = plain_text(address).strip()
        if not MARK.search(address):
            if not address or address.lower().startswith(_LEFT):
                return "" if address.startswith("#") else address
            return self._final(address)
        return address if self._is_own(address) else f"{{% tamshy_link %}}{address}{{% endtamshy_link %}}"

    def _rewritten(self, html: str, change: Callable[[str], str]) -> str:
        pieces: list[str] = []
        last = 0
        for element in elements(html):
            if element.closing or element.name not in _LINKING:
                continue
            href = element.get("href")
            if href is not None and href.value is not None:
                pieces += (html[last : href.start], change(href.value))
                last = href.end
        return "".join((*pieces, html[last:]))

    def _tracked(self, value: str) -> str:
        address = plain_text(value).strip()
        if not address or address.lower().startswith(_LEFT) or self._is_own(address):
            return value
        first = MARK.search(address)
        if first is not None:
            scheme = re.match(r"[a-z][a-z0-9+.-]*:", address[: first.start()], re.IGNORECASE)
            if scheme is not None and scheme[0].lower() not in {"http:", "https:"}:
                self._refuse(value, f"a link with `{scheme[0]}`; write one that begins with https://, mailto: or tel:")
                return value
            return f"{{% tamshy_link %}}{value}{{% endtamshy_link %}}"
        final = self._final(address)
        if not final:
            return value
        self.static.append(final)
        return f"{{% tamshy_static {len(self.static) - 1} %}}"

    def _final(self, address: str) -> str:
        try:
            return self._shop.final(address)
        except BadLink as exc:
            self._refuse(address, str(exc.message))
            return ""

    def _is_own(self, address: str) -> bool:
        return _OWN.fullmatch(self._marked.restore(address)) is not None

    def _refuse(self, value: str, why: str) -> None:
        problem = Problem(self._place(value), why)
        if problem not in self.problems:
            self.problems.append(problem)

    def _place(self, value: str) -> Position:
        """Where the author wrote the address: the compilers keep none of the places, so it is looked for."""
        for text in (value, str(escape(value))):
            at = self._marked.text.find(text)
            if at >= 0:
                return self._marked.position_here(at)
        return self._marked.position(0)
