"""./inv itself: what it does before it hands over to the commands."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import bootstrap, daemon, room
from pipeline.errors import HostError
from tests.users import as_nobody

ROOT = Path(__file__).resolve().parent.parent
INV = str(ROOT / "inv")


@pytest.mark.parametrize("name", ["invoke", "rich", "venv", "pipeline"])
def test_nothing_of_the_current_folder_is_run(tmp_path: Path, name: str) -> None:
    """It may be somebody else's repository: docs/ci/ runs ./inv in such a one."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    done = subprocess.run([INV, "--list"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "  matrix " in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_an_engine_is_asked(tmp_path: Path, number: signal.Signals) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "engine"))
        silent.listen()
        silent.settimeout(60)
        asking = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/engine"}
        child = subprocess.Popen([INV, "resolve"], cwd=ROOT, env=asking, stderr=subprocess.PIPE, text=True)
        connection, _ = silent.accept()
        child.send_signal(number)
        _, said = child.communicate(timeout=60)
        connection.close()
    assert child.returncode == 130
    assert "Traceback" not in said


@pytest.mark.parametrize("host", ["tcp://host..name:2375", "tcp://[::1", "tcp://127.0.0.1:1", "unix:///nowhere"])
def test_an_engine_that_is_none(host: str) -> None:
    done = subprocess.run(
        [INV, "resolve"], cwd=ROOT, env={**os.environ, "DOCKER_HOST": host}, check=False, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 69
    assert "Traceback" not in done.stderr
    assert f"no engine answers at DOCKER_HOST={host}" in done.stderr


def test_a_folder_that_one_may_not_look_into_has_no_engine(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "engine").mkdir(parents=True)
    closed.chmod(0)
    with as_nobody():
        assert not daemon._there(f"unix://{closed}/docker.sock")
        assert room.places(tmp_path, tmp_path, str(closed / "engine")).engine == tmp_path
    closed.chmod(0o755)


SLOW = "import sys, time; open(sys.argv[1] + '.begun', 'w').close(); time.sleep(1.5); open(sys.argv[1], 'w').close()"


def _interrupted(path: Path, whole: str) -> bool:
    """Whether a program that takes 1.5 s came to its end although its group was interrupted when it had begun."""
    code = f"""
import sys
from pipeline import bootstrap
bootstrap.run([sys.executable, "-c", {SLOW!r}, {str(path)!r}], "no", whole={whole})
"""
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not Path(f"{path}.begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode != 0
    return path.exists()


def test_a_package_manager_ends_before_an_interrupt_is_heard(tmp_path: Path) -> None:
    assert _interrupted(tmp_path / "whole", "True")
    assert not _interrupted(tmp_path / "other", "False")


APT = """#!/bin/sh
[ -e {0}/busy ] && echo twice >> {0}/said
touch {0}/busy; sleep 0.3; rm {0}/busy
case $* in *update*)
  [ -e {0}/second ] || { touch {0}/second; echo "E: Could not get lock /var/lib/apt/lists/lock."; exit 100; } ;;
esac
echo "$*" >> {0}/said
"""


def test_two_installations_wait_for_each_other_and_for_others_of_apt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "apt-get").write_text(APT.replace("{0}", str(tmp_path)))
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    code = f"""
from pathlib import Path
from pipeline import bootstrap
bootstrap.APT_LOCK = Path({str(tmp_path / "lock")!r})
bootstrap.install(["nothing"])
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]
    assert [child.wait(60) for child in both] == [0, 0]
    for child in both:
        child.communicate()
    said = (tmp_path / "said").read_text().splitlines()
    assert "twice" not in said
    assert [line.split()[-1] for line in said] == ["update", "nothing"] * 2


def test_an_installation_that_fails_is_told_with_apts_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho E: no such package\nexit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(bootstrap, "APT_LOCK", tmp_path / "lock")
    with pytest.raises(HostError) as caught:
        bootstrap.install(["nothing"])
    assert "no such package" in caught.value.details


def test_quick_tests_want_no_engine() -> None:
    """It would be installed and started, which the quick ones need not."""
    nowhere = {**os.environ, "DOCKER_HOST": "unix:///nowhere"}
    done = subprocess.run(
        [INV, "test", "--quick", "--help"], cwd=ROOT, env=nowhere, check=False, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    namespace = runpy.run_path(INV)
    assert not namespace["wants_engine"](["test", "--quick"])
    assert namespace["wants_engine"](["test"])
    assert namespace["wants_engine"](["verify", "x", "--rebuild", "cell"])
    assert not namespace["wants_engine"](["verify", "x"])
    assert not namespace["wants_engine"](["matrix", "--help"])
    assert not namespace["wants_engine"](["plan", "--through", "boot"])
