"""Finds out which kernel each cell needs: the fewest, and each from the plainest tree that gives it.

A patch that changes nothing but Kconfig files changes kernels through the .config alone. Where the plain tree has a
.config that is the same under its own Kconfig, the kernel is the plain tree's, and nothing of the patch takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline import build, kconfig, policy, resolve, stages
from pipeline.errors import HostError
from pipeline.resolve import Asked
from pipeline.values import Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.record import State
    from pipeline.stages import Bench
    from pipeline.values import Kernel, Tree


Ask = Callable[["Tree", Sequence[Asked]], Sequence["Resolution | HostError | None"]]


def kernels(bench: Bench, states: Sequence[State], toolchains: Mapping[str, str]) -> None:
    """Name the kernel of each cell that can go on; `toolchains` gives the toolchains' identities."""

    def ask(tree: Tree, asked: Sequence[Asked]) -> Sequence[Resolution | HostError | None]:
        return resolve.resolve(bench.engine, tree, asked, bench.cache, slots=bench.slots, jobs=bench.jobs)

    name(stages.going(states), toolchains, ask)


def name(states: Sequence[State], toolchains: Mapping[str, str], ask: Ask) -> None:
    """Name the kernels of cells; `ask` gives what a tree's own conf makes of .configs, None where that is not known."""
    going = [state for state in states if state.tree and state.resolution]
    same = _same(going, ask)
    for state in going:
        state.kernel = _kernel(state, _plain(state) if id(state) in same else state.tree, toolchains)


def _kernel(state: State, tree: Tree | None, toolchains: Mapping[str, str]) -> Kernel:
    if tree is None or state.resolution is None:
        raise HostError(f"{state.cell.name} is not resolved")
    return build.kernel(tree, toolchains[state.cell.toolchain], text(state), state.resolution.declared)


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
            if isinstance(result, Resolution) and kconfig.values(result.final) == kconfig.values(old)
        }  # fmt: skip
        found |= {id(state) for state in group if text(state) in kept}
    return found
