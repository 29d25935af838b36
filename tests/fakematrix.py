"""A matrix over a tiny tree, and the records that a run of it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFIG = """\
CONFIG_MODULES=y
CONFIG_HYPERVISOR_GUEST=y
CONFIG_ACPI=y
CONFIG_HYPERV=y
CONFIG_HYPERV_VMBUS=y
CONFIG_HYPERV_BALLOON=m
"""
# the same from before the split, where one symbol was both
OLD = CONFIG.replace("CONFIG_HYPERV=y\nCONFIG_HYPERV_VMBUS=y\n", "CONFIG_HYPERV=m\n")


def write(
    folder: Path, tree: Path, patches: Sequence[Path] = (), source: str = "", *, config: str = CONFIG,
    policies: str = "olddefconfig", intent: str = "",
) -> Path:  # fmt: skip
    """A matrix.yaml with one cell a policy; `source` replaces the tiny tree."""
    (folder / "old.config").write_text(config)
    off = "".join(line for line in CONFIG.splitlines(keepends=True) if "HYPERV_" not in line)
    (folder / "off.config").write_text(off.replace("HYPERV=y", "HYPERV=n"))
    listed = ", ".join(f'"{patch}"' for patch in patches)
    variant = f"{{source: s, patches: [{listed}]}}" if patches else "{source: s}"
    text = f"""\
schema: 1
sources: {{s: {source or f'{{directory: "{tree}"}}'}}}
variants: {{v: {variant}}}
configs: {{m: {{base: old.config}}, none: {{base: off.config}}}}
{f"intent: {intent}" if intent else ""}
machines:
  hyperv: {{hyperv: [vpindex, synic], devices: [vmbus-bridge, hv-balloon]}}
  bare: {{hyperv: [], devices: []}}
cells:
  - {{variants: [v], configs: [m], policies: [{policies}], toolchains: [gcc], machines: [hyperv]}}
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
