"""Debian's own cloud kernel, which nobody here built, booted as a Hyper-V guest in every way that an answer can go."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import archive, artifact, boot, bootstrap, console, images, observe
from pipeline.container import Limits
from pipeline.model import Ending, Ladder
from pipeline.values import Artifact
from tests import emulators
from tests.frames import HYPERV

if TYPE_CHECKING:
    from pipeline.engine import Engine

pytestmark = pytest.mark.boot
ROOT = Path(__file__).resolve().parent.parent


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
        (["--machine", "gen2"], 0, "bound", "evidence/vmbus"),
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
    others = set(emulators.running())
    seen = boot.boot(host, made, machine, tmp_path, append=append)
    logs = [(tmp_path / name).read_bytes() for name in ("console.log", "host.log")]
    found = observe.observe(seen, logs[0], logs[1], machine, None)
    assert (seen.ending, found.ladder, found.failure_class) == (ending, Ladder.NONE, why)
    assert said in found.reason
    assert seen.repeated.startswith("a quiet boot gave no proof")
    assert set(emulators.running()) <= others


def test_a_machine_that_cannot_be_restored_is_started_cold_and_that_is_said(
    debian: Path, engine: Engine, tmp_path: Path,
) -> None:
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    made = Artifact(image=kernel, release=artifact.release_of(kernel), modules={})
    whole = boot.prepare(engine, "nested", bootstrap.say)
    tag = f"{images.NAMES}/test-host:{secrets.token_hex(6)}"
    with engine.container(whole.image, limits=Limits(seconds=60)) as box:
        box.put("/opt", archive.pack({"middle.state": b"no state at all"}))
        box.commit(tag, {})
    try:
        seen = boot.boot(replace(whole, image=tag), made, HYPERV, tmp_path)
    finally:
        engine.client.images.remove(tag, force=True)
    assert seen.middle.startswith("cold, restoring failed: qemu-system-x86_64: ")
    assert (seen.quiet, seen.repeated, seen.ending) == (True, "", Ending.EXITED)
    logs = [(tmp_path / name).read_bytes() for name in ("console.log", "host.log")]
    assert observe.observe(seen, logs[0], logs[1], HYPERV, None).ladder is Ladder.CORE


def test_a_guest_too_large_for_the_saved_machine_gets_a_cold_one(debian: Path, engine: Engine, tmp_path: Path) -> None:
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    made = Artifact(image=kernel, release=artifact.release_of(kernel), modules={})
    host = boot.prepare(engine, "nested", bootstrap.say)
    seen = boot.boot(host, made, replace(HYPERV, memory=1536), tmp_path)
    assert seen.middle == "cold, 2560 MiB are needed and 2048 were saved"
    assert boot.proved(seen)


def test_a_kernel_that_has_no_pci_prints_its_evidence(debian: Path, engine: Engine, tmp_path: Path) -> None:
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    made = Artifact(image=kernel, release=artifact.release_of(kernel), modules={})
    host = boot.prepare(engine, "nested", bootstrap.say)
    seen = boot.boot(host, made, HYPERV, tmp_path, append="pci=off acpi=off")
    assert (seen.quiet, seen.repeated) == (True, "")
    logs = [(tmp_path / name).read_bytes() for name in ("console.log", "host.log")]
    found = observe.observe(seen, logs[0], logs[1], HYPERV, {"HYPERVISOR_GUEST": "y", "HYPERV": "y", "ACPI": "y"})
    assert (found.ladder, found.failure_class) == (Ladder.DETECTED, "ACPI_OFF")


def test_kill_9_during_a_boot_leaves_nothing_after_the_next_command(debian: Path, engine: Engine) -> None:
    kernel = next((debian / "boot").glob("vmlinuz-*"))
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "boot", str(kernel), "--modules", str(debian / "modules"), "--plain",
         "--append", "rdinit=/bin/busybox sleep 100000"],  # a guest that does not end by itself
        cwd=debian, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    ours = engine.root()  # another engine may have others
    deadline = time.monotonic() + 60
    while not emulators.running(ours) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(3)
    child.kill()
    child.wait()
    assert emulators.running(ours)
    assert inv_boot(debian, "--machine", "bare")[0] == 0
    assert emulators.running(ours) == []
    assert engine.reap() == 0
