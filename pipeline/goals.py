"""Says which modules of a .config a verdict needs, by path, so that nobody waits for the thousands of others.

Pure: texts in, paths out. Never builds, and never asks make: what modpost still misses, make-goals finds out.

The modules that a .config makes are worked out as scripts/Makefile.build does (6.1 to 7.3): from the top down, obj-m of
every folder that obj-y or obj-m leads to. Of Debian's amd64 kernels that gives all 4,023 modules of 6.1.187 and 4,208
of the 4,225 of 7.3.4; `eval` makes the other 17 (drivers/platform/x86/intel). Those needed are what the options that
are m build, and, for loading them, what their `depends on` and `select` lead to. A dependency that only the code shows
is not seen: Hyper-V's drivers have none there, of all options that are m 14% (6.1) and 17% (7.3) do.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import expr, hyperv
from pipeline.errors import UserError
from pipeline.kbuildlang import parse
from pipeline.kbuildscope import OPTION, Run, spliced
from pipeline.kconfigtree import VARIABLES
from pipeline.makevalues import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.kbuildlang import Statement
    from pipeline.kbuildscope import Scope
    from pipeline.kconfigtree import Index
    from pipeline.model import Intent

ALL: tuple[str, ...] = ()  # as make without a goal
IMAGE = "bzImage"
FEW = 40  # modules that are made sooner than a choice of them
_ARCH = VARIABLES["SRCARCH"]
_LISTS = re.compile(r"obj-(?:y|m|\$.*)")
# What the top and the arch Makefile add: ARCH_CORE, ARCH_LIB and ARCH_DRIVERS of Kbuild; in older trees all folders.
_ROOTED = re.compile(r"(?:core|libs|drivers|net|virt|init)-(?:y|m|\$.*)")
_WORD = re.compile(r"[\w.][\w./+-]*(?:\.o|/)")
_TOP = ("Makefile", f"arch/{_ARCH}/Makefile", "Kbuild")


@dataclass(frozen=True, slots=True)
class Texts:
    """A tree's Makefile* and Kbuild* files by root-relative path, and the index of its Kconfig files."""

    makefiles: Mapping[str, str]
    index: Index


def symbols(intent: Intent) -> tuple[str, ...]:
    """The options whose modules a verdict needs: those of the intent, and Hyper-V's, which are booted and checked."""
    return tuple(dict.fromkeys([*(symbol for symbol, _ in intent.symbols), *hyperv.SYMBOLS]))


def everything(options: Mapping[str, str]) -> bool:
    """Whether all that a .config makes is to be made, as choosing would spare nothing.

    With TRIM_UNUSED_KSYMS the objects of all modules are made for the image itself, as they say which exports it keeps
    (KBUILD_MODULES in the top Makefile, 6.1 to 7.3); a choice of them would trim the others' exports.
    """
    return sum(value == "m" for value in options.values()) <= FEW or options.get("TRIM_UNUSED_KSYMS") == "y"


def of(options: Mapping[str, str], asked: Iterable[str], texts: Texts) -> tuple[str, ...]:
    """What is to be made of a resolved .config: ALL, or IMAGE and paths of modules (drivers/hv/hv_vmbus.ko), sorted.

    `options` gives each option's value without CONFIG_, `asked` names those that matter. Raises nothing.
    """
    if everything(options):
        return ALL
    wanted = needed(options, asked, texts.index)
    made = modules(options, texts.makefiles)
    return (IMAGE, *sorted(path for path, by in made.items() if by & wanted))


def needed(options: Mapping[str, str], asked: Iterable[str], index: Index) -> frozenset[str]:
    """The asked options that are m, and the options that are m to which their `depends on` and `select` lead.

    A bool may be a part of a module and is passed through; a tristate that is y is in the image, and needs no module.
    """
    waiting = [symbol for symbol in asked if options.get(symbol) == "m"]
    seen = set(waiting)
    while waiting:
        for name in _near(waiting.pop(), index):
            kind = index.symbols[name].kind if name in index.symbols else ""
            if name not in seen and (options.get(name) == "m" or (options.get(name) == "y" and kind == "bool")):
                seen.add(name)
                waiting.append(name)
    return frozenset(name for name in seen if options.get(name) == "m")


def _near(name: str, index: Index) -> set[str]:
    found: set[str] = set()
    for one in index.symbols[name].definitions if name in index.symbols else ():
        found.update(*(expr.symbols(condition.expr) for condition in one.depends))
        found.update(select.target for select in one.selects)
    return found


def modules(options: Mapping[str, str], makefiles: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Every module that a .config makes, by path, with the options that are m and make it one. Raises nothing."""
    unset = {name: "" for text in makefiles.values() for name in OPTION.findall(text)}
    values = {**unset, **{name: "" if value == "n" else value for name, value in options.items()}}
    parsed = dict(_parsed(makefiles))
    found: dict[str, frozenset[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [("", frozenset[str]())]
    while waiting:
        folder, above = waiting.pop()
        if (folder, above) in seen:
            continue
        seen.add((folder, above))
        inside: dict[str, frozenset[str]] = {}
        built_in = set()
        for path in _files(folder, parsed):
            for kind, word, own in _listed(spliced(path, parsed), values):
                by = own or above
                if word.endswith("/"):
                    waiting.append((posixpath.normpath(word), by))
                elif kind == "m":
                    inside[word] = inside.get(word, frozenset()) | by
                else:
                    built_in.add(word)
        for word in inside.keys() - built_in:  # what is in both is built in only
            made = f"{word.removesuffix('.o')}.ko"
            found[made] = found.get(made, frozenset()) | inside[word]
    return found


def _parsed(makefiles: Mapping[str, str]) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """The statements of each file; one that make cannot read either is left out, and the build will say so."""
    for path, text in makefiles.items():
        try:
            yield path, parse(path, text)
        except UserError:
            continue


def _files(folder: str, parsed: Mapping[str, object]) -> Iterator[str]:
    """What kbuild reads of a folder: its Kbuild file, or else its Makefile; at the top, all that add folders there."""
    if folder:
        names = (f"{folder}/Kbuild", f"{folder}/Makefile")
        yield from [name for name in names if name in parsed][:1]
    else:
        yield from (name for name in _TOP if name in parsed)


def _listed(scope: Scope, values: Mapping[str, str]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each object or folder (with a slash) that is listed: y or m, its root-relative path, the options that are m."""
    top = scope.path in _TOP
    for index, one in enumerate(scope.statements):
        if not (_ROOTED.fullmatch(one.name) if top and scope.path != "Kbuild" else _LISTS.fullmatch(one.name)):
            continue
        run = Run(scope, values, index)
        kind = run.text(one.name).partition("-")[2]
        # the top Makefile's conditionals are about the goals and folders that make was called with
        if kind not in {"y", "m"} or not (scope.path == "Makefile" or run.counts(one.guards)):
            continue
        own = frozenset(name for name in scope.options(index) if values.get(name) == "m")
        for word in run.text(one.value).replace(f"arch/{UNKNOWN}", f"arch/{_ARCH}").split():
            path = posixpath.normpath(posixpath.join("" if top else scope.folder, word))
            if _WORD.fullmatch(word) and not path.startswith(".."):
                yield kind, f"{path}/" if word.endswith("/") else path, own
