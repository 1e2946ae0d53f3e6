"""Promise 40: a zone is one of the list, or it is said that it is none; whatever is sent, nothing fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small

from tamshy import sqlkit
from tamshy.domain.calendar import known_zone, zone_names
from tamshy.domain.call import Call, CallKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

NOW: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HOME: Final = "Asia/Almaty"
FLOW: Final = "trigger: {event: Came}\nsteps:\n  - wait: {until: '09:00'}\n  - send: hello\n"
PROMISE_40: Final[dict[str, object]] = {
    "an offset with a name": "GMT+5",
    "an offset": "+05:00",
    "an offset of UTC": "UTC+5",
    "a path from above": "../../etc/passwd",
    "a path": "/etc/localtime",
    "a path within": "Asia/../Asia/Almaty",
    "a path with a point": "./Asia/Almaty",
    "posixrules": "posixrules",
    "posix/": "posix/Asia/Almaty",
    "right/": "right/Asia/Almaty",
    "a file of the folder": "zone.tab",
    "a module of the folder": "__init__",
    "Factory": "Factory",
    "localtime": "localtime",
    "nothing": "",
    "a blank": " ",
    "ten thousand letters": "A" * 10_000,
    "ten thousand strokes": "/" * 10_000,
    "in small letters": "asia/almaty",
    "in capitals": "ASIA/ALMATY",
    "with a blank behind": "Asia/Almaty ",
    "with a line end": "Asia/Almaty\n",
    "letters of another script": "\u0410sia/Almaty",
    "figures of another script": "Etc/GMT+\u0665",
    "letters of another width": "\uff21sia/Almaty",
    "a name in words": "Almaty Standard Time",
    "a rule of POSIX": "ALMT-5",
    "a rule with summer": "EST5EDT,M3.2.0,M11.1.0",
    "letters that turn": "\u202eytamlA/aisA",
    "SQL": "'; drop table profile; --",
    "a percent sign": "%s%(x)s",
    "a number": 5,
    "a huge number": 1e30,
    "a truth": True,
    "a list": ["Asia/Almaty"],
    "an object": {"zone": "Asia/Almaty"},
    "null": None,
}
# Old names are on the list and mean what they did; they are kept as they were sent.
RENAMED: Final = ("Europe/Kiev", "Asia/Calcutta", "US/Pacific", "Asia/Saigon", "EST5EDT", "GMT", "Etc/GMT+5")


@pytest.fixture(scope="module")
def shop(databases: Databases) -> Iterator[Shop]:
    """Everybody has said where they live, outright or by the context of a call, and has come."""
    dsn = databases.create("tamshy_hostile_zones", databases.template)
    with sqlkit.connect(dsn) as conn:
        files = small({"hello": FLOW})
        files["tamshy.yaml"] = files["tamshy.yaml"].replace("timezone: UTC", f"timezone: {HOME}")
        made = Shop(dsn, conn, found_shop(conn, files), HandClock(NOW))
        for name, zone in {**PROMISE_40, **dict.fromkeys(RENAMED, "")}.items():
            said = zone if name in PROMISE_40 else name
            made.identify(f"said {name}", NOW, timezone=said)
            made.track(f"said {name}", "Came", NOW)
            call = Call(CallKind.TRACK, NOW, NOW, user_id=f"told {name}", name="Came", context={"timezone": said})
            made.store(call)
        made.work(NOW + timedelta(minutes=1))
        yield made
    databases.drop("tamshy_hostile_zones")


def lives(shop: Shop, user: str) -> object:
    ((found,),) = shop.query(
        "select p.zone from profile p join identifier i on i.profile = p.id where i.kind = 'user_id' and i.value = %(user)s",
        user=user,
    )
    return found


def noted(shop: Shop, user: str) -> list[tuple[object, ...]]:
    return shop.query(
        "select j.outcome, j.reason from journal j join identifier i on i.profile = j.profile"
        " where i.kind = 'user_id' and i.value = %(user)s and j.kind = 'problem'",
        user=user,
    )


@pytest.mark.parametrize("name", PROMISE_40)
def test_what_is_no_zone_is_said_to_be_none(shop: Shop, name: str) -> None:
    zone = PROMISE_40[name]
    assert not (isinstance(zone, str) and known_zone(zone))
    assert lives(shop, f"said {name}") == lives(shop, f"told {name}") == HOME
    assert noted(shop, f"said {name}") == ([] if zone in ("", None) else [("unknown_zone", "workspace_zone_used")])


@pytest.mark.parametrize("name", RENAMED)
def test_a_zone_of_the_list_is_kept(shop: Shop, name: str) -> None:
    assert lives(shop, f"said {name}") == lives(shop, f"told {name}") == name
    assert noted(shop, f"said {name}") == []


def test_everybody_goes_on(shop: Shop) -> None:
    """In their zone or the workspace's: nobody waits for ever, and what is kept is on the list."""
    everybody = 2 * (len(PROMISE_40) + len(RENAMED))
    assert shop.query("select count(*) from enrollment where active and work_at < '2026-03-04'") == [(everybody,)]
    assert {str(row[0]) for row in shop.query("select distinct zone from profile")} <= zone_names()
    assert not {"Factory", "posixrules", "localtime"} & zone_names()
