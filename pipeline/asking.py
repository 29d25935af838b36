"""What a command is asked to work on: a matrix.yaml and a glob, or one config and one tree by themselves.

Reads files; starts nothing.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import hyperv, images, intent, matrix, oldconfig, record, stages
from pipeline.errors import UserError
from pipeline.gitseam import is_local
from pipeline.model import (
    Cell,
    Config,
    DirectorySource,
    Expectation,
    GitSource,
    Ladder,
    Machine,
    Matrix,
    Targets,
    Variant,
)
from pipeline.policy import policies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.model import Source

# The machine that is meant when only configs are asked about.
ANY_MACHINE = Machine(name="hyperv", hyperv=("vpindex", "synic"), devices=("vmbus-bridge", "hv-balloon"))
ALONE = "mine"
DEFAULT = Path("matrix.yaml")
OLDDEFCONFIG = "olddefconfig"


def load(file: Path) -> Matrix:
    """A matrix with the policies and toolchains that there are. Raises UserError with every mistake in it."""
    return matrix.load(file, policies=policies(), toolchains=images.toolchains())


def select(asked: Matrix, pattern: str) -> tuple[Cell, ...]:
    """The cells that a glob chooses, all without one."""
    return matrix.select(asked.cells, pattern) if pattern else asked.cells


def states(asked: Matrix, cells: Iterable[Cell]) -> list[record.State]:
    """A state for each cell, with its old .config read where that is a file."""
    meant = intent.named(asked.intent)
    expected = {cell: matrix.expectation(cell, asked.expectations) for cell in cells}
    made = [
        record.State(cell=cell, expectation=found, intent=meant, targets=asked.targets)
        for cell, found in expected.items()
    ]
    read_configs(made)
    return made


def controls(asked: Matrix) -> list[record.State]:
    """The controls as cells of their own, each expecting its known rung.

    Their intent is Hyper-V's, whatever a matrix asks about: they show that this machine can tell.
    """
    made = []
    for control in asked.controls:
        expectation = Expectation(cells=control.cell.name, where="controls", ladder=control.reaches)
        made.append(record.State(cell=control.cell, expectation=expectation, control=True, targets=asked.targets))
    read_configs(made)
    return made


def read_configs(made: Iterable[record.State]) -> None:
    """Read the configs that are files; what is wrong with one is told before anything starts."""
    known: dict[Config, oldconfig.Old] = {}
    for state in made:
        config = state.cell.config
        if isinstance(config.base, Path):
            if config not in known:
                known[config] = oldconfig.local(config)
            stages.put_config(state, known[config])


def meant(config: str, source: str, policy: str, file: Path) -> Matrix:
    """One config on one tree when both are named, else the whole of a matrix.yaml."""
    if not config and not source:
        if policy != OLDDEFCONFIG:
            raise UserError(f"--policy {policy}: only with --config and --source", hint="choose cells with --cells")
        return load(file)
    if not config or not source:
        raise UserError("--config and --source belong together", hint="name both, or neither for matrix.yaml")
    return alone(config, source, policy, file)


def alone(config: str, source: str, policy: str, file: Path) -> Matrix:
    """A matrix of one cell: a config (a file, or a name of matrix.yaml) on a tree (a folder, URL#ref, or such a name).

    Raises UserError for what is neither.
    """
    known = _matrix(file)
    if policy not in policies():
        raise UserError(f"--policy {policy}: no such policy", hint=f"one of {', '.join(policies())}")
    cell = Cell(
        variant=_variant(source, known), config=_config(config, known.configs if known else ()), policy=policy,
        toolchain="gcc", machine=_machine(known.cells if known else ()),
    )  # fmt: skip
    return Matrix(
        path=file, digest=hashlib.sha256(repr(cell).encode()).hexdigest(), cells=(cell,), expectations=(), controls=(),
        intent=known.intent if known else None, targets=known.targets if known else Targets.INTENT,
    )  # fmt: skip


def _matrix(file: Path) -> Matrix | None:
    """A matrix.yaml; none where nobody named one and there is none."""
    return load(file) if file != DEFAULT or os.path.lexists(file) else None


def _machine(cells: Iterable[Cell]) -> Machine:
    """The first machine that can show all of the ladder: on a lesser one, a lost option would not be missed."""
    return next((one.machine for one in cells if hyperv.ceiling(one.machine) is Ladder.BOUND), ANY_MACHINE)


def filed(file: Path) -> tuple[str, ...]:
    """The words that name a matrix.yaml on a command line; none for the one that is meant anyway."""
    return ("--file", str(file)) if file != DEFAULT else ()


def command(config: str, source: str, policy: str, file: Path = DEFAULT) -> tuple[str, ...]:
    """What to type for one config on one tree; nothing for a matrix.yaml."""
    words = ("./inv", "resolve", "--config", config, "--source", source)
    return (*words, "--policy", policy, *filed(file)) if config and source else ()


def variant(text: str, file: Path) -> Variant:
    """A tree by its name in a matrix.yaml, its folder, or REPOSITORY#REF. Raises UserError for what is neither."""
    return _variant(text, _matrix(file))


def _variant(text: str, among: Matrix | None) -> Variant:
    named = {one.name: one for one in among.variants} if among else {}
    sources = {one.source.name: one.source for one in named.values()}
    known = {**{name: Variant(name=name, source=source) for name, source in sources.items()}, **named}
    if text in known:
        return known[text]
    if os.path.isdir(text):  # noqa: PTH112 - of a path that is too long or closed, Path's own raises
        found: Source = DirectorySource(name=ALONE, path=Path(text))
        return Variant(name=ALONE, source=found)
    url, _, ref = text.rpartition("#")
    if url and (os.path.isdir(url) or not is_local(url)):  # noqa: PTH112 - as above
        return Variant(name=ALONE, source=GitSource(name=ALONE, url=url, ref=ref))
    hint = "give a kernel tree's folder, REPOSITORY#REF, or a name of matrix.yaml"
    raise UserError(f"--source {text}: no such tree", details=f"variants: {', '.join(known)}", hint=hint)


def _config(text: str, known: Iterable[Config]) -> Config:
    named = {config.name: config for config in known}
    if text in named:
        return named[text]
    if os.path.isfile(text):  # noqa: PTH113 - as above
        return Config(name=ALONE, base=Path(text))
    hint = "give a .config, a kernel image that carries one, or a name of matrix.yaml"
    raise UserError(f"--config {text}: no such file or config", details=f"configs: {', '.join(named)}", hint=hint)
