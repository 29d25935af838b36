from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import fakematrix

ROOT = Path(__file__).resolve().parent.parent


def inv(*words: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line as the wrapper hands it over."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *words], cwd=folder, check=False, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment}, timeout=120,
    )  # fmt: skip


def test_list_names_every_command() -> None:
    done = inv("--list")
    assert done.returncode == 0
    for name in (
        "matrix", "plan", "resolve", "explain", "fix", "audit", "compare", "build", "boot", "judge", "doctor", "prune",
        "test", "lint", "engine",
    ):  # fmt: skip
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize(
    "name",
    ["matrix", "plan", "resolve", "explain", "fix", "audit", "compare", "build", "boot", "judge", "doctor", "prune",
     "test"],
)  # fmt: skip
def test_help(name: str) -> None:
    done = inv(name, "--help")
    assert done.returncode == 0
    assert "Docstring:" in done.stdout


@pytest.mark.parametrize(("name", "words"), [("explain", "[CELLS]"), ("report", "[RUN]"), ("collect", "FOLDER..."),
                                            ("plan", "[--options]"), ("matrix", "[--options]")])  # fmt: skip
def test_help_tells_of_the_words_that_are_taken_and_of_no_second_command(name: str, words: str) -> None:
    first = inv(name, "--help").stdout.splitlines()[0]
    assert first.endswith(words)


def test_completion_calls_the_wrapper() -> None:
    done = inv("--print-completion-script=bash")
    assert done.returncode == 0
    assert "./inv --complete" in done.stdout
    assert "matrix" in inv("--complete", "--", "inv", "ma").stdout.split()


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"], ["matrix", "--nonsense"], ["boot"], ["matrix", "--through", "moon"], ["matrix", "--jobs", "-3"],
        ["matrix", "--jobs", "abc"], ["bench", "plan", "--rounds", "x"], ["resolve", "--policy", "merge"],
        ["resolve", "--config", "a" * 5000, "--source", "/etc"], ["audit", "a" * 5000],
        ["resolve", "--config", "/etc/passwd", "--source", "/etc", "--file", "/nowhere/matrix.yaml"],
        ["matrix", "--accel", "warp"], ["matrix", "--file", "/nowhere/matrix.yaml"], ["judge", "/nowhere"],
        ["matrix", "--cells", "no-such-cell"], ["boot", "/nowhere/vmlinuz"], ["boot", "/etc/passwd"],
        ["doctor", "engine"], ["plan", "--cells", "nothing"], ["explain", "no-such-cell"],
        ["explain", "--cells", "no-such-cell"], ["fix", "no-such-cell"], ["fix"], ["fix", "*"],
        ["resolve", "--config", "/etc/passwd"],
        ["explain", "--source", "/etc"], ["fix", "--config", "/nowhere", "--source", "/etc"],
        ["resolve", "--config", "/nowhere", "--source", "/etc"], ["audit"], ["audit", "/nowhere"],
        ["audit", "/etc", "--objects", "/etc"], ["explain", "merged/distro-m", "nonsense"],
        ["resolve", "--config", "distro-m", "--source", "/nowhere#main"],
        ["resolve", "--config", "distro-m", "--source", "merged", "--policy", "nothing"],
    ],
)  # fmt: skip
def test_bad_words_end_with_2_and_one_clear_text(words: list[str]) -> None:
    done = inv(*words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "inv:" in done.stderr


def test_a_bad_config_is_told_with_its_line_and_nothing_is_written(tmp_path: Path) -> None:
    shutil.copy(ROOT / "matrix.yaml", tmp_path)
    shutil.copytree(ROOT / "kconfig", tmp_path / "kconfig")
    (tmp_path / "kconfig" / "fragments" / "distro-m.config").write_text("CONFIG_HYPERV=m\n<html>\n")
    done = inv("matrix", "--file", str(tmp_path / "matrix.yaml"), folder=tmp_path)
    assert done.returncode == 2
    assert "distro-m.config:2: not a .config line" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_base_that_is_no_complete_config_is_refused(tmp_path: Path) -> None:
    shutil.copy(ROOT / "matrix.yaml", tmp_path)
    shutil.copytree(ROOT / "kconfig", tmp_path / "kconfig")
    (tmp_path / "kconfig" / "configs" / "slim.config").write_text("CONFIG_HYPERVISOR_GUEST=y\n")
    done = inv("matrix", "--file", str(tmp_path / "matrix.yaml"), folder=tmp_path)
    assert done.returncode == 2
    assert "no complete .config" in done.stderr
    assert "CONFIG_ACPI" in done.stderr


def test_a_pipe_that_closes_is_no_success() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "plan"], cwd=ROOT, text=True, stdout=writer, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 69
    assert "Traceback" not in done.stderr


def test_no_engine_is_our_fault_and_no_verdict(tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/none.sock"
    done = inv("matrix", "--plain", "--file", str(ROOT / "matrix.yaml"), folder=tmp_path, DOCKER_HOST=dead)
    assert done.returncode == 69, done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("words", [["plan", "--through", "resolve"], ["shards", "2", "--through", "boot"]])
def test_the_value_of_an_option_is_no_command_that_needs_an_engine(words: list[str], tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/none.sock"
    environment = {**os.environ, "DOCKER_HOST": dead, "HVMATRIX_CACHE": str(tmp_path / "cache")}
    argv = [str(ROOT / "inv"), *words]
    done = subprocess.run(argv, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_disk_space_is_told_before_anything_starts(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "t", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        done = inv("matrix", "--plain", HVMATRIX_CACHE=str(small))
    finally:
        subprocess.run(["umount", small], check=True)
    assert done.returncode == 69
    assert "no disk space" in done.stderr
    assert "GiB free" in done.stderr


@pytest.mark.parametrize("name", ["explain", "fix"])
def test_a_cell_may_be_named_by_itself_or_by_its_flag(name: str, tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/none.sock"
    cell = "merged/distro-m/olddefconfig/gcc/hyperv"
    told = []
    for words in ([name, cell], [name, "--cells", cell], [name, cell, "--plain"]):
        done = inv(*words, "--file", str(ROOT / "matrix.yaml"), folder=tmp_path, DOCKER_HOST=dead)
        assert done.returncode == 69, done.stdout + done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        told.append("container engine failed" in done.stdout + done.stderr)
    assert told == [True] * 3


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_one_config_on_one_tree_by_themselves(tmp_path: Path, faketree: Path) -> None:
    (tmp_path / "old.config").write_text(fakematrix.OLD)
    words = ["--config", "old.config", "--source", str(faketree), "--plain"]
    cache = {"HVMATRIX_CACHE": str(tmp_path / "cache")}
    done = inv("explain", *words, folder=tmp_path, **cache)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "drivers/hv/Kconfig:3" in done.stdout
    assert "symbol value 'm' invalid for HYPERV" in done.stdout
    assert f"mine/mine/olddefconfig/gcc/hyperv: old.config on {faketree} (directory, sha256 " in done.stdout
    done = inv("explain", *words, "--symbol", "*BALLOON", folder=tmp_path, **cache)
    assert "HYPERV_BALLOON" in done.stdout
    done = inv("resolve", *words, "--policy", "explicit-split", folder=tmp_path, **cache)
    assert done.returncode == 0, done.stdout + done.stderr
    done = inv("fix", *words, "--write", "mended.config", folder=tmp_path, **cache)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONFIG_HYPERV=y" in (tmp_path / "mended.config").read_text().splitlines()
    again = inv("fix", *words, "--write", "mended.config", folder=tmp_path, **cache)
    assert again.returncode == 2
    assert "is not overwritten" in again.stderr


def caught(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal (proc(5), SigCgt): Python's own start is not ours."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("delay", [0.0, 0.4, 0.9])
def test_a_signal_while_it_starts_is_130(number: signal.Signals, delay: float) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "plan"], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    while not caught(child.pid, signal.SIGHUP) and child.poll() is None:  # the last that at_once sees to
        time.sleep(0.01)
    time.sleep(delay)
    child.send_signal(number)
    out, _ = child.communicate(timeout=120)
    assert child.returncode in {0, 130}, out
    assert "Traceback" not in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_python_ends_leaves_the_exit_status(number: signal.Signals) -> None:
    """The object's end comes after every atexit, where a signal has its default action again."""
    code = f"""
import os, sys
from pipeline import interrupts
interrupts.at_once()
class Last:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        kill(pid, {int(number)})
sys.last = Last()
sys.exit(3)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, timeout=60)
    assert done.returncode == 3, done.stderr
