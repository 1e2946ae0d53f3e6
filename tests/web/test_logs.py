"""What is logged: lines that a program reads, with nothing in them that belongs to a person."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.statements import PACKAGE, ROOT
from tests.contract.test_documented import listed

from tamshy import sqlkit
from tamshy.site.logs import FIELDS, Lines, Reading, told, uncaught

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.web.conftest import Edge

CANARY = "canary-7f3a@secret.example"
PAGE = (ROOT / "docs/reference/logs.md").read_text(encoding="utf-8")


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Give what `tamshy` and others write to the log while a test runs, but for what goes on beside it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines("test"))
    mine = threading.get_ident()
    handler.addFilter(lambda record: record.thread == mine)
    root = logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_a_line_has_its_constant_text_its_numbers_and_its_fields(said: io.StringIO) -> None:
    logging.getLogger("tamshy.test").warning(
        "bucket %d of %s rests for %.1f s, 100%% sure",
        7,
        "shop",
        2.5,
        extra={"event": "e", "bucket": 7, "workspace": "shop"},
    )
    (line,) = lines(said)
    at, pid = line.pop("at"), line.pop("pid")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert isinstance(pid, int)
    assert line == {
        "level": "warning",
        "part": "test",
        "event": "e",
        "said": "bucket 7 of shop rests for 2.5 s, 100% sure",
        "bucket": 7,
        "workspace": "shop",
    }


def test_what_is_not_on_the_list_is_left_out(said: io.StringIO) -> None:
    log = logging.getLogger("tamshy.test")
    log.warning("mail to %s, %r, %d", CANARY, {"a": CANARY}, 3, extra={"event": "e", "address": CANARY, "body": CANARY})
    log.warning("mapping %(a)s", {"a": CANARY})
    assert CANARY not in said.getvalue()
    assert [line["said"] for line in lines(said)] == ["mail to …, …, 3", "mapping %(a)s"]


def test_other_libraries_are_told_of_by_name_alone(said: io.StringIO) -> None:
    logging.getLogger("somebodys.web").error("Not Found: /u/%s", CANARY)
    logging.getLogger("somebodys.pool").warning(f"error connecting as {CANARY}")  # noqa: G004 - as libraries do
    assert [line["said"] for line in lines(said)] == ["somebodys.web speaks", "somebodys.pool speaks"]


def test_an_error_is_told_without_its_words(said: io.StringIO, edge: Edge) -> None:
    log = logging.getLogger("tamshy.test")
    twice = "insert into suppression (workspace, address, reason, since) select 1, %s, 'x', now() from generate_series(1, 2)"
    with pytest.raises(sqlkit.Error, match=CANARY) as refused:
        edge.conn.execute(twice, [CANARY])
    log.error("no", exc_info=refused.value, extra={"event": "e"})
    try:
        int(CANARY)
    except ValueError:
        log.exception("no %s", CANARY)
    first, second = lines(said)
    assert (first["error"], first["sqlstate"], first["constraint"]) == ("UniqueViolation", "23505", "suppression_pkey")
    assert second["error"] == "ValueError"
    assert second["where"][-1].startswith("tests/web/test_logs.py:")
    assert CANARY not in said.getvalue()


def test_what_nobody_catches_is_told_without_its_words(said: io.StringIO) -> None:
    uncaught(RuntimeError, RuntimeError(CANARY), None)
    (line,) = lines(said)
    assert (line["level"], line["event"], line["error"]) == ("critical", "crashed", "RuntimeError")
    assert CANARY not in said.getvalue()


def test_a_log_can_go_into_a_file_and_what_ends_the_process_is_told_beside_it(tmp_path: Path) -> None:
    """In a process of its own: a test's logging is heard by others."""
    told_there = f"""
import logging
from pathlib import Path
from tamshy.site.logs import into, to_stderr
to_stderr("demo", logging.WARNING)
logging.getLogger("tamshy.x").warning("before", extra={{"event": "a"}})
into(Path("log")).write("another process\\n")
logging.getLogger("tamshy.x").warning("after %s", "{CANARY}", extra={{"event": "b"}})
raise ValueError("{CANARY}")
"""
    (tmp_path / "log").write_text("an older one")
    done = subprocess.run([sys.executable, "-c", told_there], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["a", "crashed"]
    log = tmp_path / "log"
    first, *rest = sorted(log.read_text().splitlines(), key=lambda line: line.startswith("{"))
    assert first == "another process"
    assert [json.loads(line)["event"] for line in rest] == ["b", "crashed"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert CANARY not in log.read_text() + done.stderr


def test_the_web_servers_own_errors_are_told_without_their_words() -> None:
    said = f"""
from granian.log import LogLevels, configure_logging, logger
from tamshy.site.listening import LOGGING
from tamshy.site.logs import to_stderr
to_stderr("web")
configure_logging(LogLevels.error, LOGGING)
try:
    {{}}["{CANARY}"]
except KeyError:
    logger.exception("raised by {CANARY}")
"""
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["said"], line["error"]) == ("_granian speaks of an error", "KeyError")
    assert CANARY not in done.stdout + done.stderr
    assert done.stdout == ""


def test_a_line_stays_a_line(said: io.StringIO) -> None:
    extra = {"event": "e", "detail": "one\ntwo\x1b[31m\u2028three"}
    logging.getLogger("tamshy.test").info("%s", extra["detail"], extra=extra)
    (line,) = lines(said)
    assert line["detail"] == line["said"] == "one?two?[31m?three"


def test_a_person_at_a_terminal_reads_a_sentence() -> None:
    record = logging.LogRecord("tamshy.x", logging.WARNING, "", 0, "%s was answered %d", ("POST", 503), None)
    record.method = "POST"
    record.event = "request"
    text = Reading("web").format(record)
    assert re.fullmatch(r"\d\d:\d\d:\d\d web warning: POST was answered 503  \(method=POST\)", text)
    assert told(record) == {"event": "request", "said": "POST was answered 503", "method": "POST"}


# -- the page is held to the code -----------------------------------------------------------------------------------------


def calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "_LOG":
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node


def test_every_call_of_the_log_has_a_constant_text_and_names_its_event() -> None:
    found = list(calls())
    assert len(found) > 15
    for place, call in found:
        assert isinstance(call.func, ast.Attribute)
        text = call.args[1 if call.func.attr == "log" else 0]
        assert isinstance(text, ast.Constant), place
        assert any(word.arg == "extra" for word in call.keywords), place


def written(name: str) -> set[str]:
    """The events that the code names, or the fields beside them."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Dict):
                continue
            entries = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            event = entries.pop("event", None)
            # A column's name is no event's: `"event": "event"` stands in the tables by which files are read.
            if not isinstance(event, ast.Constant) or not re.fullmatch("(?!event$)[a-z_]+", str(event.value)):
                continue
            found |= {str(event.value)} if name == "event" else {str(key) for key in entries}
    return found


def test_the_page_lists_the_events() -> None:
    on_the_page = {event.strip(" `") for row in listed(PAGE, "Events") for event in row[0].split(",")}
    assert on_the_page == written("event") | {"said"}


def test_the_page_lists_the_fields() -> None:
    assert [row[0] for row in listed(PAGE, "Fields")] == sorted(FIELDS)
    assert written("field") == FIELDS


# -- requests ---------------------------------------------------------------------------------------------------------------


def test_a_request_has_a_line_with_its_route_and_nothing_of_its_address(edge: Edge, said: io.StringIO) -> None:
    edge.client.post(
        f"/v1/track?writeKey={CANARY}", json.dumps({"event": "E", "userId": CANARY}), content_type="text/plain"
    )
    edge.client.put(f"/api/profiles/{CANARY}/consent", b"{}", HTTP_AUTHORIZATION=f"Bearer {CANARY}")
    edge.client.get(f"/nowhere/{CANARY}")
    edge.client.get("/healthz")
    edge.down = True
    edge.client.get("/readyz")
    requests = [line for line in lines(said) if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"], line["level"]) for line in requests] == [
        ("POST", "calls.take_calls", 401, "info"),
        ("PUT", "consent.record_consent", 401, "info"),
        ("GET", "none", 404, "info"),
        ("GET", "health.ready", 503, "warning"),
    ]
    assert CANARY not in said.getvalue()
    assert edge.counts.value("tamshy_http_requests_total", route="health.alive", status="200") == 1
