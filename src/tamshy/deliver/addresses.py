"""Addresses as SMTP takes them: ASCII, the domain in its A-label form, nothing that could end a line or a command."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf'(?:{_ATEXT}(?:\.{_ATEXT})*|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*")')
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LONGEST_LOCAL: Final = 64
_LONGEST_DOMAIN: Final = 253
_NAMED: Final = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]*)>\s*", re.DOTALL)
# What may stand in a label beside ASCII: letters, marks that belong to them, and figures.
_LABEL_CATEGORIES: Final = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})


class BadAddress(ValueError):
    """An address cannot be handed over; the message says which part and why, without repeating the address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name, as written, and an address in ASCII."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part behind the last @."""
        return self.address.rpartition("@")[2]


def mailbox(text: str) -> Mailbox:
    """Read ``Name <address>`` or a bare address.

    Raises:
        BadAddress: what stands there is no single address that SMTP takes.
    """
    found = _NAMED.fullmatch(text)
    if found is None:
        return Mailbox("", ascii_address(text.strip()))
    name = found["name"].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1], flags=re.DOTALL)
    return Mailbox(name, ascii_address(found["address"].strip()))


def sending_domain(from_address: str | None) -> str:
    """Give the domain that a From address sends in the name of, in small letters; empty where there is none."""
    try:
        return mailbox(from_address or "").domain.lower()
    except BadAddress:
        return ""


def ascii_address(address: str) -> str:
    """Give an address in the form that goes over the wire.

    Raises:
        BadAddress: it has no such form.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        msg = "an address is written name@domain"
        raise BadAddress(msg)
    if not local.isascii():
        msg = "the part before the @ has letters beyond ASCII, which few servers take; ask for another address"
        raise BadAddress(msg)
    if len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        msg = "the part before the @ is not one that RFC 5321 allows"
        raise BadAddress(msg)
    if "=?" in local:
        # RFC 5321 lets it be, and there are readers of mail that decode it, line ends included.
        msg = "the part before the @ looks like an encoded word"
        raise BadAddress(msg)
    return f"{local}@{_ascii_domain(domain)}"


def _ascii_domain(domain: str) -> str:
    labels = [_ascii_label(label) for label in domain.split(".")]
    joined = ".".join(labels)
    if len(labels) == 1 or len(joined) > _LONGEST_DOMAIN:
        msg = "the domain needs a dot in it, and no more than 253 characters"
        raise BadAddress(msg)
    return joined


def _ascii_label(label: str) -> str:
    """Give one label as it is, or as the punycode of its compatible lower-case form (IDNA 2008, UTS 46 mapping)."""
    if not label.isascii():
        mapped = unicodedata.normalize("NFKC", label.lower()).lower()
        if not all(c == "-" or unicodedata.category(c) in _LABEL_CATEGORIES for c in mapped):
            msg = "the domain holds characters that no domain name may have"
            raise BadAddress(msg)
        label = mapped if mapped.isascii() else "xn--" + mapped.encode("punycode").decode("ascii")
    if not _LABEL.fullmatch(label):
        msg = "the domain has a part that is no domain name"
        raise BadAddress(msg)
    return label
