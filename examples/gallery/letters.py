# ruff: noqa: INP001 - beside a script, no package
"""The letters of the recipes as they reach somebody: rendered strictly, and as the bytes that go to the mail server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from tamshy.deliver import build
from tamshy.deliver.ledger import Row
from tamshy.domain.token import Purpose, Signer, Subject, make_links
from tamshy.language import read_workspace
from tamshy.language.model import COUPONS
from tamshy.recipes import Brand, fitted, sample
from tamshy.recipes.letters import LOCALES
from tamshy.render import Job, RenderError, render
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tamshy.language.model import Workspace
    from tamshy.recipes import Recipe
    from tamshy.recipes.letters import Letter
    from tamshy.render import Compiled, Rendered

SHOP: Final = "https://shop.example"
BASE: Final = "https://mail.shop.example"
SETTINGS: Final = f"""\
name: Qumyra
currency: USD
timezone: Asia/Almaty
url: {SHOP}
from: Qumyra <hello@shop.example>
topics: {{offers: {{name: Reminders and offers}}, news: {{name: News}}}}
"""
BRAND: Final = Brand(address="12 Shai Street, Almaty 050000", pictures=f"{SHOP}/mail")
NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_SIGNER: Final = Signer(["a key of the gallery alone"])
_PROFILE: Final = UUID("5f0c2f4e-9a53-4d54-8f7c-2b1f6a0d9e11")


class Unsound(Exception):
    """Letters that somebody would not get: each line says which, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One letter in one language, for one reader.

    Args:
        recipe: the recipe's name.
        name: the message's name.
        locale: the language.
        known: whether all is known of the reader that any recipe prints; else nothing is.
        rendered: what the reader sees.
        raw: what the mail server gets behind DATA.
    """

    recipe: str
    name: str
    locale: str
    known: bool
    rendered: Rendered
    raw: bytes

    @property
    def title(self) -> str:
        """How it is called in what is said of it."""
        return f"{self.recipe} / {self.name} {self.locale}{'' if self.known else ', nothing known'}"

    @property
    def size(self) -> int:
        """The bytes of its HTML, by which Gmail cuts."""
        return len(self.rendered.html_bytes)


def shown(recipes: Iterable[Recipe], locales: Iterable[str] = LOCALES) -> list[Shown]:
    """Every letter of these recipes in these languages, for a reader of whom all is known and for one of whom nothing is.

    Raises:
        Unsound: a letter does not compile, or prints what is not there.
    """
    wrong: list[str] = []
    found = [one for recipe in recipes for one in _of_recipe(recipe, tuple(locales), wrong)]
    if wrong:
        raise Unsound("\n".join(wrong))
    return found


def _of_recipe(recipe: Recipe, locales: tuple[str, ...], wrong: list[str]) -> Iterator[Shown]:
    workspace = _workspace(recipe, wrong)
    for name, message in sorted(workspace.messages.items()):
        compiled, problems = compile_message(message, workspace.settings)
        wrong.extend(f"{recipe.name} / {name}: {problem}" for problem in problems)
        if problems:
            continue
        for locale in locales:
            for known in (True, False):
                try:
                    yield _letter(recipe.letters[name], compiled, locale, known=known)
                except RenderError as error:
                    wrong.append(f"{recipe.name} / {name} {locale}{'' if known else ', nothing known'}: {error}")


def _workspace(recipe: Recipe, wrong: list[str]) -> Workspace:
    """A folder with nothing but this recipe in it."""
    plain = {"tamshy.yaml": SETTINGS}
    found, problems = read_workspace({**plain, **fitted(recipe, read_workspace(plain)[0].settings, BRAND)})
    wrong.extend(f"{recipe.name}: {problem}" for problem in problems)
    return found


def _letter(letter: Letter, compiled: Compiled, locale: str, *, known: bool) -> Shown:
    subject = Subject(1, 0, _PROFILE, uuid5(_PROFILE, f"{letter.recipe}/{letter.name}/{locale}/{known}"))
    rendered = render(compiled, _job(letter, locale, subject, known=known))
    raw = build(_row(letter, compiled, rendered, subject).mail(_SIGNER, BASE, subject.bucket, None))
    return Shown(letter.recipe, letter.name, locale, known, rendered, raw)


def _job(letter: Letter, locale: str, subject: Subject, *, known: bool) -> Job:
    links = make_links(_SIGNER, BASE, subject)
    return Job(
        id=subject.message.hex,
        version=1,
        now=NOW.isoformat(),
        locale=locale,
        profile=sample.profile(locale) if known else {},
        event=sample.event(locale, SHOP) if known else {},
        vars={COUPONS: sample.coupon(letter.coupon)} if known and letter.coupon else {},
        picks=sample.picks(locale, SHOP) if known else {},
        base=BASE,
        token=_SIGNER.token(Purpose.CLICK, subject),
        open_url=links.open_url,
        unsubscribe_url=links.unsubscribe_url,
        preferences_url=links.preferences_url,
        view_url=links.view_url,
    )


def _row(letter: Letter, compiled: Compiled, rendered: Rendered, subject: Subject) -> Row:
    """The delivery as it is claimed."""
    return Row(
        profile=subject.profile,
        message=subject.message,
        state="queued",
        attempts=0,
        fence=0,
        reason=None,
        doubts=0,
        due_at=NOW,
        queued_at=NOW,
        workspace=subject.workspace,
        kind=letter.kind,
        topic=letter.topic,
        flow=letter.recipe,
        address="aia@example.com",
        decided_at=NOW,
        subject=rendered.subject,
        html=rendered.html_bytes,
        plain=rendered.plain_bytes,
        from_address=compiled["from_address"],
        reply_to=compiled["reply_to"],
        judgement=None,
    )
