from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pipeline import hyperv
from pipeline.model import Ladder, Machine

FULL = Machine(name="hyperv", hyperv=("relaxed", "vpindex", "time", "synic"), devices=("vmbus-bridge", "hv-balloon"))
BASE = {"HYPERVISOR_GUEST": "y", "ACPI": "y"}
OLD_M = {**BASE, "HYPERV": "m", "HYPERV_BALLOON": "m", "HYPERV_KEYBOARD": "m", "PCI_HYPERV": "y"}
OLD_Y = {**BASE, "HYPERV": "y", "HYPERV_BALLOON": "y"}
SPLIT = {**BASE, "HYPERV": "y", "HYPERV_VMBUS": "y", "HYPERV_BALLOON": "y"}
CORE_ONLY = {**SPLIT, "HYPERV_VMBUS": "n", "HYPERV_BALLOON": "n"}
RENAMED = {**BASE, "HYPERV_CORE": "y"}

CONFIGS: list[tuple[str, dict[str, str], Ladder]] = [
    ("6.12 m", OLD_M, Ladder.BOUND),
    ("6.12 y", OLD_Y, Ladder.BOUND),
    ("6.12 n", {**BASE, "HYPERV": "n"}, Ladder.DETECTED),
    ("6.12 absent", BASE, Ladder.DETECTED),
    ("split y+y", SPLIT, Ladder.BOUND),
    ("split y+m", {**SPLIT, "HYPERV_VMBUS": "m", "HYPERV_BALLOON": "m"}, Ladder.BOUND),
    ("split y+n", CORE_ONLY, Ladder.CORE),
    ("a line for VMBus that means nothing beside a driver", {**SPLIT, "HYPERV_VMBUS": "n"}, Ladder.BOUND),
    ("split y+n, a helper that needs no bus", {**CORE_ONLY, "PCI_HYPERV_INTERFACE": "y"}, Ladder.CORE),
    ("split y+n, drivers shown as -", {**CORE_ONLY, "HYPERV_BALLOON": "-"}, Ladder.CORE),
    ("renamed core", {**RENAMED, "HYPERV_VMBUS": "m", "HYPERV_BALLOON": "m"}, Ladder.BOUND),
    ("renamed core, bus off", {**RENAMED, "HYPERV_VMBUS": "n"}, Ladder.CORE),
    ("renamed core, bus hidden", RENAMED, Ladder.CORE),
    ("renamed core off", {**RENAMED, "HYPERV_CORE": "n"}, Ladder.DETECTED),
    ("VTL mode", {**SPLIT, "HYPERV_VTL_MODE": "y"}, Ladder.NONE),
    ("VTL mode, bus off", {**CORE_ONLY, "HYPERV_VTL_MODE": "y"}, Ladder.NONE),
    ("VTL mode, renamed core", {**RENAMED, "HYPERV_VTL_MODE": "y"}, Ladder.NONE),
    ("VTL mode off", {**SPLIT, "HYPERV_VTL_MODE": "n"}, Ladder.BOUND),
    ("VTL mode without a core", {**SPLIT, "HYPERV": "n", "HYPERV_VTL_MODE": "y"}, Ladder.DETECTED),
    ("split n, bus left over", {**SPLIT, "HYPERV": "n"}, Ladder.DETECTED),
    ("carried over with m", {**OLD_M, "HYPERV_VMBUS": "n"}, Ladder.BOUND),
    ("no guest support", {**SPLIT, "HYPERVISOR_GUEST": "n"}, Ladder.BOOTED),
    ("guest support absent", {"HYPERV": "y", "HYPERV_VMBUS": "y", "ACPI": "y"}, Ladder.BOOTED),
    ("no ACPI", {**SPLIT, "ACPI": "n"}, Ladder.CORE),
    ("no ACPI, old", {**OLD_M, "ACPI": "n"}, Ladder.CORE),
    ("no balloon", {**SPLIT, "HYPERV_BALLOON": "n"}, Ladder.OFFERED),
    ("no balloon, old", {**OLD_M, "HYPERV_BALLOON": "n"}, Ladder.OFFERED),
    ("balloon absent", {**BASE, "HYPERV": "y"}, Ladder.OFFERED),
    ("nothing", {}, Ladder.BOOTED),
]
BRIDGE: tuple[str, ...] = ("vmbus-bridge",)
MACHINES: list[tuple[str, tuple[str, ...], tuple[str, ...], Ladder]] = [
    ("bare", (), (), Ladder.BOOTED),
    ("no vpindex", ("relaxed", "time"), FULL.devices, Ladder.BOOTED),
    ("no synic", ("vpindex",), FULL.devices, Ladder.CORE),
    ("no bridge", ("vpindex", "synic"), (), Ladder.CORE),
    ("no balloon", ("vpindex", "synic"), BRIDGE, Ladder.CONNECTED),
    ("smallest", ("vpindex", "synic"), FULL.devices, Ladder.BOUND),
    ("another vendor", ("vpindex", "synic", "vendor-id=Nobody"), FULL.devices, Ladder.BOOTED),
]


@pytest.mark.parametrize(("options", "rung"), [case[1:] for case in CONFIGS], ids=[case[0] for case in CONFIGS])
def test_promised(options: dict[str, str], rung: Ladder) -> None:
    assert hyperv.promised(options, FULL) is rung


@pytest.mark.parametrize(("flags", "devices", "rung"), [case[1:] for case in MACHINES], ids=[c[0] for c in MACHINES])
def test_a_machine_limits_what_is_promised(flags: tuple[str, ...], devices: tuple[str, ...], rung: Ladder) -> None:
    machine = Machine(name="x", hyperv=flags, devices=devices)
    assert hyperv.ceiling(machine) is rung
    assert hyperv.promised(SPLIT, machine) is rung
    assert hyperv.promised(OLD_M, machine) is rung
    assert not hyperv.promised(BASE, machine).reaches(Ladder.CORE)


def test_the_lower_of_config_and_machine_counts() -> None:
    machine = Machine(name="x", hyperv=("vpindex", "synic"), devices=BRIDGE)
    assert hyperv.promised({**SPLIT, "HYPERV_BALLOON": "n"}, machine) is Ladder.CONNECTED
    assert hyperv.promised(CORE_ONLY, machine) is Ladder.CORE


def test_vtl_mode_ends_only_a_guest_that_hyperv_is_detected_in() -> None:
    bare = Machine(name="x", hyperv=("relaxed",), devices=())
    assert hyperv.promised({**SPLIT, hyperv.VTL: "y"}, bare) is Ladder.BOOTED
    assert set(hyperv.HAZARDS) == {hyperv.VTL} <= set(hyperv.SYMBOLS)


@pytest.mark.parametrize("kvm_guest", ["y", "n"])
@pytest.mark.parametrize("shown", [True, False])
def test_kvm_takes_only_a_guest_that_knows_it_on_a_machine_that_shows_it(*, shown: bool, kvm_guest: str) -> None:
    machine = replace(FULL, cpu=("kvm=on",) if shown else ())
    wanted = Ladder.BOOTED if shown and kvm_guest == "y" else Ladder.BOUND
    assert hyperv.promised({**SPLIT, "KVM_GUEST": kvm_guest}, machine) is wanted
    assert hyperv.promised({**BASE, "KVM_GUEST": kvm_guest, "HYPERVISOR_GUEST": "n"}, machine) is Ladder.BOOTED


# Lines of linux 7.3's Makefiles that name what an option's m becomes; that of FB_HYPERV is of 6.12, 7.3 has none.
MAKEFILES = """\
drivers/hv/Makefile: obj-$(CONFIG_HYPERV_UTILS) += hv_utils.o
drivers/hv/Makefile: obj-$(CONFIG_HYPERV_BALLOON) += hv_balloon.o
drivers/scsi/Makefile: obj-$(CONFIG_HYPERV_STORAGE) += hv_storvsc.o
drivers/net/hyperv/Makefile: obj-$(CONFIG_HYPERV_NET) += hv_netvsc.o
drivers/input/serio/Makefile: obj-$(CONFIG_HYPERV_KEYBOARD) += hyperv-keyboard.o
drivers/hid/Makefile: obj-$(CONFIG_HID_HYPERV_MOUSE) += hid-hyperv.o
drivers/pci/controller/Makefile: obj-$(CONFIG_PCI_HYPERV) += pci-hyperv.o
drivers/pci/controller/Makefile: obj-$(CONFIG_PCI_HYPERV_INTERFACE) += pci-hyperv-intf.o
net/vmw_vsock/Makefile: obj-$(CONFIG_HYPERV_VSOCKETS) += hv_sock.o
drivers/gpu/drm/hyperv/Makefile: obj-$(CONFIG_DRM_HYPERV) += hyperv_drm.o
drivers/video/fbdev/Makefile: obj-$(CONFIG_FB_HYPERV) += hyperv_fb.o
drivers/uio/Makefile: obj-$(CONFIG_UIO_HV_GENERIC) += uio_hv_generic.o
"""


def test_the_modules_are_those_of_the_makefiles() -> None:
    named = dict(re.findall(r"CONFIG_(\w+)\) \+= ([\w-]+)\.o", MAKEFILES))
    assert named == hyperv.MODULES


def test_core_and_bus() -> None:
    configs = (OLD_M, OLD_Y, BASE, SPLIT, {**SPLIT, "HYPERV_VMBUS": "m"}, RENAMED, {**RENAMED, "HYPERV_VMBUS": "m"})
    seen = [(hyperv.core(one), hyperv.vmbus(one)) for one in configs]
    assert seen == [
        (True, "m"), (True, "y"), (False, "n"), (True, "y"), (True, "m"), (True, "n"), (True, "m"),
    ]  # fmt: skip
    assert hyperv.vmbus({**SPLIT, "HYPERV": "n"}) == "n"
    assert (hyperv.core({"HYPERV_CORE": "m"}), hyperv.core({"HYPERV_CORE": "n"})) == (False, False)


@pytest.mark.parametrize("driver", sorted(set(hyperv.MODULES) - {"PCI_HYPERV_INTERFACE"}))
def test_a_line_for_vmbus_counts_unless_a_driver_speaks_against_it(driver: str) -> None:
    off = {**BASE, "HYPERV": "m", "HYPERV_VMBUS": "n"}
    assert hyperv.vmbus({**off, driver: "m"}) == "m"
    assert hyperv.vmbus({**off, driver: "n"}) == "n"
    assert hyperv.vmbus({**off, "HYPERV_VMBUS": "y", driver: "m"}) == "y"


def test_what_hyperv_means_under_other_names() -> None:
    every = (hyperv.RENAMED_CORE, hyperv.VMBUS)
    assert hyperv.meant(OLD_M, every) == {"HYPERV_CORE": "y", "HYPERV_VMBUS": "m"}
    assert hyperv.meant(OLD_M, [hyperv.VMBUS]) == {"HYPERV_VMBUS": "m"}
    assert hyperv.meant(OLD_M, [hyperv.CORE]) == {}
    assert hyperv.meant(CORE_ONLY, every) == {"HYPERV_CORE": "y"}
    assert hyperv.meant(BASE, every) == {}


def test_an_option_that_a_tree_hides_is_off() -> None:
    assert hyperv.completed({"HYPERV": "y"}, ["HYPERV", "HYPERV_VMBUS"]) == {"HYPERV": "y", "HYPERV_VMBUS": "n"}
    hidden = {**BASE, "HYPERV": "y"}
    assert hyperv.vmbus(hidden) == "y"
    assert hyperv.vmbus(hyperv.completed(hidden, ["HYPERV", "HYPERV_VMBUS"])) == "n"
    assert hyperv.completed(OLD_M, ["HYPERV"]) == OLD_M


def test_expected_modules_of_an_old_tree() -> None:
    found = hyperv.expected_modules(OLD_M)
    assert {name for name, wanted in found.items() if wanted} == {"hv_vmbus", "hv_balloon", "hyperv-keyboard"}
    assert found["pci-hyperv"] is False


def test_expected_modules_of_a_split_tree() -> None:
    assert not any(hyperv.expected_modules(SPLIT).values())
    assert hyperv.expected_modules({**SPLIT, "HYPERV_VMBUS": "m"})["hv_vmbus"] is True
    assert hyperv.expected_modules(CORE_ONLY)["hv_vmbus"] is False
    assert hyperv.expected_modules({**RENAMED, "HYPERV_VMBUS": "m"})["hv_vmbus"] is True


def test_modules_are_loaded_bus_first_and_all_of_them() -> None:
    assert hyperv.LOADED[:2] == ("hv_vmbus", "hv_balloon")
    assert sorted(hyperv.LOADED) == sorted({"hv_vmbus", *hyperv.MODULES.values()})


def test_shown_tells_absent_from_n() -> None:
    found = hyperv.shown({**BASE, "HYPERV": "n", "KVM_HYPERV": "y", "SYS_HYPERVISOR": "y"})
    assert (found["HYPERV"], found["HYPERV_VMBUS"]) == ("n", "-")
    assert (found["HYPERV_CORE"], found["HYPERV_VTL_MODE"]) == ("-", "-")
    assert not {"KVM_HYPERV", "SYS_HYPERVISOR"} & set(found)


def test_what_a_boot_could_not_show_is_named() -> None:
    seen = {**dict.fromkeys(hyperv.SEEN_BY, "y"), "HYPERV": "m", "HOTPLUG_CPU": "y"}
    assert hyperv.unseen(seen) == ""
    for symbol in hyperv.SEEN_BY:
        assert symbol in hyperv.unseen({**seen, symbol: "n"})
    for symbol in hyperv.SIGNED:
        assert symbol in hyperv.unseen({**seen, symbol: "y"})
        assert hyperv.unseen({**seen, symbol: "y", "HYPERV": "y"}) == ""
    assert "HOTPLUG_CPU" in hyperv.unseen({**seen, "HOTPLUG_CPU": "n"})
    assert hyperv.unseen({**seen, "HOTPLUG_CPU": "n", "HYPERV": "n"}) == ""  # that it is detected can be seen
    assert "without PCI" in hyperv.unseen({**seen, "ACPI": "y"})
    assert hyperv.unseen({**seen, "ACPI": "y", "PCI": "y"}) == ""
    assert hyperv.unseen({**seen, "ACPI": "y", "HYPERV": "n"}) == ""
