from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import qemu
from pipeline.model import Machine
from tests.frames import BARE, FLAGS, HYPERV

if TYPE_CHECKING:
    from collections.abc import Sequence

CPU = "host,kvm=off,hv-relaxed,hv-vapic,hv-vpindex,hv-runtime,hv-time,hv-synic,hv-stimer,hv-stimer-direct,hv-tlbflush,"


def after(argv: Sequence[str], option: str) -> list[str]:
    return [argv[index + 1] for index, word in enumerate(argv) if word == option]


SERIAL = "console=ttyS0 earlyprintk=ttyS0 panic=-1"


def test_the_default_machine() -> None:
    machine = Machine(name="hyperv", hyperv=FLAGS, devices=("vmbus-bridge", "hv-balloon"))
    assert qemu.guest_argv(machine) == (
        "qemu-system-x86_64", "-accel", "kvm", "-machine", "q35", "-cpu", f"{CPU}hv-ipi,hv-frequencies", "-smp", "1",
        "-m", "512", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
        "-device", "vmbus-bridge", "-device", "hv-balloon,id=balloon",
        "-d", "trace:vmbus_*,trace:hv_balloon_state_change",
        "-kernel", "kernel", "-initrd", "initrd", "-append", f"{SERIAL} log_buf_len=4M",
    )  # fmt: skip


def test_the_machine_without_flags() -> None:
    assert qemu.guest_argv(Machine(name="bare", hyperv=(), devices=())) == (
        "qemu-system-x86_64", "-accel", "kvm", "-machine", "q35", "-cpu", "host,kvm=off", "-smp", "1",
        "-m", "512", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
        "-kernel", "kernel", "-initrd", "initrd", "-append", f"{SERIAL} log_buf_len=4M",
    )  # fmt: skip


@pytest.mark.parametrize("flags", [(), ("vpindex",), ("spinlocks=0x1fff", "vendor-id=x"), FLAGS])
def test_kvm_is_hidden_from_every_guest(flags: tuple[str, ...]) -> None:
    words = qemu.cpu(Machine(name="x", hyperv=flags, devices=())).split(",")
    assert words == ["host", "kvm=off", *(f"hv-{flag}" for flag in flags)]


def test_memory_cpus_and_words_for_the_kernel() -> None:
    argv = qemu.guest_argv(Machine(name="x", hyperv=(), devices=(), memory=1024, cpus=4), "nopv")
    assert (after(argv, "-m"), after(argv, "-smp")) == (["1024"], ["4"])
    assert after(argv, "-append") == [f"{SERIAL} log_buf_len=4M nopv"]


def test_a_quiet_guest_hands_its_evidence_over_in_shared_memory() -> None:
    loud, quiet = qemu.guest_argv(HYPERV), qemu.guest_argv(HYPERV, quiet=True)
    assert after(quiet, "-append") == ["console=ttyS0 quiet panic=-1 log_buf_len=4M"]
    assert after(quiet, "-object") == ["memory-backend-file,id=evidence,mem-path=evidence,share=on,size=1M"]
    assert after(quiet, "-device") == [*after(loud, "-device"), "ivshmem-plain,memdev=evidence"]
    left = [word for word in quiet[:-1] if word not in qemu.EVIDENCE]
    assert left == [word for word in loud[:-1] if word not in qemu.EVIDENCE]


def test_the_order_of_devices_is_kept() -> None:
    assert after(qemu.guest_argv(HYPERV), "-device")[0] == "vmbus-bridge"
    assert after(qemu.guest_argv(BARE), "-d") == []


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(KeyError):
        qemu.guest_argv(Machine(name="x", hyperv=(), devices=("virtio-net",)))
