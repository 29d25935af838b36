"""The CPUID bits that hv-* flags give a guest, to check that what was asked of QEMU has arrived.

Pure. Bits from kvm_hyperv_properties[] in QEMU's target/i386/kvm/kvm.c, the same in 7.2, 10.0 and 10.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# flag: bits of 40000003.EAX, .EBX, 40000004.EAX, 40000003.EDX
_BITS: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    "relaxed": ((), (), (5,), ()),
    "vapic": ((4,), (), (3,), ()),
    "vpindex": ((6,), (), (), ()),
    "runtime": ((0,), (), (), ()),
    "crash": ((), (), (), (10,)),
    "time": ((1, 9), (), (), ()),
    "synic": ((2,), (4, 5), (), ()),
    "stimer": ((3,), (), (), ()),
    "stimer-direct": ((), (), (), (19,)),
    "tlbflush": ((), (), (2, 11), ()),
    "tlbflush-ext": ((), (), (), (14,)),
    "ipi": ((), (), (10, 11), ()),
    "frequencies": ((11,), (), (), (8,)),
    "reenlightenment": ((13,), (), (), ()),
    "reset": ((7,), (), (), ()),
    "evmcs": ((), (), (14,), ()),
    "xmm-input": ((), (), (), (4,)),
    "avic": ((), (), (9,), ()),
}
# What each needs beside it: .dependencies of the same table, hyperv_expand_features() for synic; hw/hyperv/vmbus.c
# and hv-balloon.c for the devices. QEMU refuses the former; without the latter it says so and goes on.
REQUIRES: dict[str, tuple[str, ...]] = {
    "synic": ("vpindex",),
    "stimer": ("synic", "time"),
    "stimer-direct": ("stimer",),
    "tlbflush": ("vpindex",),
    "tlbflush-ext": ("tlbflush",),
    "ipi": ("vpindex",),
    "evmcs": ("vapic",),
    "vmbus-bridge": ("vpindex", "synic"),
    "hv-balloon": ("vmbus-bridge",),
}
_ALWAYS = ((5,), (), (), (3,))
_NUMBER = r"(0x[0-9a-f]+|0)"
# arch/x86/kernel/cpu/mshyperv.c ms_hyperv_init_platform(): `ext` from 6.18 on, where zero prints as 0
_LINE = re.compile(
    rf"Hyper-V: privilege flags low {_NUMBER}, high {_NUMBER}, (?:ext {_NUMBER}, )?hints {_NUMBER}, misc {_NUMBER}",
)


@dataclass(frozen=True, slots=True)
class Privileges:
    """The four words that the kernel prints."""

    low: int
    high: int
    hints: int
    misc: int

    def __str__(self) -> str:
        return f"low {self.low:#x}, high {self.high:#x}, hints {self.hints:#x}, misc {self.misc:#x}"


def unmet(names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What each of a machine's flags and devices lacks, by its name; empty when QEMU can make the machine."""
    lacking = {name: tuple(one for one in REQUIRES.get(name, ()) if one not in names) for name in names}
    return {name: missing for name, missing in lacking.items() if missing}


def expected(flags: Iterable[str]) -> Privileges:
    """The words that a guest of a machine with these flags must print."""
    words = [sum(1 << bit for bit in bits) for bits in _ALWAYS]
    chosen = set(flags)
    for flag in chosen:
        for index, bits in enumerate(_BITS.get(flag, ((), (), (), ()))):
            for bit in bits:
                words[index] |= 1 << bit
    if "avic" in chosen:
        words[2] &= ~(1 << 3)  # hv-avic withdraws the advice to use the APIC MSRs
    return Privileges(*words)


def printed(line: str) -> Privileges | None:
    """The words of a `privilege flags` line; None where the line is another."""
    match = _LINE.search(line)
    if not match:
        return None
    low, high, _, hints, misc = (int(text, 16) if text else 0 for text in match.groups())
    return Privileges(low, high, hints, misc)
