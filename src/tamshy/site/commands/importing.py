"""`import`: people, what happened, products, or addresses to be left alone, with a word for every line that is refused."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from tamshy.importing import Kind, Options, Progress, Report, Target, Told, run
from tamshy.importing.meaning import TYPES
from tamshy.ingest import WorkspaceRef
from tamshy.language import parse_moment
from tamshy.language.model import TopicDefault
from tamshy.publish import load_rulebook
from tamshy.site.clock import clock_from
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import WrongUse, configured, opened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tamshy.rulebook import Rulebook

_DONE: Final = 0
_NOT_SO: Final = 1
_WIDTH: Final = 30
_TOLD_EVERY_S: Final = 0.2


def import_(options: argparse.Namespace) -> int:
    """Take a file in; 1 where a line of it was refused."""
    kind, path = _kind(options.kind), Path(options.file)
    said = _options(options, kind)
    if not path.is_file():
        raise WrongUse(f"{path} does not exist, or is no file")
    clock = clock_from(configured(options).clock)
    with opened(options) as work:
        book = load_rulebook(work.conn, work.workspace)
        work.conn.commit()
        target = target_of(book)
        as_of = _as_of(options.as_of, path, target.ref.zone, clock.now())
        show = _Showing(options.file, as_json=options.json)
        report = run(work.conn, target, kind, path, said, as_of=as_of, now=clock.now, told=show)
    show.end()
    if options.json:
        data(_as_data(report))
    else:
        for line in _lines(report, options.file):
            out(line)
        if kind is Kind.PROFILES and not target.ref.by_email:
            remark("addresses tie nobody together here: `identities: {merge_on: [user_id, email]}` in tamshy.yaml does")
    return _NOT_SO if report.counts.refused else _DONE


def target_of(book: Rulebook) -> Target:
    """Give a workspace as an import has to know it."""
    settings = book.settings
    ref = WorkspaceRef(
        book.workspace,
        book.name,
        book.buckets,
        settings.timezone,
        settings.merge_on,
        book.default_topic,
        book.first_bucket,
    )
    names = {topic.name: topic.default is TopicDefault.OPT_OUT for topic in settings.topics}
    return Target(ref, frozenset(names), frozenset(name for name, is_open in names.items() if is_open))


def _kind(word: str) -> Kind:
    try:
        return Kind(word)
    except ValueError as exc:
        raise WrongUse(f"KIND is one of profiles, events, products, suppressions, not {word!r}") from exc


def _options(options: argparse.Namespace, kind: Kind) -> Options:
    if kind is not Kind.PROFILES and (options.evidence or options.consented_at or options.bought):
        raise WrongUse("--evidence, --consented-at and --bought are for profiles")
    if bool(options.evidence) != bool(options.consented_at):
        raise WrongUse("--evidence and --consented-at go together: a consent has its wording and its time")
    if options.evidence and not options.topic:
        raise WrongUse("--evidence needs --topic: a consent is about something")
    if options.evidence and options.bought:
        raise WrongUse("--bought says that nobody has agreed; --evidence says that everybody has")
    return Options(
        topic=options.topic,
        evidence=options.evidence,
        consented_at=options.consented_at,
        bought=options.bought,
        types=_types(options.types),
        encoding=options.encoding,
        delimiter=options.delimiter,
    )


def _types(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        column, _, type_ = part.rpartition("=")
        if not column or type_ not in TYPES:
            raise WrongUse(f"--types {part!r}: write COLUMN=TYPE with one of {', '.join(TYPES)}")
        found[column.strip()] = type_
    return found


def _as_of(text: str, path: Path, zone: str, now: datetime) -> datetime:
    if not text:
        return min(datetime.fromtimestamp(path.stat().st_mtime, UTC), now)
    found = parse_moment(text, zone)
    if found is None:
        raise WrongUse(f"--as-of {text} is no moment; write it like 2026-03-02T09:00:00Z")
    return min(found, now)


class _Showing:
    """Says what is refused, line by line, and shows how far the file has come where somebody is looking."""

    def __init__(self, file: str, *, as_json: bool, seconds: Callable[[], float] = monotonic) -> None:
        self._file = file
        self._as_json = as_json
        self._seconds = seconds
        self._bar = sys.stderr.isatty()
        self._begun: tuple[float, int] | None = None
        self._shown = -1.0

    def __call__(self, told: Told | Progress) -> None:
        if isinstance(told, Progress):
            if self._bar:
                self._show(told)
            return
        self.end()
        if self._as_json:
            data({"line": told.line, "field": told.field or None, "refused": told.refused, "text": told.text})
            return
        where = f"`{told.field}`: " if told.field and f"`{told.field}`" not in told.text else ""
        remark(f"{self._file}:{told.line}: {'' if told.refused else 'taken in, but '}{where}{told.text}")

    def end(self) -> None:
        """Wipe the bar."""
        if self._bar and self._shown >= 0:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _show(self, told: Progress) -> None:
        now = self._seconds()
        begun, first = self._begun = self._begun or (now, told.place)
        if self._shown >= 0 and now - self._shown < _TOLD_EVERY_S and told.place < told.size:
            return
        self._shown = now
        share = told.place / told.size
        full = round(share * _WIDTH)
        left = (now - begun) * (told.size - told.place) / max(told.place - first, 1)
        bar = "█" * full + "░" * (_WIDTH - full)
        sys.stderr.write(f"\r\x1b[K{bar} {share:4.0%}  {told.records:,} lines, {left:.0f} s left")
        sys.stderr.flush()


def _as_data(report: Report) -> dict[str, object]:
    counts = report.counts
    return {
        "kind": report.kind.value,
        "form": report.format.form,
        "encoding": report.format.encoding,
        "delimiter": report.format.delimiter or None,
        "provider": report.provider or None,
        "columns": report.columns,
        "types": report.types,
        "as_of": report.as_of.isoformat() if report.as_of else None,
        "resumed_at_line": report.resumed or None,
        "lines": counts.records,
        "refused": counts.refused,
        "stored": counts.stored,
        "known": counts.known,
        "consents": {"granted": counts.granted, "withdrawn": counts.withdrawn, "without_evidence": counts.unproven},
        "suppressed": counts.suppressed,
        "products": counts.products,
    }


def _lines(report: Report, file: str) -> list[str]:
    counts, form = report.counts, report.format
    names = {",": "comma", ";": "semicolon", "\t": "tab"}
    what = f"CSV with {names[form.delimiter]}" if form.form == "csv" else "JSON lines"
    export = f", an export of {report.provider}" if report.provider else ""
    found = [f"{file}: {what}, {form.encoding}{export}"]
    if report.columns:
        found.append("columns: " + ", ".join(f"{name} → {path}" for name, path in report.columns.items()))
    if report.types:
        found.append("types: " + ", ".join(f"{name} {type_}" for name, type_ in report.types.items()))
    if report.resumed:
        found.append(f"gone on with from line {report.resumed:,}")
    found.append(f"{counts.records:,} lines: {counts.records - counts.refused:,} taken in, {counts.refused:,} refused")
    if counts.known:
        found.append(f"{counts.known:,} of what they say had been imported before")
    if counts.granted or counts.withdrawn or counts.unproven:
        found.append(
            f"consent: {counts.granted:,} granted, {counts.withdrawn:,} withdrawn, {counts.unproven:,} without evidence"
        )
    if counts.products:
        found.append(f"products told of: {counts.products:,}")
    if counts.suppressed:
        found.append(f"addresses that nothing is written to: {counts.suppressed:,}")
    return found
