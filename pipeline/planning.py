"""Says what a run would do, what is there already and how long the rest may take; does nothing.

What is not resolved yet cannot be known to be built, and is said to be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import asking, atomic, build, debian, estimates, images, oldconfig, policy, resolve, series, source
from pipeline.errors import PipelineError
from pipeline.model import DebianSource
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pipeline.model import Cell, Matrix, Variant
    from pipeline.run import Options

NO_IDENTITY = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known of cells beforehand: the keys of their kernels, and which cells are not resolved yet."""

    kernels: dict[str, str]
    unresolved: tuple[str, ...]


def show(options: Options) -> int:
    """Print cells, trees, kernels, boots and an estimate of each; 0. Raises UserError for a bad matrix."""
    asked = asking.load(options.file)
    cells = asking.select(asked, options.cells)
    known = foresee(cells, options.cache)
    console = Console()
    for row in rows(asked, cells, known, options):
        console.print(row, markup=False, highlight=False, soft_wrap=True)
    return 0


def foresee(cells: Iterable[Cell], cache: Path) -> Foreseen:
    """The kernels that cells will need, by what earlier runs resolved; nothing is asked of an engine."""
    kernels, unresolved = {}, []
    for cell in cells:
        tree, old = _tree(cell.variant, cell.toolchain, cache), oldconfig.kept(cell.config, cache)
        found = None
        if tree and old:
            asked = resolve.Asked(old.text, old.layers, policy.policies()[cell.policy])
            found = resolve.foreseen(tree, asked, cache)
        if tree is None or found is None:
            unresolved.append(cell.name)
        elif not found.exit_status and not found.absent:
            kernels[cell.name] = build.kernel(tree, NO_IDENTITY, found.final).key + str(cell.config.slim or "")
    return Foreseen(kernels, tuple(unresolved))


def _tree(variant: Variant, toolchain: str, cache: Path) -> Tree | None:
    """The tree that a variant led to last; none of a source that must be looked at again each time."""
    if not isinstance(variant.source, DebianSource):
        return None
    note = atomic.read_json(debian.memo_of(variant.source, cache))
    if not isinstance(note, dict):
        return None
    plain = Tree(variant=variant.name, image=images.toolchain_tag(toolchain), digest=str(note["digest"]), origin="")
    try:
        patches = series.read(variant)
    except PipelineError:
        return None
    return replace(plain, digest=source.patched_digest(plain.digest, patches)) if patches else plain


def rows(asked: Matrix, cells: Sequence[Cell], known: Foreseen, options: Options) -> list[str]:
    """What a person wants to know before starting: how many of each, and what each costs."""
    variants = list(dict.fromkeys(cell.variant.name for cell in cells))
    distinct = set(known.kernels.values())
    resolve_each = estimates.about(options.cache, "resolve", "one")
    found = [f"{len(cells)} cells on {len(variants)} trees ({', '.join(variants)})"]
    left = len(known.unresolved)
    found.append(f"resolve: {len(cells) - left} known before, {left} to do, about {left * resolve_each:.0f} s")
    if options.through == "resolve":
        return found
    most = len(distinct) + left
    at_most = "" if not left else "at most "
    seconds = _build_seconds(cells, known, options.cache)
    cost = f"about {seconds / 60:.0f} min from nothing"
    found.append(f"build: {at_most}{most} distinct kernels for {len(cells)} cells, {cost}")
    if options.through == "boot":
        count = most + len(asked.controls)
        cost = f"about {count * estimates.about(options.cache, 'boot', 'nested') / 2 / 60:.0f} min"
        found.append(f"boot: {at_most}{count} ({len(asked.controls)} of them controls), two at a time, {cost}")
        found += [f"control: {control.cell.name} must reach {control.reaches}" for control in asked.controls]
    learnt = atomic.read_json(options.cache / "timings.json")
    found.append("seconds are " + ("what this machine took before" if learnt else "of a machine with two cores"))
    return found


def _build_seconds(cells: Sequence[Cell], known: Foreseen, cache: Path) -> float:
    """One build for each distinct kernel, and one for each cell of which nothing is known."""
    first = {known.kernels[cell.name]: cell for cell in cells if cell.name in known.kernels}
    unknown = [cell for cell in cells if cell.name in set(known.unresolved)]
    names = [f"{cell.variant.name}/{cell.config.name}" for cell in (*first.values(), *unknown)]
    return sum(estimates.about(cache, "build", name) for name in names)
