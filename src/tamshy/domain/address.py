"""E-mail addresses: which ones can be written to (rule 35)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONGEST: Final = 254
_LONGEST_LOCAL: Final = 64
_LONGEST_DOMAIN: Final = 253

# RFC 5321's dot-string; its quoted form is handed over by nobody and hides blanks and separators, so it is not taken.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})+)")


def lowered(text: str) -> str:
    """Write an address the way it is kept: NFC, lower case, no blanks around it."""
    return unicodedata.normalize("NFC", text).strip().lower()


def valid_address(text: object) -> str | None:
    """Give the address as it is kept, or None where it cannot be handed over as RFC 5321 has it (rule 35).

    The domain is in ASCII (an international one as its A-label, ``xn--…``) and has a dot; the local part is a plain
    one of at most 64 characters, without quotes and without letters that need SMTPUTF8.
    """
    if not isinstance(text, str):
        return None
    address = lowered(text)
    if len(address) > _LONGEST:
        return None
    found = _ADDRESS.fullmatch(address)
    if found is None or len(found[1]) > _LONGEST_LOCAL or len(found[2]) > _LONGEST_DOMAIN:
        return None
    return address
