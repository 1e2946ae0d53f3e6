"""From accepted messages to rendering jobs and back: what the worker and the simulation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from tamshy.advance import Failure
from tamshy.decide import Rendered
from tamshy.language.model import Template
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
        outcomes = self._renderer.render_rows(jobs, self._compiled)
        return [self._result(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]

    def _read(self, conn: Connection, versions: set[int]) -> None:
        missing = sorted(versions - self._compiled.keys())
        if missing:
            sql = "select id, compiled from message_version where id = any(%(ids)s)"
            self._compiled.update(dict(conn.execute(sql, {"ids": missing}).fetchall()))

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
