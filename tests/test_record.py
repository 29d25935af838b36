from __future__ import annotations

from pathlib import Path

from pipeline import record
from pipeline.model import Cell, Config, DirectorySource, Variant
from tests.frames import HYPERV


def state(old: str) -> record.State:
    tree = DirectorySource(name="t", path=Path())
    cell = Cell(
        variant=Variant(name="t", source=tree), config=Config(name="m", base=Path()), policy="olddefconfig",
        toolchain="gcc", machine=HYPERV,
    )  # fmt: skip
    return record.State(cell=cell, expectation=None, old=old)


def test_the_facts_of_a_cell_are_its_own_whatever_is_done_to_those_of_another_with_the_same_config() -> None:
    first, second = (record.facts(state("CONFIG_HYPERV=m\n"))["requested"] for _ in range(2))
    assert first == second
    assert first["HYPERV"] == "m"
    first["HYPERV"] = "y"
    assert second["HYPERV"] == "m"
    assert record.facts(state("CONFIG_HYPERV=m\n"))["requested"] == second


def test_each_config_has_facts_of_its_own() -> None:
    found = [record.facts(state(old))["requested"] for old in ("CONFIG_HYPERV=m\n", "CONFIG_HYPERV=y\n", "")]
    assert [one.get("HYPERV") for one in found] == ["m", "y", None]
