"""What builds teach of this machine, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import estimates
from pipeline.spanning import Rates
from pipeline.values import Build, Kernel, Tree

if TYPE_CHECKING:
    from pathlib import Path


def test_builds_teach_what_they_cost(tmp_path: Path) -> None:
    tree = Tree(variant="v", image="i", digest="d", origin="")
    kernel = Kernel(key="k", tree=tree, toolchain="t", config="")
    made = Build(kernel=kernel, folder=tmp_path, ok=True, reason="", seconds=650.0, reused=False, compiled=1000)
    usual = Rates()
    assert estimates.rates(tmp_path) == usual
    for _ in range(30):  # twice as slow as usual, the first as one of two side by side
        estimates.built(tmp_path, replace(made, seconds=1300.0), 0.5)
        estimates.built(tmp_path, replace(made, start="another", compiled=100, seconds=80.0), 1.0)
    found = estimates.rates(tmp_path)
    assert found.full + 1000 * found.each == pytest.approx(650, abs=1)
    assert found.increment + 100 * found.each == pytest.approx(80, abs=1)


def test_a_few_builds_on_a_busy_machine_make_no_other_plan(tmp_path: Path) -> None:
    tree = Tree(variant="v", image="i", digest="d", origin="")
    kernel = Kernel(key="k", tree=tree, toolchain="t", config="")
    made = Build(
        kernel=kernel, folder=tmp_path, ok=True, reason="", seconds=600.0, reused=False, compiled=14, start="another",
    )  # fmt: skip
    for _ in range(3):
        estimates.built(tmp_path, made, 1.0)
    found, usual = estimates.rates(tmp_path), Rates()
    assert found.increment > 5 * usual.increment
    assert found.full / found.increment == pytest.approx(usual.full / usual.increment)
    assert found.each / found.increment == pytest.approx(usual.each / usual.increment)


@pytest.mark.parametrize("pace", ['"soon"', "null", "[]", "{}", "-1", "0", "NaN", "Infinity", "1e9"])
def test_a_damaged_note_of_the_pace_is_none(tmp_path: Path, pace: str) -> None:
    (tmp_path / "timings.json").write_text(f'{{"pace": {pace}}}')
    assert estimates.rates(tmp_path) == Rates()
