"""The QEMU command line of the guest, one for every accelerator.

Pure: a machine in, argv out. `nested` wraps this command line, it never makes another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model import Machine

# Every message goes to the serial port, so that a kernel that dies early has said why. Early console included.
CMDLINE = "console=ttyS0 earlyprintk=ttyS0 panic=-1 log_buf_len=4M"
DEVICES = {"vmbus-bridge": "vmbus-bridge", "hv-balloon": "hv-balloon,id=balloon"}
TRACES = "trace:vmbus_*,trace:hv_balloon_state_change"  # the host's own witness, in host.log


def cpu(machine: Machine) -> str:
    """The -cpu value. `kvm=off` hides KVM's own signature, or Linux prefers it to Hyper-V's.

    arch/x86/kernel/cpu/hypervisor.c takes the highest CPUID base, and QEMU puts KVM's above Hyper-V's.
    """
    return ",".join(("host", "kvm=off", *(f"hv-{flag}" for flag in machine.hyperv)))


def guest_argv(machine: Machine, cmdline: str = CMDLINE) -> tuple[str, ...]:
    """QEMU's argv with kernel and initrd in the current folder and the console on stdio."""
    devices = [word for name in machine.devices for word in ("-device", DEVICES[name])]
    return (
        "qemu-system-x86_64", "-accel", "kvm", "-machine", "q35", "-cpu", cpu(machine), "-smp", str(machine.cpus),
        "-m", str(machine.memory), "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
        *devices, *(("-d", TRACES) if machine.devices else ()),
        "-kernel", "kernel", "-initrd", "initrd", "-append", cmdline,
    )  # fmt: skip
