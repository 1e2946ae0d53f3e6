"""The ground that runs stand on: one database with one published workspace, emptied of people between runs."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from tests.engine.living import BEGINNING, NAME
from tests.oracle.almanac import iso, stamp
from tests.oracle.engine import Engine
from tests.oracle.reading import workspace as oracle_workspace

from tamshy.language import read_workspace
from tamshy.passes import prepare
from tamshy.publish import create_workspace, load_rulebook, publish
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.sqlkit import connect
from tamshy.sqlkit.calendar import fill_zones

# The module, and not the function that its package gives by the same name.
merging: Any = sys.modules["tamshy.passes.merging"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from tests.oracle.reading import Workspace
    from tests.prove.faults.fragile import Fragile

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

KEPT: Final = frozenset({"schema_version", "zone_span"})
PUBLISHED: Final = frozenset(
    {"workspace", "definition", "publication", "flow", "flow_version", "message_version", "lease"}
)
_ZONES: Final = ["UTC", "Europe/Berlin", "Asia/Almaty", "America/New_York"]

Line = dict[str, Any]

# What no later look could tell: that rules were old, a message taken back, or a merge not the first, at the moment at which
# something was done.
_WATCH: Final = """
create table noticed (what text not null, message uuid not null);
create function notice_decision() returns trigger language plpgsql as $$
begin
    if (new.message_version, new.version) <> (
        (select max(v.id) from message_version v where v.workspace = new.workspace and v.message = new.message),
        (select f.live_version from flow f where f.workspace = new.workspace and f.name = new.flow))
        -- what was told by an earlier transaction is only moved, by a merge
        and not exists (select from journal j where j.id = new.id and j.xmin <> pg_current_xact_id()::xid)
    then
        insert into noticed values ('decided by rules that had been replaced', new.id);
    end if;
    return null;
end $$;
create trigger notice_decision after insert on message for each row execute function notice_decision();
create function notice_claim() returns trigger language plpgsql as $$
begin
    if exists (
        select from message m
        join enrollment e on e.bucket = m.bucket and e.profile = m.profile and e.id = m.enrollment
        where m.bucket = new.bucket and m.profile = new.profile and m.id = new.message
            and e.exit_reason in ('exit_on', 'merged', 'archived'))
    then
        insert into noticed values ('claimed although its enrollment had been ended', new.message);
    end if;
    return null;
end $$;
create trigger notice_claim after update on delivery for each row
    when (new.state = 'handing_over' and old.state = 'queued') execute function notice_claim();
create function notice_merge() returns trigger language plpgsql as $$
begin
    if exists (
        select from inbox e where e.bucket = old.bucket and e.profile = old.profile
            and (e.moment, e.emitted, e.ord, e.id) < (old.moment, old.emitted, old.ord, old.id))
        -- what a merge moves along is no merge done, nor is one of somebody with themselves
        and exists (select from profile p where p.bucket = old.bucket and p.id = old.profile and p.merged_into is null)
        and old.facts ->> 'survivor' <> old.facts ->> 'loser'
    then
        insert into noticed values ('merged before what had come earlier', old.id);
    end if;
    return old;
end $$;
create trigger notice_merge before delete on inbox for each row when (old.kind = 'merge') execute function notice_merge();
"""


@dataclass
class Ground:
    """A database, sessions for hands, and the workspace that is published now."""

    dsn: str
    look: Connection
    watch: Connection
    sessions: dict[str, Connection] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    book: Rulebook = field(init=False)
    renderer: InProcess = field(init=False)
    connects: Callable[[str], Fragile] | None = None
    _oracle: Workspace = field(init=False)
    _books: dict[tuple[object, ...], Rulebook] = field(default_factory=dict)

    def session(self, name: str, *, autocommit: bool = False) -> Connection:
        """The session of a hand; sessions outlive hands, for what they have planned is dear."""
        if name not in self.sessions:
            conn = connect(self.dsn, autocommit=autocommit, application=name)
            if not autocommit:
                conn.commit()
                prepare(conn)
            self.sessions[name] = conn
        return self.sessions[name]

    def edition(self, number: int, titles: Mapping[str, str]) -> dict[str, str]:
        """The folder with its texts said a little differently, and flows under other titles: the same decisions."""
        said = f"\nEdition {number}.\n"
        files = {path: text + said if path.endswith(".md") else text for path, text in self.files.items()}
        for flow, title in titles.items():
            titled = orjson.loads(files[f"flows/{flow}.yaml"]) | {"name": title}
            files[f"flows/{flow}.yaml"] = orjson.dumps(titled).decode() + "\n"
        return files

    def forget(self) -> None:
        """Publish anew before the next run, whatever it is."""
        self.files = {}

    def publish(self, files: Mapping[str, str], buckets: int) -> None:
        """Make it this folder's ground, with nobody on it."""
        if files and files == self.files and self.book.buckets == buckets:
            self._empty(KEPT | PUBLISHED, "delete from")
        else:
            self._empty(KEPT, "truncate")
            conn = self.session("shop")
            create_workspace(conn, NAME, buckets=buckets)
            publish(conn, NAME, files, at=BEGINNING, compile_message=compile_message)
            conn.commit()
            self._books = {}
            self.files, self.renderer = dict(files), InProcess()
            self.book = self.rulebook(conn, NAME)
            conn.commit()
            self._oracle = _read(files)
        # A process learns the columns that a merge moves at its first merge. Each run learns them anew, or else the first of a
        # process would have other statements than the same run later, and a seed alone would not be the seed among others.
        merging._MOVING.clear()
        self.look.execute("update lease set owner = null, until = null, fence = 0, pass = 0")

    def rulebook(self, conn: Connection, name: str) -> Rulebook:
        """The rulebook as `load_rulebook` gives it, read again only where something has been published or paused."""
        rows = conn.execute(
            "select (select count(*) from publication), (select max(id) from flow_version), (select max(id) from"
            " message_version), (select string_agg(name, ' ' order by name) from flow where paused)"
        ).fetchall()
        mark = (name, *rows[0])
        if mark not in self._books:
            self._books[mark] = load_rulebook(conn, name)
        return self._books[mark]

    def expected(self, lines: list[Line], until: datetime) -> list[Line]:
        """The oracle's lines."""
        engine = Engine(self._oracle, 0, io.StringIO())
        engine.play(lines, stamp(until.isoformat(), engine.settings.zone))
        named = [(one.at, one.profile.now_known_as().name(), one.line) for one in engine.lines]
        named.sort(key=lambda line: line[:2])
        return [{"at": iso(at), "kind": line["kind"], "profile": name, **line} for at, name, line in named]

    def _empty(self, kept: frozenset[str], how: str) -> None:
        rows = self.look.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        tables = sorted(row[0] for row in rows if row[0] not in kept)
        text = f"truncate {', '.join(tables)} cascade" if how == "truncate" else "; ".join(f"{how} {t}" for t in tables)
        self.look.execute(text.encode())


def _read(files: Mapping[str, str]) -> Workspace:
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return oracle_workspace(Path(folder))


@contextmanager
def open_ground(dsn: str) -> Iterator[Ground]:
    """A ground in a migrated, empty database; workers connect through it as long as it is open."""
    ground = Ground(dsn, connect(dsn, autocommit=True), connect(dsn, autocommit=True))
    ground.look.execute(_WATCH.encode())
    fill_zones(ground.session("shop"), _ZONES)
    ground.session("shop").commit()

    def through(address: str, **_more: object) -> Fragile:
        assert ground.connects is not None
        return ground.connects(address)

    level = logging.getLogger("tamshy").level
    logging.getLogger("tamshy").setLevel(logging.ERROR)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tamshy.worker.loop.connect", through)
            patch.setattr("tamshy.worker.loop.load_rulebook", ground.rulebook)
            yield ground
    finally:
        logging.getLogger("tamshy").setLevel(level)
        for conn in (*ground.sessions.values(), ground.look, ground.watch):
            conn.close()


def by_email(files: Mapping[str, str]) -> bool:
    """Whether addresses tie people together in this workspace."""
    found, _ = read_workspace(files)
    return "email" in found.settings.merge_on
