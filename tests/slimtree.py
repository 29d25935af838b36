"""A small tree with Hyper-V, and a full .config and a small base for it."""

from __future__ import annotations

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
config EFI_STUB
	bool "A program that UEFI starts"
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
