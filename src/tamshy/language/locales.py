"""Locales as the workspace writes them, and which of those at hand serves a reader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


def choose_locale(wanted: str | None, available: Collection[str], fallback: str) -> str | None:
    """The locale of ``available`` for a reader of ``wanted``: exactly, then by language, then the workspace's.

    By language: ``pt-BR`` is served by ``pt``, ``pt`` and ``pt-PT`` by the first of ``pt-…`` in the order of the
    alphabet. Upper and lower case and ``_`` for ``-`` make no difference. None where nothing serves even ``fallback``.
    """
    folded = {_fold(locale): locale for locale in sorted(available, reverse=True)}
    for locale in (wanted, fallback):
        if not locale:
            continue
        exact = _fold(locale)
        language = exact.split("-")[0]
        found = folded.get(exact) or folded.get(language)
        if found is None:
            same = sorted(known for known in folded if known.split("-")[0] == language)
            found = folded[same[0]] if same else None
        if found is not None:
            return found
    return None


def _fold(locale: str) -> str:
    return locale.replace("_", "-").lower()
