"""`bench`: measures the pipeline against what it stands on, in one run on one machine, and keeps every sample.

Never a test: a figure depends on the machine, and the machine is written beside it.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pipeline import atomic, benchbuild, benchplan, benchresolve, host, showing
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.run import Options

FOLDER = Path("docs/bench")
BENCHES: dict[str, Callable[[Options, int], dict[str, Any]]] = {
    "build": benchbuild.measure, "plan": benchplan.measure, "resolve": benchresolve.measure,
}  # fmt: skip


def bench(name: str, options: Options, rounds: int) -> int:
    """Run a benchmark, print its table, and write docs/bench/NAME.json. Raises UserError for one that is none."""
    if name not in BENCHES:
        raise UserError(f"bench {name}: no such benchmark", hint=f"one of {', '.join(BENCHES)}")
    if rounds < 1:
        raise UserError(f"--rounds {rounds}: not a number of rounds", hint="a number from 1")
    found = BENCHES[name](options, rounds)
    note = {"bench": name, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), **found}
    note["ratios"] = ratios(found["samples"], found["against"])
    atomic.write_json(FOLDER / f"{name}.json", note)
    console = Console()
    for row in table(note):
        console.print(row, markup=False, highlight=False, soft_wrap=True)
    return showing.PASSED


def ratios(samples: Mapping[str, Sequence[float]], against: str) -> dict[str, float]:
    """Each series' median over that of the one it is measured against."""
    base = median(samples[against])
    return {name: round(median(values) / base, 2) for name, values in samples.items()}


def table(note: Mapping[str, Any]) -> list[str]:
    """A benchmark's result as lines: seconds (median, minimum, maximum) and the ratio."""
    rows = [f"{note['bench']} on {note['machine']}, {note['date']}"]
    rows += [f"{key}: {value}" for key, value in note["facts"].items()]
    for name, values in note["samples"].items():
        spread = f"{median(values):8.1f} s (min {min(values):.1f}, max {max(values):.1f}, {len(values)} runs)"
        rows.append(f"{name:28} {spread} {note['ratios'][name]:6.2f} x {note['against']}")
    return rows


def machine() -> str:
    """The machine that a figure is of."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "CPU")
    total, _ = host.memory_bytes()
    return f"{host.cores()} x {model}, {total / 2**30:.0f} GiB, Linux {platform.release()}"
