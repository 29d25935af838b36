"""Splits a matrix into parts for several machines: what shares objects stays together, and each takes about as long.

Pure. A variant's tree is never split: two machines would build the same objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one machine must do of one variant: `seconds` in any case, and `first` where it is the first of its source.

    `whole` says whether these are all cells that the matrix has of the variant.
    """

    variant: str
    source: str
    cells: tuple[str, ...]
    seconds: float
    first: float
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The part of one machine."""

    number: int
    units: tuple[Unit, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of its cells, in the order of the matrix within each variant."""
        return tuple(cell for unit in self.units for cell in unit.cells)

    @property
    def pattern(self) -> str:
        """What `--cells` takes for it: globs with commas."""
        return ",".join(f"{unit.variant}/*" if unit.whole else ",".join(unit.cells) for unit in self.units)

    @property
    def seconds(self) -> float:
        """How long it may take."""
        return load(self.units)


def load(units: Iterable[Unit]) -> float:
    """The seconds that some variants take on one machine."""
    listed = tuple(units)
    first: dict[str, float] = {}
    for unit in listed:
        first[unit.source] = max(first.get(unit.source, 0.0), unit.first)
    return sum(unit.seconds for unit in listed) + sum(first.values())


def split(units: Sequence[Unit], count: int) -> list[Shard]:
    """At most so many parts, none of them empty; the longest variants are placed first, each where it adds least.

    A part that has a source already pays less for another variant of it, which is what keeps them together.
    """
    order = {unit.variant: place for place, unit in enumerate(units)}
    parts: list[list[Unit]] = [[] for _ in range(min(count, len(units)))]
    for unit in sorted(units, key=lambda one: (-one.first - one.seconds, order[one.variant])):
        min(parts, key=lambda part: load([*part, unit])).append(unit)
    filled = [sorted(part, key=lambda unit: order[unit.variant]) for part in parts if part]
    filled.sort(key=lambda part: order[part[0].variant])
    return [Shard(number=number, units=tuple(part)) for number, part in enumerate(filled, 1)]
