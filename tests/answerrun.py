"""A small run that went through resolve, with the cells that docs/answer.md must have, and its matrix."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import answering, asking, boot, intent, kconfig, record, replay, store
from pipeline.answer_run import Given
from pipeline.model import Cell, Config, DirectorySource, Expectation, Ladder, Variant
from pipeline.values import Artifact, Change, Resolution, Tree

if TYPE_CHECKING:
    from pipeline.model import Machine

ROOT = Path(__file__).resolve().parent.parent
BOOTS = ROOT / "tests" / "golden" / "boots"
GUEST = {"HYPERVISOR_GUEST": "y", "ACPI": "y"}
ALL = ("HYPERVISOR_GUEST", "HYPERV", "HYPERV_VMBUS", "HYPERV_VTL_MODE", "HYPERV_BALLOON")
OLD: dict[str, dict[str, str]] = {
    "distro-m": {"HYPERV": "m", "HYPERV_BALLOON": "m"},
    "debian-6.12": {"HYPERV": "m", "HYPERV_BALLOON": "m"},
    "debian-6.12-cloud": {"HYPERV": "m", "HYPERV_BALLOON": "m"},
    "no-vmbus": {"HYPERV": "y", "HYPERV_VMBUS": "n", "HYPERV_BALLOON": "y"},
    "vtl": {"HYPERV": "y", "HYPERV_VMBUS": "y", "HYPERV_BALLOON": "m", "HYPERV_VTL_MODE": "y"},
    "efi": {"HYPERV": "y", "HYPERV_BALLOON": "y", "EFI": "y"},
    "never": {},
}
OFF = {"HYPERV": "n"}
CORE = {"HYPERV": "y", "HYPERV_VMBUS": "n"}
ON = {"HYPERV": "y", "HYPERV_VMBUS": "y", "HYPERV_BALLOON": "y"}
MATRIX = """\
schema: 1
sources: {{newest: {{directory: "{folder}"}}}}
variants:
  merged: {{source: newest}}
  default-y: {{source: newest, patches: ["{patches}/default-y.patch"]}}
  sysfb-depends: {{source: newest, patches: ["{patches}/sysfb-depends.patch"]}}
configs: {{{configs}}}
machines:
  hyperv: {{hyperv: [vpindex, synic], devices: [vmbus-bridge, hv-balloon]}}
  bare: {{hyperv: [], devices: []}}
controls:
  - {{cell: merged/efi/olddefconfig/gcc/hyperv, reaches: bound}}
  - {{cell: merged/efi/olddefconfig/gcc/bare, reaches: booted}}
  - {{cell: merged/never/olddefconfig/gcc/hyperv, reaches: detected}}
cells:
  - {{variants: [merged, default-y, sysfb-depends], configs: [distro-m, efi, never],
     policies: [olddefconfig], toolchains: [gcc], machines: [hyperv]}}
  - {{variants: [merged], configs: [debian-6.12, debian-6.12-cloud, no-vmbus, vtl],
     policies: [olddefconfig], toolchains: [gcc], machines: [hyperv]}}
  - {{variants: [merged, default-y], configs: [distro-m],
     policies: [allnoconfig], toolchains: [gcc], machines: [hyperv]}}
  - {{variants: [merged], configs: [distro-m], policies: [werror], toolchains: [gcc], machines: [hyperv]}}
"""
WARNING = ".config:7:warning: symbol value 'm' invalid for HYPERV"
# A bus that has been n by whatever cause took its driver with it.
BALLOON = Change(symbol="HYPERV_BALLOON", asked="y", got="-", kind="dependency", cause="depends on HYPERV_VMBUS")


def typed(warning: str = WARNING) -> tuple[Change, ...]:
    """What becomes of an m for a bool."""
    lost = Change(
        symbol="HYPERV", asked="m", got="n", kind="type", cause="is bool here: m is invalid", text='bool "core"',
        where="drivers/hv/Kconfig:5", warning=warning,
    )  # fmt: skip
    return (lost, Change(**{**_fields(BALLOON), "asked": "m"}))


def _fields(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in Change.__slots__}


def bus(kind: str, cause: str, text: str = "", asked: str = "-") -> tuple[Change, ...]:
    """What becomes of a bus that is off under a core that is on."""
    return (Change(symbol="HYPERV_VMBUS", asked=asked, got="n", kind=kind, cause=cause, text=text), BALLOON)


HAZARD = (Change(symbol="HYPERV_VTL_MODE", asked="y", got="y", kind="hazard", cause="ends in BUG()"),)


def outcome(cell: Cell) -> tuple[dict[str, str], tuple[Change, ...]]:
    """The options that a cell came out with, and the changes that explain them."""
    variant, config = cell.variant.name, cell.config.name
    if cell.policy == "werror":
        return OLD[config], ()
    if cell.policy == "allnoconfig":
        return OFF, typed()
    own = {
        "vtl": (OLD["vtl"], HAZARD),
        "no-vmbus": (CORE, bus("asked-off", "the old .config says n", asked="n")),
        "efi": (CORE, bus("dependency", "depends on SYSFB if EFI")) if variant == "sysfb-depends" else (ON, ()),
        "never": (ON if variant == "default-y" else OFF, ()),
    }
    return own.get(config) or (({**ON, "HYPERV_BALLOON": "m"}, ()) if variant == "default-y" else (OFF, typed()))


def text(options: dict[str, str]) -> str:
    """A .config."""
    return "".join(f"{kconfig.line(name, value)}\n" for name, value in {**GUEST, **options}.items())


def matrix(folder: Path) -> Path:
    """Write matrix.yaml and the configs that it names."""
    for name, options in OLD.items():
        (folder / f"{name}.config").write_text(text(options))
    path = folder / "matrix.yaml"
    configs = ", ".join(f"{name}: {{base: {name}.config}}" for name in OLD)
    path.write_text(MATRIX.format(folder=folder, patches=ROOT / "kconfig" / "variants", configs=configs))
    return path


def run(folder: Path, **note: Any) -> Path:
    """A run folder of every cell of the matrix in `folder`, judged like any other when it is read."""
    asked = asking.load(folder / "matrix.yaml")
    states = [state(cell) for cell in asked.cells]
    place = folder / "20261123-120000"
    known = {"matrix": "matrix.yaml", "digest": asked.digest, "through": "resolve", "exit_status": 1}
    store.write_run(place, states, [], {**known, **note})
    for one in states:
        store.write_cell(place / "cells" / one.cell.name, one, "resolve")
    return place


def state(cell: Cell) -> record.State:
    """A cell that went through resolve."""
    final, changes = outcome(cell)
    old = text(OLD[cell.config.name])
    made = record.State(cell=cell, expectation=None, intent=intent.HYPERV, old=old, config_origin="a ~ b ~ c")
    patched = "".join(f" + {patch.name}" for patch in cell.variant.patches if isinstance(patch, Path))
    made.tree = Tree(variant=cell.variant.name, image="i", digest="d", origin=f"linux-source-7.3 7.3.4~1 (s){patched}")
    made.resolution = Resolution(
        old=old, final=text(final), commands=(), stdout="", stderr="", exit_status=int(cell.policy == "werror"),
        seconds=1.0, changes=changes, declared=ALL,
    )  # fmt: skip
    return made


def booted(golden: str, machine: Machine, reaches: Ladder) -> record.State:
    """A finished cell, or a control, whose boot is a real one."""
    old = text(json.loads((BOOTS / golden / "expect.json").read_text())["options"])
    cell = Cell(
        variant=Variant(name=golden, source=DirectorySource(name="s", path=ROOT)), config=Config(name="c", base=ROOT),
        policy="olddefconfig", toolchain="gcc", machine=machine,
    )  # fmt: skip
    made = record.State(cell=cell, expectation=Expectation(cells="*", where="here:1", ladder=reaches), old=old)
    made.resolution = Resolution(old=old, final=old, commands=(), stdout="", stderr="", exit_status=0, seconds=1.0)
    made.boot = boot.load(BOOTS / golden)
    made.artifact = Artifact(image=Path("bzImage"), release=made.boot.release, modules={})
    return made


def judged(folder: Path) -> Given:
    """The small run with its verdicts and patches, as the document is made of it."""
    asked = asking.load(matrix(folder))
    place = run(folder)
    cells = [{**one.record, **record.judged(one.verdict)} for one in replay.judge_run(place).cells]
    note = json.loads((place / "run.json").read_text())
    return Given(note=note, cells=cells, controls=[], void="", patches=answering.patches(asked))


def changed(given: Given, cells: list[dict[str, Any]] | None = None, **note: Any) -> Given:
    """The same with other cells, or with another run.json."""
    return replace(given, note={**given.note, **note}, cells=given.cells if cells is None else cells)


def row(text: str, section: str, head: str) -> list[str]:
    """The cells of the one line of a section's tables that begins with a word."""
    part = text.partition(f"\n## {section}")[2].partition("\n## ")[0]
    (line,) = [line for line in part.splitlines() if line.startswith(f"| {head} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]
