"""The boot stage over all cells: what was booted before, what must be booted now, and what is worth keeping.

It never judges a cell; it keeps no boot that contradicts its .config, so that such a one is always tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import atomic, boot, build, estimates, hyperv, kmod, observe, slots, stages
from pipeline.errors import HostError
from pipeline.model import Ladder
from pipeline.overlap import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline.model import Machine
    from pipeline.record import State
    from pipeline.stages import Bench
    from pipeline.values import BootRun, Kernel


def groups(states: Sequence[State]) -> list[list[State]]:
    """The cells that share a boot: one kernel on one machine."""
    wanted = [state for state in stages.going(states) if state.kernel]
    return stages.grouped(wanted, lambda state: (state.kernel and state.kernel.key, state.cell.machine))


def tasks(
    bench: Bench, states: Sequence[State], host: boot.Host, *, building: bool, after: Callable[[str], str],
) -> list[Task]:  # fmt: skip
    """A piece of work a boot; `after` names what makes the kernel of a key.

    Controls are booted live as soon as anything is: what they prove is that this host shows the truth now. While
    kernels are built that is certain; else they wait to see whether anything else was booted.
    """
    live: list[str] = ["kernels are built"] if building else []
    plain: list[Task] = []
    controls: list[Task] = []
    for number, group in enumerate(groups(states)):
        kernel = group[0].kernel
        if kernel is None:
            continue
        control = any(state.control for state in group)

        def start(group: list[State] = group, *, control: bool = control) -> None:
            stages.guarded(bench, group, lambda cells: _start(bench, cells, host, live, control=control))

        task = Task(f"boot {number}", (after(kernel.key),), start)
        (controls if control else plain).append(task)
    if not building:
        names = tuple(task.name for task in plain)
        controls = [Task(task.name, (*task.after, *names), task.do) for task in controls]
    return [*controls, *plain]


def _start(bench: Bench, group: list[State], host: boot.Host, live: list[str], *, control: bool) -> None:
    for state in stages.going(group):
        state.skip = hyperv.unseen(build.options(state.kernel)) if state.kernel else ""
    going = stages.going(group)
    if not going:
        return
    kept = _kept(bench, host, going[0])
    there = boot.known(kept)
    there = there if there and _worth_keeping(there, going[0]) else None  # of one that is damaged now, nobody can say
    run = None if bench.fresh or (control and live) else there
    if run is None:
        live.append(going[0].cell.name)
        run = _boot(bench, host, going[0])
        if there is None and _worth_keeping(run, going[0]):  # a good one stays: others may be copying it
            boot.keep(run, kept)
    for state in going:
        state.boot = run
        state.seconds["boot"] = 0.0 if run.reused else round(run.seconds / len(going), 2)
        if not run.reused:
            state.spans["boot"] = stages.span(run.seconds)


def _kept(bench: Bench, host: boot.Host, state: State) -> Path:
    """Where the boot of a kernel on a machine is kept."""
    if state.artifact is None:
        raise HostError(f"{state.cell.name} has no kernel to boot")
    modules = kmod.closure(hyperv.LOADED, state.artifact.modules)
    return bench.cache / "boots" / boot.key(host, state.artifact, modules, state.cell.machine)


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
    memory = boot.LIMITS[host.accelerator] + cell.machine.memory
    with (
        bench.slots.held(memory=memory, urgency=slots.LATER),
        bench.view.work(f"boot {name}", estimates.about(bench.cache, "boot", host.accelerator)) as work,
    ):
        dies = state.kernel is not None and _dies(state.kernel, cell.machine)
        run = boot.boot(host, state.artifact, cell.machine, folder, aloud=dies, line=work)
        work.note = f"{host.accelerator}, {run.ending}{', a second time, aloud' if run.repeated else ''}"
        work.failed = "" if _worth_keeping(run, state) else f"{work.note}, and no proof of what its .config promises"
    estimates.took(bench.cache, "boot", host.accelerator, run.seconds)
    return run


def _dies(kernel: Kernel, machine: Machine) -> bool:
    """Whether its .config says that a kernel gives no proof: then every word of it is wanted."""
    return hyperv.promised(build.options(kernel), machine) is Ladder.NONE
