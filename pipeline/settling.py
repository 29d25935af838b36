"""Finds out which kernel each cell needs: the fewest, and each from the plainest tree that gives it.

A patch that changes nothing but Kconfig files changes kernels through the .config alone. Where the plain tree has a
.config that is the same under its own Kconfig, the kernel is the plain tree's, and nothing of the patch takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline import build, goalsource, kconfig, policy, resolve, stages
from pipeline.errors import HostError
from pipeline.resolve import Asked
from pipeline.values import Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.record import State
    from pipeline.stages import Bench
    from pipeline.values import Tree


Goals = Callable[["Tree", "State"], tuple[str, ...] | None]
Ask = Callable[["Tree", Sequence[Asked]], Sequence["Resolution | HostError | None"]]


def kernels(bench: Bench, states: Sequence[State], toolchains: Mapping[str, str]) -> None:
    """Name the kernel of each cell that can go on; `toolchains` gives the toolchains' identities."""

    def ask(tree: Tree, asked: Sequence[Asked]) -> Sequence[Resolution | HostError | None]:
        try:
            return resolve.resolve(
                bench.engine, tree, asked, bench.cache, slots=bench.slots, jobs=bench.jobs, fresh=bench.fresh,
            )  # fmt: skip
        except HostError as error:  # then the patched trees' own kernels are built
            return [error] * len(asked)

    def goals(tree: Tree, state: State) -> tuple[str, ...] | None:
        made: list[tuple[str, ...]] = []

        def make(_: list[State]) -> None:
            made.append(goalsource.of(
                bench.engine, tree, text(state), state.intent, bench.cache, targets=state.targets, fresh=bench.fresh,
            ))  # fmt: skip

        stages.guarded(bench, [state], make)
        return made[0] if made else None

    name(stages.going(states), toolchains, ask, goals)


def name(states: Sequence[State], toolchains: Mapping[str, str], ask: Ask, goals: Goals) -> None:
    """Name the kernels of cells.

    `ask` gives what a tree's own conf makes of .configs, None where that is not known, and `goals` what is made of a
    cell's kernel when it is built of a tree, None where that is not known.
    """
    going = [state for state in states if state.tree and state.resolution]
    same = _same(going, ask)
    for state in going:
        tree = _plain(state) if id(state) in same else state.tree
        wanted = goals(tree, state) if tree else None
        if tree and state.resolution and wanted is not None:
            identity = toolchains[state.cell.toolchain]
            state.kernel = build.kernel(tree, identity, text(state), state.resolution.declared, wanted)


def text(state: State) -> str:
    """The .config that is built for a cell."""
    if state.slim:
        return state.slim.text
    return state.resolution.final if state.resolution else ""


def _plain(state: State) -> Tree | None:
    """The plain tree, if the patches on it change nothing but Kconfig files."""
    tree = state.tree
    if tree is None or tree.plain is None or tree.built_of != tree.plain.built_of:
        return None
    return tree.plain


def _same(states: Sequence[State], ask: Ask) -> set[int]:
    """The cells (by identity) whose .config the plain tree's own conf leaves as it is."""
    found: set[int] = set()
    way = policy.policies()["olddefconfig"]
    for group in stages.grouped((state for state in states if _plain(state)), _plain):
        tree = _plain(group[0])
        if tree is None:
            continue
        asked = {text(state): Asked(text(state), (text(state),), way) for state in group}
        kept = {
            old for old, result in zip(asked, ask(tree, list(asked.values())), strict=True)
            if isinstance(result, Resolution) and not result.exit_status
            and kconfig.values(result.final) == kconfig.values(old)
        }  # fmt: skip
        found |= {id(state) for state in group if text(state) in kept}
    return found
