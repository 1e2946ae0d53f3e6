"""Every form of the language with its keys: what the parser goes by, and what the reference page is made from."""

from __future__ import annotations

from dataclasses import dataclass

from tamshy.domain.duration import Duration


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a form: what it holds, whether it must be there."""

    name: str
    says: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A mapping of the language; ``name`` as it is called in problems (``a flow``)."""

    name: str
    keys: tuple[Key, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, in the order of the page."""
        return tuple(key.name for key in self.keys)


UNITS = {
    "s": Duration(seconds=1),
    "m": Duration(seconds=60),
    "h": Duration(seconds=3600),
    "d": Duration(days=1),
    "w": Duration(days=7),
    "mo": Duration(months=1),
    "y": Duration(months=12),
}
"""What a duration is counted in; the first three are elapsed time, the others the calendar's."""


def _either(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`"


FLOW = Form(
    "a flow",
    (
        Key("name", "text; what people call it (default: the file's name)"),
        Key("trigger", "a trigger, or a list: any of them", required=True),
        Key("per", "`event.PATH`: one enrollment per profile and value; without it one per profile"),
        Key("audience", "condition: whom it is for, looked at when the trigger comes"),
        Key("reentry", "`once` (default), `always` or `{after: DURATION}`"),
        Key("exit_on", "an event match, a segment match, or a list: any of them ends the enrollment"),
        Key("conversion", "a conversion, or a list of them with the same `within` and `value`"),
        Key("holdout", "percentage: the share that is enrolled and measured, and sent nothing"),
        Key("priority", "whole number (default 0); the higher goes first under a frequency cap"),
        Key("in_flight", "`follow` (default): people inside go on in the new version, or `finish`: in theirs"),
        Key("steps", "list of steps", required=True),
    ),
)

EVENT_TRIGGER = Form(
    "an event trigger",
    (
        Key("event", "event name", required=True),
        Key("where", "condition on the event"),
        Key("max_age", "duration (default `1d`): an older event starts nothing"),
    ),
)

DATE_TRIGGER = Form(
    "a date trigger",
    (
        Key("date", "`profile.PATH`: a date, a timestamp or `MM-DD`, or a list of them", required=True),
        Key("every", "`year` (default): whenever month and day come round; `once`: on the date itself"),
        Key("offset", "duration after the day, negative before it"),
        Key("at", "time of day, local to the profile (default `09:00`)"),
    ),
)

SCHEDULE_TRIGGER = Form("a schedule trigger", (Key("schedule", "mapping, below", required=True),))
SCHEDULE = Form(
    "'schedule'",
    (
        Key("cron", "five fields, at most once an hour: `0 9 * * mon`; this or `dates`"),
        Key("dates", "list of dates; one without a year, `12-25`, comes every year"),
        Key("offset", "duration after each of `dates`, negative before it"),
        Key("at", "time of day, with `dates` (default `09:00`)"),
        Key("segment", "name of a segment: its members, each by their own clock", required=True),
    ),
)

MANUAL_TRIGGER = Form(
    "a manual trigger", (Key("manual", "`true`: by the API, the console or the command line alone", required=True),)
)

SEGMENT_TRIGGER = Form(
    "a segment trigger",
    (Key("segment", "name of a segment", required=True), Key("on", "`enter` (default) or `leave`")),
)

ARRIVALS_TRIGGER = Form(
    "a new arrivals trigger", (Key("new_arrivals", "mapping, below; `{}`: as it stands there", required=True),)
)
ARRIVALS = Form(
    "'new_arrivals'",
    (
        Key("where", "condition on `event.product` and the like, which each new product has to meet (default: any)"),
        Key("at_least", "how many there must be, 1 to 50 (default 1); fewer are carried over"),
        Key("every", "calendar duration: at most once in it (default `1w`)"),
        Key("on", "weekday or list of weekdays (default: any day)"),
        Key("at", 'time of day, local to the profile (default `"09:00"`)'),
        Key("segment", "name of a segment: its members (default: everybody)"),
    ),
)

OFFERS = (
    Form("a price drop trigger", (Key("price_drop", "mapping, below; `{}`: any price drop", required=True),)),
    Form("a back-in-stock trigger", (Key("back_in_stock", "mapping, below; `{}`: as it stands there", required=True),)),
    Form("a reorder trigger", (Key("reorder_due", "mapping, below; `{}`: on the day", required=True),)),
)
OFFER_TERMS = (
    Form(
        "'price_drop'",
        (
            Key("by", "percentage of the price before (default: any)"),
            Key("for", "`viewed`, `carted` or a list of them (default: both): what somebody did with the product"),
            Key("within", "duration before it (default `30d`)"),
        ),
    ),
    Form(
        "'back_in_stock'",
        (
            Key("for", "`viewed`, `carted`, `requested` (`Back In Stock Requested`) or a list of them (default: all)"),
            Key("within", "duration before it (default `30d`)"),
        ),
    ),
    Form(
        "'reorder_due'",
        (
            Key("offset", "duration, may be negative"),
            Key("at", 'time of day (default `"09:00"`)'),
            Key("where", "condition on `event.product` and the like"),
        ),
    ),
)

REENTRY = Form("'reentry'", (Key("after", "duration, counted from the last entry", required=True),))

EVENT_MATCH = Form(
    "an event match",
    (
        Key("event", "event name", required=True),
        Key("where", "condition on the event"),
        Key("same", "`event.PATH` or a list: equal in that event and in the one that started the enrollment"),
    ),
)
SEGMENT_MATCH = Form("a segment match", SEGMENT_TRIGGER.keys)

_WITHIN = Key("within", "duration from the entry; without it any time after")
CONVERSION = Form(
    "a conversion",
    (
        *EVENT_MATCH.keys,
        _WITHIN,
        Key("value", "`event.PATH`: its worth; by default the first present of `value`, `revenue`, `total`"),
    ),
)
SEGMENT_CONVERSION = Form("a conversion by a segment", (*SEGMENT_MATCH.keys, _WITHIN))

_COMMON = (
    Key("id", "the step's name in this flow (default: the message's name for `send`, else verb and position)"),
    Key("note", "text; for people"),
)


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of a step: what stands behind it, the keys that may stand beside it."""

    name: str
    says: str
    beside: tuple[Key, ...] = ()

    @property
    def form(self) -> Form:
        """The whole step as a form."""
        return Form(f"a '{self.name}' step", (Key(self.name, self.says), *self.beside, *_COMMON))


VERBS = {
    verb.name: verb
    for verb in (
        Verb("wait", "duration, or one of the three mappings below"),
        Verb("wait_for", "mapping, below"),
        Verb("branch", "list of `{if: CONDITION, steps: […]}`, at the end perhaps `{else: […]}`"),
        Verb("split", "mapping, below: an experiment"),
        Verb(
            "send",
            "message's name",
            (
                Key("expires", "duration (default `1d`): later than that after it was due it is skipped"),
                Key("topic", "topic (default: the message's)"),
                Key("if", "condition; does it not hold, the message is skipped"),
            ),
        ),
        Verb("coupon", "mapping, below: takes a code from a pool"),
        Verb("set", "mapping of `profile.PATH` to a value; text may hold Liquid"),
        Verb("track", "`{event: NAME, properties: {…}}`; text may hold Liquid"),
        Verb("subscribe", "topic"),
        Verb("unsubscribe", "topic"),
        Verb("webhook", "mapping, below: calls out, and waits for the answer"),
        Verb("notify", "mapping, below: a mail to a person of the shop"),
        Verb("repeat", "mapping, below"),
        Verb("exit", "the reason, one word"),
    )
}

CLOCKS = ("profile", "workspace")
"""Whose clock a time of day is told by, where no IANA name says it."""
BEST_HOUR = "best_hour"
MOMENT_ROOTS = {
    "event": "event.PATH",
    "profile": "profile.PATH",
    "cart": "cart.updated_at",
    "order": "order.last_at",
    "predicted": "predicted.next_order_at",
    "coupon": "coupon.VAR.expires_at",
    "vars": "vars.PATH",
}
"""What a reference to a moment can begin with, and how it is written."""

WAIT_TIME = Form(
    "a wait until a time of day",
    (
        Key("until", 'time of day, `"10:00"`', required=True),
        Key("on", "weekday or list of weekdays (default: any day)"),
        Key("zone", "`profile` (default), `workspace` or an IANA name"),
    ),
)
WAIT_MOMENT = Form(
    "a wait until a moment",
    (
        Key(
            "until",
            f"reference: {', '.join(f'`{written}`' for written in MOMENT_ROOTS.values())}",
            required=True,
        ),
        Key("offset", "duration, may be negative"),
    ),
)
WAIT_BEST_HOUR = Form(
    "a wait until the best hour",
    (
        Key("until", f"`{BEST_HOUR}`", required=True),
        Key("at_most", "duration (default `1d`): on by then at the latest"),
    ),
)

WAIT_FOR = Form(
    "'wait_for'",
    (
        Key("event", "event name; this or `any`"),
        Key("where", "condition on the event"),
        Key("same", "`event.PATH` or a list: equal in that event and in the one that started the enrollment"),
        Key("any", "list of event matches, instead of `event`"),
        Key("at_most", "duration", required=True),
        Key("then", "steps, when such an event came"),
        Key("else", "steps, when the time was up"),
    ),
)
ARM = Form("an arm of a branch", (Key("if", "condition", required=True), Key("steps", "list of steps", required=True)))
ELSE = Form("the last arm of a branch", (Key("else", "list of steps", required=True),))
TRACK = Form("'track'", (Key("event", "event name", required=True), Key("properties", "mapping")))

COUPON = Form(
    "'coupon'",
    (
        Key("pool", "name of a file in `coupons/`", required=True),
        Key("as", "name by which templates know it: `coupon.NAME.code`", required=True),
        Key("expires", "duration from the taking; without it the code never expires"),
        Key("if_empty", "`continue` (default) or `exit`: with the reason `empty_pool`"),
    ),
)
METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
WEBHOOK = Form(
    "'webhook'",
    (
        Key("url", "address, `https://…` or `http://…`; may hold Liquid", required=True),
        Key("method", f"{_either(METHODS)} (default `{METHODS[0]}`)"),
        Key("headers", "mapping of names to text; may hold Liquid"),
        Key("body", "value; may hold Liquid. Sent as JSON, text as it is"),
        Key("timeout", "duration from `1s` to `30s` (default `10s`): how long each try waits for the answer"),
    ),
)
NOTIFY = Form(
    "'notify'",
    (
        Key("to", "address of a person of the shop", required=True),
        Key("subject", "text; may hold Liquid", required=True),
        Key("text", "text; may hold Liquid", required=True),
    ),
)

SPLIT = Form(
    "'split'",
    (
        Key(
            "name", "one word: the experiment; who meets it again, in whatever flow, is in the same arm", required=True
        ),
        Key("arms", "mapping of one word each to an arm, two or more", required=True),
        Key("winner", "mapping, below: newcomers go to the winner once it is proven"),
        Key("method", "`bandit`: the weights lean to the arms that do better, all along"),
    ),
)
SPLIT_ARM = Form(
    "an arm of a split",
    (
        Key("weight", "number, relative to the other arms'; all have one or none"),
        Key("steps", "list of steps; without it the arm goes on with the next step"),
    ),
)
WINNER = Form(
    "'winner'",
    (
        Key("by", "`opened`, `clicked`, `conversion`, `revenue` or `profit`, for each person", required=True),
        Key("confidence", "percentage from `50%` to below `100%` (default `95%`)"),
        Key("at_least", "whole number (default 0): people that every arm must have"),
    ),
)
REPEAT = Form(
    "'repeat'",
    (
        Key("times", "whole number from 1 to 100: rounds at most", required=True),
        Key("every", "duration from the beginning of one round to that of the next (default: when it has ended)"),
        Key("while", "condition, asked before each round"),
        Key("steps", "list of steps", required=True),
    ),
)

UTM = ("source", "medium", "campaign", "term", "content", "id")
MESSAGE = Form(
    "a message",
    (
        Key("kind", "`marketing` (default) or `transactional`"),
        Key("topic", "topic (default: the first of the workspace)"),
        Key("channel", "`email`"),
        Key("subject", "mapping of locales to text with Liquid", required=True),
        Key("preheader", "mapping of locales to text with Liquid"),
        Key("from", "`Name <address>` (default: the workspace's)"),
        Key("reply_to", "address"),
        Key("utm", f"mapping of {_either(UTM)} to text"),
    ),
)

SETTINGS = Form(
    "the settings",
    (
        Key("name", "text"),
        Key("locale", "locale of the workspace (default `en`)"),
        Key("timezone", "IANA name (default `UTC`)"),
        Key("currency", "three letters (default `USD`)"),
        Key("url", "the shop's address on the web"),
        Key("from", "`Name <address>` of outgoing mail"),
        Key("topics", "mapping of names to topics; the first is the workspace's own"),
        Key("quiet_hours", "times of day between which no marketing message goes out"),
        Key("caps", "list of caps"),
        Key("holdout", "percentage: the share of profiles that no flow sends marketing messages to"),
        Key("attribution", "how long before an order a message counts for it"),
        Key("identities", "what profiles are merged on"),
        Key("keep", "how long history is kept (default: for ever)"),
    ),
)
TOPIC = Form(
    "a topic",
    (
        Key("name", "text (default: the topic's key)"),
        Key("default", "`opt_in` (default): needs consent, or `opt_out`: allowed until withdrawn"),
        Key(
            "double_opt_in",
            "`true`: consent by form counts once confirmed by mail (default `false`); a flow on "
            "`Subscription Requested` sends it, else ours does",
        ),
    ),
)
QUIET_HOURS = Form(
    "'quiet_hours'", (Key("from", "time of day, in", required=True), Key("to", "time of day, out", required=True))
)
CAP = Form("a cap", (Key("messages", "whole number from 1", required=True), Key("per", "duration", required=True)))
ATTRIBUTION = Form(
    "'attribution'", (Key("clicked", "duration (default `5d`)"), Key("opened", "duration (default `1d`)"))
)
KEEP = Form(
    "'keep'",
    (
        Key("events", "duration from `30d`: what happened, and what started those who have left"),
        Key("messages", "duration from `90d`: messages, with opens, clicks and how they were delivered"),
        Key("bodies", "duration from `7d`: what messages said; their links go on working"),
        Key("decisions", "duration from `30d`: the journal"),
    ),
)
MERGEABLE = ("user_id", "email")
IDENTITIES = Form(
    "'identities'", (Key("merge_on", f"list of {_either(MERGEABLE)} (default `[user_id]`)", required=True),)
)

SEGMENT = Form(
    "a segment",
    (
        Key("name", "text; what people call it (default: the file's name)"),
        Key("where", "condition: who is in it", required=True),
    ),
)
TOP_BY = Form(
    "'by'",
    (
        Key("sum", "`event.PATH`: by what that adds up to, over the events of `of`"),
        Key("of", "event name, with `sum`"),
        Key("count", "event name: by how many there are"),
    ),
)
HEADINGS = ("code", "codes", "coupon", "coupons")
COUPON_POOL = Form(
    "a coupon pool",
    (
        Key("codes", "`generated`: from `pattern`; else give `file`"),
        Key("pattern", "text in which each `?` becomes one of 32 letters and digits (no `I O 0 1`)"),
        Key(
            "file",
            "a CSV file beside this one: a code in each line, in the order in which they are given; above them perhaps "
            f"{_either(HEADINGS)}",
        ),
        Key("discount", "what the codes are worth, for templates"),
    ),
)
DISCOUNT = Form(
    "'discount'",
    (
        Key("percent", "number above 0, at most 100"),
        Key("amount", "number above 0, in the workspace's currency"),
        Key("free_shipping", "`standard` or `two_day`"),
        Key("gift", "text: the product's SKU"),
        Key("guarantee", "text"),
    ),
)
BROADCAST = Form(
    "a broadcast",
    (
        Key("name", "text; what people call it (default: the file's name)"),
        Key("segment", "name of a segment: its members at that time", required=True),
        Key("message", "message's name; this or `split`"),
        Key("at", "timestamp, list of timestamps, or one of the mappings below", required=True),
        Key("split", "mapping, below: several messages, or a trial of them on a part of the segment"),
        Key("topic", "topic (default: the message's)"),
        Key("expires", "duration (default `1d`): later than that after it was due it is skipped"),
        Key("holdout", "percentage: the share that is measured, and sent nothing"),
        Key("priority", "whole number (default 0); the higher goes first under a frequency cap"),
    ),
)
_ZONE = Key("zone", "`profile`: by each reader's own clock, `workspace` (default), or an IANA name")
BROADCAST_TIME = Form("'at' with 'time'", (Key("time", "timestamp, or a list of them", required=True), _ZONE))
BROADCAST_SPLIT = Form(
    "'split' of a broadcast",
    (
        Key("name", "the experiment's name, in no other file", required=True),
        Key("arms", "mapping of names to `{weight, message}`", required=True),
        Key("winner", "mapping, below: the arms are a trial, and what is left of the segment gets the best"),
    ),
)
BROADCAST_ARM = Form(
    "an arm of a broadcast",
    (
        Key("weight", "number from 0, for all arms or none; with `winner` per cent of the segment"),
        Key("message", "message's name", required=True),
    ),
)
BROADCAST_WINNER = Form(
    "'winner' of a broadcast",
    (
        Key("by", "`opened` or `clicked`", required=True),
        Key("after", "duration from `10m`: so long after it went to the first", required=True),
    ),
)
BROADCAST_CRON = Form("'at' with 'cron'", (Key("cron", "five fields, at most once an hour", required=True), _ZONE))

STORY = Form(
    "a story",
    (
        Key("flow", "name of the one flow it runs"),
        Key("flows", "list of flows (default: all)"),
        Key("profile", "mapping: `id`, `email`, `timezone`, `locale`, `subscribed` and any property", required=True),
        Key("start", "timestamp", required=True),
        Key("events", "list of `{at, event, properties}`"),
        Key("engage", "list of what the shopper does with messages"),
        Key("expect", "list of what must come"),
        Key("expect_nothing_else", "`true` (default): no other message may come"),
    ),
)
STORY_EVENT = Form(
    "an event of a story",
    (
        Key("at", "duration after the start, or a timestamp", required=True),
        Key("event", "event name", required=True),
        Key("properties", "mapping"),
    ),
)
ENGAGEMENTS = ("opened", "clicked", "unsubscribed", "complained", "bounced")
STORY_ENGAGEMENT = Form(
    "an engagement of a story",
    (
        *(Key(did, "message") for did in ENGAGEMENTS),
        Key("after", "duration after it was sent (default `0s`)"),
        Key("url", "the link that is clicked"),
        Key("machine", "`true`: done by a machine (default `false`)"),
    ),
)
OUTCOMES = ("sent", "skipped", "postponed", "exit", "entered", "refused")
EXPECTATION = Form(
    "an expectation",
    (
        Key("sent", "message"),
        Key("skipped", "message"),
        Key("postponed", "message"),
        Key("exit", "reason"),
        Key("entered", "flow, or `true`"),
        Key("refused", "reason"),
        Key("at", "duration after the start, or a timestamp"),
        Key("flow", "flow"),
        Key("step", "id of a step"),
        Key("key", "text: the enrollment's key"),
        Key("to", "address"),
        Key("locale", "locale of the body used"),
        Key("subject", "text: the whole subject"),
        Key("subject_contains", "text"),
        Key("reason", "reason of a decision"),
        Key("until", "duration after the start, or a timestamp: how long it is postponed"),
    ),
)

# -- conditions ------------------------------------------------------------------------------------------------------

_WINDOW = ("within", "until", "since", "after", "before")
BEHAVIOUR_KEYS = {
    "did": ("where", "count", "sum", "avg", "min", "max", *_WINDOW, "same"),
    "did_not": ("where", *_WINDOW, "same"),
    "last": ("ago", "where", "same"),
    "first": ("ago", "where", "same"),
    "enrolled": ("within",),
    "received": ("within", "until", "since", "count"),
    "opened": ("within", "until", "since", "count"),
    "clicked": ("within", "until", "since", "count", "url"),
    "top": ("by", "within"),
}
"""The verbs of a condition, one of which may stand in a mapping, and what may refine each."""

PLAIN_CONDITIONS = {
    "all": "list of conditions",
    "any": "list of conditions",
    "not": "condition",
    "subscribed": "topic",
    "in": "segment",
}
"""The conditions that nothing refines, with what each takes."""
FIGURES = {
    "cart": ("value", "count", "updated_at"),
    "order": ("count", "total", "last_at"),
    "rfm": ("segment", "score"),
    "predicted": ("clv", "churn", "next_order_at"),
}
"""What the profile's open cart and its orders add up to, and what is found of it daily: roots below which there is nothing else."""
REFERENCE_ROOTS = ("profile", "event", *FIGURES, "coupon", "vars")
"""What a reference in a condition can begin with."""
ROOTS_WITHIN = ("coupon", "vars")
"""Those of them that nobody has who has not entered."""
TARGETS = ("message", "flow")
"""What ``received``, ``opened`` and ``clicked`` name with a slash behind it; without one it is a step of this flow."""
ANY = "any"
