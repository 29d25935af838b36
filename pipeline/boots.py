"""The boot stage over all cells: what was booted before, what must be booted now, and what is worth keeping.

It never judges a cell; it keeps no boot that contradicts its .config, so that such a one is always tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import atomic, boot, build, estimates, hyperv, kmod, observe, qemu, stages
from pipeline import host as memory
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.record import State
    from pipeline.stages import Bench
    from pipeline.values import BootRun


@dataclass(slots=True)
class _Job:
    """Cells that share a boot, where it is kept, and the boot that was kept there."""

    group: list[State]
    kept: Path
    known: BootRun | None


def boots(bench: Bench, states: Sequence[State], accelerator: str) -> None:
    """Boot each kernel once on each machine.

    Controls are booted live as soon as anything is: what they prove is that this host shows the truth now.
    """
    _skip_unseen(bench, states)
    host = boot.prepare(bench.engine, accelerator, bench.view.say)
    groups = stages.grouped(
        stages.going(states), lambda state: (state.kernel.key if state.kernel else "", state.cell.machine),
    )  # fmt: skip
    jobs = {id(group): _job(bench, host, group) for group in groups}
    if any(job.known is None for job in jobs.values()):
        for job in jobs.values():
            if any(state.control for state in job.group):
                job.known = None
    missing = sum(job.known is None for job in jobs.values())
    seconds = estimates.about(bench.cache, "boot", accelerator) * missing / min(bench.jobs, 2)
    bench.view.say(f"{len(jobs)} boots, {len(jobs) - missing} known before; about {seconds:.0f} s")

    def start(group: list[State]) -> None:
        job = jobs[id(group)]
        run = job.known or _boot(bench, host, group[0])
        if job.known is None and _worth_keeping(run, group[0]):
            boot.keep(run, job.kept)
        for state in group:
            state.boot = run
            state.seconds["boot"] = 0.0 if run.reused else round(run.seconds / len(group), 2)

    room = int(memory.memory_bytes()[1] / 2**20 / (boot.LIMITS[accelerator] + 512))
    stages.each(bench, groups, start, max(1, min(bench.jobs, room)))


def _skip_unseen(bench: Bench, states: Sequence[State]) -> None:
    for state in stages.going(states):
        state.skip = hyperv.unseen(build.options(state.kernel)) if state.kernel else ""
        if state.skip:
            bench.keep(state)


def _job(bench: Bench, host: boot.Host, group: list[State]) -> _Job:
    state = group[0]
    if state.artifact is None:
        raise HostError(f"{state.cell.name} has no kernel to boot")
    modules = kmod.closure(hyperv.LOADED, state.artifact.modules)
    key = boot.key(host, state.artifact, modules, state.cell.machine, qemu.CMDLINE)
    kept = bench.cache / "boots" / key
    return _Job(group, kept, None if bench.fresh else boot.known(kept))


def _worth_keeping(run: BootRun, state: State) -> bool:
    """Whether a boot has an intact proof that shows just what its .config promises."""
    if state.kernel is None:
        return False
    options, machine = build.options(state.kernel), state.cell.machine
    logs = [(run.folder / name).read_bytes() for name in ("console.log", "host.log")]
    seen = observe.observe(run, logs[0], logs[1], machine, options)
    doubted = seen.failure_class in observe.DOUBTS
    return seen.complete and not doubted and seen.ladder is hyperv.promised(options, machine)


def _boot(bench: Bench, host: boot.Host, state: State) -> BootRun:
    if state.artifact is None:
        raise HostError(f"{state.cell.name} has no kernel to boot")
    cell, folder = state.cell, bench.folder_of(state)
    name = f"{cell.variant.name}/{cell.config.name} on {cell.machine.name}"
    with atomic.writing(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    with bench.view.work(f"boot {name}", estimates.about(bench.cache, "boot", host.accelerator)) as work:
        run = boot.boot(host, state.artifact, cell.machine, folder, line=work)
        work.note = f"{host.accelerator}, {run.ending}"
    estimates.took(bench.cache, "boot", host.accelerator, run.seconds)
    return run
