"""What a .config alone foretells is told with its own cause, where several lead to one rung."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import verdict
from pipeline.model import Loudness, Machine, Outcome
from pipeline.verdict import Case
from tests.frames import HYPERV

ALL = {
    "HYPERVISOR_GUEST": "y", "ACPI": "y", "HYPERV": "y", "HYPERV_VMBUS": "y", "HYPERV_BALLOON": "y", "EFI_STUB": "y",
}  # fmt: skip
UEFI = replace(HYPERV, firmware="uefi")
SHOWN = replace(HYPERV, cpu=("kvm=on",))


@pytest.mark.parametrize(
    ("lost", "machine", "why", "said"),
    [
        ({"ACPI": "n"}, HYPERV, "ACPI_OFF", "ACPI is not set"),
        ({"HYPERV_VMBUS": "n", "HYPERV_BALLOON": "n", "ACPI": "n"}, HYPERV, "VMBUS_NOT_BUILT", "VMBus is n"),
        ({"HYPERV_VMBUS": "n", "HYPERV_BALLOON": "n"}, HYPERV, "VMBUS_NOT_BUILT", "VMBus is n"),
        ({"EFI_STUB": "n"}, UEFI, "NO_BOOT", "EFI_STUB is not set"),
        ({"HYPERV_VTL_MODE": "y"}, UEFI, "VTL_PANIC", "HYPERV_VTL_MODE is on"),
        ({"HYPERV_VTL_MODE": "y"}, HYPERV, "VTL_PANIC", "HYPERV_VTL_MODE is on"),
        ({"KVM_GUEST": "y"}, SHOWN, "KVM_WON", "KVM_GUEST is on"),
        ({"HYPERVISOR_GUEST": "n"}, SHOWN, "NOT_DETECTED", "HYPERVISOR_GUEST is not set"),
        ({"HYPERVISOR_GUEST": "n"}, HYPERV, "NOT_DETECTED", "HYPERVISOR_GUEST is not set"),
        ({"HYPERV": "n"}, HYPERV, "CORE_NOT_BUILT", "HYPERV is not set"),
        ({"HYPERV_BALLOON": "n"}, HYPERV, "UNBOUND", "HYPERV_BALLOON is not set"),
    ],
)
def test_a_config_foretells_the_class_of_its_own_cause(
    lost: dict[str, str], machine: Machine, why: str, said: str,
) -> None:  # fmt: skip
    case = Case(old=ALL, final={**ALL, **lost}, machine=machine, loudness=Loudness.NONE, observation=None)
    found = verdict.judge(case, None)
    assert (found.outcome, found.failure_class) == (Outcome.LOST, why)
    assert said in found.reason
