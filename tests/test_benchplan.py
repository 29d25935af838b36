"""The made-up kernels are what they are said to be, and what is measured of them has the shape that bench reads."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pipeline import atomic, benchplan
from pipeline.buildplan import Question
from pipeline.distance import Depends
from pipeline.run import Options
from pipeline.spanning import CROSSING, Kept, Rates, Wanted

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_kernels_are_the_same_each_time_and_no_two_alike() -> None:
    made = benchplan.kernels(5, 40)
    assert made == benchplan.kernels(5, 40)
    assert len({one.key for one in made}) == len({(one.tree, frozenset(one.options.items())) for one in made}) == 200
    assert {one.tree: one.ancestors for one in made} == {
        "tree-0": (), **{f"tree-{number}": ("tree-0",) for number in range(1, 5)},
    }  # fmt: skip
    assert all(45 <= len(one.options) <= 60 for one in made)
    assert benchplan.objects(random.Random(1)) == benchplan.objects(random.Random(1))  # noqa: S311 - a test's dice


def test_naive_order_counts_a_start_from_nothing_for_each_tree() -> None:
    depends, rates = Depends(("a.o", "b.o"), {"A": 1}), Rates(full=20.0, increment=5.0, each=1.0)
    ones = [Wanted(key=str(number), tree=tree, options=options) for number, (tree, options) in enumerate(
        [("x", {}), ("x", {"A": "y"}), ("y", {"A": "y"}), ("y", {"A": "y"})],
    )]  # fmt: skip
    assert benchplan.in_order(ones, lambda _: depends, rates) == 22 + 6 + 22 + 5


def test_increments_are_held_against_what_was_compiled(tmp_path: Path) -> None:
    depends = Depends(("a.o", "b.o", "c.o"), {"A": 0b11})
    ones = [Wanted(key="1", tree="x", options={}), Wanted(key="2", tree="x", options={"A": "y"}),
            Wanted(key="3", tree="y", options={"A": "y"}), Wanted(key="4", tree="y", options={})]  # fmt: skip
    question = Question(ones, [Kept(key="0", tree="x", options={})], lambda _: depends)
    for key, start, compiled in (("1", "", 3), ("2", "1", 5), ("3", "0", 60)):
        atomic.write_json(tmp_path / "kernels" / key / "build.json", {"start": start, "compiled": compiled})
    assert benchplan.increments(tmp_path, question) == ([2, 2 + CROSSING], [5, 60])


def test_a_matrix_that_nothing_was_built_of_says_nothing(tmp_path: Path) -> None:
    assert benchplan.matrix(Options(cache=tmp_path)) == ({}, {})


def test_a_measurement_has_samples_and_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("KERNELS", 200), ("APPROXIMATED", 60), ("EXACT", 20)):
        monkeypatch.setattr(benchplan, name, value)
    found = benchplan.measure(Options(cache=tmp_path), 2)
    samples = found["samples"]
    for trees in ("20 trees", "one tree"):
        assert len(samples[f"{trees}: planning"]) == 2
        orders = [samples[f"{trees}: {name}"][0] for name in (benchplan.SPANNING, benchplan.BEFORE, benchplan.NOTHING)]
        assert orders == sorted(orders)
    assert set(found["ratios"]) == set(samples)
    assert found["ratios"][f"one tree: {benchplan.NOTHING}"] == 1
    assert found["ratios"][f"one tree: {benchplan.BEFORE}"] == round(
        samples[f"one tree: {benchplan.BEFORE}"][0] / samples[f"one tree: {benchplan.NOTHING}"][0], 4,
    )  # fmt: skip
    assert found["facts"]["kernels"] == 200
    assert 0.9 < found["facts"]["approximated over exact, 60 kernels of one tree"] < 1.2
