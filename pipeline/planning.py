"""Says what a run would do, what is there already and how long the rest may take; does nothing.

What is not resolved yet cannot be known to be built, and is said to be unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import atomic, estimates, images, matrix
from pipeline.policy import POLICIES

if TYPE_CHECKING:
    from pipeline.run import Options


def show(options: Options) -> int:
    """Print cells, trees, kernels and an estimate; 0. Raises UserError for a bad matrix."""
    asked = matrix.load(options.file, policies=POLICIES, toolchains=images.toolchains())
    cells = matrix.select(asked.cells, options.cells) if options.cells else asked.cells
    console = Console()
    variants = list(dict.fromkeys(cell.variant.name for cell in cells))
    pairs = list(dict.fromkeys((cell.variant.name, cell.config.name, cell.policy, cell.toolchain) for cell in cells))
    known = len(list((options.cache / "kernels").glob("[0-9a-f]*/build.json")))
    timings = atomic.read_json(options.cache / "timings.json") or {}
    seconds = sum(estimates.about(options.cache, "tree", name) for name in variants)
    seconds += sum(estimates.about(options.cache, "resolve", "one") for _ in pairs)
    if options.through != "resolve":
        seconds += sum(estimates.about(options.cache, "build", f"{pair[0]}/{pair[1]}") for pair in pairs)
    if options.through == "boot":
        boots = len(cells) + len(asked.controls)
        seconds += boots * estimates.about(options.cache, "boot", "nested") / 2
    rows = [
        f"{len(cells)} cells: {', '.join(cell.name for cell in cells)}",
        f"{len(variants)} trees: {', '.join(variants)}",
        f"at most {len(pairs)} kernels (those that resolve alike are built once); {known} finished ones are kept",
        f"{len(asked.controls)} controls: {', '.join(control.cell.name for control in asked.controls)}",
        f"at most about {seconds / 60:.0f} min from nothing"
        + (", by what this machine took before" if timings else ", by figures of a machine with two cores"),
    ]
    for row in rows:
        console.print(row, markup=False, highlight=False, soft_wrap=True)
    return 0
