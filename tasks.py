"""The commands. Each parses its flags, calls one function, and ends with that function's exit status."""

from __future__ import annotations

import os
from pathlib import Path

from invoke import Context, task

from pipeline import (
    answering,
    asking,
    auditing,
    checks,
    comparing,
    daemon,
    doctor,
    fixing,
    planning,
    run,
    showing,
    single,
)
from pipeline import bench as benching
from pipeline import prune as pruning
from pipeline.command import ALONE_HELP, CELLS, MATRIX_HELP, command


@task(help=MATRIX_HELP, auto_shortflags=False)
@command
def matrix(
    _: Context, file: str = "matrix.yaml", through: str = "boot", cells: str = "", jobs: int = 0,
    plain: bool = False, fresh: bool = False, accel: str = "auto",
) -> int:  # fmt: skip
    """Resolve, build, boot and judge every cell of matrix.yaml."""
    options = run.Options(
        file=Path(file), through=through, cells=cells, jobs=jobs, plain=plain, fresh=fresh, accel=accel,
    )  # fmt: skip
    return run.run(options)


@task(
    help={**ALONE_HELP, **{key: MATRIX_HELP[key] for key in ("file", "cells", "plain", "fresh")}},
    auto_shortflags=False,
)
@command
def resolve(
    _: Context, config: str = "", source: str = "", policy: str = "olddefconfig", file: str = "matrix.yaml",
    cells: str = "", plain: bool = False, fresh: bool = False,
) -> int:  # fmt: skip
    """Say what becomes of the options; no compiler (matrix --through resolve, or one --config on one --source)."""
    options = run.Options(file=Path(file), through="resolve", cells=cells, plain=plain, fresh=fresh)
    return run.of(asking.meant(config, source, policy, options.file), options)


@task(
    help={
        "cells": CELLS, **ALONE_HELP, "symbol": "glob over options, * for all; those of the intent if not given",
        "file": MATRIX_HELP["file"], "plain": MATRIX_HELP["plain"],
    },
    auto_shortflags=False,
)  # fmt: skip
@command
def explain(
    _: Context, cells: str = "", config: str = "", source: str = "", policy: str = "olddefconfig", symbol: str = "",
    file: str = "matrix.yaml", plain: bool = False,
) -> int:  # fmt: skip
    """Say in a tree why each option came out as it did: what was asked where, what decides, what was printed."""
    wanted = symbol or showing.INTENT
    options = run.Options(file=Path(file), through="resolve", cells=cells, plain=plain, explain=wanted)
    return run.of(asking.meant(config, source, policy, options.file), options)


@task(
    help={"cells": CELLS, **ALONE_HELP, "write": "a new file, or a folder for one", "file": MATRIX_HELP["file"],
          "plain": MATRIX_HELP["plain"]},
    auto_shortflags=False,
)  # fmt: skip
@command
def fix(
    _: Context, cells: str = "", config: str = "", source: str = "", policy: str = "olddefconfig", write: str = "",
    file: str = "matrix.yaml", plain: bool = False,
) -> int:  # fmt: skip
    """Find the smallest fragment that restores what was lost, proven by resolving again with and without each line."""
    options = run.Options(file=Path(file), through="resolve", cells=cells, plain=plain)
    return fixing.fix(asking.meant(config, source, policy, options.file), options, write)


@task(
    help={
        "left": "a variant of the latest run, a run's folder, or RUN:VARIANT", "right": "likewise",
        "markdown": "for GitHub",
    },
    auto_shortflags=False,
)  # fmt: skip
@command
def compare(_: Context, left: str, right: str, markdown: bool = False) -> int:
    """Say which cells gained, lost, or changed from one variant or run to another."""
    return comparing.compare(left, right, results=Path("results"), markdown=markdown)


@task(help={"tree": "a kernel tree's folder, REPOSITORY#REF, or a name of matrix.yaml", "file": MATRIX_HELP["file"],
            "objects": "a build folder of that tree: check there what was really built in",
            "markdown": "for GitHub", "plain": MATRIX_HELP["plain"]}, auto_shortflags=False)  # fmt: skip
@command
def audit(
    _: Context, tree: str, objects: str = "", markdown: bool = False, file: str = "matrix.yaml", plain: bool = False,
) -> int:  # fmt: skip
    """List every place where a Makefile builds code in although its option is m."""
    return auditing.audit(tree, run.Options(file=Path(file), plain=plain), objects=objects, markdown=markdown)


@task(help={"cell": CELLS, "file": MATRIX_HELP["file"], "jobs": MATRIX_HELP["jobs"]}, auto_shortflags=False)
@command
def build(_: Context, cell: str, file: str = "matrix.yaml", jobs: int = 0) -> int:
    """Build the kernels of some cells and check what was built (matrix --through build)."""
    return run.run(run.Options(file=Path(file), through="build", cells=cell, jobs=jobs))


@task(
    help={
        "kernel": "a bzImage (vmlinuz) or vmlinux",
        "modules": "a folder with its modules, such as lib/modules/RELEASE",
        "config": "its .config; found by itself beside a kernel in /boot",
        "machine": "a machine of matrix.yaml",
        "without": "modules that the guest must do without, with commas",
        "append": "more words for the kernel's command line",
        "file": MATRIX_HELP["file"],
        "accel": MATRIX_HELP["accel"],
        "plain": MATRIX_HELP["plain"],
    },
    auto_shortflags=False,
)
@command
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


@task(help={"folder": "a run, such as results/latest, or a packed one (docs/answer/run.tar.xz)"}, auto_shortflags=False)
@command
def judge(_: Context, folder: str) -> int:
    """Judge a saved run again from its files alone."""
    return answering.judge(Path(folder))


@task(help={"folder": "a run of the whole matrix, or a packed one"}, auto_shortflags=False)
@command
def answer(_: Context, folder: str) -> int:
    """Write docs/answer.md from a run, and keep the run beside it as docs/answer/run.tar.xz."""
    return answering.answer(Path(folder))


@task(help={key: MATRIX_HELP[key] for key in ("file", "cells", "through")}, auto_shortflags=False)
@command
def plan(_: Context, file: str = "matrix.yaml", cells: str = "", through: str = "boot") -> int:
    """Say what matrix would do, what is there already, and how long it may take; does nothing."""
    return planning.show(run.Options(file=Path(file), cells=cells, through=through))


@task(name="doctor", auto_shortflags=False)
@command
def diagnose(_: Context) -> int:
    """Say what this host can do and why: engine, accelerator, disk, memory."""
    return doctor.show(os.environ)


@task(help={"everything": "also ccache, finished kernels and boots"}, auto_shortflags=False)
@command
def prune(_: Context, everything: bool = False) -> int:
    """Free disk: images that nothing needs any more, and with --everything all that can be made again."""
    return pruning.prune(everything=everything)


@task(help={"stop": "stop the private engine"}, auto_shortflags=False)
@command
def engine(_: Context, stop: bool = False) -> int:
    """Say which container engine is used; with --stop, end the private one."""
    if stop:
        print("stopped" if daemon.stop(os.environ) else "no private engine runs")
        return 0
    print(daemon.find(os.environ) or "none answers")
    return 0


@task(
    help={
        "name": "boot, soak, plan, resolve, or build (which empties the compiler caches)",
        "rounds": "how often each is measured",
        "sample": "build: tuxmake builds every Nth kernel only, and the rest is estimated",
        **{key: MATRIX_HELP[key] for key in ("file", "cells", "jobs", "plain")},
    },
    auto_shortflags=False,
)  # fmt: skip
@command
def bench(
    _: Context, name: str, rounds: int = 1, sample: int = 1, file: str = "matrix.yaml", cells: str = "", jobs: int = 0,
    plain: bool = False,
) -> int:  # fmt: skip
    """Measure a part of the pipeline against what it stands on, and write docs/bench/NAME.json."""
    return benching.bench(name, run.Options(file=Path(file), cells=cells, jobs=jobs, plain=plain), rounds, sample)


@task(help={"only": "pytest's -k", "quick": "leave out what needs an engine or a kernel"}, auto_shortflags=False)
@command
def test(_: Context, only: str = "", quick: bool = False) -> int:
    """Run every test: linters, unit tests, real containers, a real build and real boots."""
    return checks.test(only=only, quick=quick)


@task(auto_shortflags=False)
@command
def lint(_: Context) -> int:
    """Run ruff and mypy."""
    return checks.lint()
