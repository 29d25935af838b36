"""What happens when the host, the engine or the user gets in the way of a run."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from docker.errors import DockerException

from pipeline import run, showing
from pipeline.container import PROJECT, Limits
from pipeline.engine import OWNER, Engine
from tests import fakematrix, tinykernel

pytestmark = pytest.mark.docker
ROOT = Path(__file__).resolve().parent.parent
SLOW = "bzImage:\n\t@echo '  CC      kernel/fake.o'\n\t@touch /tmp/begun; sleep 120\n"


class Door:
    """A socket before the engine's, which can be slammed."""

    def __init__(self, path: Path, target: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.target = target
        self.pairs: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                self.pairs += [near, far]
                threading.Thread(target=self._copy, args=(near, far), daemon=True).start()

    @staticmethod
    def _copy(near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        (far if ready is near else near).shutdown(socket.SHUT_WR)
                        return
                    (far if ready is near else near).sendall(data)

    def slam(self) -> None:
        """End every connection and take no more."""
        for one in [self.listener, *self.pairs]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def left(engine: Engine, pid: int) -> list[str]:
    wanted = {"label": f"{PROJECT}=container"}
    found = engine.client.containers.list(all=True, filters=wanted, ignore_removed=True)  # others run beside this
    return [box.id for box in found if f":{pid}:" in box.labels[OWNER]]


def begun(engine: Engine, pid: int) -> bool:
    """Whether make runs in a container of that process."""
    with suppress(DockerException):  # of one that does not run yet, or no more
        boxes = [engine.client.containers.get(one) for one in left(engine, pid)]
        return any(box.exec_run(["test", "-e", "/tmp/begun"]).exit_code == 0 for box in boxes)  # noqa: S108
    return False


def started(tmp_path: Path, faketree: Path, engine: Engine) -> subprocess.Popen[str]:
    """A run in the middle of a build that takes long."""
    makefile = faketree / "Makefile"
    makefile.write_text(makefile.read_text().split("bzImage:")[0] + SLOW)
    fakematrix.write(tmp_path, faketree)
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "build", "v", "--file", "matrix.yaml"], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HVMATRIX_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert child.stdout
    for line in child.stdout:
        if "build v/m: started" in line:
            break
    deadline = time.monotonic() + 60
    while not begun(engine, child.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert child.poll() is None
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_cleans_up_and_says_130(
    tmp_path: Path, faketree: Path, engine: Engine, number: signal.Signals,
) -> None:  # fmt: skip
    child = started(tmp_path, faketree, engine)
    child.send_signal(number)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 130, out
    assert "Traceback" not in out
    assert left(engine, child.pid) == []
    (record,) = fakematrix.records(tmp_path)
    assert record["status"] == "ERROR"


def test_kill_9_then_the_next_run_cleans_up_and_goes_on(tmp_path: Path, faketree: Path, engine: Engine) -> None:
    child = started(tmp_path, faketree, engine)
    child.kill()
    child.communicate(timeout=30)
    assert left(engine, child.pid)
    (record,) = fakematrix.records(tmp_path)
    assert (record["status"], record["reason"]) == ("ERROR", "not finished")
    assert showing.judge(tmp_path / "results" / "latest") == 69
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 0
    assert left(engine, child.pid) == []
    assert fakematrix.records(tmp_path)[0]["reused"]["resolve"]


def test_an_engine_that_goes_away_in_the_middle(
    tmp_path: Path, faketree: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    makefile = faketree / "Makefile"
    makefile.write_text(makefile.read_text().split("bzImage:")[0] + SLOW)
    fakematrix.write(tmp_path, faketree)
    door = Door(tmp_path / "door.sock", os.environ["DOCKER_HOST"].removeprefix("unix://"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/door.sock")

    def slam() -> None:
        deadline = time.monotonic() + 60
        while not left(engine, os.getpid()) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        door.slam()

    threading.Thread(target=slam, daemon=True).start()
    assert run.run(fakematrix.options(tmp_path)) == 69
    (record,) = fakematrix.records(tmp_path)
    assert record["status"] == "ERROR"
    assert "the container engine failed" in record["reason"]
    for one in left(engine, os.getpid()):
        engine.client.containers.get(one).remove(force=True)


def test_results_that_cannot_be_written(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree)
    (tmp_path / "results").write_text("a file where the folder must be")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "build", "v", "--file", "matrix.yaml"], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HVMATRIX_CACHE": str(tmp_path / "cache")},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 69
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_container_that_is_killed_in_a_build(tmp_path: Path, faketree: Path, engine: Engine) -> None:
    child = started(tmp_path, faketree, engine)
    for one in left(engine, child.pid):
        engine.client.containers.get(one).kill()
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 69, out
    assert "Traceback" not in out
    (record,) = fakematrix.records(tmp_path)
    assert (record["status"], record["outcome"]) == ("ERROR", "unknown")
    assert left(engine, child.pid) == []
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 0


@pytest.mark.usefixtures("engine", "trees")
@pytest.mark.parametrize("damage", [b"", b"{", b"null", b"[" * 100_000, b'{"final": 5}'])
def test_a_cache_that_is_damaged_is_made_again(tmp_path: Path, faketree: Path, damage: bytes) -> None:
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 0
    before = fakematrix.records(tmp_path)[0]
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_bytes(damage)
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 0
    after = fakematrix.records(tmp_path)[0]
    assert not after["reused"]["resolve"]
    assert [before[key] for key in ("outcome", "class", "resolved")] == [
        after[key] for key in ("outcome", "class", "resolved")
    ]


def two(folder: Path, *words: str) -> list[subprocess.Popen[str]]:
    """The same command twice at once, on one cache."""
    argv = [sys.executable, "-m", "pipeline.cli", *words, "--file", "matrix.yaml", "--plain"]
    return [
        subprocess.Popen(
            argv, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "HVMATRIX_CACHE": str(folder / "cache")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip


def test_two_runs_at_once_on_one_cache(tmp_path: Path, faketree: Path, engine: Engine) -> None:
    fakematrix.write(tmp_path, faketree)
    both = two(tmp_path, "resolve")
    outs = [child.communicate(timeout=100)[0] for child in both]
    assert [child.returncode for child in both] == [0, 0], outs
    runs = [path for path in (tmp_path / "results").iterdir() if not path.is_symlink()]
    assert [showing.judge(path) for path in runs] == [0, 0]
    assert [one for child in both for one in left(engine, child.pid)] == []


def test_two_runs_that_build_the_same_kernel_build_it_once(tmp_path: Path, engine: Engine) -> None:
    tree = tinykernel.write(tmp_path / "tree")
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("all bzImage:\n", "all bzImage:\n\t@sleep 8\n"))
    fakematrix.write(tmp_path, tree)
    both = two(tmp_path, "matrix", "--through", "build")
    outs = [child.communicate(timeout=200)[0] for child in both]
    (first,) = [out for out in outs if "from nothing" in out]
    (second,) = [out for out in outs if out != first]
    assert "another command builds this kernel, waiting for it" in second
    assert "which another command has just built" in second
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("2*/cells/**/record.json")]
    assert len(records) == 2
    assert records[0]["artifacts"] == records[1]["artifacts"] != {}
    assert list((tmp_path / "cache" / "turns").iterdir()) == []
    assert [one for child in both for one in left(engine, child.pid)] == []


def test_a_policy_that_wrote_where_no_room_was_left_did_not_end_well(engine: Engine, toolchain: str) -> None:
    """Conf does not look whether its .config arrived (confdata.c, conf_write); what ran it does."""
    with engine.container(toolchain, limits=Limits(seconds=60)) as box:
        for limit, status in (("unlimited", 0), ("64", 1)):
            done = box.run(["sh", "-c", f"mkdir -p /tmp/x; ulimit -f {limit}; run-policy /tmp/x none true"])
            assert done.exit_status == status, done.log
