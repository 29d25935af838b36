"""The build of a matrix by this pipeline, by tuxmake with ccache, and by hand in one tree: in one run on one machine.

It empties this project's compiler caches and object trees in the engine: cold means cold. Never judges a kernel.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import (
    asking,
    benchbounds,
    benchours,
    benchpeers,
    benchsums,
    build,
    buildplan,
    host,
    images,
    leases,
    progress,
    series,
    session,
    settling,
    slimming,
    stages,
)
from pipeline.benchpeers import Floor, Piece
from pipeline.benchsamples import Ledger
from pipeline.benchsums import COLD, FLOOR, WARM, Sample, Total
from pipeline.errors import HostError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.benchbounds import Bounded
    from pipeline.benchsums import Spent
    from pipeline.engine import Volume
    from pipeline.model import Matrix
    from pipeline.record import State
    from pipeline.run import Options

PIECE_SECONDS = 300.0  # of the first one, as far as anybody knows
FACTS = ("compiler", "tuxmake", "ccache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is built: each cell's kernel for tuxmake, each distinct kernel in the pipeline's order for the floor.

    `same` is a digest of what tuxmake and the floor work with: only samples of the same tools can be added up.
    """

    cells: tuple[Piece, ...]
    kernels: tuple[Piece, ...]
    image: str
    tools: Mapping[str, str]
    same: str


def measure(
    options: Options, rounds: int, sample: int = 1, changed: Sequence[str] = benchours.CHANGED,
) -> dict[str, Any]:  # fmt: skip
    """Seconds of each over all cells of a matrix; with `sample` N, tuxmake builds every Nth kernel only.

    `changed` are the variants of which each has its patch changed once. A measurement that was interrupted goes on
    where it was. Raises UserError for numbers that are none, HostError when anything cannot be built.
    """
    if sample < 1:
        raise UserError(f"--sample {sample}: not a number of kernels", hint="1 for all, or N for every Nth")
    whole = asking.load(options.file)
    with leases.held(options.cache):  # the trees are to stay, also while nothing runs in them
        return _measured(replace(whole, cells=asking.select(whole, options.cells)), options, rounds, sample, changed)


def _measured(
    matrix: Matrix, options: Options, rounds: int, sample: int, changed: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    asked = _asked(matrix, options)
    folder, jobs = options.cache / "bench", options.jobs
    ours = Ledger(folder / "build-ours.json", _identity(asked, jobs, changed, benchours.code()))
    peers = Ledger(folder / "build-peers.json", _identity(asked, jobs, sample))
    for number in range(rounds):
        benchours.measure(matrix, options, changed, ours, number)
        _peers(asked, options, sample, peers, number)
    totals = _totals(asked, ours, peers, rounds)
    found = _result(asked, options, sample, [*ours.samples, *peers.samples], totals)
    found["facts"]["modules that the pipeline builds"] = matrix.targets
    if ours.continued or peers.continued:
        found["facts"]["interrupted"] = "yes, and gone on with where it was"
    ours.close()
    peers.close()
    return found


def _asked(matrix: Matrix, options: Options) -> Asked:
    """Resolve every cell, in the user's own cache: what is measured is not this."""
    with progress.view(plain=options.plain) as view, session.session(view, options.cache) as engine:
        bench = stages.bench(engine, view, options)
        states = asking.states(matrix, matrix.cells)
        stages.configs(bench, states)
        stages.sources(bench, states)
        stages.resolutions(bench, states)
        slimming.slims(bench, states)
        settling.kernels(bench, states, dict.fromkeys(images.toolchains(), ""))
        failed = next((state.error for state in states if state.error), "")
        if failed:
            raise HostError(f"a cell did not resolve: {failed}")
        image = images.bench(engine, view.say)
        engine.ensure_volume(benchpeers.VOLUME)
        tools = images.facts(engine, image, (*FACTS, "packages"))
        built = [state for state in states if state.kernel]
        if not built:
            raise UserError("bench build: no cell has a kernel to build", hint="choose others with --cells")
        return Asked(
            cells=tuple(_cell(state) for state in built), kernels=tuple(_kernels(built, options)), image=image,
            tools={name: tools[name] for name in FACTS}, same=_same(tools, engine.volume(benchpeers.VOLUME)),
        )  # fmt: skip


def _same(tools: Mapping[str, str], cache: Volume | None) -> str:
    """A digest of the packages, of the scripts that measure, and of the compiler cache that samples left behind."""
    scripts = [path.read_text(encoding="utf-8") for path in sorted((images.CONTAINERS / "bench").iterdir())]
    words = [*tools.values(), *scripts, cache.identity if cache else ""]
    return hashlib.sha256(repr(words).encode()).hexdigest()


def _cell(state: State) -> Piece:
    """What tuxmake builds for a cell: its tree and its .config, with nothing known of other cells."""
    tree = state.tree
    if tree is None:
        raise HostError(f"{state.cell.name} has no tree")
    own = build.kernel(tree, "", settling.text(state))
    return Piece(cell=state.cell.name, key=f"{tree.digest} {own.key}", tree=tree, patches=(), config=own.config)


def _kernels(states: Sequence[State], options: Options) -> list[Piece]:
    """The distinct kernels in the order in which the pipeline builds them when nothing is there yet."""
    first: dict[str, State] = {}
    for state in states:
        if state.kernel:
            first.setdefault(state.kernel.key, state)
    wanted = {key: state.kernel for key, state in first.items() if state.kernel}
    found = []
    for step in buildplan.steps((), options.cache, list(wanted.values())):
        kernel, cell = wanted[step.key], first[step.key].cell
        patches = tuple(patch.text for patch in series.read(cell.variant)) if kernel.tree.plain else ()
        found.append(Piece(cell=cell.name, key=kernel.key, tree=kernel.tree, patches=patches, config=kernel.config))
    return found


def _identity(asked: Asked, *words: object) -> str:
    pieces = [piece.key for piece in (*asked.cells, *asked.kernels)]
    return hashlib.sha256(repr([*pieces, asked.same, *words]).encode()).hexdigest()


def _keys(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    return [(piece.tree.digest, piece.key) for piece in pieces]


def _sorts(asked: Asked) -> list[str]:
    return benchsums.kinds(_keys(asked.cells))


def _peers(asked: Asked, options: Options, sample: int, ledger: Ledger, number: int) -> None:
    """Build with tuxmake and by hand, by turns, both from nothing; then with tuxmake once more."""
    sorts = _sorts(asked)
    cells = [(asked.cells[one], sorts[one]) for one in benchsums.picked(_keys(asked.cells), sample)]
    with ExitStack() as stack:
        view = stack.enter_context(progress.view(plain=options.plain))
        engine = stack.enter_context(session.session(view, options.cache))
        if not ledger.of(COLD, number):
            benchpeers.forget_tuxmake(engine, asked.image)
        floor = Floor(engine, asked.image, stack, options.jobs or host.cores())

        def by(series_name: str, piece: Piece) -> Callable[[], Spent]:
            name = f"{series_name} {number} {piece.cell}"
            return partial(benchpeers.tuxmake, engine, asked.image, piece, options.jobs, name)

        todo: list[tuple[str, str, Piece, Callable[[], Spent]]] = benchsums.interleaved(
            [(COLD, kind, piece, by(COLD, piece)) for piece, kind in cells], _by_hand(asked.kernels, floor),
        )  # fmt: skip
        todo += [(WARM, kind, piece, by(WARM, piece)) for piece, kind in cells]
        there = sum(ledger.known(name, number, piece.cell) for name, _, piece, _ in todo)
        view.say(f"{len(todo)} builds by tuxmake and by hand, {there} of them measured before")
        for place, (name, kind, piece, do) in enumerate(todo, 1):
            if not ledger.known(name, number, piece.cell):
                about = next((one.spent.wall for one in reversed(ledger.samples) if one.series == name), PIECE_SECONDS)
                with view.work(f"{place} of {len(todo)}: {name}: {piece.cell}", about) as work:
                    spent = do()
                    work.note = f"{spent.wall:.0f} s, {spent.cpu:.0f} CPU seconds"
                ledger.add(Sample(series=name, round=number, name=piece.cell, kind=kind, spent=spent))


def _by_hand(kernels: Sequence[Piece], floor: Floor) -> list[tuple[str, str, Piece, Callable[[], Spent]]]:
    """The kernels by hand, each with the one that is built before it in the same tree."""
    last: dict[str, Piece] = {}
    found: list[tuple[str, str, Piece, Callable[[], Spent]]] = []
    for piece in kernels:
        found.append((FLOOR, benchsums.NEXT, piece, partial(floor.build, piece, last.get(piece.plain.digest))))
        last[piece.plain.digest] = piece
    return found


def _totals(asked: Asked, ours: Ledger, peers: Ledger, rounds: int) -> list[Total | Bounded]:
    """The typical round of each series, the floor first; of tuxmake's cold pass bounds, where not all was measured."""
    sorts = _sorts(asked)
    counts = {kind: sorts.count(kind) for kind in benchsums.KINDS}
    found = [(peers, FLOOR, {benchsums.NEXT: len(asked.kernels)})]
    names = dict.fromkeys(one.series for one in ours.samples)
    found += [(ours, name, {one.kind: 1 for one in ours.of(name, 0)}) for name in names]
    found += [(peers, COLD, counts), (peers, WARM, counts)]
    totals = {
        name: benchsums.typical([benchsums.total(ledger.of(name, number), many) for number in range(rounds)])
        for ledger, name, many in found
    }
    return [_bounded(one, totals[WARM], peers) if one.extrapolated and one.series == COLD else one
            for one in totals.values()]  # fmt: skip


def _bounded(total: Total, warm: Total, peers: Ledger) -> Bounded:
    cold, again, floor = (peers.of(name, 0) for name in (COLD, WARM, FLOOR))
    return benchbounds.bounded(total, cold, again, warm.spent, floor)


def _result(
    asked: Asked, options: Options, sample: int, samples: Sequence[Sample], totals: Sequence[Total | Bounded],
) -> dict[str, Any]:  # fmt: skip
    """What goes into docs/bench/build.json, but for the machine and the date."""
    facts: dict[str, Any] = {
        "cells": len(asked.cells), "distinct kernels": len(asked.kernels), "jobs": options.jobs or host.cores(),
        "tuxmake builds every": sample, "pipeline": benchours.code()[:12], **asked.tools,
        **benchsums.loads([one.spent for one in samples], host.cores()),
    }  # fmt: skip
    sorts, picked = _sorts(asked), benchsums.picked(_keys(asked.cells), sample)
    kinds = {
        kind: {"measured": sum(sorts[one] == kind for one in picked), "pieces": sorts.count(kind)}
        for kind in benchsums.KINDS
    }
    ratios = benchsums.ratios((one for one in totals if isinstance(one, Total)), FLOOR)
    return {
        "facts": facts, "kinds": kinds, "against": FLOOR, "ratios": ratios,
        "totals": [asdict(one) for one in totals], "samples": [asdict(one) for one in samples],
    }  # fmt: skip
