from __future__ import annotations

import pytest

from pipeline import tristate

# drivers/hv/Kconfig and its neighbours, as 6.1, 6.12 and 7.2 write them
OLD = "ACPI && ((X86 && X86_LOCAL_APIC && HYPERVISOR_GUEST) || (ARM64 && !CPU_BIG_ENDIAN))"
CORE = "(X86 && X86_LOCAL_APIC && HYPERVISOR_GUEST) || (ARM64 && !CPU_BIG_ENDIAN)"
PCI = "((X86 && X86_64) || ARM64) && HYPERV_VMBUS && PCI_MSI && SYSFS"
X86 = {"X86": "y", "X86_64": "y", "X86_LOCAL_APIC": "y", "HYPERVISOR_GUEST": "y", "ACPI": "y"}

CASES: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("A", {"A": "y"}, ()),
    ("A", {"A": "m"}, ()),
    ("A", {"A": "n"}, ("A",)),
    ("A", {}, ("A",)),
    ("A && B", {"A": "y", "B": "m"}, ()),
    ("A && B", {"A": "y"}, ("B",)),
    ("A && B", {}, ("A", "B")),
    ("A || B", {"A": "m"}, ()),
    ("A || B", {}, ("A", "B")),
    ("A || B && C", {"B": "y"}, ("A", "C")),
    ("(A || B) && C", {"B": "y"}, ("C",)),
    ("A||B", {}, ("A", "B")),
    ("!A", {}, ()),
    ("!A", {"A": "m"}, ()),
    ("!A", {"A": "y"}, ("A",)),
    ("! A && B", {"A": "y", "B": "y"}, ("A",)),
    ("!(A || B)", {"A": "y"}, ("A",)),
    ("!(A && B)", {"A": "y"}, ()),
    ("!(A && B)", {"A": "y", "B": "y"}, ("A", "B")),
    ("!(A && !B)", {"A": "y"}, ("A", "B")),
    ("!!A", {}, ("A",)),
    ("A = y", {"A": "m"}, ("A",)),
    ("A=m", {"A": "m"}, ()),
    ("A != m", {"A": "m"}, ("A",)),
    ("A != n", {}, ("A",)),
    ("A = B", {"A": "y", "B": "y"}, ()),
    ("A = B", {"A": "y", "B": "m"}, ("A",)),
    ('ARCH = "um"', {"ARCH": '"x86"'}, ("ARCH",)),
    ('ARCH = "x86"', {"ARCH": '"x86"'}, ()),
    ("ARCH != 'um'", {"ARCH": '"um"'}, ("ARCH",)),
    ("PGTABLE_LEVELS > 4", {"PGTABLE_LEVELS": "4"}, ("PGTABLE_LEVELS",)),
    ("GCC_VERSION >= 90100", {"GCC_VERSION": "140200"}, ()),
    ("!(GCC_VERSION < 90100)", {"GCC_VERSION": "140200"}, ()),
    ("GCC_VERSION >= 90100", {}, ()),
    ("m || SCSI_FC_ATTRS != m", {"SCSI_FC_ATTRS": "m"}, ()),
    ("HYPERV_VMBUS if HYPERV_VMBUS", {}, ()),
    ("HYPERV_VMBUS if HYPERV_VMBUS", {"HYPERV_VMBUS": "m"}, ()),
    ("A if B", {"B": "y"}, ("A",)),
    ("A if B", {"B": "m"}, ("A",)),
    ("A if B && C", {"B": "y"}, ()),
    ("$(cc-option,-mfoo) && A", {}, ()),
    (OLD, {**X86, "ACPI": "n"}, ("ACPI",)),
    (OLD, X86, ()),
    (CORE, X86, ()),
    (CORE, {**X86, "HYPERVISOR_GUEST": "n"}, ("ARM64", "HYPERVISOR_GUEST")),
    (CORE, {"ARM64": "y"}, ()),
    (CORE, {"ARM64": "y", "CPU_BIG_ENDIAN": "y"}, ("CPU_BIG_ENDIAN", "HYPERVISOR_GUEST", "X86", "X86_LOCAL_APIC")),
    (PCI, {**X86, "PCI_MSI": "y", "SYSFS": "y"}, ("HYPERV_VMBUS",)),
    (PCI, {**X86, "PCI_MSI": "y", "SYSFS": "y", "HYPERV_VMBUS": "m"}, ()),
    ("HYPERV_VMBUS && CONNECTOR && NLS", {"NLS": "y"}, ("CONNECTOR", "HYPERV_VMBUS")),
    ("(X86_64 && HAVE_STATIC_CALL) || ARM64", {"X86_64": "y"}, ("ARM64", "HAVE_STATIC_CALL")),
    ("X86_64 && HYPERV_VTL_MODE", {"X86_64": "y"}, ("HYPERV_VTL_MODE",)),
    ("!HYPERV_VTL_MODE", {"HYPERV_VTL_MODE": "y"}, ("HYPERV_VTL_MODE",)),
    ("PCI_HYPERV_INTERFACE || !PCI_HYPERV_INTERFACE", {}, ()),
    ("PCI_HYPERV_INTERFACE || !PCI_HYPERV_INTERFACE", {"PCI_HYPERV_INTERFACE": "m"}, ()),
]


@pytest.mark.parametrize(("text", "values", "found"), CASES)
def test_blocking(text: str, values: dict[str, str], found: tuple[str, ...]) -> None:
    assert tristate.blocking(text, values) == found


def test_broken_expressions_end() -> None:
    for text in ("", "&&", "(", "A &&", "((A)", "!", "A =", ")", "A B"):
        tristate.blocking(text, {"A": "y"})
