"""Remembers how long things took here, so that the next run can say how long they will take.

Seconds by name in one small file; a missing or damaged one means the defaults.
"""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline import atomic
from pipeline.spanning import Rates

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.values import Build

# Seconds on two cores, measured with the default matrix.
OBJECTS = 1444  # of a build from nothing of a small config
STEP = 200  # of an increment, as a mean over the default matrix
DEFAULTS = {"tree": 60.0, "resolve": 6.0, "boot": 20.0}
LEARN = 0.3  # how far one build moves the pace
FAR = 100.0  # no machine is so much slower or quicker; a damaged note is
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
    pace = _pace(_known(cache))
    return Rates(**{name: seconds * pace for name, seconds in asdict(Rates()).items()})


def from_nothing(cache: Path) -> float:
    """The seconds of a kernel that nothing is known of yet, built in no other's objects."""
    found = rates(cache)
    return found.full + found.each * OBJECTS


def built(cache: Path, made: Build, share: float) -> None:
    """Learn from a finished build, which had a share of this machine: the pace moves a little towards what was seen.

    One number and not one for each rate: how an increment compares with a build from nothing is the kernel's, and a
    plan follows from it. What other work on the machine does to a few builds must not make a worse plan of it.
    """
    usual = Rates()
    expected = (usual.increment if made.start else usual.full) + usual.each * made.compiled
    with _lock:
        known = _known(cache)
        pace = _pace(known)
        pace += LEARN * (made.seconds * share / expected - pace)
        atomic.write_json(cache / "timings.json", {**known, "pace": round(pace, 4)})


def _pace(known: dict[str, Any]) -> float:
    """How many times as long as usual a build takes here; 1 where nothing that can be was learnt."""
    value = known.get("pace")
    return float(value) if isinstance(value, int | float) and 1 / FAR <= value <= FAR else 1.0
