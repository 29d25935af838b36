"""docs/bench/build.md, of what `bench build` measured: a table, and how each figure came about.

Pure: the measurement in, text out. Every figure that was not measured says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import benchsums, markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HEAD = ("what", "wall", "CPU", "its own CPU", "wall, x floor", "kernels built", "measured")
MINUTE, HOUR, FINE = 60, 3600, 10
NOISE = 0.05  # the share of a machine that its own system may take
METHOD = (
    """This pipeline: `./inv matrix --through build` over all cells. Trees and images are there. For `cold`,
    resolutions, kernels, object trees and compiler caches are not, and its seconds have in them what carrying the
    configs over takes. For `changed`, one patch has a comment line more, in the file that is named. These come after
    `cold`, each with all other patches as they were, and `nothing changed` comes last.""",
    """tuxmake ({tuxmake}): `tuxmake --wrapper ccache --kconfig FILE` in the tree of each cell in turn, in a
    container with the same compiler. All else is its default: no container of its own; the targets config, kernel,
    xipkernel, modules, dtbs, dtbs-legacy, debugkernel and headers; a build folder that is new each time and removed
    at the end; as many jobs as processors, unless --jobs said otherwise for all. It is given the final .config.
    `warm` is a second pass over the same cells with the compiler cache of the first. `kernel and modules alone` are
    the same runs without the seconds that tuxmake's metadata.json has for its other targets.""",
    """Floor: `make bzImage modules` without ccache, in one tree and one build folder for each source: each distinct
    kernel once, in the pipeline's own order. Patches are applied and taken back in that tree. It is given the final
    .config.""",
    """tuxmake's cold pass and the floor took turns, kernel by kernel. Starting containers, copying the floor's tree
    and copying the compiler cache between builds is in neither's seconds. All that the pipeline does is in its
    own.""",
    """CPU: the seconds that all processors of the machine were busy (/proc/stat), the engine and all else included.
    Its own CPU: what its containers counted themselves, where they were asked.""",
)
BOUNDS = """Not so in the cold pass: before a build that was measured there were fewer others than in the whole
    sequence, and so fewer objects in the compiler cache; of that pass there are only bounds. At least: the warm pass,
    and what the measured builds took longer than they do warm. At most: the warm pass and the floor, which compiles
    every object of every cell at least once."""


def duration(seconds: float) -> str:
    """Seconds as a person says them: `2 h 05 min`, `12 min 30 s`, `45 s`, `3.2 s`."""
    whole = round(seconds)
    if whole >= HOUR:
        hours, minutes = divmod(round(whole / MINUTE), MINUTE)
        return f"{hours} h {minutes:02} min"
    if whole >= MINUTE:
        return f"{whole // MINUTE} min {whole % MINUTE:02} s"
    return f"{whole} s" if seconds >= FINE else f"{seconds:.1f} s"


def page(note: Mapping[str, Any]) -> str:
    """The page of a measurement as it is in docs/bench/build.json."""
    goes = "in more than one go" if "interrupted" in note["facts"] else "in one run"
    about = f"Measured on {markdown.plain(note['date'])}, {goes}, on {markdown.plain(note['machine'])}."
    parts = [
        "# What building a matrix takes\n", markdown.paragraph(f"{about} Every sample is in [build.json](build.json)."),
        markdown.table(HEAD, _rows(note)), markdown.bullets(answers(note)), "![The same as bars](build.svg)\n",
        "## How it was measured\n",
        markdown.bullets(_method(note)), "## Facts\n",
        markdown.bullets(f"{name}: {markdown.plain(str(value))}" for name, value in note["facts"].items()),
    ]  # fmt: skip
    return "\n".join(parts)


def _rows(note: Mapping[str, Any]) -> Iterable[list[str]]:
    """A row a series; tuxmake has a second one for the part of its seconds that the others spend as well."""
    base = next(one for one in note["totals"] if one["series"] == note["against"])
    for one in note["totals"]:
        figures = ends(one)
        guessed = one["measured"] < one["pieces"]
        rest = "bounds" if "least" in one else "the others extrapolated"
        told = f"{one['measured']} of {one['pieces']}, {rest}" if guessed else "all"
        about = "about " if guessed else ""
        as_many = one["built"] >= base["built"]
        wall, cpu, inside, core = (
            [end[name] for end in figures if end[name] is not None] for name in ("wall", "cpu", "inside", "core")
        )
        yield [
            markdown.plain(one["series"]), _span(wall, about), _span(cpu, about), _span(inside, about),
            _times(wall, base["spent"]["wall"]) if as_many else "", f"{one['built']:.0f}", told,
        ]  # fmt: skip
        if core:
            name = f"{one['series']}: kernel and modules alone"
            yield [markdown.plain(name), _span(core, about), "", "", _times(core, base["spent"]["wall"]), "", told]


def ends(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The figures of a series, as a Spent has them: one, or its bounds, the larger one last."""
    return [one[end] for end in ("least", "most", "spent") if end in one]


def _span(figures: Sequence[float], about: str = "") -> str:
    return (about if figures else "") + " to ".join(duration(seconds) for seconds in figures)


def _times(figures: Sequence[float], base: float) -> str:
    return " to ".join(f"{seconds / base:.2f}" for seconds in figures)


def answers(note: Mapping[str, Any]) -> Iterable[str]:
    """A line for each series of this pipeline: what the others take for the same cells, in multiples of it.

    From nothing they begin with nothing, too; after a change tuxmake has the compiler cache of its first pass.
    """
    totals = {one["series"]: one for one in note["totals"]}
    for name, one in totals.items():
        if not name.startswith(f"{benchsums.OURS}, "):
            continue
        own, whole = one["spent"]["wall"], name.endswith(", cold")
        other = totals.get(benchsums.COLD if whole else benchsums.WARM, {})
        theirs = [end["wall"] for end in ends(other)]
        floor = totals[note["against"]]["spent"]["wall"]
        parts = []
        if theirs:
            parts.append(f"tuxmake's {'cold' if whole else 'warm'} pass takes {_times(theirs, own)} times as long")
        if whole:
            parts.append(f"the floor {_times([floor], own)} times")
        yield f"{markdown.plain(name)} ({duration(own)}): {', '.join(parts)}."


def _method(note: Mapping[str, Any]) -> Iterable[str]:
    for text in METHOD:
        yield " ".join(text.format(tuxmake=note["facts"]["tuxmake"]).split())
    yield from _guessed(note)
    others, worst = (note["facts"].get(name, 0) for name in (benchsums.OTHERS, benchsums.WORST))
    if max(others, worst) > NOISE:
        yield (
            f"Others used {others:.0%} of the machine meanwhile, {max(others, worst):.0%} during one piece: "
            "figures are too high, those for CPU most of all."
        )


def _guessed(note: Mapping[str, Any]) -> Iterable[str]:
    """How the figures that were not measured came about."""
    kinds = note["kinds"]
    if all(one["measured"] == one["pieces"] for one in kinds.values()):
        return
    there = {kind: one for kind, one in kinds.items() if one["pieces"]}
    listed = markdown.listed(
        f"{one['measured']} of {one['pieces']} ({benchsums.KINDS[kind]})" for kind, one in there.items()
    )
    text = f"Of tuxmake's builds, these were measured: {listed}. The others count as the mean of their kind."
    yield " ".join(f"{text} {BOUNDS}".split()) if any("least" in one for one in note["totals"]) else text
