"""Why a boot gave no proof: panic, oops, hang, triple fault, early death, or a host that refused.

Pure. It blames a kernel only when the host says that it ran QEMU.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline import dmesg, proof
from pipeline.model import Ending, Ladder
from pipeline.values import Evidence, Observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.proof import Proof
    from pipeline.values import BootRun

HOST_CLASSES = frozenset({"HOST_FAILED", "QEMU_REJECTED", "EVIDENCE_DAMAGED"})
# accel/kvm/kvm-all.c, and the middle machine's own kernel
_BROKEN = re.compile(r"KVM internal error|kvm run failed|Out of memory: Killed|^host: no job")
_ERROR = re.compile(r"^qemu-system-x86_64: (?!warning).*|.*: (?:cannot|Could not|failed) .*")


def examine(run: BootRun, console: bytes, host_log: bytes, found: Proof | None) -> Observation:
    """The observation of a boot without an intact proof: always the rung `none`."""
    lines = proof.lines_of(console)
    if fault := _host_fault(run, lines, proof.lines_of(host_log)):
        return fault
    deadly = dmesg.scan(lines)
    if deadly:
        worst = next((one for one in deadly if one.kind in {"vtl", "panic"}), deadly[0])
        kind = "VTL_PANIC" if worst.kind == "vtl" else "NO_BOOT"
        text = f"{worst.kind}: {worst.text}" + _hung(run)
        evidence = Evidence(file="console.log", line=worst.line, text=worst.text)
        return Observation(
            ladder=Ladder.NONE, complete=False, failure_class=kind, reason=text, evidence=(evidence,),
        )  # fmt: skip
    if found:  # an intact proof comes to nobody here
        return _none("EVIDENCE_DAMAGED", found.damaged, lines, "console.log")
    return _silent(run, lines)


def _host_fault(run: BootRun, lines: Sequence[str], host: Sequence[str]) -> Observation | None:
    """What was no kernel's doing, whatever the kernel said of itself before."""
    if "host: start" not in host:
        return _none("HOST_FAILED", "the machine that runs QEMU did not come up", host, "host.log")
    error = next((line for line in host if _ERROR.match(line)), f"exit status {run.qemu_exit}")
    if run.qemu_exit and not dmesg.banner(lines):
        return _none("QEMU_REJECTED", f"QEMU refused: {error}", host, "host.log")
    broken = next((line for line in host if _BROKEN.search(line)), "")
    if run.qemu_exit or broken:  # a guest that resets or powers off makes QEMU end with 0
        return _none("HOST_FAILED", f"QEMU died under the guest: {broken or error}", host, "host.log")
    if run.ending is Ending.EXITED and run.qemu_exit is None:
        return _none("HOST_FAILED", "the machine that runs QEMU ended before QEMU did", lines, "console.log")
    return None


def _silent(run: BootRun, lines: Sequence[str]) -> Observation:
    banner = dmesg.banner(lines)
    if run.ending in {Ending.SILENT, Ending.CAPPED, Ending.FLOODED}:
        said = "after the kernel's first words" if banner else "before the kernel said anything"
        words = {
            Ending.SILENT: f"hang: the console fell silent {said}",
            Ending.CAPPED: "no end: the guest was still talking when its time was up",
            Ending.FLOODED: "flood: the guest printed more than is kept",
        }
        return _none("NO_BOOT", words[run.ending], lines, "console.log")
    if banner:
        text = "reset without a panic message (triple fault, or a reboot by the kernel) before userspace"
        return _none("NO_BOOT", text, lines, "console.log")
    return _none("NO_BOOT", "early death: QEMU ended before the kernel said anything", lines, "console.log")


def _hung(run: BootRun) -> str:
    return {Ending.SILENT: ", then silence", Ending.CAPPED: ", and no end"}.get(run.ending, "")


def _none(failure_class: str, reason: str, lines: Sequence[str], name: str) -> Observation:
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    evidence = tuple(Evidence(file=name, line=number, text=text) for number, text in numbered[-1:])
    return Observation(
        ladder=Ladder.NONE, complete=False, failure_class=failure_class, reason=reason, evidence=evidence,
    )  # fmt: skip
