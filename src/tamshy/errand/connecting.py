"""Connections to the public internet and nowhere else: what a name was resolved to, once, is what is connected to."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from tamshy.domain.reach import public_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.domain.reach import Address

_MOST_ADDRESSES: Final = 4
"""Addresses of a host that are tried, one after the other."""


class Refused(Exception):
    """The address must not be connected to; the text says why."""


def resolve(host: str, port: int) -> list[str]:
    """Give the addresses of a host, as the system's resolver knows them. Raises OSError, UnicodeError where there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far calls reach.

    ``resolver``: from a host and a port to its addresses. ``permitted``: which of them may be connected to; the public ones, but
    where a test has a server of its own. ``context``: TLS.
    """

    resolver: Callable[[str, int], list[str]] = resolve
    permitted: Callable[[Address], bool] = public_address
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def connect(self, host: str, port: int, timeout: float, *, tls: bool) -> socket.socket:
        """Open a connection to a host.

        One answer that is not public refuses them all: a name that leads inside as well is not to be trusted with either. The
        address that was looked at is the one that is connected to, so that a second answer of the name changes nothing.

        Args:
            host: a name or an address, without brackets.
            port: the port.
            timeout: seconds for connecting and the handshake together, however many addresses there are; what is left of them is
                the timeout of the connection that is given back.
            tls: whether to speak TLS, to the name.

        Raises:
            Refused: an address is not public.
            OSError: there is no such host, or nobody answers.
        """
        try:
            addresses = self.resolver(host, port)
        except UnicodeError as error:
            raise Refused(f"{host[:80]} is not the name of a host") from error
        for text in addresses:
            self._look_at(text)
        last: OSError = OSError(f"{host} has no address")
        end = time.monotonic() + timeout
        for text in addresses[:_MOST_ADDRESSES]:
            try:
                link = socket.create_connection((text, port), _left(end))
            except OSError as error:
                last = error
                continue
            try:
                # What is behind a proxy of the network's own, or a translator, shows here at the latest.
                self._look_at(str(link.getpeername()[0]))
                link.settimeout(_left(end))
                opened = self.context.wrap_socket(link, server_hostname=host) if tls else link
                opened.settimeout(_left(end))
            except BaseException:
                link.close()
                raise
            return opened
        raise last

    def _look_at(self, text: str) -> None:
        try:
            address = ip_address(text)
        except ValueError as error:
            raise Refused("the host's address cannot be read") from error
        if not self.permitted(address):
            raise Refused(f"{address} is not on the public internet")


def _left(end: float) -> float:
    """How many seconds are left. Raises TimeoutError where there are none."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("no connection within the timeout")
    return left
