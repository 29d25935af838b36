"""A run whose cells are real boots of golden files, written and judged as a live one is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import asking, replay, store
from pipeline.model import Ladder
from tests import answerrun

if TYPE_CHECKING:
    from pathlib import Path

ROOT = answerrun.ROOT
BARE = ("debian-bare", "v6.12-builtin-y-bare")
START = 1764000000.0  # seconds since 1970


def write(folder: Path) -> Path:
    """Write the run; some of its cells fail, as what they show is not what is expected of them."""
    machine = asking.load(ROOT / "matrix.yaml").cells[0].machine
    states = []
    for number, place in enumerate(sorted(path for path in answerrun.BOOTS.iterdir() if path.is_dir())):
        named = replace(machine, name="bare", hyperv=(), devices=()) if place.name in BARE else machine
        expected = json.loads((place / "expect.json").read_text())["ladder"]
        state = answerrun.booted(place.name, named, Ladder(expected) if number % 3 else Ladder.BOUND)
        state.config_origin, state.seconds = "a config of a golden boot", {"build": 200.0, "boot": 12.5}
        begun = START + 230 * number
        state.spans = {"build": (begun, begun + 200), "boot": (begun + 200, begun + 212.5)}
        states.append(state)
    note = {"matrix": "matrix.yaml", "digest": "0" * 64, "through": "boot", "exit_status": 1, "void": ""}
    store.write_run(folder, states, [], note)
    for state in states:
        store.write_cell(folder / "cells" / state.cell.name, state, "boot")
    store.write_verdicts(folder, replay.judge_run(folder))
    return folder
