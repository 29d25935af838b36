"""What is known of a cell while the stages go by, and the record that is kept of it.

Pure. The record is written after every stage, so that whatever happens it says what was known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline import hyperv, intent, kconfig
from pipeline.model import Loudness, Targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.kconfig import Option
    from pipeline.model import Cell, Expectation, Intent, Machine
    from pipeline.values import Artifact, BootRun, Build, Change, Kernel, Resolution, Slim, Tree, Verdict

SCHEMA = 2
RULES = 6  # of observe.py, postmortem.py and verdict.py: which rules judged a record
MOST_TEXTS = 256  # .config texts; 150 cells have 82, and each is written up to six times


@dataclass(slots=True, kw_only=True)
class State:
    """One cell on its way; the stages fill it in.

    `error` is why we, not the kernel, could not go on, `skip` why it was not tried. `layers` are the files that the
    old .config was put together of, `options` its options with the lines that ask for them. `spans` are when its kernel
    was built and booted in this run, from and to in seconds since 1970; what was known before has none. `typed` is the
    command that does it again.
    """

    cell: Cell
    expectation: Expectation | None
    intent: Intent = intent.HYPERV
    control: bool = False
    targets: Targets = Targets.INTENT
    old: str = ""
    layers: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    config_origin: str = ""
    tree: Tree | None = None
    resolution: Resolution | None = None
    slim: Slim | None = None
    kernel: Kernel | None = None
    build: Build | None = None
    artifact: Artifact | None = None
    boot: BootRun | None = None
    error: str = ""
    skip: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    typed: tuple[str, ...] = ()

    @property
    def reached(self) -> str:
        """The last stage that this cell has a value of."""
        if self.boot:
            return "boot"
        if self.artifact:
            return "build"
        return "resolve" if self.resolution and not self.resolution.absent else ""

    @property
    def refused(self) -> bool:
        """Whether the policy ended with an error of its own."""
        return bool(self.resolution and self.resolution.exit_status)

    @property
    def going(self) -> bool:
        """Whether there is anything left to try for this cell."""
        failed = self.build is not None and not self.build.ok
        return not (self.error or self.skip or self.refused or failed or (self.artifact and self.artifact.problems))


def facts(state: State) -> dict[str, Any]:
    """Everything but the verdict, as it goes into record.json."""
    cell, resolution = state.cell, state.resolution
    return {
        "schema": SCHEMA,
        "cell": cell.name,
        "source": state.tree.origin if state.tree else cell.variant.source.name,
        "variant": cell.variant.name,
        "config": cell.config.name,
        "config_origin": state.config_origin,
        "policy": cell.policy,
        "toolchain": cell.toolchain,
        "machine": _machine(cell.machine),
        "requested": dict(_shown(state.old)) if state.old else {},
        "resolved": dict(_shown(resolution.final)) if resolution else {},
        "declared": list(resolution.declared) if resolution else [],
        "changes": [_changed(change, state.options) for change in resolution.changes] if resolution else [],
        "intent": {"name": state.intent.name, "symbols": dict(state.intent.symbols)},
        "lost": [change.symbol for change in intent.lost(state.intent, resolution.changes)] if resolution else [],
        "loudness": intent.loudness(state.intent, resolution) if resolution else Loudness.NONE,
        "refused": state.refused,
        "slim": asdict(state.slim) | {"text": ""} if state.slim else None,
        "kernel": state.kernel.key if state.kernel else None,
        "built": _built(state.build) if state.build else None,
        "release": state.artifact.release if state.artifact else None,
        "build_failed": state.build.reason if state.build and not state.build.ok else "",
        "problems": list(state.artifact.problems) if state.artifact else [],
        "booted": state.boot is not None,
        "boot": _booted(state.boot) if state.boot else None,
        "reused": {
            "resolve": bool(resolution and resolution.reused),
            "build": bool(state.build and state.build.reused),
            "boot": bool(state.boot and state.boot.reused),
        },
        "error": state.error,
        "skip": state.skip,
        "reached": state.reached, "expect": expected(state.expectation),
        "seconds": state.seconds, "spans": {stage: list(span) for stage, span in state.spans.items()},
        "tools": state.tools,
    }


@lru_cache(maxsize=MOST_TEXTS)
def _shown(text: str) -> Mapping[str, str]:
    """The Hyper-V options of a .config; kept, as a cell is written after each stage and many have the same texts."""
    return hyperv.shown(kconfig.values(text))


def _built(build: Build) -> dict[str, Any]:
    """How a kernel came about: of which tree, in whose objects, and how many objects were made."""
    return {"tree": build.kernel.tree.origin, "start": build.start, "compiled": build.compiled}


def _machine(machine: Machine) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(machine).items()}


def _booted(run: BootRun) -> dict[str, Any]:
    """How a boot came about: quietly or aloud, why it was repeated, and the middle machine's state."""
    return {"quiet": run.quiet, "repeated": run.repeated, "middle": run.middle}


def _changed(change: Change, options: Mapping[str, Option]) -> dict[str, Any]:
    """A change as it is kept, with the line of the user's own file that asked."""
    asked = options.get(change.symbol)
    return {**asdict(change), "parents": list(change.parents), "asked_at": asked.origin if asked else ""}


def expected(expectation: Expectation | None) -> dict[str, str | None] | None:
    """An expectation as it is kept, so that a saved run can be judged without its matrix.yaml."""
    return asdict(expectation) if expectation else None


def judged(verdict: Verdict) -> dict[str, Any]:
    """The verdict as it goes into record.json."""
    return {
        "rules": RULES,
        "predicted": verdict.predicted,
        "required": verdict.required,
        "observed": verdict.observed,
        "outcome": verdict.outcome,
        "class": verdict.failure_class,
        "status": verdict.status,
        "reason": verdict.reason,
        "evidence": [str(one) for one in verdict.evidence],
    }
