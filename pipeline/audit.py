"""Finds where a kernel tree's Makefiles build code in although an option that it hangs on is, or may be, a module.

Pure: texts in, findings out. Never runs make and never reads a folder; whether code is really there, auditview.check
says.

What is built in, by scripts/Makefile.build and scripts/Makefile.lib of 6.1 to 7.3: obj-y; lib-y and lib-m, which both
go to lib.a; core-y, drivers-y and libs-y of an arch/*/Makefile; and the parts (foo-y, foo-objs) of an object, together
with it. subdir-y, always-y and extra-y link nothing.

What does not count: a part whose object follows the same option, and what is in a folder that the same option makes a
module's. What only counts together with another option that is y, such as `obj-$(CONFIG_A)` in a conditional on B, says
so in `follows`. Whether Kconfig's dependencies allow such values is not asked. Not read: bodies of `define` (in 6.1 to
7.3 that hides code in one file, drivers/iommu/generic_pt/fmt/Makefile).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.builtin import NAMING_M, Tree, expressions
from pipeline.kbuildlang import parse
from pipeline.kbuildscope import OPTION, spliced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.builtin import Hit
    from pipeline.kbuildlang import Statement

# Name of an idiom to what it looks like, with a line of 6.1 to 7.3 that has it; none has `filter` and `ifeq-m`.
IDIOMS = {
    "subst": "obj-$(subst m,y,$(CONFIG_HYPERV)) += hyperv/ (arch/x86/Kbuild, 6.1 to 7.3); patsubst likewise",
    "suffix": "obj-$(CONFIG_NVRAM:m=y) += nvram.o (arch/m68k/atari/Makefile, 6.1 to 7.3)",
    "filter": "ifneq ($(filter y m,$(CONFIG_X)),) + obj-y += x.o; findstring likewise",
    "if": "obj-$(if $(CONFIG_KUNIT),y) += hooks.o (lib/kunit/Makefile, 7.2); $(or ...) likewise",
    "ifneq": "ifneq ($(CONFIG_MSHV_ROOT)$(CONFIG_MSHV_VTL),) + obj-y += mshv_common.o (drivers/hv/Makefile, 7.2)",
    "ifdef": "ifdef CONFIG_FB_OMAP + obj-y += lcd_dma.o (drivers/video/fbdev/omap/Makefile, 6.1 to 7.3)",
    "ifeq-m": "ifeq ($(CONFIG_X),m) + obj-y += x.o",
    "lib": "lib-$(CONFIG_DECOMPRESS_LZMA) += decompress_unlzma.o (lib/Makefile): lib-m goes to lib.a as lib-y does",
    "indirect": "x-$(CONFIG_HOSTFS) += user.o, then obj-y := $(x-y) $(x-m) (fs/hostfs/Makefile, 6.12 to 7.3)",
    "other": "any other way, found by trying the values",
}
# Only objects of the kernel count: these folders hold programs of the build host, texts and examples.
EXCLUDED = frozenset({"tools", "scripts", "Documentation", "samples", "debian"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place; `symbols` are the options each of whose m builds code in, `kinds` their types.

    `builds` are root-relative objects and folders (these with a slash), as a built-in.a lists them.

    `into` is the object that the code becomes a part of, `follows` the options that must be y besides (none: m alone
    builds it in), `condition` the conditional that lets it in. `noop`: every option is a bool, so that an idiom that
    names m changes nothing any more.
    """

    origin: str
    text: str
    idiom: str
    symbols: tuple[str, ...]
    kinds: tuple[str, ...]
    builds: tuple[str, ...]
    noop: bool
    reason: str
    into: str = ""
    follows: tuple[str, ...] = ()
    condition: str = ""


def excluded(path: str) -> bool:
    """Whether a root-relative path is of a folder that holds nothing of the kernel proper."""
    return path.partition("/")[0] in EXCLUDED or "selftests" in path.split("/")


def audit(makefiles: Mapping[str, str], kinds: Callable[[str], str]) -> tuple[Finding, ...]:
    """Every place of a tree, by path and line.

    `makefiles` gives the text of each Makefile* and Kbuild* file by its root-relative path. `kinds` gives the type of
    an option without CONFIG_: "bool", "tristate", ..., "" where it is not declared; an undeclared one counts as
    possibly m only where the line itself names m. Raises UserError for a file whose conditionals do not pair.
    """
    parsed = {path: parse(path, text) for path, text in makefiles.items() if not excluded(path)}
    tree = Tree([spliced(path, parsed) for path in sorted(parsed)], kinds)
    found = {(hit.statement.path, hit.statement.line, hit.builds): hit for hit in tree.hits()}
    return tuple(_finding(found[key], kinds) for key in sorted(found))


def _finding(hit: Hit, kinds: Callable[[str], str]) -> Finding:
    one = hit.statement
    held = [text for text in expressions(one) if not set(OPTION.findall(text)).isdisjoint(hit.causes)]
    types = tuple(map(kinds, hit.causes))
    conditions = [guard for guard in one.guards if guard.reference in held]
    condition = ", ".join(f"{'' if guard.wanted else 'else of '}{guard.text} at {guard.origin}" for guard in conditions)
    return Finding(
        origin=f"{one.path}:{one.line}", text=" ".join(one.text.split()), idiom=_idiom(one, held), symbols=hit.causes,
        kinds=types, builds=hit.builds, noop=set(types) == {"bool"}, reason=_reason(hit, types, condition),
        into=hit.into, follows=hit.follows, condition=condition,
    )  # fmt: skip


def _idiom(one: Statement, held: list[str]) -> str:
    if not held:
        return "indirect"
    for name, pattern in NAMING_M.items():
        if any(pattern.search(text) for text in held):
            return name
    if one.name in held:
        calls = any(f"$({word} " in one.name for word in ("if", "or", "and"))
        return "if" if calls else "lib" if one.name.startswith("lib-") else "other"
    guards = [guard for guard in one.guards if guard.reference in held]
    if any(guard.word.endswith("def") for guard in guards):
        return "ifdef"
    if any("m" in {guard.left, guard.right} for guard in guards):
        return "ifeq-m"
    return "ifneq" if any("" in {guard.left, guard.right} for guard in guards) else "other"


def _reason(hit: Hit, types: tuple[str, ...], condition: str) -> str:
    if set(types) == {"bool"}:
        return f"{' and '.join(hit.causes)}: bool here and never m, so this changes nothing"
    undeclared = [name for name, kind in zip(hit.causes, types, strict=True) if not kind]
    text = f"built in though {' or '.join(f'{name}=m' for name in hit.causes)}"
    text += f", by {condition}" if condition else ""
    text += f", as a part of {hit.into}" if hit.into else ""
    text += f", when {' and '.join(f'{name}=y' for name in hit.follows)}" if hit.follows else ""
    return text + (f"; {', '.join(undeclared)} not declared here" if undeclared else "")
