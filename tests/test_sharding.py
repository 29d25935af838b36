"""How a matrix is split among machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline import asking, sharding, shards
from pipeline.errors import UserError
from pipeline.run import Options
from pipeline.sharding import Unit

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "matrix.yaml"


def unit(variant: str, source: str = "s", seconds: float = 10.0, first: float = 100.0) -> Unit:
    return Unit(variant=variant, source=source, cells=(f"{variant}/a", f"{variant}/b"), seconds=seconds, first=first)


UNITS = st.lists(
    st.builds(
        unit, st.uuids().map(str), st.sampled_from("abc"), st.floats(0, 1000), st.sampled_from([0.0, 100.0, 500.0]),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


@given(UNITS, st.integers(1, 12))
def test_every_cell_is_in_one_part(units: list[Unit], count: int) -> None:
    parts = sharding.split(units, count)
    assert sorted(cell for part in parts for cell in part.cells) == sorted(cell for one in units for cell in one.cells)
    assert 1 <= len(parts) <= min(count, len(units))
    assert all(part.units for part in parts)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))


@given(UNITS, st.integers(1, 12))
def test_no_part_takes_longer_than_a_bound(units: list[Unit], count: int) -> None:
    """The longest part ends within the longest variant of the mean, with each variant paid as if it were alone."""
    alone = [one.seconds + one.first for one in units]
    bound = sum(alone) / min(count, len(units)) + max(alone)
    assert max(part.seconds for part in sharding.split(units, count)) <= bound + 1e-6


def test_what_shares_a_source_stays_together() -> None:
    units = [unit("a1", "a"), unit("b1", "b"), unit("a2", "a"), unit("b2", "b")]
    parts = [{one.source for one in part.units} for part in sharding.split(units, 2)]
    assert parts == [{"a"}, {"b"}]


def test_one_long_variant_has_a_machine_of_its_own() -> None:
    units = [unit("long", seconds=1000), unit("x"), unit("y"), unit("z")]
    assert [[one.variant for one in part.units] for part in sharding.split(units, 2)] == [["long"], ["x", "y", "z"]]


def options(tmp_path: Path, **more: str) -> Options:
    return Options(file=FILE, cache=tmp_path, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("cells", ["", "*/distro-m,merged/efi"])
def test_the_globs_of_all_parts_choose_each_cell_once(count: int, cells: str, tmp_path: Path) -> None:
    asked = asking.load(FILE)
    wanted = [cell.name for cell in asking.select(asked, cells)]
    states = asking.states(asked, asking.select(asked, cells))
    parts = sharding.split(shards.units(asked, states, options(tmp_path)), count)
    chosen = [cell.name for part in parts for cell in asking.select(asked, part.pattern)]
    assert sorted(chosen) == sorted(wanted)
    assert [cell for part in parts for cell in part.cells] != []


def test_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shards.show(options(tmp_path), "3", "json") == 0
    listed = json.loads(capsys.readouterr().out)["shards"]
    shards.show(options(tmp_path), "3", "github")
    matrix = json.loads(capsys.readouterr().out)
    shards.show(options(tmp_path), "3", "gitlab")
    jobs = yaml.safe_load(capsys.readouterr().out)
    patterns = [one["cells"] for one in listed]
    assert len(patterns) == 3
    assert [one["cells"] for one in matrix["include"]] == patterns
    assert [jobs[f"shard-{number}"]["variables"]["HVMATRIX_CELLS"] for number in (1, 2, 3)] == patterns
    assert jobs["collect"]["needs"] == ["shard-1", "shard-2", "shard-3"]


def test_resolve_alone_costs_no_build(tmp_path: Path) -> None:
    asked = asking.load(FILE)
    states = asking.states(asked, asked.cells)
    cheap, dear = (
        sum(one.first + one.seconds for one in shards.units(asked, states, options(tmp_path, through=through)))
        for through in ("resolve", "boot")
    )
    assert cheap < dear / 2


@pytest.mark.parametrize("count", ["0", "-1", "257", "x", "", "9" * 5000, "1.5", "²"])
def test_a_number_that_is_none(count: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a number of machines"):
        shards.show(options(tmp_path), count, "json")


def test_a_format_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such format"):
        shards.show(options(tmp_path), "2", "travis")
