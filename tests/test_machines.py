"""Machines as data: what matrix.yaml may ask of QEMU, what is refused before a boot, and what comes of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline import asking, benchboot, benchsoak, flags, hyperv, qemu
from pipeline.errors import UserError
from pipeline.model import Ladder, Machine
from tests.frames import HYPERV, OPTIONS

ROOT = Path(__file__).resolve().parent.parent
MACHINES = {machine.name: machine for machine in asking.load(ROOT / "matrix.yaml").machines}
SHOWN = replace(HYPERV, cpu=("kvm=on",))


def words(machine: Machine) -> dict[str, str]:
    argv = qemu.guest_argv(machine)
    return dict(pairwise(argv))


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_of_the_default_matrix_is_one_that_qemu_can_make(name: str) -> None:
    machine = MACHINES[name]
    assert flags.unmet({*machine.hyperv, *machine.devices}) == {}


def test_devices_need_what_their_sources_look_for() -> None:
    assert flags.unmet({"hv-balloon"}) == {"hv-balloon": ("vmbus-bridge",)}
    assert flags.unmet({"vmbus-bridge"}) == {"vmbus-bridge": ("vpindex", "synic")}


@pytest.mark.parametrize("name", flags.REQUIRES)
def test_what_a_flag_needs_is_missed_when_it_is_not_there(name: str) -> None:
    assert flags.unmet({name}) == {name: flags.REQUIRES[name]}
    everything = {name, *flags.REQUIRES, *(one for needed in flags.REQUIRES.values() for one in needed)}
    assert flags.unmet(everything) == {}
    for one in flags.REQUIRES[name]:
        assert flags.unmet(everything - {one})[name] == (one,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{hyperv: [vpindex, synic],", "{hyperv: [synic],", "synic needs vpindex beside it, or QEMU will not have it"),
        ("{hyperv: [vpindex, synic],", "{hyperv: [],", "vmbus-bridge needs vpindex and synic beside it"),
        ("chipset: pc", "chipset: pcc", "pcc"),
        ("firmware: uefi", "firmware: efi", "efi"),
        ("cpu: [kvm=on]", "cpu: [hv-time=on]", "hv-time=on"),
        ("cpu: [kvm=on]", 'cpu: ["x=on,y=on"]', "x=on,y=on"),
    ],
)
def test_what_qemu_would_refuse_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (ROOT / "matrix.yaml").read_text()
    assert old in text
    (tmp_path / "matrix.yaml").write_text(text.replace(old, new))
    shutil.copytree(ROOT / "kconfig", tmp_path / "kconfig")
    with pytest.raises(UserError) as caught:
        asking.load(tmp_path / "matrix.yaml")
    line = text[: text.index(old)].count("\n") + 1
    assert f"matrix.yaml:{line}: " in str(caught.value)
    assert said in str(caught.value)


def test_chipset_processors_and_properties_reach_qemu() -> None:
    assert words(MACHINES["gen1"])["-machine"] == "pc"
    assert (words(MACHINES["smp4"])["-smp"], words(HYPERV)["-smp"]) == ("4", "1")
    assert words(SHOWN)["-cpu"] == words(HYPERV)["-cpu"].replace(",kvm=off", "") + ",kvm=on"
    assert words(replace(HYPERV, cpu=("la57=off",)))["-cpu"] == f"{words(HYPERV)['-cpu']},la57=off"


def test_firmware_is_uefi_where_it_was_asked_for() -> None:
    assert words(MACHINES["gen2"])["-bios"] == "firmware"
    assert "-bios" not in words(MACHINES["gen1"])


def test_uefi_starts_no_kernel_without_a_stub() -> None:
    gen2 = MACHINES["gen2"]
    assert hyperv.promised({**OPTIONS, "EFI_STUB": "y"}, gen2) is Ladder.BOUND
    assert hyperv.promised(OPTIONS, gen2) is hyperv.promised({**OPTIONS, "EFI_STUB": "n"}, gen2) is Ladder.NONE
    assert hyperv.promised({**OPTIONS, "EFI_STUB": "n"}, MACHINES["gen1"]) is Ladder.BOUND


def test_kvms_signature_wins_with_a_kernel_that_knows_it_alone() -> None:
    assert hyperv.promised({**OPTIONS, "KVM_GUEST": "y"}, SHOWN) is Ladder.BOOTED
    assert hyperv.promised(OPTIONS, SHOWN) is Ladder.BOUND
    assert hyperv.promised({**OPTIONS, "KVM_GUEST": "y"}, HYPERV) is Ladder.BOUND


def test_a_foreign_signature_is_not_hyperv() -> None:
    assert hyperv.ceiling(MACHINES["foreign"]) is Ladder.BOOTED
    assert hyperv.ceiling(replace(MACHINES["foreign"], hyperv=("vpindex", "synic"))) is Ladder.BOUND


def test_a_plain_machine_has_neither_kvm_nor_hyperv() -> None:
    argv = qemu.plain_argv(qemu.guest_argv(benchboot.BARE, quiet=True))
    assert not [word for word in argv if "kvm" in word or "hv-" in word or "vmbus" in word]
    assert argv[argv.index("-accel") + 1] == "tcg,tb-size=256"
    assert len(argv) == len(qemu.guest_argv(benchboot.BARE, quiet=True))


def test_a_ratio_is_over_the_plain_boot_of_the_same_kernel() -> None:
    samples = {"a: plain TCG": [2.0], "a: nested, warm": [5.0, 3.0, 4.0]}
    samples |= {"b: plain TCG": [10.0], "b: nested, warm": [5.0]}
    assert benchboot.ratios(samples) == {
        "a: plain TCG": 1.0, "a: nested, warm": 2.0, "b: plain TCG": 1.0, "b: nested, warm": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("case", benchsoak.CASES, ids=str)
def test_a_soak_asks_of_no_machine_more_than_it_can_show(case: benchsoak.Case) -> None:
    ceiling = hyperv.ceiling(MACHINES[case.machine])
    assert ceiling.reaches(case.ladder)
    assert bool(case.failure_class) == (case.ladder is not ceiling)


def test_a_soak_reaches_every_rung() -> None:
    assert {case.ladder for case in benchsoak.CASES} == set(Ladder)
    assert len({str(case) for case in benchsoak.CASES}) == len(benchsoak.CASES)
