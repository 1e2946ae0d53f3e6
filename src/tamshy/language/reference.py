"""The reference page of the language, made from what the parser goes by, so that the two cannot part."""

from __future__ import annotations

from tamshy.domain.buying import GROUPS
from tamshy.language import vocabulary as words
from tamshy.language.comparisons import NEAR, SEASON
from tamshy.language.fields import WEEKDAYS
from tamshy.language.liquid import (
    LOCALE_FILTERS,
    MESSAGE_ROOTS,
    VALUE_ROOTS,
    known_filters,
    known_tags,
)
from tamshy.language.model import Operator
from tamshy.language.products import TEXTS as PRODUCT_TEXTS
from tamshy.language.recommending import FEW_PICKS, KINDS, MOST_PICKS
from tamshy.language.stories import DECISION_REASONS, EXIT_REASONS, REFUSAL_REASONS

_OPERANDS = {
    Operator.EQ: "a single value",
    Operator.NE: "a single value; the exact opposite of `eq`",
    Operator.GT: "a number, a date or a timestamp",
    Operator.GTE: "a number, a date or a timestamp",
    Operator.LT: "a number, a date or a timestamp",
    Operator.LTE: "a number, a date or a timestamp",
    Operator.IN: "a list of values",
    Operator.NOT_IN: "a list of values; the exact opposite of `in`",
    Operator.CONTAINS: "a single value: part of a text, or member of a list",
    Operator.STARTS_WITH: "text",
    Operator.ENDS_WITH: "text",
    Operator.EXISTS: "`true` or `false`",
    Operator.WITHIN_LAST: "duration",
    Operator.WITHIN_NEXT: "duration",
    Operator.BEFORE: "a date or a timestamp",
    Operator.AFTER: "a date or a timestamp",
    Operator.ANNIVERSARY: "duration; `0d` is today",
    Operator.SEASON: '`{from: "MM-DD", to: "MM-DD"}`, both ends in',
    Operator.NEAR: "`{lat, lon, km}`",
}

_BEGIN = """\
# The language, key by key

What every mapping of a workspace folder can hold, as the parser knows it; what each form does is told in the
language's own page. Made by `tamshy.language.reference`: change the vocabulary there, not this page.
Keys in bold must be there.
"""

_VALUES = """\
## Values

| value | written |
|---|---|
| duration | {durations}, joined `1d12h`; negative only in `offset`; at most a hundred years |
| time of day | `"10:00"`, two digits each, from `"00:00"` to `"23:59"` |
| weekday | {weekdays} |
| date | `2026-12-24` |
| timestamp | `2026-12-24T10:00`, with or without seconds and offset; without an offset in the workspace's time zone |
| percentage | `10%`, from `0%` to `100%` |
| name of a file | small letters, digits and hyphens, at most 64, not beginning with a hyphen |
| id of a step, topic | the same with underscores |
| locale | `en`, `pt-BR`, `zh-Hans-CN` |

Text that YAML would take for a number, `true` or nothing is written in quotes. Anchors, aliases, tags, directives,
second documents and duplicate keys are refused, and so is nesting deeper than 40.
"""

_EXAMPLES = {"s": 90, "m": 15, "h": 2, "d": 3, "w": 2}

_IDS = """\
## Ids of steps

A step without an `id` has the message's name where it sends, else its verb (`_` written `-`) and its number among the
steps of that verb in the flow, as written, counting also inside arms: `wait-1`, `branch-2`, `wait-for-1`. Ids are
unique in a flow; `entry` and `any` are taken. Between two versions, steps with an id of their own and sends are known
by it; the others by verb and content in order, and between such neighbours by verb alone in order. A flow has at most
500 steps.
"""


def reference() -> str:
    """The page as Markdown."""
    parts = [
        _BEGIN,
        _VALUES.format(
            durations=_listed(tuple(f"{_EXAMPLES.get(unit, 1)}{unit}" for unit in words.UNITS)),
            weekdays=_listed(tuple(WEEKDAYS)),
        ),
        "## Settings: `tamshy.yaml`\n",
        *map(
            _form,
            (
                words.SETTINGS,
                words.TOPIC,
                words.QUIET_HOURS,
                words.CAP,
                words.ATTRIBUTION,
                words.IDENTITIES,
                words.KEEP,
            ),
        ),
        "## Flows: `flows/NAME.yaml`\n",
        *map(_form, (words.FLOW, words.EVENT_TRIGGER, words.SEGMENT_TRIGGER, words.DATE_TRIGGER)),
        *map(_form, (words.SCHEDULE_TRIGGER, words.SCHEDULE, words.MANUAL_TRIGGER)),
        *map(_form, (*words.OFFERS, *words.OFFER_TERMS)),
        *map(_form, (words.ARRIVALS_TRIGGER, words.ARRIVALS)),
        *map(
            _form, (words.REENTRY, words.EVENT_MATCH, words.SEGMENT_MATCH, words.CONVERSION, words.SEGMENT_CONVERSION)
        ),
        _steps(),
        _conditions(),
        "## Segments: `segments/NAME.yaml`\n",
        *map(_form, (words.SEGMENT, words.TOP_BY)),
        "Or `by: predicted.clv`, without `within`.\n",
        "## Broadcasts: `broadcasts/NAME.yaml`\n",
        *map(_form, (words.BROADCAST, words.BROADCAST_TIME, words.BROADCAST_CRON)),
        *map(_form, (words.BROADCAST_SPLIT, words.BROADCAST_ARM, words.BROADCAST_WINNER)),
        "## Messages: `messages/NAME/`\n",
        _form(words.MESSAGE),
        _liquid(),
        "## Coupons: `coupons/NAME.yaml`\n",
        *map(_form, (words.COUPON_POOL, words.DISCOUNT)),
        "## Stories: `stories/NAME.yaml`\n",
        *map(_form, (words.STORY, words.STORY_EVENT, words.STORY_ENGAGEMENT, words.EXPECTATION)),
        _reasons(),
        _products(),
        "## Not yet\n",
    ]
    return "\n".join(parts)


_PRODUCTS = """\
## Products: `catalog/NAME.jsonl` and `catalog/NAME.csv`

One product a line, a JSON object or a row under a header; the same fields in `tamshy import products`, in `PUT /api/products` and
in the lines of a simulation. What is left out stays as it was told before.

| field | holds |
|---|---|
| **`sku`** | text: what the product is known by |
| {texts} | text |
| `price`, `cost`, `stock` | number; by the variants, where the product leaves it to them |
| `interval` | duration: how long it lasts. In a line with `category` and without `sku` that of the whole category |
| `images` | list (in a CSV addresses with a blank between) |
| `variants` | list of mappings with `sku`, `price`, `stock` |

Every other field is kept too. Events mean a product by its `sku`, its `product_id` or the `sku` of a variant.
"""


def _products() -> str:
    return _PRODUCTS.format(texts=_listed(tuple(name for name in PRODUCT_TEXTS if name != "sku"), ", "))


def _form(form: words.Form) -> str:
    rows = [f"| {f'**`{key.name}`**' if key.required else f'`{key.name}`'} | {_cell(key.says)} |" for key in form.keys]
    title = form.name.replace("'", "`")
    head = f"### {title[0].upper()}{title[1:]}\n"
    return "\n".join((head, "| key | holds |", "|---|---|", *rows, ""))


def _listed(names: tuple[str, ...], between: str = " ") -> str:
    return between.join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _steps() -> str:
    rows = []
    for verb in words.VERBS.values():
        beside = ", ".join(f"`{key.name}`: {key.says}" for key in verb.beside)
        says = f"{verb.says}{f'; beside it {beside}' if beside else ''}"
        rows.append(f"| `{verb.name}` | {_cell(says)} |")
    head = "## Steps\n\nA mapping with exactly one verb, and perhaps `id` and `note`.\n"
    ways = (words.ARM, words.ELSE, words.SPLIT, words.SPLIT_ARM, words.WINNER, words.REPEAT)
    outward = (words.COUPON, words.WEBHOOK, words.NOTIFY)
    forms = (words.WAIT_TIME, words.WAIT_MOMENT, words.WAIT_BEST_HOUR, words.WAIT_FOR, *ways, words.TRACK, *outward)
    return "\n".join(
        (
            head,
            "| verb | holds |",
            "|---|---|",
            *rows,
            "",
            *map(_form, forms),
            _IDS,
        )
    )


def _references(root: str) -> tuple[str, ...]:
    return tuple(f"{root}.{name}" for name in words.FIGURES.get(root, ("PATH",)))


def _conditions() -> str:
    rows = [
        *(f"| `{name}` | {says} |" for name, says in words.PLAIN_CONDITIONS.items()),
        *(f"| {_listed(_references(root), ', ')} | test |" for root in words.REFERENCE_ROOTS),
    ]
    verbs = [f"| `{verb}` | {_listed(keys, ', ')} |" for verb, keys in words.BEHAVIOUR_KEYS.items()]
    operators = [f"| `{operator}` | {_cell(_OPERANDS[operator])} |" for operator in Operator]
    return "\n".join(
        (
            "## Conditions\n",
            "| form | holds |", "|---|---|", *rows, "",
            "One of these may stand in a mapping, refined by its own keys beside it:\n",
            "| verb | refined by |", "|---|---|", *verbs, "",
            "`since` takes `entry` or the id of a step; of `within`, `since` and `after`/`before` one may be given;",
            "`until` goes with `within`. `received`, `opened` and `clicked` take a step that sends, `message/NAME`,",
            "`flow/NAME` or `any`. In a `trigger` and an `audience` nobody has entered yet: steps and `entry` are",
            "refused there. In a segment nothing has started anything: `event.` stands in a `where` alone, and `same`",
            "nowhere; `top` stands in segments alone.\n",
            f"`rfm.segment` is one of {_listed(GROUPS, ', ')};",
            "`rfm.score` a number of three digits from 1 to 5, for recency, frequency and money; `predicted.churn` a number",
            "from 0 to 1. They are computed daily at 03:00 of the workspace, as [Buyers](buyers.md) tells; where there is no",
            "figure no test holds but `exists: false`.\n",
            "### Tests\n",
            "A single value (equal), a list (one of), or a mapping of operators that must all hold. `count` takes",
            "whole numbers, `sum`, `avg`, `min` and `max` numbers, `ago` durations with `gt`, `gte`, `lt` and `lte`.\n",
            "| operator | takes |", "|---|---|", *operators, "",
            _form(SEASON), _form(NEAR),
        )
    )  # fmt: skip


def _liquid() -> str:
    return "\n".join(
        (
            "Beside `message.yaml` stands one body for each locale, `LOCALE.mjml`, `LOCALE.html` or `LOCALE.md`, and",
            "perhaps a plain text written by hand, `LOCALE.txt`. Subject and body must be there for the workspace's",
            "locale or its language.\n",
            "### Liquid\n",
            "| | |",
            "|---|---|",
            f"| variables | {_listed(MESSAGE_ROOTS)} |",
            f"| in `set`, `track`, `webhook` and `notify` | {_listed(VALUE_ROOTS)} |",
            f"| tags | {_listed(known_tags())} |",
            f"| filters | {_listed(known_filters())} |",
            f"| filters that follow the locale | {_listed(LOCALE_FILTERS)} |",
            f"| kinds of `recommend` | {_listed(KINDS)}; `of` and `count` (at most {MOST_PICKS}, default {FEW_PICKS}) by name |",
            "",
        )
    )


def _reasons() -> str:
    return "\n".join(
        (
            "### Reasons\n",
            "| of | words |",
            "|---|---|",
            f"| a message skipped or postponed | {_listed(DECISION_REASONS)} |",
            f"| a trigger refused | {_listed(REFUSAL_REASONS)} |",
            f"| an exit | {_listed(EXIT_REASONS)}, or the word of an `exit` step |",
            "",
        )
    )
