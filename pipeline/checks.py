"""Runs the project's own tests and linters.

Nothing here knows what a kernel is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINTERS = (("ruff", "check", "."), ("mypy",))
NO_TEST = 5


def test(*, only: str, quick: bool) -> int:
    """Run pytest; its exit status, where `no test ran` counts as a failure."""
    argv = [sys.executable, "-m", "pytest", "--durations=10"]
    if only:
        argv += ["-k", only]
    if quick:
        argv += ["-m", "not docker and not boot"]
    status = subprocess.run(argv, cwd=ROOT, check=False).returncode
    return 1 if status == NO_TEST else status


def lint() -> int:
    """Run every linter, all of them even when one complains; 1 when any did."""
    statuses = [subprocess.run([sys.executable, "-m", *argv], cwd=ROOT, check=False).returncode for argv in LINTERS]
    return int(any(statuses))
