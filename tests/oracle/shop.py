"""The workspaces the generated histories are played through: realistic flows and nasty ones.

Between them they use every form in scope. ``VARIETIES`` differ in zone, night, caps, holdout and
in what identifiers merge on; the flows and messages are the same in all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.oracle.pieces import BODIES, DONE, PIECES

if TYPE_CHECKING:
    from pathlib import Path

VARIETIES: tuple[str, ...] = (
    # 0: everything at once
    """\
name: Steppe
locale: en
timezone: Asia/Almaty
currency: KZT
url: https://steppe.example
from: Steppe <hello@steppe.example>
topics: {offers: {name: Offers, default: opt_in}, news: {name: News, default: opt_out}, gossip: {name: Gossip}}
quiet_hours: {from: "21:00", to: "09:00"}
caps: [{messages: 1, per: 6h}, {messages: 4, per: 7d}]
holdout: 0%
identities: {merge_on: [user_id, email]}
""",
    # 1: a workspace-wide holdout, a night by the minute, no caps
    """\
name: Hafen
locale: en
timezone: Europe/Berlin
currency: EUR
url: https://hafen.example
from: Hafen <hello@hafen.example>
topics: {offers: {name: Offers, default: opt_out}, news: {name: News}, gossip: {name: Gossip}}
quiet_hours: {from: "22:30", to: "07:15"}
holdout: 10%
identities: {merge_on: [user_id]}
""",
    # 2: caps by the calendar, no night
    """\
name: Harbor
locale: en
timezone: America/New_York
currency: USD
url: https://harbor.example
from: Harbor <hello@harbor.example>
topics: {offers: {name: Offers, default: opt_out}, news: {name: News}, gossip: {name: Gossip}}
caps: [{messages: 1, per: 1d}, {messages: 3, per: 1w}]
""",
)

FLOWS: dict[str, str] = {
    "welcome": """\
name: Welcome
trigger: {event: Newsletter Signed Up}
audience: {profile.email: {exists: true}}
conversion: {event: Order Completed, within: 14d}
steps:
  - subscribe: news
  - send: welcome
  - wait: {until: "10:00", on: [tue, thu], zone: profile}
  - send: welcome-second
    if: {subscribed: news}
  - wait_for:
      any: [{event: Order Completed}, {event: Product Added, where: {event.value: {gte: 10}}}]
      at_most: 3d
      then: [{exit: active}]
      else: [{send: welcome-third, expires: 12h}]
""",
    "abandoned-cart": """\
name: Abandoned cart
trigger:
  event: Checkout Started
  where: {event.value: {gte: 20}}
per: event.cart_id
audience: {did_not: Order Completed, within: 1d, same: event.cart_id}
reentry: {after: 7d}
exit_on: {event: Order Completed, same: event.cart_id}
conversion: {event: Order Completed, within: 5d}
holdout: 10%
priority: 50
steps:
  - wait: 2h
  - send: cart-reminder
  - wait: 22h
  - branch:
      - if: {clicked: cart-reminder}
        steps: [{send: cart-help}]
      - if: {event.value: {gte: 100}}
        steps: [{send: cart-discount, expires: 2d}]
      - else: [{exit: too-small}]
  - wait: 1d12h
  - send: cart-reminder
    id: cart-last-call
    if: {not: {opened: cart-reminder, count: {gte: 2}}}
""",
    "browse-reminder": """\
name: Browsed and left
trigger: {event: Product Viewed, where: {event.price: {gt: 15, lte: 90}}}
audience:
  all:
    - profile.email: {exists: true}
    - {did_not: Checkout Started, within: 1d}
    - {did: Product Viewed, within: 3d, count: {gte: 2}}
reentry: {after: 2d}
exit_on: [{event: Checkout Started}, {event: Order Completed, where: {event.value: {gt: 0}}}]
priority: -5
steps:
  - wait: 4h
  - send: browse
    expires: 9h
""",
    "after-purchase": """\
name: Thanks and delivery
trigger: {event: Order Completed}
per: event.order_id
reentry: always
priority: 20
steps:
  - send: receipt
  - set: {profile.last_order_value: "{{ event.value }}", profile.greeting: "order {{ event.order_id }}"}
  - wait: {until: event.delivery_at, offset: -1d}
  - send: delivery
  - wait: 2d
  - branch:
      - if: {last: Order Completed, ago: {lt: 1d}}
        steps: [{exit: bought-again}]
  - track: {event: Review Asked, properties: {kind: order, weight: 3}}
""",
    "review": """\
name: Review
trigger: {event: Review Asked, where: {event.kind: order, event.weight: {gte: 3}}}
audience: {profile.email: {exists: true}}
reentry: {after: 3d}
steps:
  - wait: {until: "18:00", zone: workspace}
  - send: review
    topic: news
  - wait_for:
      event: Message Clicked
      where: {event.message: review}
      at_most: 2d
      then: [{set: {profile.reviewer: true}}]
      else: [{send: review-again, if: {not: {opened: any, since: review}}}]
""",
    "second-buy": """\
name: Bought twice
trigger: {event: Order Completed}
audience: {did: Order Completed, within: 30d, count: {gte: 2}, sum: {event.value: {gte: 120}}}
reentry: {after: 1w}
holdout: 10%
steps:
  - send: vip
  - set: {profile.vip: true, profile.address.segment: vip}
""",
    "winback": """\
name: Come back
trigger: {event: Page Viewed}
audience:
  - {did: Order Completed, within: 20d, until: 6d}
  - {first: Page Viewed, ago: {gte: 2d}}
  - event.occurred_at: {season: {from: "03-12", to: "04-05"}}
reentry: {after: 1w}
priority: 5
steps:
  - wait: 1h
  - send: winback
""",
    "birthday": """\
name: Birthday soon
trigger: {event: Page Viewed, where: {profile.birthday: {anniversary: 7d}}}
audience: {profile.email: {contains: "@"}, profile.vip: {ne: false}}
reentry: {after: 1mo}
steps:
  - wait: {until: "02:30"}
  - send: birthday
""",
    "store-near": """\
name: Store around the corner
trigger:
  - {event: Page Viewed, where: {event.context.campaign.source: {in: [ads, mail]}}}
  - {event: Screen Viewed, where: {event.name: {starts_with: St}}}
audience: {profile.location: {near: {lat: 43.24, lon: 76.9, km: 50}}}
steps:
  - send: store
""",
    "shipped": """\
name: Shipped
trigger: {event: Order Shipped, max_age: 3d}
per: event.order_id
audience: {enrolled: after-purchase}
priority: 20
steps:
  - send: shipped
    expires: 12h
  - branch:
      - if: {enrolled: abandoned-cart, within: 5d}
        steps: [{send: shipped-extra}]
      - if:
          any:
            - {received: any, within: 7d, count: {gte: 3}}
            - {clicked: flow/after-purchase, url: {contains: track}}
        steps: [{wait: 45m}, {exit: enough}]
""",
    "nasty-both": """\
name: Begins and ends by the same event
trigger: {event: Product Added, max_age: 6h}
per: event.cart_id
exit_on: {event: Product Added, same: event.cart_id}
reentry: always
priority: 1
steps:
  - wait: 30m
  - send: added
""",
    "nasty-duplicate": """\
name: The same reminder from another flow
trigger: {event: Checkout Started}
per: event.cart_id
reentry: {after: 7d}
priority: 49
steps:
  - wait: 2h
  - send: cart-reminder
  - {unsubscribe: gossip}
""",
    "nasty-since": """\
name: Since this and that
trigger: {event: Checkout Started}
reentry: {after: 12h}
exit_on: {event: Order Cancelled}
steps:
  - {id: first-pause, wait: 1h}
  - branch:
      - if: {did: Product Viewed, since: entry}
        steps:
          - {id: second-pause, wait: 90s}
          - branch:
              - {if: {did: Page Viewed, since: first-pause, count: {gte: 1, lt: 3}}, steps: [{send: since-one}]}
      - else: [{wait: 15m}]
  - wait_for:
      event: Order Completed
      same: [event.cart_id, event.value]
      at_most: 5h
      then: [{wait: 2h}, {track: {event: Bought After All, properties: {how: same}}}]
  - branch:
      - if: {did: Page Viewed, since: second-pause}
        steps: [{send: since-two}]
      - if: {did_not: Product Viewed, after: "2026-03-20T00:00:00Z", before: "2026-04-02T12:00"}
        steps: [{exit: quiet-weeks}]
  - wait: 1w
""",
    "nasty-texts": """\
name: Tests of every kind
trigger:
  event: Product Viewed
  where:
    any:
      - {event.category: {contains: "ү", starts_with: "К"}}
      - {event.category: {ends_with: wear, not_in: [swimwear]}}
      - {event.products.price: {gte: 20, lt: 50}, event.tags: {contains: new}}
      - {event.released_at: {within_last: 10d}}
      - {event.released_at: {within_next: 2d}}
      - {event.released_at: {after: "2026-03-25", before: "2026-03-27T12:00:00Z"}}
audience: {any: [{profile.age: {gte: 18, lt: 60}}, {profile.tags: {contains: vip}}, {profile.locale: [kk, ru]}]}
reentry: {after: 36h}
steps:
  - send: matched
    if: {profile.city: {not_in: [Oslo]}}
""",
    "nasty-emitted": """\
name: Follows what other flows emit
trigger: [{event: Bought After All}, {event: Interested}]
reentry: always
steps:
  - send: interest
  - {wait: 1h, id: pause}
  - send: interest
    id: interest-again
    if: {clicked: message/interest, within: 2h}
""",
    "clicks": """\
name: Clicked
trigger: {event: Message Clicked, where: {event.message: [cart-reminder, browse], event.url: {exists: true}}}
reentry: {after: 1d}
steps:
  - track: {event: Interested, properties: {because: click}}
  - set: {profile.clicks: {last: "{{ event.url }}"}}
""",
    "consent-watch": """\
name: Goodbye
trigger: [{event: Unsubscribed, where: {event.topic: {ne: gossip}}}, {event: Message Complained}]
reentry: {after: 2d}
priority: 100
steps:
  - send: goodbye
""",
    "sent-watch": """\
name: Notes what went out
trigger: {event: Message Sent, where: {event.flow: abandoned-cart, event.step: cart-reminder}}
reentry: always
steps:
  - set: {profile.reminded: "{{ event.message }}", profile.note: "{{ profile.first_name }} was reminded"}
""",
    "late-import": """\
name: Takes old ones too
trigger: {event: Order Cancelled, max_age: 5d}
per: event.order_id
steps:
  - wait: 30m
  - send: cancelled
    expires: 1d
  - wait: 2h
  - send: cancelled-survey
""",
}

_SUBJECTS = {
    "en": "{{ profile.first_name | default: 'Hello' }}, NAME",
    "ru": "{{ profile.first_name | default: 'Здравствуйте' }}, NAME",
    "kk": "{{ profile.first_name | default: 'Сәлем' }}, NAME",
    "id": "{{ profile.first_name | default: 'Halo' }}, NAME",
}
_BODIES = {
    "en": "# NAME\n\nDear {{ profile.first_name | default: 'friend' }}, see [the shop]({{ shop.url }}/new).\n",
    "ru": "# NAME\n\nЗдравствуйте! Загляните [в магазин]({{ shop.url }}/new).\n",
    "kk": "# NAME\n\nСәлеметсіз бе! [Дүкенге]({{ shop.url }}/new) кіріңіз.\n",
    "id": "# NAME\n\nHalo! Lihat [toko kami]({{ shop.url }}/new).\n",
}

# What differs from the plain message: lines of message.yaml, and bodies by file.
_SPECIAL: dict[str, tuple[str, dict[str, str]]] = {
    "welcome": ("topic: news\npreheader: {en: 'From {{ shop.name }}'}\n", {}),
    "welcome-second": ("topic: news\n", {}),
    "welcome-third": ("topic: news\n", {}),
    "receipt": (
        "kind: transactional\n",
        {"en.html": "<p>Order {{ event.order_id }}: {{ event.value }}</p>\n"},
    ),
    "shipped": (
        "kind: transactional\n",
        {"en.md": "On its way{% if event.carrier %} by {{ event.carrier }}{% endif %}.\n"},
    ),
    "goodbye": ("kind: transactional\ntopic: news\n", {"en.md": "Goodbye.\n"}),
    # fails where the order has no city
    "delivery": ("", {"en.md": "Tomorrow in {{ event.city }}.\n", "ru.md": "Завтра: {{ event.city }}.\n"}),
    # fails where there are no products, or one has no name
    "cart-reminder": (
        "utm: {campaign: abandoned-cart}\n",
        {
            "en.md": "You left:\n\n{% for p in event.products %}- {{ p.name }}\n{% endfor %}\n",
            "kk.md": "Себетте:\n\n{% for p in event.products %}- {{ p.name }}\n{% endfor %}\n",
            "ru.md": "В корзине: {{ event.value }}\n",
            "ru.txt": "В корзине: {{ event.value }}\n",
        },
    ),
    # fails where the value is no number
    "vip": ("", {"en.md": "{% if event.value > 100 %}Big{% else %}Small{% endif %} thanks.\n"}),
    "store": (
        "",
        {
            "en.mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>Come to {{ profile.city | default: 'us' }}!"
            "</mj-text></mj-column></mj-section></mj-body></mjml>\n"
        },
    ),
    "birthday": ("", {"en.md": "Soon it is {{ profile.birthday }}.\n"}),
}

_MESSAGES = [
    "welcome",
    "welcome-second",
    "welcome-third",
    "cart-reminder",
    "cart-help",
    "cart-discount",
    "browse",
    "receipt",
    "delivery",
    "review",
    "review-again",
    "vip",
    "winback",
    "birthday",
    "store",
    "shipped",
    "shipped-extra",
    "added",
    "since-one",
    "since-two",
    "matched",
    "interest",
    "goodbye",
    "cancelled",
    "cancelled-survey",
]


def write_workspace(folder: Path, variety: int = 0, *, pieces: tuple[str, ...] = DONE) -> None:
    """Write the workspace into the folder; ``variety`` counts through VARIETIES, ``pieces`` are names of PIECES."""
    files = {"tamshy.yaml": VARIETIES[variety % len(VARIETIES)]}
    files |= {f"flows/{name}.yaml": text for name, text in FLOWS.items()}
    added = {path: text for piece in pieces for path, text in PIECES[piece].items()}
    files |= added
    for name in [*_MESSAGES, *_named(added)]:
        more, bodies = _SPECIAL.get(name, ("", {"en.md": BODIES[name]} if name in BODIES else {}))
        subjects = "".join(f'  {locale}: "{text}"\n' for locale, text in _SUBJECTS.items())
        files[f"messages/{name}/message.yaml"] = f"{more}subject:\n{subjects}".replace("NAME", name)
        for file, text in (bodies or {f"{locale}.md": text for locale, text in _BODIES.items()}).items():
            files[f"messages/{name}/{file}"] = text.replace("NAME", name)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _named(files: dict[str, str]) -> list[str]:
    """The messages that flows and broadcasts name and that the plain flows do not."""
    found = re.findall(r"(?:send|message): ([a-z-]+)", "\n".join(files.values()))
    return sorted(set(found) - set(_MESSAGES))
