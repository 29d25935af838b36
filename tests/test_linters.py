from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SLOPPY = "import os\ndef f(a):\n    return a + 'x'\n"


def lint(*words: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", *words]
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("words", [("ruff", "check", "."), ("mypy",)], ids=["ruff", "mypy"])
def test_linters_have_nothing_to_say(words: tuple[str, ...]) -> None:
    status, output = lint(*words)
    assert status == 0, output


def test_ruff_says_no(tmp_path: Path) -> None:
    (tmp_path / "sloppy.py").write_text(SLOPPY)
    status, output = lint("ruff", "check", "--no-cache", "--config", "pyproject.toml", str(tmp_path / "sloppy.py"))
    assert status == 1
    assert {"F401", "ANN001", "D103"} <= set(output.replace(":", " ").split())


def test_mypy_says_no(tmp_path: Path) -> None:
    (tmp_path / "sloppy.py").write_text(SLOPPY)
    status, output = lint("mypy", "--cache-dir", str(tmp_path), str(tmp_path / "sloppy.py"))
    assert status == 1
    assert "no-untyped-def" in output
