"""The few questions to the DNS that `doctor` asks: texts and mail servers of a name. Nothing is kept."""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path
from typing import Final

_TYPES: Final = {"TXT": 16, "MX": 15, "A": 1}
_IN: Final = 1
_WANTED: Final = 0x0100
_NO_SUCH: Final = 3
_CUT: Final = 0x0200
_POINTER: Final = 0xC0
_MOST_JUMPS: Final = 64
_TIMEOUT_S: Final = 3.0
_TRIES: Final = 2
_RESOLV: Final = Path("/etc/resolv.conf")


class NoAnswer(OSError):
    """The name server did not answer, or with something that is no answer."""


def name_server(given: str = "") -> tuple[str, int]:
    """Give the name server to ask: the one given as `HOST` or `HOST:PORT`, else the system's first."""
    if given:
        host, _, port = given.rpartition(":") if given.count(":") == 1 else (given, "", "")
        return host, int(port or 53)
    try:
        lines = _RESOLV.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            return words[1], 53
    return "127.0.0.1", 53


def texts(name: str, server: tuple[str, int]) -> list[str]:
    """Give the TXT records of a name, each put together; none where there are none.

    Raises:
        NoAnswer: the name server did not answer.
    """
    found = []
    for data in _ask(name, "TXT", server):
        parts, place = [], 0
        while place < len(data):
            length = data[place]
            parts.append(data[place + 1 : place + 1 + length])
            place += 1 + length
        found.append(b"".join(parts).decode("utf-8", "replace"))
    return found


def takes_mail(name: str, server: tuple[str, int]) -> bool:
    """Tell whether mail to this domain has somewhere to go: a mail server, or at least an address.

    Raises:
        NoAnswer: the name server did not answer.
    """
    return bool(_ask(name, "MX", server) or _ask(name, "A", server))


def _ask(name: str, kind: str, server: tuple[str, int]) -> list[bytes]:
    number = secrets.randbelow(0x10000)
    question = _encoded(name) + struct.pack("!HH", _TYPES[kind], _IN)
    query = struct.pack("!HHHHHH", number, _WANTED, 1, 0, 0, 0) + question
    answer = _over_udp(query, number, server)
    if struct.unpack_from("!H", answer, 2)[0] & _CUT:
        answer = _over_tcp(query, number, server)
    try:
        return _records(answer, _TYPES[kind])
    except (IndexError, struct.error) as exc:
        raise NoAnswer(f"{server[0]} answered with something that is no answer") from exc


def _over_udp(query: bytes, number: int, server: tuple[str, int]) -> bytes:
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as link:
        link.settimeout(_TIMEOUT_S)
        for _ in range(_TRIES):
            try:
                link.sendto(query, server)
                answer, sender = link.recvfrom(4096)
            except TimeoutError:
                continue
            except OSError as exc:
                raise NoAnswer(f"{server[0]}: {exc.strerror or exc}") from exc
            if sender[:2] == server[:2] and len(answer) > len(query) - 1 and answer[:2] == struct.pack("!H", number):
                return answer
    raise NoAnswer(f"{server[0]} does not answer")


def _over_tcp(query: bytes, number: int, server: tuple[str, int]) -> bytes:
    try:
        with socket.create_connection(server, timeout=_TIMEOUT_S) as link, link.makefile("rb") as file:
            link.sendall(struct.pack("!H", len(query)) + query)
            (length,) = struct.unpack("!H", file.read(2))
            answer = file.read(length)
    except (OSError, struct.error) as exc:
        raise NoAnswer(f"{server[0]} does not answer") from exc
    if answer[:2] != struct.pack("!H", number):
        raise NoAnswer(f"{server[0]} answered something else")
    return answer


def _encoded(name: str) -> bytes:
    labels = [
        label.encode("idna") if not label.startswith("_") else label.encode() for label in name.rstrip(".").split(".")
    ]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _records(answer: bytes, kind: int) -> list[bytes]:
    """Give the data of an answer's records of one kind, in whatever order they came."""
    _, flags, questions, answers, _, _ = struct.unpack_from("!HHHHHH", answer)
    code = flags & 0xF
    if code == _NO_SUCH:
        return []
    if code:
        raise NoAnswer(f"the name server refuses, with code {code}")
    place = 12
    for _ in range(questions):
        place = _behind(answer, place) + 4
    found = []
    for _ in range(answers):
        place = _behind(answer, place)
        type_, _, _, length = struct.unpack_from("!HHIH", answer, place)
        place += 10
        if type_ == kind:
            found.append(answer[place : place + length])
        place += length
    return sorted(found)


def _behind(answer: bytes, place: int) -> int:
    """Give the place behind a name."""
    for _ in range(_MOST_JUMPS):
        length = answer[place]
        if length >= _POINTER:
            return place + 2
        place += 1 + length
        if length == 0:
            return place
    raise IndexError(place)
