"""Distances from one kernel to many at once: an int has one bit for each of them, and a number is several such ints.

Pure arithmetic. Never estimates: a distance in here is what distance.between says of the same pair.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.distance import ON, UNSEEN, bits, differing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.distance import Depends


WIDE = 2**14  # lanes that are added up at once: below, Python's own steps take longer than the additions


class Lanes:
    """Kernels side by side: bit i of every int ("plane") in here belongs to kernel i, its lane.

    `others` are kernels that distances will be asked from, besides the kernels themselves. An object is rebuilt when
    any option that it mentions differs: an OR of planes. Objects that mention the same options share one, with their
    number as its weight. The weighted planes are added with full adders (carry-save), five operations each, however
    many lanes there are; so some starts are put side by side too.
    """

    def __init__(
        self, kernels: Sequence[Mapping[str, str]], others: Sequence[Mapping[str, str]], depends: Depends,
    ) -> None:  # fmt: skip
        self.full = (1 << len(kernels)) - 1
        self._width = (len(kernels) + 7) // 8
        planes = _planes([*kernels, *others])
        self.symbols = tuple(planes)
        alike: dict[frozenset[int], tuple[str, int]] = {}
        unseen: Counter[tuple[tuple[str, int], ...]] = Counter()
        names: dict[tuple[tuple[str, int], ...], str] = {}
        for symbol, values in planes.items():
            mask = depends.mask(symbol)
            if mask is not None:  # options that always change together are as one
                name, before = alike.get(frozenset(values.values()), (symbol, 0))
                alike[frozenset(values.values())] = (name, before | mask)
            elif ON & values.keys():
                key = tuple(sorted(values.items()))
                unseen[key] += 1
                names[key] = symbol
        seen = sorted(alike.values(), key=lambda one: -one[1].bit_count())
        self._seen = [(name, self._others(planes[name])) for name, _ in seen]
        self._nodes, weights = _shared([mask for _, mask in seen])
        self._columns: list[list[int]] = []
        for number, weight in weights.items():
            for place in bits(weight):
                _column(self._columns, place).append(number)
        self._unseen = [(names[key], count, *self._flips(dict(key))) for key, count in unseen.items()]

    def distances(self, starts: Sequence[tuple[Mapping[str, str], int]]) -> Iterator[list[int]]:
        """For each start, the distance to every lane plus a number of its own: planes, that of ones first.

        A start is the options of one of the kernels or others, and the number to add.
        """
        size = max(1, WIDE // (8 * self._width))
        for at in range(0, len(starts), size):
            some = starts[at : at + size]
            total = _sum(self._terms([options for options, _ in some], [extra for _, extra in some]))
            data = [plane.to_bytes(len(some) * self._width, "little") for plane in total]
            for start in range(0, len(some) * self._width, self._width):
                yield [int.from_bytes(plane[start : start + self._width], "little") for plane in data]

    def _terms(self, some: Sequence[Mapping[str, str]], extras: Sequence[int]) -> list[list[int]]:
        """What is to be added for starts side by side: the planes that stand for 1, for 2, for 4, ..."""

        def wide(symbol: str, by_value: Mapping[str, bytes]) -> int:
            return int.from_bytes(b"".join([by_value[one.get(symbol, "n")] for one in some]), "little")

        differ = [wide(symbol, by_value) for symbol, by_value in self._seen]
        ors = [0]
        append = ors.append
        for before, number in self._nodes:
            append(ors[before] | differ[number])
        columns = [[ors[number] for number in column] for column in self._columns]
        for symbol, count, halves, wholes in self._unseen:
            for weight, by_value in ((count * UNSEEN // 2, halves), (count * UNSEEN, wholes)):
                if by_value and (plane := wide(symbol, by_value)):
                    for place in bits(weight):
                        _column(columns, place).append(plane)
        every, none = self._bytes(self.full), bytes(self._width)
        for place in range(max(extras).bit_length()):
            plane = int.from_bytes(b"".join(every if extra >> place & 1 else none for extra in extras), "little")
            _column(columns, place).append(plane)
        return columns

    def _bytes(self, plane: int) -> bytes:
        return (plane & self.full).to_bytes(self._width, "little")

    def _others(self, values: Mapping[str, int]) -> dict[str, bytes]:
        """By value, the lanes that have another one."""
        return {value: self._bytes(~plane) for value, plane in values.items()}

    def _flips(self, values: Mapping[str, int]) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """By value, the lanes that an unseen option is half a flip away from (on in one alone), and a whole one."""
        on = sum(plane for value, plane in values.items() if value in ON)
        halves = {value: self._bytes(~on if value in ON else on) for value in values}
        wholes = {value: self._bytes(on & ~plane if value in ON else 0) for value, plane in values.items()}
        return halves, wholes if values.keys() >= ON else {}


class Frontier:
    """The nearest start that is known for each lane that still waits, and its distance."""

    def __init__(self, lanes: int) -> None:
        self.waiting = (1 << lanes) - 1
        self.parents = [-1] * lanes
        self._reached = 0
        self._best: list[int] = []

    def offer(self, number: int, planes: list[int], allowed: int) -> None:
        """A start with its distances; it is taken by those of the allowed lanes that have none as near."""
        best = self._best
        best += [0] * (len(planes) - len(best))
        planes = planes + [0] * (len(best) - len(planes))
        less = 0
        for mine, theirs in zip(planes, best, strict=True):
            apart = mine ^ theirs
            less = (theirs & apart) | (less & ~apart)
        less = (less | ~self._reached) & self.waiting & allowed
        if less:
            self._best = [theirs ^ ((theirs ^ mine) & less) for mine, theirs in zip(planes, best, strict=True)]
            self._reached |= less
            for lane in bits(less):
                self.parents[lane] = number

    def nearest(self) -> tuple[int, int] | None:
        """The lane that is nearest to its start, and how far that is; None when none that waits has one."""
        found = self.waiting & self._reached
        if not found:
            return None
        distance = 0
        for place in range(len(self._best) - 1, -1, -1):
            lower = found & ~self._best[place]
            if lower:
                found = lower
            else:
                distance |= 1 << place
        return (found & -found).bit_length() - 1, distance

    def lanes(self) -> Iterator[int]:
        """Those that wait."""
        return bits(self.waiting)

    def take(self, lane: int) -> None:
        """A lane waits no more."""
        self.waiting &= ~(1 << lane)


def _planes(every: Sequence[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """For each option that is not the same in all, by value the lanes that have it."""
    where: dict[str, dict[str, list[int]]] = {}
    for lane, options in enumerate(every):
        for symbol in differing(every[0], options):
            where.setdefault(symbol, {}).setdefault(options.get(symbol, "n"), []).append(lane)
    full = (1 << len(every)) - 1
    found: dict[str, dict[str, int]] = {}
    for symbol, values in where.items():
        planes = {value: _plane(lanes, len(every)) for value, lanes in values.items()}
        planes[every[0].get(symbol, "n")] = full & ~sum(planes.values())
        found[symbol] = planes
    return found


def _plane(lanes: Sequence[int], count: int) -> int:
    data = bytearray(count // 8 + 1)
    for lane in lanes:
        data[lane >> 3] |= 1 << (lane & 7)
    return int.from_bytes(data, "little")


def _shared(masks: Sequence[int]) -> tuple[list[tuple[int, int]], Counter[int]]:
    """Objects by the options that they mention, as nodes of (number of a node before, option) and a weight for each.

    Node 0 is no option at all. With the heaviest option first, objects share most of their ORs.
    """
    mentions: dict[int, list[int]] = {}
    for number, mask in enumerate(masks):
        for place in bits(mask):
            mentions.setdefault(place, []).append(number)
    nodes: dict[tuple[int, int], int] = {}
    weights: Counter[int] = Counter()
    for numbers in mentions.values():
        at = 0
        for number in numbers:
            at = nodes.setdefault((at, number), len(nodes) + 1)
        weights[at] += 1
    return list(nodes), weights


def _column(columns: list[list[int]], place: int) -> list[int]:
    while len(columns) <= place:
        columns.append([])
    return columns[place]


def _sum(columns: list[list[int]]) -> list[int]:
    """Add up planes that stand for 1, 2, 4, ...: the digits of each lane's sum."""
    found = []
    place = 0
    while place < len(columns):
        column = columns[place]
        if len(column) % 2 == 0:
            column.append(0)
        total, carry = column[0], []
        pairs = iter(column[1:])
        for one, two in zip(pairs, pairs, strict=True):
            either = total ^ one
            carry.append((total & one) | (either & two))
            total = either ^ two
        found.append(total)
        if any(carry):
            _column(columns, place + 1).extend(carry)
        place += 1
    return found
