"""What a folder may leave to us: the flow and the mail that ask an address, and only where they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tamshy.language import answers_requests, diff, read_folder, read_workspace, write_folder
from tamshy.language.supplied import as_written, completed
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from pathlib import Path

DOUBLE = "name: Shop\nfrom: Shop <hello@shop.example>\ntopics: {offers: {name: Offers, double_opt_in: true}}\n"
SINGLE = DOUBLE.replace("double_opt_in: true", "double_opt_in: false")
OWN = "trigger: {event: Subscription Requested}\nsteps: [{exit: done}]\n"
FLOW = "flows/confirm-subscription.yaml"
MESSAGE = "messages/confirm-subscription/"
ADDED = [FLOW, *(f"{MESSAGE}{name}" for name in ("en.mjml", "id.mjml", "kk.mjml", "message.yaml", "ru.mjml"))]


def folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path


def test_a_folder_with_a_double_opt_in_is_read_as_if_ours_stood_in_it(tmp_path: Path) -> None:
    files = read_folder(folder(tmp_path, **{"tamshy.yaml": DOUBLE}))
    assert sorted(set(files) - {"tamshy.yaml"}) == ADDED
    workspace, problems = read_workspace(files)
    assert problems == []
    assert answers_requests(workspace.flows["confirm-subscription"])
    message = workspace.messages["confirm-subscription"]
    assert sorted(message.subject) == sorted(message.preheader) == sorted(message.bodies) == ["en", "id", "kk", "ru"]
    assert compile_message(message, workspace.settings)[1] == []


@pytest.mark.parametrize("locale", ["de", "pt-BR", "kk", "ru-RU"])
def test_it_has_a_body_for_the_workspaces_own_locale(locale: str) -> None:
    workspace, problems = read_workspace(completed({"tamshy.yaml": DOUBLE + f"locale: {locale}\n"}))
    assert problems == []
    message = workspace.messages["confirm-subscription"]
    if locale in {"de", "pt-BR"}:
        assert message.bodies[locale].text == message.bodies["en"].text
        assert (message.subject[locale], message.preheader[locale]) == (message.subject["en"], message.preheader["en"])
    else:
        assert locale == "kk" or locale not in message.bodies


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"tamshy.yaml": SINGLE},
        {"tamshy.yaml": "# double_opt_in: true\ntopics: {offers: {name: Offers}}\n"},
        {"tamshy.yaml": DOUBLE, "flows/ask.yaml": OWN},
        {"tamshy.yaml": DOUBLE, FLOW: "trigger: {event: Other}\nsteps: [{exit: done}]\n"},
        {"tamshy.yaml": DOUBLE, f"{MESSAGE}message.yaml": "subject: {en: Mine}\n"},
        {"tamshy.yaml": "topics: [broken: double_opt_in\n"},
    ],
)
def test_a_folder_that_needs_nothing_is_left_alone(files: dict[str, str]) -> None:
    assert completed(files) == files
    assert as_written(files) == files


def test_it_is_written_without_what_reading_adds_and_with_what_was_changed(tmp_path: Path) -> None:
    files = read_folder(folder(tmp_path / "from", **{"tamshy.yaml": DOUBLE}))
    write_folder(files, tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["tamshy.yaml"]
    again = read_folder(tmp_path / "to")
    assert again == files
    assert diff(read_workspace(files)[0], read_workspace(again)[0]) == []
    write_folder(files, tmp_path / "to")
    changed = {**files, FLOW: files[FLOW].replace("10m", "1h")}
    write_folder(changed, tmp_path / "changed")
    assert sorted(path.name for path in (tmp_path / "changed").iterdir()) == ["flows", "messages", "tamshy.yaml"]
    assert read_folder(tmp_path / "changed") == changed
