"""Plans of more kernels than can be tried: in pieces, and from starts that are alike."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pipeline import benchplan, spanning
from pipeline.distance import Depends
from pipeline.spanning import NOTHING, Kept, Rates, Wanted, plan

if TYPE_CHECKING:
    import pytest

DEPENDS = Depends(("a.o", "b.o", "c.o"), {"A": 0b011, "B": 0b110})
RATES = Rates(full=20.0, increment=1.0, each=1.0)


def parents(wanted: list[Wanted], kept: list[Kept], **crossing: int) -> list[str]:
    steps = plan(wanted, kept, lambda _: DEPENDS, rates=RATES, crossing=lambda old, _: crossing[old])
    return [step.parent for step in steps]


def test_pieces_hang_together_and_cost_little_more() -> None:
    depends = benchplan.objects(random.Random(3))  # noqa: S311 - a test's dice
    wanted = benchplan.kernels(1, 400)
    whole, pieces = (plan(wanted, (), lambda _: depends, exact=exact) for exact in (400, 40))
    assert sum(step.parent == NOTHING for step in whole) == sum(step.parent == NOTHING for step in pieces) == 1
    assert 1 < benchplan.seconds(pieces) / benchplan.seconds(whole) < 1.05


def test_of_starts_that_are_alike_the_one_of_the_nearest_tree_is_taken() -> None:
    kept = [Kept(key=f"of-{name}", tree=name, options={"A": "y"}) for name in ("old", "new", "newest")]
    wanted = [Wanted(key="w", tree="mine", options={"A": "y"}, ancestors=("old", "new", "newest"))]
    assert parents(wanted, kept, old=2, new=0, newest=1) == ["of-new"]
    assert parents(wanted, kept, old=2, new=5, newest=1) == ["of-newest"]
    only = [Wanted(key="x", tree="mine", options={"A": "y"}, ancestors=("old",)), *wanted]
    assert parents(only[:1], kept, old=2, new=0, newest=0) == ["of-old"]
    assert parents(only, kept, old=2, new=0, newest=0) == ["of-new", "w"]


def test_starts_are_alike_by_their_options_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spanning, "hash", lambda _: 0, raising=False)
    kept = [Kept(key=key, tree="mine", options=dict.fromkeys(key, "y")) for key in ("A", "B", "AB")]
    assert parents([Wanted(key="w", tree="mine", options={"B": "y"})], kept) == ["B"]


def test_of_very_many_starts_some_from_all_over_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spanning, "STARTS", 3)
    kept = [Kept(key=f"k{number}", tree="mine", options={"X": str(number), "A": "y"}) for number in range(9)]
    kept[6] = Kept(key="k6", tree="mine", options={})
    assert parents([Wanted(key="w", tree="mine", options={})], kept) == ["k6"]
    assert parents([Wanted(key="w", tree="mine", options={})], [*kept[:6], *kept[7:], kept[6]]) == ["k0"]
