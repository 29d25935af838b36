"""What the Hyper-V options of a .config promise, and the modules and symbols that must then exist.

Facts of drivers/hv, arch/x86/hyperv and their Kconfig, 6.1 to 7.3. Never looks at a boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.model import Ladder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.model import Machine

CORE = "HYPERV"
VMBUS = "HYPERV_VMBUS"

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
    "HYPERVISOR_GUEST", CORE, VMBUS, "HYPERV_VTL_MODE", "HYPERV_TIMER", "HYPERV_IOMMU", *MODULES,
)  # fmt: skip

# Built from arch/x86/kernel/cpu/mshyperv.c (HYPERVISOR_GUEST), drivers/hv/hv_common.c (core), drivers/hv (bus).
PLATFORM_SYMBOL = "ms_hyperv_init_platform"
CORE_SYMBOL = "hv_common_init"
VMBUS_SYMBOL = "vmbus_connect"

# class id of the dynamic memory channel, include/linux/hyperv.h HV_DM_GUID; the one that QEMU's hv-balloon offers
BALLOON_CLASS = "525074dc-8985-46e2-8057-a307dc18a502"


def core(options: Mapping[str, str]) -> bool:
    """Whether the core is built in: HYPERV=y, and before 6.18 HYPERV=m too ($(subst m,y,...) in Kbuild)."""
    return options.get(CORE, "n") in {"y", "m"}


def vmbus(options: Mapping[str, str]) -> str:
    """The value of VMBus: its own option on a split tree (6.18 on), else that of HYPERV.

    A complete .config of a split tree with HYPERV=y always has a line for HYPERV_VMBUS, as it is visible then.
    """
    if not core(options):
        return "n"
    if options[CORE] == "y" and VMBUS in options:
        return options[VMBUS]
    return options[CORE]


def balloon(options: Mapping[str, str]) -> str:
    """The value of the one driver that QEMU has a channel for."""
    return options.get("HYPERV_BALLOON", "n")


def ceiling(machine: Machine) -> Ladder:
    """The highest rung that a machine can show to any kernel."""
    if "vpindex" not in machine.hyperv:
        return Ladder.BOOTED
    if "synic" not in machine.hyperv or "vmbus-bridge" not in machine.devices:
        return Ladder.CORE
    return Ladder.BOUND if "hv-balloon" in machine.devices else Ladder.CONNECTED


def promised(options: Mapping[str, str], machine: Machine) -> Ladder:
    """The rung that a kernel with these options reaches on the machine, its modules loaded."""
    if options.get("HYPERVISOR_GUEST", "n") != "y":
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


def unseen(options: Mapping[str, str]) -> str:
    """Why a boot could show nothing of a kernel with these options, whatever Hyper-V does; empty when it could."""
    missing = [symbol for symbol in SEEN_BY if options.get(symbol, "n") != "y"]
    if missing:
        return f"a boot cannot show a kernel without {', '.join(missing)}"
    modular = "m" in {options.get(symbol) for symbol in (CORE, VMBUS, *MODULES)}
    if modular and options.get("MODULE_SIG_FORCE", "n") == "y":
        return "a kernel with MODULE_SIG_FORCE refuses the unsigned modules of its build folder"
    return ""


def shown(options: Mapping[str, str]) -> dict[str, str]:
    """The Hyper-V options alone, `-` where there is no line."""
    return {symbol: options.get(symbol, "-") for symbol in SYMBOLS}
