"""Builds the kernel of one recorded cell again, from nothing, and compares what comes out with the record.

No object tree, no compiler cache and no finished kernel takes part; nothing of it is kept.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pipeline import (
    asking,
    atomic,
    build,
    compactrun,
    progress,
    scratch,
    seal,
    session,
    settling,
    slimming,
    stages,
    tools,
)
from pipeline.errors import HostError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline.progress import View
    from pipeline.record import State
    from pipeline.run import Options
    from pipeline.values import Kernel

SAID = 200  # objects between two words of how far it is


def differences(place: Path, name: str, options: Options) -> list[str]:
    """What differs between the kernel that a run's cell was recorded with and one built now, a line each.

    The run is in its folder, or packed. Raises UserError when the run or the matrix has no such cell, or its record no
    digests; HostError when it cannot be built here.
    """
    with compactrun.opened(place) if place.is_file() else nullcontext(place) as folder:
        kept = recorded(folder, name)
        control = not (folder / "cells" / name / seal.RECORD).is_file()
    asked = asking.load(options.file)
    states = asking.controls(asked) if control else asking.states(asked, asked.cells)
    states = [one for one in states if one.cell.name == name][:1]
    if not states:
        raise UserError(f"{options.file} has no cell {name}", hint="give the matrix of that run with --file")
    with progress.view(plain=options.plain) as view, session.session(view, options.cache) as engine:
        bench = stages.bench(engine, view, options)
        stages.configs(bench, states)
        stages.sources(bench, states)
        stages.resolutions(bench, states)
        slimming.slims(bench, states)
        settling.kernels(bench, states, tools.toolchains(bench, states))
        kernel = _kernel(states[0])
        if kernel.key != kept["kernel"]:
            return [f"{name}: {text}" for text in _inputs(kept, states[0], kernel)]
        view.say(f"building {name} from nothing, which takes minutes")
        with scratch.folder() as made:
            line = _counted(view)
            found = build.build(engine, kernel, made, made / "failed", jobs=bench.jobs, line=line, scratch=True)
            return [f"{name}: {text}" for text in compared(kept["artifacts"], found)]


def recorded(folder: Path, name: str) -> dict[str, Any]:
    """The record of a cell or control whose kernel has digests. Raises UserError when there is none."""
    places = (folder / kind / name / seal.RECORD for kind in seal.KINDS)
    kept: Any = next((one for place in places if (one := atomic.read_json(place))), None)
    if not isinstance(kept, dict):
        raise UserError(f"{folder}: no record of a cell {name}", hint="give a whole name, as in run.json")
    if not isinstance(kept.get("artifacts"), dict) or not kept["artifacts"]:
        raise UserError(f"{folder}: {name} has no digests of a kernel", hint="run it through build with this version")
    return kept


def compared(wanted: Mapping[str, str], found: Any) -> list[str]:
    """What differs between a kernel's recorded files and a build."""
    if not found.ok:
        return [f"does not build any more: {found.reason}"]
    there = seal.artifacts(found.folder)
    names = sorted({*wanted, *there})
    said = {True: "is another one when it is built again", False: "is not in both"}
    return [f"{one} {said[one in wanted and one in there]}" for one in names if wanted.get(one) != there.get(one)]


def _kernel(state: State) -> Kernel:
    if state.error or not state.kernel:
        raise HostError(f"{state.cell.name}: {state.error or 'gives no kernel'}", hint="./inv build shows more")
    return state.kernel


def _inputs(kept: Mapping[str, Any], state: State, kernel: Kernel) -> list[str]:
    """Why what is there now makes another kernel."""
    found = [f"what is there now makes the kernel {kernel.key[:12]}, and the record has {str(kept['kernel'])[:12]}"]
    tree = state.tree.digest if state.tree else ""
    if tree != kept.get("tree"):
        found.append(f"the tree is {tree}, and was {kept.get('tree')}")
    if kernel.toolchain != kept["tools"].get("toolchain"):
        found.append(f"the toolchain is {kernel.toolchain[:12]}, and was {str(kept['tools'].get('toolchain'))[:12]}")
    return found


def _counted(view: View) -> Callable[[str], None]:
    """Says how far a build is, every SAID objects."""
    seen = [0]

    def line(text: str) -> None:
        before = seen[0]
        seen[0] += text.count("  CC ")
        if seen[0] // SAID > before // SAID:
            view.say(f"{seen[0]} objects")

    return line
