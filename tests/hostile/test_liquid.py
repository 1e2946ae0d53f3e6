"""Promise 57: a template reads nothing and burns nothing: it ends soon, alone, with a reason that is kept."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.unit.render.conftest import build, job

from tamshy.render import protocol
from tamshy.render.children import RenderChild
from tamshy.render.liquid import MAX_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.render import Compiled, Outcome

FINE: Final = "ok {{ profile.n }}"
SECRETS: Final = {"DATABASE_URL": "postgresql://canary-of-the-environment", "TAMSHY_SECRET_KEY": "canary-secret-key-1"}
LONG: Final = "a" * 200_000
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def looped(times: int, inner: str) -> str:
    return f"{{% for i in (1..{times}) %}}{inner}{{% endfor %}}"


def grown(text: str, times: int = 16) -> str:
    """A text that has doubled so often."""
    return "{% assign s = '" + text + "' %}" + looped(times, "{% assign s = s | append: s %}")


# Each renders with long and odd values at hand (profile.long, profile.odd, event.list); all must end, and soon.
PROMISE_57: Final = {
    "an endless loop": looped(10**9, "x"),
    "loops in loops": looped(300, looped(300, looped(300, "x"))),
    "a loop over a loop's own text": looped(1000, "{% assign l = profile.long | split: '' %}"),
    "a loop that sorts": looped(5000, "{% assign l = profile.long | split: '' | sort | uniq | reverse | join: ',' %}"),
    "tablerow without end": "{% tablerow i in (1..999999999) cols:1 %}x{% endtablerow %}",
    "cycle without end": looped(10**8, "{% cycle 'a', 'b' %}"),
    "increment without end": looped(10**8, "{% increment n %}"),
    "much output": looped(90_000, "{{ profile.n }}{{ profile.n }}"),
    "a text that doubles": grown("a" * 100, 40),
    "a capture that doubles": "{% assign s = 'aaaaaaaa' %}"
    + looped(60, "{% capture t %}{{ s }}{{ s }}{% endcapture %}{% assign s = t %}"),
    "captures side by side": looped(
        30, "{% capture t %}{{ profile.long }}{{ profile.long }}{{ profile.long }}{% endcapture %}"
    ),
    "a replacement by itself": grown("aaaaaaaaaa", 12) + "{% assign s = s | replace: 'a', s %}{{ s }}",
    "a replacement of nothing": "{{ profile.long | replace: '', profile.long }}",
    "a join with a long one": "{{ event.list | join: profile.long }}",
    "a split into letters": "{% assign a = profile.long | split: '' %}{{ a | join: profile.long }}",
    "a list of a thousand million": "{{ (1..1000000000) | join: ',' }}",
    "a list that is added to itself": "{% assign a = event.list %}"
    + looped(40, "{% assign a = a | concat: a %}")
    + "{{ a | size }}",
    "powers": "{% assign n = 99999 %}" + looped(99, "{% assign n = n | times: n %}") + "{{ n }}",
    "a number of a million digits": "{{ profile.digits | plus: 1 }}",
    "a division by nothing": "{{ 1 | divided_by: 0 }}{{ 1 | modulo: 0 }}",
    "rounding to a million places": "{{ 1.5 | round: 1000000 }}",
    "a slice from afar": "{{ profile.long | slice: -999999999999999999999, 999999999999999999999 }}",
    "truncate to a thousand million": "{{ profile.n | truncate: 1000000000, profile.long }}",
    "truncate by words without end": "{{ profile.long | truncatewords: 1000000000 }}",
    "a money of a million digits": "{{ profile.digits | money }}",
    "a money in an odd currency": "{{ 1 | money: profile.long }}",
    "a date in an odd form": "{{ 'now' | date: '%Y%%%Q%1000000000d' }}",
    "a date in a form of 200 kB": "{{ 'now' | date: profile.long }}",
    "a date in a form of letters": "{{ 'now' | date: 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' }}",
    "a date beyond time": "{{ 99999999999999999999 | date }}{{ '999999-99-99' | date }}",
    "a plural of everything": "{{ profile.digits | plural: profile.long, profile.long }}",
    "tags that never close": "{{ profile.tags | strip_html }}",
    "tags that never close, escaped": "{{ profile.tags | escape | escape_once | url_encode | strip_html }}",
    "blanks without end": "{{ profile.blanks | strip | lstrip | rstrip | strip_newlines | newline_to_br }}",
    "base64 of everything": "{{ profile.long | base64_encode | base64_decode | base64_encode | size }}",
    "a file": "{% include '/etc/passwd' %}{% render '/etc/passwd' %}",
    "a file by its name in a value": "{% include profile.path %}",
    "an attribute of Python": "{{ profile.__class__.__mro__[1].__subclasses__ }}",
    "a method": "{{ profile.n.format }}{{ profile.keys }}",
    "globals": "{{ shop.__globals__ }}{{ settings.SECRET_KEY }}{{ env.DATABASE_URL }}{{ environ }}{{ self }}",
    "a filter that is none": "{{ profile.n | system: 'id' | eval | env }}",
    "the environment by filters": "{{ 'DATABASE_URL' | env }}",
    "a path a thousand steps long": "{{ profile" + ".a" * 1000 + " }}",
    "brackets in brackets": "{{ " + "profile[" * 500 + "'a'" + "]" * 500 + " }}",
    "blocks in blocks": "{% if true %}" * 500 + "x" + "{% endif %}" * 500,
    "conditions in a row": "{% if " + " and ".join(["profile.n contains 'a'"] * 5000) + " %}x{% endif %}",
    "deep values printed": "{{ profile.deep }}",
    "deep values compared": "{% if profile.deep == event.deep %}x{% endif %}{{ profile.deep | json }}",
    "a whole list sorted by a name": "{{ event.list | sort: 'a' | map: 'b' | where: 'c' | join: ',' }}",
    "raw without an end": "{% raw %}{{ profile.n }}",
    "two hundred thousand pieces": "{{ profile.n }}" * 40_000,
}
ODD: Final[dict[str, object]] = {
    "n": "Aia",
    "long": LONG,
    "tags": "<" * 100_000,
    "blanks": " \n" * 50_000,
    "path": "/etc/passwd",
}
PROFILE: Final = (
    "{"
    + ",".join(f'"{name}":"{value}"'.replace("\n", "\\n") for name, value in ODD.items())
    + f',"digits":{"9" * 100_000},"deep":{"[" * 500}{"]" * 500}}}'
)
EVENT: Final = '{"list":[' + ",".join(["1", '"b"', '{"a":1}'] * 2000) + f'],"deep":{"[" * 500}{"]" * 500}}}'


@pytest.fixture(scope="module")
def children() -> Iterator[RenderChild]:
    patch = pytest.MonkeyPatch()
    for name, value in SECRETS.items():
        patch.setenv(name, value)
    with RenderChild() as made:
        yield made
    patch.undo()


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def spent(children: RenderChild) -> float:
    """Seconds of processor time of the children that live, and of those that have ended."""
    ended = os.times()
    total = ended.children_user + ended.children_system
    for pid in children.pids():
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return total


def published(text: str) -> Compiled | None:
    """What publishing makes of it; None: it is refused already then, with its place."""
    made, problems = build(text)
    assert all(problem.text and problem.position.file for problem in problems)
    return None if problems else made


def tried(children: RenderChild, text: str, version: int) -> Outcome | None:
    """Render it between two good ones, as a shop could publish it: with odd values in place of those it was tried on."""
    made = published(text)
    if made is None:
        return None
    fine = published(FINE)
    assert fine is not None
    jobs = [
        job(id="before", version=1, profile={"n": "Aia"}),
        job(id="hostile", version=version, profile=PROFILE, event=EVENT),
        job(id="after", version=1, profile={"n": "Aia"}),
    ]
    before, found, after = children.render_rows(jobs, {1: fine, version: made})
    assert before.ok
    assert after.ok
    return found


@pytest.mark.parametrize("name", PROMISE_57)
def test_a_hostile_template_ends_soon_and_alone(children: RenderChild, name: str) -> None:
    version = 100 + list(PROMISE_57).index(name)
    children.start()
    began, held, used = time.monotonic(), memory(), spent(children)
    found = tried(children, PROMISE_57[name], version)
    assert time.monotonic() - began < 60
    assert memory() - held < 20 << 20
    # Two tries at most, each with its limit, and what a child's start costs.
    assert spent(children) - used < 2 * protocol.CPU_SECONDS + 6
    if found is None:
        return
    if found.rendered is None:
        assert found.error
        assert len(found.error) < 1000
        assert "Traceback" not in found.error
        said = found.error
    else:
        said = found.rendered.subject + found.rendered.html + found.rendered.plain
        assert len(said.encode()) <= MAX_OUTPUT
    for secret in (*SECRETS.values(), "root:", "canary", "/work", "/usr/lib"):
        assert secret not in said


def test_the_child_has_nothing_to_give_away(children: RenderChild) -> None:
    # It has limited itself before it answers.
    assert tried(children, "Hello {{ profile.n }}", 999) is not None
    for pid in children.pids():
        around = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"canary" not in around
        opened = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]
        assert not any(name.startswith("socket:") for name in opened)
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert f"Max file size{'0':>20}" in limits.replace("bytes", "") or "Max file size             0" in limits
