"""The resolve stage against the tree's own conf alone on the same inputs, in one run.

conf alone is run once an input, as --olddefconfig, without make, without scripts and without a word of explanation.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline import archive, asking, host, progress, scratch, session, stages, treestore
from pipeline.container import Limits
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.record import State
    from pipeline.run import Options
    from pipeline.stages import Bench

LIMITS = Limits(memory=8192, processes=2048, seconds=7200)
SECONDS = 3600
OURS, FLOOR, SINGLE = "pipeline", "conf alone", "conf alone, one at a time"


def measure(options: Options, rounds: int) -> dict[str, Any]:
    """Seconds of each, one after the other in every round, over all cells of a matrix."""
    asked = asking.load(options.file)
    cells = asking.select(asked, options.cells)
    jobs = options.jobs or host.cores()
    samples: dict[str, list[float]] = {OURS: [], FLOOR: [], SINGLE: []}
    with (
        scratch.folder() as folder,
        progress.view(plain=options.plain) as view,
        session.session(view) as engine,
    ):
        bench = stages.bench(engine, view, options, folder_of=lambda _: folder)
        states = asking.states(asked, cells)
        stages.configs(bench, states)
        stages.sources(bench, states)
        for _ in range(rounds):
            samples[FLOOR].append(_alone(bench, states, jobs))
            samples[OURS].append(_ours(bench, states, folder))
            samples[SINGLE].append(_alone(bench, states, 1))
    facts: dict[str, float] = {"cells": len(cells), "inputs": len(_inputs(states)), "jobs": jobs}
    facts["seconds a cell"] = round(median(samples[OURS]) / len(cells), 2)
    return {"facts": facts, "samples": samples, "against": FLOOR}


def _inputs(states: Sequence[State]) -> list[State]:
    """One state of each tree, old config and policy."""
    return [group[0] for group in stages.grouped(states, lambda one: (one.cell.variant, one.old, one.cell.policy))]


def _ours(bench: Bench, states: Sequence[State], folder: Path) -> float:
    """The resolve stage as it is, in an empty cache."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        empty = replace(bench, cache=Path(cache), fresh=True)
        started = time.monotonic()
        stages.resolutions(empty, states)
        seconds = time.monotonic() - started
    failed = next((state.error for state in states if state.error), "")
    if failed:
        raise HostError(f"a cell did not resolve: {failed}")
    return round(seconds, 1)


def _alone(bench: Bench, states: Sequence[State], jobs: int) -> float:
    """Run conf and nothing else; making the folders and building conf is not counted."""
    total = 0.0
    for group in stages.grouped(_inputs(states), lambda one: one.cell.variant):
        tree = group[0].tree
        if tree is None:
            raise HostError(group[0].error or "there is no tree")
        with bench.engine.container(tree.image, limits=LIMITS, volumes=treestore.mounted(tree)) as box:
            box.run(["new-folder"], seconds=SECONDS)
            names = [str(number) for number in range(len(group))]
            for name, state in zip(names, group, strict=True):
                box.run(["mkdir", f"/work/{name}"])
                box.put(f"/work/{name}", archive.pack({".config": state.old.encode()}, owner=1000))
            ready = box.run(["conf-alone", "prepare"], seconds=SECONDS)
            started = time.monotonic()
            done = box.run(["conf-alone", "run", str(jobs), *names], seconds=SECONDS)
            total += time.monotonic() - started
            if ready.exit_status or done.exit_status:
                raise HostError("conf alone failed", details=(ready.log + done.log)[-2000:])
    return round(total, 1)
