"""When the next attempt is due. No time passes here: it is handed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.loop.schedule import Due, End, Schedule

START = Schedule(interval=600, resync_at=0)


def settled(now: float = 0, chance: float = 0.5) -> Schedule:
    """After an attempt that went well."""
    return START.attempted(now, End.SETTLED, chance)


def test_the_first_attempt_is_due_at_once() -> None:
    assert START.due(0) is Due.RESYNC


@pytest.mark.parametrize(("chance", "seconds"), [(0, 540), (0.5, 600), (1, 660)])
def test_the_next_one_after_the_interval_give_or_take_a_tenth(chance: float, seconds: float) -> None:
    schedule = settled(chance=chance)
    assert schedule.due(seconds - 0.001) is None
    assert schedule.due(seconds + 0.001) is Due.RESYNC


def test_a_trigger_is_looked_at_once_it_was_quiet() -> None:
    schedule = settled().triggered(10)
    assert schedule.due(10.4) is None
    assert schedule.due(10.5) is Due.TRIGGER


def test_further_triggers_put_it_off_but_not_for_ever() -> None:
    schedule = settled()
    times = [10 + step * 0.4 for step in range(100)]
    due = []
    for now in times:
        due.append(schedule.due(now))
        schedule = schedule.triggered(now)
    assert due.index(Due.TRIGGER) == 13  # 5.2 s after the first


def test_where_nothing_changed_the_trigger_is_over() -> None:
    assert settled().triggered(10).looked(11).due(20) is None


def test_an_attempt_starts_the_interval_anew() -> None:
    schedule = settled().triggered(500).attempted(501, End.SETTLED, 0.5)
    assert schedule.due(1100) is None
    assert schedule.due(1101) is Due.RESYNC


def test_what_may_pass_is_tried_again_later_and_later() -> None:
    schedule, now = START, 0.0
    pauses: list[float] = []
    for _ in range(9):
        schedule = schedule.attempted(now, End.RETRY, 0.5)
        at, why = schedule.next
        assert why is Due.RETRY
        pauses.append(at - now)
        now = at
    assert pauses == [5, 10, 20, 40, 80, 160, 180, 180, 180]
    assert schedule.attempted(now, End.SETTLED, 0.5).attempted(now, End.RETRY, 0.5).next[0] == now + 5


def test_what_cannot_pass_waits_for_the_next_full_pass() -> None:
    schedule = START.attempted(0, End.STUCK, 0.5)
    assert schedule.due(599) is None
    assert schedule.triggered(20).next == (20.5, Due.TRIGGER)


def test_lost_triggers_are_a_full_pass_once_it_was_quiet() -> None:
    schedule = settled().lost(10)
    assert schedule.due(10.4) is None
    assert schedule.due(10.5) is Due.RESYNC


def test_lost_triggers_put_no_full_pass_off() -> None:
    assert settled().lost(599.9).next == (600, Due.RESYNC)


def test_a_full_pass_that_comes_before_a_retry_is_not_put_off() -> None:
    schedule = Schedule(interval=10, resync_at=0)
    for _ in range(5):
        schedule = schedule.attempted(0, End.RETRY, 0.5)
    assert schedule.next == (10, Due.RESYNC)


def test_polling_looks_from_time_to_time() -> None:
    schedule = settled().polling(0, 2)
    assert schedule.due(1.9) is None
    assert schedule.due(2) is Due.POLL
    assert schedule.looked(2).next == (4, Due.POLL)
    assert schedule.polling(1, 2) == schedule
    assert schedule.polling(1, None).due(5) is None


steps = st.lists(st.tuples(st.sampled_from(["trigger", "lost", "look", *End]), st.floats(0, 50)), max_size=30)


@given(steps)
def test_law_it_never_sleeps_longer_than_an_interval(taken: list[tuple[str, float]]) -> None:
    """Whatever happens, the next look is at most an interval and a tenth away, and never before now by an attempt."""
    schedule, now = START, 0.0
    for step, seconds in taken:
        now += seconds
        match step:
            case "trigger":
                schedule = schedule.triggered(now)
            case "lost":
                schedule = schedule.lost(now)
            case "look":
                schedule = schedule.looked(now)
            case _:
                schedule = schedule.attempted(now, End(step), 1)
                assert schedule.next[0] > now
        assert schedule.next[0] <= now + 660
