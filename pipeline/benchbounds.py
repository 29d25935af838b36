"""What a pass takes at least and at most of which only a part was measured, where the parts do not stand for the rest.

A cold pass fills the compiler cache as it goes: a build among the first of a sample finds fewer objects there than the
same build in the whole sequence, so the mean of those that were measured says too much. Pure; never measures.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pipeline.benchsums import FIRST, Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.benchsums import Sample, Total


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """A series in one round of which only bounds are known; `built`, `measured` and `pieces` are as of a Total."""

    series: str
    least: Spent
    most: Spent
    built: float
    measured: int
    pieces: int


def bounded(
    total: Total, cold: Sequence[Sample], warm: Sequence[Sample], again: Spent, floor: Sequence[Sample],
) -> Bounded:  # fmt: skip
    """The bounds of a cold pass over all pieces, by those that were built cold and warm (the same ones).

    `again` is the warm pass over all pieces, `floor` every kernel by hand, each in the objects of the one before.
    At least: the warm pass, and what the measured pieces compiled, which somebody has to compile. At most: the warm
    pass, and all that the floor compiled, which has every object of every piece among it; times what a compilation
    costs through the compiler cache, where a tree's first kernel shows that to be more than the floor's slowest one.
    """
    saved = {one.name: one.spent.wall for one in warm}
    first = [one.spent.wall - saved[one.name] for one in cold if one.kind == FIRST]
    dearer = max(1.0, fmean(first) / max(one.spent.wall for one in floor)) if first else 1.0
    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    for name in (field.name for field in fields(Spent)):
        whole = getattr(again, name)
        compiled = _difference(_sum(cold, name), _sum(warm, name))
        by_hand = _sum(floor, "wall" if name == "core" else name)  # the floor makes the kernel and its modules alone
        least[name] = _grown(whole, compiled, lambda seconds: max(0.0, seconds))
        most[name] = _grown(whole, by_hand, lambda seconds: dearer * seconds)
    return Bounded(
        series=total.series, least=Spent(**least), most=Spent(**most), built=total.built, measured=total.measured,
        pieces=total.pieces,
    )  # fmt: skip


def _sum(samples: Sequence[Sample], name: str) -> float | None:
    values = [getattr(one.spent, name) for one in samples]
    return None if None in values else sum(values)


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _grown(whole: float | None, more: float | None, by: Callable[[float], float]) -> float | None:
    return None if whole is None or more is None else round(whole + by(more), 1)
