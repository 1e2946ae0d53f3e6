"""Where a request comes from, as far as the network tells."""

from __future__ import annotations

import ipaddress


def seen_from(remote: str, forwarded: str) -> str:
    """Give the address of the browser behind a request.

    What stands in front of this server says it in `X-Forwarded-For`, last. That is believed where the connection itself comes
    from a network of one's own; whoever comes from outside could write anything there.

    Args:
        remote: the other end of the connection.
        forwarded: the header, empty where there is none.
    """
    last = forwarded.rpartition(",")[2].strip()
    return last if last and _of_our_own(remote) and _parsed(last) is not None else remote


def network_of(address: str) -> str:
    """Give what is counted as one place: an address, or a network of IPv6: whoever has one address of that has all of them."""
    found = _parsed(address)
    if found is None or found.version == 4:  # noqa: PLR2004 - the protocol's number
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))


def _of_our_own(address: str) -> bool:
    found = _parsed(address)
    return found is not None and (found.is_private or found.is_loopback)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
