"""What the Hyper-V options of a .config promise, and the modules and symbols that must then exist.

Facts of drivers/hv, arch/x86/hyperv and their Kconfig, 6.1 to 7.3. Never looks at a boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.model import Ladder

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from pipeline.model import Machine

CORE = "HYPERV"
VMBUS = "HYPERV_VMBUS"
# get_vtl() ends in BUG() when the hypercall for it fails, as it does in an ordinary guest (drivers/hv/hv_common.c,
# 6.12 to 7.3), and that is before most consoles: such a kernel only runs at another trust level than its guest.
VTL = "HYPERV_VTL_MODE"
HAZARDS = {VTL: "ends in BUG() in every guest that is not started at a virtual trust level (get_vtl())"}
# The core's name in a proposal that keeps HYPERV only to read old configs (kconfig/variants/transitional.patch).
RENAMED_CORE = "HYPERV_CORE"

# Symbol to module, from drivers/hv/Makefile and the Makefiles of the drivers.
MODULES = {
    "HYPERV_UTILS": "hv_utils",
    "HYPERV_BALLOON": "hv_balloon",
    "HYPERV_STORAGE": "hv_storvsc",
    "HYPERV_NET": "hv_netvsc",
    "HYPERV_KEYBOARD": "hyperv-keyboard",
    "HID_HYPERV_MOUSE": "hid-hyperv",
    "PCI_HYPERV": "pci-hyperv",
    "PCI_HYPERV_INTERFACE": "pci-hyperv-intf",
    "HYPERV_VSOCKETS": "hv_sock",
    "DRM_HYPERV": "hyperv_drm",
    "FB_HYPERV": "hyperv_fb",
    "UIO_HV_GENERIC": "uio_hv_generic",
}
VMBUS_MODULE = "hv_vmbus"
# The order in which the guest loads them: the bus, then what QEMU offers a channel for, then the rest.
LOADED = (VMBUS_MODULE, "hv_balloon", "hv_utils", *sorted(set(MODULES.values()) - {"hv_balloon", "hv_utils"}))
SYMBOLS = (
    "HYPERVISOR_GUEST", CORE, RENAMED_CORE, VMBUS, VTL, "HYPERV_TIMER", "HYPERV_IOMMU", *MODULES,
)  # fmt: skip

# Built from arch/x86/kernel/cpu/mshyperv.c (HYPERVISOR_GUEST), drivers/hv/hv_common.c (core), drivers/hv (bus).
PLATFORM_SYMBOL = "ms_hyperv_init_platform"
CORE_SYMBOL = "hv_common_init"
VMBUS_SYMBOL = "vmbus_connect"

# class id of the dynamic memory channel, include/linux/hyperv.h HV_DM_GUID; the one that QEMU's hv-balloon offers
BALLOON_CLASS = "525074dc-8985-46e2-8057-a307dc18a502"


def core(options: Mapping[str, str]) -> bool:
    """Whether the core is built in: HYPERV=y, and before 6.18 HYPERV=m too ($(subst m,y,...) in Kbuild)."""
    return options.get(CORE, "n") in {"y", "m"} or options.get(RENAMED_CORE, "n") == "y"


def vmbus(options: Mapping[str, str]) -> str:
    """The value of VMBus: its own option on a split tree (6.18 on), else that of HYPERV.

    A driver that is on beside VMBUS=n tells that the .config is of a tree without such an option, where the line means
    nothing: on a split tree each of them depends on it.
    """
    if not core(options):
        return "n"
    if VMBUS in options and (options[VMBUS] != "n" or not _drivers(options)):
        return options[VMBUS]
    return options.get(CORE, "n")


def _drivers(options: Mapping[str, str]) -> bool:
    """Whether any driver is on that depends on VMBus (drivers/*/Kconfig, 6.18 to 7.3)."""
    return any(options.get(symbol) in {"y", "m"} for symbol in MODULES if symbol != "PCI_HYPERV_INTERFACE")


def meant(options: Mapping[str, str], declared: Container[str]) -> dict[str, str]:
    """What HYPERV asks of a tree under other names: the core's new one, and VMBus, for which it stood up to 6.17."""
    bus = vmbus(options)
    found = {RENAMED_CORE: "y"} if core(options) and RENAMED_CORE in declared else {}
    return {**found, VMBUS: bus} if VMBUS in declared and bus != "n" else found


def completed(options: Mapping[str, str], declared: Iterable[str]) -> dict[str, str]:
    """A resolved .config with n for each option that its tree declares and that has no line, as it is hidden."""
    return {**dict.fromkeys(declared, "n"), **options}


def balloon(options: Mapping[str, str]) -> str:
    """The value of the one driver that QEMU has a channel for."""
    return options.get("HYPERV_BALLOON", "n")


def ceiling(machine: Machine) -> Ladder:
    """The highest rung that a machine can show to any kernel."""
    if "vpindex" not in machine.hyperv or any(flag.startswith("vendor-id=") for flag in machine.hyperv):
        return Ladder.BOOTED
    if "synic" not in machine.hyperv or "vmbus-bridge" not in machine.devices:
        return Ladder.CORE
    return Ladder.BOUND if "hv-balloon" in machine.devices else Ladder.CONNECTED


def promised(options: Mapping[str, str], machine: Machine) -> Ladder:
    """The rung that a kernel with these options reaches on the machine, its modules loaded."""
    if core(options) and options.get(VTL, "n") == "y" and "vpindex" in machine.hyperv:
        return Ladder.NONE
    if machine.firmware == "uefi" and options.get("EFI_STUB", "n") != "y":
        return Ladder.NONE  # it is no program that UEFI starts (arch/x86/boot/header.S)
    kvm_wins = machine.shows_kvm and options.get("KVM_GUEST", "n") == "y"  # its signature is at a higher base
    if options.get("HYPERVISOR_GUEST", "n") != "y" or kvm_wins:
        rung = Ladder.BOOTED
    elif not core(options):
        rung = Ladder.DETECTED
    elif vmbus(options) == "n" or options.get("ACPI", "n") != "y":
        rung = Ladder.CORE
    else:
        rung = Ladder.OFFERED if balloon(options) == "n" else Ladder.BOUND
    return min(rung, ceiling(machine), key=lambda word: word.rank)


def expected_modules(options: Mapping[str, str]) -> dict[str, bool]:
    """Module name to whether a .ko of it must exist (True) or must not (False)."""
    wanted = {name: options.get(symbol) == "m" for symbol, name in MODULES.items()}
    return {VMBUS_MODULE: vmbus(options) == "m", **wanted}


# What the serial console, the initramfs with its shell and the evidence need of a kernel.
SEEN_BY = (
    "64BIT", "PRINTK", "TTY", "SERIAL_8250_CONSOLE", "BLK_DEV_INITRD", "BINFMT_ELF", "BINFMT_SCRIPT", "PROC_FS",
    "SYSFS",
)  # fmt: skip


# What makes a kernel refuse modules without a signature (kernel/module/signing.c, security/lockdown/Kconfig).
SIGNED = ("MODULE_SIG_FORCE", "LOCK_DOWN_KERNEL_FORCE_INTEGRITY", "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY")


def unseen(options: Mapping[str, str]) -> str:
    """Why a boot could show nothing of a kernel with these options, whatever Hyper-V does; empty when it could."""
    missing = [symbol for symbol in SEEN_BY if options.get(symbol, "n") != "y"]
    if missing:
        return f"a boot cannot show a kernel without {', '.join(missing)}"
    modular = "m" in {options.get(symbol) for symbol in (CORE, VMBUS, *MODULES)}
    signed = [symbol for symbol in SIGNED if options.get(symbol, "n") == "y"]
    if modular and signed:
        return f"a kernel with {signed[0]} refuses the unsigned modules of its build folder"
    if core(options) and options.get("HOTPLUG_CPU", "n") != "y":  # kernel/cpu.c: without it there are no such states
        return "a boot cannot show a core without HOTPLUG_CPU (SMP): it is seen by its CPU hotplug states"
    # seen on 6.12: `ACPI Error: AE_BAD_PARAMETER, During Region initialization`, and no ACPI device from there on
    if options.get("ACPI", "n") == "y" and options.get("PCI", "n") != "y" and vmbus(options) != "n":
        return "without PCI Linux gives up the ACPI tables of QEMU's machines, and VMBus is an ACPI device"
    return ""


def shown(options: Mapping[str, str]) -> dict[str, str]:
    """The Hyper-V options alone, `-` where there is no line."""
    return {symbol: options.get(symbol, "-") for symbol in SYMBOLS}
