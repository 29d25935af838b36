"""Turns: one at a time, whoever ends and however."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import turns
from pipeline.errors import HostError

ROOT = Path(__file__).resolve().parent.parent
HOLD = """\
import sys, time
from pathlib import Path
from pipeline import turns
with turns.tried(Path(sys.argv[1]), "k") as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    assert not turns.taken(tmp_path, "k")
    with turns.tried(tmp_path, "k") as first, turns.tried(tmp_path, "k") as second, turns.tried(tmp_path, "l") as other:
        assert (first, second, other) == (True, False, True)
        assert turns.taken(tmp_path, "k")
    assert not turns.taken(tmp_path, "k")
    assert list((tmp_path / "turns").iterdir()) == []


def test_a_turn_ends_with_what_fails_in_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), turns.tried(tmp_path, "k"):
        raise KeyError
    with turns.tried(tmp_path, "k") as ours:
        assert ours


def test_a_process_that_is_killed_leaves_no_turn(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"True\n"
        assert turns.taken(tmp_path, "k")
        child.kill()
    assert not turns.taken(tmp_path, "k")
    with turns.tried(tmp_path, "k") as ours:
        assert ours


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "turns").write_text("a file")
    with pytest.raises(HostError, match="turns"), turns.tried(tmp_path, "k"):
        pass
