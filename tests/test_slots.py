"""The pool that everything that computes takes from: never more than there is, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.slots import FIRST, LATER, Slots

SOON = 5.0


def test_one_alone_gets_all_that_it_asks_for() -> None:
    slots = Slots(4)
    with slots.held(4) as taken:
        assert taken == 4
    with slots.held(9) as taken:
        assert taken == 4
    with slots.held(3) as taken:
        assert taken == 3


def test_what_is_in_use_is_not_given_away() -> None:
    slots = Slots(2)
    with slots.held(1), slots.held(2) as taken:
        assert taken == 1


def waiting(slots: Slots, count: int) -> None:
    """Until so many wait."""
    end = time.monotonic() + SOON
    while len(slots._waiting) < count:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_others_that_wait_get_a_share() -> None:
    slots = Slots(4)
    taken: list[int] = []
    go = threading.Event()

    def work() -> None:
        with slots.held(4) as count:
            taken.append(count)
            go.wait(SOON)

    with ThreadPoolExecutor(3) as pool:
        with slots.held(4):
            done = [pool.submit(work) for _ in range(3)]
            waiting(slots, 3)
        end = time.monotonic() + SOON
        while len(taken) < 3:
            assert time.monotonic() < end
            time.sleep(0.001)
        go.set()
        for one in done:
            one.result()
    assert sorted(taken) == [1, 1, 2]


@pytest.mark.parametrize("first", [FIRST, LATER])
def test_what_is_urgent_goes_first(first: int) -> None:
    slots, order = Slots(1), []

    def work(urgency: int) -> None:
        with slots.held(urgency=urgency):
            order.append(urgency)

    with ThreadPoolExecutor(2) as pool:
        with slots.held():
            done = [pool.submit(work, first)]
            waiting(slots, 1)
            done.append(pool.submit(work, FIRST + LATER - first))
            waiting(slots, 2)
        for one in done:
            one.result()
    assert order == [FIRST, LATER]


def test_memory_bounds_as_well() -> None:
    slots = Slots(4, 1000)

    def work() -> int:
        with slots.held(memory=300) as taken:
            return taken

    with ThreadPoolExecutor(1) as pool:
        with slots.held(memory=800):
            second = pool.submit(work)
            waiting(slots, 1)
            assert not second.done()
        assert second.result(SOON) == 1


def test_what_asks_for_more_memory_than_there_is_runs_alone() -> None:
    with Slots(2, 1000).held(memory=5000) as taken:
        assert taken == 1


def test_an_error_gives_back_what_was_taken() -> None:
    slots = Slots(2, 100)
    with pytest.raises(ValueError, match="x"), slots.held(2, memory=100):
        raise ValueError("x")
    with slots.held(2, memory=100) as taken:
        assert taken == 2


@settings(deadline=None, max_examples=30)
@given(
    cpus=st.integers(1, 4),
    jobs=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 120), st.sampled_from([FIRST, LATER])), max_size=20),
)
def test_never_more_than_there_is(cpus: int, jobs: list[tuple[int, int, int]]) -> None:
    slots, lock, used = Slots(cpus, 100), threading.Lock(), [0, 0]

    def work(job: tuple[int, int, int]) -> bool:
        most, memory, urgency = job
        with slots.held(most, memory=memory, urgency=urgency) as taken:
            with lock:
                used[0] += taken
                used[1] += min(memory, 100)
                fits = used[0] <= cpus and used[1] <= 100 and 1 <= taken <= most
            time.sleep(0.0005)
            with lock:
                used[0] -= taken
                used[1] -= min(memory, 100)
        return fits

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, jobs))
    assert used == [0, 0]
