"""What happened downstream when CONFIG_HYPERV was split, on the real tree: caught, explained and mended at resolve."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import asking, kconfig, run

if TYPE_CHECKING:
    from pipeline.engine import Engine

pytestmark = pytest.mark.boot
ROOT = Path(__file__).resolve().parent.parent
# cell, what decides, its kind, and the fragment that mends it
INCIDENTS = [
    ("merged/debian-6.12-cloud/olddefconfig", "HYPERV", "type", {"HYPERV": "y", "HYPERV_VMBUS": "m"}),
    ("merged/no-vmbus/olddefconfig", "HYPERV_VMBUS", "asked-off", {"HYPERV_VMBUS": "y"}),
    ("merged/builtin-y/allnoconfig", "HYPERV_VMBUS", "new", {"HYPERV_VMBUS": "y"}),
    ("first-posted/builtin-y/olddefconfig", "HYPERV_VMBUS", "new", {"HYPERV_VMBUS": "y"}),
    ("merged/vtl/olddefconfig", "HYPERV_VTL_MODE", "hazard", {"HYPERV_VTL_MODE": "n"}),
    ("sysfb-depends/efi/olddefconfig", "SYSFB", "new", {"SYSFB": "y"}),
]
KEPT = [f"{name}/olddefconfig" for name in ("merged/builtin-y", "transitional/distro-m", "default-y/debian-6.12-cloud")]
MACHINE = "gcc/hyperv"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("incidents") / "cache"


@pytest.fixture(scope="session")
def records(engine: Engine, cache: Path) -> dict[str, dict[str, Any]]:
    """The records of these cells of the default matrix; each is as matrix.yaml expects it."""
    assert engine
    asked = asking.load(ROOT / "matrix.yaml")
    names = {f"{name}/{MACHINE}" for name in (*KEPT, *(row[0] for row in INCIDENTS))}
    chosen = tuple(cell for cell in asked.cells if cell.name in names)
    assert len(chosen) == len(names)
    options = run.Options(through="resolve", plain=True, results=cache.parent / "results", cache=cache)
    assert run.of(replace(asked, cells=chosen), options) == 0
    homes = (cache.parent / "results" / "latest" / "cells" / name for name in names)
    found = [json.loads((home / "record.json").read_text()) for home in homes]
    return {record["cell"].removesuffix(f"/{MACHINE}"): record for record in found}


@pytest.mark.parametrize(("cell", "symbol", "kind"), [row[:3] for row in INCIDENTS], ids=[row[0] for row in INCIDENTS])
def test_the_cause_is_named(records: dict[str, dict[str, Any]], cell: str, symbol: str, kind: str) -> None:
    record = records[cell]
    assert record["outcome"] == "lost"
    change = next(change for change in record["changes"] if change["symbol"] == symbol)
    assert change["kind"] == kind
    assert change["where"].partition(":")[0].endswith("Kconfig")
    if kind == "type":
        assert "invalid for HYPERV" in change["warning"]
    below = [one["symbol"] for one in record["changes"] if symbol in one["parents"]]
    assert kind == "hazard" or below, "what it took along is told under it"


@pytest.mark.parametrize("cell", KEPT)
def test_what_is_kept_names_no_loss(records: dict[str, dict[str, Any]], cell: str) -> None:
    assert (records[cell]["outcome"], records[cell]["lost"]) == ("kept", [])


@pytest.mark.parametrize(("cell", "lines"), [(row[0], row[3]) for row in INCIDENTS], ids=[row[0] for row in INCIDENTS])
def test_the_mend_is_the_smallest_and_proven(
    records: dict[str, dict[str, Any]], cache: Path, tmp_path: Path, cell: str, lines: dict[str, str],
) -> None:  # fmt: skip
    assert cell in records
    fragment = tmp_path / "fix.config"
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "fix", f"{cell}/{MACHINE}", "--write", str(fragment), "--plain"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "HVMATRIX_CACHE": str(cache)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in fragment.read_text().splitlines() if "CONFIG_" in line]
    wanted = [kconfig.line(name, value) for name, value in lines.items()]
    assert sorted(said) == sorted(wanted)
    assert fragment.read_text().count("# without it: ") == len(lines)
    assert "merge_config.sh gives the same" in done.stdout
    shutil.rmtree(tmp_path)
