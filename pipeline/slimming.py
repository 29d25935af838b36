"""Derives a small .config that builds fast from a resolved one: the same Hyper-V, and little else.

The full .config is what was resolved and judged; this one is only built and booted in its stead, and says so.
"""

from __future__ import annotations

import functools
import hashlib
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from pipeline import asking, atomic, hyperv, intent, kconfig, policy, resolve, stages
from pipeline.errors import HostError, UserError
from pipeline.values import Slim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline.kconfig import Option
    from pipeline.record import State
    from pipeline.stages import Bench
    from pipeline.values import Change, Resolution, Tree

ROUNDS = 6  # a driver, its subsystem, and what that one hangs on; seen: 3
# What decides how Hyper-V's own options behave, or which hypervisor a kernel takes itself to be on.
SHAPE = (
    "MODULES", "SMP", "EFI", "SYSFB", "SYSFB_SIMPLEFB", "ACPI", "PARAVIRT", "KVM_GUEST", "XEN", "X86_X2APIC",
    "MSHV_ROOT", "MSHV_VTL",
)  # fmt: skip
VERSION = 2
UEFI = "uefi"


def slims(bench: Bench, states: Sequence[State]) -> None:
    """Derive the small .config of each cell whose config has one, those of a tree in one container.

    Cells with the same resolution share one.
    """

    def derive_all(group: list[State]) -> None:
        tree, parts = group[0].tree, _parts(group)
        if tree is None:
            return
        with ExitStack() as stack, bench.view.work(f"slim {group[0].cell.variant.name}", 5.0 * len(parts)) as work:
            conf = functools.cache(lambda: stack.enter_context(resolve.opened(bench.engine, tree, bench.slots)))
            for number, part in enumerate(parts, 1):
                work(f"{number} of {len(parts)}")
                stages.guarded(bench, part, functools.partial(_give, bench, conf))
            work.note = f"{len(parts)} small .configs"

    wanted = [state for state in stages.going(states) if state.cell.config.slim and state.resolution]
    stages.each(bench, stages.grouped(wanted, lambda state: state.tree), derive_all, stages.MOST_TREES)


def _parts(group: Sequence[State]) -> list[list[State]]:
    return stages.grouped(group, lambda state: (state.cell.config.slim, state.intent, _firmware(state), _final(state)))


def _give(bench: Bench, conf: Callable[[], resolve.Conf], part: Sequence[State]) -> None:
    found = _derived(bench, part[0], conf)
    for state in part:
        state.slim = found


def _firmware(state: State) -> str:
    return state.cell.machine.firmware


def _final(state: State) -> str:
    return state.resolution.final if state.resolution else ""


def _derived(bench: Bench, state: State, conf: Callable[[], resolve.Conf]) -> Slim:
    path, _, base = _base(state)
    values = {option.symbol: option.value for option in base.values()}
    memo = _memo(state, bench.cache)
    known = None if bench.fresh else _known(memo)
    if known:
        return known

    def carry(text: str) -> Resolution:
        return conf().run(resolve.Asked(text, (text,), policy.policies()["olddefconfig"]))

    found = derive(kconfig.values(_final(state)), values, wanted_of(state), str(path), carry)
    # on a machine that can show everything: other cells, on other machines of this firmware, share what is derived here
    machine = replace(asking.ANY_MACHINE, firmware=_firmware(state))
    promises = [hyperv.promised(_completed(state, text), machine) for text in (_final(state), found.text)]
    if len(set(promises)) > 1:
        raise HostError(
            f"{path} cannot stand for the full .config: it promises {promises[1]}, the full one {promises[0]}",
            details="\n".join(found.dropped[:10]), hint="add what the first of these hang on to the slim base",
        )  # fmt: skip
    atomic.write_note(memo, asdict(found))
    return found


def foreseen(state: State, cache: Path) -> Slim | None:
    """The small .config of a cell, if it was derived before."""
    return _known(_memo(state, cache))


def _base(state: State) -> tuple[Path, Tree, dict[str, Option]]:
    path, tree = state.cell.config.slim, state.tree
    if path is None or tree is None:
        raise UserError(f"configs: {state.cell.config.name} has no slim base")
    try:
        return path, tree, kconfig.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise UserError(f"configs: {state.cell.config.name}: slim: {path}: {error.strerror}") from error


def _memo(state: State, cache: Path) -> Path:
    _, tree, base = _base(state)
    more = (UEFI,) if _firmware(state) == UEFI else ()
    words = (str(VERSION), tree.image, tree.digest, _final(state), kconfig.render(base.values()), repr(state.intent))
    return cache / "slims" / f"{hashlib.sha256('|'.join((*words, *more)).encode()).hexdigest()}.json"


def _known(memo: Path) -> Slim | None:
    found = atomic.read_note(memo)
    try:
        parts = {name: tuple(found[name]) for name in ("kept", "dropped")} if found else {}
        return atomic.typed(Slim(**{**found, **parts})) if found else None
    except (KeyError, TypeError):
        return None


def _completed(state: State, text: str) -> dict[str, str]:
    return hyperv.completed(kconfig.values(text), state.resolution.declared if state.resolution else ())


def wanted_of(state: State) -> tuple[str, ...]:
    """The options that a small .config must have as the full one has them."""
    more = ("EFI_STUB",) if _firmware(state) == UEFI else ()  # which the machine starts it by
    return tuple(dict.fromkeys([*(symbol for symbol, _ in state.intent.symbols), *SHAPE, *more, *(
        state.resolution.declared if state.resolution else ()
    )]))  # fmt: skip


def derive(
    full: Mapping[str, str], base: Mapping[str, str], wanted: Sequence[str], name: str,
    carry: Callable[[str], Resolution],
) -> Slim:  # fmt: skip
    """Lay the wanted options of `full` over `base`, and whatever else they hang on, until they come out the same.

    `carry` resolves a .config on the tree. What cannot be had is the first of `dropped`, then what nobody asked for.
    """
    taken = {symbol: full.get(symbol, "n") for symbol in wanted}  # one that is hidden in full may not be so here
    final: dict[str, str] = {}
    for _ in range(ROUNDS):
        text = "".join(f"{kconfig.line(symbol, value)}\n" for symbol, value in {**base, **taken}.items())
        found = carry(text)
        final = kconfig.values(found.final)
        wrong = [symbol for symbol in wanted if final.get(symbol, "n") != full.get(symbol, "n")]
        more = _supports(found.changes, wrong, full, taken)
        if not wrong or not more:
            break
        taken |= more
    kept = tuple(symbol for symbol in wanted if symbol in full and final.get(symbol, "n") == full.get(symbol, "n"))
    differ = [f"{symbol}: {full.get(symbol, 'n')} in full, {final.get(symbol, 'n')} here" for symbol in wrong]
    others = [symbol for symbol, value in full.items() if value in {"y", "m"} and final.get(symbol, "n") == "n"]
    return Slim(
        text=found.final, base=name, kept=kept,
        dropped=(*differ, *(f"{symbol}={full[symbol]}" for symbol in others if symbol not in wrong)),
    )  # fmt: skip


def _supports(
    changes: Sequence[Change], wrong: Sequence[str], full: Mapping[str, str], taken: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """The options above the wrong ones that the full .config has on."""
    below = [change for change in changes if change.symbol in wrong]
    above = {change.symbol for change in intent.causes(changes, below)}
    above |= {parent for change in below for parent in change.parents}
    return {symbol: full[symbol] for symbol in sorted(above) if full.get(symbol, "n") != "n" and symbol not in taken}
