"""`python -m tests.prove.mails FIRST COUNT`: so many odd mails over the wire of somebody else's server, each judged.

A die makes them, not hypothesis: a hundred thousand are to be made, and what they are made of is a list of what has been trouble.
Prints how many were good, how many bytes they had together, and the first that were not.
"""

from __future__ import annotations

import json
import random
import sys
from typing import TYPE_CHECKING, Final

from tests.engine.test_deliver_wire import check, mail, over_the_wire

from tamshy.deliver import Outcome, build

if TYPE_CHECKING:
    from tamshy.deliver import Mail

# Letters by where they come from; each text is made of one or two of these.
ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 ",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя ңғүұқөһі ",
    "你好世界折扣購物車 ",
    "سلام خصم שלום \u200f\u202e\u2066\u2069",
    "😀🛒👩\u200d👧🇰🇿\U0001f9ff",
    "".join(map(chr, range(0x20))) + "\x7f",
    "".join(map(chr, range(0x80, 0xA0))) + "\u2028\u2029\ufeff\u200b\u00ad",
    "\ud800\udbff\udc00\udfff\ufffe\uffff",
    '=?_"<>@,;:\\()[]. ',
    "\u0300\u0301\u0323a",
    "\r\n\t .",
)
# Pieces that have broken mails before.
PIECES: Final = (
    *("\r\n.\r\n", "\n.\n", "\r\n..\r\n", ".", "\r", "\n", "\r\n\r\n", "\r\nBcc: x@y.example\r\n", "\r\n.\r\nQUIT\r\n"),
    *(
        "=?utf-8?q?=0D=0A?=",
        "=?utf-8?b?",
        "=",
        "=\r\n",
        "=0D=0A",
        "From x",
        "\nFrom x\n",
        " \r\n",
        "\t\r\n",
        "--=_",
        "QUIT\r\n",
    ),
    *(" " * 80, "a" * 997, "a" * 998, "a" * 2000, "ң" * 500, "😀" * 300, "\x00", "\u2028", "\x85", "\x0b\x0c"),
    *('<p style="x">', "</html>", "{{ x }}", "&nbsp;"),
)


def drawn(dice: random.Random, longest: int) -> str:
    """Give a text of at most about so many letters; every third holds a piece that has been trouble."""
    alphabet = "".join(dice.sample(ALPHABETS, dice.randint(1, 2)))
    text = "".join(dice.choices(alphabet, k=dice.randrange(longest)))
    for _ in range(dice.choice((0, 0, 1, 3))):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(PIECES) + text[at:]
    return text


def made(number: int) -> Mail:
    """Give the mail of a number: the same each time."""
    dice = random.Random(number)  # noqa: S311 - cases, no secrets
    name = drawn(dice, 60).replace("<", "").replace(">", "")
    body = 2000 if number % 50 == 0 else 200
    return mail(number, drawn(dice, 120), name, drawn(dice, body), drawn(dice, body), dice.random() < 0.5)


def main(first: int, count: int) -> None:
    """Build, judge and hand over these mails."""
    good, size, bad = 0, 0, []
    with over_the_wire() as (kept, sender):
        for number in range(first, first + count):
            one = made(number)
            raw = build(one)
            size += len(raw)
            try:
                check(raw, marketing=one.unsubscribe_url is not None)
                assert sender.hand_over(one, lambda: True).outcome is Outcome.ACCEPTED
                assert kept.taken == [raw]
                good += 1
            except AssertionError as exc:
                bad.append([number, str(exc)[:200]])
            kept.taken.clear()
    print(json.dumps({"good": good, "bytes": size, "bad": bad[:5]}))  # noqa: T201 - what the other side reads


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
