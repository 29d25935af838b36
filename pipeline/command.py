"""What the commands of tasks.py share: the words of their help, and how a function's number becomes an exit status.

Does no work of its own.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from invoke import task
from invoke.exceptions import Exit

from pipeline import interrupts, run, showing
from pipeline.errors import PipelineError, defect
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = "globs over variant/config/policy/toolchain/machine, with commas; a prefix such as newest/distro-m is enough"
MATRIX_HELP = {
    "file": "the matrix to run (matrix.yaml)",
    "through": "the last stage: resolve, build or boot",
    "cells": CELLS,
    "jobs": "compilers and boots at a time; 0 is one a core",
    "plain": "plain lines instead of the live view",
    "fresh": "reuse no resolution, kernel or boot of an earlier run (compiler caches are used)",
    "accel": "auto, kvm or nested",
    "fail-on": "outcomes or statuses, with commas, that end with 1 instead of a FAIL: lost,contradiction,ERROR",
    "json": "print the records as JSON; everything else goes to stderr",
}
ALONE_HELP = {
    "config": "a .config (plain or compressed), a kernel image that carries one, or a name of matrix.yaml",
    "source": "a kernel tree's folder, REPOSITORY#REF, or a name of matrix.yaml",
    "policy": "how it is carried over; kconfig/policies.yaml lists them",
}


def command(**words: Any) -> Callable[[Callable[..., int]], Any]:
    """Make a command of a function: its number is the exit status. `words` are invoke's own for a task."""
    return lambda function: task(auto_shortflags=False, **words)(_told_to_the_shell(function))


def _told_to_the_shell(function: Callable[..., int]) -> Callable[..., None]:
    """Turn a function's number into the exit status, and our errors into one clear text on stderr."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with interrupts.raised():
                status = function(*args, **kwargs)
                sys.stdout.flush()
        except PipelineError as error:
            raise Exit(message=_told(error), code=error.exit_status) from error
        except KeyboardInterrupt:
            raise Exit(message="inv: interrupted", code=run.INTERRUPTED) from None
        except (BrokenPipeError, SystemExit):  # rich turns the first into the second, with 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = showing.UNAVAILABLE
        except Exception as error:
            if os.environ.get("HVMATRIX_TRACEBACK"):
                raise
            raise Exit(message=_told(defect(error)), code=showing.UNAVAILABLE) from error
        sys.exit(status)

    return wrapped


def _told(error: object) -> str:
    """An error as it may reach a terminal: a patch or a tree can have words in it."""
    return "\n".join(clean(line) for line in f"inv: {error}".splitlines())
