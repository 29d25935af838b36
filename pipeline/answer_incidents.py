"""The losses that people reported, each with the cell of a run that shows the same.

Pure: judged records in, Markdown out. Never claims an incident whose cell does not show its cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pipeline import markdown
from pipeline.answer_cells import LOST, told, word
from pipeline.errors import UserError
from pipeline.model import Ladder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.answer_cells import Record

M_TO_N = "m dropped to n"
EXPLICIT_N = "explicit n for the new option"
VTL = "VTL mode switched on by hand"
NOT_MET = "a dependency that an old config cannot meet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A report, and what shows the same here: the cells, and the change of `symbol` whose kind decides them."""

    number: str
    who: str
    links: Mapping[str, str]
    mode: str
    cells: str
    symbol: str
    kind: str


def _github(*issues: str) -> dict[str, str]:
    places = ((issue, *issue.split("#")) for issue in issues)
    return {issue: f"https://github.com/{repository}/issues/{number}" for issue, repository, number in places}


# The configs are the nearest that the matrix has, not those of the projects. Whole ones of a distribution stand for
# Armbian, Void and Zabbly, small ones for OpenWrt, VyOS and LEDE, who lay fragments over a base.
INCIDENTS = (
    Incident(
        number="1", who="Armbian, 2025-11", links=_github("armbian/build#8892"), mode=M_TO_N,
        cells="merged/debian-6.12/olddefconfig/*", symbol="HYPERV", kind="type",
    ),
    Incident(
        number="2", who="Void, 2025-12", links=_github("void-linux/void-packages#58165"), mode=M_TO_N,
        cells="merged/debian-6.12/olddefconfig/*", symbol="HYPERV", kind="type",
    ),
    Incident(
        number="3", who="Zabbly, 2026-03", links=_github("zabbly/linux#55"), mode=M_TO_N,
        cells="merged/debian-6.12-cloud/olddefconfig/*", symbol="HYPERV", kind="type",
    ),
    Incident(
        number="4", who="OpenWrt, 2026-04", links=_github("openwrt/openwrt#22846"), mode=EXPLICIT_N,
        cells="merged/no-vmbus/olddefconfig/*", symbol="HYPERV_VMBUS", kind="asked-off",
    ),
    Incident(
        number="5a", who="VyOS, 2026-05", links=_github("vyos/vyos-build#1193"), mode=M_TO_N,
        cells="merged/distro-m/olddefconfig/*", symbol="HYPERV", kind="type",
    ),
    Incident(
        number="5b", who="VyOS, 2026-07", links=_github("vyos/vyos-build#1236"), mode=VTL,
        cells="merged/vtl/olddefconfig/*", symbol="HYPERV_VTL_MODE", kind="hazard",
    ),
    Incident(
        number="6", who="LEDE, 2026-05 and 09", links=_github("coolsnowwolf/lede#14036", "coolsnowwolf/lede#14173"),
        mode=EXPLICIT_N, cells="merged/no-vmbus/olddefconfig/*", symbol="HYPERV_VMBUS", kind="asked-off",
    ),
    Incident(
        number="7", who="posted 2026-04-02, not merged", mode=NOT_MET,
        links={"Zimmermann, 3/8": "https://lore.kernel.org/r/20260402092305.208728-4-tzimmermann@suse.de"},
        cells="sysfb-depends/efi/olddefconfig/*", symbol="HYPERV_VMBUS", kind="dependency",
    ),
)  # fmt: skip


def section(records: Sequence[Record], incidents: Sequence[Incident] = INCIDENTS) -> str:
    """A table of the incidents, and for each cell its cause and what was printed.

    Raises UserError when a cell is not in the run, is not lost, or is lost for another cause.
    """
    head = ("#", "who", "report", "what went wrong", "asked for", "at resolve", "by boot", "told")
    rows: list[list[str]] = []
    causes: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for incident in incidents:
        cells = [record for record in records if fnmatchcase(record["cell"], incident.cells)]
        if not cells:
            hint = "run the whole of matrix.yaml, or change pipeline/answer_incidents.py with it"
            raise UserError(f"the run has no cell {incident.cells}, which must show {_name(incident)}", hint=hint)
        places |= incident.links
        for record in cells:
            causes.setdefault(_told(incident, record), []).append(incident.number)
            rows.append(_row(incident, record))
    links = "".join(f"[{name}]: {place}\n" for name, place in places.items())
    told_of = [f"{markdown.listed(numbers)}: {text}" for text, numbers in causes.items()]
    return "\n".join([markdown.table(head, rows), markdown.bullets(told_of), links])


def _name(incident: Incident) -> str:
    return f"{incident.who} ({', '.join(incident.links)})"


def _row(incident: Incident, record: Record) -> list[str]:
    links = ", ".join(f"[{name}]" for name in incident.links)
    seen = f"shows {Ladder(record['observed'])}" if record["observed"] else "not booted"
    return [
        incident.number, incident.who, links, incident.mode, Ladder(record["required"]),
        f"predicts {Ladder(record['predicted'])}", seen, word(record).split()[-1],
    ]  # fmt: skip


def _told(incident: Incident, record: Record) -> str:
    """The cell, its cause, and what was printed."""
    change = shown(incident, record)
    said = _warning(change, record)
    printed = f" Printed: {markdown.code(said)}" if said else ""
    return f"{markdown.code(record['cell'])}. {told(change)}.{printed}"


def _warning(change: Mapping[str, Any], record: Record) -> str:
    """What was printed of the option that decides, or of one that went with it."""
    lost = [one for one in record["changes"] if one["symbol"] in record["lost"]]
    return str(next((one["warning"] for one in (change, *lost) if one["warning"]), ""))


def shown(incident: Incident, record: Record) -> Mapping[str, Any]:
    """The change that makes a cell the same as an incident. Raises UserError when the cell does not show it."""
    if word(record) in LOST:
        for change in record["changes"]:
            if (change["symbol"], change["kind"]) == (incident.symbol, incident.kind):
                return dict(change)
    kinds = [f"{one['symbol']} {one['asked']} → {one['got']}: {one['kind']}" for one in record["changes"]
             if one["symbol"] in {incident.symbol, *record["lost"]}]  # fmt: skip
    raise UserError(
        f"{record['cell']} does not show {_name(incident)}: {incident.symbol} is to be lost by cause `{incident.kind}`",
        details="\n".join([f"it is {word(record)}", *kinds]), hint="look at ./inv explain --cells for that cell",
    )  # fmt: skip
