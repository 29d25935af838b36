"""Samples of `bench build` as they come: what a piece of work spent, kept at once so that a killed run goes on.

Never judges or adds up; benchsums.py does.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import atomic
from pipeline.benchsums import Sample, Spent

if TYPE_CHECKING:
    from collections.abc import Callable

# proc_stat(5): user, nice, system, idle, iowait, irq, softirq; guests are in user, and what is stolen is not ours
BUSY = (0, 1, 2, 5, 6)


def busy_seconds(text: str, ticks: int) -> float:
    """The processor seconds that a machine has spent since it started, by the text of its /proc/stat.

    `ticks` is how many of its units a second has.
    """
    fields = text.split("\n", 1)[0].split()[1:]
    return sum(int(fields[number]) for number in BUSY) / ticks


def _busy() -> float:
    return busy_seconds(Path("/proc/stat").read_text(encoding="ascii"), os.sysconf("SC_CLK_TCK"))


class Meter:
    """Counts from when it is made: seconds on the clock and of all of this machine's processors."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), _busy()

    def read(self, *, inside: float | None = None, core: float | None = None) -> Spent:
        """What was spent up to now; `inside` and `core` are as in Spent."""
        wall, cpu = time.monotonic() - self._wall, _busy() - self._cpu
        return Spent(wall=round(wall, 2), cpu=round(cpu, 2), inside=inside, core=core)


class Ledger:
    """The samples of one measurement in a file; of another measurement's file nothing is taken over.

    `identity` is a digest of all that makes one measurement differ from another, and `continued` whether there was
    anything to take over.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity
        self.samples: list[Sample] = []
        note: Any = atomic.read_json(path)
        try:
            if note["identity"] == identity:
                self.samples = [Sample(**{**one, "spent": Spent(**one["spent"])}) for one in note["samples"]]
        except (KeyError, TypeError):
            self.samples = []
        self.continued = bool(self.samples)

    def known(self, series: str, number: int, name: str) -> bool:
        """Whether a piece of a series was measured in a round."""
        return any((one.series, one.round, one.name) == (series, number, name) for one in self.samples)

    def add(self, *samples: Sample) -> None:
        """Keep samples, all or none."""
        self.samples.extend(samples)
        note = {"identity": self.identity, "samples": [asdict(sample) for sample in self.samples]}
        atomic.write_json(self.path, note)

    def of(self, series: str, number: int) -> list[Sample]:
        """The samples of a series in a round."""
        return [one for one in self.samples if (one.series, one.round) == (series, number)]

    def close(self) -> None:
        """Put the file aside, where nobody goes on with it: hours of work, should the result get lost."""
        if self.path.exists():
            self.path.replace(self.path.with_suffix(".last"))


def timed(do: Callable[[], int]) -> tuple[Spent, int]:
    """What a piece of work spent, and what it returned."""
    meter = Meter()
    found = do()
    return meter.read(), found
