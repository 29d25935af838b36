"""Remembers how long things took here, so that the next run can say how long they will take.

Seconds by name in one small file; a missing or damaged one means the defaults.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pipeline import atomic

if TYPE_CHECKING:
    from pathlib import Path

# Seconds on two cores, measured with the default matrix.
DEFAULTS = {"tree": 60.0, "resolve": 6.0, "build": 230.0, "boot": 20.0}
_lock = threading.Lock()


def about(cache: Path, kind: str, name: str) -> float:
    """The seconds that a piece of work may take: as last time, or as others of its kind."""
    known = _known(cache)
    value = known.get(f"{kind}:{name}") or known.get(kind)
    return float(value) if isinstance(value, int | float) else DEFAULTS[kind]


def took(cache: Path, kind: str, name: str, seconds: float) -> None:
    """Remember how long a piece of work took."""
    with _lock:
        known = _known(cache)
        known[f"{kind}:{name}"] = known[kind] = round(seconds, 1)
        atomic.write_json(cache / "timings.json", known)


def _known(cache: Path) -> dict[str, Any]:
    found = atomic.read_json(cache / "timings.json")
    return found if isinstance(found, dict) else {}
