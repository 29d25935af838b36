"""Sums over many kernels at once are the sums of each, and the nearest start is the nearest."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.distance import Depends, between
from pipeline.lanes import Frontier, Lanes

SYMBOLS = ("A", "B", "C", "D", "DRIVER", "OTHER", "WERROR", "LOCALVERSION")
OPTIONS = st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from(("y", "m", "n", "7")))
OBJECTS = tuple(f"{number}.o" for number in range(12))


@settings(deadline=None)
@given(st.lists(OPTIONS, min_size=1, max_size=20), st.lists(st.tuples(OPTIONS, st.integers(0, 40)), max_size=5),
       st.dictionaries(st.sampled_from(SYMBOLS[:4]), st.integers(1, 2**12 - 1)))  # fmt: skip
def test_distances_side_by_side_are_those_one_by_one(
    kernels: list[dict[str, str]], others: list[tuple[dict[str, str], int]], masks: dict[str, int],
) -> None:  # fmt: skip
    learnt = Depends(OBJECTS, masks)
    lanes = Lanes(kernels, [options for options, _ in others], learnt)
    starts = [*others, *((options, 0) for options in kernels)]
    for (options, extra), planes in zip(starts, lanes.distances(starts), strict=True):
        for lane, kernel in enumerate(kernels):
            found = sum((plane >> lane & 1) << place for place, plane in enumerate(planes))
            assert found == between(options, kernel, learnt) + extra


@given(st.lists(st.tuples(st.lists(st.integers(0, 40), min_size=6, max_size=6), st.integers(0, 63)), max_size=6))
def test_the_frontier_knows_the_nearest_start_of_each_lane(offers: list[tuple[list[int], int]]) -> None:
    frontier = Frontier(6)
    best: dict[int, tuple[int, int]] = {}
    for number, (numbers, allowed) in enumerate(offers):
        planes = [sum((value >> place & 1) << lane for lane, value in enumerate(numbers)) for place in range(6)]
        frontier.offer(number, planes, allowed)
        for lane, value in enumerate(numbers):
            if allowed >> lane & 1 and value < best.get(lane, (99, 0))[0]:
                best[lane] = value, number
    while (nearest := frontier.nearest()) is not None:
        lane, distance = nearest
        assert (distance, frontier.parents[lane]) == best.pop(lane)
        assert all(distance <= value for value, _ in best.values())
        frontier.take(lane)
    assert best == {}
    assert all(frontier.parents[lane] == -1 for lane in frontier.lanes())


def test_what_was_taken_keeps_its_start() -> None:
    frontier = Frontier(2)
    frontier.offer(0, [0b11, 0b11], 0b11)
    frontier.take(0)
    frontier.offer(1, [0, 0], 0b11)
    assert (frontier.parents, list(frontier.lanes()), frontier.nearest()) == ([0, 1], [1], (1, 0))
