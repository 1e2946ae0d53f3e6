"""Whose a call is: each rule of people and merging (30, 36, 37) with its own test, on the tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tamshy.domain.call import Call, CallKind
from tamshy.domain.ids import profile_id
from tamshy.ingest import WorkspaceRef, store

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy import sqlkit

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP = WorkspaceRef(id=1, name="shop", buckets=64, zone="UTC", topic="offers")
BY_EMAIL = WorkspaceRef(
    id=1, name="shop", buckets=64, zone="UTC", topic="offers", merge_on=frozenset({"user_id", "email"})
)


@pytest.fixture
def shop(stage: sqlkit.Connection) -> sqlkit.Connection:
    stage.execute("insert into workspace (id, name, first_bucket, buckets) values (1, 'shop', 0, 64)")
    return stage


@pytest.fixture(params=["in one batch", "one by one"])
def together(request: pytest.FixtureRequest) -> bool:
    """Every rule holds whether calls come in one batch or one by one."""
    return bool(request.param == "in one batch")


class Shop:
    """Sends calls a minute apart, and looks at what came of them."""

    def __init__(self, conn: sqlkit.Connection, *, together: bool, ref: WorkspaceRef = SHOP) -> None:
        self.conn, self.together, self.ref = conn, together, ref

    def take(self, *calls: Call) -> None:
        for batch in [calls] if self.together else [[one] for one in calls]:
            store(self.conn, self.ref, batch)

    def holders(self) -> dict[str, UUID]:
        rows = self.conn.execute("select kind, value, profile, bucket from identifier").fetchall()
        assert all(bucket == self.ref.bucket(profile) for _, _, profile, bucket in rows)
        return {f"{kind}:{value}": profile for kind, value, profile, _ in rows}

    def profiles(self) -> set[str]:
        return {die for (die,) in self.conn.execute("select die from profile")}

    def whose(self) -> dict[str, UUID]:
        """Event names, and the profile whose inbox they lie in."""
        return dict(self.conn.execute("select name, profile from inbox where kind = 'event'").fetchall())

    def merges(self) -> list[tuple[str, str]]:
        """(survivor, loser) by their dies, in the order in which they are worked; each lies in both inboxes."""
        rows = self.conn.execute(
            "select i.id, s.die, l.die, count(*), count(distinct i.profile) from inbox i"
            " join profile s on s.id = (i.facts ->> 'survivor')::uuid"
            " and s.bucket = (i.facts ->> 'survivor_bucket')::smallint"
            " join profile l on l.id = (i.facts ->> 'loser')::uuid"
            " and l.bucket = (i.facts ->> 'loser_bucket')::smallint"
            " where i.kind = 'merge' group by 1, 2, 3 order by min(i.moment), min(i.ord)"
        ).fetchall()
        assert all(count == distinct == 2 for *_, count, distinct in rows)
        return [(survivor, loser) for _, survivor, loser, _, _ in rows]


@pytest.fixture
def people(shop: sqlkit.Connection, together: bool) -> Shop:  # noqa: FBT001 - a fixture
    return Shop(shop, together=together)


@pytest.fixture
def mergers(shop: sqlkit.Connection, together: bool) -> Shop:  # noqa: FBT001 - a fixture
    return Shop(shop, together=together, ref=BY_EMAIL)


def at(minute: int, name: str = "", kind: CallKind = CallKind.TRACK, **given: Any) -> Call:  # noqa: ANN401
    moment = NOW + timedelta(minutes=minute)
    return Call(kind=kind, occurred_at=moment, received_at=moment, name=name or f"e{minute}", ord=minute, **given)


def identify(minute: int, **given: Any) -> Call:  # noqa: ANN401 - a call's own fields
    return at(minute, kind=CallKind.IDENTIFY, **given)


def alias(minute: int, previous: str, user: str) -> Call:
    return at(minute, kind=CallKind.ALIAS, user_id=user, previous_id=previous)


def profile(die: str) -> UUID:
    return profile_id("shop", die)


def test_a_device_and_a_user_both_unknown_are_one_newcomer(people: Shop) -> None:
    people.take(at(0, user_id="u1", anonymous_id="a1"))
    one = profile("user_id:u1")
    assert people.holders() == {"user_id:u1": one, "anonymous_id:a1": one}
    assert people.profiles() == {"user_id:u1"}


def test_an_anonymous_visitor_that_names_itself_stays_the_same_profile(people: Shop) -> None:
    people.take(at(0, anonymous_id="a1"), at(1, user_id="u1", anonymous_id="a1"), at(2, user_id="u1"))
    one = profile("anonymous_id:a1")
    assert people.holders() == {"user_id:u1": one, "anonymous_id:a1": one}
    assert people.whose() == {"e0": one, "e1": one, "e2": one}
    assert people.merges() == []


def test_a_known_user_on_a_new_device_takes_it(people: Shop) -> None:
    people.take(at(0, user_id="u1"), at(1, user_id="u1", anonymous_id="a1"), at(2, anonymous_id="a1"))
    one = profile("user_id:u1")
    assert people.holders() == {"user_id:u1": one, "anonymous_id:a1": one}
    assert people.whose()["e2"] == one


def test_rule_37_a_known_user_that_names_itself_at_a_visited_device_merges_the_visitor_in(people: Shop) -> None:
    people.take(
        at(0, anonymous_id="a1"),
        at(1, user_id="u1"),
        at(2, user_id="u1", anonymous_id="a1"),
        at(3, anonymous_id="a1"),
    )
    user, visitor = profile("user_id:u1"), profile("anonymous_id:a1")
    assert people.merges() == [("user_id:u1", "anonymous_id:a1")]
    assert people.holders() == {"user_id:u1": user, "anonymous_id:a1": user}
    assert people.whose() == {"e0": visitor, "e1": user, "e2": user, "e3": user}


def test_the_merge_is_worked_before_the_call_that_brought_it(people: Shop) -> None:
    people.take(at(0, anonymous_id="a1"), at(1, user_id="u1"), at(2, user_id="u1", anonymous_id="a1"))
    user = profile("user_id:u1")
    rows = people.conn.execute(
        "select kind, name from inbox where profile = %s order by moment, emitted, ord, id", [user]
    ).fetchall()
    assert rows == [("event", "e1"), ("merge", ""), ("event", "e2")]


def test_rule_36_a_device_that_two_users_share_is_nobodys_merge(people: Shop) -> None:
    people.take(
        at(0, user_id="u1", anonymous_id="a1"),
        at(1, anonymous_id="a1"),
        at(2, user_id="u2", anonymous_id="a1"),
        at(3, anonymous_id="a1"),
        at(4, user_id="u1", anonymous_id="a1"),
        at(5, anonymous_id="a1"),
    )
    first, second = profile("user_id:u1"), profile("user_id:u2")
    assert people.merges() == []
    assert people.profiles() == {"user_id:u1", "user_id:u2"}
    assert people.whose() == {"e0": first, "e1": first, "e2": second, "e3": second, "e4": first, "e5": first}


def test_rule_36_a_user_that_was_known_before_takes_a_shared_device_too(people: Shop) -> None:
    people.take(
        at(0, user_id="u2"),
        at(1, user_id="u1", anonymous_id="a1"),
        at(2, user_id="u2", anonymous_id="a1"),
        at(3, anonymous_id="a1"),
    )
    assert people.merges() == []
    assert people.whose()["e3"] == profile("user_id:u2")


def test_rule_36_what_arrives_late_belongs_to_the_user_named_last_before_it_by_own_times(people: Shop) -> None:
    def late(minute: float, name: str, **ids: Any) -> Call:  # noqa: ANN401
        own = NOW + timedelta(minutes=minute)
        return Call(CallKind.TRACK, own, NOW + timedelta(hours=1, minutes=minute), name=name, ord=100, **ids)

    people.take(
        at(0, anonymous_id="a1"),
        at(2, user_id="u1", anonymous_id="a1"),
        at(4, user_id="u2", anonymous_id="a1"),
        at(6, user_id="u1", anonymous_id="a1"),
    )
    people.take(
        late(1, "before any name", anonymous_id="a1"),
        late(3, "after the first", anonymous_id="a1"),
        late(4, "at the second", anonymous_id="a1"),
        late(5, "after the second", anonymous_id="a1"),
        late(7, "at the end", anonymous_id="a1"),
    )
    people.take(late(5.5, "", user_id="u3", anonymous_id="a1"), late(5.7, "after the late one", anonymous_id="a1"))
    people.take(late(6.5, "after it was named again", anonymous_id="a1"))
    first, second, third = profile("anonymous_id:a1"), profile("user_id:u2"), profile("user_id:u3")
    whose = people.whose()
    assert {name: whose[name] for name in whose if " " in name} == {
        "before any name": first,
        "after the first": first,
        "at the second": second,
        "after the second": second,
        "at the end": first,
        "after the late one": third,
        "after it was named again": first,
    }
    assert people.holders()["user_id:u1"] == first


def test_rule_36_a_user_that_was_merged_is_named_by_its_survivor(people: Shop) -> None:
    people.take(
        at(0, user_id="u1", anonymous_id="a1"),
        at(1, user_id="old"),
        at(2, user_id="u2", anonymous_id="a1"),
        alias(3, "u2", "old"),
        at(4, anonymous_id="a1"),
    )
    assert people.merges() == [("user_id:old", "user_id:u2")]
    assert people.whose()["e4"] == profile("user_id:old")


def test_rule_36_of_two_users_named_at_one_moment_the_one_taken_in_last_has_the_device(people: Shop) -> None:
    both = [at(0, user_id=user, anonymous_id="a1") for user in ("u1", "u2")]
    people.take(*both, at(1, anonymous_id="a1"))
    assert people.whose()["e1"] == profile("user_id:u2")


@pytest.mark.parametrize("kind", [CallKind.TRACK, CallKind.PAGE, CallKind.SCREEN, CallKind.GROUP, CallKind.IDENTIFY])
def test_every_call_that_carries_both_ids_links_them(people: Shop, kind: CallKind) -> None:
    people.take(at(0, kind=kind, user_id="u1", anonymous_id="a1"))
    assert people.holders()["anonymous_id:a1"] == profile("user_id:u1")


def test_rule_37_an_alias_makes_two_users_one_and_the_older_stays(people: Shop) -> None:
    people.take(at(0, user_id="old"), at(1, user_id="new"), alias(2, "old", "new"), at(3, user_id="new"))
    old = profile("user_id:old")
    assert people.merges() == [("user_id:old", "user_id:new")]
    assert people.holders() == {"user_id:old": old, "user_id:new": old}
    assert people.whose()["e3"] == old


def test_rule_30_the_profile_with_the_older_user_id_stays_not_the_older_profile(people: Shop) -> None:
    people.take(
        at(0, anonymous_id="a1"),
        at(1, user_id="u1"),
        at(2, user_id="u2", anonymous_id="a1"),
        alias(3, "u1", "u2"),
    )
    assert people.merges() == [("user_id:u1", "anonymous_id:a1")]


def test_of_two_users_that_arrived_together_the_one_taken_in_first_is_the_older(shop: sqlkit.Connection) -> None:
    people = Shop(shop, together=True)
    one, other = at(0, "a", user_id="u1"), Call(CallKind.TRACK, NOW, NOW, ord=1, name="b", user_id="u2")
    people.take(one, other, alias(2, "u1", "u2"))
    assert people.merges() == [("user_id:u1", "user_id:u2")]


def test_the_older_user_id_is_the_one_that_arrived_first_whatever_its_own_time(people: Shop) -> None:
    late = at(1, user_id="late")
    people.take(at(0, user_id="first"), replace(late, occurred_at=NOW - timedelta(days=1)), alias(2, "first", "late"))
    assert people.merges() == [("user_id:first", "user_id:late")]


def test_an_alias_of_a_visitor_gives_it_to_the_user(people: Shop) -> None:
    people.take(at(0, anonymous_id="a1"), at(1, user_id="u1"), alias(2, "a1", "u1"))
    assert people.merges() == [("user_id:u1", "anonymous_id:a1")]
    assert people.holders() == {"user_id:u1": profile("user_id:u1"), "anonymous_id:a1": profile("user_id:u1")}


def test_an_alias_of_a_visitor_to_a_new_user_names_the_visitor(people: Shop) -> None:
    people.take(at(0, anonymous_id="a1"), alias(1, "a1", "u1"), at(2, user_id="u1"))
    assert people.profiles() >= {"anonymous_id:a1"}
    assert people.holders()["user_id:u1"] == people.holders()["anonymous_id:a1"]
    assert people.whose()["e2"] == people.holders()["anonymous_id:a1"]


def test_an_alias_of_somebodys_device_makes_no_two_users_one(people: Shop) -> None:
    people.take(at(0, user_id="u1", anonymous_id="a1"), at(1, user_id="u2"), alias(2, "a1", "u2"))
    people.take(at(3, anonymous_id="a1"))
    assert people.merges() == []
    assert people.whose()["e3"] == profile("user_id:u2")


def test_an_alias_of_an_unknown_id_ties_it_for_later(people: Shop) -> None:
    people.take(alias(0, "later", "u1"), at(1, anonymous_id="later"))
    assert people.whose()["e1"] == profile("user_id:u1")


def test_an_alias_and_a_group_leave_nothing_to_work_but_merges(people: Shop) -> None:
    people.take(alias(0, "a1", "u1"), at(1, kind=CallKind.GROUP, user_id="u1"))
    assert people.conn.execute("select count(*) from inbox").fetchone() == (0,)


def test_rule_37_addresses_tie_nobody_where_the_workspace_does_not_say_so(people: Shop) -> None:
    traits = {"email": "aia@example.com"}
    people.take(identify(0, user_id="u1", properties=traits), identify(1, user_id="u2", properties=traits))
    assert people.merges() == []
    assert set(people.holders()) == {"user_id:u1", "user_id:u2"}


def test_rule_37_by_email_two_users_with_one_address_are_one(mergers: Shop) -> None:
    traits = {"email": "aia@example.com"}
    mergers.take(identify(0, user_id="u1", properties=traits), identify(1, user_id="u2", properties=traits))
    one = profile("user_id:u1")
    assert mergers.merges() == [("user_id:u1", "user_id:u2")]
    assert mergers.holders() == {"user_id:u1": one, "user_id:u2": one, "email:aia@example.com": one}


def test_rule_37_by_email_a_visitor_goes_into_the_user(mergers: Shop) -> None:
    traits = {"email": "aia@example.com"}
    mergers.take(identify(0, anonymous_id="a1", properties=traits), identify(1, user_id="u1", properties=traits))
    assert mergers.merges() == [("user_id:u1", "anonymous_id:a1")]


def test_rule_37_by_email_of_two_visitors_the_older_stays(mergers: Shop) -> None:
    traits = {"email": "aia@example.com"}
    mergers.take(
        at(0, anonymous_id="a2"),
        identify(1, anonymous_id="a1", properties=traits),
        identify(2, anonymous_id="a2", properties=traits),
    )
    assert mergers.merges() == [("anonymous_id:a2", "anonymous_id:a1")]


def test_an_address_that_is_none_ties_nobody(mergers: Shop) -> None:
    traits = {"email": "nobody@localhost"}
    mergers.take(identify(0, user_id="u1", properties=traits), identify(1, user_id="u2", properties=traits))
    assert mergers.merges() == []
    assert set(mergers.holders()) == {"user_id:u1", "user_id:u2"}


def test_somebody_known_by_an_address_alone(people: Shop) -> None:
    people.take(
        identify(0, properties={"email": "aia@example.com"}), identify(1, properties={"email": "aia@example.com"})
    )
    assert people.profiles() == {"email:aia@example.com"}
    assert people.holders() == {"email:aia@example.com": profile("email:aia@example.com")}


def test_one_call_may_bring_two_merges_in_order(mergers: Shop) -> None:
    traits = {"email": "aia@example.com"}
    mergers.take(
        identify(0, user_id="old", properties=traits),
        at(1, anonymous_id="a1"),
        at(2, user_id="u1"),
        identify(3, user_id="u1", anonymous_id="a1", properties=traits),
        at(4, anonymous_id="a1"),
    )
    assert mergers.merges() == [("user_id:u1", "anonymous_id:a1"), ("user_id:old", "user_id:u1")]
    assert set(mergers.holders().values()) == {profile("user_id:old")}
    assert mergers.whose()["e4"] == profile("user_id:old")


def test_a_chain_of_merges_leaves_every_identifier_with_the_last(people: Shop) -> None:
    people.take(
        *[at(n, user_id=f"u{n}", anonymous_id=f"a{n}") for n in range(6)],
        *[alias(10 + n, f"u{n + 1}", f"u{n}") for n in range(5)],
    )
    assert set(people.holders().values()) == {profile("user_id:u0")}
    assert len(people.merges()) == 5


def test_a_deed_without_anybody_makes_nobody(people: Shop) -> None:
    deed = {"message": "cart-reminder", "did": "opened"}
    people.take(
        at(0, user_id="u1"),
        at(1, kind=CallKind.ENGAGE, user_id="u1", properties=deed),
        at(2, kind=CallKind.ENGAGE, user_id="nobody", properties=deed),
    )
    assert people.profiles() == {"user_id:u1"}
    rows = people.conn.execute("select profile, properties from inbox where kind = 'engage'").fetchall()
    assert rows == [(profile("user_id:u1"), deed)]


def test_an_identifier_is_known_since_the_first_call_with_it_arrived(people: Shop) -> None:
    people.take(at(3, user_id="u1"), at(4, user_id="u1"), at(5, user_id="u1"))
    assert people.conn.execute("select since from identifier").fetchall() == [(NOW + timedelta(minutes=3),)]
