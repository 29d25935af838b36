"""Which kernel is built from whose object tree: asks the planner, with what this machine has kept and learnt.

Nothing is built here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline import distance, estimates, objecttrees, spanning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.objecttrees import ObjectTree
    from pipeline.values import Kernel, Tree

LEARNT = 4  # object trees of a family that are asked what depends on what; more say little more


@dataclass(frozen=True, slots=True)
class Question:
    """What the planner is asked: the kernels, the object trees that are there, and what each tree's objects mention."""

    wanted: list[spanning.Wanted]
    kept: list[spanning.Kept]
    depends: Callable[[str], distance.Depends]


def question(kept: Sequence[ObjectTree], wanted: Sequence[Kernel]) -> Question:
    """Put kernels and the object trees that there are, oldest first, as the planner wants them."""
    both = itertools.chain((objecttrees.options(one.config) for one in wanted), (one.options for one in kept))
    options = distance.varying(both)
    nodes = [
        spanning.Wanted(key=one.key, tree=one.tree.digest, options=differs, ancestors=_ancestors(one.tree, kept))
        for one, differs in zip(wanted, options[: len(wanted)], strict=True)
    ]
    there = [
        spanning.Kept(key=one.key, tree=one.tree, options=differs)
        for one, differs in zip(kept, options[len(wanted) :], strict=True)
    ]
    families = {one.tree.digest: {one.tree.digest, *_ancestors(one.tree, kept)} for one in wanted}
    learnt: dict[tuple[Path, ...], distance.Depends] = {}

    def depends(tree: str) -> distance.Depends:
        family = families.get(tree, {tree})
        newest = tuple([one.depends for one in kept if one.tree in family][-LEARNT:])
        if newest not in learnt:
            learnt[newest] = distance.parse(*_texts(newest))
        return learnt[newest]

    return Question(nodes, there, depends)


def steps(kept: Sequence[ObjectTree], cache: Path, wanted: Sequence[Kernel]) -> list[spanning.Step]:
    """The builds of the wanted kernels, parents first; `kept` are the object trees there are, oldest first."""
    names = {digest: name for one in wanted for digest, name in _names(one.tree).items()}
    planned: list[spanning.Step] = []
    for toolchain in dict.fromkeys(one.toolchain for one in wanted):  # an object tree is an image with its compiler
        there = [one for one in kept if one.toolchain == toolchain]
        asked = question(there, [one for one in wanted if one.toolchain == toolchain])
        planned += spanning.plan(asked.wanted, asked.kept, asked.depends, rates=estimates.rates(cache))
    return [replace(step, why=_readable(step.why, names)) for step in planned]


def _readable(why: str, names: Mapping[str, str]) -> str:
    """A reason with the names of trees instead of their digests."""
    for digest, name in names.items():
        why = why.replace(digest, name)
    return why


def _names(tree: Tree) -> dict[str, str]:
    """What a tree and those that it was patched from are called."""
    return {tree.digest: tree.origin or tree.variant, **(_names(tree.plain) if tree.plain else {})}


def _ancestors(tree: Tree, kept: Iterable[ObjectTree]) -> tuple[str, ...]:
    """The trees whose objects a tree may start from: what it was patched from, and its own folder's earlier states.

    What is patched contains all of the plain tree, so nothing reaches it that is not in it anyway.
    """
    states = {one.tree for one in kept if tree.owner and one.owner == tree.owner} - {tree.digest}
    plain = [tree.plain.digest, *_ancestors(tree.plain, kept)] if tree.plain else []
    return (*plain, *sorted(states))


def _texts(paths: Iterable[Path]) -> Iterator[str]:
    """What is known of a family, by its newest object trees; one may have been removed meanwhile."""
    for path in paths:
        try:
            yield path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
