"""A mail as bytes: text and HTML as alternatives, the same bytes for the same message at every try.

Written by hand because `email.message` takes 4 to 6 ms a mail of 30 kB, forty times as long as this; the library is the
judge in the tests (docs/adr/0031). CR LF only, ASCII only, lines of at most 78 characters but for an address or a link
that is longer by itself.
"""

from __future__ import annotations

import binascii
import re
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tamshy.deliver.addresses import Mailbox, ascii_address, mailbox

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.deliver.sender import Mail

_LINE: Final = 78
_ENCODED_WORD: Final = 75
_WORD_FRAME: Final = len("=?utf-8?B??=")
# C0, DEL, C1, the two line ends of Unicode, and lone surrogates: nothing of these may stand in a header.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NOT_IN_BODY: Final = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r")
_BEYOND_ASCII: Final = bytes(range(0x80, 0x100))
_PLAIN_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LONGEST_QUOTED: Final = 50
_BASE64_LINE: Final = 57
# Quoted-printable writes three bytes for one that is not ASCII; from a sixth of the text on, base64 is the shorter.
_FEW: Final = 6


def message_id(mail: Mail, sender: Mailbox) -> str:
    """Give the Message-ID without its brackets: the message's own id at the sender's domain."""
    return f"{mail.message.hex}@{sender.domain}"


def build(mail: Mail) -> bytes:
    """Write a mail as it goes behind DATA, before dots are doubled.

    Raises:
        BadAddress: one of its addresses cannot be written.
    """
    sender = mailbox(mail.from_address)
    boundary = f"=_{mail.message.hex}"
    head = [
        address_header("From", sender),
        address_header("To", Mailbox("", ascii_address(mail.to_address))),
        text_header("Subject", mail.subject),
        f"Date: {_date(mail.decided_at.isoformat(), mail.decided_at)}",
        f"Message-ID: <{message_id(mail, sender)}>",
    ]
    if mail.reply_to:
        head.append(address_header("Reply-To", mailbox(mail.reply_to)))
    head += _list_headers(mail)
    head += ["MIME-Version: 1.0", f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"']
    frame = f"\r\n--{boundary}\r\n".encode()
    return b"".join(
        (
            "\r\n".join(head).encode("ascii"),
            b"\r\n",
            frame,
            _part("plain", mail.plain),
            frame,
            _part("html", mail.html),
            f"\r\n--{boundary}--\r\n".encode(),
        ),
    )


@lru_cache(maxsize=1024)
def _date(_key: str, moment: datetime) -> str:
    """Write a moment as RFC 5322 has it; what is decided together has the same.

    The key is its text: moments of two zones are equal where they are one instant.
    """
    return format_datetime(moment)


def text_header(name: str, value: str) -> str:
    """Write a header of free text, such as the subject: as it is where it is plain and short, else in encoded words."""
    text = _one_line(value)
    if text.isascii() and "=?" not in text and len(name) + 2 + len(text) <= _LINE:
        return f"{name}: {text}"
    return f"{name}: {_encoded(text, len(name) + 2)}"


def address_header(name: str, box: Mailbox) -> str:
    """Write a header of one address with its display name."""
    label = _one_line(box.name)
    if not label:
        return _joined(f"{name}:", box.address)
    if label.isascii() and "=?" not in label and len(label) <= _LONGEST_QUOTED:
        quoted = label.replace("\\", "\\\\").replace('"', '\\"')
        phrase = label if _PLAIN_PHRASE.fullmatch(label) else f'"{quoted}"'
    else:
        phrase = _encoded(label, len(name) + 2)
    return _joined(f"{name}: {phrase}", f"<{box.address}>")


def _list_headers(mail: Mail) -> list[str]:
    """RFC 8058: both headers, or neither; and Feedback-ID, by which mailbox providers group complaints."""
    head = []
    if mail.unsubscribe_url:
        ways = [f"<{_uri(mail.unsubscribe_url)}>"]
        if mail.unsubscribe_mailbox:
            box = mailbox(mail.unsubscribe_mailbox)
            ways.append(f"<mailto:{_uri(box.address)}?subject=unsubscribe%20{mail.message.hex}>")
        head += [_joined("List-Unsubscribe:", ",\r\n ".join(ways)), "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
    if mail.feedback_id:
        head.append(text_header("Feedback-ID", mail.feedback_id))
    return head


def _joined(start: str, rest: str) -> str:
    """Put the rest behind the start, on a line of its own where the two do not fit on one."""
    last, first = start.rpartition("\n")[2], rest.partition("\r")[0]
    return f"{start} {rest}" if len(last) + 1 + len(first) <= _LINE else f"{start}\r\n {rest}"


def _one_line(value: str) -> str:
    """Make a text fit for a header: what cannot be printed becomes a blank, and blanks at the ends go."""
    return " ".join(_UNPRINTABLE.sub(" ", value).split(" ")).strip()


def _uri(value: str) -> str:
    """Keep a URI from ending its brackets or its line, whatever it was made of."""
    return re.sub(
        r"[^!-;=?-~]", lambda odd: "".join(f"%{byte:02X}" for byte in odd[0].encode("utf-8", "replace")), value
    )


def _encoded(text: str, used: int) -> str:
    """Write text in encoded words (RFC 2047) that end between characters, the first after `used` places of its line."""
    words, piece = [], b""
    room = _bytes_in(min(_ENCODED_WORD, _LINE - used))
    for char in text:
        raw = char.encode()
        if len(piece) + len(raw) > room:
            words.append(piece)
            piece, room = b"", _bytes_in(_ENCODED_WORD)
        piece += raw
    words.append(piece)
    return "\r\n ".join(f"=?utf-8?B?{binascii.b2a_base64(w, newline=False).decode()}?=" for w in words)


def _bytes_in(places: int) -> int:
    return (places - _WORD_FRAME) // 4 * 3


def _part(subtype: str, text: str | bytes) -> bytes:
    """Write one body: quoted-printable where most of it is ASCII, else base64."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "ignore")
    body = raw.translate(None, _NOT_IN_BODY)
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if body.isascii() or (len(body) - len(body.translate(None, _BEYOND_ASCII))) * _FEW < len(body):
        encoding, coded = "quoted-printable", binascii.b2a_qp(body, istext=True).replace(b"\n", b"\r\n")
    else:
        encoding, coded = "base64", _base64(body.replace(b"\n", b"\r\n"))
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + coded


def _base64(body: bytes) -> bytes:
    lines = (body[at : at + _BASE64_LINE] for at in range(0, len(body), _BASE64_LINE))
    return b"\r\n".join(binascii.b2a_base64(line, newline=False) for line in lines)
