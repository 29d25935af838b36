"""The private engine: started, found, killed, started again, stopped without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import bootstrap, daemon, fleet
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")
BARE = {"PATH": os.environ["PATH"]}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A cache folder of its own, hence an engine of its own."""
    made = {**BARE, "HVMATRIX_CACHE": str(tmp_path / "cache")}
    yield made
    daemon.stop(made)


@pytest.mark.docker
def test_start_kill_start_stop(environment: dict[str, str]) -> None:
    if not shutil.which("dockerd"):
        pytest.skip("no dockerd on this host; the wrapper would install it")
    cache = bootstrap.cache_folder(environment)
    folder = daemon.run_folder(cache)
    url = daemon.start(environment)
    assert daemon.answers(url)
    first = daemon.owner_of(folder, cache)
    assert first
    assert daemon.start(environment) == url
    assert daemon.owner_of(folder, cache) == first

    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while daemon.answers(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (folder / "docker.pid").exists()  # what a killed engine leaves
    assert daemon.start(environment) == url
    assert daemon.owner_of(folder, cache) not in {None, first}

    assert daemon.stop(environment)
    assert not daemon.stop(environment)
    assert not folder.exists()
    mounts = Path("/proc/mounts").read_text()
    assert str(folder) not in mounts
    assert str(cache) not in mounts
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(cache).encode() in _bytes(path)]
    assert left == []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_file_that_is_no_engine_of_ours_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "docker.pid").write_text(str(os.getpid()))
    assert daemon.owner_of(folder, tmp_path / "cache") is None


def test_without_root_the_error_says_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline")
    subprocess.run(["chmod", "-R", "a+rX", tmp_path], check=True)
    script = (
        "from pipeline import daemon\nfrom pipeline.errors import HostError\n"
        "daemon.SYSTEM = 'unix:///nowhere/docker.sock'\n"  # this host may have a Docker of its own
        "try:\n    daemon.start({'HOME': '/tmp'})\nexcept HostError as error:\n    print(error, error.exit_status)\n"
    )
    folders = [tmp_path, *tmp_path.parents]
    closed = [folder for folder in folders if not folder.stat().st_mode & 0o001]
    for folder in closed:
        folder.chmod(folder.stat().st_mode | 0o001)
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    try:
        done = subprocess.run(
            [python, "-c", script], cwd="/", env={**BARE, "PYTHONPATH": str(tmp_path)}, user=65534, group=65534,
            extra_groups=[], text=True, capture_output=True, check=False,
        )  # fmt: skip
    except PermissionError:
        pytest.skip("another user may not run this Python")
    finally:
        for folder in closed:
            folder.chmod(folder.stat().st_mode & ~0o001)
    assert "only root can start one" in done.stdout, done.stderr
    assert "apt-get install docker.io" in done.stdout
    assert done.stdout.strip().endswith("69")


def test_an_engine_that_outlives_us_is_not_told_the_fleets_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "dockerd").write_text(f"#!/bin/sh\nenv > {tmp_path}/told\nexit 1\n")
    (tmp_path / "dockerd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{BARE['PATH']}")
    monkeypatch.setenv(fleet.VARIABLE, "redis://me:hunter2@cache")
    with pytest.raises(HostError, match="does not start"):
        daemon._spawn(tmp_path / "run", tmp_path / "cache", f"unix://{tmp_path}/none")
    told = (tmp_path / "told").read_text()
    assert f"PATH={tmp_path}:" in told
    assert "hunter2" not in told


def test_what_a_killed_engine_left_running_is_ended(tmp_path: Path) -> None:
    """A shim is known by the socket of its engine; what it holds is below it."""
    socket_path = str(tmp_path / "exec" / "containerd" / "containerd.sock")
    held = "import signal, subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); signal.pause()"
    shim = subprocess.Popen([sys.executable, "-c", held, "-address", socket_path], stdout=subprocess.PIPE, text=True)
    other = subprocess.Popen(["sleep", "600"])
    assert shim.stdout
    below = int(shim.stdout.readline())
    assert daemon.shims(tmp_path) == {shim.pid}
    daemon._end_containers(tmp_path)
    assert shim.wait(10) == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while Path(f"/proc/{below}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{below}/exe").exists()
    assert other.poll() is None
    assert daemon.shims(tmp_path) == set()
    other.kill()
    other.wait()
    shim.stdout.close()
