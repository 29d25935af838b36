"""Plans in which order kernels are built, and from whose object tree each starts, so that least is rebuilt.

Pure: values in, steps out. Never lets a kernel start from a tree that is neither its own nor one of its ancestors.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

from pipeline.distance import ON, differing, heaviest, rebuilt
from pipeline.lanes import Frontier, Lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipeline.distance import Depends

T = TypeVar("T")
NOTHING = ""
# Objects that a crossing from an ancestor's tree rebuilds besides, for the patches between them. A guess: those of this
# project touch Kconfig, Makefiles and a few files of a driver.
CROSSING = 50
# A tree of at most EXACT kernels is planned exactly; a larger one goes in pieces of so many, ordered by the values of
# its HEAVY heaviest options. `./inv bench plan` says what that costs.
EXACT, HEAVY = 1000, 64
# The most object trees from elsewhere that a piece is offered, and twice that of the pieces before it.
STARTS, NEAR = 1000, 64
SHOWN = 12  # of a key, as in a kernel's release string


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A kernel to build: its tree, the ancestors whose object trees it may start from besides, and its options.

    Options that all kernels of a plan have in common may be left out, of all alike; an absent one is n.
    """

    key: str
    tree: str
    options: Mapping[str, str]
    ancestors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The object tree of a finished kernel that is there already."""

    key: str
    tree: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Seconds: of a build from nothing and of an increment, both without any object, and of each object.

    The defaults are of two cores without ccache: 458 s for linux 7.2's 1,444 objects, 10 s for none, 256 s for 823.
    """

    full: float = 25.0
    increment: float = 10.0
    each: float = 0.3

    def whole(self, depends: Depends) -> float:
        """Seconds of a build from nothing: of all objects that were ever seen in such a tree."""
        return self.full + self.each * depends.count

    def of(self, objects: int) -> float:
        """Seconds of an increment that compiles so many objects."""
        return self.increment + self.each * objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A build: of which kernel, from whose object tree (NOTHING: from none), how much is rebuilt, and why so."""

    key: str
    parent: str
    objects: int
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class _Start:
    """An object tree to start from: whose it is, the objects that crossing from there costs, and the lanes that may."""

    kernel: Wanted | Kept
    extra: int
    allowed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is the same for all kernels of a tree."""

    tree: str
    depends: Depends
    rates: Rates
    crossing: Callable[[str, str], int]
    ready: Mapping[str, Sequence[Wanted | Kept]]
    exact: int


def plan(
    wanted: Iterable[Wanted], kept: Iterable[Kept], depends: Callable[[str], Depends], *, rates: Rates | None = None,
    crossing: Callable[[str, str], int] | None = None, exact: int = EXACT,
) -> list[Step]:  # fmt: skip
    """Each wanted kernel once, parents before children, with the least sum of costs.

    `depends` tells of a tree's name what its objects mention, `crossing` of an ancestor's and a tree's name the objects
    that going from the one to the other rebuilds besides. A kept tree of a wanted kernel is left out: a step's parent
    could be either. Raises ValueError (graphlib.CycleError) for trees that are ancestors of one another.

    Why it is least: an edge goes from a tree to itself or to one that descends from it, never back. So the trees can
    be settled one by one, ancestors first: whatever a tree may start from is there when its turn comes, whichever way
    it was built. Within a tree a build costs the same from a to b as from b to a, and all that is there before, with
    the start from nothing, is one more node, the root. What is left is a minimum spanning tree, and Prim's finds it.

    Conditions: the cost is distance.between, the mean of both directions. It differs from distance.rebuilt, which is
    what a Step tells, only by options that no object mentions. A tree of more than `exact` kernels is approximated:
    they are sorted by their heaviest options and planned in pieces, each with few candidates from the pieces before.
    And of more than STARTS object trees that are there before it, only so many are looked at.
    """
    unique = {one.key: one for one in wanted}
    trees: dict[str, list[Wanted]] = {}
    for one in unique.values():
        trees.setdefault(one.tree, []).append(one)
    ready: dict[str, list[Wanted | Kept]] = {}
    for there in kept:
        if there.key not in unique:
            ready.setdefault(there.tree, []).append(there)
    steps: list[Step] = []
    for tree in TopologicalSorter(_above(trees)).static_order():
        case = _Case(
            tree=tree, depends=depends(tree), rates=rates or Rates(), crossing=crossing or (lambda _, __: CROSSING),
            ready=ready, exact=exact,
        )  # fmt: skip
        done: list[Wanted | Kept] = []
        for piece in _pieces(case, trees.get(tree, [])):
            steps += _prim(case, piece, [*_starts(case, piece), *_near(done, piece)])
            done += piece
        ready.setdefault(tree, []).extend(done)
    return steps


def _above(trees: Mapping[str, Sequence[Wanted]]) -> dict[str, list[str]]:
    """The trees that must be settled before each, in an order that is the same each time."""
    names = {tree: dict.fromkeys(name for one in ones for name in one.ancestors) for tree, ones in trees.items()}
    return {tree: [name for name in found if name != tree] for tree, found in names.items()}


def _prim(case: _Case, kernels: Sequence[Wanted], starts: Sequence[_Start]) -> Iterator[Step]:
    """The steps of one tree's kernels: Prim's algorithm from all starts and from nothing."""
    lanes = Lanes([one.options for one in kernels], [one.kernel.options for one in starts], case.depends)
    frontier = Frontier(len(kernels))
    from_ = [*starts, *(_Start(one, 0, lanes.full) for one in kernels)]
    rows = lanes.distances([(start.kernel.options, start.extra) for start in from_])
    for number, start in enumerate(starts):
        frontier.offer(number, next(rows), start.allowed)
    within = list(rows)
    sizes = [sum(value in ON for value in one.options.values()) for one in kernels]
    while frontier.waiting:
        nearest = frontier.nearest()
        if nearest is None:  # what is switched off later costs less than what is switched on
            lane = max(frontier.lanes(), key=lambda one: (sizes[one], -one))
            yield _from_nothing(case, kernels[lane], f"no finished tree of {case.tree}")
        elif case.rates.of(nearest[1]) > case.rates.whole(case.depends):
            lane = nearest[0]
            name = from_[frontier.parents[lane]].kernel.key[:SHOWN]
            why = f"of {name}, the nearest, about {nearest[1]} objects would be rebuilt"
            yield _from_nothing(case, kernels[lane], why)
        else:
            lane = nearest[0]
            yield _increment(case, lanes, from_[frontier.parents[lane]], kernels[lane])
        frontier.take(lane)
        frontier.offer(len(starts) + lane, within[lane], lanes.full)


def _from_nothing(case: _Case, kernel: Wanted, why: str) -> Step:
    return Step(
        key=kernel.key, parent=NOTHING, objects=case.depends.count, seconds=round(case.rates.whole(case.depends), 1),
        why=f"from nothing: {why}",
    )  # fmt: skip


def _increment(case: _Case, lanes: Lanes, start: _Start, kernel: Wanted) -> Step:
    one, two = start.kernel.options, kernel.options
    changed = [symbol for symbol in lanes.symbols if one.get(symbol, "n") != two.get(symbol, "n")]
    old = {symbol: one.get(symbol, "n") for symbol in changed}
    new = {symbol: two.get(symbol, "n") for symbol in changed}
    objects = rebuilt(old, new, case.depends) + start.extra
    crossed = f" of {start.kernel.tree}" if start.kernel.tree != case.tree else ""
    return Step(
        key=kernel.key, parent=start.kernel.key, objects=objects, seconds=round(case.rates.of(objects), 1),
        why=f"from {start.kernel.key[:SHOWN]}{crossed}: {_what(old, new, case.depends)} about {objects} objects",
    )  # fmt: skip


def _what(old: Mapping[str, str], new: Mapping[str, str], depends: Depends) -> str:
    """What rebuilds most, and how many options do with it."""
    heavy = heaviest(old, new, depends, 1)
    others = len(differing(old, new)) - len(heavy)
    if not heavy:
        return "nothing differs that an object mentions,"
    if not others:
        return f"{heavy[0]} rebuilds"
    return f"{heavy[0]} and {others} other option{'s' if others > 1 else ''} rebuild"


def _starts(case: _Case, kernels: Sequence[Wanted]) -> list[_Start]:
    """What a tree's kernels may start from before any of them is built; of those that are alike, the nearest."""
    lanes: dict[str, int] = {case.tree: (1 << len(kernels)) - 1}
    for lane, kernel in enumerate(kernels):
        for name in kernel.ancestors:
            lanes[name] = lanes.get(name, 0) | 1 << lane
    extra = {name: max(0, case.crossing(name, case.tree)) if name != case.tree else 0 for name in lanes}
    seen: dict[tuple[int, int], Mapping[str, str]] = {}  # by a hash, as many sets of pairs would take much memory
    found: list[_Start] = []
    for name in sorted(lanes, key=extra.__getitem__):
        for one in case.ready.get(name, ()):
            first = seen.setdefault((lanes[name], hash(frozenset(one.options.items()))), one.options)
            if first is one.options or first != one.options:
                found.append(_Start(one, extra[name], lanes[name]))
    return _spread(found, STARTS)


def _near(done: Sequence[Wanted | Kept], kernels: Sequence[Wanted]) -> list[_Start]:
    """Candidates from the pieces before: the last ones, and some from all over."""
    few = [*_spread(done[:-NEAR], NEAR), *done[-NEAR:]]
    return [_Start(one, 0, (1 << len(kernels)) - 1) for one in few]


def _spread(ones: Sequence[T], most: int) -> list[T]:
    return [ones[number * len(ones) // most] for number in range(most)] if len(ones) > most else list(ones)


def _pieces(case: _Case, kernels: list[Wanted]) -> list[list[Wanted]]:
    """The kernels of a tree in one piece, if that is affordable; else sorted by their heaviest options, in several."""
    if len(kernels) <= case.exact:
        return [kernels] if kernels else []
    first = kernels[0].options
    symbols = sorted({symbol for one in kernels for symbol in differing(first, one.options)})
    heavy = sorted(symbols, key=lambda symbol: -(case.depends.mask(symbol) or 0).bit_count())[:HEAVY]
    ordered = sorted(kernels, key=lambda one: [one.options.get(symbol, "n") for symbol in heavy])
    return [ordered[at : at + case.exact] for at in range(0, len(ordered), case.exact)]
