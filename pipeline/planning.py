"""Says what a run would do, what is there already and how long the rest may take; does nothing.

What is not resolved yet cannot be known to be built, and is said to be unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import asking, atomic, build, buildplan, estimates, foreseeing, host, objecttrees, room, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Cell, Matrix
    from pipeline.record import State
    from pipeline.run import Options

SHOWN = 12  # of a key, as in a kernel's release string


def show(options: Options) -> int:
    """Print cells, trees, kernels, boots and an estimate of each; 0. Raises UserError for a bad matrix."""
    run.check(options)
    asked = asking.load(options.file)
    cells = asking.select(asked, options.cells)
    states = foreseeing.states(asked, cells, options.cache)
    every = [*states, *_controls(asked, cells, options)]
    console = Console()
    for row in rows(asked, states, every, options):
        console.print(row, markup=False, highlight=False, soft_wrap=True)
    return 0


def _controls(asked: Matrix, cells: Sequence[Cell], options: Options) -> list[State]:
    """The controls that are not among the cells; with an intent of its own, a cell's kernel need not be a control's."""
    if options.through != "boot":
        return []
    found = {one.cell: one for one in asking.controls(asked) if asked.intent or one.cell not in cells}
    return foreseeing.filled(list(found.values()), options.cache)


def rows(asked: Matrix, cells: Sequence[State], states: Sequence[State], options: Options) -> list[str]:
    """What a person wants to know before starting: how many of each, what each costs, and in which order.

    `cells` are those that are asked for, `states` have the controls besides, whose kernels are built too.
    """
    variants = list(dict.fromkeys(state.cell.variant.name for state in states))
    unresolved = sum(state.resolution is None for state in states)
    each = estimates.about(options.cache, "resolve", "one")
    more = f", {len(states) - len(cells)} more for controls" if len(states) > len(cells) else ""
    found = [f"{len(cells)} cells{more} on {len(variants)} trees ({', '.join(variants)})"]
    known = len(states) - unresolved
    found.append(f"resolve: {known} known before, {unresolved} to do, about {unresolved * each:.0f} s")
    if options.through == "resolve":
        return found
    kernels = {state.kernel.key: state.kernel for state in states if state.kernel}
    names = _names(states)
    unknown = sum(state.going and state.kernel is None for state in states)
    missing = [kernel for kernel in kernels.values() if not build.known(kernel, options.cache)]
    identities = {kernel.toolchain for kernel in missing}
    there = [one for one in objecttrees.noted(options.cache) if one.toolchain in identities]
    steps = buildplan.steps(there, options.cache, missing)
    seconds = sum(step.seconds for step in steps) + _unknown(states, options)
    at_most = "at most " if unknown else ""
    found.append(
        f"build: {at_most}{len(kernels) + unknown} distinct kernels for {len(cells)} cells{more},"
        f" {len(kernels) - len(missing)} known before, about {seconds / 60:.0f} min",
    )
    if options.remote:
        found.append(f"  fleet cache {options.remote}: all may read from it, builds of Debian's own trees write to it")
    found += [f"  {names[step.key]}: {step.why}, about {step.seconds:.0f} s" for step in steps]
    count = _boots(asked, cells) if options.through == "boot" else 0
    found += _booting(asked, count, options) if count else []
    asked_work = room.work(states, options.cache, kernels=len(missing) + unknown, boots=count)
    found.append(room.row(options.cache, asked_work, at_most=bool(unknown)))
    learnt = atomic.read_json(options.cache / "timings.json")
    found.append("seconds are " + ("what this machine took before" if learnt else "of a machine with two cores"))
    return found


def _booting(asked: Matrix, count: int, options: Options) -> list[str]:
    """What is said of so many boots, which are fewer where some were kept."""
    side = options.jobs or host.cores()
    minutes = count * estimates.about(options.cache, "boot", "nested") / side / 60
    number = len(asked.controls)
    head = f"boot: at most {count} ({number} of them controls), {side} at a time, at most {minutes:.0f} min"
    return [head, *(f"control: {control.cell.name} must reach {control.reaches}" for control in asked.controls)]


def _boots(asked: Matrix, cells: Sequence[State]) -> int:
    """How many boots at most: one for each kernel and machine, and the controls."""
    known = {(state.kernel.key, state.cell.machine) for state in cells if state.kernel}
    there = {state.cell for state in cells if not asked.intent}
    more = sum(one.cell not in there for one in asked.controls)
    return len(known) + sum(state.going and state.kernel is None for state in cells) + more


def _unknown(states: Sequence[State], options: Options) -> float:
    """Seconds of the kernels that are not known yet: a tree's first from nothing, the others in its objects."""
    unknown = [state for state in states if state.going and state.kernel is None]
    first = {state.cell.variant.source for state in unknown}
    more = estimates.rates(options.cache).of(estimates.STEP)
    return len(first) * estimates.from_nothing(options.cache) + (len(unknown) - len(first)) * more


def _names(states: Sequence[State]) -> dict[str, str]:
    """The first cell of each kernel, and the start of its key."""
    found: dict[str, str] = {}
    for state in states:
        if state.kernel:
            found.setdefault(state.kernel.key, f"{state.cell.name.rpartition('/')[0]} ({state.kernel.key[:SHOWN]})")
    return found
