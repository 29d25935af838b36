"""The stages of a run over all its cells: what cells share is done once, and a host's fault stays with its cells.

Each stage fills in the states that can still go on. Never judges.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import artifact, build, estimates, images, kconfig, resolve, source
from pipeline.errors import HostError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.progress import View
    from pipeline.record import State
    from pipeline.values import Build

# Every .config that conf wrote for x86 has a line for each; what is promised depends on them.
COMPLETE = ("ACPI", "HYPERVISOR_GUEST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every stage works with. `jobs` bounds compilers and boots at a time; `folder_of` a cell's folder."""

    engine: Engine
    view: View
    cache: Path
    jobs: int
    fresh: bool
    keep: Callable[[State], None]
    folder_of: Callable[[State], Path]


def grouped(states: Iterable[State], key: Callable[[State], Hashable]) -> list[list[State]]:
    """States with the same key together, in order of first appearance."""
    groups: dict[Hashable, list[State]] = {}
    for state in states:
        groups.setdefault(key(state), []).append(state)
    return list(groups.values())


def going(states: Sequence[State]) -> list[State]:
    """The states for which there is anything left to try."""
    return [state for state in states if state.going]


def each(bench: Bench, groups: Sequence[list[State]], do: Callable[[list[State]], None], workers: int) -> None:
    """Do the same for each group, some at a time; a HostError becomes the error of its group alone.

    An interrupt removes the containers, which ends what the other threads wait for.
    """

    def guarded(group: list[State]) -> None:
        try:
            do(group)
        except HostError as error:
            for state in group:
                state.error = str(error)
        for state in group:
            bench.keep(state)

    pool = ThreadPoolExecutor(max_workers=max(1, workers))
    try:
        for future in [pool.submit(guarded, group) for group in groups]:
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        bench.engine.remove_live()
        raise
    finally:
        pool.shutdown(wait=True)


def old_config(state: State) -> str:
    """The text of the config that is carried over: its base with the fragments laid over it."""
    config = state.cell.config
    layers = [kconfig.parse(path.read_bytes(), str(path)) for path in (config.base, *config.fragments)]
    options = kconfig.compose(layers)
    missing = [symbol for symbol in COMPLETE if symbol not in options]
    if missing:
        raise UserError(
            f"configs: {config.name}: {config.base} is no complete .config",
            details=f"no line sets or unsets {', '.join(f'CONFIG_{symbol}' for symbol in missing)}",
            hint="what such a config asked for cannot be known: run `make olddefconfig` on its own tree first",
        )
    return kconfig.render(options.values())


def sources(bench: Bench, states: Sequence[State]) -> None:
    """Get each variant's tree into an image; the trees of different variants at the same time."""

    def fetch(group: list[State]) -> None:
        cell = group[0].cell
        tag = images.toolchain(bench.engine, cell.toolchain, bench.view.say)
        about = estimates.about(bench.cache, "tree", cell.variant.name)
        with bench.view.work(f"source {cell.variant.name}", about) as work:
            found = source.tree(bench.engine, cell.variant, tag, bench.cache, fresh=bench.fresh, say=work)
            work.note = found.origin
        for state in group:
            state.tree = found
            state.seconds["source"] = round(work.elapsed() / len(group), 2)

    # A source's tree is made by the first of its variants, and its patched variants are laid over it.
    for name in {state.cell.toolchain for state in states}:
        images.toolchain(bench.engine, name, bench.view.say)
    groups = grouped(states, lambda state: (state.cell.variant, state.cell.toolchain))
    plain = [group for group in groups if not group[0].cell.variant.patches]
    each(bench, plain, fetch, bench.jobs)
    each(bench, [group for group in groups if group not in plain], fetch, 1)


def resolutions(bench: Bench, states: Sequence[State]) -> None:
    """Carry each config to its tree; cells that differ only in the machine share one resolution."""

    def carry(group: list[State]) -> None:
        asked = list(dict.fromkeys((state.old, state.cell.policy) for state in group))
        tree, name = group[0].tree, group[0].cell.variant.name
        if tree is None:
            return
        with bench.view.work(f"resolve {name}", estimates.about(bench.cache, "resolve", "one") * len(asked)) as work:
            found = resolve.resolve(
                bench.engine, tree, asked, bench.cache, fresh=bench.fresh,
                done=lambda number: work(f"{number + 1} of {len(asked)}"),
            )  # fmt: skip
            work.note = f"{len(asked)} configs, {sum(one.reused for one in found)} known before"
        for state in group:
            state.resolution = found[asked.index((state.old, state.cell.policy))]
            state.seconds["resolve"] = state.resolution.seconds if not state.resolution.reused else 0.0

    groups = grouped(going(states), lambda state: (state.cell.variant, state.cell.toolchain))
    each(bench, groups, carry, bench.jobs)


def builds(bench: Bench, states: Sequence[State], toolchains: dict[str, str]) -> None:
    """Build each distinct kernel once, and check what was built; `toolchains` gives their identities."""
    for state in going(states):
        if state.tree and state.resolution:
            identity = toolchains[state.cell.toolchain]
            state.kernel = build.kernel(state.tree, identity, state.resolution.final)

    def make(group: list[State]) -> None:
        state = group[0]
        if state.kernel is None:
            return
        found = None if bench.fresh else build.known(state.kernel, bench.cache)
        found = found or _build(bench, state)
        checked = artifact.check(found) if found.ok else None
        for other in group:
            other.build, other.artifact = found, checked
            other.seconds["build"] = 0.0 if found.reused else round(found.seconds / len(group), 2)

    groups = grouped(going(states), lambda state: state.kernel.key if state.kernel else state.cell.name)
    _announce(bench, groups)
    each(bench, groups, make, 1)


def _announce(bench: Bench, groups: Sequence[list[State]]) -> None:
    """Say how many kernels there are, and how long those that must be built may take."""
    kernels = [(group[0], group[0].kernel) for group in groups]
    missing = [state for state, kernel in kernels if kernel and (bench.fresh or not build.known(kernel, bench.cache))]
    seconds = sum(estimates.about(bench.cache, "build", _build_name(state)) for state in missing)
    known = len(groups) - len(missing)
    text = f"{len(groups)} distinct kernels, {known} known before"
    bench.view.say(text + (f"; building {len(missing)}: about {seconds / 60:.0f} min" if missing else ""))


def _build_name(state: State) -> str:
    return f"{state.cell.variant.name}/{state.cell.config.name}"


def _build(bench: Bench, state: State) -> Build:
    kernel = state.kernel
    if kernel is None:
        raise HostError(f"{state.cell.name} has no kernel to build")
    name = _build_name(state)
    with bench.view.work(f"build {name}", estimates.about(bench.cache, "build", name)) as work:
        made = build.build(
            bench.engine, kernel, bench.cache, bench.folder_of(state), jobs=bench.jobs, line=work,
        )  # fmt: skip
        work.note = f"kernel {kernel.key[:12]}" if made.ok else made.reason
    if made.ok:
        estimates.took(bench.cache, "build", name, made.seconds)
    return made
