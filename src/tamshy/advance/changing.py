"""Steps that change something: properties, consent, events of the flow's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tamshy.conditions.figures import cart_shown, order_shown
from tamshy.domain.address import valid_address
from tamshy.language.model import ChangeConsent, SetProperties, Template, Track
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
    """Do what the due ``set``, ``track``, ``subscribe`` and ``unsubscribe`` steps say, before they are left."""
    params: dict[str, object] = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    consents = book.statement_for("change_consents", places, build_consents)
    if consents is not None:
        conn.execute(consents.sql, consents.params | params)
    constants = book.statement_for("constants", places, build_constants)
    templates = book.statement_for("templates", places, build_templates)
    if constants is None and templates is None:
        return
    assigned = 0
    if constants is not None:
        assigned += conn.execute(constants.sql, constants.params | params).rowcount
    if templates is not None:
        assigned += _assign_evaluated(conn, book, templates, params, evaluate)
    if not assigned:
        return
    for name, build in (("set", build_set), ("track", build_track)):
        statement = book.statement_for(name, places, build)
        if statement is not None:
            conn.execute(statement.sql, statement.params | params)
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
        if isinstance(place.node.step, SetProperties | Track) and _constant(place) is constant
    ]


def _patch(place: Place, values: tuple[object, ...], properties: dict[str, object]) -> dict[str, object] | None:
    """What a step writes: the event's properties, or the profile's top-level properties anew; None: nothing.

    A value that failed leaves its property as it was; an event with one is not emitted.
    """
    step = place.node.step
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
    rows = conn.execute(statement.sql, statement.params | params).fetchall()
    if not rows:
        return 0
    places = {place.number: place for place in book.places()}
    evaluations = [
        Evaluation(
            _values(places[place]),
            {
                "profile": props,
                "event": {**ev_props, "occurred_at": ev_at, "context": ev_ctx},
                **({} if cart is None else {"cart": cart}),
                "order": order,
                "vars": vars_,
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
