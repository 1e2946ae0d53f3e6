"""New arrivals: what has come into the catalogue since the last time, once there is enough of it (rules 13 and 22)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small
from tests.oracle.table import PLAIN_SETTINGS

from tamshy.commerce import FOUNDING, Word, tell
from tamshy.explain import explain, lines
from tamshy.ingest import calls_from_lines
from tamshy.language.products import read_product
from tamshy.publish import create_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

SUBJECT: Final = "{% for p in event.products %}{{ p.name | default: p.sku }} {% endfor %}"
CLUB: Final = {"segments/club.yaml": "where: {profile.club: true}\n"}


def known(user: str = "u", at: str = "2026-02-20T00:00:00Z", **traits: object) -> dict[str, object]:
    traits = {"email": f"{user}@example.com", "club": True, **traits}
    return {"type": "identify", "userId": user, "timestamp": at, "traits": traits}


def product(at: str, sku: str, **told: object) -> dict[str, object]:
    """``at``: day of March 2026 and time, as in ``09T10:00``."""
    return {"type": "product", "sku": sku, "timestamp": f"2026-03-{at}:00Z", **told}


def lived(
    stage: Connection, trigger: str, *events: dict[str, object], until: str, more: str = ""
) -> list[list[object]]:
    """Play the events; gives who entered or was refused at what day and hour, and the subjects of what was sent."""
    files = {
        "tamshy.yaml": PLAIN_SETTINGS,
        "messages/new/message.yaml": f"subject: {{en: {json.dumps(SUBJECT)}}}\n",
        **CLUB,
    }
    files |= {
        "messages/new/en.md": "Look.",
        "flows/f.yaml": f"trigger: {{new_arrivals: {trigger}}}\nsteps: [{{send: new}}]\n{more}",
    }
    history = calls_from_lines([json.dumps(event) for event in events], zone=ZoneInfo("UTC"))
    assert history.problems == []
    end = datetime.fromisoformat(until).replace(tzinfo=UTC)
    played = play(stage, files, history, compile_message=compile_message, renderer=InProcess(), until=end)
    return [
        [
            line["profile"],
            str(line["at"])[8:13],
            str(line.get("subject") or line.get("reason") or line.get("key")).strip(),
        ]
        for line in journal_lines(stage, played.until)
        if line.get("state") != "exited"
    ]


MONDAYS: Final = 'at_least: 2, every: 1w, on: [mon], at: "10:00", segment: club'


def test_rule_22_event_holds_the_products_and_too_few_are_carried_over(stage: Connection) -> None:
    """2, 9, 16, 23 and 30 March 2026 are Mondays."""
    told = lived(
        stage,
        f"{{{MONDAYS}}}",
        known(),
        known("v", club=False),
        product("02T09:00", "old"),
        product("09T10:00", "b"),
        product("03T00:00", "a"),
        product("10T00:00", "a", price=2),
        product("12T00:00", "c"),
        product("16T10:01", "d"),
        product("20T00:00", "e"),
        until="2026-03-31",
    )
    assert told == [
        ["u", "09T10", "2026-03-09T10:00"],
        ["u", "09T10", "old a b"],
        ["u", "23T10", "2026-03-23T10:00"],
        ["u", "23T10", "c d e"],
    ]


def test_what_is_out_of_stock_has_not_arrived_until_there_is_some(stage: Connection) -> None:
    told = lived(
        stage,
        '{every: 1w, on: [mon], at: "10:00", segment: club}',
        known(),
        product("03T00:00", "later", stock=0),
        product("04T00:00", "here", stock=1),
        product("05T00:00", "gone", stock=4),
        product("06T00:00", "gone", stock=0),
        product("11T00:00", "later", stock=3),
        product("12T00:00", "gone", stock=3),
        until="2026-03-31",
    )
    assert [line[2] for line in told if " " not in str(line[1]) and not str(line[2]).startswith("2026")] == [
        "here",
        "later",
    ]


@pytest.mark.parametrize(
    ("trigger", "days"),
    [
        ("every: 1w, on: [mon, thu]", ["02", "09", "16", "23", "30"]),
        ("every: 2w, on: [mon]", ["02", "16", "30"]),
        ("every: 3d", ["01", "04", "07", "10", "13", "16", "19", "22", "25", "28", "31"]),
        ("every: 3d, on: [mon, thu, fri]", ["02", "05", "09", "12", "16", "19", "23", "26", "30"]),
        ("every: 1mo, on: [tue]", ["03"]),
        ("{}", ["01", "08", "15", "22", "29"]),
    ],
)
def test_it_comes_once_in_every_at_most_on_the_days_named(stage: Connection, trigger: str, days: list[str]) -> None:
    """Something new every day, so that only the rhythm decides."""
    form = "{}" if trigger == "{}" else f"{{{trigger}}}"
    arrivals = [product(f"{day:02}T08:00", f"p{day:02}") for day in range(1, 32)]
    told = lived(stage, form, known(at="2026-03-01T00:00:00Z"), *arrivals, until="2026-03-31T23:00")
    assert [line[1] for line in told if str(line[2]).startswith("2026")] == [f"{day}T09" for day in days]


def test_nothing_is_told_twice_and_a_second_day_helps_where_the_first_had_too_few(stage: Connection) -> None:
    told = lived(
        stage,
        "{at_least: 2, every: 1w, on: [mon, thu], segment: club}",
        known(),
        product("02T08:00", "a"),
        product("04T08:00", "b"),
        product("05T08:00", "c"),
        product("10T08:00", "d"),
        product("11T08:00", "e"),
        until="2026-03-31",
    )
    assert [line[1:] for line in told if not str(line[2]).startswith("2026")] == [["05T09", "a b c"], ["12T09", "d e"]]


def test_each_product_has_to_fit_and_where_may_look_at_the_person_too(stage: Connection) -> None:
    trigger = "{where: {event.product.category: shoes, profile.feet: 2}, every: 1w, on: [mon], segment: club}"
    told = lived(
        stage,
        trigger,
        known(feet=2),
        known("snake", feet=0),
        product("03T00:00", "boots", category="shoes", name="Boots"),
        product("03T00:00", "bag", category="bags"),
        until="2026-03-10",
    )
    assert told == [["u", "09T09", "2026-03-09T09:00"], ["u", "09T09", "Boots"]]


def test_without_a_segment_it_is_for_everybody_by_their_own_clock(stage: Connection) -> None:
    told = lived(
        stage,
        "{every: 1w, on: [mon]}",
        {"type": "track", "userId": "late", "event": "Seen", "timestamp": "2026-03-05T00:00:00Z"},
        known(timezone="Asia/Almaty", at="2026-03-05T00:00:00Z"),
        product("03T00:00", "a"),
        product("12T00:00", "b"),
        until="2026-03-17",
    )
    assert [line[:2] for line in told if str(line[2]).startswith("2026")] == [
        ["u", "09T04"],
        ["late", "09T09"],
        ["u", "16T04"],
        ["late", "16T09"],
    ]
    assert [line[2] for line in told if line[0] == "u"] == ["2026-03-09T09:00", "a", "2026-03-16T09:00", "b"]


def test_rule_13_each_time_is_an_occurrence_and_a_given_time_counts_over_all(stage: Connection) -> None:
    events = [known(), *(product(f"{day:02}T00:00", f"p{day}") for day in (3, 10, 17))]
    trigger = "{every: 1w, on: [mon], segment: club}"
    assert [
        line[1:] for line in lived(stage, trigger, *events, until="2026-03-31", more="reentry: {after: 10d}\n")
    ] == [
        ["09T09", "2026-03-09T09:00"],
        ["09T09", "p3"],
        ["16T09", "reentry"],
        ["23T09", "2026-03-23T09:00"],
        ["23T09", "p17"],
    ]


def test_the_newest_fifty_are_enough_for_any_mail(stage: Connection) -> None:
    many = [product(f"03T{n // 60:02}:{n % 60:02}", f"s{n:03}") for n in range(120)]
    told = lived(stage, "{at_least: 50, every: 1w, on: [mon], segment: club}", known(), *many, until="2026-03-10")
    assert told[-1][2] == " ".join(f"s{n:03}" for n in range(70, 120))


def test_who_moves_hears_of_everything_once(stage: Connection) -> None:
    told = lived(
        stage,
        "{at_least: 2, every: 1w, on: [mon], segment: club}",
        known(timezone="America/New_York"),
        product("03T00:00", "a"),
        product("03T00:00", "b"),
        product("10T00:00", "c"),
        known(at="2026-03-18T00:00:00Z", timezone="Asia/Almaty"),
        product("19T00:00", "d"),
        until="2026-03-24",
    )
    assert [line[1:] for line in told if not str(line[2]).startswith("2026")] == [["09T13", "a b"], ["23T04", "c d"]]


T0: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY: Final = timedelta(days=1)


def test_in_life_it_comes_once_for_every_member_and_is_explained(dsn: str) -> None:
    flows = {
        "f": "trigger: {new_arrivals: {at_least: 2, every: 1w, on: [mon], segment: club}}\nsteps: [{exit: told}]\n"
    }
    with connect(dsn) as conn:
        shop = Shop(dsn, conn, found_shop(conn, small({}), buckets=4, zones=["UTC"]), HandClock(T0))
        shop.publish(small(flows) | CLUB, T0)

        def say(sku: str, at: datetime) -> None:
            tell(conn, shop.book.workspace, [Word(read_product({"sku": sku}), at)], at)
            conn.commit()

        for number in range(9):
            shop.identify(f"u{number}", T0, club=number < 6)
        shop.work(T0)
        say("a", T0 + DAY)
        say("b", T0 + 2 * DAY)
        shop.work(T0 + 7 * DAY)
        assert shop.query("select count(*) from enrollment") == [(0,)]
        shop.work(T0 + 7 * DAY + timedelta(hours=1))
        shop.work(T0 + 13 * DAY)
        assert shop.query("select count(distinct profile), count(*) from enrollment") == [(6, 6)]
        entries = "select distinct name, properties -> 'products' from entry"
        assert shop.query(entries) == [("new_arrivals", [{"sku": "a"}, {"sku": "b"}])]
        told = "\n".join(lines(explain(conn, "simulation", "u0", now=shop.clock.at)[0]))
        assert "Entered f (2026-03-09T09:00): new_arrivals" in told
        assert "2026-03-16" in told
        absent = "\n".join(lines(explain(conn, "simulation", "u8", now=shop.clock.at)[0]))
        assert "2 new products or more, once in 1w, mon at 09:00 for club" in absent


def test_what_a_shop_had_when_it_came_is_not_new(stage: Connection) -> None:
    workspace = create_workspace(stage, "shop", buckets=1)
    for sku, after, stock in (("a", 0, 1), ("b", 23, 0), ("c", 25, 1), ("d", 26, 0)):
        at = T0 + timedelta(hours=after)
        tell(stage, workspace, [Word(read_product({"sku": sku, "stock": stock}), at)], at, FOUNDING)
    at = T0 + timedelta(hours=30)
    again = [Word(read_product({"sku": sku, "stock": 5}), at) for sku in ("b", "d")]
    tell(stage, workspace, again, at, FOUNDING)
    found = stage.execute(
        "select sku, isfinite(arrived_at), nullif(arrived_at, '-infinity') from product order by sku"
    ).fetchall()
    assert found == [
        ("a", False, None),
        ("b", False, None),
        ("c", True, T0 + timedelta(hours=25)),
        ("d", True, at),
    ]
