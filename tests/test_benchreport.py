"""What is measured of reports has every format, and is made of cells that no two of are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import benchreport, reporting
from pipeline.run import Options

if TYPE_CHECKING:
    import pytest


def test_each_format_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchreport, "CELLS", 160)
    found = benchreport.measure(Options(), 2)
    assert {name: len(times) for name, times in found["samples"].items()} == dict.fromkeys(reporting.FORMATS, 2)
    assert found["against"] in found["samples"]
    assert all(f"{name}: MiB" in found["facts"] for name in reporting.FORMATS)


def test_each_round_is_of_other_variants() -> None:
    few = [{"variant": "a", "cell": "a/b/c"}, {"variant": "a", "cell": "a/x/c"}]
    names = [one["cell"] for one in benchreport.enlarged(few, 5)]
    assert names == ["a-0/b/c", "a-0/x/c", "a-1/b/c", "a-1/x/c", "a-2/b/c"]
