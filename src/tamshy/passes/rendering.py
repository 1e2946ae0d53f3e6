"""From accepted messages to rendering jobs and back: what the worker and the simulation share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from msgspec import DecodeError
from msgspec.json import decode, encode
from msgspec.structs import replace

from tamshy.advance import Failure
from tamshy.decide import Rendered
from tamshy.language.model import Template
from tamshy.language.recommending import named_anywhere, product_names
from tamshy.recommend import Wanted, pick
from tamshy.render import Job, Manner, RenderError, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamshy.advance import Evaluation
    from tamshy.language.model import Settings
    from tamshy.render import Compiled, Outcome
    from tamshy.sqlkit import Connection


class Renderer(Protocol):
    """Renders jobs, each alone: one that fails harms no other. ``compiled`` holds the versions the jobs name."""

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """Render the jobs, in order."""


@dataclass(frozen=True, slots=True)
class Links:
    """The signed addresses of one message; all empty in a simulation."""

    base: str = ""
    token: str = ""
    open_url: str = ""
    unsubscribe_url: str = ""
    preferences_url: str = ""
    view_url: str = ""


class MakeLinks(Protocol):
    """Signs the addresses of a message, so that a recipient can touch it and nobody can guess it."""

    def __call__(self, bucket: int, profile: UUID, message: UUID, /) -> Links:
        """The addresses of one message."""


class Press:
    """Renders what a pass has accepted, with each published version read once."""

    def __init__(self, renderer: Renderer, links: MakeLinks, *, brief: bool = False) -> None:
        """Keep the renderer and what signs links; nothing is read before it is needed.

        ``brief``: mails are rendered whole, but only their locale and subject are kept.
        """
        self._brief = brief
        self._renderer = renderer
        self._links = links
        self._compiled: dict[int, Compiled] = {}

    def render(self, conn: Connection, bucket: int, rows: Sequence[tuple[object, ...]]) -> list[Rendered]:
        """Render rows of ``decide.accepted``; a message that fails has its error and no parts."""
        self._read(conn, {row[2] for row in rows if isinstance(row[2], int)})
        jobs = [self._job(bucket, row) for row in rows]
        jobs = self._with_picks(conn, bucket, rows, jobs)
        outcomes = self._renderer.render_rows(jobs, self._compiled)
        return [self._result(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]

    def _read(self, conn: Connection, versions: set[int]) -> None:
        missing = sorted(versions - self._compiled.keys())
        if missing:
            sql = "select id, compiled from message_version where id = any(%(ids)s)"
            self._compiled.update(dict(conn.execute(sql, {"ids": missing}).fetchall()))

    def _with_picks(
        self, conn: Connection, bucket: int, rows: Sequence[tuple[object, ...]], jobs: list[Job]
    ) -> list[Job]:
        """Hand those whose templates recommend anything what they may show, fetched for all of them together."""
        places = [place for place, job in enumerate(jobs) if "asks" in self._compiled[job.version]]
        if not places:
            return jobs
        wanted = [self._wanted(rows[place], jobs[place]) for place in places]
        for place, picks in zip(places, pick(conn, bucket, wanted), strict=True):
            jobs[place] = replace(jobs[place], picks=encode(picks).decode())
        return jobs

    def _wanted(self, row: tuple[object, ...], job: Job) -> Wanted:
        asks = self._compiled[job.version]["asks"]
        data = {name: _read(getattr(job, name)) for name in _DATA}
        names = set(asks["names"])
        for path in asks["paths"]:
            names.update(product_names(_at(data, path)))
        if asks["anything"]:
            names.update(name for value in data.values() for name in named_anywhere(value))
        profile, now = row[0], row[5]
        if not (isinstance(profile, UUID) and isinstance(now, datetime)):
            msg = f"not a row of accepted messages: {row!r}"
            raise TypeError(msg)
        return Wanted(profile, now, frozenset(asks["kinds"]), frozenset(names), own=asks["own"])

    def _job(self, bucket: int, row: tuple[object, ...]) -> Job:
        profile, message, version, locale, zone, now, properties, event, vars_, _, cart, order = row
        if not (isinstance(profile, UUID) and isinstance(message, UUID) and isinstance(version, int)):
            msg = f"not a row of accepted messages: {row!r}"
            raise TypeError(msg)
        links = self._links(bucket, profile, message)
        return Job(
            id=message.hex,
            version=version,
            now=now.isoformat(),  # type: ignore[attr-defined]  # timestamptz
            locale=locale if isinstance(locale, str) else None,
            zone=str(zone),
            profile=str(properties),
            event=str(event),
            vars=str(vars_),
            cart=str(cart),
            order=str(order),
            base=links.base,
            token=links.token,
            open_url=links.open_url,
            unsubscribe_url=links.unsubscribe_url,
            preferences_url=links.preferences_url,
            view_url=links.view_url,
            brief=self._brief,
        )

    def _result(self, row: tuple[object, ...], outcome: Outcome) -> Rendered:
        profile, message, version = row[:3]
        if not (isinstance(profile, UUID) and isinstance(message, UUID) and isinstance(version, int)):
            msg = f"not a row of accepted messages: {row!r}"
            raise TypeError(msg)
        mail = outcome.rendered
        if mail is None:
            return Rendered(profile, message, error=outcome.error or "the template failed")
        compiled = self._compiled[version]
        return Rendered(
            profile,
            message,
            None,
            mail.locale,
            mail.subject,
            mail.preheader,
            mail.html_bytes,
            mail.plain_bytes,
            compiled["from_address"],
            compiled["reply_to"],
            mail.links,
        )


_DATA: Final = ("profile", "event", "cart", "order", "vars")
"""The variables that may hold products."""


def _read(text: object) -> object:
    """A document as templates see it; what cannot be read fails when it is rendered, and names nothing here."""
    try:
        return decode(text) if isinstance(text, str) else text
    except DecodeError:
        return {}


def _at(data: object, path: Sequence[str | int]) -> object:
    """What a path of a template leads to; None: nothing."""
    for key in path:
        if isinstance(data, dict) and isinstance(key, str):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and -len(data) <= key < len(data):
            data = data[key]
        elif isinstance(data, list) and data and key in {"first", "last"}:
            data = data[0 if key == "first" else -1]
        else:
            return None
    return data


class LiquidValues:
    """Works out the values of ``set`` and ``track`` steps."""

    def __init__(self, settings: Settings) -> None:
        """Take the workspace's settings, which templates see as ``shop``."""
        self._settings = settings
        self._shop = {
            "name": settings.name,
            "url": settings.url,
            "currency": settings.currency,
            "locale": settings.locale,
        }

    def __call__(self, evaluations: Sequence[Evaluation]) -> list[tuple[object, ...]]:
        """Work out the values, each alone; one that fails is a `Failure`."""
        return [self._one(evaluation) for evaluation in evaluations]

    def _one(self, evaluation: Evaluation) -> tuple[object, ...]:
        context = evaluation.context
        profile = context["profile"]
        own = profile.get("locale") if isinstance(profile, dict) else None
        locale = own if isinstance(own, str) else self._settings.locale
        now = context["now"]
        manner = Manner(locale, self._settings.timezone, self._settings.currency, now.isoformat())  # type: ignore[attr-defined]
        scope = {**context, "now": manner.now, "shop": self._shop, "locale": locale}
        return tuple(_value(value, scope, manner) for value in evaluation.values)


def _value(value: object, scope: Mapping[str, object], manner: Manner) -> object:
    try:
        return _worked_out(value, scope, manner)
    except RenderError as exc:
        return Failure(str(exc))


def _worked_out(value: object, scope: Mapping[str, object], manner: Manner) -> object:
    if isinstance(value, Template):
        return evaluate(value, scope, manner)
    if isinstance(value, dict):
        return {key: _worked_out(member, scope, manner) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_worked_out(member, scope, manner) for member in value]
    return value
