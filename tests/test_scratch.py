"""Temporary folders: gone after use, and after a kill by the next command; those of others stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import process, scratch
from pipeline.errors import HostError

ROOT = Path(__file__).resolve().parent.parent
KILLED = """
import os, signal
from pipeline import scratch
with scratch.folder() as folder:
    (folder / "file").write_text("left")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_empty_and_then_gone(temporary: Path) -> None:
    with scratch.folder() as folder:
        assert list(folder.iterdir()) == []
        assert temporary in folder.parents
        scratch.sweep()
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_swept(temporary: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert done.returncode == -9
    (left,) = temporary.iterdir()
    assert (left / scratch.FILES / "file").read_text() == "left"
    scratch.sweep()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("owner", [None, "", "another machine:4026531836:x:1:1", "words"])
def test_a_folder_of_nobody_known_stays(temporary: Path, owner: str | None) -> None:
    folder = temporary / f"{scratch.PREFIX}abc"
    folder.mkdir()
    if owner is not None:
        (folder / "owner").write_text(owner)
    scratch.sweep()
    assert folder.is_dir()


def test_a_link_in_the_way_leads_nowhere(temporary: Path) -> None:
    target = temporary / "mine"
    target.mkdir()
    (target / "owner").write_text(f"{process.identity()}0")  # a process that there is not
    (temporary / f"{scratch.PREFIX}abc").symlink_to(target)
    scratch.sweep()
    assert (target / "owner").exists()


def test_no_room_for_a_folder_is_the_hosts_fault(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "nowhere"))
    with pytest.raises(HostError, match="cannot write a folder in"), scratch.folder():
        pass
