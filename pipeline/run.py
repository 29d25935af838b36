"""The main job from top to bottom: cells, sources, resolve, build, artifact, boot, judge, table.

The table of contents of the project. Each stage is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import (
    asking,
    boots,
    bootstrap,
    building,
    fleet,
    foreseeing,
    gate,
    host,
    images,
    overlap,
    progress,
    replay,
    reporting,
    room,
    sbom,
    seal,
    session,
    settling,
    showing,
    slimming,
    space,
    stages,
    store,
    table,
    tools,
)
from pipeline.errors import HostError, PipelineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.fleet import Remote
    from pipeline.model import Matrix
    from pipeline.progress import View
    from pipeline.record import State
    from pipeline.stages import Bench

THROUGH = ("resolve", "build", "boot")
ACCELERATORS = ("auto", "kvm", "nested")
INTERRUPTED = 130


class UnsupportedError(HostError):
    """The accelerator that was asked for does not exist here: cells are skipped, neither passed nor failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags of `./inv matrix`; `explain` is a glob over options, or showing.INTENT for those of the intent.

    `fail_on` are the outcomes and statuses that end with 1 (gate.words); `json` prints the records instead of a table.
    `command` is what was typed, where a run is not one of a matrix.yaml. `remote` is the compiler cache of a fleet; to
    make Options raises UserError when the environment names a wrong one.
    """

    file: Path = Path("matrix.yaml")
    through: str = "boot"
    cells: str = ""
    jobs: int = 0
    plain: bool = False
    fresh: bool = False
    accel: str = "auto"
    explain: str = ""
    fail_on: frozenset[str] = frozenset()
    command: tuple[str, ...] = ()
    json: bool = False
    results: Path = Path("results")
    cache: Path = field(default_factory=bootstrap.cache_folder)
    remote: Remote | None = field(default_factory=fleet.configured)


def run(options: Options) -> int:
    """Do the main job; the exit status.

    Raises UserError for bad input before anything was built, HostError when nothing can be tried at all.
    """
    check(options)
    return of(asking.load(options.file), options)


def of(asked: Matrix, options: Options) -> int:
    """Do the main job on a matrix that was read already; the exit status."""
    states = asking.states(asked, asking.select(asked, options.cells))
    controls = asking.controls(asked) if options.through == "boot" else []
    for state in (*states, *controls):
        state.typed = options.command or _typed(options, state.cell.name)
    room.check(room.places(options.cache, options.results), room.Work())
    folder = store.new_run(options.results)
    note: dict[str, Any] = {"matrix": str(options.file), "digest": asked.digest, "through": options.through}
    note |= {"exit_status": None, **({"command": list(options.command)} if options.command else {})}
    with progress.view(plain=options.plain or options.json, aside=options.json) as view:
        view.say(f"{len(states)} cells and {len(controls)} controls through {options.through}; results in {folder}")
        store.write_run(folder, states, controls, note)
        homes = _homes(folder, states, controls)
        try:
            _stages(options, view, homes, folder)
        except KeyboardInterrupt:
            note["exit_status"] = INTERRUPTED
            for state, home in homes:
                if not (home / seal.RECORD).exists():  # nothing can be judged without it
                    store.write_cell(home, state, options.through)
        except HostError as error:
            _blame(options, homes, error)
        except UserError as error:
            _blame(options, homes, error)
            store.write_run(folder, states, controls, {**note, "exit_status": error.exit_status})
            raise
    return _finish(folder, states, controls, note, options)


def _typed(options: Options, cell: str) -> tuple[str, ...]:
    """The command that does one cell again."""
    stage = ("--through", options.through) if options.through != THROUGH[-1] else ()
    return ("./inv", "matrix", *asking.filed(options.file), *stage, "--cells", cell)


def _homes(folder: Path, states: Sequence[State], controls: Sequence[State]) -> list[tuple[State, Path]]:
    """Each state with its folder."""
    cells = [(state, folder / "cells" / state.cell.name) for state in states]
    return cells + [(state, folder / "controls" / state.cell.name) for state in controls]


def _blame(options: Options, homes: Sequence[tuple[State, Path]], error: PipelineError) -> None:
    """Note in every cell that could still go on why it did not."""
    for state, home in homes:
        if state.going and state.reached != options.through:
            state.error = str(error)
            store.write_cell(home, state, options.through)


def check(options: Options) -> None:
    """Raise UserError for a stage, an accelerator or a number of jobs that is none."""
    if options.through not in THROUGH:
        raise UserError(f"--through {options.through}: no such stage", hint=f"one of {', '.join(THROUGH)}")
    if options.accel not in ACCELERATORS:
        raise UserError(f"--accel {options.accel}: no such accelerator", hint=f"one of {', '.join(ACCELERATORS)}")
    if options.jobs < 0:
        raise UserError(f"--jobs {options.jobs}: not a number of jobs", hint="a number from 1, or 0 for one a core")


def _stages(options: Options, view: View, homes: Sequence[tuple[State, Path]], folder: Path) -> None:
    """The stages in order; records are written after each."""
    everyone = [state for state, _ in homes]
    folders = {id(state): home for state, home in homes}
    for state, home in homes:
        store.write_cell(home, state, options.through)
    with session.session(view, options.cache) as engine:
        known = foreseeing.trees(everyone, options.cache)
        room.use(known, options.cache)
        places = room.places(options.cache, options.results, engine.root())
        room.make(engine, places, room.work(known, options.cache), view.say)
        bench = stages.bench(
            engine, view, options, folder_of=lambda state: folders[id(state)],
            keep=lambda state: store.write_cell(folders[id(state)], state, options.through),
        )  # fmt: skip
        stages.configs(bench, everyone)
        stages.sources(bench, everyone)
        compilers = sorted({state.cell.toolchain for state in everyone})
        sbom.keep(engine, folder, [images.toolchain(engine, name, view.say) for name in compilers])
        stages.resolutions(bench, everyone)
        if options.through == "resolve":
            return
        slimming.slims(bench, everyone)
        settling.kernels(bench, everyone, tools.toolchains(bench, everyone))
        _made(bench, everyone, options, folder)


def _made(bench: Bench, everyone: Sequence[State], options: Options, folder: Path) -> None:
    """Build what is missing, and boot each kernel as soon as it is there."""
    planned = building.plan(bench, everyone)
    tasks = building.tasks(bench, planned)
    unsupported = ""
    if options.through == "boot":
        try:
            place = tools.place(bench, everyone, accelerator(options, bench.view))
            used = [make(bench.engine, bench.view.say) for make in (images.host, images.guest)]
            sbom.keep(bench.engine, folder, used)
        except UnsupportedError as error:
            unsupported = str(error)
        else:
            tasks += boots.tasks(bench, everyone, place, building=bool(planned.steps), after=building.task_name)
    if planned.steps:
        bench.view.expect("build", [step.seconds for step in planned.steps])
    overlap.run(tasks, bench.engine.remove_live)
    if planned.steps and bench.fleet:
        bench.view.say(bench.fleet.summary())
    if planned.steps:
        space.trim(bench.engine, bench.cache, space.cap(bench.cache), own=False, say=bench.view.say)
    if unsupported:
        skipped(everyone, unsupported, bench.keep)


def skipped(states: Sequence[State], why: str, keep: Callable[[State], None]) -> None:
    """Skip what could still be booted, and every control; what failed before stays as it is."""
    for state in states:
        if state.control or state.going:
            state.skip = why
            keep(state)


def accelerator(options: Options, view: View) -> str:
    """The accelerator to boot with. Raises UnsupportedError when the one asked for cannot be had."""
    probed = host.probe()
    if options.accel == "kvm" and not probed.usable:
        raise UnsupportedError(f"--accel kvm: {probed.reason}", hint="--accel nested works without hardware")
    chosen = "kvm" if options.accel != "nested" and probed.usable else "nested"
    view.say(f"accelerator {chosen} (/dev/kvm: {probed.reason})")
    return chosen


def _finish(
    folder: Path, states: Sequence[State], controls: Sequence[State], note: dict[str, Any], options: Options,
) -> int:  # fmt: skip
    """Judge what was written, show it, and say how it went."""
    judged = replay.judge_run(folder)
    records = store.write_verdicts(folder, judged)
    status = note["exit_status"] or gate.exit_status(records, options.fail_on)
    store.write_run(folder, states, controls, {**note, "void": judged.void, "exit_status": status})
    seal.close(folder)
    if options.json:
        print(reporting.rendered(reporting.read(folder, str(folder)), "json"), end="")  # noqa: T201 - asked for
        return status
    text = f"{table.totals(records)}; {folder} (exit {status})"
    showing.show(records, judged.void, text, options.explain)
    return status
