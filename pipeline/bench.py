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

from pipeline import (
    atomic,
    benchboot,
    benchbuild,
    benchpage,
    benchplan,
    benchplot,
    benchreport,
    benchresolve,
    benchsoak,
    host,
    run,
    showing,
)
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.run import Options

FOLDER = Path("docs/bench")
BENCHES: dict[str, Callable[[Options, int], dict[str, Any]]] = {
    "boot": benchboot.measure, "plan": benchplan.measure, "report": benchreport.measure,
    "resolve": benchresolve.measure, "soak": benchsoak.measure,
}  # fmt: skip
SAMPLED = {"build": benchbuild.measure}  # those that can measure a part and estimate the rest
PAGES = {"build": {".md": benchpage.page, ".svg": benchplot.plot}}


def bench(name: str, options: Options, rounds: int, sample: int = 1) -> int:
    """Run a benchmark, print its table, and write docs/bench/NAME.json, with a page and a plot where it has them.

    With `sample` N it measures every Nth piece and estimates the others. Raises UserError for a name or a number that
    is none, or for a benchmark that estimates nothing.
    """
    if name not in {*BENCHES, *SAMPLED}:
        raise UserError(f"bench {name}: no such benchmark", hint=f"one of {', '.join([*BENCHES, *SAMPLED])}")
    if rounds < 1:
        raise UserError(f"--rounds {rounds}: not a number of rounds", hint="a number from 1")
    if name in BENCHES and sample != 1:
        raise UserError(f"--sample {sample}: bench {name} measures everything", hint="leave it out")
    run.check(options)
    found = BENCHES[name](options, rounds) if name in BENCHES else SAMPLED[name](options, rounds, sample)
    note = {"bench": name, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), **found}
    if "ratios" not in note:
        note["ratios"] = ratios(found["samples"], found["against"])
    atomic.write_json(FOLDER / f"{name}.json", note)
    for suffix, page in PAGES.get(name, {}).items():
        atomic.write(FOLDER / f"{name}{suffix}", page(note))
    console = Console()
    for row in benchpage.page(note).splitlines() if name in PAGES else table(note):
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
