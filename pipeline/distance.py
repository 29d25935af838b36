"""How much two kernels of related trees differ in what must be rebuilt: objects, by what fixdep recorded of each.

Pure: a text and two sets of options in, numbers out. Never looks into an object tree; a script in a container does.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ON = frozenset({"y", "m"})
# An option that no object mentions, as that of most drivers: HYPERV_UTILS and PCI_HYPERV are only in Makefiles of linux
# 6.12. Switched on, it brings objects that nobody has seen; Hyper-V's drivers have one to five. Even: a half is whole.
UNSEEN = 2
# Until a tree was learnt: its objects with the slim config, and of them those that mention an option. HYPERV as it was
# measured on linux 6.12 and 7.3, 823 to 915; the others by 6.12's #include lines alone, which is somewhat too many.
OBJECTS = 1444
STATED = {"HYPERV": 869, "MODULES": 1380, "SMP": 1418}
# A kernel's own name; it is in the release string, and in no object that depends on an option.
IGNORED = frozenset({"LOCALVERSION", "LOCALVERSION_AUTO"})
# These change the compiler or its command line, which Kbuild compares too (if_changed in scripts/Kbuild.include) and
# fixdep knows nothing of. Makefile, arch/x86/Makefile, scripts/Makefile.{lib,debug,extrawarn,kasan} of linux 6.12.
FLAGS = frozenset((
    "CC_OPTIMIZE_FOR_PERFORMANCE", "CC_OPTIMIZE_FOR_SIZE", "READABLE_ASM", "WERROR", "FRAME_POINTER", "UNWINDER_ORC",
    "STACKPROTECTOR", "STACKPROTECTOR_STRONG", "INIT_STACK_ALL_PATTERN", "INIT_STACK_ALL_ZERO", "ZERO_CALL_USED_REGS",
    "FUNCTION_TRACER", "FUNCTION_ALIGNMENT", "FUNCTION_PADDING_BYTES", "CALL_PADDING", "DEBUG_SECTION_MISMATCH",
    "LD_DEAD_CODE_DATA_ELIMINATION", "SHADOW_CALL_STACK", "LTO_CLANG", "CFI_CLANG", "RANDSTRUCT", "DEBUG_INFO",
    "DEBUG_INFO_DWARF4", "DEBUG_INFO_DWARF5", "DEBUG_INFO_REDUCED", "DEBUG_INFO_SPLIT", "DEBUG_INFO_COMPRESSED_ZLIB",
    "DEBUG_INFO_COMPRESSED_ZSTD", "KASAN", "KCSAN", "KMSAN", "UBSAN", "KCOV_INSTRUMENT_ALL", "GCOV_PROFILE_ALL",
    "MITIGATION_RETPOLINE", "MITIGATION_RETHUNK", "MITIGATION_SLS", "X86_KERNEL_IBT", "GENERIC_CPU", "MK8", "MPSC",
    "MCORE2", "MATOM", "CC_VERSION_TEXT",
))  # fmt: skip

# What a script may hand over; more is not read. A distribution's kernel has 20,000 objects, linux 20,000 symbols.
TEXT_LIMIT, LINE_LIMIT = 64 * 2**20, 64 * 2**10
LINES_LIMIT, OBJECTS_LIMIT, SYMBOLS_LIMIT = 2**16, 2**15, 2**15
_LINE = re.compile(r"([\w.,+=@~-][\w.,+=@~/-]{0,250}\.o)((?:[ \t]+\w{1,128})*)[ \t\r]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Depends:
    """Which objects mention which option: bit i of a mask is object i. Without objects, nothing was learnt."""

    objects: tuple[str, ...] = ()
    masks: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of objects of a whole build."""
        return len(self.objects) or OBJECTS

    def mask(self, symbol: str) -> int | None:
        """The objects that are rebuilt when an option changes; None of one that no object is known to mention."""
        if symbol in FLAGS:
            return (1 << self.count) - 1
        if not self.objects:
            return (1 << STATED[symbol]) - 1 if symbol in STATED else None
        return self.masks.get(symbol)


@dataclass(frozen=True, slots=True)
class Heavy:
    """An option, its two values, and the objects that it adds to those of heavier ones."""

    symbol: str
    old: str
    new: str
    objects: int

    def __str__(self) -> str:
        return f"{self.symbol} {self.old} -> {self.new}"


def parse(*texts: str) -> Depends:
    """What finished object trees of a family tell: a line is `path/to/foo.o SYMBOL SYMBOL ...`, without CONFIG_.

    All their objects, and for each what any of them tells. The texts are a stranger's. A line that is none is left
    out, and so is all that is beyond the limits; nothing raises.
    """
    return _learnt(itertools.chain.from_iterable(_lines(text) for text in texts))


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """The options whose values differ; one that is absent is n. None that says only what a kernel is called."""
    found = [symbol for symbol, value in a.items() if b.get(symbol, "n") != value]
    found += [symbol for symbol, value in b.items() if value != "n" and symbol not in a]
    return [symbol for symbol in found if symbol not in IGNORED]


def rebuilt(a: Mapping[str, str], b: Mapping[str, str], depends: Depends) -> int:
    """How many objects are compiled when a kernel with the options `b` is built in the object tree of one with `a`.

    An estimate: each object that mentions a changed option, and UNSEEN for each option that no object is known to
    mention, if it is on in `b` and has another value in `a`. One that goes from m to y is among these: its objects are
    compiled without -DMODULE then (KBUILD_CFLAGS_MODULE in linux 6.12's Makefile).
    """
    union = unseen = 0
    for symbol in differing(a, b):
        mask = depends.mask(symbol)
        if mask is not None:
            union |= mask
        elif b.get(symbol) in ON:
            unseen += UNSEEN
    return union.bit_count() + unseen


def varying(several: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """The same options, each without those that are alike in all; every distance between them stays what it is.

    For many kernels at once: of an iterator, only what differs from the first is held in memory.
    """
    base: dict[str, str] = {}
    changes: list[dict[str, str]] = []
    for options in several:
        base = base if changes else dict(options)
        changes.append({symbol: options.get(symbol, "n") for symbol in differing(base, options)})
    common = {symbol: base.get(symbol, "n") for one in changes for symbol in one}
    whole = ({**common, **one} for one in changes)
    return [{symbol: value for symbol, value in one.items() if value != "n"} for one in whole]


def between(a: Mapping[str, str], b: Mapping[str, str], depends: Depends) -> int:
    """The mean of both directions, which is what a plan weighs; without unseen options they are the same."""
    return (rebuilt(a, b, depends) + rebuilt(b, a, depends)) // 2


def heaviest(a: Mapping[str, str], b: Mapping[str, str], depends: Depends, n: int) -> tuple[Heavy, ...]:
    """At most `n` options that make up most of what is rebuilt, heaviest first; each adds some object."""
    left = {}
    for symbol in sorted(differing(a, b)):
        mask = depends.mask(symbol)
        left[symbol] = (mask or 0, UNSEEN if mask is None and b.get(symbol) in ON else 0)
    found: list[Heavy] = []
    covered = 0
    while left and len(found) < n:
        gains = {symbol: (mask & ~covered).bit_count() + unseen for symbol, (mask, unseen) in left.items()}
        symbol = max(gains, key=gains.__getitem__)
        if not gains[symbol]:
            break
        covered |= left.pop(symbol)[0]
        found.append(Heavy(symbol, a.get(symbol, "n"), b.get(symbol, "n"), gains[symbol]))
    return tuple(found)


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    text = bin(mask)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    if len(text) > TEXT_LIMIT:
        text = text[: text.rfind("\n", 0, TEXT_LIMIT) + 1]
    start = 0
    for _ in range(LINES_LIMIT):
        if start >= len(text):
            return
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start <= LINE_LIMIT and (match := _LINE.fullmatch(text, start, end)):
            yield match[1], match[2]
        start = end + 1


def _learnt(lines: Iterable[tuple[str, str]]) -> Depends:
    """Masks of objects with the symbols that each mentions; the same object may come again, mostly with the same."""
    objects: dict[str, int] = {}
    masks: dict[str, int] = {}
    told: dict[str, str] = {}
    for path, symbols in lines:
        if told.get(path) == symbols or (path not in objects and len(objects) >= OBJECTS_LIMIT):
            continue
        told[path] = symbols
        bit = 1 << objects.setdefault(path, len(objects))
        for word in symbols.split():
            symbol = word.removesuffix("_MODULE")
            if symbol in masks:
                masks[symbol] |= bit
            elif symbol and len(masks) < SYMBOLS_LIMIT:
                masks[symbol] = bit
    return Depends(tuple(objects), masks)
