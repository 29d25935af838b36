"""Which cells share a small .config, what is kept of it, and when it cannot stand for the full one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline import atomic, hyperv, intent, kconfig, progress, record, slimming, stages
from pipeline.model import Cell, Config, DirectorySource, Intent, Ladder, Machine, Variant
from pipeline.slots import Slots
from pipeline.values import Tree as SourceTree
from tests import tinyconf
from tests.slimtree import BASE, FULL, KCONFIG

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.values import Resolution

ASKED: list[str] = []  # of the far end of a bench
BARE = Machine(name="bare", hyperv=(), devices=())
HYPERV = Machine(name="hyperv", hyperv=("vpindex", "synic"), devices=("vmbus-bridge", "hv-balloon"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "slim.config").write_text(tinyconf.text(BASE))
    return tmp_path / "slim.config"


def state(base: Path, machine: Machine = HYPERV, full: dict[str, str] = FULL, **more: Any) -> record.State:
    tree = SourceTree(variant="v", image="i", digest="d", origin="o")
    cell = Cell(
        variant=Variant(name="v", source=DirectorySource(name="s", path=base.parent)), policy="olddefconfig",
        config=Config(name="c", base=base, slim=base), toolchain="gcc", machine=machine,
    )  # fmt: skip
    found = tinyconf.Tree(KCONFIG).carried(tinyconf.text(full))
    return record.State(cell=cell, expectation=None, tree=tree, resolution=found, **more)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> stages.Bench:
    """A bench without an engine: the far end is the model of conf."""
    ASKED.clear()

    def run(asked: Any) -> Resolution:
        ASKED.append(asked.old)
        return tinyconf.Tree(KCONFIG).carried(asked.old)

    monkeypatch.setattr("pipeline.resolve.opened", lambda *_: nullcontext(SimpleNamespace(run=run)))
    return stages.Bench(
        engine=cast("Any", None), view=progress.Plain(), cache=tmp_path / "cache", jobs=1, slots=Slots(1),
        fresh=False, keep=lambda _: None, folder_of=lambda _: tmp_path,
    )  # fmt: skip


def test_cells_that_resolve_alike_share_one(bench: stages.Bench, base: Path) -> None:
    slimming.slims(bench, states := [state(base), state(base, BARE)])
    assert states[0].slim is states[1].slim
    assert states[0].slim
    assert "HYPERV_NET" in states[0].slim.kept


def test_what_was_derived_before_is_not_asked_again(bench: stages.Bench, base: Path) -> None:
    slimming.slims(bench, [first := state(base)])
    count = len(ASKED)
    slimming.slims(bench, [second := state(base)])
    assert second.slim == first.slim
    assert len(ASKED) == count
    for note in (bench.cache / "slims").iterdir():
        atomic.write_json(note, {"text": "damaged"})
    slimming.slims(bench, [third := state(base)])
    assert third.slim == first.slim


def test_another_base_is_another_slim(bench: stages.Bench, base: Path) -> None:
    slimming.slims(bench, [first := state(base)])
    base.write_text(tinyconf.text({**BASE, "SOUND": "y"}))
    slimming.slims(bench, [second := state(base)])
    assert first.slim
    assert second.slim
    assert "CONFIG_SOUND=y" in second.slim.text
    assert "CONFIG_SOUND=y" not in first.slim.text


def test_each_intent_has_its_own(bench: stages.Bench, base: Path) -> None:
    sound = Intent(name="sound", symbols=(("SOUND", Ladder.BOOTED),))
    states = [state(base), state(base, intent=sound), state(base, intent=intent.HYPERV)]
    slimming.slims(bench, states)
    texts = [one.slim.text for one in states if one.slim]
    assert ["CONFIG_SOUND=m" in text for text in texts] == [False, True, False]


def test_where_uefi_starts_it_what_it_starts_is_kept(bench: stages.Bench, base: Path) -> None:
    full = {**FULL, "EFI_STUB": "y"}
    states = [state(base, full=full), state(base, replace(HYPERV, firmware="uefi"), full=full)]
    slimming.slims(bench, states)
    slimming.slims(bench, again := [state(base, one.cell.machine, full) for one in states])
    for one, wanted in zip(states + again, [False, True] * 2, strict=True):
        assert one.slim
        assert ("CONFIG_EFI_STUB=y" in one.slim.text) == wanted
        assert hyperv.promised(kconfig.values(one.slim.text), one.cell.machine) is Ladder.BOUND


@pytest.mark.parametrize("machine", [HYPERV, BARE])
def test_one_that_promises_another_rung_cannot_stand_for_the_full_one(
    bench: stages.Bench, base: Path, machine: Machine,
) -> None:  # fmt: skip
    stuck = KCONFIG.replace("depends on HYPERV_VMBUS\n", "depends on HYPERV_VMBUS && !LEAN\n", 1)
    wrong = state(base, machine)
    wrong.resolution = tinyconf.Tree(stuck).carried(tinyconf.text(FULL))
    with pytest.MonkeyPatch.context() as patched:
        conf = SimpleNamespace(run=lambda asked: tinyconf.Tree(stuck).carried(asked.old))
        patched.setattr("pipeline.resolve.opened", lambda *_: nullcontext(conf))
        slimming.slims(bench, [wrong])
    assert wrong.slim is None
    assert "cannot stand for the full .config: it promises offered, the full one bound" in wrong.error
    assert "HYPERV_BALLOON: m in full, n here" in wrong.error
    assert not (bench.cache / "slims").exists()


def test_cells_without_a_slim_base_are_left_alone(bench: stages.Bench, base: Path) -> None:
    plain = state(base)
    plain.cell = Cell(
        variant=plain.cell.variant, config=Config(name="c", base=base), policy="olddefconfig", toolchain="gcc",
        machine=HYPERV,
    )  # fmt: skip
    failed = state(base, error="no tree")
    slimming.slims(bench, [plain, failed])
    assert plain.slim is None
    assert failed.slim is None
    assert ASKED == []
