"""Files taken in: what they say arrives, once, whatever interrupts it; and as history it starts nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, ref_of, small

from tamshy.domain.call import Call, CallKind
from tamshy.explain import as_data, explain, lines
from tamshy.importing import BadOption, Busy, Kind, Options, Progress, Report, Target, Told, run
from tamshy.importing import stage as importing
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SETTINGS = "identities: {merge_on: [user_id, email]}\n"
FLOWS = {
    "cart": """\
trigger: {event: Checkout Started}
exit_on: {event: Order Completed}
conversion: {event: Order Completed, within: 5d}
steps:
  - wait: 2h
  - send: reminder
""",
    "hello": "trigger: [{event: Subscribed}, {event: Unsubscribed}]\nsteps: [{send: hello}]\n",
    "buyers": "trigger: {event: Looked}\naudience: {did: Order Completed, within: 90d}\nsteps: [{exit: bought}]\n",
}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS, settings=SETTINGS), buckets=4, zones=["UTC", "Asia/Almaty"])
        yield Shop(dsn, conn, book, HandClock(T0))


def target(shop: Shop) -> Target:
    return Target(ref_of(shop.book), frozenset({"offers", "news"}), frozenset({"offers"}))


def take(
    shop: Shop,
    kind: Kind,
    file: Path,
    *,
    as_of: datetime = T0 - DAY,
    told: list[Told] | None = None,
    **options: object,
) -> Report:
    def hear(one: Told | Progress) -> None:
        if isinstance(one, Told) and told is not None:
            told.append(one)

    return run(
        shop.conn,
        target(shop),
        kind,
        file,
        Options(**options),  # type: ignore[arg-type]
        as_of=as_of,
        now=shop.clock.now,
        told=hear,
    )


def file_of(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def people(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.query("select address, properties - 'created_at', consents from profile order by address")


def test_contacts_become_profiles_with_their_properties(shop: Shop, tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "Email;User ID;First Name;Phone;orders;vip;address.city;timezone;created_at\n"
        "AIA@example.com;u1;Әия;+7 701;3;true;Алматы;Asia/Almaty;2020-01-02\n"
        "b@example.com;;B;;;false;;;\n",
    )
    report = take(shop, Kind.PROFILES, path)
    shop.work(T0)
    assert (report.counts.records, report.counts.refused, report.counts.stored) == (2, 0, 2)
    assert shop.query("select address, zone, properties - 'created_at', die from profile order by address") == [
        (
            "aia@example.com",
            "Asia/Almaty",
            {
                "email": "aia@example.com",
                "first_name": "Әия",
                "phone": "+7 701",
                "orders": 3,
                "vip": True,
                "address": {"city": "Алматы"},
                "timezone": "Asia/Almaty",
            },
            "user_id:u1",
        ),
        ("b@example.com", "UTC", {"email": "b@example.com", "first_name": "B", "vip": False}, "email:b@example.com"),
    ]
    assert shop.query("select properties ->> 'created_at' from profile where address = 'aia@example.com'") == [
        ("2020-01-02",)
    ]


def test_what_a_live_call_has_said_since_the_file_was_written_stays(shop: Shop, tmp_path: Path) -> None:
    shop.identify("u1", T0 - HOUR, email="aia@example.com", city="Astana")
    path = file_of(tmp_path, "user_id,email,city,plan\nu1,aia@example.com,Almaty,gold\n")
    take(shop, Kind.PROFILES, path, as_of=T0 - DAY)
    shop.work(T0)
    assert shop.query("select properties ->> 'city', properties ->> 'plan' from profile") == [("Astana", "gold")]


def test_refused_lines_say_where_and_what_and_good_ones_beside_them_stay(shop: Shop, tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "email,user_id,consent.news,consent.news.at,born\n"
        "aia@,u1,,,\n"
        "good@example.com,,,,\n"
        ",,,,1990-01-01\n"
        "b@example.com,,perhaps,,\n"
        "c@example.com,,granted,yesterday,\n"
        "d@example.com,u2,,,,extra\n",
    )
    told: list[Told] = []
    report = take(shop, Kind.PROFILES, path, told=told)
    shop.work(T0)
    assert [(one.line, one.field, one.text) for one in told] == [
        (2, "email", "'aia@' is no address that mail can be sent to; write it like name@shop.example"),
        (4, "email", "nobody is named: give `email` or `user_id`"),
        (5, "consent.news.status", "'perhaps' is neither granted nor withdrawn"),
        (
            6,
            "consent.news.at",
            "`consent.news.at` is no moment after 1970: 'yesterday'; write it like 2026-03-02T09:00:00Z",
        ),
        (7, "", "the line has 6 cells and the header 5; quote a cell that holds the delimiter"),
    ]
    assert (report.counts.records, report.counts.refused) == (6, 5)
    assert shop.query("select address from profile") == [("good@example.com",)]


def test_what_cannot_be_stored_costs_its_line_alone(shop: Shop, tmp_path: Path) -> None:
    nul, deep = "\\u0000", '{"a":' * 70 + "1" + "}" * 70
    lines = [
        f'{{"email":"a@example.com","consent":{{"news":{{"status":"no","wording":"x{nul}"}}}}}}',
        f'{{"email":"b@example.com","note":{deep}}}',
        '{"email":"c@example.com","consent":{"news":{"status":"no","wording":"\\ud800"}}}',
        '{"email":["d@example.com"]}',
        '{"email":"e@example.com","consent":"yes"}',
        '{"email":"f@example.com","user_id":["f"]}',
        '{"email":"g@example.com","consent":{"news":{"status":"no","at":[1]}}}',
        '{"email":"good@example.com","phone":77010000000,"nested":{"deep":[1,{"x":null}]}}',
    ]
    told: list[Told] = []
    report = take(shop, Kind.PROFILES, file_of(tmp_path, "\n".join(lines), "file.jsonl"), told=told)
    blocked = take(
        shop, Kind.SUPPRESSIONS, file_of(tmp_path, f'{{"email":"x@example.com","reason":"{nul}"}}', "b.jsonl")
    )
    shop.work(T0)
    assert [one.line for one in told] == [1, 2, 3, 4, 5, 6, 7]
    assert (report.counts.refused, report.counts.stored, blocked.counts.refused) == (7, 1, 1)
    assert shop.query("select properties - 'created_at' from profile") == [
        ({"email": "good@example.com", "phone": "77010000000", "nested": {"deep": [1, {"x": None}]}},)
    ]


def test_consent_needs_time_and_wording_or_source(shop: Shop, tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "email,consent.news,consent.news.at,consent.news.wording,consent.news.source\n"
        "a@example.com,granted,2025-05-01T10:00:00Z,Yes please,\n"
        "b@example.com,yes,01.05.2025 10:00,,paper form\n"
        "c@example.com,granted,2025-05-01,,\n"
        "d@example.com,granted,,Yes please,\n"
        "e@example.com,withdrawn,,,\n",
    )
    told: list[Told] = []
    report = take(shop, Kind.PROFILES, path, told=told)
    shop.work(T0)
    assert (report.counts.granted, report.counts.withdrawn, report.counts.unproven) == (2, 1, 2)
    assert [(one.line, one.refused) for one in told] == [(4, False), (5, False)]
    assert shop.query(
        "select p.address, c.granted, c.occurred_at, c.source, c.evidence"
        " from consent c join profile p on p.bucket = c.bucket and p.id = c.profile order by 1"
    ) == [
        (
            "a@example.com",
            True,
            datetime(2025, 5, 1, 10, tzinfo=UTC),
            "import",
            {"file": "file.csv", "wording": "Yes please"},
        ),
        (
            "b@example.com",
            True,
            datetime(2025, 5, 1, 10, tzinfo=UTC),
            "import",
            {"file": "file.csv", "source": "paper form"},
        ),
        ("e@example.com", False, T0 - DAY, "import", {"file": "file.csv"}),
    ]


def test_whose_word_a_consent_is_is_not_where_a_visit_came_from(shop: Shop, tmp_path: Path) -> None:
    came: dict[str, object] = {"campaign": {"source": "newsletter"}}
    shop.store(Call(CallKind.TRACK, T0 - HOUR, T0 - HOUR, user_id="u1", name="Looked", context=came))
    given = {"topic": "news", "granted": True, "source": "api", "evidence": {"wording": "Yes"}}
    shop.store(Call(CallKind.CONSENT, T0, T0, user_id="u1", properties=given))
    take(
        shop,
        Kind.PROFILES,
        file_of(tmp_path, "user_id,consent.offers,consent.offers.at,consent.offers.source\nu1,yes,2020-01-01,form\n"),
    )
    shop.work(T0)
    assert shop.query("select properties -> 'source', properties -> 'last_source' from profile") == [(came, came)]


def test_evidence_for_a_whole_file_needs_each_lines_time(shop: Shop, tmp_path: Path) -> None:
    path = file_of(tmp_path, "email,signed\na@example.com,2025-05-01\nb@example.com,\n")
    report = take(shop, Kind.PROFILES, path, topic="news", evidence="I want news", consented_at="signed")
    shop.work(T0)
    assert (report.counts.granted, report.counts.unproven) == (1, 1)
    assert shop.query("select topic, evidence ->> 'wording' from consent") == [("news", "I want news")]


def test_a_bought_list_gets_none_not_even_where_silence_would_do(shop: Shop, tmp_path: Path) -> None:
    given = {"topic": "offers", "granted": True, "source": "api", "evidence": {}}
    shop.store(Call(CallKind.CONSENT, T0 - 30 * DAY, T0 - 30 * DAY, user_id="old", properties=given))
    shop.identify("old", T0 - 30 * DAY, email="old@example.com")
    path = file_of(
        tmp_path,
        "email,consent.news,consent.news.at,consent.news.wording\n"
        "a@example.com,granted,2025-05-01,Yes\nold@example.com,,,\n",
    )
    report = take(shop, Kind.PROFILES, path, bought=True)
    shop.work(T0)
    assert (report.counts.granted, report.counts.unproven) == (0, 1)
    # `offers` is allowed until withdrawn: the bought are withdrawn, and what a customer has said before holds
    assert [(row[0], row[2]["offers"]["on"]) for row in people(shop)] == [
        ("a@example.com", False),
        ("old@example.com", True),
    ]
    assert shop.query("select count(*) from consent where topic = 'news'") == [(0,)]


def test_a_mailchimp_export_brings_consent_withdrawals_and_suppressions(shop: Shop, tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "Email Address,First Name,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LAST_CHANGED,LEID,EUID,TAGS,UNSUB_TIME,CLEAN_TIME\n"
        'a@example.com,A,2020-02-03 04:05:06,1.2.3.4,,,2021-01-01 00:00:00,1,x,"""VIP"",""Blog""",,\n'
        "b@example.com,B,,,,,2021-01-01 00:00:00,2,y,,2021-05-05 05:05:05,\n"
        "c@example.com,C,,,,,2021-01-01 00:00:00,3,z,,,2021-06-06 06:06:06\n"
        "d@example.com,D,,,2021-01-01 00:00:00,,2021-01-01 00:00:00,4,q,,,\n",
    )
    told: list[Told] = []
    report = take(shop, Kind.PROFILES, path, told=told, topic="news")
    shop.work(T0)
    assert (report.provider, report.counts.granted, report.counts.withdrawn) == ("mailchimp", 1, 1)
    assert [(one.line, one.refused) for one in told] == [(5, False)]
    assert [(row[0], row[2].get("news", {}).get("on")) for row in people(shop)] == [
        ("a@example.com", True),
        ("b@example.com", False),
        ("c@example.com", None),
        ("d@example.com", None),
    ]
    assert shop.query("select evidence from consent where granted") == [
        ({"file": "file.csv", "provider": "mailchimp", "ip": "1.2.3.4", "source": "opted in"},)
    ]
    assert shop.query("select address, reason, since, evidence ->> 'said' from suppression") == [
        ("c@example.com", "hard_bounce", datetime(2021, 6, 6, 6, 6, 6, tzinfo=UTC), "cleaned")
    ]
    assert shop.query("select properties -> 'tags' from profile where address = 'a@example.com'") == [
        (["VIP", "Blog"],)
    ]


HISTORY = (
    '{"type":"track","userId":"u1","event":"Checkout Started","properties":{"value":5},"timestamp":"2026-03-02T08:59:00Z"}\n'
    '{"type":"track","email":"b@example.com","event":"Order Completed","timestamp":"2026-02-01T10:00:00Z","messageId":"m1"}\n'
    '{"type":"identify","userId":"u1","traits":{"city":"Almaty"},"timestamp":"2026-02-01T10:00:00Z"}\n'
    '{"type":"page","anonymousId":"d1","name":"Home","timestamp":"2026-02-01T10:00:00Z"}\n'
)


def test_history_starts_nothing_whatever_its_age(shop: Shop, tmp_path: Path) -> None:
    report = take(shop, Kind.EVENTS, file_of(tmp_path, HISTORY, "file.jsonl"))
    contacts = (
        "email,consent.news,consent.news.at,consent.news.source\na@example.com,granted,2026-03-02T08:59:00Z,form\n"
    )
    take(shop, Kind.PROFILES, file_of(tmp_path, contacts))
    shop.work(T0)
    shop.work(T0 + 3 * HOUR)
    assert (report.counts.records, report.counts.refused, report.counts.stored) == (4, 0, 4)
    assert shop.query("select count(*) from enrollment") == [(0,)]
    assert shop.query("select count(*) from message") == [(0,)]
    assert shop.query("select flow, outcome, reason from journal order by flow") == [
        ("cart", "refused", "too_old"),
        ("hello", "refused", "too_old"),
    ]
    (told,) = explain(shop.conn, NAME, "u1", now=shop.clock.at)
    assert (
        "Checkout Started of 2 Mar 2026, 08:59, which arrived 1 minute later, and it was imported: history starts nothing"
        in "\n".join(lines(told))
    )
    assert [line["cause"]["imported"] for line in as_data(told) if line["kind"] == "enrollment"] == [True]  # type: ignore[index]
    assert shop.query("select name, origin from event order by name") == [
        ("Checkout Started", 2),
        ("Order Completed", 2),
        ("Page Viewed", 2),
        ("Subscribed", 2),
    ]


def test_history_counts_for_conditions_exits_and_conversions(shop: Shop, tmp_path: Path) -> None:
    shop.track("u1", "Checkout Started", T0)
    shop.work(T0)
    later = '{"userId":"u1","event":"Order Completed","properties":{"value":7},"timestamp":"2026-03-02T09:30:00Z"}\n'
    earlier = '{"userId":"u2","event":"Order Completed","timestamp":"2026-02-01T09:30:00Z"}\n'
    shop.clock.at = T0 + HOUR
    take(shop, Kind.EVENTS, file_of(tmp_path, later + earlier, "file.jsonl"))
    shop.track("u2", "Looked", T0 + 2 * HOUR)
    shop.work(T0 + 3 * HOUR)
    assert shop.query("select flow, exit_reason from enrollment order by flow") == [
        ("buyers", "bought"),
        ("cart", "exit_on"),
    ]
    assert shop.query("select flow, value from conversion") == [("cart", 7)]
    assert shop.query("select count(*) from message") == [(0,)]


def test_events_of_a_csv_have_every_other_column_as_a_property(shop: Shop, tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "event,email,timestamp,message id,properties.value,properties.order_id,note\n"
        "Order Completed,b@example.com,2026-02-01 10:00,m1,12.5,1001,gift\n"
        "Order Completed,b@example.com,,m2,12.5,1001,\n"
        ",b@example.com,2026-02-01 10:00,m3,1,1,\n"
        "Unsubscribed,b@example.com,2026-02-02 10:00,m4,,,\n",
    )
    told: list[Told] = []
    take(shop, Kind.EVENTS, path, told=told)
    shop.work(T0)
    assert [(one.line, one.field) for one in told] == [(3, "timestamp"), (4, "event")]
    assert shop.query("select name, occurred_at, properties from event order by occurred_at") == [
        (
            "Order Completed",
            datetime(2026, 2, 1, 10, tzinfo=UTC),
            {"value": 12.5, "order_id": "1001", "note": "gift"},
        ),
        ("Unsubscribed", datetime(2026, 2, 2, 10, tzinfo=UTC), {"topic": "offers"}),
    ]
    assert shop.query("select topic, granted, source from consent") == [("offers", False, "import")]


def test_an_address_is_left_alone_before_anybody_has_it(shop: Shop, tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "address,reason,time\nU1@example.com,asked by phone,2025-01-01\nnobody@example.com,,\nno address,,\n",
    )
    told: list[Told] = []
    report = take(shop, Kind.SUPPRESSIONS, path, told=told)
    assert (report.counts.suppressed, report.counts.refused) == (2, 1)
    assert [(one.line, one.field) for one in told] == [(4, "email")]
    shop.identify("u1", T0, email="u1@example.com")
    shop.track("u1", "Checkout Started", T0)
    shop.work(T0)
    shop.work(T0 + 3 * HOUR)
    assert shop.query("select state, reason from message") == [("skipped", "suppressed")]
    assert shop.query("select address, reason, since, evidence from suppression order by address") == [
        ("nobody@example.com", "manual", T0 - DAY, {"file": "file.csv"}),
        (
            "u1@example.com",
            "manual",
            datetime(2025, 1, 1, tzinfo=UTC),
            {"file": "file.csv", "said": "asked by phone"},
        ),
    ]


def state(shop: Shop) -> list[tuple[object, ...]]:
    return [
        row
        for table in ("profile", "identifier", "consent", "event", "suppression")
        for row in shop.query(
            f"select '{table}', to_jsonb(t) - 'taken_in_at' - 'received_at' - 'since' from {table} t order by 2"
        )
    ]


@pytest.mark.parametrize("later", [timedelta(0), DAY, 40 * DAY])
def test_a_file_taken_in_again_changes_nothing(shop: Shop, tmp_path: Path, later: timedelta) -> None:
    contacts = "user_id,email,name,consent.news,consent.news.at,consent.news.source\nu1,a@example.com,A,granted,2025-05-01,form\n"
    files = [
        (Kind.PROFILES, file_of(tmp_path, contacts)),
        (Kind.EVENTS, file_of(tmp_path, HISTORY, "file.jsonl")),
        (Kind.SUPPRESSIONS, file_of(tmp_path, "email\nx@example.com\n", "block.csv")),
    ]
    for kind, path in files:
        take(shop, kind, path)
    shop.work(T0)
    before = state(shop)
    shop.clock.at = T0 + later
    again = [take(shop, kind, path) for kind, path in files]
    shop.work(T0 + later)
    assert [report.resumed for report in again] == [0, 0, 0]
    assert state(shop) == before
    if later < 30 * DAY:
        assert [(report.counts.stored, report.counts.known) for report in again] == [(0, 2), (0, 4), (0, 0)]


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from tamshy.importing import Kind, Options, Progress, Target, run
from tamshy.importing import stage
from tamshy.ingest import WorkspaceRef
from tamshy.sqlkit import connect

stage.BATCH = 50
dsn, file, left, where = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
ref = WorkspaceRef(1, "simulation", 4, "UTC", frozenset({"user_id", "email"}), "offers", 0)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if where == "inside":
    real = stage.store
    done = 0
    def store(*given):
        global done
        found = real(*given)
        done += 1
        if done > left:
            die()
        return found
    stage.store = store

def told(one):
    global left
    if isinstance(one, Progress) and where == "between":
        left -= 1
        if left == 0:
            die()

with connect(dsn) as conn:
    run(conn, Target(ref, frozenset({"offers", "news"}), frozenset()), Kind.PROFILES, file, Options(),
        as_of=datetime(2026, 3, 1, tzinfo=UTC), now=lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), told=told)
"""


@pytest.mark.newest
@pytest.mark.parametrize("where", ["inside", "between"])
def test_killed_at_any_moment_it_goes_on_where_it_was(
    shop: Shop, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f'u{n},p{n}@example.com,"two\nlines {n}",granted,2025-05-01,form\n' for n in range(330))
    path = file_of(tmp_path, "user_id,email,note,consent.news,consent.news.at,consent.news.source\n" + lines)
    goes = 0
    for left in (1, 2, 1):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, shop.dsn, str(path), str(left), where], check=False, env=os.environ
        )
        assert killed.returncode == -signal.SIGKILL
        goes += left
        assert shop.query("select line, counts ->> 'records' from import") == [(2 + goes * 100, str(goes * 50))]
        assert shop.query("select count(*) from inbox") == [(goes * 100,)]
    monkeypatch.setattr(importing, "BATCH", 50)
    report = take(shop, Kind.PROFILES, path)
    assert report.resumed == 2 + goes * 100
    assert (report.counts.records, report.counts.stored, report.counts.known) == (330, 660, 0)
    shop.work(T0)
    assert shop.query(
        "select count(*), count(distinct address), count(distinct properties ->> 'note') from profile"
    ) == [(330, 330, 330)]
    assert shop.query("select count(*) from consent") == [(330,)]


def test_two_that_take_the_same_file_in_do_not_both(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 1)
    path = file_of(tmp_path, "email\na@example.com\nb@example.com\nc@example.com\n")
    begun: list[Progress] = []

    def told(one: Told | Progress) -> None:
        if isinstance(one, Progress) and not begun:
            begun.append(one)
            with connect(shop.dsn) as conn:
                run(
                    conn,
                    target(shop),
                    Kind.PROFILES,
                    path,
                    Options(),
                    as_of=T0 - DAY,
                    now=shop.clock.now,
                    told=lambda _: None,
                )

    with pytest.raises(Busy):
        run(shop.conn, target(shop), Kind.PROFILES, path, Options(), as_of=T0 - DAY, now=shop.clock.now, told=told)
    shop.work(T0)
    assert [row[0] for row in people(shop)] == ["a@example.com", "b@example.com", "c@example.com"]


def test_what_is_said_beside_a_file_has_to_fit_it(shop: Shop, tmp_path: Path) -> None:
    path = file_of(tmp_path, "email,born\na@example.com,1990\n")
    for options, says in (
        ({"topic": "nwes"}, "there is no topic 'nwes'; there are news, offers"),
        ({"types": {"brn": "date"}}, "--types: there is no column 'brn'; there are email, born"),
        ({"topic": "news", "evidence": "x", "consented_at": "at"}, "--consented-at: there is no column 'at'"),
    ):
        with pytest.raises(BadOption, match=says):
            take(shop, Kind.PROFILES, path, **options)
    assert shop.query("select count(*) from import") == [(0,)]
