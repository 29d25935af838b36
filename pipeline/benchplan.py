"""The planned order of kernels against naive orders, in seconds of building as the plan foresees them.

Builds nothing: what is measured here is the plan, its seconds and its memory, on 10,000 made-up kernels of a fixed
seed; and the plan for the matrix's own kernels, by what their object trees recorded.
"""

from __future__ import annotations

import random
import resource
import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline import asking, atomic, buildplan, estimates, foreseeing, objecttrees
from pipeline.distance import Depends, rebuilt
from pipeline.spanning import CROSSING, EXACT, Kept, Rates, Wanted, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline.buildplan import Question
    from pipeline.run import Options
    from pipeline.spanning import Step

KERNELS, SEED = 10_000, 20260
NOTHING, BEFORE, SPANNING, PLANNING = "each from nothing", "each from the one before", "spanning order", "planning"
# Of how many options, and how many objects mention each. As on linux 6.12: two thirds of what a distribution's config
# sets are in no object of the slim config, and every tenth is in more than 300 of 1,444.
OBJECTS, FOLDERS = 1444, 60
CLASSES = {"HEAVY": 12, "MIDDLE": 60, "LIGHT": 120, "UNSEEN": 200}
APPROXIMATED = 3 * EXACT  # kernels for which a plan in pieces is held against the exact one


def measure(options: Options, rounds: int) -> dict[str, Any]:
    """Seconds of building 10,000 kernels in three orders, for 20 trees and for one, and of planning them.

    `peak MiB` is the process's own peak (getrusage, ru_maxrss) with the kernels in it, 20 trees and one together.
    """
    rates = Rates()
    depends = objects(random.Random(SEED))  # noqa: S311 - a fixed seed, not a secret
    samples: dict[str, list[float]] = {}
    facts: dict[str, float] = {"kernels": KERNELS}
    for name, trees in (("20 trees", 20), ("one tree", 1)):
        wanted = kernels(trees, KERNELS // trees)
        facts[f"{name}: options that differ from the base, a kernel"] = median(len(one.options) for one in wanted)
        for _ in range(rounds):
            started = time.monotonic()
            steps = plan(wanted, (), lambda _: depends, rates=rates)
            samples.setdefault(f"{name}: {PLANNING}", []).append(round(time.monotonic() - started, 2))
        samples[f"{name}: {SPANNING}"] = [seconds(steps)]
        samples[f"{name}: {BEFORE}"] = [in_order(wanted, lambda _: depends, rates)]
        samples[f"{name}: {NOTHING}"] = [len(wanted) * (rates.full + rates.each * depends.count)]
        facts[f"{name}: from nothing"] = sum(not step.parent for step in steps)
    facts["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    few = kernels(1, APPROXIMATED)
    whole = seconds(plan(few, (), lambda _: depends, rates=rates, exact=APPROXIMATED))
    pieces = seconds(plan(few, (), lambda _: depends, rates=rates, exact=EXACT))
    facts[f"approximated over exact, {APPROXIMATED} kernels of one tree"] = round(pieces / whole, 4)
    recorded, of_matrix = matrix(options)
    samples |= of_matrix
    against = "its kernels each from nothing"
    return {"facts": facts | recorded, "samples": samples, "ratios": ratios(samples), "against": against}


def ratios(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each series' median over the seconds of the same kernels, each built from nothing."""
    return {
        name: round(median(values) / median(samples[f"{name.partition(': ')[0]}: {NOTHING}"]), 4)
        for name, values in samples.items()
    }


def matrix(options: Options) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The matrix's own kernels, by what the object trees that are finished here recorded; nothing where none is.

    The facts hold the planner's objects against those that were really compiled, over all increments that are known.
    """
    asked = asking.load(options.file)
    states = foreseeing.states(asked, asking.select(asked, options.cells), options.cache)
    wanted = list({state.kernel.key: state.kernel for state in states if state.kernel}.values())
    kept = [one for one in objecttrees.noted(options.cache) if one.toolchain in {two.toolchain for two in wanted}]
    if not kept:
        return {}, {}
    question, rates = buildplan.question(kept, wanted), estimates.rates(options.cache)
    nodes, depends = question.wanted, question.depends
    foreseen, compiled = increments(options.cache, question)
    facts: dict[str, float] = {
        "matrix: kernels": len(nodes), "matrix: increments that were built": len(foreseen),
        "matrix: objects foreseen for them": sum(foreseen), "matrix: objects compiled for them": sum(compiled),
    }  # fmt: skip
    samples = {
        f"matrix: {SPANNING}": [seconds(plan(nodes, (), depends, rates=rates))],
        f"matrix: {BEFORE}": [in_order(nodes, depends, rates)],
        f"matrix: {NOTHING}": [round(sum(rates.whole(depends(one.tree)) for one in nodes), 1)],
    }
    return facts, samples


def increments(cache: Path, question: Question) -> tuple[list[int], list[int]]:
    """Of each wanted kernel that was built from another's objects: the objects foreseen, and those compiled."""
    known: dict[str, Wanted | Kept] = {one.key: one for one in question.kept}
    known |= {one.key: one for one in question.wanted}
    foreseen, compiled = [], []
    for one in question.wanted:
        note: Any = atomic.read_json(cache / "kernels" / one.key / "build.json") or {}
        if start := known.get(note.get("start", "")):
            crossed = CROSSING if start.tree != one.tree else 0
            foreseen.append(rebuilt(start.options, one.options, question.depends(one.tree)) + crossed)
            compiled.append(int(note["compiled"]))
    return foreseen, compiled


def seconds(steps: Sequence[Step]) -> float:
    """The seconds of all builds, one after the other."""
    return round(sum(step.seconds for step in steps), 1)


def in_order(wanted: Sequence[Wanted], depends: Callable[[str], Depends], rates: Rates) -> float:
    """The seconds when each is built from the one before it, and the first of a tree from nothing."""
    total = rates.whole(depends(wanted[0].tree))
    for one, two in pairwise(wanted):
        of = depends(two.tree)
        total += rates.of(rebuilt(one.options, two.options, of)) if one.tree == two.tree else rates.whole(of)
    return round(total, 1)


def objects(dice: random.Random) -> Depends:
    """Which objects mention which option: those of a header that whole folders include, and a few more each."""
    folders = [0] * FOLDERS
    for number in range(OBJECTS):
        folders[min(dice.randrange(FOLDERS), dice.randrange(FOLDERS))] |= 1 << number  # some are large
    masks: dict[str, int] = {}
    for name, share in (("HEAVY", 0.6), ("MIDDLE", 0.05), ("LIGHT", 0.0)):
        for number in range(CLASSES[name]):
            mask = 0
            for folder in dice.sample(folders, round(FOLDERS * share * dice.uniform(0.5, 1.5))):
                mask |= folder
            for _ in range(dice.randrange(1, 5)):
                mask |= 1 << dice.randrange(OBJECTS)
            masks[f"{name}_{number}"] = mask
    return Depends(tuple(f"made/up/{number}.o" for number in range(OBJECTS)), masks)


def kernels(trees: int, each: int) -> list[Wanted]:
    """Kernels of a matrix: configs, ways to carry them over, and a few options of each kernel's own.

    Of five trees, one is plain and four are patched ones that descend from it. A config changes about 35 options and a
    way 20 more; both are the same on all trees, as in a matrix.
    """
    dice = random.Random(SEED + trees)  # noqa: S311 - a fixed seed, not a secret
    ways = 20
    configs = [_changes(dice, HEAVY=3, MIDDLE=5, LIGHT=10, UNSEEN=17) for _ in range(-(-each // ways))]
    carried = [_changes(dice, MIDDLE=2, LIGHT=6, UNSEEN=12) for _ in range(ways)]
    found: list[Wanted] = []
    for tree in range(trees):
        plain = tree - tree % 5
        for number in range(each):
            own = _changes(dice, LIGHT=2, UNSEEN=3)
            found.append(Wanted(
                key=f"{len(found):08x}", tree=f"tree-{tree}", ancestors=() if tree == plain else (f"tree-{plain}",),
                options={**configs[number // ways], **carried[number % ways], **own},
            ))  # fmt: skip
    return found


def _changes(dice: random.Random, **counts: int) -> dict[str, str]:
    """Some options that are switched on where the base has them off; drivers are modules half the time."""
    return {
        f"{name}_{number}": dice.choice("ym") if name in {"LIGHT", "UNSEEN"} else "y"
        for name, count in counts.items()
        for number in dice.sample(range(CLASSES[name]), count)
    }
