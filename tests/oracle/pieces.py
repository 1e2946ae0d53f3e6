"""The newer pieces of the language in the generated workspaces: what each adds to the flows of ``shop.py``.

Each piece can be had by itself: ``write_workspace(folder, variety, pieces=("repeat", "segments"))``. ``DONE`` are those that the
engine knows, which all workspaces have; a piece that is done in the engine moves there. Times of day are odd, so that nothing
comes by time at the very moment of something else: in which order such things stand the specification leaves open.
"""

from __future__ import annotations

DONE: tuple[str, ...] = ()

REPEAT = {
    "flows/nudges.yaml": """\
name: Nudged until bought
trigger: {event: Checkout Started, where: {event.value: {lt: 100}}}
reentry: {after: 6d}
exit_on: {event: Order Cancelled}
priority: 2
steps:
  - wait: 40m
  - repeat:
      times: 3
      every: 1d2h
      while: {did_not: Order Completed, since: entry}
      steps:
        - send: nudge
          expires: 20h
        - wait: 3h
        - branch:
            - if: {opened: nudge, count: {gte: 2}}
              steps: [{exit: warm}]
  - send: nudge-last
""",
    "flows/rounds.yaml": """\
name: Rounds within rounds
trigger: {event: Screen Viewed}
reentry: {after: 4d}
steps:
  - repeat:
      times: 2
      every: 1d
      steps:
        - repeat:
            times: 2
            steps:
              - wait_for: {event: Page Viewed, at_most: 5h, then: [{track: {event: Interested, properties: {because: round}}}]}
        - set: {profile.rounds: "{{ event.name }}"}
  - wait: 15m
""",
}

SPLIT = {
    "flows/tried.yaml": """\
name: Two subjects
trigger: {event: Product Viewed, where: {event.price: {gte: 20}}}
audience: {profile.email: {exists: true}}
reentry: {after: 5d}
steps:
  - wait: 50m
  - split:
      name: subject
      arms:
        plain: {weight: 2, steps: [{send: tried}]}
        bold: {weight: 1, steps: [{wait: 30m}, {send: tried-bold}]}
        none: {weight: 1, steps: [{exit: left-alone}]}
  - split: {name: second, arms: {yes: {steps: [{wait: 1d}, {send: tried-again}]}, no: {}}}
""",
}

SEGMENTS = {
    "segments/vip.yaml": "{where: {did: Order Completed, sum: {event.value: {gte: 60}}, within: 20d}}\n",
    "segments/lately.yaml": "{where: {did: Page Viewed, within: 2d}}\n",
    "segments/asleep.yaml": "where:\n  - {did: Page Viewed}\n  - {not: {in: lately}}\n",
    "segments/lapsed.yaml": "{where: {did: Order Completed, within: 9d, until: 4d12h}}\n",
    "segments/fresh.yaml": "{where: {last: Product Viewed, ago: {lt: 30h}}}\n",
    "segments/news.yaml": "{where: {subscribed: news, profile.email: {exists: true}}}\n",
    "segments/clickers.yaml": "{where: {any: [{clicked: any, within: 36h}, {opened: any, within: 1d, count: {gte: 2}}]}}\n",
    "segments/coming.yaml": "{where: {profile.birthday: {anniversary: 5d}}}\n",
    "segments/best.yaml": "{where: {top: 10%, by: {sum: event.value, of: Order Completed}, within: 15d}}\n",
    "flows/zz-best.yaml": """\
name: Among the best
trigger: [{segment: best}, {segment: best, on: leave}]
reentry: {after: 2d}
steps: [{wait: 4h}, {send: best, if: {in: best}}]
""",
    "flows/zz-asleep.yaml": """\
name: Fell asleep
trigger: {segment: asleep}
audience: {profile.email: {exists: true}}
reentry: always
exit_on: {segment: asleep, on: leave}
steps: [{wait: 3h}, {send: asleep}, {wait: 2d}, {send: asleep-last, if: {not: {in: clickers}}}]
""",
    "flows/zz-lapsed.yaml": """\
name: Lapsed, and not lapsed any more
trigger: [{segment: lapsed}, {segment: lapsed, on: leave}]
per: event.segment
reentry: always
steps: [{branch: [{if: {in: vip}, steps: [{exit: vip}]}, {else: [{exit: plain}]}]}]
""",
    "flows/zz-news.yaml": """\
name: Reads the news
trigger: {segment: news}
reentry: {after: 3d}
exit_on: [{segment: news, on: leave}, {event: Order Cancelled}]
steps: [{wait: 1d}, {send: news, topic: news}]
""",
    "flows/zz-clickers.yaml": """\
name: Clicks no more
trigger: {segment: clickers, on: leave}
reentry: always
steps: [{set: {profile.cooled: "{{ event.segment }}"}}]
""",
    "flows/zz-coming.yaml": """\
name: A birthday is coming
trigger: {segment: coming}
audience: {in: fresh}
steps: [{wait: 10m}, {exit: soon}]
""",
    "flows/zz-vip.yaml": """\
name: Became a good customer
trigger: {segment: vip}
reentry: {after: 5d}
exit_on: {segment: fresh, on: leave}
steps: [{wait: 26h}, {send: vip-in}]
""",
}

MOMENTS = {
    "segments/mailed.yaml": "{where: {profile.email: {exists: true}, profile.locale: {ne: fr}}}\n",
    "flows/zz-day.yaml": """\
name: On the day
trigger: {date: profile.birthday, every: year, offset: -2d, at: "10:07"}
audience: {profile.email: {exists: true}}
steps: [{send: day}]
""",
    "flows/zz-since.yaml": """\
name: Five days with us
trigger: {date: profile.created_at, every: once, offset: 5d, at: "11:11"}
steps: [{send: five-days, if: {did: Product Viewed, within: 2d}}]
""",
    "flows/zz-weekly.yaml": """\
name: On Wednesdays in spring
trigger: {schedule: {cron: "13 18 * 3,4 wed", segment: mailed}}
audience: {did: Page Viewed, within: 1w}
reentry: {after: 8d}
priority: -1
steps: [{send: weekly}]
""",
    "flows/zz-dates.yaml": """\
name: Two days
trigger: {schedule: {dates: [2026-03-31, "04-09"], offset: -2d, at: "02:33"}}
steps: [{wait: {until: event.at, offset: 3h}}, {exit: dated}]
""",
    "broadcasts/spring.yaml": """\
segment: mailed
message: spring
at: [{time: "2026-03-20T12:17", zone: profile}, {time: "2026-04-02T19:43", zone: workspace}]
""",
}

COMMERCE = {
    "flows/basket.yaml": """\
name: What is in the cart
trigger: {event: Product Added}
per: event.cart_id
reentry: {after: 3d}
audience: {cart.value: {gte: 20}, order.count: {lt: 3}}
exit_on: {event: Order Completed, same: event.cart_id}
steps:
  - wait: {until: cart.updated_at, offset: 2h}
  - branch:
      - {if: {cart.count: {gte: 3}, cart.value: {gte: 100}}, steps: [{send: basket-large}]}
      - {if: {cart.updated_at: {within_last: 3h}}, steps: [{send: basket}]}
      - {else: [{exit: stale}]}
""",
    "flows/counted.yaml": """\
name: Counts orders
trigger: [{event: Order Completed}, {event: Order Refunded}, {event: Order Cancelled}]
reentry: always
steps:
  - branch:
      - {if: {order.count: 0}, steps: [{exit: none}]}
      - {if: {order.count: {gte: 2}, order.total: {gte: 200}}, steps: [{exit: many}]}
      - {if: {order.last_at: {within_last: 1d}}, steps: [{exit: lately}]}
      - {else: [{exit: once}]}
""",
    "flows/zz-dropped.yaml": """\
name: Cheaper
trigger: {price_drop: {by: 10%, for: [viewed, carted], within: 5d}}
audience: {event.product.price: {gte: 5}}
reentry: {after: 2d}
steps: [{wait: 20m}, {send: dropped}]
""",
    "flows/zz-back.yaml": """\
name: There again
trigger: {back_in_stock: {for: [viewed], within: 10d}}
steps: [{wait: 20m}, {exit: told}]
""",
    "flows/zz-again.yaml": """\
name: Due again
trigger: {reorder_due: {offset: -2d, at: "10:21", where: {event.product.price: {gt: 10}}}}
steps: [{send: again}]
""",
}

COUPONS = {
    "coupons/ten.yaml": '{codes: generated, pattern: "TEN-????-????", discount: {percent: 10}}\n',
    "flows/coupon.yaml": """\
name: A code
trigger: {event: Order Completed}
reentry: {after: 3d}
holdout: 20%
steps:
  - wait: 3h
  - coupon: {pool: ten, as: thanks, expires: 2d}
  - webhook: {url: "https://crm.example/hook", method: POST, body: {who: "{{ profile.email }}"}}
  - send: coupon
  - wait: {until: coupon.thanks.expires_at, offset: -5h}
  - send: coupon-ends
""",
}

PIECES: dict[str, dict[str, str]] = {
    "repeat": REPEAT,
    "split": SPLIT,
    "segments": SEGMENTS,
    "moments": MOMENTS,
    "commerce": COMMERCE,
    "coupons": COUPONS,
}

# Bodies of messages that print what only these triggers have.
BODIES = {
    "dropped": "{{ event.product.name }}: {{ event.old_price }}, now {{ event.product.price }}.\n",
    "again": "{{ event.product.name }} by {{ event.due_at }}.\n",
    "day": "{{ event.date }}{% if event.years %}: {{ event.years }}{% endif %}.\n",
    "coupon": "{{ coupon.thanks.code }}: {{ coupon.thanks.discount.percent }}.\n",
    "basket": "{% for p in cart.products %}- {{ p.sku }}\n{% endfor %}\n",
}
