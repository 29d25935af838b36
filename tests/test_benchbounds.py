"""Bounds of a cold pass of which a part was measured: the whole pass lies within them, which its mean may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import benchbounds, benchsums
from pipeline.benchsums import FIRST, NEXT, Sample, Spent, Total

LINK, MISS = 5.0, 1.0  # seconds of a build that finds every object, and of an object that it does not find
Objects = frozenset[int]


def spent(wall: float) -> Spent:
    return Spent(wall=wall, cpu=2 * wall, inside=None, core=wall)


def cold(pieces: list[tuple[int, Objects]], kinds: list[str]) -> list[Sample]:
    """Builds one after the other, with a compiler cache that is empty at first."""
    cache: set[int] = set()
    found = []
    for number, objects in pieces:
        seconds = LINK + MISS * len(objects - cache)
        cache |= objects
        found.append(Sample(series="cold", round=0, name=str(number), kind=kinds[number], spent=spent(seconds)))
    return found


def wall(samples: list[Sample]) -> float:
    return sum(one.spent.wall for one in samples)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.frozensets(st.integers(0, 30), min_size=20)), min_size=2, max_size=12),
    st.integers(1, 9),
)
def test_a_whole_pass_lies_within_its_bounds(drawn: list[tuple[str, Objects]], every: int) -> None:
    trees = [(tree, str(number)) for number, (tree, _) in enumerate(drawn)]
    objects = [frozenset(100 * ord(tree) + one for one in of) for tree, of in drawn]
    kinds, chosen = benchsums.kinds(trees), benchsums.picked(trees, every)
    whole = cold(list(enumerate(objects)), kinds)
    measured = cold([(number, objects[number]) for number in chosen], kinds)
    warm = [Sample(series="warm", round=0, name=one.name, kind=one.kind, spent=spent(LINK)) for one in measured]
    last: dict[str, Objects] = {}
    floor = []
    for number, (tree, _) in enumerate(drawn):  # each in the objects of the one before it in its tree
        seconds = LINK + MISS * len(objects[number] - last.get(tree, frozenset()))
        floor.append(Sample(series="floor", round=0, name=str(number), kind=NEXT, spent=spent(seconds)))
        last[tree] = objects[number]
    total = benchsums.total(measured, {kind: kinds.count(kind) for kind in benchsums.KINDS})
    found = benchbounds.bounded(total, measured, warm, spent(LINK * len(drawn)), floor)
    assert found.least.wall <= wall(whole) <= found.most.wall
    assert found.least.core == found.least.wall
    assert (found.least.inside, found.most.inside) == (None, None)
    if every == 1:
        assert found.least.wall == wall(whole)


def test_the_mean_says_too_much_where_the_bounds_do_not() -> None:
    """Sixty kernels whose objects are all in the first six: two of those that were measured still had to compile."""
    objects = [frozenset(range(number * 100, number * 100 + 200)) for number in range(6)]
    objects += [frozenset(range(500, 700))] * 54
    trees = [("a", str(number)) for number in range(60)]
    kinds = benchsums.kinds(trees)
    chosen = benchsums.picked(trees, 10)
    measured = cold([(number, objects[number]) for number in chosen], kinds)
    warm = [Sample(series="warm", round=0, name=one.name, kind=one.kind, spent=spent(LINK)) for one in measured]
    floor = [Sample(series="floor", round=0, name="k", kind=NEXT, spent=spent(800.0))]
    total = benchsums.total(measured, {kind: kinds.count(kind) for kind in benchsums.KINDS})
    true = wall(cold(list(enumerate(objects)), kinds))
    found = benchbounds.bounded(total, measured, warm, spent(LINK * 60), floor)
    assert total.spent.wall > 2 * true
    assert found.least.wall <= true <= found.most.wall


@pytest.mark.parametrize(("first", "most"), [(100.0, 10 + 200), (300.0, 10 + 200 * 2.95)])
def test_a_compilation_through_the_cache_may_cost_more_than_by_hand(first: float, most: float) -> None:
    total = Total(series="cold", spent=spent(1), built=2, measured=1, pieces=2)
    one = [Sample(series="cold", round=0, name="k", kind=FIRST, spent=spent(first))]
    again = [Sample(series="warm", round=0, name="k", kind=FIRST, spent=spent(5))]
    floor = [Sample(series="floor", round=0, name=str(n), kind=NEXT, spent=spent(100)) for n in range(2)]
    assert benchbounds.bounded(total, one, again, spent(10), floor).most.wall == most
