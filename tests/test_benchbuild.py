"""`bench build`: its arithmetic, how it goes on where it was, and the patches that it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import asking, benchours, benchpatch, benchpeers, benchsums, series
from pipeline.benchsamples import Ledger, busy_seconds
from pipeline.benchsums import FIRST, NEXT, REPEAT, Sample, Spent, Total
from pipeline.errors import HostError, UserError

ROOT = Path(__file__).resolve().parent.parent
PIECES = [("a", "1"), ("a", "2"), ("b", "3"), ("a", "1"), ("a", "4"), ("b", "3"), ("b", "5"), ("a", "1"), ("a", "2")]


def sampled(name: str, kind: str, wall: float, *, series_name: str = "cold", number: int = 0, **more: Any) -> Sample:
    spent = Spent(wall=wall, cpu=2 * wall, inside=more.pop("inside", 1.5 * wall), core=more.pop("core", wall - 1))
    return Sample(series=series_name, round=number, name=name, kind=kind, spent=spent, **more)


def test_the_kind_of_each_piece() -> None:
    assert benchsums.kinds(PIECES) == [FIRST, NEXT, FIRST, REPEAT, NEXT, REPEAT, NEXT, REPEAT, REPEAT]


def test_every_nth_of_the_others_and_all_first_ones() -> None:
    assert benchsums.picked(PIECES, 1) == list(range(9))
    assert benchsums.picked(PIECES, 2) == [0, 1, 2, 3, 5, 6, 7]
    assert benchsums.picked(PIECES, 9) == [0, 1, 2, 3, 5, 7]


def test_a_repeat_is_measured_after_what_it_repeats() -> None:
    pieces = [("a", "1"), ("a", "2"), ("a", "3"), ("a", "3")]
    assert benchsums.picked(pieces, 2) == [0, 1, 2, 3]
    assert benchsums.picked(pieces[:3], 2) == [0, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6).map(str)), min_size=1), st.integers(1, 9))
def test_what_is_picked_can_always_be_extrapolated(drawn: list[tuple[str, str]], every: int) -> None:
    pieces = [(tree, f"{tree}{kernel}") for tree, kernel in drawn]
    kinds, chosen = benchsums.kinds(pieces), benchsums.picked(pieces, every)
    assert {kinds[number] for number in chosen} == set(kinds)
    before: set[str] = set()
    for number in chosen:
        assert (pieces[number][1] in before) == (kinds[number] == REPEAT)
        before.add(pieces[number][1])
    samples = [sampled(str(number), kinds[number], 10) for number in chosen]
    total, many = benchsums.total(samples, {kind: kinds.count(kind) for kind in set(kinds)}), len(pieces)
    assert total.spent == Spent(wall=10 * many, cpu=20 * many, inside=15 * many, core=9 * many)
    assert (total.measured, total.pieces, total.built) == (len(chosen), many, many)


def test_each_kind_has_its_own_mean() -> None:
    samples = [sampled("a", FIRST, 100), sampled("b", NEXT, 10), sampled("c", NEXT, 20), sampled("d", REPEAT, 4)]
    total = benchsums.total(samples, {FIRST: 1, NEXT: 10, REPEAT: 5})
    assert total.spent == Spent(wall=100 + 150 + 20, cpu=540, inside=405, core=99 + 140 + 15)
    assert total.extrapolated
    assert not benchsums.total(samples, {FIRST: 1, NEXT: 2, REPEAT: 1}).extrapolated


@pytest.mark.parametrize("counts", [{FIRST: 1, NEXT: 3}, {}, {NEXT: 1}])
def test_what_was_not_measured_at_all_is_not_made_up(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="pieces measured"):
        benchsums.total([sampled("a", FIRST, 1)], counts)
    with pytest.raises(ValueError, match="nothing"):
        benchsums.total([], {FIRST: 1})


def test_a_figure_that_one_sample_lacks_is_not_known() -> None:
    total = benchsums.total([sampled("a", NEXT, 9, inside=None), sampled("b", NEXT, 9)], {NEXT: 2})
    assert (total.spent.inside, total.spent.core) == (None, 16)


def test_the_typical_round_and_the_ratios() -> None:
    def total(name: str, wall: float) -> Total:
        return Total(series=name, spent=Spent(wall=wall, cpu=1), built=1, measured=1, pieces=1)

    assert benchsums.typical([total("a", 9), total("a", 1), total("a", 5)]).spent.wall == 5
    assert benchsums.typical([total("a", 9), total("a", 1)]).spent.wall == 1
    fewer = Total(series="b", spent=Spent(wall=1, cpu=1), built=0, measured=1, pieces=1)
    assert benchsums.ratios([total("a", 9), total("floor", 6), fewer], "floor") == {"a": 1.5, "floor": 1.0}


def test_what_others_used_of_the_machine() -> None:
    assert benchsums.other_load([Spent(wall=10, cpu=18, inside=14), Spent(wall=5, cpu=1)], 2) == pytest.approx(0.2)
    assert benchsums.other_load([Spent(wall=10, cpu=18)], 2) is None
    assert benchsums.loads([Spent(wall=10, cpu=18)], 2) == {}
    loads = benchsums.loads([Spent(wall=10, cpu=18, inside=14), Spent(wall=10, cpu=18, inside=18)], 2)
    assert list(loads.values()) == [0.1, 0.2]


def test_two_sequences_take_turns() -> None:
    assert benchsums.interleaved(["a", "b"], ["1", "2", "3", "4"]) == ["1", "a", "2", "3", "b", "4"]
    assert benchsums.interleaved([], ["1"]) == ["1"]


def test_processor_seconds_of_a_machine_and_of_a_container() -> None:
    assert busy_seconds("cpu  100 20 30 9999 777 4 6 55 1 1\ncpu0 1 1\n", 100) == 1.6
    assert benchpeers.container_seconds("93589289\n") == pytest.approx(0.093589289)
    assert benchpeers.container_seconds("usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n") == 2.5
    assert [benchpeers.container_seconds(text) for text in ("", "nr_periods 0\n", "usage_usec x\n")] == [None] * 3


def test_a_measurement_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bench" / "one.json"
    ledger = Ledger(path, "this")
    ledger.add(sampled("a", FIRST, 7), sampled("b", NEXT, 3, core=None))
    again = Ledger(path, "this")
    assert again.samples == ledger.samples
    assert (ledger.continued, again.continued) == (False, True)
    assert again.known("cold", 0, "a")
    assert not again.known("cold", 1, "a")
    assert not again.known("warm", 0, "a")
    assert [one.name for one in again.of("cold", 0)] == ["a", "b"]
    assert again.of("warm", 0) == []
    again.close()
    assert Ledger(path, "this").samples == []
    assert Ledger(path.with_suffix(".last"), "this").samples == again.samples


@pytest.mark.parametrize("damage", ["", "[]", '{"identity": "this"}', '{"identity": "this", "samples": [{"x": 1}]}'])
def test_samples_of_something_else_are_not_taken_over(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "one.json"
    Ledger(path, "that").add(sampled("a", FIRST, 7))
    assert Ledger(path, "this").samples == []
    path.write_text(damage)
    assert Ledger(path, "this").samples == []


def test_the_seconds_of_tuxmakes_targets() -> None:
    text = b'{"results": {"targets": {"config": {"duration": 0.5, "status": "PASS"}, "headers": {"duration": 25}}}}'
    assert benchpeers.durations(text) == {"config": 0.5, "headers": 25.0}
    for wrong in (b"", b"[]", b'{"results": {"targets": []}}', b'{"results": {"targets": {"config": 1}}}'):
        with pytest.raises(HostError, match=r"metadata\.json is not as it was"):
            benchpeers.durations(wrong)


PATCH = """\
Subject: two files
---
diff --git a/Kconfig b/Kconfig
--- a/Kconfig
+++ b/Kconfig
@@ -2,2 +2,1 @@ config A
 bool
-default y
@@ -9 +8,2 @@
 config B
+bool
diff --git a/include/a.h b/include/a.h
--- a/include/a.h
+++ b/include/a.h
@@ -1,3 +1,3 @@ struct a;
 int b;
-#if 0
+#if 1
 int a;
--\x20
2.50
"""


def test_a_comment_is_put_behind_the_first_change_of_a_file() -> None:
    assert benchpatch.touched(PATCH) == ["Kconfig", "include/a.h"]
    assert benchpatch.chosen(PATCH) == "include/a.h"
    header = benchpatch.commented(PATCH, "include/a.h", "new")
    assert "@@ -1,3 +1,4 @@ struct a;\n int b;\n-#if 0\n+#if 1\n+/* new */\n int a;\n-- \n" in header
    assert header.count("\n") == PATCH.count("\n") + 1
    both = benchpatch.commented(PATCH, "Kconfig", "new")
    assert "@@ -2,2 +2,2 @@ config A\n bool\n-default y\n+# new\n@@ -9,1 +9,2 @@\n" in both


def test_a_patch_that_cannot_be_changed_is_refused() -> None:
    with pytest.raises(UserError, match=r"does not touch other\.h"):
        benchpatch.commented(PATCH, "other.h", "new")
    with pytest.raises(UserError, match="writes to no file"):
        benchpatch.chosen("Subject: nothing\n")


@pytest.mark.parametrize(("name", "file"), [
    ("first-posted", "drivers/hv/Kconfig"), ("pre-split", "include/linux/hyperv.h"),
    ("tristate-core", "drivers/Makefile"),
])  # fmt: skip
def test_only_one_variants_patch_is_changed(tmp_path: Path, name: str, file: str) -> None:
    matrix = asking.load(ROOT / "matrix.yaml")
    variant = next(cell.variant for cell in matrix.cells if cell.variant.name == name)
    edited, touched = benchours.changed_matrix(matrix, variant, tmp_path)
    assert touched == file
    assert [cell.name for cell in edited.cells] == [cell.name for cell in matrix.cells]
    differ = [new for new, old in zip(edited.cells, matrix.cells, strict=True) if new != old]
    assert {cell.variant.name for cell in differ} == {name}
    (before,), (after,) = series.read(variant), series.read(differ[0].variant)
    added = set(after.text.splitlines()) - set(before.text.splitlines())
    assert sum(benchours.REMARK.encode() in line for line in added) == 1
