"""The commands. Each parses its flags, calls one function, and ends with that function's exit status."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import (
    answering,
    asking,
    auditing,
    checks,
    collecting,
    comparing,
    daemon,
    doctor,
    fixing,
    gate,
    planning,
    reporting,
    run,
    showing,
    single,
)
from pipeline import bench as benching
from pipeline import prune as pruning
from pipeline import rebuild as rebuilding
from pipeline import shards as splitting
from pipeline import verify as verifying
from pipeline.command import ALONE_HELP, CELLS, MATRIX_HELP, command

if TYPE_CHECKING:
    from invoke import Context


@command(help=MATRIX_HELP)
def matrix(
    _: Context, file: str = "matrix.yaml", through: str = "boot", cells: str = "", jobs: int = 0,
    plain: bool = False, fresh: bool = False, accel: str = "auto", fail_on: str = "", json: bool = False,
) -> int:  # fmt: skip
    """Resolve, build, boot and judge every cell of matrix.yaml."""
    options = run.Options(
        file=Path(file), through=through, cells=cells, jobs=jobs, plain=plain, fresh=fresh, accel=accel,
        fail_on=gate.words(fail_on), json=json,
    )  # fmt: skip
    return run.run(options)


@command(
    help={**ALONE_HELP, **{key: MATRIX_HELP[key] for key in ("file", "cells", "plain", "fresh", "fail-on", "json")}},
)
def resolve(
    _: Context, config: str = "", source: str = "", policy: str = "olddefconfig", file: str = "matrix.yaml",
    cells: str = "", plain: bool = False, fresh: bool = False, fail_on: str = "", json: bool = False,
) -> int:  # fmt: skip
    """Say what becomes of the options; no compiler (matrix --through resolve, or one --config on one --source)."""
    options = run.Options(
        file=Path(file), through="resolve", cells=cells, plain=plain, fresh=fresh, json=json,
        fail_on=gate.words(fail_on), command=asking.command(config, source, policy, Path(file)),
    )  # fmt: skip
    return run.of(asking.meant(config, source, policy, options.file), options)


@command(help={
    "cells": CELLS, **ALONE_HELP, "symbol": "glob over options, * for all; those of the intent if not given",
    "file": MATRIX_HELP["file"], "plain": MATRIX_HELP["plain"],
})  # fmt: skip
def explain(
    _: Context, cells: str = "", config: str = "", source: str = "", policy: str = "olddefconfig", symbol: str = "",
    file: str = "matrix.yaml", plain: bool = False,
) -> int:  # fmt: skip
    """Say in a tree why each option came out as it did: what was asked where, what decides, what was printed."""
    wanted = symbol.removeprefix("CONFIG_") or showing.INTENT
    options = run.Options(
        file=Path(file), through="resolve", cells=cells, plain=plain, explain=wanted,
        command=asking.command(config, source, policy, Path(file)),
    )  # fmt: skip
    return run.of(asking.meant(config, source, policy, options.file), options)


@command(help={"cells": CELLS, **ALONE_HELP, "write": "a new file, or a folder for one", "file": MATRIX_HELP["file"],
          "plain": MATRIX_HELP["plain"]})  # fmt: skip
def fix(
    _: Context, cells: str = "", config: str = "", source: str = "", policy: str = "olddefconfig", write: str = "",
    file: str = "matrix.yaml", plain: bool = False,
) -> int:  # fmt: skip
    """Find the smallest fragment that restores what was lost, proven by resolving again with and without each line."""
    options = run.Options(file=Path(file), through="resolve", cells=cells, plain=plain)
    return fixing.fix(asking.meant(config, source, policy, options.file), options, write)


@command(help={"left": "a variant of the latest run, a run's folder, or RUN:VARIANT", "right": "likewise",
            "markdown": "for GitHub"})  # fmt: skip
def compare(_: Context, left: str, right: str, markdown: bool = False) -> int:
    """Say which cells gained, lost, or changed from one variant or run to another."""
    return comparing.compare(left, right, results=Path("results"), markdown=markdown)


@command(help={"run": "a run's folder, or a packed one; results/latest if not given",
            "format": ", ".join(reporting.FORMATS), "output": "a file; the standard output if not given"})  # fmt: skip
def report(_: Context, run: str = "results/latest", format: str = "md", output: str = "") -> int:
    """Write a run for its readers: a page, a mail, a job summary, or what another system reads."""
    return reporting.report(Path(run), format, Path(output) if output else None)


@command(help={"count": "how many machines", "format": ", ".join(splitting.FORMATS),
            **{key: MATRIX_HELP[key] for key in ("file", "cells", "through")}})  # fmt: skip
def shards(_: Context, count: str, format: str = "json", file: str = "matrix.yaml", cells: str = "",
          through: str = "boot") -> int:  # fmt: skip
    """Split the matrix among machines: what shares objects stays together, each takes about as long."""
    return splitting.show(run.Options(file=Path(file), cells=cells, through=through), count, format)


@command(help={"folders": "where the machines' results were put, one or more",
            **{key: MATRIX_HELP[key] for key in ("file", "cells", "fail-on")}}, iterable=["folders"])  # fmt: skip
def collect(_: Context, folders: list[str], file: str = "matrix.yaml", cells: str = "", fail_on: str = "") -> int:
    """Merge the runs of several machines into one; 1 when a cell is missing."""
    options = run.Options(file=Path(file), cells=cells)
    return collecting.collect([Path(folder) for folder in folders], options, gate.words(fail_on))


@command(help={"tree": "a kernel tree's folder, REPOSITORY#REF, or a name of matrix.yaml", "file": MATRIX_HELP["file"],
            "objects": "a build folder of that tree: check there what was really built in",
            "markdown": "for GitHub", "plain": MATRIX_HELP["plain"]})  # fmt: skip
def audit(
    _: Context, tree: str, objects: str = "", markdown: bool = False, file: str = "matrix.yaml", plain: bool = False,
) -> int:  # fmt: skip
    """List every place where a Makefile builds code in although its option is m."""
    return auditing.audit(tree, run.Options(file=Path(file), plain=plain), objects=objects, markdown=markdown)


@command(help={"cell": CELLS, "file": MATRIX_HELP["file"], "jobs": MATRIX_HELP["jobs"]})
def build(_: Context, cell: str, file: str = "matrix.yaml", jobs: int = 0) -> int:
    """Build the kernels of some cells and check what was built (matrix --through build)."""
    return run.run(run.Options(file=Path(file), through="build", cells=cell, jobs=jobs))


@command(help={
        "kernel": "a bzImage (vmlinuz) or vmlinux", "machine": "a machine of matrix.yaml",
        "modules": "a folder with its modules, such as lib/modules/RELEASE",
        "config": "its .config; found by itself beside a kernel in /boot",
        "without": "modules that the guest must do without, with commas",
        "append": "more words for the kernel's command line",
        **{key: MATRIX_HELP[key] for key in ("file", "accel", "plain")},
    })  # fmt: skip
def boot(
    _: Context, kernel: str, modules: str = "", config: str = "", machine: str = "hyperv", without: str = "",
    append: str = "", file: str = "matrix.yaml", accel: str = "auto", plain: bool = False,
) -> int:  # fmt: skip
    """Boot any kernel as a Hyper-V guest and say how far up the ladder it comes."""
    asked = single.Asked(
        kernel=Path(kernel), modules=Path(modules) if modules else None, config=Path(config) if config else None,
        machine=machine, without=frozenset(name for name in without.split(",") if name), append=append,
    )  # fmt: skip
    return single.boot(asked, run.Options(file=Path(file), accel=accel, plain=plain))


@command(help={"folder": "a run, such as results/latest, or a packed one (docs/answer/run.tar.xz)"})
def judge(_: Context, folder: str) -> int:
    """Judge a saved run again from its files alone."""
    return answering.judge(Path(folder))


@command(help={
        "folder": "a run, such as results/latest, or a packed one",
        "rebuild": "also build the kernel of this cell (its whole name) from nothing, and compare",
        **{key: MATRIX_HELP[key] for key in ("file", "jobs", "plain")},
    })  # fmt: skip
def verify(
    _: Context, folder: str, rebuild: str = "", file: str = "matrix.yaml", jobs: int = 0, plain: bool = False,
) -> int:  # fmt: skip
    """Check a saved run's files against its records, and judge it again; says which file differs."""
    options = run.Options(file=Path(file), jobs=jobs, plain=plain)
    rebuilt = rebuilding.differences(Path(folder), rebuild, options) if rebuild else ()
    return verifying.verify(Path(folder), rebuilt)


@command(help={"folder": "a run of the whole matrix, or a packed one"})
def answer(_: Context, folder: str) -> int:
    """Write docs/answer.md from a run, and keep the run beside it as docs/answer/run.tar.xz."""
    return answering.answer(Path(folder))


@command(help={key: MATRIX_HELP[key] for key in ("file", "cells", "through")})
def plan(_: Context, file: str = "matrix.yaml", cells: str = "", through: str = "boot") -> int:
    """Say what matrix would do, what is there already, and how long it may take; does nothing."""
    return planning.show(run.Options(file=Path(file), cells=cells, through=through))


@command(name="doctor")
def diagnose(_: Context) -> int:
    """Say what this host can do and why: engine, accelerator, disk, memory."""
    return doctor.show(os.environ)


@command(help={"everything": "all that can be made again: images, trees, kernels, boots, caches"})
def prune(_: Context, everything: bool = False) -> int:
    """Free disk: images and trees that nothing needs, and over HVMATRIX_DISK what was used least recently."""
    return pruning.prune(everything=everything)


@command(help={"stop": "stop the private engine"})
def engine(_: Context, stop: bool = False) -> int:
    """Say which container engine is used; with --stop, end the private one."""
    if stop:
        print("stopped" if daemon.stop(os.environ) else "no private engine runs")
        return 0
    print(daemon.find(os.environ) or "none answers")
    return 0


@command(help={
        "name": "boot, soak, plan, report, resolve, or build (which empties the compiler caches)",
        "rounds": "how often each is measured",
        "sample": "build: tuxmake builds every Nth kernel only, and the rest is estimated",
        **{key: MATRIX_HELP[key] for key in ("file", "cells", "jobs", "plain")},
    })  # fmt: skip
def bench(
    _: Context, name: str, rounds: int = 1, sample: int = 1, file: str = "matrix.yaml", cells: str = "", jobs: int = 0,
    plain: bool = False,
) -> int:  # fmt: skip
    """Measure a part of the pipeline against what it stands on, and write docs/bench/NAME.json."""
    return benching.bench(name, run.Options(file=Path(file), cells=cells, jobs=jobs, plain=plain), rounds, sample)


@command(help={"only": "pytest's -k", "quick": "leave out what needs an engine or a kernel"})
def test(_: Context, only: str = "", quick: bool = False) -> int:
    """Run every test: linters, unit tests, real containers, a real build and real boots."""
    return checks.test(only=only, quick=quick)


@command()
def lint(_: Context) -> int:
    """Run ruff and mypy."""
    return checks.lint()
