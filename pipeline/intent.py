"""What must survive a change of Kconfig: the options that a user counts on, and the rungs that they stand for.

Pure. Hyper-V's is built in; any other is named in matrix.yaml. Never looks at a boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import chain, hyperv, reasons
from pipeline.model import Intent, Ladder, Loudness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.model import Machine
    from pipeline.values import Change, Resolution

_RUNGS = {
    "HYPERVISOR_GUEST": Ladder.DETECTED, hyperv.CORE: Ladder.CORE, hyperv.RENAMED_CORE: Ladder.CORE,
    hyperv.VMBUS: Ladder.CONNECTED, "HYPERV_BALLOON": Ladder.BOUND,
}  # fmt: skip
# A driver stands on a connected bus; which of them QEMU can show is hyperv.py's matter.
HYPERV = Intent(
    name="hyperv",
    symbols=tuple(
        (symbol, _RUNGS.get(symbol, Ladder.CONNECTED))
        for symbol in hyperv.SYMBOLS
        if symbol not in {"HYPERV_TIMER", "HYPERV_VTL_MODE"}  # one is derived, the other is no service to a guest
    ),
)
OFF = frozenset({"n", "-"})


def named(intent: Intent | None) -> Intent:
    """The intent of a matrix: its own, or Hyper-V's."""
    return intent or HYPERV


def required(intent: Intent, old: Mapping[str, str], machine: Machine) -> Ladder:
    """The rung that an old .config asks for on a machine."""
    if intent.name == HYPERV.name:
        return hyperv.promised({**old, **dict.fromkeys(hyperv.HAZARDS, "n")}, machine)
    rungs = [rung for symbol, rung in intent.symbols if old.get(symbol, "n") not in OFF]
    wanted = max(rungs, key=lambda rung: rung.rank, default=Ladder.BOOTED)
    return min(wanted, hyperv.ceiling(machine), key=lambda rung: rung.rank)


def lost(intent: Intent, changes: Iterable[Change]) -> tuple[Change, ...]:
    """The intent's options that were asked for, still exist in the tree, and are off.

    One that upstream removed is no loss of carrying over, nor is a transitional one, whose heirs are asked instead.
    """
    names = {symbol for symbol, _ in intent.symbols}
    changes = tuple(changes)
    names |= {
        heir for change in changes if change.symbol in names and change.kind == reasons.RENAMED
        for heir in change.parents
    }  # fmt: skip
    return tuple(
        change for change in changes
        if change.symbol in names and change.asked not in OFF and change.got in OFF
        and change.kind not in {reasons.GONE, reasons.RENAMED}
    )  # fmt: skip


def harmful(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The options that are on and keep a guest from coming up, whoever asked for them."""
    return tuple(change for change in changes if change.kind == reasons.HAZARD)


def causes(changes: Sequence[Change], of: Iterable[Change]) -> tuple[Change, ...]:
    """The changes at the top of each chain that leads to some of them, in order, each once.

    Where the chain is a ring, which no tree's conf takes, the change itself stands for its top.
    """
    by_name = {change.symbol: change for change in changes}
    parents = {name: change.parents for name, change in by_name.items()}
    roots = dict.fromkeys(name for change in of for name in chain.tops([change.symbol], parents))
    return tuple(by_name[name] for name in roots)


def loudness(intent: Intent, resolution: Resolution) -> Loudness:
    """What was said about the intent's options that were lost, or about what took them along."""
    if resolution.exit_status:  # a policy that refuses may leave .config as it was, so that nothing differs
        return Loudness.REFUSED
    gone = (*lost(intent, resolution.changes), *harmful(resolution.changes))
    if not gone:
        return Loudness.NONE
    parents = {change.symbol: change.parents for change in resolution.changes}
    went = chain.above((change.symbol for change in gone), parents)
    told = any(change.warning for change in resolution.changes if change.symbol in went)
    return Loudness.WARNED if told else Loudness.SILENT
