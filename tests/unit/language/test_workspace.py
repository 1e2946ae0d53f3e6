"""A whole folder: which file is what, what is not yet supported, disks, and speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.language.shop import BODY, FLOW, MESSAGE, files, said, sound

from tamshy.language import UnreadableFolder, read_folder, read_workspace, write_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_the_sources_are_kept_as_written() -> None:
    flow = "# why this flow\nname:   Cart   # its name\r\ntrigger: {event: E}\nsteps: []"
    workspace = sound({"flows/cart.yaml": flow})
    assert workspace.sources == files({"flows/cart.yaml": flow})


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"flows/Cart Two.yaml": FLOW}, [
            ("flows/Cart Two.yaml:1:1: 'Cart Two' must be a name of small letters, digits and hyphens, 64 at most "
            "(did you mean 'cart-two'?)"),
        ]),
        ({"messages/Hi/message.yaml": MESSAGE}, [
            ("messages/Hi/message.yaml:1:1: 'Hi' must be a name of small letters, digits and hyphens, 64 at most "
            "(did you mean 'hi'?)"),
        ]),
        ({"flows/b.yml": FLOW}, ["flows/b.yml:1:1: no file of a workspace (did you mean 'flows/b.yaml'?)"]),
        ({"flows/b.txt": "x"}, ["flows/b.txt:1:1: no file of a workspace; here stand files flows/NAME.yaml"]),
        ({"flow/b.yaml": FLOW}, ["flow/b.yaml:1:1: no file of a workspace (did you mean 'flows/b.yaml'?)"]),
        ({"flows/a/b.yaml": FLOW}, ["flows/a/b.yaml:1:1: no file of a workspace; here stand files flows/NAME.yaml"]),
        ({"messages/b.yaml": MESSAGE}, [
            "messages/b.yaml:1:1: no file of a workspace; a message is a folder, messages/NAME/message.yaml",
        ]),
        ({"tamshi.yaml": "x"}, ["tamshi.yaml:1:1: no file of a workspace (did you mean 'tamshy.yaml'?)"]),
        ({"flows/b.yaml": "name: \udcff\n"}, ["flows/b.yaml:1:7: not UTF-8: save the file in that encoding"]),
        ({"messages/hello/en.md": "a\nb\udc80"}, [
            "messages/hello/en.md:2:2: not UTF-8: save the file in that encoding",
            ("messages/hello/message.yaml:1:1: the message 'hello' has no body for the workspace's locale 'en', "
            "none at all"),
        ]),
    ],
)  # fmt: skip
def test_a_file_that_has_no_place_is_refused(changes: dict[str, str | None], problems: list[str]) -> None:
    assert said(changes) == problems


@pytest.mark.parametrize(
    ("path", "text", "problems"),
    [
        ("broadcasts/b.yaml", 'segment: all\nmessage: hullo\nat: {time: "2026-12-01T10:00"}\n', [
            "broadcasts/b.yaml:1:10: unknown segment 'all'; there is none",
            "broadcasts/b.yaml:2:10: unknown message 'hullo' (did you mean 'hello'?)",
        ]),
    ],
)  # fmt: skip
def test_what_is_not_yet_supported_says_so(path: str, text: str, problems: list[str]) -> None:
    assert said({path: text}) == problems


def test_all_problems_of_all_files_come_at_once_in_order() -> None:
    assert said({"flows/cart.yaml": "trigger: {evnt: E}\nsteps: [{sned: x}]\n", "tamshy.yaml": "tpics: {}\n"}) == [
        "flows/cart.yaml:1:11: unknown trigger 'evnt' (did you mean 'event'?)",
        "flows/cart.yaml:2:10: unknown verb 'sned' (did you mean 'send'?) in a step",
        "messages/hello/message.yaml:2:8: unknown topic 'offers'; there is none",
        "tamshy.yaml:1:1: unknown key 'tpics' (did you mean 'topics'?) in the settings",
    ]


def test_a_fault_in_one_message_does_not_make_the_flows_that_send_it_faulty() -> None:
    assert said({"messages/hello/message.yaml": "a: b: c\n"}) == [
        "messages/hello/message.yaml:1:5: broken YAML: mapping values are not allowed here"
    ]


# -- disks -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_byte_for_byte_and_what_is_not_of_it_left_alone(tmp_path: Path) -> None:
    for path, data in {
        "tamshy.yaml": b"name: x\r\n",
        "README.md": b"x",
        ".git/config": b"x",
        "flows/a.yaml": "имя".encode(),
        "flows/.a.yaml.swp": b"x",
        "flows/a.yaml~": b"x",
        "messages/m/en.md": b"\xef\xbb\xbfx\xff",
        "messages/m/logo.png": b"\x89PNG",
        "flow/b.yaml": b"x",
        "docker-compose.yaml": b"x",
        "ui/x.yaml": b"x",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert read_folder(tmp_path) == {
        "tamshy.yaml": "name: x\r\n",
        "flow/b.yaml": "x",
        "flows/a.yaml": "имя",
        "messages/m/en.md": "x\udcff",
        "messages/m/logo.png": "",
    }


def test_a_folder_that_is_not_there_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFolder, match=r"/shop does not exist; give the folder that holds tamshy\.yaml"):
        read_folder(tmp_path / "shop")
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        UnreadableFolder,
        match=r"/file is a file, not a folder; give the folder that holds "
        r"tamshy\.yaml",
    ):
        read_folder(tmp_path / "file")


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "tamshy.yaml").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(UnreadableFolder, match=r"tamshy\.yaml is larger than 20 MB"):
        read_folder(tmp_path)


def test_what_is_written_over_another_workspace_is_refused(tmp_path: Path) -> None:
    write_folder(files(), tmp_path / "out")
    write_folder(files({"flows/cart.yaml": FLOW + "# new\n"}), tmp_path / "out")
    with pytest.raises(
        UnreadableFolder, match=r"holds files that are not of this workspace: flows/cart\.yaml; move them away"
    ):
        write_folder(files({"flows/cart.yaml": None}), tmp_path / "out")
    assert (tmp_path / "out/flows/cart.yaml").read_text() == FLOW + "# new\n"


@pytest.mark.parametrize(
    "path",
    [
        "../tamshy.yaml",
        "/etc/passwd",
        "flows/../x.yaml",
        "flows/.x.yaml",
        "x/y.yaml",
        "flows/a/b.yaml",
        "",
        "flows//a.yaml",
    ],
)
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(UnreadableFolder, match="is no file of a workspace"):
        write_folder({path: "x"}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(lambda text: text.removeprefix("\ufeff"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, TEXTS, max_size=3), st.dictionaries(NAMES, TEXTS, max_size=3), TEXTS)
def test_what_is_exported_reads_as_what_was_read(
    tmp_path_factory: pytest.TempPathFactory, flows: dict[str, str], messages: dict[str, str], comment: str
) -> None:
    given_files = {
        "tamshy.yaml": f"# {comment}",
        **{f"flows/{name}.yaml": f"{FLOW}# {text}" for name, text in flows.items()},
        **{f"messages/{name}/message.yaml": MESSAGE for name in messages},
        **{f"messages/{name}/en.md": BODY + text for name, text in messages.items()},
    }
    workspace, problems = read_workspace(given_files)
    folder = tmp_path_factory.mktemp("export")
    write_folder(workspace.sources, folder)
    assert read_workspace(read_folder(folder)) == (workspace, problems)
    assert read_folder(folder) == given_files


# -- size ------------------------------------------------------------------------------------------------------------


def test_fifty_flows_and_two_hundred_messages_are_read() -> None:
    steps = "".join(
        f"  - wait: {n}h\n  - {{send: m{n}, id: s{n}, if: {{did_not: Order Completed, since: entry}}}}\n"
        for n in range(9)
    )
    flow = f"name: F\ntrigger: {{event: E, where: {{event.value: {{gte: 20}}}}}}\nper: event.cart_id\nsteps:\n{steps}"
    body = (
        "Hello {{ profile.name }}\n{% for p in event.products %}* {{ p.name }} {{ p.price | money }}\n{% endfor %}\n"
        * 5
    )
    given_files = {
        "tamshy.yaml": files()["tamshy.yaml"],
        **{f"flows/f{n}.yaml": flow for n in range(50)},
        **{f"messages/m{n}/message.yaml": MESSAGE for n in range(200)},
        **{
            f"messages/m{n}/{locale}.md": f"{body}{n} {locale}"
            for n in range(200)
            for locale in ("en", "ru", "kk", "id")
        },
    }
    workspace, problems = read_workspace(given_files)
    assert problems == []
    assert (len(workspace.flows), len(workspace.messages)) == (50, 200)
