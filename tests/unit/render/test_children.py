"""Children: limits held one message at a time, deaths survived, nothing of the parent's within reach."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.unit.render.conftest import build, job

from tamshy.language.model import BodyFormat, MessageKind
from tamshy.render.children import InProcess, RenderChild
from tamshy.render.protocol import Fault, Work, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.render import Compiled, Job

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
NAME = "abcdefghi"
FINE = "ok {{ profile.n }}"


def _compiled(text: str) -> Compiled:
    made, problems = build(text)
    assert problems == []
    return made


def _jobs(*versions: int) -> list[Job]:
    return [job(id=f"m{place}", version=version, profile={"n": NAME}) for place, version in enumerate(versions)]


def _kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderChild]:
    """One pool for the tests that do not look at processes."""
    with RenderChild() as children:
        yield children


HOSTILE = {
    "endless loop": ("{% for i in (1..1000000000) %}x{% endfor %}", "en.html:1: more than 100000 rounds of loops"),
    "nested loops": (
        "{% for i in (1..400) %}{% for j in (1..400) %}x{% endfor %}{% endfor %}",
        "en.html:1: more than 100000 rounds of loops",
    ),
    "loops in a row": (
        "{% for i in (1..60000) %}{% endfor %}{% for i in (1..60000) %}{% endfor %}",
        "en.html:1: more than 100000 rounds of loops",
    ),
    "loops that print nothing": (
        "{% for i in (1..99999999) %} {% endfor %}",
        "en.html:1: more than 100000 rounds of loops",
    ),
    "doubled text": (
        "{% assign s = 'aaaaaaaaaa' %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}",
        "en.html:1: append: a text of more than 524288 characters",
    ),
    "doubled capture": (
        (
            "{% assign s = 'aaaaaaaaaa' %}{% for i in (1..40) %}"
            "{% capture t %}{{ s }}{{ s }}{% endcapture %}{% assign s = t %}{% endfor %}"
        ),
        "en.html:1: more than 512 kB of output",
    ),
    "much output": (
        "{% for i in (1..90000) %}{{ profile.n }}{% endfor %}",
        "en.html:1: more than 512 kB of output",
    ),
    "squared numbers": (
        "{% assign n = 9 %}{% for i in (1..40) %}{% assign n = n | times: n %}{% endfor %}",
        "en.html:1: times: a number of more than 256 bits",
    ),
    "a long list": (
        "{{ (1..900000000) | join: ',' }}",
        "en.html:1: join: a range of more than 100000 numbers",
    ),
    "attributes": ("{{ profile.__class__.__mro__ }}", "en.html:1: profile.__class__.__mro__ is missing"),
    "methods": ("{{ profile.n.format }}", "en.html:1: profile.n.format is missing"),
    "settings": ("{{ shop.settings }}", "en.html:1: shop.settings is missing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_fail_alone_and_cheaply(pool: RenderChild, name: str) -> None:
    """These are caught by limits that come out the same on every machine, and cost the child nothing."""
    text, said = HOSTILE[name]
    pool.start()
    before = pool.pids()
    version = 1000 + list(HOSTILE).index(name)
    outcomes = pool.render_rows(_jobs(1, version, 1), {1: _compiled(FINE), version: _compiled(text)})
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error == f"messages/m/{said}"
    assert pool.pids() == before


def test_time_is_limited_for_each_message() -> None:
    spin = (
        "{% for i in (1..99) %}{% for j in (1..900) %}"
        "{% assign x = 'a<b>c' | strip_html | split: '' | join: 'x' | split: 'x' | sort | uniq | join: ' ' %}"
        "{% endfor %}{% endfor %}"
    )
    with RenderChild() as children:
        known = {1: _compiled(FINE), 2: _compiled(spin)}
        children.render_rows(_jobs(1), known)
        first = children.pids()
        outcomes = children.render_rows(_jobs(1, 2, 1, 1), known)
        assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
        assert outcomes[1].error == "takes more than 1 s of processor time"
        assert len(children.pids()) == 1
        assert children.pids() != first


@LINUX
def test_memory_is_limited_for_each_message() -> None:
    burst = (
        "{% assign s = 'aaaaaaaaaa' %}{% for i in (1..12) %}{% assign s = s | append: s %}{% endfor %}"
        "{% assign s = s | replace: 'a', s %}"
    )
    with RenderChild() as children:
        outcomes = children.render_rows(_jobs(1, 2, 1), {1: _compiled(FINE), 2: _compiled(burst)})
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error == "takes more than 128 MiB of memory"


def test_the_whole_message_has_a_limit(pool: RenderChild) -> None:
    """Each part alone is below 512 kB, together they are not."""
    outcomes = pool.render_rows(_jobs(5), {5: _compiled("<p>{% for i in (1..33000) %}{{ profile.n }}{% endfor %}</p>")})
    assert outcomes[0].error == "more than 512 kB; make the message smaller"


def test_deep_data_is_no_trouble(pool: RenderChild) -> None:
    deep = "[" * 200 + "]" * 200
    deeper = "[" * 900 + "]" * 900
    outcomes = pool.render_rows(
        [
            job(version=6, profile=f'{{"n": {deep}}}'),
            job(version=6, profile=f'{{"n": {deeper}}}'),
            job(version=6, profile="[" * 100_000),
        ],
        {6: _compiled("{{ profile.n }}|{% if profile.n contains 1 %}{% endif %}")},
    )
    assert outcomes[0].rendered is not None
    assert outcomes[0].rendered.plain == deep + "|\n"
    assert outcomes[1].error == "messages/m/en.html: Recursion limit reached"
    assert outcomes[2].error is not None
    assert outcomes[2].error.startswith("properties that cannot be read: ")


def test_numbers_beyond_doubles_are_read(pool: RenderChild) -> None:
    outcomes = pool.render_rows(
        [job(version=7, profile='{"n": 1e999, "m": 12345678901234567890123}')], {7: _compiled("{{ profile.m }}")}
    )
    assert outcomes[0].rendered is not None
    assert outcomes[0].rendered.plain == "12345678901234567890123\n"


def _ticks(pid: int) -> int:
    """Processor time of a process so far, as proc(5) tells it."""
    of_user, of_system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return int(of_user) + int(of_system)


def _kill_at_work(pids: list[int], before: list[int]) -> None:
    """Kill children as soon as all are well into their work, however busy the machine is."""
    while any(_ticks(pid) < was + 3 for pid, was in zip(pids, before, strict=True)):
        time.sleep(0.001)
    _kill(*pids)


@LINUX
def test_a_child_killed_in_the_middle_of_a_batch_costs_nothing() -> None:
    slow = _compiled("{% for i in (1..3000) %}{{ profile.n | upcase }}{% endfor %}")
    jobs = [job(id=f"m{place}", version=1, profile={"n": NAME}) for place in range(60)]
    expected = InProcess().render_rows(jobs, {1: slow})
    with RenderChild(2) as children:
        children.start()
        killed = list(children.pids())
        killer = threading.Thread(target=_kill_at_work, args=[killed, [_ticks(pid) for pid in killed]])
        killer.start()
        outcomes = children.render_rows(jobs, {1: slow})
        killer.join()
        assert not set(killed) & set(children.pids())
        assert outcomes == expected
        # and after it, as if nothing had been
        assert children.render_rows(jobs[:3], {}) == expected[:3]


def test_a_child_killed_between_batches_costs_nothing() -> None:
    with RenderChild() as children:
        first = children.render_rows(_jobs(1), {1: _compiled(FINE)})
        os.kill(children.pids()[0], signal.SIGKILL)
        while children.pids():
            time.sleep(0.01)
        assert children.render_rows(_jobs(1), {}) == first


def test_a_child_and_this_process_say_the_same(pool: RenderChild) -> None:
    made, problems = build(
        "# {{ profile.n }}\n\n{% for p in event.products %}\n- {{ p.name }} {{ p.price | money }}\n{% endfor %}\n\n"
        "**[Go]({{ event.url }})** {{ now | date }} {{ 3 | plural: 'a', 'b', 'c' }}",
        BodyFormat.MARKDOWN,
        subject="{{ profile.n }}",
        preheader="{{ profile.n }}",
        kind=MessageKind.MARKETING,
        locale="ru",
    )
    assert problems == []
    made["default_locale"] = "ru"
    event = {"products": [{"name": "<A>", "price": 1.5}, {"name": "Ә", "price": 2}], "url": "https://x.example/"}
    jobs = [job(id=f"m{number}", version=8, profile={"n": f"Ы{number}"}, event=event) for number in range(40)]
    as_text = [msgspec.structs.replace(one, event=msgspec.json.encode(one.event).decode()) for one in jobs]
    here = InProcess().render_rows(jobs, {8: made})
    assert all(outcome.ok for outcome in here)
    assert [outcome.id for outcome in here] == [f"m{number}" for number in range(40)]
    assert pool.render_rows(jobs, {8: made}) == here
    assert pool.render_rows(as_text, {8: made}) == here


def test_versions_that_were_never_handed_over(pool: RenderChild) -> None:
    with pytest.raises(KeyError):
        pool.render_rows(_jobs(99), {})


def test_an_older_form_is_refused(pool: RenderChild) -> None:
    old = _compiled(FINE)
    old["form"] = 0
    outcomes = pool.render_rows(_jobs(9), {9: old})
    assert outcomes[0].error == "compiled in form 0, this version reads 1; publish the message again"


def test_no_jobs_start_no_child() -> None:
    with RenderChild() as children:
        assert children.render_rows([], {}) == []
        assert children.pids() == []


def test_nothing_of_the_parents_is_within_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    with RenderChild() as children:
        children.render_rows(_jobs(1), {1: _compiled(FINE)})
        child = Path(f"/proc/{children.pids()[0]}")
        if not child.exists():
            pytest.skip("needs /proc")
        assert (child / "environ").read_bytes() == b"LC_ALL=C.UTF-8\0"
        kinds = {str(handle.readlink()).partition(":")[0] for handle in (child / "fd").iterdir()}
        assert kinds <= {"pipe", "/dev/null"} | {str(Path("/proc/self/fd/2").readlink()).partition(":")[0]}
        loaded = (child / "maps").read_text()
        assert "psycopg" not in loaded
        assert "mrml" not in loaded


def test_closing_ends_the_children() -> None:
    children = RenderChild()
    children.render_rows(_jobs(1), {1: _compiled(FINE)})
    pid = children.pids()[0]
    children.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_last_words_of_a_child_are_the_kind_of_the_error_and_where() -> None:
    """What an error says, a name of somebody's among it, stays in the child."""
    child = [sys.executable, "-I", "-m", "tamshy.render.child"]
    broken = frame(Work(job(version=4711, profile={"n": NAME})))
    done = subprocess.run(child, input=broken, capture_output=True, check=False)
    assert done.returncode == 1
    fault = msgspec.json.decode(done.stderr, type=Fault)
    assert fault.kind == "KeyError"
    assert re.search(r"\bchild\.py:\d+$", fault.where)
    assert b"4711" not in done.stderr


@LINUX
def test_of_a_child_that_dies_the_log_hears_the_kind_and_the_place(caplog: pytest.LogCaptureFixture) -> None:
    with RenderChild() as children:
        children.render_rows(_jobs(1), {1: _compiled(FINE)})
        (pid,) = children.pids()
        threading.Thread(target=_kill_at_work, args=[[pid], [_ticks(pid)]]).start()
        slow = _compiled(
            "{% for i in (1..90000) %}{% assign l = profile.n | split: '' | sort | join: ',' %}{% endfor %}"
        )
        children.render_rows(_jobs(2), {2: slow})
    told = [record for record in caplog.records if getattr(record, "event", "") == "renderer_died"]
    assert [(record.__dict__["error"], record.__dict__["ending"]) for record in told] == [("unknown", "signal 9")]
    assert NAME not in caplog.text
