"""The build stage over all cells: each distinct kernel once, in the order that rebuilds least.

It plans, and hands out the work; how one kernel is built is build.py's.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline import artifact, build, buildplan, estimates, objecttrees, room, stages, turns
from pipeline.errors import HostError
from pipeline.overlap import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.objecttrees import ObjectTree
    from pipeline.record import State
    from pipeline.spanning import Step
    from pipeline.stages import Bench
    from pipeline.values import Build, Kernel

MEMORY, MEMORY_EACH = 1024, 512  # MiB of a build, and of each of its compilers; LIMITS of build.py are the most


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be built, parents first, and the cells of each kernel."""

    steps: tuple[Step, ...]
    groups: dict[str, list[State]]


def plan(bench: Bench, states: Sequence[State]) -> Planned:
    """Find the kernels that are there already, give them to their cells, and plan the others."""
    groups = {
        kernel.key: group
        for group in stages.grouped(stages.going(states), lambda state: state.kernel and state.kernel.key)
        if (kernel := group[0].kernel)
    }
    missing: list[Kernel] = []
    for group in groups.values():
        kernel = _kernel(group)
        found = None if bench.fresh else build.known(kernel, bench.cache)
        if found:
            stages.guarded(bench, group, functools.partial(_give, found))
        else:
            missing.append(kernel)
    compilers = [] if bench.fresh else list(dict.fromkeys(kernel.toolchain for kernel in missing))
    kept = [one for name in compilers for one in objecttrees.kept(bench.engine, bench.cache, name)]
    steps = tuple(buildplan.steps(kept, bench.cache, missing))
    _make_room(bench, kept, steps)
    seconds = sum(step.seconds for step in steps)
    text = f"{len(groups)} distinct kernels, {len(groups) - len(missing)} known before"
    bench.view.say(text + (f"; building {len(missing)}: about {seconds / 60:.0f} min" if missing else ""))
    return Planned(steps, groups)


def _make_room(bench: Bench, kept: Sequence[ObjectTree], steps: Sequence[Step]) -> None:
    """See to it that the builds fit on the disk, without what they start from. Raises HostError when they do not."""
    parents = {step.parent for step in steps}
    for one in kept:
        if one.key in parents:
            objecttrees.touch(one)
    if steps:
        places = room.places(bench.cache, bench.cache, bench.engine.root())
        room.make(bench.engine, places, room.Work(kernels=len(steps)), bench.view.say)


def _kernel(group: Sequence[State]) -> Kernel:
    kernel = group[0].kernel
    if kernel is None:
        raise HostError(f"{group[0].cell.name} has no kernel to build")
    return kernel


def _give(found: Build, group: Sequence[State]) -> None:
    """Check a build, and note it in its cells."""
    checked = functools.cache(lambda kernel: artifact.check(replace(found, kernel=kernel)))
    for state in group:
        state.build = found
        state.artifact = checked(_kernel([state])) if found.ok else None  # what its own tree declares is not in the key
        state.seconds["build"] = 0.0 if found.reused else round(found.seconds / len(group), 2)
        if not found.reused:
            state.spans["build"] = stages.span(found.seconds)


def task_name(key: str) -> str:
    """The name of the piece of work that builds a kernel."""
    return f"build {key}"


def tasks(bench: Bench, planned: Planned) -> list[Task]:
    """A piece of work for each kernel that must be built."""
    parents = {step.parent for step in planned.steps}

    def task(step: Step) -> Task:
        group = planned.groups[step.key]
        kept = step.key in parents or _kernel(group).tree.plain is None  # a patched tree's serve no other tree

        def make(cells: list[State]) -> None:
            _give(_build(bench, cells[0], step, keep=kept), cells)

        return Task(task_name(step.key), (task_name(step.parent),), lambda: stages.guarded(bench, group, make))

    return [task(step) for step in planned.steps]


def _start(bench: Bench, kernel: Kernel, step: Step) -> ObjectTree | None:
    """The object tree that was planned; where that kernel did not compile, or it is gone, the nearest there is."""
    found = objecttrees.of(bench.engine, bench.cache, step.parent) if step.parent else None
    if step.parent and found is None and not bench.fresh:
        kept = objecttrees.kept(bench.engine, bench.cache, kernel.toolchain)
        (again,) = buildplan.steps(kept, bench.cache, [kernel])
        found = objecttrees.of(bench.engine, bench.cache, again.parent) if again.parent else None
    return found


def _build(bench: Bench, state: State, step: Step, *, keep: bool) -> Build:
    """Build a kernel; where another command builds it just now, wait for that one."""
    kernel = _kernel([state])
    name = f"build {state.cell.variant.name}/{state.cell.config.name}"
    memory = MEMORY + MEMORY_EACH * bench.jobs
    told = False
    while True:
        with bench.slots.held(bench.jobs, memory=memory) as cpus, turns.tried(bench.cache, kernel.key) as ours:
            found = build.known(kernel, bench.cache) if ours and not bench.fresh else None
            if found:
                with bench.view.work(name, step.seconds) as work:
                    work.note = f"kernel {kernel.key[:12]}, which another command has just built"
                return found
            if ours:
                return _made(bench, state, step, name, cpus, keep=keep)
        if not told:
            bench.view.say(f"{name}: another command builds this kernel, waiting for it")
        told = True
        while turns.taken(bench.cache, kernel.key):  # without a slot, which others can use
            bench.engine.going()
            time.sleep(turns.PAUSE)


def _made(bench: Bench, state: State, step: Step, name: str, cpus: int, *, keep: bool) -> Build:
    kernel = _kernel([state])
    start = _start(bench, kernel, step)
    share = cpus / bench.slots.cpus
    with bench.view.work(name, step.seconds, share) as work:
        made = build.build(
            bench.engine, kernel, bench.cache, bench.folder_of(state), start, jobs=cpus, keep=keep, line=work,
            fleet=bench.fleet,
        )  # fmt: skip
        began = f"from {made.start[:12]}" if made.start else "from nothing"
        work.note = f"kernel {kernel.key[:12]} {began}, {made.compiled} objects"
        work.failed = "" if made.ok else made.reason
    if made.ok:
        estimates.built(bench.cache, made, share)
    return made
