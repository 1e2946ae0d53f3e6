"""A made-up shop to measure with: its rules, its one letter of about 30 kB, and whoever waits in its flows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook

NAME: Final = "bench"
BEGINNING: Final = datetime(2025, 1, 1, tzinfo=UTC)
NOON: Final = datetime(2026, 3, 4, 7, tzinfo=UTC)
"""When everything is due: noon in the shop's zone, outside of its quiet hours."""
SQL: Final = sqlkit.queries(__package__, "bench.sql")

_SETTINGS: Final = """\
name: Bench
locale: en
timezone: Asia/Almaty
currency: KZT
url: https://bench.example
from: Bench <hello@bench.example>
topics:
  offers: {name: Offers, default: opt_in}
quiet_hours: {from: "21:00", to: "09:00"}
caps:
  - {messages: 2, per: 1d}
  - {messages: 9, per: 30d}
"""
# Two steps to be measured apart: a wait that is over, and a branch on behaviour that leads to another wait.
_WAITING: Final = """\
name: Waiting
trigger: {event: Checkout Started}
steps:
  - wait: 1d
  - branch:
      - if: {did: Product Viewed, within: 60d, count: {gte: 2}}
        steps: [{wait: 30d}]
      - else: [{wait: 31d}]
"""
_DECIDING: Final = """\
name: Deciding
trigger: {event: Order Completed}
steps:
  - send: letter
    expires: 2d
    if: {did_not: Order Completed, since: entry}
  - wait: 30d
"""
_LETTER: Final = """\
kind: marketing
topic: offers
subject: {en: "{{ profile.first_name | default: 'Hello' }}, your basket is still here"}
preheader: {en: "We have kept everything for you."}
utm: {campaign: basket}
"""
_PARAGRAPH: Final = (
    '<tr><td style="padding: 0 0 16px; font-size: 16px; line-height: 24px; color: #14212B;">What you chose, {{ '
    "profile.first_name | default: 'dear guest' }}, is still yours: it comes from workshops in {{ profile.city }}, is "
    'wrapped by hand, and <a href="https://bench.example/made/%d?from=letter" style="color: #0F766E;">this is how it '
    "is made</a>. Whoever gives it a place at home keeps it for longer than any of us will be there to tell of it, and "
    "that is what we would like it to be. Delivery within the city takes a day, elsewhere four.</td></tr>"
)
_PRODUCT: Final = """
{% for item in event.products %}<tr><td style="padding: 0 0 16px;"><a href="{{ item.url }}"><img src="{{ item.image_url }}"
width="96" height="96" alt="{{ item.name }}" style="display: block; border: 0; border-radius: 8px;" /></a>
<strong>{{ item.name }}</strong> {{ item.price | money }}{% if item.quantity > 1 %} × {{ item.quantity }}{% endif %}</td></tr>
{% endfor %}"""


def files() -> dict[str, str]:
    """Give the shop's folder: paths and texts."""
    rows = "\n".join(_PARAGRAPH % number for number in range(44))
    page = f"<!doctype html><html><body><table>{_PRODUCT}{rows}</table></body></html>"
    return {
        "tamshy.yaml": _SETTINGS,
        "flows/waiting.yaml": _WAITING,
        "flows/deciding.yaml": _DECIDING,
        "messages/letter/message.yaml": _LETTER,
        "messages/letter/en.html": page,
    }


def event_properties(number: int) -> dict[str, object]:
    """Give the properties of a checkout: four products, as shops send them."""
    products = [
        {
            "product_id": f"sku-{number % 97}-{place}",
            "name": f"Bowl No. {place} <blue>",
            "price": 1200 + 350 * place,
            "quantity": 1 + place % 2,
            "url": f"https://bench.example/p/{number % 97}-{place}",
            "image_url": f"https://bench.example/i/{number % 97}-{place}.jpg",
        }
        for place in range(4)
    ]
    return {"cart_id": f"c{number}", "value": 6900.5, "currency": "KZT", "products": products}


def call(number: int, place: int, knowing: int, at: datetime, name: str = "Product Added") -> dict[str, object]:
    """Give a call as Segment's libraries send it, about 480 bytes as JSON: in the round of that number, at a place in it.

    Args:
        number: of the round; no two rounds have message ids in common.
        place: of the call; it says whose it is.
        knowing: so many people are known.
        at: its own time.
        name: of the event.
    """
    properties = event_properties(place)
    properties["products"] = properties["products"][:1]  # type: ignore[index]  # a list, as made above
    return {
        "type": "track",
        "messageId": f"m-{number}-{place}",
        "userId": f"p{1 + (place * 7919 + number) % knowing}",
        "event": name,
        "timestamp": at.isoformat(),
        "properties": properties,
        "context": {"library": {"name": "bench"}, "page": {"url": "https://bench.example/p/1"}},
    }


def people(conn: sqlkit.Connection, book: Rulebook, last: int, past: int, first: int = 1) -> None:
    """Fill in profiles with their identifiers, and so many events of each in the last 90 days; commits."""
    given = _span(book, first, last) | {"past": past}
    for name in ("fill_profiles", "fill_identifiers", "fill_events"):
        conn.execute(SQL[name], given)
    conn.commit()


def enrolled(conn: sqlkit.Connection, book: Rulebook, flow: str, first: int, last: int, every: int) -> None:
    """Let profiles wait in a flow; of so many one is due (0: none), the others in a year; commits."""
    (version,) = (running.version for running in book.flows if running.name == flow)
    given = _span(book, first, last) | {"flow": flow, "version": version, "every": every}
    for name in ("fill_entries", "fill_enrollments"):
        conn.execute(SQL[name], given)
    conn.commit()


def _span(book: Rulebook, first: int, last: int) -> dict[str, object]:
    return {
        "workspace": book.workspace,
        "name": NAME,
        "first_bucket": book.first_bucket,
        "span": book.buckets,
        "first": first,
        "last": last,
        "noon": NOON,
    }
