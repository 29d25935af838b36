"""Leases: what a running command uses is nobody's to remove, and what a killed one used is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import leases, process
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
HOLDING = """\
import sys
from pathlib import Path
from pipeline import leases
with leases.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(cache: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lease until a line comes."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(cache)], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def kernel(cache: Path, name: str = "abc", age: float = 3600) -> Path:
    folder = cache / "kernels" / name
    folder.mkdir(parents=True)
    (folder / "bzImage").write_bytes(b"x")
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_nobody_computes(tmp_path: Path) -> None:
    assert leases.since(tmp_path) is None
    assert leases.owners(tmp_path) == set()


def test_a_lease_is_there_as_long_as_it_is_held(tmp_path: Path) -> None:
    with leases.held(tmp_path):
        assert leases.since(tmp_path) == pytest.approx(time.time(), abs=5)
        assert leases.since(tmp_path, own=False) is None
        assert leases.owners(tmp_path) == {process.identity()}
    assert leases.since(tmp_path) is None
    assert [path.name for path in (tmp_path / "leases").iterdir()] == [".lock"]


def test_the_oldest_counts(tmp_path: Path) -> None:
    with holder(tmp_path):
        first = leases.since(tmp_path)
        time.sleep(0.02)
        with leases.held(tmp_path), leases.held(tmp_path):
            assert leases.since(tmp_path) == leases.since(tmp_path, own=False) == first
            assert len(leases.owners(tmp_path)) == 2


def test_a_lease_ends_with_an_error_as_well(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="enough"), leases.held(tmp_path):
        raise ValueError("enough")
    assert leases.since(tmp_path) is None


def test_a_killed_process_protects_nothing(tmp_path: Path) -> None:
    folder = kernel(tmp_path)
    with holder(tmp_path) as child:
        leases.used(folder)
        assert leases.take(tmp_path, folder) is None
        child.kill()
        child.wait()
        assert leases.since(tmp_path) is None
        assert leases.take(tmp_path, folder) is not None
    assert [path.name for path in (tmp_path / "leases").iterdir()] == [".lock"]


def test_who_holds_a_lease_is_not_told_by_its_pid(tmp_path: Path) -> None:
    """A process in another container has a number that means nothing here, and its name another host."""
    with holder(tmp_path):
        (path,) = (tmp_path / "leases").glob("[!.]*")
        path.write_text("elsewhere:1:2:3:4")
        assert leases.since(tmp_path) is not None
    path.write_text(process.identity())  # alive, but holds no lock
    assert leases.since(tmp_path) is None


def test_a_file_system_without_locks_goes_by_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_handle: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    (tmp_path / "leases").mkdir()
    (tmp_path / "leases" / "one").write_text(process.identity())
    assert leases.since(tmp_path) is not None
    (tmp_path / "leases" / "one").write_text(process.identity().rpartition(":")[0] + ":1")
    assert leases.since(tmp_path) is None
    with leases.held(tmp_path):
        assert leases.since(tmp_path) is not None


def test_what_was_used_since_stays_and_what_was_not_goes(tmp_path: Path) -> None:
    old, now = kernel(tmp_path, "old"), kernel(tmp_path, "now")
    with leases.held(tmp_path):
        assert leases.used(now)
        assert leases.take(tmp_path, now) is None
        assert (now / "bzImage").read_bytes() == b"x"
        aside = leases.take(tmp_path, old)
        assert aside is not None
        assert not old.exists()
        assert not leases.used(old)
        assert leases.take(tmp_path, now, own=False) is not None


def test_what_was_used_before_it_began_goes(tmp_path: Path) -> None:
    folder = kernel(tmp_path)
    leases.used(folder)
    time.sleep(0.02)
    with leases.held(tmp_path):
        assert leases.take(tmp_path, folder) is not None


def test_what_is_not_there_is_neither_used_nor_taken(tmp_path: Path) -> None:
    assert not leases.used(tmp_path / "none")
    assert leases.take(tmp_path, tmp_path / "none") is None


def test_what_was_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    folder = kernel(tmp_path)
    aside = leases.take(tmp_path, folder)
    assert aside is not None
    kernel(tmp_path)
    leases.put_back(aside, folder)
    assert aside.exists()
    leases.take(tmp_path, folder)
    leases.put_back(aside, folder)
    assert not aside.exists()
    assert folder.exists()


def test_either_the_use_is_seen_or_nothing_is_found(tmp_path: Path) -> None:
    """Whoever is told that a folder is there has it until the end, however often others try to take it."""
    found, lost, ended = [0], [0], threading.Event()

    def prune() -> None:
        while not ended.is_set():
            for path in (tmp_path / "kernels").glob("[!.]*"):
                leases.take(tmp_path, path)

    folders = [kernel(tmp_path, str(number)) for number in range(200)]
    with leases.held(tmp_path):
        other = threading.Thread(target=prune)
        other.start()
        kept = [folder for folder in folders if leases.used(folder)]
        ended.set()
        other.join()
        found[0], lost[0] = len(kept), sum(not folder.exists() for folder in kept)
    assert lost == [0]
    assert found[0] <= 200


def test_nobody_begins_while_all_is_removed(tmp_path: Path) -> None:
    begun = threading.Event()

    def begin() -> None:
        with leases.held(tmp_path):
            begun.set()

    with leases.starting(tmp_path):
        other = threading.Thread(target=begin)
        other.start()
        assert not begun.wait(0.2)
    assert begun.wait(10)
    other.join()


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("in the way")
    with pytest.raises(HostError, match="cannot write"), leases.held(tmp_path):
        pass


def test_what_is_used_after_the_clock_was_set_back_stays(tmp_path: Path) -> None:
    path = tmp_path / "kernels" / "k"
    path.mkdir(parents=True)
    with leases.held(tmp_path):
        tomorrow = time.time() + 86400  # as it was when the lease began
        for lease in leases._own:
            os.utime(lease, (tomorrow, tomorrow))
        assert leases.used(path)
        assert leases.take(tmp_path, path) is None
