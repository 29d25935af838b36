"""The small .config that is built for a full one: the same Hyper-V, carried by a small model of conf."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline import atomic, intent, kconfig, progress, record, slimming, stages
from pipeline.model import Cell, Config, DirectorySource, Intent, Ladder, Machine, Variant
from pipeline.slots import Slots
from pipeline.values import Tree as SourceTree
from tests import tinyconf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.values import Resolution, Slim

KCONFIG = """\
config MODULES
	bool "Modules"
	modules
config HYPERVISOR_GUEST
	bool "Guest"
config ACPI
	bool "ACPI"
	default y
config NET
	bool "Networking"
config INET
	bool "TCP/IP"
	depends on NET
config NETDEVICES
	bool "Devices"
	depends on INET
config HYPERV
	bool "Core"
	depends on HYPERVISOR_GUEST
config HYPERV_VMBUS
	tristate "Bus"
	depends on HYPERV
	default HYPERV
config HYPERV_BALLOON
	tristate "Balloon"
	depends on HYPERV_VMBUS
config HYPERV_NET
	tristate "Network"
	depends on HYPERV_VMBUS && NETDEVICES
config HYPERV_TESTING
	bool "Testing"
	depends on HYPERV && !LEAN
	default y
config LEAN
	bool "Leave things out"
config HYPERV_FB
	bool "Framebuffer"
	depends on HYPERV_VMBUS && !LEAN
config SOUND
	tristate "A lot of drivers"
config NLS
	def_bool y
"""
WANTED = ("HYPERVISOR_GUEST", "HYPERV", "HYPERV_VMBUS", "HYPERV_BALLOON", "HYPERV_NET", "MODULES")
FULL = {
    "MODULES": "y", "HYPERVISOR_GUEST": "y", "ACPI": "y", "NET": "y", "INET": "y", "NETDEVICES": "y", "HYPERV": "y",
    "HYPERV_VMBUS": "m", "HYPERV_BALLOON": "m", "HYPERV_NET": "m", "HYPERV_TESTING": "n", "SOUND": "m",
}  # fmt: skip
BASE = {"MODULES": "y", "HYPERVISOR_GUEST": "y", "ACPI": "y", "HYPERV": "n", "LEAN": "y"}
ASKED: list[str] = []  # of the far end of a bench
BARE = Machine(name="bare", hyperv=(), devices=())
HYPERV = Machine(name="hyperv", hyperv=("vpindex", "synic"), devices=("vmbus-bridge", "hv-balloon"))


def resolved(options: dict[str, str]) -> dict[str, str]:
    return kconfig.values(tinyconf.Tree(KCONFIG).carried(tinyconf.text(options)).final)


def derived(full: dict[str, str], base: dict[str, str], wanted: Sequence[str] = WANTED) -> tuple[Slim, list[str]]:
    """What is derived, and each .config that was asked about on the way."""
    asked: list[str] = []

    def carry(text: str) -> Resolution:
        asked.append(text)
        return tinyconf.Tree(KCONFIG).carried(text)

    return slimming.derive(resolved(full), base, wanted, "slim.config", carry), asked


def test_the_wanted_options_come_out_as_in_the_full_one() -> None:
    slim, _ = derived(FULL, BASE)
    final = kconfig.values(slim.text)
    assert {symbol: final.get(symbol) for symbol in WANTED} == {symbol: FULL[symbol] for symbol in WANTED}
    assert (slim.kept, slim.base) == (WANTED, "slim.config")


def test_what_they_hang_on_is_taken_along_and_nothing_else() -> None:
    slim, asked = derived(FULL, BASE)
    final = kconfig.values(slim.text)
    assert (final["NET"], final["INET"], final["NETDEVICES"]) == ("y", "y", "y")
    assert final["SOUND"] == "n"
    assert slim.dropped == ("SOUND=m",)
    assert 1 < len(asked) <= slimming.ROUNDS


def test_what_is_there_already_is_asked_once() -> None:
    slim, asked = derived(FULL, {**FULL, "SOUND": "n"})
    assert len(asked) == 1
    assert slim.dropped == ("SOUND=m",)


def test_an_option_that_cannot_be_had_is_the_first_of_what_is_dropped() -> None:
    slim, asked = derived({**FULL, "HYPERV_FB": "y"}, BASE, (*WANTED, "HYPERV_FB"))
    assert slim.dropped[0] == "HYPERV_FB: y in full, n here"
    assert "SOUND=m" in slim.dropped
    assert "HYPERV_FB" not in slim.kept
    assert "HYPERV_FB=y" not in slim.dropped
    assert len(asked) <= slimming.ROUNDS


def test_an_option_that_is_hidden_in_full_is_not_on_here() -> None:
    full = {**FULL, "HYPERV_TESTING": "y", "LEAN": "y"}
    assert "HYPERV_TESTING" not in resolved(full)
    slim, _ = derived(full, {**BASE, "LEAN": "n"}, (*WANTED, "HYPERV_TESTING"))
    assert kconfig.values(slim.text)["HYPERV_TESTING"] == "n"


def test_what_is_off_in_full_is_off_here() -> None:
    full = {**FULL, "HYPERV": "n"}
    slim, _ = derived(full, {**BASE, "HYPERV": "y"})
    assert kconfig.values(slim.text)["HYPERV"] == "n"
    assert "HYPERV_VMBUS" not in kconfig.values(slim.text)


def test_rounds_are_bounded() -> None:
    chain = "".join(f'config A{n}\n\tbool "a"\n\tdepends on A{n + 1}\n' for n in range(20))
    tree = tinyconf.Tree(f'{chain}config A20\n\tbool "a"\n')
    full = {f"A{n}": "y" for n in range(21)}
    count = 0

    def carry(text: str) -> Resolution:
        nonlocal count
        count += 1
        return tree.carried(text)

    slim = slimming.derive(full, {"A20": "n"}, ["A0"], "slim.config", carry)
    assert count <= slimming.ROUNDS
    assert ("A0" in slim.kept) != any(line.startswith("A0: y in full") for line in slim.dropped)


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
