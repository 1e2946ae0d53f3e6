"""Steps that change something: properties, consent, events of the flow's own, and errands that are to be run outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tamshy.conditions.figures import cart_shown, order_shown
from tamshy.domain.address import valid_address
from tamshy.language.model import COUPONS, CallWebhook, ChangeConsent, Notify, SetProperties, Template, Track
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import Weaver, due_rows
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.advance")
EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Values of one step to be worked out for one profile: Liquid in them sees ``context``."""

    values: tuple[object, ...]
    context: dict[str, object]


@dataclass(frozen=True, slots=True)
class Failure:
    """A value that could not be worked out, and why."""

    error: str


class Evaluate(Protocol):
    """Works out values with Liquid in them, for many profiles at once; each value comes out, or why it does not."""

    def __call__(self, evaluations: Sequence[Evaluation]) -> list[tuple[object, ...]]:
        """Work out the values, in order; a value that fails is a `Failure`."""


def change(conn: Connection, book: Rulebook, bucket: int, pass_: int, places: set[int], evaluate: Evaluate) -> None:
    """Do what the due steps say that are not about the way: properties, consent, events, errands; before they are left.

    Whoever waits for a webhook's answer is not left: its row has moved, and nothing finds it any more where the agenda says.
    """
    params: dict[str, object] = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    consents = book.statement_for("change_consents", places, build_consents)
    if consents is not None:
        consents.run(conn, params)
    constants = book.statement_for("constants", places, build_constants)
    templates = book.statement_for("templates", places, build_templates)
    if constants is None and templates is None:
        return
    assigned = 0
    if constants is not None:
        assigned += constants.run(conn, params).rowcount
    if templates is not None:
        assigned += _assign_evaluated(conn, book, templates, params, evaluate)
    if not assigned:
        return
    for name, build in (("set", build_set), ("track", build_track)):
        statement = book.statement_for(name, places, build)
        if statement is not None:
            statement.run(conn, params)
    errands = book.statement_for("errands", places, build_errands)
    if errands is not None:
        errands.run(conn, params)
    conn.execute(_SQL["refresh_zones"], params | {"zone": book.settings.timezone})


def build_consents(book: Rulebook) -> Statement | None:
    """Consent changed by a step, with the flow as its evidence; the event of it is emitted."""
    weave = Weaver(book)
    rows = [
        f"({place.number}, {weave.literal(place.node.step.topic, 'text')}, {str(place.node.step.granted).lower()}, "
        f"{weave.literal(place.node.step.id, 'text')})"
        for place in book.places()
        if isinstance(place.node.step, ChangeConsent)
    ]
    if not rows:
        return None
    sql = f"""
with x as materialized (
    select e.profile, e.id, e.flow, a.moment, l.topic, l.granted, l.step,
        md5(concat_ws('|', e.id, l.place, e.visit))::uuid as item, (extract(epoch from a.moment) * 1000000)::bigint as at
    from agenda a
    join enrollment e on e.bucket = %(bucket)s and e.profile = a.profile and e.id = a.id
    join (values {", ".join(rows)}) as l (place, topic, granted, step) on l.place = a.place
), logged as (
    insert into consent (bucket, profile, id, topic, granted, occurred_at, taken_in_at, source, evidence)
    select %(bucket)s, profile, item, topic, granted, moment, moment, 'flow/' || flow,
        jsonb_build_object('enrollment', id, 'step', step)
    from x
    on conflict do nothing
), emitted as (
    insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties)
    select %(bucket)s, profile, moment, true, %(pass)s, item, %(workspace)s, 'event', 1,
        case when granted then 'Subscribed' else 'Unsubscribed' end, moment,
        jsonb_build_object('topic', topic, 'flow', flow, 'step', step)
    from x
)
update profile p
set consents = p.consents || jsonb_build_object(x.topic, jsonb_build_object('on', x.granted, 'at', x.at))
from x
where p.bucket = %(bucket)s and p.id = x.profile
    and coalesce((p.consents -> x.topic ->> 'at')::bigint < x.at
        or ((p.consents -> x.topic ->> 'at')::bigint = x.at and not x.granted), true)"""
    return Statement(sql, weave.params, _places(book, ChangeConsent))


def _places(book: Rulebook, kind: type[object]) -> frozenset[int]:
    return frozenset(place.number for place in book.places() if isinstance(place.node.step, kind))


def _values(place: Place) -> tuple[object, ...]:
    step = place.node.step
    if isinstance(step, SetProperties):
        return tuple(value for _, value in step.assignments)
    if isinstance(step, Track):
        return (step.properties,)
    if isinstance(step, CallWebhook):
        return (step.url, step.headers, step.body)
    if isinstance(step, Notify):
        return (step.subject, step.text)
    return ()


def _templated(value: object) -> bool:
    if isinstance(value, dict):
        return any(_templated(member) for member in value.values())
    if isinstance(value, list | tuple):
        return any(_templated(member) for member in value)
    return isinstance(value, Template)


def _constant(place: Place) -> bool:
    """Whether the step writes the same for everybody: no Liquid, and no path into what a profile already holds."""
    step = place.node.step
    deep = isinstance(step, SetProperties) and any(len(path) > 1 for path, _ in step.assignments)
    return not deep and not _templated(list(_values(place)))


def _changing(book: Rulebook, *, constant: bool) -> list[Place]:
    return [
        place
        for place in book.places()
        if isinstance(place.node.step, SetProperties | Track | CallWebhook | Notify) and _constant(place) is constant
    ]


def _patch(place: Place, values: tuple[object, ...], properties: dict[str, object]) -> dict[str, object] | None:
    """What a step writes: the event's properties, or the profile's top-level properties anew; None: nothing.

    A value that failed leaves its property as it was; an event or an errand with one is not made.
    """
    step = place.node.step
    if isinstance(step, CallWebhook | Notify):
        failed = any(isinstance(value, Failure) for value in values)
        return None if failed else {"errand": _request(step, values)}
    if isinstance(step, Track):
        return None if isinstance(values[0], Failure) else {"track": values[0]}
    if not isinstance(step, SetProperties):
        return None
    written: dict[str, object] = {}
    for (path, _), value in zip(step.assignments, values, strict=True):
        if not isinstance(value, Failure):
            base = written.get(path[0], properties.get(path[0]))
            written[path[0]] = _deep(base, path[1:], value)
    patch: dict[str, object] = {"set": written}
    if EMAIL in written:
        email = written[EMAIL]
        patch["address"] = valid_address(email) if isinstance(email, str) else None
    return patch if written else None


def _request(step: CallWebhook | Notify, values: tuple[object, ...]) -> dict[str, object]:
    """What an errand says to the outside, as plain values."""
    if isinstance(step, Notify):
        subject, text = values
        return {"to": step.to, "subject": str(subject), "text": str(text)}
    url, headers, body = values
    lines = (
        {name: "" if value is None else str(value) for name, value in headers.items()}
        if isinstance(headers, dict)
        else {}
    )
    return {"url": str(url), "method": step.method, "headers": lines, "body": body, "timeout": step.timeout}


def _deep(base: object, path: tuple[str, ...], value: object) -> object:
    """``base`` with ``value`` at ``path``; what is in the way and no object gives way to one."""
    if not path:
        return value
    found = dict(base) if isinstance(base, dict) else {}
    found[path[0]] = _deep(found.get(path[0]), path[1:], value)
    return found


def build_constants(book: Rulebook) -> Statement | None:
    """Fills ``assignment`` for the steps whose values are the same for everybody."""
    weave = Weaver(book)
    places = _changing(book, constant=True)
    if not places:
        return None
    rows = ", ".join(
        f"({place.number}, {weave.literal(rows_json([_patch(place, _values(place), {})]), 'jsonb')} -> 0)"
        for place in places
    )
    sql = f"""
insert into assignment (profile, enrollment, place, moment, patch)
select e.profile, e.id, l.place, a.moment, l.patch
from agenda a
join enrollment e on e.bucket = %(bucket)s and e.profile = a.profile and e.id = a.id
join (values {rows}) as l (place, patch) on l.place = a.place"""
    return Statement(sql, weave.params, frozenset(place.number for place in places))


def build_templates(book: Rulebook) -> Statement | None:
    """Reads what Liquid in the values of due steps may ask for."""
    weave = Weaver(book)
    places = _changing(book, constant=False)
    if not places:
        return None
    numbers = weave.literal([place.number for place in places], "bigint[]")
    asked = (
        "x.profile, x.enrollment, x.place, x.moment, x.props, x.ev_props, x.ev_ctx, x.ev_at, x.vars, x.flow, x.version"
    )
    sql = f"""
select {asked}, {cart_shown("%(bucket)s::smallint", "c")}, {order_shown("%(bucket)s::smallint", "o")}
from ({due_rows(asked)} and a.place = any({numbers})) x"""
    return Statement(sql, weave.params, frozenset(place.number for place in places))


def _assign_evaluated(
    conn: Connection, book: Rulebook, statement: Statement, params: dict[str, object], evaluate: Evaluate
) -> int:
    """Work out the values of the steps that hold Liquid, and write them to ``assignment``; failures are recorded."""
    rows = statement.run(conn, params).fetchall()
    if not rows:
        return 0
    places = {place.number: place for place in book.places()}
    evaluations = [
        Evaluation(
            _values(places[place]),
            {
                "profile": props,
                "event": {**ev_props, "occurred_at": ev_at, "context": ev_ctx},
                "cart": cart,
                "order": order,
                "vars": {name: value for name, value in vars_.items() if name != COUPONS},
                "coupon": vars_.get(COUPONS, {}),
                "now": moment,
            },
        )
        for _, _, place, moment, props, ev_props, ev_ctx, ev_at, vars_, _, _, cart, order in rows
    ]
    done: list[dict[str, object]] = []
    failed: list[dict[str, object]] = []
    for row, values in zip(rows, evaluate(evaluations), strict=True):
        profile, enrollment, number, moment, properties = row[:5]
        place = places[number]
        failed += [
            {
                "i": place_among,
                "p": profile,
                "e": enrollment,
                "m": moment,
                "s": place.node.step.id,
                "f": row[9],
                "v": row[10],
                "x": value.error,
            }
            for place_among, value in enumerate(values)
            if isinstance(value, Failure)
        ]
        patch = _patch(place, values, properties)
        if patch is not None:
            done.append({"p": profile, "e": enrollment, "n": number, "m": moment, "patch": patch})
    if done:
        conn.execute(_SQL["assign"], {"rows": rows_json(done)})
    if failed:
        conn.execute(_SQL["note_failures"], params | {"rows": rows_json(failed)})
    return len(done)


def build_set(book: Rulebook) -> Statement | None:
    """Writes the properties that ``set`` steps assign, stamped with the moment of the step."""
    numbers = _places(book, SetProperties)
    if not numbers:
        return None
    sql = """
update profile p
set properties = p.properties || t.written, stamps = p.stamps || t.stamps,
    address = case when t.patch ? 'address' then t.patch ->> 'address' else p.address end
from (
    select s.profile, s.patch, s.patch -> 'set' as written, (
        select jsonb_object_agg(k.key, (extract(epoch from s.moment) * 1000000)::bigint)
        from jsonb_object_keys(s.patch -> 'set') k (key)
    ) as stamps
    from assignment s
    where s.patch ? 'set'
) t
where p.bucket = %(bucket)s and p.id = t.profile"""
    return Statement(sql, {}, numbers)


def build_track(book: Rulebook) -> Statement | None:
    """Emits the events of ``track`` steps: taken in once nothing is due at that moment."""
    weave = Weaver(book)
    rows = [
        f"({place.number}, {weave.literal(place.node.step.event, 'text')})"
        for place in book.places()
        if isinstance(place.node.step, Track)
    ]
    if not rows:
        return None
    sql = f"""
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, context)
select %(bucket)s, s.profile, s.moment, true, %(pass)s, md5(concat_ws('|', s.enrollment, s.place, e.visit))::uuid, %(workspace)s,
    'event', 0, l.name, s.moment, s.patch -> 'track', jsonb_build_object('flow', e.flow)
from assignment s
join enrollment e on e.bucket = %(bucket)s and e.profile = s.profile and e.id = s.enrollment
join (values {", ".join(rows)}) as l (place, name) on l.place = s.place"""
    return Statement(sql, weave.params, _places(book, Track))


def build_errands(book: Rulebook) -> Statement | None:
    """Writes down what ``webhook`` and ``notify`` steps want done outside; who calls a webhook waits for the answer.

    For the held out nothing is done (rule 25), and neither in a simulation: they go on at once.
    """
    if not book.calls_out:
        return None
    weave = Weaver(book)
    rows = [
        f"({place.number}, {weave.literal(place.node.step.id, 'text')}, {str(isinstance(place.node.step, CallWebhook)).lower()})"
        for place in book.places()
        if isinstance(place.node.step, CallWebhook | Notify)
    ]
    if not rows:
        return None
    sender = weave.literal(book.settings.from_, "text")
    sql = f"""
with t as materialized (
    select s.profile, s.enrollment, s.moment, e.flow, e.version, e.visit, l.step, l.waits,
        case when l.waits then s.patch -> 'errand' else (s.patch -> 'errand') || jsonb_build_object('from', {sender}) end as request
    from assignment s
    join enrollment e on e.bucket = %(bucket)s and e.profile = s.profile and e.id = s.enrollment and not e.held_out
    join (values {", ".join(rows)}) as l (place, step, waits) on l.place = s.place
), asked as (
    insert into errand (bucket, profile, id, workspace, kind, enrollment, flow, version, step, request, state, waits, next_at,
        asked_at)
    select %(bucket)s, profile, md5(concat_ws('|', enrollment, step, visit))::uuid, %(workspace)s,
        case when waits then 'webhook' else 'notify' end, enrollment, flow, version, step, request, 'queued', waits, moment, moment
    from t
    -- a version published meanwhile brings people to the step anew that wait there already
    where not exists (
        select from errand g
        where g.bucket = %(bucket)s and g.profile = t.profile and g.enrollment = t.enrollment and g.step = t.step and g.waits)
    on conflict do nothing
)
update enrollment e
set work_at = 'infinity'
from t
where t.waits and e.bucket = %(bucket)s and e.profile = t.profile and e.id = t.enrollment"""
    return Statement(sql, weave.params, _places(book, CallWebhook) | _places(book, Notify))
