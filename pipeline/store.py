"""The folder of a run: a folder a cell, complete whatever happened; written, never read by a stage.

Every file is written whole or not at all.
"""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import atomic, boot, record, replay, seal
from pipeline.model import Ladder, Outcome, Status
from pipeline.values import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.record import State

UNFINISHED = Verdict(
    predicted=Ladder.NONE, required=Ladder.NONE, observed=None, outcome=Outcome.UNKNOWN, failure_class="",
    status=Status.ERROR, reason="not finished",
)  # fmt: skip


def new_run(results: Path) -> Path:
    """A folder for a run, named by the time in UTC; `latest` points at it."""
    folder = new_folder(results)
    with atomic.writing(str(results / "latest")):
        link = results / f".latest-{folder.name}"
        link.symlink_to(folder.name)
        link.replace(results / "latest")
    return folder


def new_folder(results: Path, prefix: str = "") -> Path:
    """A folder that nobody else has, named by the time in UTC."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in itertools.count():
        folder = results / f"{prefix}{stamp}{f'-{number}' if number else ''}"
        with atomic.writing(str(folder)):
            results.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
        return folder
    raise AssertionError


def write_run(
    folder: Path, states: Sequence[State], controls: Sequence[State], note: dict[str, Any],
) -> None:  # fmt: skip
    """Write run.json: which cells and controls there are, and what is known of the run as a whole."""
    names = {"cells": [state.cell.name for state in states], "controls": [state.cell.name for state in controls]}
    atomic.write_json(folder / "run.json", {"schema": record.SCHEMA, "run": folder.name, **names, **note})


def write_cell(folder: Path, state: State, planned: str) -> None:
    """Write all that is known of a cell; `folder` is that of the cell."""
    if state.old:
        atomic.write(folder / "config.old", state.old)
    if resolution := state.resolution:
        atomic.write(folder / "config.final", resolution.final)
        commands = "".join(f"$ {command}\n" for command in resolution.commands)
        text = f"{commands}{resolution.stdout}--- stderr\n{resolution.stderr}"
        atomic.write(folder / "resolve.log", f"{text}--- exit status {resolution.exit_status}\n")
    if state.slim:
        atomic.write(folder / "config.slim", state.slim.text)
        atomic.write(folder / "config.dropped", "".join(f"{line}\n" for line in state.slim.dropped))
    if state.build and state.build.folder != folder and (state.build.folder / "build.log").is_file():
        _copy(state.build.folder / "build.log", folder / "build.log")
    if state.boot and state.boot.folder != folder:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.writing(str(folder)):
            boot.copy(state.boot, folder)
    if state.boot:
        for name, text in replay.evidence_files(folder).items():
            atomic.write(folder / name, text)
    atomic.write(folder / "reproduce.sh", _reproduce(state))
    made = seal.artifacts(state.build.folder) if state.build and state.build.ok else {}
    sealed = {**seal.provenance(state.tree), "artifacts": made, "files": seal.files(folder)}
    facts = {**record.facts(state), "planned": planned, **sealed, **record.judged(UNFINISHED)}
    atomic.write_json(folder / "record.json", facts)


def write_verdicts(folder: Path, judged: replay.Run) -> list[dict[str, Any]]:
    """Put the verdicts into the records; the records of the cells, in order."""
    for kind, ones in (("controls", judged.controls), ("cells", judged.cells)):
        for one in ones:
            one.record.update(record.judged(one.verdict))
            atomic.write_json(folder / kind / one.record["cell"] / "record.json", one.record)
    return [one.record for one in judged.cells]


def _copy(source: Path, target: Path) -> None:
    with atomic.writing(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _reproduce(state: State) -> str:
    cell, lines = state.cell, ["#!/bin/sh", "# How this cell came about, by this project and by hand.", "set -eu"]
    typed = state.typed or ("./inv", "matrix", "--cells", cell.name)
    lines += [shlex.join(typed), "exit 0", "", "# By hand, in a folder with config.old:"]
    if state.tree:
        lines.append(f"# the tree: {state.tree.origin}; digest {state.tree.digest}")
    lines.append("# the tree is /src, this folder its build folder (O=), config.old its .config or old.config:")
    lines += list(state.resolution.commands) if state.resolution else []
    lines.append("diff config.final .config")
    if state.kernel:
        option = shlex.quote(f'CONFIG_LOCALVERSION="{state.kernel.localversion}"')
        lines += [f"echo {option} >> .config && make olddefconfig", f"# toolchain {cell.toolchain}:"]
        lines.append("make bzImage modules")
    if state.boot:
        lines += ["# kernel is its bzImage, initrd an initramfs with its modules:", shlex.join(state.boot.argv)]
    for key, value in {**state.tools, "expect": json.dumps(record.expected(state.expectation))}.items():
        lines.append(f"# {key}: {value}".replace("\n", " "))
    return "\n".join(lines) + "\n"

