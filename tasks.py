"""The commands. Each parses its flags, calls one function, and ends with that function's exit status."""

from __future__ import annotations

import os
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Context, task
from invoke.exceptions import Exit

from pipeline import checks, daemon, doctor, planning, run, single
from pipeline import prune as pruning
from pipeline.errors import PipelineError
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = "glob over variant/config/policy/toolchain/machine; a prefix such as newest/distro-m is enough"
MATRIX_HELP = {
    "file": "the matrix to run (matrix.yaml)",
    "through": "the last stage: resolve, build or boot",
    "cells": CELLS,
    "jobs": "compilers and boots at a time; 0 is one a core",
    "plain": "plain lines instead of the live view",
    "fresh": "reuse nothing that an earlier run has found",
    "accel": "auto, kvm or nested",
}


def command(function: Callable[..., int]) -> Callable[..., None]:
    """Turn a function's number into the exit status, and our errors into one clear text on stderr."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            status = function(*args, **kwargs)
        except PipelineError as error:
            raise Exit(message=_told(error), code=error.exit_status) from error
        except KeyboardInterrupt:
            raise Exit(message="inv: interrupted", code=run.INTERRUPTED) from None
        except (BrokenPipeError, SystemExit):  # rich turns the first into the second, with 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = run.UNAVAILABLE
        except Exception as error:
            if os.environ.get("HVMATRIX_TRACEBACK"):
                raise
            text = f"a defect of this program: {type(error).__name__}: {error}\nnext: HVMATRIX_TRACEBACK=1 shows where"
            raise Exit(message=_told(text), code=run.UNAVAILABLE) from error
        sys.exit(status)

    return wrapped


def _told(error: object) -> str:
    """An error as it may reach a terminal: a patch or a tree can have words in it."""
    return "\n".join(clean(line) for line in f"inv: {error}".splitlines())


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


@task(help={key: MATRIX_HELP[key] for key in ("file", "cells", "plain", "fresh")}, auto_shortflags=False)
@command
def resolve(_: Context, file: str = "matrix.yaml", cells: str = "", plain: bool = False, fresh: bool = False) -> int:
    """Say what becomes of the options, and why; no compiler (matrix --through resolve)."""
    return run.run(run.Options(file=Path(file), through="resolve", cells=cells, plain=plain, fresh=fresh))


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


@task(help={"folder": "a run, such as results/latest"}, auto_shortflags=False)
@command
def judge(_: Context, folder: str) -> int:
    """Judge a saved run again from its files alone."""
    return run.judge(Path(folder))


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
