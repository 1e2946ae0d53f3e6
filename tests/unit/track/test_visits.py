"""What several hits on one message show together, as no single one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tamshy.track import Did, Machine, Page, Request
from tamshy.track.visits import MOST_TOGETHER, Visit, judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
A = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"
B = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"
BURST, COMPANION, SOON = Machine.ALL_LINKS, Machine.COMPANION, Machine.TOO_SOON
AGENTS, NAMED, HEAD = Machine.SEVERAL_AGENTS, Machine.NAMED, Machine.METHOD


def seen(told: str, links: int = 9) -> list[Machine | None]:
    """Judge visits told as `second:what[agent][!]`: a letter is a link, `.` the picture, `u p m` our pages, `!` HEAD."""
    visits = []
    for word in told.split():
        seconds, _, what = word.partition(":")
        agent = {"1": A, "2": B, "c": "curl/8"}[what[1]] if what[1:2] in {"1", "2", "c"} else A
        request = Request("HEAD" if what.endswith("!") else "GET", agent)
        pages = {"u": Page.UNSUBSCRIBE, "p": Page.PREFERENCES, "m": Page.MAIL}
        did = Did.OPENED if what[0] == "." else Did.LOOKED if what[0] in pages else Did.CLICKED
        url = None if did is Did.OPENED else pages[what[0]].value if did is Did.LOOKED else what[0]
        visits.append(Visit(NOON + timedelta(seconds=float(seconds)), did, request, url))
    return judge(visits, NOON, links)


@pytest.mark.parametrize(
    ("told", "links", "found"),
    [
        ("", 9, []),
        ("100:A", 9, [None]),
        ("99:. 100:A 101:A 102:B", 9, [None] * 4),
        ("100:A 101:B 102:C", 9, [BURST] * 3),
        ("100:A 105:B 110:C", 9, [BURST] * 3),
        ("100:A 105:B 110.001:C", 9, [None] * 3),
        ("95:. 100:A 101:B 102:C", 9, [BURST] * 4),
        ("91:. 100:A 101:B 102:C", 9, [None, BURST, BURST, BURST]),
        ("100:A 102:B", 2, [BURST] * 2),
        ("100:A 102.001:B", 2, [None] * 2),
        ("100:A 101:A", 1, [None] * 2),
        # Very many within a minute, however slowly.
        ("100:A 111:B 122:C 133:D 144:E 155:F", 9, [BURST] * 6),
        ("100:A 113:B 126:C 139:D 152:E 165:F", 9, [None] * 6),
        # Our pages are one place more; the mail in the browser is none.
        ("100:A 101:B 102:u", 9, [BURST] * 3),
        ("100:u 101:p 102:A", 9, [None] * 3),
        ("100:m 101:A 102:B", 9, [None] * 3),
        # One person has one browser in hand.
        ("100:A1 105:B2", 9, [AGENTS] * 2),
        ("100:A1 105:A2", 9, [None] * 2),
        ("100:A1 110.001:B2", 9, [None] * 2),
        # What names itself comes beside people, and says nothing of them.
        ("100:A 101:Bc 102:Cc", 9, [None, NAMED, NAMED]),
        # What gave itself away goes on for a while.
        ("3:A 20:B", 9, [SOON, COMPANION]),
        ("3:A 63:B", 9, [SOON, COMPANION]),
        ("3:A 63.001:B", 9, [SOON, None]),
        ("3:A 50:B 100:C 150:D", 9, [SOON, COMPANION, COMPANION, COMPANION]),
        ("3:A1 20:B2", 9, [SOON, None]),
        ("30:A! 31:B", 9, [HEAD, COMPANION]),
        # The same link again may be the person's, whose company looked at it first.
        ("3:A 20:A", 9, [SOON, None]),
        ("30:A! 31:A", 9, [HEAD, None]),
        ("3:u 20:A", 9, [SOON, COMPANION]),
        # A program that shows mail loads the picture at once; following a link in it is something else.
        ("3:. 20:A", 9, [SOON, None]),
    ],
)
def test_what_visits_show_together(told: str, links: int, found: list[Machine | None]) -> None:
    assert seen(told, links) == found


def test_a_thousand_hits_are_judged_a_few_at_a_time() -> None:
    hits = [Visit(NOON + timedelta(seconds=100), Did.CLICKED, Request("GET", A), "a")] * 1000
    assert judge(hits, NOON, 9) == [None] * 1000
    assert MOST_TOGETHER < 100
