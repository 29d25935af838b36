"""Judges a run from its files alone; a live run is judged by the same code on the files that it has just written.

It starts no process and no container, and looks at no clock.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

from pipeline import atomic, boot, hyperv, kconfig, observe, plainrun, proof, seal, verdict
from pipeline.errors import UserError
from pipeline.model import Expectation, Intent, Ladder, Loudness, Machine, Outcome
from pipeline.values import Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.values import Observation, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A record and the verdict that its files give."""

    record: dict[str, Any]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Run:
    """A judged run: cells, controls, and why it is void (empty when its controls are right)."""

    cells: tuple[Judged, ...]
    controls: tuple[Judged, ...]
    void: str


def judge_run(folder: Path) -> Run:
    """Judge every cell of a run folder. Raises UserError when the folder holds no run."""
    note = atomic.read_json(folder / "run.json")
    if not isinstance(note, dict) or "cells" not in note:
        raise UserError(f"{folder}: no run.json of a run in it", hint="give a folder below results/")
    with reading(folder):
        plainrun.check(folder, seal.homes(note))
        return _run_of(folder, note)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn what goes wrong with a value of a saved run that is not what it must be into a UserError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, OSError) as error:
        text = f"{type(error).__name__}: {error}"
        raise UserError(f"{folder}: its records are damaged", details=text, hint="run the matrix again") from error


def _run_of(folder: Path, note: dict[str, Any]) -> Run:
    controls = tuple(_judge(folder / "controls" / name, void="") for name in note["controls"])
    void = "; ".join(text for text in map(_wrong, controls) if text)
    cells = tuple(_judge(folder / "cells" / name, void=void) for name in note["cells"])
    return Run(cells, controls, void)


def _wrong(control: Judged) -> str:
    """Why a control is not what it must be; empty when it is. One that was not booted proves nothing."""
    name, reaches = control.record["cell"], Ladder(control.record["expect"]["ladder"])
    if control.record["skip"].startswith("--accel"):  # nothing at all was booted then
        return ""
    seen = control.verdict.observed
    if seen is reaches and control.verdict.outcome is not Outcome.CONTRADICTION:
        return ""
    return f"control {name} must reach {reaches} and shows {seen or 'nothing'} ({control.verdict.reason})"


def _judge(folder: Path, *, void: str) -> Judged:
    record = atomic.read_json(folder / "record.json")
    if not isinstance(record, dict):
        raise UserError(f"{folder}/record.json: missing or damaged", hint="run the matrix again")
    machine = _machine(record["machine"])
    _changes(record)
    old, final = (_options(folder / name) for name in ("config.old", "config.final"))
    final = hyperv.completed(final, record["declared"]) if final else final
    case = verdict.Case(
        old=old, final=final, machine=machine, loudness=Loudness(record["loudness"]), refused=record["refused"],
        intent=_intent(record["intent"]), lost=tuple(record["lost"]),
        build=record["build_failed"], problems=tuple(record["problems"]),
        observation=_observation(folder, machine, final) if record["booted"] else None,
        error=record["error"] or _unfinished(record), skip=record["skip"], void=void,
    )  # fmt: skip
    return Judged(record, verdict.judge(case, _expectation(record["expect"])))


def _unfinished(record: dict[str, Any]) -> str:
    """Why nothing can be said of a cell whose stages were cut short by an interrupt or a kill."""
    ended = record["refused"] or record["build_failed"] or record["problems"] or record["skip"]
    if ended or record["reached"] == record["planned"]:
        return ""
    return f"not finished: the run ended after {record['reached'] or 'no'} stage, {record['planned']} was planned"


def _options(path: Path) -> dict[str, str]:
    return kconfig.values(path.read_text(), str(path)) if path.is_file() else {}


def _observation(folder: Path, machine: Machine, final: dict[str, str]) -> Observation:
    try:
        run = boot.load(folder)
        console, host_log = (folder / "console.log").read_bytes(), (folder / "host.log").read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: its boot is damaged", details=str(error), hint="run the matrix again") from error
    return observe.observe(run, console, host_log, machine, final)


def _machine(fields: dict[str, Any]) -> Machine:
    lists = {key: tuple(fields.get(key, ())) for key in ("hyperv", "devices", "cpu")}  # `cpu` is newer than some runs
    return Machine(**{**fields, **lists})


def _changes(record: dict[str, Any]) -> list[Change]:
    """The changes of a record, which the table and the chains look into."""
    names = [field.name for field in fields_of(Change)]
    return [Change(**{name: change[name] for name in names}) for change in record["changes"]]


def _intent(fields: dict[str, Any]) -> Intent:
    symbols = tuple((symbol, Ladder(rung)) for symbol, rung in fields["symbols"].items())
    return Intent(name=fields["name"], symbols=symbols)


def _expectation(fields: dict[str, Any] | None) -> Expectation | None:
    if fields is None:
        return None
    ladder, outcome, loudness = fields["ladder"], fields["outcome"], fields["loudness"]
    return Expectation(
        cells=fields["cells"], where=fields["where"], ladder=Ladder(ladder) if ladder else None,
        outcome=Outcome(outcome) if outcome else None, loudness=Loudness(loudness) if loudness else None,
        failure_class=fields["failure_class"],
    )  # fmt: skip


def evidence_files(folder: Path) -> dict[str, str]:
    """The guest's evidence of a boot as text files for a reader: dmesg.txt and evidence/*."""
    run = boot.load(folder)
    found = proof.extract((folder / "console.log").read_bytes(), run.nonce)
    if found is None or found.damaged:
        return {}
    names = {name: "dmesg.txt" if name == "dmesg" else f"evidence/{name}" for name in found.files}
    return {names[name]: "".join(f"{line}\n" for line in lines) for name, lines in found.files.items()}
