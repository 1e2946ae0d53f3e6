"""A busy shop: twenty flows of all kinds over its people, and what they do all day long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tamshy.publish import load_rulebook, publish
from tamshy.render.compile import compile_message
from tamshy.site.bench.shop import BEGINNING, NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SETTINGS: Final = """\
name: Busy
locale: en
timezone: Asia/Almaty
currency: KZT
url: https://bench.example
from: Busy <hello@bench.example>
topics:
  offers: {name: Offers, default: opt_in}
quiet_hours: {from: "03:00", to: "03:30"}
caps:
  - {messages: 5, per: 1d}
  - {messages: 20, per: 30d}
"""
_LETTER: Final = (
    "kind: {kind}\n{topic}subject: {{en: \"{{{{ profile.first_name | default: 'Hello' }}}}, about {name}\"}}\n"
)
_TEXT: Final = "Dear {{ profile.first_name | default: 'guest' }},\n\n[your shop](https://bench.example/%s) has news.\n"

# Four manners of a flow, each for five occasions: twenty flows.
_OCCASIONS: Final = (
    ("Product Viewed", ""),
    ("Page Viewed", ""),
    ("Product Added", "per: event.cart_id\n"),
    ("Checkout Started", "per: event.cart_id\n"),
    ("Order Completed", "per: event.order_id\n"),
)
_MANNERS: Final = {
    # a mail at once: for each order its receipt, for two of a hundred others a note
    "receipt": """\
name: Receipt NUMBER
trigger: {event: EVENT, where: {event.value: {gte: WORTH}}}
PERreentry: always
steps: [{send: receipt}]
""",
    "reminder": """\
name: Reminder NUMBER
trigger: {event: EVENT}
audience: {did: EVENT, within: 7d, count: {gte: 2}}
PERreentry: {after: 1h}
exit_on: {event: Order Completed}
conversion: {event: Order Completed, within: 5d}
steps:
  - wait: 20s
  - send: reminder
    if: {did_not: Order Completed, within: 1d}
  - wait: 30d
""",
    "waiter": """\
name: Waiter NUMBER
trigger: {event: EVENT, where: {event.category: tea}}
PERreentry: {after: 10m}
steps:
  - wait_for:
      event: Order Completed
      at_most: 1m
      then: [{set: {profile.bought: true}}]
      else: [{send: question}]
""",
    "watcher": """\
name: Watcher NUMBER
trigger: {event: EVENT}
audience:
  all:
    - profile.visits: {gte: 10}
    - {did: Order Completed, within: 90d, count: {gte: 2}}
PERreentry: {after: 1d}
steps:
  - branch:
      - if: {did: Product Viewed, within: 30d, count: {gte: 3}}
        steps: [{send: reminder}]
      - else: [{wait: 1h}, {send: question}]
""",
}


class Day(NamedTuple):
    """What people do: so many calls, one after another, again and again.

    ``known``: of so many calls one is by somebody whose address is known, as are orders and ``identify``; the others are by
    visitors with two calls each. ``watched``: of so many requests one is watched, for its first order if it has any.
    """

    calls: tuple[str, ...]
    known: int
    watched: int

    def what(self, number: int) -> str:
        """Give the event of a call, or `identify`."""
        return self.calls[number % len(self.calls)]

    def is_order(self, number: int) -> bool:
        """Tell whether the call of a number is an order, which a receipt answers at once."""
        return self.what(number) == _ORDER

    def who(self, number: int, knowing: int) -> dict[str, object]:
        """Give whose call it is, in Segment's words; `knowing`: so many people there are whose address is known."""
        if number % self.known == 0 or self.what(number) in {_ORDER, "identify"}:
            return {"userId": person(number, knowing)}
        block, place = divmod(number, _BETWEEN * 2)
        return {"anonymousId": f"v{block}-{place % _BETWEEN}"}


_BETWEEN: Final = 5000
"""Calls between the two of a visitor whom nobody knows."""
_ORDER: Final = "Order Completed"


def _clickstream() -> Iterator[str]:
    for place in range(1000):
        if place % 125 == 124:  # noqa: PLR2004 - 8 of a thousand, and so on
            yield _ORDER
        elif place % 40 == 38:  # noqa: PLR2004
            yield "Product Added"
        elif place % 83 == 41:  # noqa: PLR2004
            yield "Checkout Started"
        elif place % 100 == 50:  # noqa: PLR2004
            yield "identify"
        else:
            yield "Page Viewed" if place % 4 == 1 else "Product Viewed"


USUAL: Final = Day(tuple(_clickstream()), known=5, watched=1)
"""Of a thousand calls 8 are orders and 25 put something into a cart, as of the 2,756,101 events of a shop that Retailrocket has
published (0.8 % and 2.5 %; two a visitor); 11 begin a check-out, 10 say who somebody is."""
RUSH: Final = Day(
    (
        *("Product Viewed",) * 9,
        *("Page Viewed",) * 3,
        *("Product Added",) * 3,
        "identify",
        *("Checkout Started",) * 2,
        *(_ORDER,) * 2,
    ),
    known=1,
    watched=5,
)
"""As no shop has it: every tenth call is an order, and everybody is known and may be mailed."""
_CART: Final = 20
"""Calls that are about one cart."""
_LEAST: Final = 60
"""Every order is worth that."""
_RARE: Final = 98
"""Two of a hundred others are worth that: a shop that wrote to every other visitor at once would have none."""
RECEIPT: Final = "receipt-5"
"""The flow that answers each order at once."""


def files() -> dict[str, str]:
    """Give the shop's folder: paths and texts."""
    found = {"tamshy.yaml": _SETTINGS}
    for name, kind, topic in (
        ("receipt", "transactional", ""),
        ("reminder", "marketing", "topic: offers\n"),
        ("question", "marketing", "topic: offers\n"),
    ):
        found[f"messages/{name}/message.yaml"] = _LETTER.format(kind=kind, topic=topic, name=name)
        found[f"messages/{name}/en.md"] = _TEXT % name
    for manner, text in _MANNERS.items():
        for number, (event, per) in enumerate(_OCCASIONS, start=1):
            worth = _LEAST if number == len(_OCCASIONS) else _RARE
            filled = text.replace("EVENT", event).replace("NUMBER", str(number)).replace("PER", per)
            filled = filled.replace("WORTH", str(worth))
            found[f"flows/{manner}-{number}.yaml"] = filled
    return found


def open_shop(conn: Connection) -> Rulebook:
    """Publish it in place of the ground's own flows; gives its rules. Commits."""
    publish(conn, NAME, files(), at=BEGINNING, compile_message=compile_message)
    book = load_rulebook(conn, NAME)
    conn.commit()
    return book


def calls(first: int, count: int, knowing: int, day: Day = RUSH) -> Iterator[dict[str, object]]:
    """Give what people p1 to pN and visitors call, in Segment's words: so many calls from a number on, none twice.

    Args:
        first: number of the first; its message id is `busy-NUMBER`.
        count: how many.
        knowing: so many people there are whose address is known.
        day: what they do.
    """
    for number in range(first, first + count):
        what = day.what(number)
        said: dict[str, object] = {
            "messageId": f"busy-{number}",
            **day.who(number, knowing),
            "context": {"library": {"name": "bench"}, "page": {"url": "https://bench.example/p/1"}},
        }
        if what == "identify":
            yield said | {"type": "identify", "traits": {"visits": number % 50, "city": "Almaty"}}
        elif what == "Page Viewed":
            yield said | {"type": "page", "name": "Tea", "properties": _properties(number, what)}
        else:
            yield said | {"type": "track", "event": what, "properties": _properties(number, what)}


def person(number: int, knowing: int) -> str:
    """Give the user id of whom a call is."""
    return f"p{1 + number * 7919 % knowing}"


def _properties(number: int, what: str) -> dict[str, object]:
    return {
        "value": _LEAST + number % 40 if what == _ORDER else number % 100,
        "cart_id": f"c{number // _CART}",
        "order_id": f"o{number}",
        "product_id": f"sku-{number % 97}",
        "category": "tea" if number % 3 == 0 else "bowls",
    }
