"""Real kernels: one built here, and one that Debian built, booted as Hyper-V guests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import artifact, build, run, showing
from pipeline.values import Build, Kernel, Tree
from tests import smallkernels

if TYPE_CHECKING:
    from pipeline.engine import Engine

pytestmark = pytest.mark.boot
ROOT = Path(__file__).resolve().parent.parent
MODULES_LIMIT = 1024 * 2**20


def options(folder: Path, cache: Path, cells: str = "v6.12/builtin-y") -> run.Options:
    return run.Options(file=folder / "matrix.yaml", cells=cells, plain=True, results=folder / "results", cache=cache)


@pytest.fixture(scope="session")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """A run of one cell and its controls from an empty cache: two real builds, three real boots."""
    assert engine
    folder, cache = smallkernels.project(tmp_path_factory.mktemp("real")), tmp_path_factory.mktemp("cache")
    return folder, cache, run.run(options(folder, cache))


def record_of(folder: Path, name: str) -> dict[str, Any]:
    path = folder / "results" / "latest" / name / "record.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_kernel_built_here_comes_up(built: tuple[Path, Path, int]) -> None:
    folder, _, status = built
    assert status == 0
    record = record_of(folder, "cells/v6.12/builtin-y/olddefconfig/gcc/hyperv")
    assert (record["observed"], record["outcome"], record["status"]) == ("bound", "kept", "PASS")
    assert record["release"].endswith(f"-{record['kernel'][:12]}")
    assert record["tools"]["qemu"].startswith("QEMU emulator version 1")
    bare = record_of(folder, "controls/v6.12/builtin-y/olddefconfig/gcc/bare")
    off = record_of(folder, "controls/v6.12/off-n/olddefconfig/gcc/hyperv")
    assert (bare["observed"], off["observed"]) == ("booted", "detected")
    home = folder / "results/latest/cells" / record["cell"]
    names = {path.name for path in home.iterdir()}
    logs = {"build.log", "console.log", "host.log", "dmesg.txt", "resolve.log", "evidence"}
    assert names >= {"config.old", "config.final", "reproduce.sh", "record.json", "boot.json"} | logs


def test_again_everything_is_reused_with_the_same_verdict(built: tuple[Path, Path, int]) -> None:
    folder, cache, _ = built
    before = record_of(folder, "cells/v6.12/builtin-y/olddefconfig/gcc/hyperv")
    assert run.run(options(folder, cache)) == 0
    after = record_of(folder, "cells/v6.12/builtin-y/olddefconfig/gcc/hyperv")
    assert after["reused"] == {"resolve": True, "build": True, "boot": True}
    when = {"reused": 0, "seconds": 0, "spans": 0}
    assert {**after, **when} == {**before, **when}
    assert showing.judge(folder / "results" / "latest") == 0


SWAPPED = (
    ("builtin-y/olddefconfig/gcc/hyperv, reaches: bound", "off-n/olddefconfig/gcc/hyperv, reaches: bound"),
    ("off-n/olddefconfig/gcc/hyperv, reaches: detected", "builtin-y/olddefconfig/gcc/hyperv, reaches: detected"),
)
# Without any flag the loader refuses such a control; without vpindex Linux does not detect Hyper-V.
NO_FLAGS = (
    ("hyperv: [relaxed, vapic, vpindex, runtime, time, synic, stimer, stimer-direct, tlbflush, ipi, frequencies]",
     "hyperv: [relaxed, time]"),
    ("devices: [vmbus-bridge, hv-balloon]", "devices: []"),
)  # fmt: skip
NO_BRIDGE = (("devices: [vmbus-bridge, hv-balloon]", "devices: []"),)


@pytest.mark.parametrize(
    ("changes", "shows"),
    [(SWAPPED, "shows detected"), (NO_FLAGS, "shows booted"), (NO_BRIDGE, "shows core")],
    ids=["wrong control kernel", "machine without the flags", "machine without a bus"],
)
def test_a_wrong_control_voids_the_run(
    built: tuple[Path, Path, int], tmp_path: Path, changes: tuple[tuple[str, str], ...], shows: str,
) -> None:  # fmt: skip
    _, cache, _ = built
    folder = smallkernels.project(tmp_path, *changes)
    assert run.run(options(folder, cache)) == 69
    record = record_of(folder, "cells/v6.12/builtin-y/olddefconfig/gcc/hyperv")
    assert (record["status"], record["outcome"]) == ("ERROR", "unknown")
    assert "must reach bound and" in record["reason"]
    assert shows in record["reason"]


def test_modules_of_another_build_contradict(built: tuple[Path, Path, int], debian: Path, tmp_path: Path) -> None:
    folder, cache, _ = built
    record = record_of(folder, "cells/v6.12/builtin-y/olddefconfig/gcc/hyperv")
    copy = Path(shutil.copytree(cache / "kernels" / record["kernel"], tmp_path / "kernel"))
    tree = Tree(variant="v6.12", image="", digest="", origin="")
    config = (folder / "results/latest/cells" / record["cell"] / "config.final").read_text()
    kernel = Kernel(key=record["kernel"], tree=tree, toolchain="", config=build.kernel(tree, "", config).config)
    made = Build(kernel=kernel, folder=copy, ok=True, reason="", seconds=0, reused=False)
    assert artifact.check(made).problems == ()
    (copy / "modules").mkdir(exist_ok=True)
    shutil.copy(next((debian / "modules").rglob("hv_vmbus.ko.xz")), copy / "modules")
    problems = artifact.check(made).problems
    assert "hv_vmbus.ko is there" in problems
    assert any("hv_vmbus.ko was built for" in text for text in problems)
