"""Remembers how long things took here, so that the next run can say how long they will take.

Seconds by name in one small file; a missing or damaged one means the defaults.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pipeline import atomic
from pipeline.spanning import Rates

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.values import Build

# Seconds on two cores, measured with the default matrix.
DEFAULTS = {"tree": 60.0, "resolve": 6.0, "boot": 20.0}
LEARN = 0.3  # how far one build moves a rate
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


def rates(cache: Path) -> Rates:
    """What a build costs here: what it takes whatever it compiles, and for each object."""
    known: Any = _known(cache).get("rates")
    try:
        return Rates(**{name: float(known[name]) for name in ("full", "increment", "each")})
    except (KeyError, TypeError, ValueError):
        return Rates()


def built(cache: Path, made: Build) -> None:
    """Learn from a finished build: each one moves the rates a little towards what was seen."""
    with _lock:
        before = rates(cache)
        if made.start:
            increment = before.increment + LEARN * (made.seconds - before.each * made.compiled - before.increment)
            after = replace(before, increment=max(1.0, increment))
        else:
            each = before.each + LEARN * ((made.seconds - before.full) / max(1, made.compiled) - before.each)
            after = replace(before, each=max(0.01, each))
        note = {name: round(value, 4) for name, value in asdict(after).items()}
        atomic.write_json(cache / "timings.json", {**_known(cache), "rates": note})
