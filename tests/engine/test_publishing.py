"""Publishing over people who are inside: who follows, who finishes, who leaves, and that nothing is ever mixed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.passes import Horizon, prepare, run
from tamshy.passes.rendering import LiquidValues
from tamshy.publish import Published, Unpublishable, load_rulebook, publish
from tamshy.render.compile import compile_message
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOON = timedelta(seconds=10)
FLOW = """\
trigger: {event: Go}
exit_on: {event: Stop}
conversion: {event: Order Completed, within: 7d}
reentry: always
steps: [{id: pause, wait: 4h}, {send: hello}]
"""


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with one flow, into which u1 has gone at 9:00."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"flow": FLOW}), buckets=2, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u1", T0, email="u1@example.com")
        made.track("u1", "Go", T0)
        made.work(T0)
        yield made


def sent(shop: Shop, user: str = "u1") -> list[tuple[object, object]]:
    return [(row[2], row[0]) for row in shop.told(user) if row[3] == "sent"]


def steps(text: str, **more: str) -> dict[str, str]:
    head = FLOW.partition("steps:")[0]
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return small({"flow": f"{head}{extra}steps: {text}\n"})


def test_a_connection_that_never_made_a_pass_can_publish_over_people(shop: Shop) -> None:
    with connect(shop.dsn) as fresh:
        files = steps("[{id: pause, wait: 5h}, {send: hello}]")
        published = publish(fresh, NAME, files, at=T0 + HOUR, compile_message=compile_message)
        fresh.commit()
    assert published == Published(("flow",), (), (), 1)


def test_follow_a_changed_wait_is_measured_anew_from_when_it_was_reached(shop: Shop) -> None:
    shop.publish(steps("[{id: pause, wait: 6h}, {send: hello}]"), T0 + HOUR)
    shop.work(T0 + 5 * HOUR)
    assert sent(shop) == []
    shop.work(T0 + 6 * HOUR)
    assert sent(shop) == [("hello", T0 + 6 * HOUR)]


def test_follow_a_changed_wait_in_the_middle_of_a_flow_is_measured_anew_too(dsn: str) -> None:
    """It stands neither first nor behind a ``send``, where most arrive."""
    middle = "[{wait: 1h}, {set: {profile.asked: true}}, {id: pause, wait: 4h}, {send: hello}]"
    with connect(dsn) as conn:
        book = found_shop(conn, steps(middle), buckets=2, zones=["UTC"])
        shop = Shop(dsn, conn, book, HandClock(T0))
        shop.identify("u1", T0, email="u1@example.com")
        shop.track("u1", "Go", T0)
        shop.work(T0)
        shop.work(T0 + HOUR)
        shop.publish(steps(middle.replace("4h", "6h")), T0 + 2 * HOUR)
        shop.work(T0 + 5 * HOUR)
        assert sent(shop) == []
        shop.work(T0 + 7 * HOUR)
        assert sent(shop) == [("hello", T0 + 7 * HOUR)]


def test_follow_a_wait_made_shorter_than_it_has_lasted_is_over_at_publishing(shop: Shop) -> None:
    shop.publish(steps("[{id: pause, wait: 1h}, {send: hello}, {wait: 1h}, {send: second}]"), T0 + 3 * HOUR)
    shop.work(T0 + 3 * HOUR)
    assert sent(shop) == [("hello", T0 + 3 * HOUR)]
    shop.work(T0 + 4 * HOUR)
    assert sent(shop)[1:] == [("second", T0 + 4 * HOUR)]


def test_follow_from_a_step_that_is_gone_people_go_on_at_the_next_surviving_one(shop: Shop) -> None:
    shop.publish(steps("[{send: hello}, {id: rest, wait: 1h}, {send: second}]"), T0 + HOUR)
    shop.work(T0 + HOUR)
    assert sent(shop) == [("hello", T0 + HOUR)]
    shop.work(T0 + 2 * HOUR)
    assert sent(shop)[1:] == [("second", T0 + 2 * HOUR)]


def test_follow_a_publisher_that_had_to_wait_moves_nobody_to_before_what_was_decided_meanwhile(shop: Shop) -> None:
    """Its moment is when it began, and the pass that it waited for went further."""
    between = "[{id: pause, wait: 4h}, {send: hello}, {id: rest, wait: 1h}, {send: second}]"
    shop.publish(steps(between), T0 + HOUR)
    shop.work(T0 + 4 * HOUR)
    shop.publish(steps("[{id: pause, wait: 4h}, {send: hello}, {send: second}]"), T0 + 4 * HOUR - SOON)
    shop.work(T0 + 4 * HOUR)
    assert sent(shop) == [("hello", T0 + 4 * HOUR), ("second", T0 + 4 * HOUR)]


def test_archive_a_publisher_that_had_to_wait_lets_nobody_go_before_what_was_decided_meanwhile(shop: Shop) -> None:
    shop.publish(steps("[{id: pause, wait: 4h}, {send: hello}, {wait: 1h}, {exit: over}]"), T0 + HOUR)
    shop.work(T0 + 4 * HOUR)
    shop.publish(small({"other": FLOW}), T0 + 4 * HOUR - SOON)
    assert shop.told("u1")[-1] == (T0 + 4 * HOUR, "flow", "", "exited", "archived")


def test_follow_where_no_step_survives_people_have_finished(shop: Shop) -> None:
    shop.publish(steps("[{id: other, wait: 1h}, {exit: over}]"), T0 + HOUR)
    assert shop.told("u1")[1:] == [(T0 + HOUR, "flow", "", "exited", "finished")]


def test_follow_a_new_arm_is_chosen_by_the_new_version(shop: Shop) -> None:
    arms = "[{if: {profile.email: {contains: u1}}, steps: [{send: for-one}]}, {else: [{send: for-others}]}]"
    shop.publish(steps(f"[{{id: pause, wait: 4h}}, {{branch: {arms}}}]"), T0 + HOUR)
    shop.work(T0 + 4 * HOUR)
    assert sent(shop) == [("for-one", T0 + 4 * HOUR)]


def test_follow_the_new_priority_and_the_new_exit_hold_for_those_inside(shop: Shop) -> None:
    shop.publish(small({"flow": FLOW.replace("Stop", "Halt") + "priority: 7\n"}), T0 + HOUR)
    assert shop.query("select priority from enrollment") == [(7,)]
    shop.track("u1", "Stop", T0 + HOUR)
    shop.track("u1", "Halt", T0 + 2 * HOUR)
    shop.work(T0 + 2 * HOUR)
    assert shop.told("u1")[1:] == [(T0 + 2 * HOUR, "flow", "", "exited", "exit_on")]


def test_follow_comes_twice_over_a_moment_that_is_missing(shop: Shop) -> None:
    """Both times it is recorded that the wait had nothing to wait for."""
    shop.publish(steps("[{id: pause, wait: {until: profile.birthday}}, {send: hello}]"), T0 + HOUR)
    shop.publish(steps("[{id: pause, wait: {until: profile.wedding}}, {send: hello}]"), T0 + HOUR)
    assert [row[3:] for row in shop.told("u1")[1:]] == [("no_moment", "went_on"), ("no_moment", "went_on")]


def test_finish_people_stay_on_their_version_and_newcomers_begin_on_the_new_one(shop: Shop) -> None:
    shop.publish(steps("[{id: pause, wait: 1h}, {send: other}]", in_flight="finish"), T0 + HOUR)
    shop.identify("u2", T0 + HOUR, email="u2@example.com")
    shop.track("u2", "Go", T0 + HOUR)
    shop.work(T0 + HOUR)
    shop.work(T0 + 2 * HOUR)
    shop.work(T0 + 4 * HOUR)
    assert sent(shop) == [("hello", T0 + 4 * HOUR)]
    assert sent(shop, "u2") == [("other", T0 + 2 * HOUR)]
    assert [(flow.version, flow.live) for flow in shop.book.flows] == [(1, False), (2, True)]
    # Once the last has finished, the old version is compiled no more.
    assert [flow.version for flow in load_rulebook(shop.conn, NAME).flows] == [2]


def test_finish_a_message_that_the_folder_has_no_more_is_still_sent_to_those_who_stay(shop: Shop) -> None:
    files = steps("[{send: other}]", in_flight="finish")
    assert "messages/hello/en.md" not in files
    shop.publish(files, T0 + HOUR)
    shop.work(T0 + 4 * HOUR)
    assert sent(shop) == [("hello", T0 + 4 * HOUR)]


def test_a_flow_that_is_gone_lets_its_people_go_as_archived_and_withdraws_what_is_queued(shop: Shop) -> None:
    shop.publish(steps("[{send: hello}, {wait: 4h}, {send: second}]"), T0)
    shop.work(T0)
    assert shop.query("select state from delivery") == [("queued",)]
    assert shop.publish(small({}), T0 + HOUR) == Published((), (), ("flow",), 1)
    assert shop.told("u1")[-1] == (T0 + HOUR, "flow", "", "exited", "archived")
    assert shop.query("select state, reason, settled_at from delivery") == [("withdrawn", "archived", T0 + HOUR)]
    shop.track("u1", "Go", T0 + HOUR)
    shop.work(T0 + 9 * HOUR)
    assert [row[3] for row in shop.told("u1")] == ["entered", "sent", "exited"]


def test_a_flow_that_comes_back_begins_a_new_version_and_takes_people_again(shop: Shop) -> None:
    shop.publish(small({}), T0 + HOUR)
    assert shop.publish(small({"flow": FLOW}), T0 + 2 * HOUR).flows == ("flow",)
    shop.track("u1", "Go", T0 + 2 * HOUR)
    shop.work(T0 + 2 * HOUR)
    assert shop.query("select version, active from enrollment order by 1") == [(1, False), (2, True)]


def test_a_flow_whose_text_is_the_same_keeps_its_version_and_its_people(shop: Shop) -> None:
    before = shop.query("select version, step, due_at, visit from enrollment")
    files = small({"flow": FLOW, "more": "trigger: {event: More}\nsteps: [{send: more}]\n"})
    assert shop.publish(files, T0 + HOUR) == Published(("more",), ("more",), (), 0)
    assert shop.query("select version, step, due_at, visit from enrollment") == before
    assert shop.query("select flow, number from flow_version order by 1") == [("flow", 1), ("more", 1)]


def test_publishing_the_same_again_changes_nothing_at_all(shop: Shop) -> None:
    before = [shop.query(f"select * from {table}") for table in ("publication", "flow_version", "message_version")]
    assert shop.publish(small({"flow": FLOW}), T0 + HOUR) == Published((), (), (), 0)
    after = [shop.query(f"select * from {table}") for table in ("publication", "flow_version", "message_version")]
    assert after == before


def test_an_edited_message_is_what_new_sends_send(shop: Shop) -> None:
    files = small({"flow": FLOW}, messages={"hello": "New words.\n"})
    assert shop.publish(files, T0 + HOUR) == Published((), ("hello",), (), 0)
    shop.work(T0 + 4 * HOUR)
    ((plain, number),) = shop.query(
        "select c.plain, v.number from content c join message m using (bucket, profile)"
        " join message_version v on v.id = m.message_version"
    )
    assert "New words." in str(plain)
    assert number == 2


def test_problems_are_told_all_at_once_and_nothing_has_changed(shop: Shop) -> None:
    tables = ("definition", "publication", "flow", "flow_version", "message_version", "enrollment", "lease")
    before = [shop.query(f"select * from {table} order by 1, 2") for table in tables]
    files = steps("[{wait: 5h}, {send: hello}]")
    files["messages/hello/en.md"] = "{{ profile.name | nonsense }}\n"
    with pytest.raises(Unpublishable) as refused:
        shop.publish(files, T0 + HOUR)
    shop.conn.rollback()
    assert [problem.position.file for problem in refused.value.problems] == ["messages/hello/en.md"]
    assert [shop.query(f"select * from {table} order by 1, 2") for table in tables] == before


def test_of_two_publishers_the_second_waits_and_then_says_the_whole(shop: Shop) -> None:
    first = steps("[{id: pause, wait: 5h}, {send: first}]")
    second = steps("[{id: pause, wait: 6h}, {send: second}]")
    began, done = threading.Event(), threading.Event()

    def publish_second() -> None:
        with connect(shop.dsn) as conn:
            began.set()
            publish(conn, NAME, second, at=T0 + HOUR, compile_message=compile_message)
            conn.commit()
        done.set()

    with connect(shop.dsn) as conn:
        publish(conn, NAME, first, at=T0 + HOUR, compile_message=compile_message)
        thread = threading.Thread(target=publish_second)
        thread.start()
        assert began.wait(10)
        assert not done.wait(0.3)
        conn.commit()
    thread.join(10)
    assert done.is_set()
    assert shop.query("select path, content from definition order by path") == sorted(second.items())
    assert shop.query("select number from publication order by 1") == [(1,), (2,), (3,)]
    assert shop.query("select version from enrollment") == [(3,)]
    shop.work(T0 + 6 * HOUR)
    assert sent(shop) == [("second", T0 + 6 * HOUR)]


def test_publishing_waits_for_the_pass_under_way_and_nobody_is_sent_twice(shop: Shop) -> None:
    """A pass moves u1 on while publishing begins: it counts from where the pass has put them."""
    ((bucket,),) = shop.query("select bucket from identifier where value = 'u1'")
    assert isinstance(bucket, int)
    done = threading.Event()

    def publish_now() -> None:
        with connect(shop.dsn) as conn:
            files = steps("[{id: pause, wait: 4h}, {send: hello}, {id: rest, wait: 1h}, {send: second}]")
            publish(conn, NAME, files, at=T0 + 4 * HOUR, compile_message=compile_message)
            conn.commit()
        done.set()

    with connect(shop.dsn) as conn:
        prepare(conn)
        ((fence,),) = shop.query("select fence from lease where bucket = %(bucket)s", bucket=bucket)
        assert isinstance(fence, int)
        worked = run(conn, shop.book, bucket, fence, Horizon(T0 + 4 * HOUR), LiquidValues(shop.book.settings))
        assert worked.due == 1
        thread = threading.Thread(target=publish_now)
        thread.start()
        assert not done.wait(0.3)
        conn.commit()
    thread.join(10)
    assert shop.query("select version, step from enrollment") == [(2, 1)]
    shop.work(T0 + 4 * HOUR)
    shop.work(T0 + 5 * HOUR)
    assert sent(shop) == [("hello", T0 + 4 * HOUR), ("second", T0 + 5 * HOUR)]


def accept(shop: Shop, at: datetime) -> None:
    """Let passes decide without anything being rendered: as if the worker had been killed in between."""
    with connect(shop.dsn) as conn:
        prepare(conn)
        for bucket, fence in shop.query("select bucket, fence from lease"):
            assert isinstance(bucket, int)
            assert isinstance(fence, int)
            while run(conn, shop.book, bucket, fence, Horizon(at), LiquidValues(shop.book.settings)).items:
                conn.commit()
            conn.commit()
    assert shop.query("select message, state from message") == [("hello", "accepted")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[{id: pause, wait: 4h}, {send: hello}, {send: next}]", ["hello", "next"]),
        ("[{id: pause, wait: 4h}, {send: next}]", []),
        ("[{send: next}, {id: pause, wait: 4h}, {send: hello}]", ["hello"]),
    ],
    ids=["same_step", "step_gone", "moved"],
)
def test_what_was_accepted_and_not_rendered_is_decided_anew_by_the_new_version(
    shop: Shop, text: str, expected: list[str]
) -> None:
    accept(shop, T0 + 4 * HOUR)
    shop.publish(steps(text), T0 + 4 * HOUR)
    shop.work(T0 + 4 * HOUR)
    assert [message for message, _ in sent(shop)] == expected
    assert shop.query("select count(*)::integer from message where state = 'sent'") == [(len(expected),)]


def test_an_accepted_message_of_a_flow_that_is_gone_is_never_sent(shop: Shop) -> None:
    accept(shop, T0 + 4 * HOUR)
    shop.publish(small({}), T0 + 4 * HOUR)
    shop.work(T0 + 4 * HOUR)
    assert [row[3] for row in shop.told("u1")] == ["entered", "exited"]
    assert shop.query("select state from message") == []


def test_who_has_left_an_old_version_is_still_converted_by_the_new_one(shop: Shop) -> None:
    shop.work(T0 + 4 * HOUR)
    shop.publish(steps("[{send: other}]"), T0 + 5 * HOUR)
    assert [flow.version for flow in shop.book.flows] == [2]
    shop.track("u1", "Order Completed", T0 + 6 * HOUR, value=12.5)
    shop.work(T0 + 6 * HOUR)
    ((version, value, at),) = shop.query("select version, value::float, occurred_at from conversion")
    assert (version, value, at) == (1, 12.5, T0 + 6 * HOUR)
