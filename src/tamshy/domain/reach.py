"""Which addresses lie on the public internet: the only ones that a program may be sent to by somebody else's word."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

_TRANSLATED: Final = tuple(
    (IPv6Network(network), shift)
    for network, shift in (
        ("64:ff9b::/96", 0),  # NAT64 (RFC 6052): the IPv4 address in its last 32 bits
        ("64:ff9b:1::/48", 0),  # NAT64 within one network (RFC 8215)
        ("2002::/16", 80),  # 6to4 (RFC 3056)
        ("::/96", 0),  # IPv4-compatible, given up long ago
        ("::ffff:0:0:0/96", 0),  # IPv4-translated (RFC 2765)
    )
)
_NEVER: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # of the IETF: Teredo among it, where what is inside is another host's word
            "fec0::/10",  # site-local
            "5f00::/16",  # segment routing
            "3fff::/20",  # documentation
        ),
    )
)
_NEVER_4: Final = (
    IPv4Network("192.0.0.0/24"),  # of the IETF; clouds have metadata there
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, given up
)
_WORD: Final = 0xFFFFFFFF


def public_address(address: Address) -> bool:
    """Whether an address is one of the public internet, also by way of what an IPv6 address holds of IPv4.

    By what IANA's registries say of special purposes, as Python knows them, and what Python 3.11 takes for public beyond
    that: multicast, addresses translated to IPv4, tunnels, and a scope (``fe80::1%eth0``).
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        inner = _inner(address)
        if inner is not None:
            # A local translator leads wherever the inner address says; what is not public there is not public here.
            return public_address(inner) and (address.ipv4_mapped is not None or address in _TRANSLATED[0][0])
        if any(address in network for network in _NEVER):
            return False
    elif any(address in network for network in _NEVER_4):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, shift in _TRANSLATED:
        if address in network:
            return IPv4Address((int(address) >> shift) & _WORD)
    return None


def literal_address(host: str) -> Address | None:
    """The address that a host is written as (``127.0.0.1``, ``::1``, without brackets); None for a name.

    Old ways of writing (``2130706433``, ``0x7f.1``, ``127.1``) are the resolver's to read, and what it makes of them is looked
    at like any other answer.
    """
    try:
        return ip_address(host)
    except ValueError:
        return None
