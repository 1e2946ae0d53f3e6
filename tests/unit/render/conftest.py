"""Messages made on the spot: one body, compiled and rendered in this process."""

from __future__ import annotations

from typing import Protocol

import pytest

from tamshy.language.model import Body, BodyFormat, Message, MessageKind, Position, Problem, Settings
from tamshy.render import Compiled, Job, Letter, Rendered
from tamshy.render.compile import compile_message

SHOP = Settings(name="Qumyra", locale="en", timezone="Asia/Almaty", currency="KZT", url="https://qumyra.example")
NOW = "2026-03-02T11:00:00Z"


class Compile(Protocol):
    def __call__(
        self,
        text: str,
        form: BodyFormat = BodyFormat.HTML,
        *,
        subject: str = "s",
        preheader: str = "",
        plain: str | None = None,
        kind: MessageKind = MessageKind.TRANSACTIONAL,
        locale: str = "en",
        utm: dict[str, str] | None = None,
    ) -> tuple[Compiled, list[Problem]]: ...


class Render(Protocol):
    def __call__(
        self, text: str, form: BodyFormat = BodyFormat.HTML, *, job: Job | None = None, **message: str
    ) -> Rendered: ...


def build(
    text: str,
    form: BodyFormat = BodyFormat.HTML,
    *,
    subject: str = "s",
    preheader: str = "",
    plain: str | None = None,
    kind: MessageKind = MessageKind.TRANSACTIONAL,
    locale: str = "en",
    utm: dict[str, str] | None = None,
) -> tuple[Compiled, list[Problem]]:
    message = Message(
        "m",
        kind,
        {locale: subject},
        {locale: Body(form, text, f"messages/m/{locale}.{form.value}")},
        texts={} if plain is None else {locale: Body(form, plain, f"messages/m/{locale}.txt")},
        preheader={locale: preheader} if preheader else {},
        utm=utm or {},
        position=Position("messages/m/message.yaml", 1, 1),
    )
    return compile_message(message, SHOP)


def job(**given: object) -> Job:
    """A job for version 1 with links; keywords go over it."""
    known: dict[str, object] = {
        "id": "m1",
        "version": 1,
        "now": NOW,
        "base": "https://mail.example",
        "token": "TOKEN",
        "open_url": "https://mail.example/o/TOKEN.gif",
        "unsubscribe_url": "https://mail.example/u/TOKEN",
        "preferences_url": "https://mail.example/prefs/TOKEN",
        "view_url": "https://mail.example/m/TOKEN",
    }
    return Job(**{**known, **given})  # type: ignore[arg-type]


@pytest.fixture
def compiled() -> Compile:
    """Compile a message with one body."""
    return build


@pytest.fixture
def render() -> Render:
    """Compile a message with one body, which must be sound, and render it."""

    def rendered(text: str, form: BodyFormat = BodyFormat.HTML, *, job: Job | None = None, **message: str) -> Rendered:
        made, problems = build(text, form, **message)  # type: ignore[arg-type]
        assert problems == []
        return Letter(made).render(job or _plain())

    return rendered


def _plain() -> Job:
    return job()
