"""Real kernels: one built here, and one that Debian built, booted as Hyper-V guests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import archive, artifact, boot, bootstrap, build, console, images, observe, qemu, run, showing
from pipeline.container import Limits
from pipeline.model import Ending, Ladder
from pipeline.values import Artifact, Build, Kernel, Tree
from tests.frames import HYPERV

if TYPE_CHECKING:
    from pipeline.engine import Engine

pytestmark = pytest.mark.boot
ROOT = Path(__file__).resolve().parent.parent
MODULES_LIMIT = 1024 * 2**20


@pytest.fixture(scope="session")
def debian(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's own cloud kernel with its config and modules, which nobody here built."""
    folder = tmp_path_factory.mktemp("debian")
    with engine.container(images.host(engine, bootstrap.say), limits=Limits(seconds=300), started=False) as box:
        archive.save(box.get("/opt/kernel/boot", MODULES_LIMIT), folder / "boot")
        archive.save(box.get("/opt/kernel/usr/lib/modules", MODULES_LIMIT), folder / "modules")
    return folder


def inv_boot(debian: Path, *words: str) -> tuple[int, str]:
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "boot", str(kernel), "--modules", str(debian / "modules"), *words],
        cwd=debian, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session", autouse=True)
def _matrix_beside(debian: Path) -> None:
    """`./inv boot` takes its machines from the matrix.yaml of the folder that it is run in."""
    shutil.copy(ROOT / "matrix.yaml", debian)
    shutil.copytree(ROOT / "kconfig", debian / "kconfig")


@pytest.mark.parametrize(
    ("words", "status", "ladder", "said"),
    [
        ([], 0, "bound", "evidence/vmbus"),
        (["--without", "hv_vmbus"], 1, "core", "VMBUS_MODULE_NOT_LOADED"),
        (["--without", "hv_balloon"], 1, "offered", "UNBOUND"),
        (["--machine", "bare"], 0, "booted", "promises booted"),
        (["--append", "nopv"], 1, "booted", "NOT_DETECTED"),
        (["--append", "rdinit=/nowhere"], 1, "none", "panic: Kernel panic - not syncing"),
    ],
)
def test_debians_own_kernel(debian: Path, words: list[str], status: int, ladder: str, said: str) -> None:
    found, text = inv_boot(debian, *words)
    assert f"ladder    {ladder}" in text
    assert said in text
    assert found == status


DEATHS = [
    ("rdinit=/bin/busybox sleep 100000", (), Ending.SILENT, "NO_BOOT", "hang: the console fell silent after"),
    ("rdinit=/bin/busybox reboot -f", (), Ending.EXITED, "NO_BOOT", "reset without a panic message"),
    ("", ("evmcs",), Ending.EXITED, "QEMU_REJECTED", "not supported by kernel"),
]


@pytest.mark.parametrize(("append", "flags", "ending", "why", "said"), DEATHS, ids=["hang", "reset", "refused"])
def test_deaths_are_told_apart(
    debian: Path, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    append: str, flags: tuple[str, ...], ending: Ending, why: str, said: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(boot.TIMERS, "nested", console.Timers(silence=25, cap=200))
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    made = Artifact(image=kernel, release=artifact.release_of(kernel), modules={})
    machine = replace(HYPERV, hyperv=(*HYPERV.hyperv, *flags))
    host = boot.prepare(engine, "nested", bootstrap.say)
    seen = boot.boot(host, made, machine, tmp_path, cmdline=f"{qemu.CMDLINE} {append}".strip())
    logs = [(tmp_path / name).read_bytes() for name in ("console.log", "host.log")]
    found = observe.observe(seen, logs[0], logs[1], machine, None)
    assert (seen.ending, found.ladder, found.failure_class) == (ending, Ladder.NONE, why)
    assert said in found.reason
    assert _emulators() == []


def test_kill_9_during_a_boot_leaves_nothing_after_the_next_command(debian: Path, engine: Engine) -> None:
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "boot", str(kernel), "--modules", str(debian / "modules"), "--plain"],
        cwd=debian, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not _emulators() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(3)
    child.kill()
    child.wait()
    assert _emulators()
    assert inv_boot(debian, "--machine", "bare")[0] == 0
    assert _emulators() == []
    assert engine.reap() == 0


def _emulators() -> list[str]:
    """The processes of QEMU on this host, those in containers included."""
    names = (path for path in Path("/proc").glob("[0-9]*/comm"))
    return [path.parent.name for path in names if "qemu-system" in _text(path)]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def options(folder: Path, cache: Path, cells: str = "v6.12/builtin-y") -> run.Options:
    return run.Options(file=folder / "matrix.yaml", cells=cells, plain=True, results=folder / "results", cache=cache)


# The slim config has what Hyper-V's drivers of network, disks and input hang on; the ladder needs none of it.
SMALL = (
    ("builtin-y: {base: kconfig/configs/slim.config, fragments: [kconfig/fragments/builtin-y.config]}",
     "builtin-y: {base: small.config, fragments: [small-y.config]}"),
    ("off-n:     {base: kconfig/configs/slim.config,", "off-n:     {base: small.config,"),
)  # fmt: skip


def project(folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of the default matrix, with small kernels, and with some texts replaced."""
    text = (ROOT / "matrix.yaml").read_text()
    shutil.copy(ROOT / "tests" / "small.config", folder)
    (folder / "small-y.config").write_text("CONFIG_HYPERV=y\nCONFIG_HYPERV_BALLOON=y\n")
    for old, new in (*SMALL, *changes):
        assert old in text
        text = text.replace(old, new)
    (folder / "matrix.yaml").write_text(text)
    shutil.copytree(ROOT / "kconfig", folder / "kconfig")
    return folder


@pytest.fixture(scope="session")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """A run of one cell and its controls from an empty cache: two real builds, three real boots."""
    assert engine
    folder, cache = project(tmp_path_factory.mktemp("real")), tmp_path_factory.mktemp("cache")
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
    assert {**after, "reused": 0, "seconds": 0} == {**before, "reused": 0, "seconds": 0}
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
    folder = project(tmp_path, *changes)
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
