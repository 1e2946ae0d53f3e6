"""References as SQL: the values at a path, the moments and days that texts mean, and an enrollment's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.conditions import figures
from tamshy.conditions.writing import storable
from tamshy.language.model import COUPONS, Root
from tamshy.sqlkit.calendar import engine_moment_sql, local_sql, resolve_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.conditions.writing import Tested, Writer
    from tamshy.language.model import Ref

OCCURRED_AT: Final = ("occurred_at",)
CONTEXT: Final = "context"
_EARLIEST: Final = "1900-01-01T00:00:00Z"
_LATEST: Final = "7000-01-01T00:00:00Z"
BUYERS: Final = (Root.RFM, Root.PREDICTED)
"""What a reference to what was last found of a buyer starts from."""
FIGURES: Final = (Root.CART, Root.ORDER, *BUYERS)
SCALARS: Final = "('string', 'number', 'boolean')"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a reference's values come from.

    `moment` is SQL of a timestamptz where the reference is a moment by itself (`event.occurred_at`, `cart.updated_at`), else
    `document` is SQL of a jsonb and `path` leads on from it. A path of one or none has exactly one value, which may be null.
    """

    document: str
    path: tuple[str, ...]
    moment: str | None = None

    @property
    def fans_out(self) -> bool:
        """Whether lists may lie on the way."""
        return len(self.path) > 1


def source(writer: Writer, ref: Ref, tested: Tested) -> Source:
    """Say where a reference's values come from."""
    if ref.root in FIGURES:
        return of_figure(ref, figures.figure(ref.root.value, ref.path[0], writer.env.bucket, writer.alias()))
    return kept(ref, tested)


def of_figure(ref: Ref, found: str) -> Source:
    """Say the same of a figure, of which `found` is the SQL."""
    moment = (ref.root.value, ref.path[0]) in figures.MOMENTS
    return Source("null::jsonb", (), found) if moment else Source(f"to_jsonb({found})", ())


def kept(ref: Ref, tested: Tested) -> Source:
    """Say the same of what lies in a document: everything but figures."""
    if not all(storable(part) for part in ref.path):
        return Source("null::jsonb", ())
    if ref.root is Root.VARS:
        return Source("x.vars", ref.path)
    if ref.root is Root.COUPON:
        return Source(f"(x.vars -> '{COUPONS}')", ref.path)
    if ref.root is Root.PROFILE:
        return Source("x.props", ref.path)
    if ref.path == OCCURRED_AT:
        return Source("null::jsonb", (), tested.occurred_at)
    if ref.path[0] == CONTEXT:
        return Source(tested.context, ref.path[1:])
    return Source(tested.properties, ref.path)


def single(writer: Writer, place: Source) -> str:
    """Give SQL of the one value of a source that does not fan out: jsonb, null where it is missing."""
    if place.moment is not None:
        return f"to_jsonb(iso_text({place.moment}))"
    if not place.path:
        return place.document
    return f"({place.document} -> {writer.value(place.path[0], 'text')})"


def leaves(writer: Writer, place: Source) -> str:
    """Give the SQL call that yields one row for each value of a source, null for each that is missing."""
    return f"leaves({place.document}, {writer.value(list(place.path), 'text[]')})"


def some_leaf(writer: Writer, place: Source, holds: Callable[[str], str]) -> str:
    """Give SQL that tells whether a value of the source passes; `holds` gives the test of one, which may be null."""
    if not place.fans_out:
        return f"coalesce({holds(single(writer, place))}, false)"
    row = writer.alias()
    return f"exists (select from {leaves(writer, place)} {row} (value) where {holds(f'{row}.value')})"


def first_scalar(writer: Writer, place: Source) -> str:
    """Give SQL of the first value that is a text, a number or a boolean, as jsonb; null where there is none."""
    row = writer.alias()
    if not place.fans_out:
        held = f"(select {single(writer, place)} as value offset 0) {row}"
        return f"(select case when jsonb_typeof({row}.value) in {SCALARS} then {row}.value end from {held})"
    return (
        f"(select {row}.value from {leaves(writer, place)} with ordinality {row} (value, place)"
        f" where jsonb_typeof({row}.value) in {SCALARS} order by {row}.place limit 1)"
    )


def key(writer: Writer, place: Source) -> str:
    """Give SQL of the value as text; '' for missing, null, a list, an object, or more than one value (rule 12)."""
    row = writer.alias()
    if not place.fans_out:
        held = f"(select {single(writer, place)} as value offset 0) {row}"
        scalar = (
            f"(select case when jsonb_typeof({row}.value) in {SCALARS} then {row}.value #>> '{{}}' end from {held})"
        )
        return f"coalesce({scalar}, '')"
    one = (
        f"case when count(*) = 1 then min({row}.value #>> '{{}}') filter (where jsonb_typeof({row}.value) in {SCALARS})"
    )
    return f"coalesce((select {one} end from {leaves(writer, place)} {row} (value)), '')"


def moment(writer: Writer, value: str) -> str:
    """Give SQL of the moment that a jsonb value means, or null.

    A moment is ISO 8601 text; without an offset it is in the workspace's zone.
    """
    row = writer.alias()
    if writer.env.zone == "UTC":
        unplaced = f"{row}.reading at time zone 'UTC'"
    else:
        unplaced = resolve_sql(f"{row}.reading", writer.value(writer.env.zone, "text"))
    return (
        f"(select coalesce(({row}.reading - iso_offset({row}.written)) at time zone 'UTC', {unplaced})"
        f" from {_read(value, row, writer)} where {row}.reading is not null)"
    )


def engine_moment(writer: Writer, written: str) -> str:
    """Give SQL of a moment that the engine itself has written down with an offset; null where the text is null."""
    return engine_moment_sql(written, writer.alias())


def day(writer: Writer, value: str) -> str:
    """Give SQL of the date that a jsonb value means, or null.

    A date is itself, `MM-DD` that day in the year 4, a timestamp the local date of its moment for the profile.
    """
    row = writer.alias()
    text = f"case when jsonb_typeof({row}.value) = 'string' then {row}.value #>> '{{}}' end"
    local = local_sql(moment(writer, f"{row}.value"), "x.zone")
    return f"(select coalesce(iso_day({text}), ({local})::date) from (select {value} as value offset 0) {row})"


def source_moment(writer: Writer, place: Source) -> str:
    """Give SQL of the moment that a reference holds, or null; those that stand for never are brought near.

    "9999-12-31" and the like are good for comparing, but a sum of one would leave what Python and PostgreSQL both hold.
    """
    if place.moment is not None:
        return place.moment
    row = writer.alias()
    held = f"(select {moment(writer, first_scalar(writer, place))} as at offset 0) {row}"
    near = f"greatest(timestamptz '{_EARLIEST}', least(timestamptz '{_LATEST}', {row}.at))"
    return f"(select case when {row}.at is not null then {near} end from {held})"


def _read(value: str, row: str, writer: Writer) -> str:
    """Give a FROM item with the text of a value and its reading; fenced, so that each is worked out once."""
    inner = writer.alias()
    text = f"case when jsonb_typeof({inner}.value) = 'string' then {inner}.value #>> '{{}}' end"
    held = f"(select {value} as value offset 0) {inner}"
    fenced = f"(select {text} as written from {held} offset 0) {inner}t"
    return f"(select {inner}t.written, iso_reading({inner}t.written) as reading from {fenced} offset 0) {row}"
