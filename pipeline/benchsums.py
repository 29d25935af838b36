"""The arithmetic of `bench build`: which cells are measured, and what all of them take by those that were.

Pure. Never measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Piece = TypeVar("Piece")
OURS, FLOOR = "this pipeline", "floor: make by hand in one tree"
COLD, WARM = "tuxmake + ccache, cold", "tuxmake + ccache, warm"
FIRST, NEXT, REPEAT = "first", "next", "repeat"
OTHERS = "share of the machine that was used besides"
WORST = f"{OTHERS}, in the worst piece"
FEW = 3  # repeats of a kernel that are measured where not everything is
KINDS = {
    FIRST: "the first kernel of a tree", NEXT: "another kernel of that tree", REPEAT: "a kernel that was there before",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds that a piece of work took: on the clock (`wall`), and of processors by the whole machine (`cpu`).

    `inside` is the part of `cpu` that the piece's own container counted, and `core` the part of `wall` that went into
    the kernel and its modules alone; both are None where they are not known.
    """

    wall: float
    cpu: float
    inside: float | None = None
    core: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured piece of a series in one round; `built` is the number of kernels that it made."""

    series: str
    round: int
    name: str
    kind: str
    spent: Spent
    built: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A series in one round: seconds, kernels, and of how many pieces how many were measured."""

    series: str
    spent: Spent
    built: float
    measured: int
    pieces: int

    @property
    def extrapolated(self) -> bool:
        """Whether anything in it was not measured."""
        return self.measured < self.pieces


def kinds(pieces: Iterable[tuple[str, str]]) -> list[str]:
    """The kind of each piece of a sequence, given as its tree and its kernel."""
    trees: set[str] = set()
    kernels: set[str] = set()
    found = []
    for tree, kernel in pieces:
        found.append(REPEAT if kernel in kernels else NEXT if tree in trees else FIRST)
        trees.add(tree)
        kernels.add(kernel)
    return found


def picked(pieces: Sequence[tuple[str, str]], every: int) -> list[int]:
    """The numbers of the pieces to measure: with `every` 1 all of them.

    Otherwise each tree's first kernel, of the other kernels every so many, and a few repeats of what is among these.
    """
    sorts = kinds(pieces)
    if every == 1:
        return list(range(len(pieces)))
    chosen = {number for number, kind in enumerate(sorts) if kind == FIRST}
    chosen |= set([number for number, kind in enumerate(sorts) if kind == NEXT][::every])
    again = [number for number, kind in enumerate(sorts) if kind == REPEAT]
    there = {pieces[number][1] for number in chosen}
    usable = [number for number in again if pieces[number][1] in there]
    if again and not usable:  # none can be measured unless its first time is
        usable = again[:1]
        chosen.add(next(number for number, piece in enumerate(pieces) if piece[1] == pieces[again[0]][1]))
    return sorted(chosen | set(spread(usable, FEW)))


def spread(numbers: Sequence[int], most: int) -> list[int]:
    """At most so many of them, at even distances."""
    if len(numbers) <= most:
        return list(numbers)
    return [numbers[place * len(numbers) // most] for place in range(most)]


def total(samples: Sequence[Sample], counts: Mapping[str, int]) -> Total:
    """What a series takes in one round; `counts` says how many pieces of each kind there are.

    Pieces that were not measured count as the mean of their kind. Raises ValueError when a kind has no sample, or
    more than there are.
    """
    if not samples:
        raise ValueError("nothing was measured")
    grown = []
    for kind in dict.fromkeys([*counts, *(sample.kind for sample in samples)]):
        have = [sample for sample in samples if sample.kind == kind]
        count = counts.get(kind, 0)
        if len(have) > count or (count and not have):
            raise ValueError(f"{samples[0].series}: {len(have)} of {count} pieces measured ({kind})")
        if have:
            grown.append((count, have))
    figures = [(count, [sample.spent for sample in have]) for count, have in grown]
    spent = Spent(
        wall=_sum((count, [one.wall for one in spents]) for count, spents in figures) or 0.0,
        cpu=_sum((count, [one.cpu for one in spents]) for count, spents in figures) or 0.0,
        inside=_sum((count, [one.inside for one in spents]) for count, spents in figures),
        core=_sum((count, [one.core for one in spents]) for count, spents in figures),
    )
    return Total(
        series=samples[0].series, spent=spent, measured=len(samples), pieces=sum(counts.values()),
        built=round(sum(count * fmean(sample.built for sample in have) for count, have in grown), 1),
    )  # fmt: skip


def _sum(figures: Iterable[tuple[int, Sequence[float | None]]]) -> float | None:
    """The sum over all kinds; None when a figure is not known."""
    found = 0.0
    for count, values in figures:
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        found += count * fmean(known)
    return round(found, 1)


def typical(totals: Sequence[Total]) -> Total:
    """The round in the middle, by the clock."""
    return sorted(totals, key=lambda one: one.spent.wall)[(len(totals) - 1) // 2]


def ratios(totals: Iterable[Total], against: str) -> dict[str, float]:
    """Each series' seconds on the clock over those of the one it is measured against, where it made as many kernels."""
    listed = list(totals)
    base = next(one for one in listed if one.series == against)
    return {one.series: round(one.spent.wall / base.spent.wall, 3) for one in listed if one.built >= base.built}


def other_load(spents: Iterable[Spent], cores: int) -> float | None:
    """The share of the machine that others used while containers were measured; None where nothing counted it.

    It is what the whole machine spent besides the containers, so the engine's own work is in it as well.
    """
    known = [(one.cpu - one.inside, one.wall) for one in spents if one.inside is not None]
    wall = sum(seconds for _, seconds in known)
    return max(0.0, sum(cpu for cpu, _ in known) / (wall * cores)) if wall else None


def loads(spents: Sequence[Spent], cores: int) -> dict[str, float]:
    """What others used of the machine, over all and in the worst piece; nothing where nothing counted it."""
    whole = other_load(spents, cores)
    each = [load for one in spents if (load := other_load([one], cores)) is not None]
    return {} if whole is None else {OTHERS: round(whole, 3), WORST: round(max(each), 3)}


def interleaved(one: Sequence[Piece], other: Sequence[Piece]) -> list[Piece]:
    """Two sequences as one, each in its order, such that both are through at the same time."""
    placed = [((number + 1) / len(each), piece) for each in (one, other) for number, piece in enumerate(each)]
    return [piece for _, piece in sorted(placed, key=lambda pair: pair[0])]
