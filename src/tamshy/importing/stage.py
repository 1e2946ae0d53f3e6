"""Taking a file in: batch by batch, each stored with how far the file has come, so that it can be gone on with."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.commerce import FOUNDING, tell
from tamshy.domain.ids import named
from tamshy.importing.files import Broken, recognised, records
from tamshy.importing.meaning import Meaning, WrongCell, types_of
from tamshy.importing.meaning import named as paths_of
from tamshy.importing.provenance import PROVIDERS, list_of
from tamshy.importing.saying import Fault, Meant, Says, block, event, person, product
from tamshy.ingest import Refused, cleaned, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from tamshy.importing.files import Format, Record
    from tamshy.importing.provenance import Provider, Said
    from tamshy.ingest import WorkspaceRef
    from tamshy.sqlkit import Connection

_Q: Final = sqlkit.queries("tamshy.importing")
BATCH: Final = 2000
"""Records that are stored together."""
_TRIES: Final = 8
_BOUND: Final = {
    "event": "event",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "email": "email",
    "timestamp": "timestamp",
    "message_id": "messageId",
}
"""Columns of an events file that are the call's own, by their paths; every other is a property."""


class Kind(StrEnum):
    """What a file holds."""

    PROFILES = "profiles"
    EVENTS = "events"
    PRODUCTS = "products"
    SUPPRESSIONS = "suppressions"


class Busy(RuntimeError):
    """Another process is taking the same file in at this moment."""


@dataclass(frozen=True, slots=True)
class Target:
    """The workspace that a file is for: how calls are stored, its topics, and those that are allowed until withdrawn."""

    ref: WorkspaceRef
    topics: frozenset[str]
    open_topics: frozenset[str]


@dataclass(frozen=True, slots=True)
class Told:
    """A word about a record: refused, or (``refused`` False) taken in but for what the word is about."""

    line: int
    field: str
    text: str
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file has come: bytes of its size, and records."""

    place: int
    size: int
    records: int


@dataclass(slots=True)
class Options:
    """What the person who imports has said beside the file; empty: found out, or none."""

    topic: str = ""
    evidence: str = ""
    consented_at: str = ""
    bought: bool = False
    types: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""


@dataclass(slots=True)
class Counts:
    """What came of a file, over all its goes."""

    records: int = 0
    refused: int = 0
    stored: int = 0
    """Calls that were left for the engine."""
    known: int = 0
    """Calls that had been imported before."""
    granted: int = 0
    withdrawn: int = 0
    unproven: int = 0
    """Consents that were not recorded, for want of evidence."""
    suppressed: int = 0
    products: int = 0

    def add(self, other: Counts) -> Counts:
        """Give the sum."""
        return Counts(**dict(Counter(asdict(self)) + Counter(asdict(other))))


@dataclass(frozen=True, slots=True)
class Report:
    """How a file was read, and what came of it. ``resumed``: the line it was gone on with from, 0: it was begun."""

    kind: Kind
    format: Format
    provider: str
    columns: dict[str, str]
    types: dict[str, str]
    counts: Counts
    resumed: int = 0
    as_of: datetime | None = None


class _Reader:
    """What a file's records mean, found out before the first is taken in."""

    def __init__(self, path: Path, kind: Kind, options: Options) -> None:
        self._path = path
        self.kind = kind
        self.options = options
        self.format = recognised(path, encoding=options.encoding, delimiter=options.delimiter)
        self.provider = self._provider()
        self._raw = {name: place for place, name in reversed(list(enumerate(self.format.header)))}
        self.meaning: Meaning | None = None
        if self.format.form == "csv":
            names = paths_of(self.format.header, dict(self.provider.columns) if self.provider else {})
            known = {*names.header, *(".".join(path) for path in names.paths)}
            for column in options.types:
                if column not in known:
                    raise BadOption(f"--types: there is no column {column!r}; there are {', '.join(names.header)}")
            self.meaning = Meaning(names, types_of(names, self._rows(), options.types))
            if options.consented_at and options.consented_at not in self._raw:
                raise BadOption(
                    f"--consented-at: there is no column {options.consented_at!r}; there are {', '.join(names.header)}"
                )

    def _provider(self) -> Provider | None:
        if self.kind in {Kind.EVENTS, Kind.PRODUCTS}:
            return None
        return next((one for one in PROVIDERS if one.knows(self.format.header)), None)

    def _rows(self) -> Iterator[list[str]]:
        for record in records(self._path, self.format, self.format.start, self.format.first_line):
            if isinstance(record.content, list):
                yield record.content

    def digest(self) -> UUID:
        """Tell the file, with what it means, from every other."""
        said = self.options
        meaning = (said.topic, said.evidence, said.consented_at, said.bought, sorted(said.types.items()))
        return named(
            "import", self.format.digest, self.kind, repr(meaning), self.format.encoding, self.format.delimiter
        )

    def meant(self, as_of: datetime, target: Target) -> Meant:
        """What holds for all records."""
        return Meant(
            file=self._path.name,
            zone=target.ref.zone,
            as_of=as_of,
            topics=target.topics,
            open_topics=target.open_topics,
            topic=self.options.topic or target.ref.topic,
            evidence=self.options.evidence,
            bought=self.options.bought,
            provider=self.provider.name if self.provider else "",
        )

    def says(self, record: Record, meant: Meant, arrival: datetime) -> Says:
        """Read one record.

        Raises:
            Fault: it is refused.
        """
        if isinstance(record.content, Broken):
            raise Fault("", str(record.content))
        said: Said | None = None
        consented: object = None
        if isinstance(record.content, list):
            values = self._values(record.content)
            said = self._said(record.content)
            place = self._raw.get(self.options.consented_at)
            if place is not None and place < len(record.content):
                consented = record.content[place].strip()
        else:
            values = record.content
            if self.options.consented_at:
                consented = _within(values, self.options.consented_at)
        values = _cleaned(values, said)
        if self.kind is Kind.PROFILES:
            return person(values, said, record.line, meant, arrival, consented)
        if self.kind is Kind.SUPPRESSIONS:
            return block(values, said, meant, arrival)
        if self.kind is Kind.PRODUCTS:
            return product(values, meant, written=self.meaning is not None)
        return event(_call(values) if self.meaning is not None else values, record.line, meant, arrival)

    def _values(self, cells: list[str]) -> dict[str, object]:
        if self.meaning is None:
            return {}
        if len(cells) > len(self.format.header) and any(cell.strip() for cell in cells[len(self.format.header) :]):
            raise Fault(
                "",
                f"the line has {len(cells)} cells and the header {len(self.format.header)}; quote a cell that holds the delimiter",
            )
        try:
            values = self.meaning.values(cells)
        except WrongCell as exc:
            raise Fault(exc.column, str(exc)) from exc
        for path in self.provider.lists if self.provider else ():
            cell = values.get(path)
            if isinstance(cell, str):
                values[path] = list_of(cell)
        return values

    def _said(self, cells: list[str]) -> Said | None:
        if self.provider is None:
            return None
        return self.provider.read({name: cell.strip() for name, cell in zip(self.format.header, cells, strict=False)})


class BadOption(ValueError):
    """What was said beside the file does not fit it; the message says what would."""


def run(
    conn: Connection,
    target: Target,
    kind: Kind,
    path: Path,
    options: Options,
    *,
    as_of: datetime,
    now: Callable[[], datetime],
    told: Callable[[Told | Progress], None],
) -> Report:
    """Take a file in; commits batch by batch. Gone on with where an earlier go has ended, whatever ended it.

    Args:
        conn: a connection of its own.
        target: the workspace.
        kind: what the file holds.
        path: the file.
        options: what was said beside it.
        as_of: when it is so what the file says, where a line has no time of its own.
        now: the moment; asked once for each batch, as its arrival.
        told: hears of every record that is refused, before anything of its batch is stored, and how far the file has come.

    Raises:
        BadFile: the file as a whole cannot be used.
        BadOption: what was said beside it does not fit it.
        ClashingColumns: two columns cannot both be what their names say.
        Busy: another process is taking the same file in.
        Contended: other processes kept changing the same people.
    """
    if options.topic and options.topic not in target.topics:
        known = ", ".join(sorted(target.topics)) or "none: publish a folder with topics first"
        raise BadOption(f"there is no topic {options.topic!r}; there are {known}")
    reader = _Reader(path, kind, options)
    digest = reader.digest()
    key: dict[str, object] = {"workspace": target.ref.id, "digest": digest}
    begun = {"kind": kind.value, "file": path.name, "now": now(), "as_of": as_of}
    start = {"place": reader.format.start, "line": reader.format.first_line}
    conn.execute(_Q["begin"], key | begun | start)
    row = conn.execute(_Q["standing"], key).fetchone()
    conn.commit()
    if row is None:
        raise Busy("the same file was taken in, and forgotten, at this moment")
    place, line, kept, since = row
    going = _Going(conn, target, reader, reader.meant(since, target), key, now, told)
    going.place, going.line, going.counts = place, line, Counts(**kept)
    resumed = line if place != reader.format.start else 0
    going.go(path)
    names = reader.meaning.names if reader.meaning else None
    types = {
        name: kind_
        for name, path_, kind_ in (
            zip(names.header, names.paths, reader.meaning.types, strict=True) if names and reader.meaning else ()
        )
        if path_ and kind_ != "text"
    }
    return Report(
        kind,
        reader.format,
        reader.provider.name if reader.provider else "",
        names.said() if names else {},
        types,
        going.counts,
        resumed,
        since,
    )


@dataclass
class _Going:
    """A file that is being taken in."""

    conn: Connection
    target: Target
    reader: _Reader
    meant: Meant
    key: dict[str, object]
    now: Callable[[], datetime]
    told: Callable[[Told | Progress], None]
    place: int = 0
    line: int = 0
    counts: Counts = field(default_factory=Counts)

    def go(self, path: Path) -> None:
        """Take all that is left."""
        batch: list[Record] = []
        for record in records(path, self.reader.format, self.place, self.line):
            batch.append(record)
            if len(batch) == BATCH:
                self._take(batch)
                batch = []
        if batch:
            self._take(batch)
        self.conn.execute(_Q["end"], self.key | {"now": self.now()})
        self.conn.commit()

    def _take(self, batch: list[Record]) -> None:
        """Store a batch, and with it how far the file has come."""
        arrival = _milliseconds(self.now())
        counts = Counts(records=len(batch))
        whole = Says()
        for record in batch:
            try:
                says = self.reader.says(record, self.meant, arrival)
            except Fault as exc:
                counts.refused += 1
                self.told(Told(record.line, exc.field, str(exc)))
                continue
            for column, text in says.notes:
                self.told(Told(record.line, column, text, refused=False))
            whole.calls += says.calls
            whole.blocks += says.blocks
            whole.words += says.words
            counts.granted += says.granted
            counts.withdrawn += says.withdrawn
            counts.unproven += says.unproven
        counts.suppressed, counts.products = len(whole.blocks), len(whole.words)
        last = batch[-1]
        for left in reversed(range(_TRIES)):
            try:
                self._store(whole, counts, last, arrival)
            except (sqlkit.Error, sqlkit.DatabaseUnavailable) as exc:
                if not (left and sqlkit.is_retryable(exc)):
                    raise
                self.conn.rollback()
            else:
                break
        self.told(Progress(self.place, self.reader.format.size, self.counts.records))

    def _store(self, whole: Says, counts: Counts, last: Record, arrival: datetime) -> None:
        stored = store(self.conn, self.target.ref, whole.calls)
        if whole.blocks:
            rows = sqlkit.rows_json(whole.blocks)
            self.conn.execute(_Q["block"], {"workspace": self.target.ref.id, "rows": rows})
        if whole.words:
            tell(self.conn, self.target.ref.id, whole.words, arrival, FOUNDING)
        counts.stored, counts.known = stored.accepted, stored.repeated
        after = self.counts.add(counts)
        said = {
            "place": last.place,
            "line": last.next_line,
            "before": self.place,
            "counts": sqlkit.rows_json([asdict(after)])[1:-1],
        }
        if self.conn.execute(_Q["advance"], self.key | said).rowcount != 1:
            self.conn.rollback()
            raise Busy("another process is taking the same file in at this moment; it goes on, this one ends")
        self.conn.commit()
        self.place, self.line, self.counts = last.place, last.next_line, after


def _cleaned(values: dict[str, object], said: Said | None) -> dict[str, object]:
    """Refuse what cannot be stored, wherever in a record it stands, and bring its text to NFC.

    Raises:
        Fault: the record holds something of the kind.
    """
    beside = [] if said is None else [said.at, said.ip, said.source, said.word]
    try:
        clean, _ = cleaned({"values": values, "said": beside})
    except Refused as exc:
        raise Fault("", str(exc)) from exc
    found = clean["values"]
    return found if isinstance(found, dict) else {}


def _call(values: dict[str, object]) -> dict[str, object]:
    """Give a row of a CSV as a call: what is the call's own beside its properties."""
    call: dict[str, object] = {"type": "track"}
    properties: dict[str, object] = {}
    for name, value in values.items():
        if name in _BOUND:
            call[_BOUND[name]] = value
        elif name == "properties" and isinstance(value, dict):
            properties |= value
        else:
            properties[name] = value
    if "event" not in call:
        raise Fault("event", "the event has no name: give it in a column `event`")
    return call | {"properties": properties}


def _within(values: object, path: str) -> object:
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
