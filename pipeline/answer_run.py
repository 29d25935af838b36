"""What a run was, whether it is fit to be shown, and what it does not show.

Pure: a judged run in, Markdown out. Never lets a run through that is void, cut short, or without a result for a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline import hyperv, markdown
from pipeline.answer_cells import Word, foretold, word
from pipeline.answer_cost import BASE
from pipeline.errors import UserError
from pipeline.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.answer_cells import Record
    from pipeline.answer_cost import Patch

ENDED = (0, 1, 69)  # exit statuses of a run that came to its end
COMMANDS = {"resolve": "./inv resolve", "boot": "./inv matrix"}
_AGAIN = "run the matrix again; what is known already is not done twice"
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A judged run: its run.json, the records of its cells and controls, why it is void, and each variant's patches."""

    note: Mapping[str, Any]
    cells: Sequence[Record]
    controls: Sequence[Record]
    void: str
    patches: Mapping[str, Sequence[Patch]]

    @property
    def booted(self) -> bool:
        """Whether the run was to boot its kernels."""
        return bool(self.note["through"] == "boot")


def check(given: Given) -> None:
    """Raise UserError when the run is not fit to be shown."""
    note = given.note
    if note["through"] not in COMMANDS:
        raise UserError(f"the run ended with `{note['through']}` by plan", hint="./inv matrix, or ./inv resolve")
    if note["exit_status"] not in ENDED:
        raise UserError(f"the run did not come to its end: exit status {note['exit_status']}", hint=_AGAIN)
    if given.void:
        raise UserError(f"the run is void: {given.void}", hint="./inv doctor, then run the matrix again")
    failed = [f"{one['cell']}: {one['reason']}" for one in given.cells if one["status"] == Status.ERROR]
    if failed:
        text = "\n".join(failed[:_LISTED])
        raise UserError(f"{markdown.counted(len(failed), 'cell')} without a result", details=text, hint=_AGAIN)
    if given.booted and not (given.controls and any(one["booted"] for one in given.cells)):
        raise UserError("nothing was booted, or no control was", hint="./inv doctor, then run the matrix again")
    if BASE not in {one["variant"] for one in given.cells}:
        raise UserError(f"the run has no variant {BASE}, to which the others are compared", hint="run matrix.yaml")


def notice(given: Given) -> str:
    """What must be said before anything else: that nothing was booted; empty when it was."""
    if given.booted:
        return ""
    text = (
        "**Nothing was booted, and nothing was built.** This run ended with `resolve` by plan. What stands in"
        " parentheses is predicted from the resolved .config, and no kernel has confirmed it."
    )
    return "".join(f"> {line}\n" for line in markdown.paragraph(text).splitlines())


def ran(given: Given) -> str:
    """What was run, in a table, and the old configs in another."""
    cells, note = given.cells, given.note
    nouns = {"variant": "variants", "config": "old configs", "policy": "policies"}
    counts = ", ".join(f"{len(_values(cells, axis))} {noun}" for axis, noun in nouns.items())
    file = "" if note["matrix"] == "matrix.yaml" else f" --file {note['matrix']}"
    everyone = [*cells, *given.controls]
    rows = [
        ("command", markdown.code(COMMANDS[note["through"]] + file)),
        ("run", f"{note['run']}, {_date(note['run'])}"),
        ("matrix", f"{markdown.code(note['matrix'])}, sha256 {note['digest'][:16]}"),
        ("cells", f"{len(cells)}, of {counts}"),
        ("trees", _joined(source.partition(" + ")[0] for source in _values(cells, "source"))),
        ("kernels", str(len({one["kernel"] for one in everyone if one["kernel"]}) or "none")),
        ("boots", _boots(everyone)),
        *((title, _joined(one["tools"].get(key, "") for one in everyone)) for title, key in (
            ("accelerator", "accelerator"), ("QEMU", "qemu"), ("compiler", "compiler"), ("engine", "engine"),
        )),
        ("controls", f"{len(given.controls)}, each as it must be" if given.controls else ""),
        ("judged by", f"rules {', '.join(_values(cells, 'rules'))} of docs/how-it-works.md"),
    ]  # fmt: skip
    return markdown.table(("what", "which"), [row for row in rows if row[1]]) + "\n" + _configs(cells)


def _configs(cells: Sequence[Record]) -> str:
    firsts = {one["config"]: one for one in reversed(cells)}
    rows = [
        (f"`{name}`", *(firsts[name]["requested"].get(symbol, "-") for symbol in (hyperv.CORE, hyperv.VMBUS)),
         markdown.code(firsts[name]["config_origin"]))
        for name in _values(cells, "config")
    ]  # fmt: skip
    return markdown.table(("old config", "HYPERV", "HYPERV_VMBUS", "made of"), rows)


def _values(cells: Iterable[Record], axis: str) -> list[str]:
    return list(dict.fromkeys(str(one[axis]) for one in cells))


def _joined(texts: Iterable[str]) -> str:
    """Each text once, as code: a version of Debian's may have a tilde in it."""
    return ", ".join(map(markdown.code, dict.fromkeys(text for text in texts if text)))


def _date(run: str) -> str:
    try:
        return f"{datetime.strptime(run[:15], '%Y%m%d-%H%M%S'):%Y-%m-%d %H:%M} UTC"  # noqa: DTZ007 - it is UTC by store.py
    except ValueError:
        return "of unknown date"


def _boots(everyone: Sequence[Record]) -> str:
    """How many boots there were; cells with the same kernel and machine share one."""
    booted = [one for one in everyone if one["booted"]]
    known: dict[tuple[str, str], bool] = {}
    for one in booted:
        boot = one["kernel"], one["machine"]["name"]
        known[boot] = known.get(boot, True) and one["reused"]["boot"]
    if not known:
        return "none"
    return f"{len(known)}, for {len(booted)} cells and controls; {sum(known.values())} known from earlier runs"


X86 = "Only x86-64 was tried. On arm64 nothing was resolved, built or booted."
UNBUILT = (
    "No kernel was built. That the code of an option is really there, and that it works, is not shown here.",
    "A prediction goes by the options alone (docs/how-it-works.md). A kernel that hangs or panics is not foreseen.",
)
ONE_CHANNEL = (
    "The guests ran on QEMU, and not on Hyper-V or Azure. QEMU's VMBus offers one channel, that of the balloon"
    " (machines: {}). `bound` says that VMBus carries a driver. Storage, network, keyboard, PCI and sockets are judged"
    " by their options and by the modules that were built; a device of theirs was never offered."
)
IN_STEAD = (
    "{}: the whole .config was carried over and judged. What was built and booted in its stead, in {}, is {} with {} of"
    " its options; {} were left out, and what they might break is not seen."
)


def limits(given: Given) -> list[str]:
    """What the run does not show, a paragraph each."""
    cells = given.cells
    trees = _joined(one["source"].partition(" + ")[0] for one in cells)
    return [
        X86, f"The trees are {trees}, and no others. Another release can have other dependencies.",
        *(_booted_limits(cells) if given.booted else UNBUILT), *_unsaid(cells),
    ]  # fmt: skip


def _booted_limits(cells: Sequence[Record]) -> list[str]:
    machines = {one["machine"]["name"]: one["machine"]["devices"] for one in cells}
    devices = "; ".join(f"{name}: {', '.join(found) or 'no devices'}" for name, found in machines.items())
    found = [ONE_CHANNEL.format(markdown.plain(devices))]
    if alone := [one["cell"] for one in cells if foretold(one)]:
        found.append(f"Not booted, and therefore in parentheses: {', '.join(map(markdown.code, alone))}.")
    slim: dict[str, list[Record]] = {}
    for one in cells:
        if one["slim"]:
            slim.setdefault(one["slim"]["base"], []).append(one)
    for base, ones in slim.items():
        names = markdown.listed(f"`{name}`" for name in _values(ones, "config"))
        kept, dropped = (_span([len(one["slim"][key]) for one in ones]) for key in ("kept", "dropped"))
        count = markdown.counted(len(ones), "cell")
        found.append(IN_STEAD.format(names, count, markdown.code(base), kept, dropped))
    return found


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _unsaid(cells: Sequence[Record]) -> list[str]:
    """The cells of which no outcome can be told, each with its reason."""
    groups: dict[tuple[Word, str], list[str]] = {}
    for one in cells:
        if (found := word(one)) in {Word.SKIPPED, Word.UNBUILT, Word.CONTRADICTION}:
            groups.setdefault((found, (one["reason"].splitlines() or [""])[0]), []).append(one["cell"])
    return [
        f"{found.partition(' ')[2]}: {', '.join(map(markdown.code, names))}. {markdown.plain(why)}"
        for (found, why), names in groups.items()
    ]
