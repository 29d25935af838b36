"""The QEMU command line of the guest, one for every accelerator.

Pure: a machine in, argv out. `nested` wraps this command line, it never makes another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model import Machine

# Every message goes to the serial port, so that a kernel that dies early has said why. Early console included.
CMDLINE = "console=ttyS0 earlyprintk=ttyS0 panic=-1 log_buf_len=4M"
# The same with errors and panics alone on the serial port, which costs an emulated guest two exits a character.
QUIET = "console=ttyS0 quiet panic=-1 log_buf_len=4M"
# Memory that the guest hands its evidence over in; a file of the current folder on the other side.
EVIDENCE = (
    "-object", "memory-backend-file,id=evidence,mem-path=evidence,share=on,size=1M",
    "-device", "ivshmem-plain,memdev=evidence",
)  # fmt: skip
# OVMF, which whoever runs QEMU puts into the current folder (containers/host/middle-machine).
UEFI = ("-bios", "firmware")
DEVICES = {"vmbus-bridge": "vmbus-bridge", "hv-balloon": "hv-balloon,id=balloon"}
TRACES = "trace:vmbus_*,trace:hv_balloon_state_change"  # the host's own witness, in host.log


def cpu(machine: Machine) -> str:
    """The -cpu value. `kvm=off` hides KVM's own signature, or Linux prefers it to Hyper-V's.

    arch/x86/kernel/cpu/hypervisor.c takes the highest CPUID base, and QEMU puts KVM's above Hyper-V's.
    """
    hidden = () if machine.shows_kvm else ("kvm=off",)
    return ",".join(("host", *hidden, *(f"hv-{flag}" for flag in machine.hyperv), *machine.cpu))


def plain_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The same machine emulated, without KVM and without Hyper-V: what a boot of this kernel costs anywhere at least.

    Emulation ignores hv-* flags without a word, so none are left.
    """
    changed = {"-accel": "tcg,tb-size=256", "-cpu": "max"}
    return tuple(changed.get(before, word) for before, word in zip(("", *argv), argv, strict=False))


def guest_argv(machine: Machine, append: str = "", *, quiet: bool = False) -> tuple[str, ...]:
    """QEMU's argv with kernel and initrd in the current folder and the console on stdio.

    `append` are more words for the kernel. A quiet guest hands its evidence over in shared memory, where it can.
    """
    cmdline = f"{QUIET if quiet else CMDLINE} {append}".strip()
    devices = [word for name in machine.devices for word in ("-device", DEVICES[name])]
    return (
        "qemu-system-x86_64", "-accel", "kvm", "-machine", machine.chipset, "-cpu", cpu(machine),
        "-smp", str(machine.cpus), "-m", str(machine.memory), "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", "stdio",
        *devices, *(EVIDENCE if quiet else ()), *(("-d", TRACES) if machine.devices else ()),
        *(UEFI if machine.firmware == "uefi" else ()), "-kernel", "kernel", "-initrd", "initrd", "-append", cmdline,
    )  # fmt: skip
