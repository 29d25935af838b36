"""A matrix over a tiny tree, and the records that a run of it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFIG = """\
CONFIG_HYPERVISOR_GUEST=y
CONFIG_ACPI=y
CONFIG_HYPERV=m
CONFIG_HYPERV_BALLOON=m
"""


def write(folder: Path, tree: Path, patches: Sequence[Path] = (), source: str = "") -> Path:
    """A matrix.yaml with one cell; `source` replaces the tiny tree."""
    (folder / "old.config").write_text(CONFIG)
    (folder / "off.config").write_text(CONFIG.replace("HYPERV=m", "HYPERV=n").replace("CONFIG_HYPERV_BALLOON=m\n", ""))
    listed = ", ".join(f'"{patch}"' for patch in patches)
    variant = f"{{source: s, patches: [{listed}]}}" if patches else "{source: s}"
    text = f"""\
schema: 1
sources: {{s: {source or f'{{directory: "{tree}"}}'}}}
variants: {{v: {variant}}}
configs: {{m: {{base: old.config}}, none: {{base: off.config}}}}
machines:
  hyperv: {{hyperv: [vpindex, synic], devices: [vmbus-bridge, hv-balloon]}}
  bare: {{hyperv: [], devices: []}}
cells:
  - {{variants: [v], configs: [m], policies: [olddefconfig], toolchains: [gcc], machines: [hyperv]}}
controls:
  - {{cell: v/m/olddefconfig/gcc/hyperv, reaches: bound}}
  - {{cell: v/m/olddefconfig/gcc/bare, reaches: booted}}
  - {{cell: v/none/olddefconfig/gcc/hyperv, reaches: detected}}
"""
    path = folder / "matrix.yaml"
    path.write_text(text)
    return path


def options(folder: Path, through: str = "build", **more: Any) -> run.Options:
    """Options with results and cache of the test's own."""
    return run.Options(
        file=folder / "matrix.yaml", through=through, plain=True, results=folder / "results", cache=folder / "cache",
        **more,
    )  # fmt: skip


def records(folder: Path) -> list[dict[str, Any]]:
    """The records of the last run, in order, each from its own complete folder."""
    latest = folder / "results" / "latest"
    note = json.loads((latest / "run.json").read_text())
    homes = [latest / "cells" / name for name in note["cells"]]
    assert all((home / "reproduce.sh").is_file() for home in homes)
    return [json.loads((home / "record.json").read_text()) for home in homes]
