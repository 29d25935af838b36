"""How far up the ladder a boot came, by the guest's own framed evidence.

Pure: bytes in, Observation out. The rules, with the kernel's source behind each, are in docs/how-it-works.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import dmesg, flags, hyperv, postmortem, proof
from pipeline.model import Ladder
from pipeline.values import Evidence, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Machine
    from pipeline.proof import Proof
    from pipeline.values import BootRun

# arch/x86/hyperv/hv_init.c hyperv_init() and drivers/hv/vmbus_drv.c vmbus_bus_init(): each is removed on failure
CORE_STATE = "x86/hyperv_init:online"
VMBUS_STATE = "hyperv/vmbus:online"
CHANNEL_OPEN = "3"  # include/linux/hyperv.h enum vmbus_channel_state, CHANNEL_OPENED_STATE
DOUBTS = frozenset({"WRONG_KERNEL", "WITNESSES_DIFFER"})
# What QEMU's own traces must show beside the guest's claim of a rung.
WITNESS = {
    Ladder.CONNECTED: "vmbus_initiate_contact",
    Ladder.OFFERED: "vmbus_send_offer",
    Ladder.BOUND: "vmbus_channel_open",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a rung is judged from; `options` is None when nobody knows the kernel's .config."""

    proof: Proof
    machine: Machine
    options: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Missed:
    """Why a rung was not reached."""

    failure_class: str
    reason: str


Rung = tuple["Evidence | None", "Missed | None"]


def observe(
    run: BootRun, console: bytes, host_log: bytes, machine: Machine, options: Mapping[str, str] | None,
) -> Observation:  # fmt: skip
    """Judge one boot. No rung above `none` is ever given without an intact proof with this boot's nonce."""
    found = proof.extract(console, run.nonce)
    if found is None or found.damaged:
        return postmortem.examine(run, console, host_log, found)
    ladder, evidence, missed = _climb(Scene(found, machine, options))
    wrong = _wrong_kernel(found, run.release) or _witness(ladder, machine, host_log)
    missed = wrong or missed
    return Observation(
        ladder=ladder, complete=True, failure_class=missed.failure_class if missed else "",
        reason=(missed.reason if missed else "") + _oopses(found) + (f" ({run.repeated})" if run.repeated else ""),
        evidence=tuple(evidence),
    )  # fmt: skip


def _climb(scene: Scene) -> tuple[Ladder, list[Evidence], Missed | None]:
    reached = Ladder.BOOTED
    evidence: list[Evidence] = []
    top = hyperv.ceiling(scene.machine)
    for rung, check in RUNGS:
        proved, missed = check(scene)
        # above what the machine can show nothing is missed, yet what is there all the same must be seen
        if missed and not top.reaches(rung):
            return reached, evidence, None
        if proved:
            evidence.append(proved)
        if missed:
            return reached, evidence, missed
        reached = rung
    return reached, evidence, None


def _said(scene: Scene, text: str) -> Evidence | None:
    found = dmesg.find(scene.proof.lines("dmesg"), text)
    return Evidence(file="dmesg.txt", line=found.line, text=found.text) if found else None


def _listed(scene: Scene, name: str, text: str) -> Evidence | None:
    for number, line in enumerate(scene.proof.lines(name), 1):
        if text in line:
            return Evidence(file=f"evidence/{name}", line=number, text=line.strip())
    return None


def _detected(scene: Scene) -> Rung:
    said = _said(scene, "Hypervisor detected: Microsoft Hyper-V")
    if not said:
        if other := _said(scene, "Hypervisor detected: KVM"):
            return other, Missed("KVM_WON", "the kernel took KVM's signature, kvm=off did not arrive")
        if other := _said(scene, "VP_INDEX MSR not available"):
            return other, Missed("VPINDEX_MISSING", "the kernel found no VP_INDEX register")
        return None, Missed("NOT_DETECTED", "no 'Hypervisor detected' line (HYPERVISOR_GUEST=n, nopv, or vendor id)")
    if not scene.machine.hyperv:
        return said, None
    line = _said(scene, "Hyper-V: privilege flags")
    seen = flags.printed(line.text) if line else None
    wanted = flags.expected(scene.machine.hyperv)
    if seen != wanted:
        return line or said, Missed("FLAGS_DIFFER", f"flags asked of QEMU give {wanted}, the guest saw {seen}")
    return said, None


def _core(scene: Scene) -> Rung:
    if state := _listed(scene, "hotplug", CORE_STATE):
        return state, None
    if scene.options is not None and not hyperv.core(scene.options):
        return None, Missed("CORE_NOT_BUILT", "HYPERV=n: the kernel sees Hyper-V and has no code for it")
    build = _said(scene, "Hyper-V: Host Build") or _said(scene, "Hyper-V: Hypervisor Build")
    if scene.options is None and not build:
        return None, Missed("CORE_NOT_BUILT", f"no {CORE_STATE} state and no build line of the core")
    if not scene.proof.lines("acpi"):  # arch/x86/kernel/apic/apic.c: apic_post_init, hyperv_init(), is not reached
        return build, Missed("ACPI_OFF", "the guest has no ACPI devices: without ACPI no APIC, and no hyperv_init()")
    return build, Missed("CORE_INIT_FAILED", f"HYPERV is on and there is no {CORE_STATE} state")


def _connected(scene: Scene) -> Rung:
    version = _said(scene, "hv_vmbus: Vmbus version:")
    bus = _listed(scene, "paths", "/sys/bus/vmbus")
    if version and bus and _listed(scene, "hotplug", VMBUS_STATE):
        return version, None
    return (version or _said(scene, "Unable to connect to host")), _unconnected(scene)


def _unconnected(scene: Scene) -> Missed:
    """Why there is no connected VMBus although the core is up."""
    value = hyperv.vmbus(scene.options) if scene.options is not None else "?"
    present = _listed(scene, "paths", "/sys/module/hv_vmbus") or _listed(scene, "modules", "hv_vmbus ")
    absent = {
        "n": Missed("VMBUS_NOT_BUILT", "the core is there, VMBus was not built"),
        "m": Missed("VMBUS_MODULE_NOT_LOADED", "VMBus is a module, and hv_vmbus is not loaded"),
        "?": Missed("VMBUS_ABSENT", "no hv_vmbus in the kernel: not built, or its module was not given"),
    }
    if not present and value in absent:
        return absent[value]
    if not scene.proof.lines("acpi"):
        return Missed("ACPI_OFF", "the guest has no ACPI devices, and VMBus is one")
    if not any(line.upper().startswith("VMBUS") for line in scene.proof.lines("acpi")):
        return Missed("HOST_NO_VMBUS", "the machine has no ACPI device for VMBus")
    return Missed("VMBUS_REFUSED", "hv_vmbus is there and did not connect to the host")


def _offered(scene: Scene) -> Rung:
    if device := _listed(scene, "vmbus", hyperv.BALLOON_CLASS):
        return device, None
    return None, Missed("NO_CHANNEL", "connected, and no channel of hv-balloon's class was offered")


def _bound(scene: Scene) -> Rung:
    for number, line in enumerate(scene.proof.lines("vmbus"), 1):
        words = line.split()
        if hyperv.BALLOON_CLASS in line and words[-2:] == [CHANNEL_OPEN, "hv_balloon"]:
            return Evidence(file="evidence/vmbus", line=number, text=line), None
    if failed := _said(scene, "probe failed for device"):
        return failed, Missed("PROBE_FAILED", "hv_balloon was found and its probe failed")
    return None, Missed("UNBOUND", "the channel is offered and no driver is bound to it (not built or not loaded)")


RUNGS: tuple[tuple[Ladder, Callable[[Scene], Rung]], ...] = (
    (Ladder.DETECTED, _detected),
    (Ladder.CORE, _core),
    (Ladder.CONNECTED, _connected),
    (Ladder.OFFERED, _offered),
    (Ladder.BOUND, _bound),
)


def _wrong_kernel(found: Proof, release: str) -> Missed | None:
    running = " ".join(found.lines("release")) or "nothing"
    if running == release:
        return None
    return Missed("WRONG_KERNEL", f"the guest runs {running}, and the kernel under test is {release}")


def _witness(ladder: Ladder, machine: Machine, host_log: bytes) -> Missed | None:
    if "vmbus-bridge" not in machine.devices:
        return None
    for rung, trace in WITNESS.items():
        if ladder.reaches(rung) and trace.encode() not in host_log:
            return Missed("WITNESSES_DIFFER", f"the guest claims {rung}, and QEMU saw no {trace}")
    return None


def _oopses(found: Proof) -> str:
    deadly = dmesg.scan(found.lines("dmesg"))
    return f" (and the kernel said: {deadly[0].text}, dmesg.txt:{deadly[0].line})" if deadly else ""
