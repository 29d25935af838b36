"""Rules of observe.py that each need a scene of their own: what a rung still demands when all else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import observe
from pipeline.model import Ladder
from tests import frames
from tests.frames import BARE, BOUND, DEVICE, DMESG, HOST_LOG, HYPERV, OPTIONS

if TYPE_CHECKING:
    from pipeline.values import Observation

SPLIT = {**OPTIONS, "HYPERV": "y", "HYPERV_VMBUS": "y", "HYPERV_BALLOON": "y"}
BUILD = "Hyper-V: Host Build"
NO_STATE = {"hotplug": ""}
NO_BUS = {"hotplug": "147: x86/hyperv_init:online\n", "vmbus": "", "paths": "", "modules": ""}


def seen(changes: dict[str, str], options: dict[str, str] | None = OPTIONS) -> Observation:
    console = frames.console({**BOUND, **changes})
    return observe.observe(frames.boot_run(), console, HOST_LOG, HYPERV, options)


def last(found: Observation) -> str:
    return found.evidence[-1].text


@pytest.mark.parametrize(("line", "why"), [
    (BUILD, "CORE_INIT_FAILED"),
    ("Hyper-V: Hypervisor Build", "CORE_INIT_FAILED"),
    ("Hyper-V: another", "CORE_NOT_BUILT"),
])  # fmt: skip
def test_of_an_unknown_config_the_build_line_tells_that_the_core_was_built(line: str, why: str) -> None:
    found = seen({**NO_STATE, "dmesg": DMESG.replace(BUILD, line)}, None)
    assert (found.ladder, found.failure_class) == (Ladder.DETECTED, why)
    assert (line in last(found)) == (why == "CORE_INIT_FAILED")


def test_the_core_without_its_state_is_shown_by_its_build_line() -> None:
    assert BUILD in last(seen(NO_STATE))


@pytest.mark.parametrize(("changes", "why"), [
    ({"paths": "/sys/module/hv_vmbus\n"}, "VMBUS_REFUSED"),
    ({"paths": "/sys/module/hv_vmbus\n", "modules": ""}, "VMBUS_REFUSED"),
    ({"paths": "", "modules": "hv_vmbus 57344 0 - Live 0x0\n"}, "VMBUS_REFUSED"),
    ({"paths": "", "modules": ""}, "VMBUS_MODULE_NOT_LOADED"),
])  # fmt: skip
def test_a_vmbus_that_is_there_without_its_bus_did_not_connect(changes: dict[str, str], why: str) -> None:
    found = seen(changes)
    assert (found.ladder, found.failure_class) == (Ladder.CORE, why)


def test_a_vmbus_that_is_built_in_is_neither_missing_nor_a_module() -> None:
    found = seen(NO_BUS, SPLIT)
    assert (found.ladder, found.failure_class) == (Ladder.CORE, "VMBUS_REFUSED")


def test_why_a_vmbus_did_not_connect_is_shown_by_its_own_words() -> None:
    assert "Vmbus version" in last(seen({"paths": ""}))
    failed = "[    2.9] hv_vmbus: Unable to connect to host\n"
    assert "Unable to connect" in last(seen({**NO_BUS, "dmesg": DMESG.split("[    2.9")[0] + failed}))


def test_another_device_that_is_bound_is_no_balloon() -> None:
    other = DEVICE.replace("525074dc", "00000000")
    found = seen({"vmbus": f"{DEVICE} 1 -\n{other} 3 hv_balloon\n"})
    assert (found.ladder, found.failure_class) == (Ladder.OFFERED, "UNBOUND")


def test_flags_that_differ_are_shown_by_the_line_that_has_them() -> None:
    assert "0xa7b" in last(seen({"dmesg": DMESG.replace("0xa7f", "0xa7b")}))
    assert "Hypervisor detected" in last(seen({"dmesg": DMESG.replace("privilege", "other")}))


def test_a_guest_that_names_no_kernel_runs_none_that_is_known() -> None:
    found = seen({"release": ""})
    assert found.failure_class == "WRONG_KERNEL"
    assert "the guest runs nothing" in found.reason


def test_a_machine_without_a_bridge_has_no_second_witness() -> None:
    found = observe.observe(frames.boot_run(), frames.console(), b"host: start\n", BARE, OPTIONS)
    assert (found.ladder, found.failure_class) == (Ladder.BOUND, "")
