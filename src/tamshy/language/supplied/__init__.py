"""What a workspace needs and its folder may leave to us: the flow and the mail by which an address is asked (ADR 98).

A topic with ``double_opt_in`` is confirmed by mail, and a flow sends it. A folder without such a flow is read as if ours stood
in it, and written without it. A shop's own flow, triggered by ``Subscription Requested``, takes its place.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files as resources
from typing import TYPE_CHECKING, Final

from tamshy.domain.requested import SUBSCRIPTION_REQUESTED
from tamshy.language.locales import choose_locale
from tamshy.language.model import EventTrigger
from tamshy.language.workspace import read_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.language.model import Flow

NAME: Final = "confirm-subscription"
_SETTINGS: Final = "tamshy.yaml"
_FLOW: Final = f"flows/{NAME}.yaml"
_MESSAGE: Final = f"messages/{NAME}/"
_LOCALES: Final = ("en", "ru", "kk", "id")
_WORD: Final = "double_opt_in"


def answers_requests(flow: Flow) -> bool:
    """Tell whether a flow begins when somebody has put an address into a form that has yet to be confirmed."""
    return any(
        isinstance(trigger, EventTrigger) and trigger.event == SUBSCRIPTION_REQUESTED for trigger in flow.triggers
    )


def completed(files: Mapping[str, str]) -> dict[str, str]:
    """Give the texts of a folder with what it leaves to us; the same where it needs nothing."""
    found = dict(files)
    # A folder that has either of the names has said what they hold.
    if _WORD not in files.get(_SETTINGS, "") or any(path == _FLOW or path.startswith(_MESSAGE) for path in files):
        return found
    read = read_workspace(files)[0]
    if any(topic.double_opt_in for topic in read.settings.topics) and not any(
        map(answers_requests, read.flows.values())
    ):
        found |= _ours(read.settings.locale)
    return found


def as_written(files: Mapping[str, str]) -> dict[str, str]:
    """Give the texts of a workspace as its folder holds them: without what reading it would add again."""
    own = {path: text for path, text in files.items() if path != _FLOW and not path.startswith(_MESSAGE)}
    return own if completed(own) == dict(files) else dict(files)


def _ours(locale: str) -> dict[str, str]:
    found = {_FLOW: _text("flow.yaml"), f"{_MESSAGE}message.yaml": _text("message.yaml")}
    found |= {f"{_MESSAGE}{name}.mjml": _text(f"{name}.mjml") for name in _LOCALES}
    if choose_locale(None, _LOCALES, locale) is None:
        # Every message has a body for the workspace's own locale; in a language that we do not have it is English.
        found[f"{_MESSAGE}{locale}.mjml"] = _text("en.mjml")
        found[f"{_MESSAGE}message.yaml"] = _in_one_more(found[f"{_MESSAGE}message.yaml"], locale)
    return found


def _in_one_more(message: str, locale: str) -> str:
    """Repeat the English lines of the subject and the preheader for one more locale."""
    lines = []
    for line in message.splitlines(keepends=True):
        lines.append(line)
        if line.startswith("  en: "):
            lines.append(f"  {locale}: {line.removeprefix('  en: ')}")
    return "".join(lines)


@cache
def _text(name: str) -> str:
    return resources(__package__).joinpath(name).read_text(encoding="utf-8")
