"""The stages of a run over all its cells: what cells share is done once, and a host's fault stays with its cells.

Each stage fills in the states that can still go on. Never judges.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import estimates, host, images, oldconfig, policy, resolve, source, treestore
from pipeline.errors import HostError, UserError, defect
from pipeline.fleetcache import Fleet
from pipeline.overlap import surely
from pipeline.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.oldconfig import Old
    from pipeline.progress import View
    from pipeline.record import State
    from pipeline.run import Options


MEMORY_SHARE = 0.9  # of what is available when a command starts
MOST_TREES = 16  # resolved at the same time, each in a container of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every stage works with. `slots` bounds all that computes; it has `jobs` processors.

    `folder_of` is a cell's folder, `fleet` the compiler cache of a fleet.
    """

    engine: Engine
    view: View
    cache: Path
    jobs: int
    slots: Slots
    fresh: bool
    keep: Callable[[State], None]
    folder_of: Callable[[State], Path]
    fleet: Fleet | None = None


def bench(
    engine: Engine, view: View, options: Options, *, keep: Callable[[State], None] = lambda _: None,
    folder_of: Callable[[State], Path] | None = None,
) -> Bench:  # fmt: skip
    """What the stages of one command work with; cells without a folder of their own have the cache's."""
    jobs = options.jobs or host.cores()
    memory = int(host.memory_bytes()[1] / 2**20 * MEMORY_SHARE)
    return Bench(
        engine=engine, view=view, cache=options.cache, jobs=jobs, slots=Slots(jobs, memory), fresh=options.fresh,
        keep=keep, folder_of=folder_of or (lambda _: options.cache),
        fleet=Fleet(options.remote, view.say) if options.remote else None,
    )  # fmt: skip


def grouped(states: Iterable[State], key: Callable[[State], Hashable]) -> list[list[State]]:
    """States with the same key together, in order of first appearance."""
    groups: dict[Hashable, list[State]] = {}
    for state in states:
        groups.setdefault(key(state), []).append(state)
    return list(groups.values())


def going(states: Sequence[State]) -> list[State]:
    """The states for which there is anything left to try."""
    return [state for state in states if state.going]


def guarded(bench: Bench, group: list[State], do: Callable[[list[State]], None]) -> None:
    """Do something for cells that share it, and keep their records; all that fails but UserError is their error."""
    wrong = ""
    try:
        do(group)
    except UserError:
        raise
    except HostError as error:
        wrong = str(error)
    except Exception as error:  # what a tree or a guest leaves may be anything: the other cells have verdicts
        if os.environ.get("HVMATRIX_TRACEBACK"):
            raise
        wrong = defect(error)
    for state in group:
        state.error = wrong or state.error
        bench.keep(state)


def each(bench: Bench, groups: Sequence[list[State]], do: Callable[[list[State]], None], workers: int) -> None:
    """Do the same for each group, some at a time; a HostError becomes the error of its group alone.

    An interrupt removes the containers, which ends what the other threads wait for.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, workers))
    try:
        for future in [pool.submit(guarded, bench, group, do) for group in groups]:
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        surely(bench.engine.remove_live)
        raise
    finally:
        pool.shutdown(wait=True)


def span(seconds: float) -> tuple[float, float]:
    """From when to when that was which took so many seconds and has just ended, in seconds since 1970."""
    now = time.time()
    return round(now - seconds, 1), round(now, 1)


def put_config(state: State, old: Old) -> None:
    """Note in a cell what is carried over."""
    state.old, state.layers, state.options, state.config_origin = old.text, old.layers, old.options, old.origin


def configs(bench: Bench, states: Sequence[State]) -> None:
    """Fetch the configs that are in packages; those in files are known before anything is started."""

    def fetch(group: list[State]) -> None:
        cell = group[0].cell
        tag = images.toolchain(bench.engine, cell.toolchain, bench.view.say)
        old = oldconfig.fetched(
            bench.engine, cell.config, tag, bench.cache, fresh=bench.fresh, say=bench.view.say,
        )  # fmt: skip
        for state in group:
            put_config(state, old)

    missing = [state for state in going(states) if not state.old]
    each(bench, grouped(missing, lambda state: state.cell.config), fetch, 1)


def sources(bench: Bench, states: Sequence[State]) -> None:
    """Get each variant's tree into an image; the trees of different variants at the same time."""

    def fetch(group: list[State]) -> None:
        cell = group[0].cell
        tag = images.toolchain(bench.engine, cell.toolchain, bench.view.say)
        about = estimates.about(bench.cache, "tree", cell.variant.name)
        there = {path.name for path in (bench.cache / "trees").glob("*.json")}
        with bench.view.work(f"source {cell.variant.name}", about) as work:
            found = source.tree(bench.engine, cell.variant, tag, bench.cache, fresh=bench.fresh, say=work)
            work.note = found.origin
        if treestore.memo(bench.cache, treestore.key(found.digest)).name not in there:
            estimates.took(bench.cache, "tree", cell.variant.name, work.elapsed())
        for state in group:
            state.tree = found
            state.seconds["source"] = round(work.elapsed() / len(group), 2)

    # A source's tree is made by the first of its variants, and the patched ones are laid over it.
    for name in {state.cell.toolchain for state in states}:
        images.toolchain(bench.engine, name, bench.view.say)
    groups = grouped(states, lambda state: (state.cell.variant, state.cell.toolchain))
    sources = {(group[0].cell.variant.source, group[0].cell.toolchain): group for group in reversed(groups)}
    first = list(sources.values())
    each(bench, first, fetch, bench.jobs)
    each(bench, [group for group in groups if group not in first], fetch, bench.jobs)


def resolutions(bench: Bench, states: Sequence[State]) -> None:
    """Carry each config to its tree; cells that differ only in the machine share one resolution."""

    def carry(group: list[State]) -> None:
        asked = list(dict.fromkeys(_asked(state) for state in group))
        tree, name = group[0].tree, group[0].cell.variant.name
        if tree is None:
            return
        about = estimates.about(bench.cache, "resolve", "one") * len(asked)
        with bench.view.work(f"resolve {name}", about) as work:
            found = resolve.resolve(
                bench.engine, tree, asked, bench.cache, slots=bench.slots, jobs=bench.jobs, fresh=bench.fresh,
                done=lambda number: work(f"{number} of {len(asked)}"),
            )  # fmt: skip
            good = [one for one in found if not isinstance(one, HostError)]
            made = [one for one in good if not one.reused and not one.absent]
            work.note = f"{len(asked)} configs, {sum(one.reused for one in good)} known before"
        sharing = Counter(asked.index(_asked(state)) for state in group)
        for state in group:
            place = asked.index(_asked(state))
            resolution = found[place]
            if isinstance(resolution, HostError):
                state.error = str(resolution)
                continue
            state.resolution, state.skip = resolution, resolution.absent
            state.seconds["resolve"] = 0.0 if resolution.reused else round(resolution.seconds / sharing[place], 2)
        if made:
            estimates.took(bench.cache, "resolve", "one", sum(one.seconds for one in made) / len(made) / bench.jobs)

    groups = grouped(going(states), lambda state: (state.cell.variant, state.cell.toolchain))
    # largest first, each waiting for a slot: the last tree is not resolved on one core alone
    each(bench, sorted(groups, key=len, reverse=True), carry, MOST_TREES)


def _asked(state: State) -> resolve.Asked:
    return resolve.Asked(state.old, state.layers, policy.policies()[state.cell.policy])
