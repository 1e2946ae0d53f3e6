"""What a workspace folder says, as frozen values: the model the rest of Tamshy works with.

Text becomes these values in ``language``; nothing here knows of tables, clocks or files. Positions point into the
text, so that a later refusal (a reference that does not exist, say) can still name the place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from tamshy.domain.duration import Duration

if TYPE_CHECKING:
    from tamshy.language.products import CategoryInterval, Product

Scalar = str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the text: file relative to the workspace folder, line and column counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Position("", 0, 0)
COUPONS = "$coupons"
"""The key under which an enrollment keeps its coupons beside its ``vars``: no id of a step can be it."""


class Root(StrEnum):
    """What a reference starts from."""

    PROFILE = "profile"
    EVENT = "event"
    CART = "cart"
    ORDER = "order"
    RFM = "rfm"
    PREDICTED = "predicted"
    VARS = "vars"
    COUPON = "coupon"


@dataclass(frozen=True, slots=True)
class Ref:
    """``profile.address.country``: a root and the path below it (never empty)."""

    root: Root
    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((self.root.value, *self.path))


class Operator(StrEnum):
    """The operators of a TEST."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    EXISTS = "exists"
    WITHIN_LAST = "within_last"
    WITHIN_NEXT = "within_next"
    BEFORE = "before"
    AFTER = "after"
    ANNIVERSARY = "anniversary"
    SEASON = "season"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A date without a year, ``12-25``."""

    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Season:
    """``season: {from: "12-10", to: "01-10"}``, both ends in; may run over the new year."""

    start: MonthDay
    end: MonthDay


@dataclass(frozen=True, slots=True)
class Near:
    """``near: {lat, lon, km}``."""

    lat: Decimal
    lon: Decimal
    km: Decimal


@dataclass(frozen=True, slots=True)
class Clause:
    """One operator with its operand.

    Operand by operator: ``eq ne contains starts_with ends_with``: Scalar; ``gt gte lt lte``: int, Decimal, str or an
    aware datetime in UTC (where its text is a date or timestamp; in ``ago`` tests a Duration); ``in not_in``: tuple of
    Scalar; ``exists``: bool; ``within_last within_next anniversary``: Duration; ``before after``: aware datetime in
    UTC; ``season``: Season; ``near``: Near. Text operands are in NFC.
    """

    operator: Operator
    operand: Scalar | tuple[Scalar, ...] | Duration | datetime | Season | Near


@dataclass(frozen=True, slots=True)
class Test:
    """Operators that must all hold. A bare scalar is ``eq``, a bare list ``in``."""

    __test__ = False  # not a test class for pytest
    clauses: tuple[Clause, ...]


# -- conditions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every member holds; empty: holds."""

    members: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when a member holds; empty: does not."""

    members: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when its member does not."""

    member: Condition


@dataclass(frozen=True, slots=True)
class PropertyTest:
    """``profile.PATH: TEST`` or ``event.PATH: TEST``. ``event.occurred_at`` and ``event.context.…`` are paths too."""

    ref: Ref
    test: Test


ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Window:
    """When the events counted by a condition happened; at most one of within, since, after/before is given.

    ``since`` is ``entry`` or the id of a step of the same flow.
    """

    within: Duration | None = None
    until: Duration | None = None
    since: str | None = None
    after: datetime | None = None
    before: datetime | None = None


ALWAYS = Window()


class Aggregation(StrEnum):
    """What is made of a property over the matching events."""

    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``sum: {event.value: {gte: 100}}``."""

    function: Aggregation
    ref: Ref
    test: Test


@dataclass(frozen=True, slots=True)
class Behaviour:
    """``did: EVENT`` with its refinements; ``did_not`` is ``count: 0`` (given as such a Test).

    No count and no aggregate: at least one.
    """

    event: str
    where: Condition | None = None
    count: Test | None = None
    aggregates: tuple[Aggregate, ...] = ()
    window: Window = ALWAYS
    same: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Recency:
    """``last: EVENT, ago: TEST`` (newest) or ``first: …`` (oldest); the operands of ``ago`` are Durations."""

    event: str
    newest: bool
    ago: Test
    where: Condition | None = None
    same: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """``enrolled: FLOW``: has an active enrollment in it; with ``within``: has entered in that time."""

    flow: str
    within: Duration | None = None


class Engaged(StrEnum):
    """What a profile did with a message."""

    RECEIVED = "received"
    OPENED = "opened"
    CLICKED = "clicked"


@dataclass(frozen=True, slots=True)
class Engagement:
    """``received|opened|clicked: X``. Exactly one of step, message, flow is set, or none of them for ``any``."""

    kind: Engaged
    step: str | None = None
    message: str | None = None
    flow: str | None = None
    window: Window = ALWAYS
    count: Test | None = None
    url: Test | None = None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """``subscribed: TOPIC``."""

    topic: str


@dataclass(frozen=True, slots=True)
class In:
    """``in: SEGMENT``."""

    segment: str


@dataclass(frozen=True, slots=True)
class Top:
    """``top: 1%, by: {sum: event.PATH, of: EVENT}`` or ``by: {count: EVENT}``; ``ref`` None: by the count.

    ``share`` from 0 to 1. ``event`` empty: by a figure, ``by: predicted.clv``. In segments alone;
    computed daily (rule 29).
    """

    share: Decimal
    event: str
    ref: Ref | None = None
    within: Duration | None = None


Condition = All | AnyOf | Not | PropertyTest | Behaviour | Recency | Enrolled | Engagement | Subscribed | In | Top

# -- segments --------------------------------------------------------------------------------------------------------

SEGMENT_ENTERED = "Segment Entered"
SEGMENT_LEFT = "Segment Left"
SEGMENT_BACKFILLED = "Segment Backfilled"
"""The engine's own events of a profile that enters or leaves a segment, or was inside already when a flow is published with a
backfill: with ``segment`` among their properties."""


@dataclass(frozen=True, slots=True)
class Segment:
    """``segments/NAME.yaml``; ``name`` is the file's, ``title`` the marketer's."""

    name: str
    title: str
    where: Condition
    position: Position = NOWHERE


# -- flows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventMatch:
    """``{event: NAME, where: C, same: event.PATH}`` in ``exit_on``, ``conversion`` and ``wait_for``.

    ``segment``: written ``{segment: NAME, on: enter | leave}``; ``event`` is then the engine's own, of that segment.
    """

    event: str
    where: Condition | None = None
    same: tuple[Ref, ...] = ()
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """``event: NAME, where: C, max_age: D``.

    ``segment``: written ``segment: NAME, on: enter | leave``; ``event`` is then the engine's own, of that segment.
    """

    event: str
    where: Condition | None = None
    max_age: Duration = Duration(days=1)
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class ManualTrigger:
    """``manual: true``: by the API, the console or the command line alone."""


class Every(StrEnum):
    """How often a date starts a flow."""

    YEAR = "year"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class DateTrigger:
    """``date: profile.PATH, every, offset, at``: the day of a date that the profile holds, ``at`` local to the profile."""

    date: Ref
    every: Every = Every.YEAR
    offset: Duration = Duration()
    at: time = time(9)


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    """``schedule: {cron, segment}`` or ``{dates, offset, at, segment}``: every member of the segment at those times.

    One of these: ``cron``; ``dates`` (a MonthDay comes every year), ``offset`` away, at ``at``; ``times``, naive readings, which
    only broadcasts have. ``zone`` None: by each profile's own clock, else an IANA name.
    """

    segment: str
    cron: str | None = None
    dates: tuple[date | MonthDay, ...] = ()
    offset: Duration = Duration()
    at: time = time(9)
    times: tuple[datetime, ...] = ()
    zone: str | None = None


MOST_ARRIVALS = 50
"""New products that one occasion holds: no mail shows more, and everybody's entry keeps them."""


@dataclass(frozen=True, slots=True)
class NewArrivals:
    """``new_arrivals: {where, at_least, every, on, at, segment}``: what has come into the catalogue since the last time.

    It comes at ``at``, local to the profile, on the ISO weekdays ``on`` (empty: any), once in ``every`` (calendar time) at most, as
    soon as ``at_least`` products fit ``where``. ``segment`` None: for everybody.
    """

    where: Condition | None = None
    at_least: int = 1
    every: Duration = Duration(days=7)
    on: frozenset[int] = frozenset()
    at: time = time(9)
    segment: str | None = None


Trigger = EventTrigger | ManualTrigger | DateTrigger | ScheduleTrigger | NewArrivals


class Interest(StrEnum):
    """What somebody did with a product, so that it concerns them."""

    VIEWED = "viewed"
    CARTED = "carted"
    REQUESTED = "requested"


@dataclass(frozen=True, slots=True)
class PriceDrop:
    """``price_drop: {by, for, within}``; ``by`` is a share of the price before, 0: any."""

    by: Decimal = Decimal(0)
    whose: frozenset[Interest] = frozenset({Interest.VIEWED, Interest.CARTED})
    within: Duration = Duration(days=30)


@dataclass(frozen=True, slots=True)
class BackInStock:
    """``back_in_stock: {for, within}``."""

    whose: frozenset[Interest] = frozenset(Interest)
    within: Duration = Duration(days=30)


@dataclass(frozen=True, slots=True)
class ReorderDue:
    """``reorder_due: {offset, at, where}``: on the day, ``at`` local to the profile."""

    offset: Duration = Duration()
    at: time = time(9)
    where: Condition | None = None


Offer = PriceDrop | BackInStock | ReorderDue
"""A trigger that the catalogue pulls."""


class ReentryKind(StrEnum):
    """Whether a profile may come in again under the same key."""

    ONCE = "once"
    ALWAYS = "always"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Reentry:
    """``once`` (default), ``always`` or ``{after: D}``."""

    kind: ReentryKind = ReentryKind.ONCE
    after: Duration | None = None


WORTH = (("value",), ("revenue",), ("total",))
"""The paths of an order's properties, of which the first present is its worth (rule 28)."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """``conversion: {event, within, value}``; ``within`` None: no limit; None: first of value, revenue, total."""

    matches: tuple[EventMatch, ...]
    within: Duration | None = None
    value: Ref | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A value with Liquid in it; ``whole`` where it is one ``{{ }}`` and nothing else, so that the type is kept."""

    text: str
    whole: bool = False


Value = object  # Scalar | Template | list[Value] | dict[str, Value]


@dataclass(frozen=True, slots=True)
class Wait:
    """``wait: D``."""

    id: str
    duration: Duration
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class WaitUntilTime:
    """``wait: {until: "10:00", on: [mon], zone: profile}``; ``on`` holds ISO weekdays 1 (Monday) to 7, empty: any day.

    ``zone``: None for the profile's, else an IANA name (``workspace`` is resolved to the workspace's).
    """

    id: str
    until: time
    on: frozenset[int] = frozenset()
    zone: str | None = None
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class WaitUntilMoment:
    """``wait: {until: event.delivery_at, offset: -1d}``."""

    id: str
    until: Ref
    offset: Duration = Duration()
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class WaitBestHour:
    """``wait: {until: best_hour, at_most: D}``: the hour of the day at which the profile opens or clicks most."""

    id: str
    at_most: Duration = Duration(days=1)
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class WaitFor:
    """``wait_for``: the first matching event within ``at_most`` goes to ``then``, no such event to ``otherwise``."""

    id: str
    matches: tuple[EventMatch, ...]
    at_most: Duration
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a branch; ``condition`` None: ``else``."""

    condition: Condition | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """``branch``: the first arm whose condition holds; none: on with the next step."""

    id: str
    arms: tuple[Arm, ...]
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """``send: MESSAGE``; ``topic`` None: the message's own, else the workspace's."""

    id: str
    message: str
    expires: Duration = Duration(days=1)
    topic: str | None = None
    condition: Condition | None = None
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class SetProperties:
    """``set: {profile.PATH: VALUE}``; paths without the root ``profile``."""

    id: str
    assignments: tuple[tuple[tuple[str, ...], Value], ...]
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """``track: {event: NAME, properties: {…}}``."""

    id: str
    event: str
    properties: dict[str, Value] = field(default_factory=dict)
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChangeConsent:
    """``subscribe: TOPIC`` (granted) or ``unsubscribe: TOPIC``."""

    id: str
    topic: str
    granted: bool
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """``exit: REASON``."""

    id: str
    reason: str
    position: Position = NOWHERE
    note: str = ""


class Measure(StrEnum):
    """What the arms of an experiment are compared by; of the last two the sum over a person's conversions."""

    OPENED = "opened"
    CLICKED = "clicked"
    CONVERSION = "conversion"
    REVENUE = "revenue"
    PROFIT = "profit"

    @property
    def yes_no(self) -> bool:
        """Whether a person did it or not; the others are sums of money."""
        return self in {Measure.OPENED, Measure.CLICKED, Measure.CONVERSION}

    @property
    def of_conversions(self) -> bool:
        """Whether it takes a flow with a ``conversion``."""
        return self not in {Measure.OPENED, Measure.CLICKED}


@dataclass(frozen=True, slots=True)
class Winner:
    """``winner: {by, confidence, at_least}``; ``confidence`` a share between 0 and 1, ``at_least`` people in every arm.

    ``after``: of a broadcast's trial, so long after it went to the first; the best measure then wins, where none is proven.
    """

    by: Measure
    confidence: Decimal = Decimal("0.95")
    at_least: int = 0
    after: Duration | None = None


@dataclass(frozen=True, slots=True)
class SplitArm:
    """One arm of a split; ``weight`` relative to the others', 1 where none is given."""

    name: str
    weight: Decimal
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """``split``: an experiment by its ``name``; ``bandit``: the weights lean to the arms that do better."""

    id: str
    name: str
    arms: tuple[SplitArm, ...]
    winner: Winner | None = None
    bandit: bool = False
    position: Position = NOWHERE
    note: str = ""


class IfEmpty(StrEnum):
    """What becomes of somebody for whom a pool has no code left."""

    CONTINUE = "continue"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class TakeCoupon:
    """``coupon: {pool, as, expires, if_empty}``; ``expires`` None: never."""

    id: str
    pool: str
    variable: str
    expires: Duration | None = None
    if_empty: IfEmpty = IfEmpty.CONTINUE
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Repeat:
    """``repeat``: at most ``times`` rounds of ``steps``; ``every`` None: the next begins when one has ended."""

    id: str
    times: int
    steps: tuple[Step, ...]
    every: Duration | None = None
    condition: Condition | None = None
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """``webhook: {url, method, headers, body, timeout}``; ``timeout`` in seconds. ``body`` None: none is sent."""

    id: str
    url: Value
    method: str = "POST"
    headers: dict[str, Value] = field(default_factory=dict)
    body: Value = None
    timeout: int = 10
    position: Position = NOWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Notify:
    """``notify: {to, subject, text}``."""

    id: str
    to: str
    subject: Value
    text: Value
    position: Position = NOWHERE
    note: str = ""


Step = (
    Wait
    | WaitUntilTime
    | WaitUntilMoment
    | WaitBestHour
    | WaitFor
    | Branch
    | Split
    | Repeat
    | Send
    | SetProperties
    | Track
    | ChangeConsent
    | TakeCoupon
    | CallWebhook
    | Notify
    | Exit
)


class InFlight(StrEnum):
    """What becomes of the people inside when a new version is published."""

    FOLLOW = "follow"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow; ``name`` is the file's, ``title`` the marketer's. ``holdout`` is a share from 0 to 1, None: not given.

    ``offers``: the triggers that the catalogue pulls, beside ``triggers``.
    """

    name: str
    title: str
    triggers: tuple[Trigger, ...]
    steps: tuple[Step, ...]
    per: Ref | None = None
    audience: Condition | None = None
    reentry: Reentry = Reentry()
    exit_on: tuple[EventMatch, ...] = ()
    conversion: Conversion | None = None
    holdout: Decimal | None = None
    priority: int = 0
    in_flight: InFlight = InFlight.FOLLOW
    offers: tuple[Offer, ...] = ()
    position: Position = NOWHERE


# -- broadcasts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BroadcastArm:
    """One arm of a broadcast's trial: its message. ``weight``: relative, but with a winner per cent of the segment."""

    name: str
    weight: Decimal
    message: str


@dataclass(frozen=True, slots=True)
class Trial:
    """``split`` of a broadcast; ``winner`` None: everybody is in an arm at once."""

    name: str
    arms: tuple[BroadcastArm, ...]
    winner: Winner | None = None
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Broadcast:
    """``broadcasts/NAME.yaml``: a message to a segment, at the times of ``schedules``. ``name`` is the file's.

    Either ``message``, or ``trial`` with one for each arm.
    """

    name: str
    title: str
    segment: str
    schedules: tuple[ScheduleTrigger, ...]
    message: str | None = None
    trial: Trial | None = None
    topic: str | None = None
    expires: Duration = Duration(days=1)
    holdout: Decimal | None = None
    priority: int = 0
    position: Position = NOWHERE


# -- messages and settings -------------------------------------------------------------------------------------------


class MessageKind(StrEnum):
    """Whether the rules for marketing apply."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class BodyFormat(StrEnum):
    """The three ways to write a body."""

    MJML = "mjml"
    HTML = "html"
    MARKDOWN = "md"


@dataclass(frozen=True, slots=True)
class Body:
    """One locale's body as written; ``file`` relative to the workspace folder, for positions."""

    format: BodyFormat
    text: str
    file: str


@dataclass(frozen=True, slots=True)
class Message:
    """``messages/NAME/``. Keys of the mappings are locales as written (``en``, ``pt-BR``)."""

    name: str
    kind: MessageKind
    subject: dict[str, str]
    bodies: dict[str, Body]
    texts: dict[str, Body] = field(default_factory=dict)
    preheader: dict[str, str] = field(default_factory=dict)
    topic: str | None = None
    from_: str | None = None
    reply_to: str | None = None
    utm: dict[str, str] = field(default_factory=dict)
    position: Position = NOWHERE


class TopicDefault(StrEnum):
    """What holds without a word of the profile."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of message that a recipient can turn on or off."""

    name: str
    title: str
    default: TopicDefault = TopicDefault.OPT_IN
    double_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class QuietHours:
    """``from`` is in, ``to`` is out; equal: none."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``messages`` in any ``per``."""

    messages: int
    per: Duration


@dataclass(frozen=True, slots=True)
class Keep:
    """How long history is kept; None: for ever. What the rules still need is kept for longer (ADR 63)."""

    events: Duration | None = None
    messages: Duration | None = None
    bodies: Duration | None = None
    decisions: Duration | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """``tamshy.yaml``. Topics keep their order: the first is the workspace's own."""

    name: str = "Shop"
    locale: str = "en"
    timezone: str = "UTC"
    currency: str = "USD"
    url: str = ""
    from_: str = ""
    topics: tuple[Topic, ...] = ()
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    holdout: Decimal = Decimal(0)
    clicked_attribution: Duration = Duration(days=5)
    opened_attribution: Duration = Duration(days=1)
    merge_on: frozenset[str] = frozenset({"user_id"})
    keep: Keep = Keep()


@dataclass(frozen=True, slots=True)
class CouponPool:
    """``coupons/NAME.yaml``: codes made from ``pattern``, or those of a ``file`` in its order; one of the two is given.

    ``discount`` is what the shop is told, as templates see it.
    """

    name: str
    pattern: str | None = None
    file: str | None = None
    codes: tuple[str, ...] = ()
    discount: dict[str, object] = field(default_factory=dict)
    position: Position = NOWHERE


# -- stories ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One event of a story, ``at`` after its start (or an aware datetime)."""

    at: Duration | datetime
    event: str
    properties: dict[str, object]
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class StoryEngagement:
    """``{opened: cart-reminder, after: 20m}``: ``did`` one of opened, clicked, unsubscribed, complained, bounced."""

    did: str
    message: str
    after: Duration
    url: str | None = None
    machine: bool = False
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of ``expect``.

    ``outcome`` is sent, skipped, postponed, exit, entered or refused; ``what`` the message (or the reason, for exit and
    refused); ``checks`` the further keys as written (locale, subject_contains, reason, flow, step, key, until …).
    """

    at: Duration | datetime | None
    outcome: str
    what: str | None
    checks: dict[str, object]
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Story:
    """``stories/NAME.yaml``. ``flows`` empty: all."""

    name: str
    flows: tuple[str, ...]
    profile: dict[str, object]
    start: datetime
    events: tuple[StoryEvent, ...] = ()
    engage: tuple[StoryEngagement, ...] = ()
    expect: tuple[Expectation, ...] = ()
    expect_nothing_else: bool = True
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Workspace:
    """A whole workspace folder. ``sources`` holds every file's text by its path below the folder, as written.

    ``products``: what stands in its catalogue.
    """

    settings: Settings
    flows: dict[str, Flow] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    broadcasts: dict[str, Broadcast] = field(default_factory=dict)
    stories: dict[str, Story] = field(default_factory=dict)
    segments: dict[str, Segment] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    pools: dict[str, CouponPool] = field(default_factory=dict)
    products: tuple[Product | CategoryInterval, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """``FILE:LINE:COLUMN: what is wrong (did you mean …?)``."""

    position: Position
    text: str

    def __str__(self) -> str:
        return f"{self.position}: {self.text}"
