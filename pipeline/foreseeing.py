"""Fills in cells with what earlier runs found out, so that a plan can be made; nothing is asked of an engine.

What is not known stays empty, and is said to be unknown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import (
    asking,
    atomic,
    debian,
    goalsource,
    images,
    oldconfig,
    policy,
    resolve,
    series,
    settling,
    slimming,
    source,
    treestore,
)
from pipeline.errors import PipelineError
from pipeline.model import DebianSource
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.model import Cell, Matrix, Variant
    from pipeline.record import State
    from pipeline.resolve import Asked
    from pipeline.values import Resolution


def states(asked: Matrix, cells: Sequence[Cell], cache: Path) -> list[State]:
    """The cells with their trees, resolutions and kernels, as far as earlier runs know them."""
    return filled(asking.states(asked, cells), cache)


def filled(found: list[State], cache: Path) -> list[State]:
    """The same of cells that were read already, changed in place."""
    identities = images.noted(cache)
    configs = {config: oldconfig.kept(config, cache) for config in {state.cell.config for state in found}}
    for state in found:
        old = configs[state.cell.config]
        state.tree = _tree(state.cell.variant, state.cell.toolchain, cache)
        if state.tree is None or old is None:
            continue
        way = resolve.Asked(old.text, old.layers, policy.policies()[state.cell.policy])
        state.resolution = resolve.foreseen(state.tree, way, cache)
        state.skip = state.resolution.absent if state.resolution else ""
        if state.resolution and state.cell.config.slim:
            state.slim = slimming.foreseen(state, cache)

    def ask(tree: Tree, several: Sequence[Asked]) -> list[Resolution | None]:
        return [resolve.foreseen(tree, one, cache) for one in several]

    def made(tree: Tree, state: State) -> tuple[str, ...] | None:
        return goalsource.foreseen(tree, settling.text(state), state.intent, cache, targets=state.targets)

    known = [state for state in found if state.going and (state.slim or not state.cell.config.slim)]
    settling.name([state for state in known if state.cell.toolchain in identities], identities, ask, made)
    return found


def trees(several: Sequence[State], cache: Path) -> list[State]:
    """Copies of the cells with nothing but the trees that their variants led to last."""
    return [replace(state, tree=_tree(state.cell.variant, state.cell.toolchain, cache)) for state in several]


def _tree(variant: Variant, toolchain: str, cache: Path) -> Tree | None:
    """The tree that a variant led to last; none of a source that must be looked at again each time."""
    if not isinstance(variant.source, DebianSource):
        return None
    note = atomic.read_note(debian.memo_of(variant.source, cache))
    if not isinstance(note, dict):
        return None
    plain = Tree(variant=variant.name, image=images.toolchain_tag(toolchain), digest=str(note["digest"]), origin="")
    try:
        patches = series.read(variant)
    except PipelineError:
        return None
    if not patches:
        return plain
    digest = source.patched_digest(plain.digest, patches)
    return replace(plain, digest=digest, plain=plain, code=treestore.noted_code(cache, digest))
