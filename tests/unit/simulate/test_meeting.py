"""Hands that wait for one another: nobody goes home while another may still give them work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tamshy.simulate.working import Meeting

PATIENCE_S = 10.0


def wait_until_waiting(meeting: Meeting, hands: int) -> None:
    with meeting.changed:
        assert meeting.changed.wait_for(lambda: meeting.waiting() == hands, PATIENCE_S)


def test_when_all_are_idle_all_go_home() -> None:
    meeting = Meeting(2)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(meeting.idle, meeting.seen())
        assert meeting.idle(meeting.seen()) is True
        assert other.result(PATIENCE_S) is True


def test_who_has_been_given_work_is_not_idle_though_it_has_not_woken_yet() -> None:
    meeting = Meeting(2)

    def other() -> tuple[bool, bool]:
        home = meeting.idle(0)
        meeting.progress()  # what it was given to do gives the first hand work in turn
        return home, meeting.idle(meeting.seen())

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(other)
        wait_until_waiting(meeting, 1)
        with meeting.changed:
            # The other wakes only when we wait: what it would hold by then is ours.
            seen = meeting.progress()
            assert meeting.idle(seen) is False
        assert meeting.idle(meeting.seen()) is True
        assert slow.result(PATIENCE_S) == (False, True)


def test_a_failure_sends_everybody_home() -> None:
    meeting = Meeting(2)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(meeting.idle, 0)
        wait_until_waiting(meeting, 1)
        meeting.fail()
        assert other.result(PATIENCE_S) is True
