"""Turns what was found about a cell into its verdict: outcome, class and status.

Pure, and starting from failure: without a proof nothing is ever `kept`. Rules in docs/how-it-works.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline import hyperv, intent
from pipeline.model import Ladder, Loudness, Outcome, Status
from pipeline.observe import DOUBTS
from pipeline.postmortem import HOST_CLASSES
from pipeline.values import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.model import Expectation, Intent, Machine
    from pipeline.values import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of a cell. `build` is why its kernel could not be built, `error` why we could not go on.

    `final` has an n for every Hyper-V option that the tree declares and hides, `lost` names the intent's lost options.
    """

    old: Mapping[str, str]
    final: Mapping[str, str]
    machine: Machine
    loudness: Loudness
    intent: Intent = intent.HYPERV
    lost: tuple[str, ...] = ()
    refused: bool = False
    build: str = ""
    problems: tuple[str, ...] = ()
    observation: Observation | None = None
    error: str = ""
    skip: str = ""
    void: str = ""


def judge(case: Case, expectation: Expectation | None) -> Verdict:
    """The verdict of one cell; the same for the same case, whenever it is asked."""
    required = intent.required(case.intent, case.old, case.machine)
    predicted = hyperv.promised(case.final, case.machine)
    bare = Verdict(
        predicted=predicted, required=required, observed=case.observation.ladder if case.observation else None,
        outcome=Outcome.UNKNOWN, failure_class="", status=Status.ERROR, reason="",
        evidence=case.observation.evidence if case.observation else (),
    )  # fmt: skip
    if case.skip and not (case.refused or case.build or case.problems):
        return replace(bare, status=Status.SKIP, reason=case.skip)
    if failure := _ours(case):
        return replace(bare, reason=failure[1], failure_class=failure[0], observed=None)
    found = _outcome(case, bare)
    return _status(found, case.loudness, expectation)


def _ours(case: Case) -> tuple[str, str] | None:
    """Class and reason when the fault is ours and nothing can be said of the kernel."""
    if case.error:
        return "", case.error
    if case.observation and case.void:
        return "", f"void: {case.void}"
    if case.observation and case.observation.failure_class in HOST_CLASSES:
        return case.observation.failure_class, case.observation.reason
    return None


def _outcome(case: Case, bare: Verdict) -> Verdict:
    """The verdict with outcome, class and reason; its status is still open."""
    seen = case.observation
    if case.refused:
        return replace(bare, outcome=Outcome.LOST, failure_class="REFUSED", reason="the policy refused the config")
    if case.build:
        return replace(bare, failure_class="BUILD_FAILED", reason=case.build)
    if case.problems:
        text = f"the built files contradict the .config: {'; '.join(case.problems)}"
        return replace(bare, outcome=Outcome.CONTRADICTION, failure_class="ARTIFACT_DIFFERS", reason=text)
    if seen is None:
        why, text = predicted_class(case.final, bare)
        found = replace(bare, outcome=_compared(bare.required, bare.predicted), failure_class=why, reason=text)
        return _options(found, case)
    if seen.failure_class in DOUBTS or (seen.complete and seen.ladder is not bare.predicted):
        text = seen.reason or "more than the .config can explain"
        text = f"the .config predicts {bare.predicted}, the boot shows {seen.ladder}: {text}"
        return replace(bare, outcome=Outcome.CONTRADICTION, failure_class=seen.failure_class, reason=text)
    found = replace(
        bare, outcome=_compared(bare.required, seen.ladder), failure_class=seen.failure_class, reason=seen.reason,
    )  # fmt: skip
    return _options(found, case)


def _options(found: Verdict, case: Case) -> Verdict:
    """A kept ladder is no kept intent while an option of it is lost that no boot here can show."""
    if not case.lost or found.outcome is Outcome.LOST:
        return found
    text = f"the ladder is kept, and {', '.join(case.lost)} {'is' if len(case.lost) == 1 else 'are'} lost"
    return replace(found, outcome=Outcome.LOST, failure_class="OPTION_LOST", reason=text)


def _compared(required: Ladder, seen: Ladder) -> Outcome:
    if not seen.reaches(required):
        return Outcome.LOST
    if required.reaches(Ladder.CORE):
        return Outcome.KEPT
    return Outcome.GAINED if seen.rank > required.rank else Outcome.SAME_OFF


def predicted_class(final: Mapping[str, str], bare: Verdict) -> tuple[str, str]:
    """Class and reason that a .config alone foretells; empty when it foretells no loss."""
    if bare.predicted.reaches(bare.required) and bare.predicted is not Ladder.DETECTED:
        return "", ""
    vtl, guest, bus = final.get(hyperv.VTL) == "y", final.get("HYPERVISOR_GUEST") == "y", hyperv.vmbus(final)
    table = {
        Ladder.NONE: ("VTL_PANIC", f"{hyperv.VTL} is on, which {hyperv.HAZARDS[hyperv.VTL]}") if vtl
        else ("NO_BOOT", "EFI_STUB is not set, and the machine starts kernels by UEFI"),
        Ladder.BOOTED: ("KVM_WON", "KVM_GUEST is on, and the machine shows KVM's signature too") if guest
        else ("NOT_DETECTED", "HYPERVISOR_GUEST is not set"),
        Ladder.DETECTED: ("CORE_NOT_BUILT", "HYPERV is not set"),
        Ladder.CORE: ("VMBUS_NOT_BUILT", "VMBus is n") if bus == "n"
        else ("ACPI_OFF", "ACPI is not set, and VMBus is an ACPI device"),
        Ladder.OFFERED: ("UNBOUND", "HYPERV_BALLOON is not set, the one driver that QEMU has a channel for"),
    }
    return table.get(bare.predicted, ("", ""))


def _status(found: Verdict, loudness: Loudness, expectation: Expectation | None) -> Verdict:
    differences = _differences(found, loudness, expectation) if expectation else []
    if differences:
        text = f"{found.outcome}, not as {expectation.where if expectation else ''} expects: {', '.join(differences)}"
        return replace(found, status=Status.FAIL, reason=_joined(text, found.reason))
    if expectation and expectation.outcome is found.outcome:
        return replace(found, status=Status.PASS)
    bad = {Outcome.LOST, Outcome.CONTRADICTION, Outcome.UNKNOWN}
    return replace(found, status=Status.FAIL if found.outcome in bad else Status.PASS)


def _differences(found: Verdict, loudness: Loudness, expectation: Expectation) -> list[str]:
    seen = found.observed if found.observed is not None else found.predicted
    pairs = (
        ("ladder", expectation.ladder, seen),
        ("outcome", expectation.outcome, found.outcome),
        ("loudness", expectation.loudness, loudness),
        ("class", expectation.failure_class, found.failure_class),
    )
    wrong = [(name, want, got) for name, want, got in pairs if want is not None and want != got]
    return [f"{name} {got or 'none'} instead of {want}" for name, want, got in wrong]


def _joined(first: str, second: str) -> str:
    return f"{first}; {second}" if second else first
