from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline import verdict
from pipeline.model import Expectation, Intent, Ladder, Loudness, Outcome, Status
from pipeline.values import Evidence, Observation
from pipeline.verdict import Case
from tests.frames import BARE, HYPERV

M_612 = {"HYPERVISOR_GUEST": "y", "ACPI": "y", "HYPERV": "m", "HYPERV_BALLOON": "m"}
OFF = {"HYPERVISOR_GUEST": "y", "ACPI": "y", "HYPERV": "n"}
SPLIT = {"HYPERVISOR_GUEST": "y", "ACPI": "y", "HYPERV": "y", "HYPERV_VMBUS": "y", "HYPERV_BALLOON": "y"}
CORE_ONLY = {**SPLIT, "HYPERV_VMBUS": "n", "HYPERV_BALLOON": "n"}
VTL = {**SPLIT, "HYPERV_VTL_MODE": "y"}
OWN = Intent(name="own", symbols=(("EXT4_FS", Ladder.BOOTED),))


def seen(ladder: Ladder, why: str = "", *, complete: bool = True) -> Observation:
    return Observation(ladder=ladder, complete=complete, failure_class=why, reason=why.lower())


def case(old: dict[str, str], final: dict[str, str], observation: Observation | None = None, **more: Any) -> Case:
    return Case(old=old, final=final, machine=HYPERV, loudness=Loudness.NONE, observation=observation, **more)


def expecting(**claims: Any) -> Expectation:
    return Expectation(cells="*", where="matrix.yaml:9", **claims)


@pytest.mark.parametrize(
    ("old", "final", "rung", "why", "outcome", "status"),
    [
        (M_612, M_612, Ladder.BOUND, "", Outcome.KEPT, Status.PASS),
        (M_612, SPLIT, Ladder.BOUND, "", Outcome.KEPT, Status.PASS),
        (M_612, OFF, Ladder.DETECTED, "CORE_NOT_BUILT", Outcome.LOST, Status.FAIL),
        (SPLIT, CORE_ONLY, Ladder.CORE, "VMBUS_NOT_BUILT", Outcome.LOST, Status.FAIL),
        (OFF, OFF, Ladder.DETECTED, "CORE_NOT_BUILT", Outcome.SAME_OFF, Status.PASS),
        (OFF, SPLIT, Ladder.BOUND, "", Outcome.GAINED, Status.PASS),
    ],
)
def test_outcome_of_an_honest_boot(
    old: dict[str, str], final: dict[str, str], rung: Ladder, why: str, outcome: Outcome, status: Status,
) -> None:  # fmt: skip
    found = verdict.judge(case(old, final, seen(rung, why)), None)
    assert (found.outcome, found.status, found.failure_class) == (outcome, status, why)


def test_a_config_alone_foretells_its_class() -> None:
    found = verdict.judge(case(OFF, OFF), None)
    assert (found.outcome, found.failure_class) == (Outcome.SAME_OFF, "CORE_NOT_BUILT")
    found = verdict.judge(case(SPLIT, {**SPLIT, "HYPERV_BALLOON": "n"}), None)
    assert (found.outcome, found.predicted, found.failure_class) == (Outcome.LOST, Ladder.OFFERED, "UNBOUND")
    assert "HYPERV_BALLOON" in found.reason
    assert verdict.judge(case(SPLIT, SPLIT), None).failure_class == ""


@pytest.mark.parametrize("rung", [rung for rung in Ladder if rung is not Ladder.BOUND])
def test_a_boot_below_its_config_is_a_contradiction(rung: Ladder) -> None:
    found = verdict.judge(case(M_612, M_612, seen(rung, "X")), None)
    assert (found.outcome, found.status) == (Outcome.CONTRADICTION, Status.FAIL)


def test_a_boot_above_its_config_is_a_contradiction_even_if_wished_for() -> None:
    found = verdict.judge(case(M_612, OFF, seen(Ladder.BOUND)), expecting(ladder=Ladder.BOUND))
    assert (found.outcome, found.status) == (Outcome.CONTRADICTION, Status.FAIL)


@pytest.mark.parametrize("why", ["WRONG_KERNEL", "WITNESSES_DIFFER"])
def test_doubts_are_contradictions(why: str) -> None:
    assert verdict.judge(case(M_612, M_612, seen(Ladder.BOUND, why)), None).outcome is Outcome.CONTRADICTION


def test_a_dead_kernel_is_lost_and_not_a_contradiction() -> None:
    found = verdict.judge(case(M_612, M_612, seen(Ladder.NONE, "NO_BOOT", complete=False)), None)
    assert (found.outcome, found.status, found.failure_class) == (Outcome.LOST, Status.FAIL, "NO_BOOT")


@pytest.mark.parametrize("why", ["HOST_FAILED", "QEMU_REJECTED", "EVIDENCE_DAMAGED"])
def test_our_fault_is_never_a_fail(why: str) -> None:
    found = verdict.judge(case(M_612, M_612, seen(Ladder.NONE, why, complete=False)), None)
    assert (found.outcome, found.status) == (Outcome.UNKNOWN, Status.ERROR)


def test_an_error_wins_over_everything() -> None:
    found = verdict.judge(case(M_612, OFF, error="engine gone"), expecting(outcome=Outcome.LOST))
    assert (found.status, found.reason, found.observed) == (Status.ERROR, "engine gone", None)


def test_a_void_run_has_no_boot_verdicts() -> None:
    found = verdict.judge(case(M_612, M_612, seen(Ladder.BOUND), void="control x"), expecting(ladder=Ladder.BOUND))
    assert (found.status, found.outcome) == (Status.ERROR, Outcome.UNKNOWN)
    assert "control x" in found.reason


def test_a_build_failure_says_nothing_of_hyperv() -> None:
    found = verdict.judge(case(M_612, M_612, build="does not compile: x.c:1: error"), None)
    assert (found.outcome, found.status, found.failure_class) == (Outcome.UNKNOWN, Status.FAIL, "BUILD_FAILED")


def test_artifacts_that_contradict_are_never_kept() -> None:
    found = verdict.judge(case(M_612, M_612, problems=("hv_vmbus.ko is missing",)), expecting(outcome=Outcome.KEPT))
    assert (found.outcome, found.status) == (Outcome.CONTRADICTION, Status.FAIL)


def test_a_skip_is_neither() -> None:
    found = verdict.judge(case(M_612, M_612, skip="--accel kvm: no"), expecting(outcome=Outcome.KEPT))
    assert (found.status, found.outcome) == (Status.SKIP, Outcome.UNKNOWN)


def test_a_refused_config_is_lost_loudly() -> None:
    found = verdict.judge(case(M_612, M_612, refused=True), None)
    assert (found.outcome, found.failure_class) == (Outcome.LOST, "REFUSED")


def test_resolve_alone_foretells() -> None:
    lost = verdict.judge(case(M_612, OFF), None)
    assert (lost.outcome, lost.failure_class, lost.observed) == (Outcome.LOST, "CORE_NOT_BUILT", None)
    assert verdict.judge(case(SPLIT, CORE_ONLY), None).failure_class == "VMBUS_NOT_BUILT"
    assert verdict.judge(case(M_612, SPLIT), None).outcome is Outcome.KEPT


def test_an_expected_loss_passes_and_a_kept_one_then_fails() -> None:
    known = expecting(
        ladder=Ladder.DETECTED, outcome=Outcome.LOST, loudness=Loudness.WARNED, failure_class="CORE_NOT_BUILT",
    )  # fmt: skip
    lost = replace(case(M_612, OFF, seen(Ladder.DETECTED, "CORE_NOT_BUILT")), loudness=Loudness.WARNED)
    assert verdict.judge(lost, known).status is Status.PASS
    kept = verdict.judge(case(M_612, SPLIT, seen(Ladder.BOUND)), known)
    assert kept.status is Status.FAIL
    assert "matrix.yaml:9" in kept.reason
    quiet = verdict.judge(replace(lost, loudness=Loudness.SILENT), known)
    assert quiet.status is Status.FAIL
    assert "loudness silent instead of warned" in quiet.reason


@pytest.mark.parametrize(
    "claim",
    [{"ladder": Ladder.CORE}, {"outcome": Outcome.LOST}, {"loudness": Loudness.WARNED}, {"failure_class": "X_Y"}],
)
def test_each_wrong_claim_fails(claim: dict[str, Any]) -> None:
    assert verdict.judge(case(M_612, M_612, seen(Ladder.BOUND)), expecting(**claim)).status is Status.FAIL


def test_without_flags_nothing_is_required() -> None:
    found = verdict.judge(replace(case(M_612, M_612, seen(Ladder.BOOTED)), machine=BARE), None)
    assert (found.required, found.outcome) == (Ladder.BOOTED, Outcome.SAME_OFF)


@pytest.mark.parametrize("observation", [None, seen(Ladder.BOUND)])
def test_an_option_that_is_lost_is_a_loss_although_the_ladder_is_kept(observation: Observation | None) -> None:
    found = verdict.judge(case(M_612, SPLIT, observation, lost=("HYPERV_NET",)), None)
    assert (found.outcome, found.status, found.failure_class) == (Outcome.LOST, Status.FAIL, "OPTION_LOST")
    assert found.reason == "the ladder is kept, and HYPERV_NET is lost"
    two = verdict.judge(case(M_612, SPLIT, observation, lost=("HYPERV_NET", "PCI_HYPERV")), None)
    assert two.reason == "the ladder is kept, and HYPERV_NET, PCI_HYPERV are lost"
    known = expecting(ladder=Ladder.BOUND, outcome=Outcome.LOST, failure_class="OPTION_LOST")
    assert verdict.judge(case(M_612, SPLIT, observation, lost=("HYPERV_NET",)), known).status is Status.PASS


def test_a_lost_option_below_the_core_is_a_loss_too() -> None:
    gained = verdict.judge(case(OFF, SPLIT, seen(Ladder.BOUND), lost=("HYPERV_NET",)), None)
    assert (gained.outcome, gained.failure_class) == (Outcome.LOST, "OPTION_LOST")
    same = verdict.judge(case(OFF, OFF, seen(Ladder.DETECTED), lost=("HYPERVISOR_GUEST",)), None)
    assert (same.outcome, same.failure_class) == (Outcome.LOST, "OPTION_LOST")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (case(M_612, OFF, seen(Ladder.DETECTED, "CORE_NOT_BUILT"), lost=("HYPERV",)), "CORE_NOT_BUILT"),
        (case(M_612, OFF, lost=("HYPERV",)), "CORE_NOT_BUILT"),
        (case(M_612, M_612, seen(Ladder.CORE, "X"), lost=("HYPERV_NET",)), "X"),
        (case(M_612, M_612, refused=True, lost=("HYPERV_NET",)), "REFUSED"),
        (case(M_612, M_612, build="no", lost=("HYPERV_NET",)), "BUILD_FAILED"),
        (case(M_612, M_612, problems=("no",), lost=("HYPERV_NET",)), "ARTIFACT_DIFFERS"),
        (case(M_612, M_612, error="disk full", lost=("HYPERV_NET",)), ""),
    ],
)  # fmt: skip
def test_a_lost_option_does_not_hide_what_is_worse(one: Case, why: str) -> None:
    assert verdict.judge(one, None).failure_class == why


def test_a_kernel_in_vtl_mode_is_foretold_to_die() -> None:
    found = verdict.judge(case(VTL, VTL), None)
    assert (found.required, found.predicted, found.outcome) == (Ladder.BOUND, Ladder.NONE, Outcome.LOST)
    assert (found.failure_class, found.status) == ("VTL_PANIC", Status.FAIL)
    assert "HYPERV_VTL_MODE is on" in found.reason
    dead = verdict.judge(case(VTL, VTL, seen(Ladder.NONE, "VTL_PANIC", complete=False)), None)
    assert (dead.outcome, dead.failure_class) == (Outcome.LOST, "VTL_PANIC")
    alive = verdict.judge(case(VTL, VTL, seen(Ladder.BOUND)), None)
    assert (alive.outcome, alive.status) == (Outcome.CONTRADICTION, Status.FAIL)
    assert verdict.judge(replace(case(VTL, VTL, seen(Ladder.BOOTED)), machine=BARE), None).outcome is Outcome.SAME_OFF


def test_an_intent_of_ones_own_asks_for_its_own_rung() -> None:
    """HYPERV is lost, and is none of its matter; the rung is its symbols' alone."""
    asked = {**M_612, "EXT4_FS": "m"}
    found = verdict.judge(case(asked, OFF, seen(Ladder.DETECTED), intent=OWN), None)
    assert (found.required, found.outcome, found.status) == (Ladder.BOOTED, Outcome.GAINED, Status.PASS)
    lost = verdict.judge(case(asked, OFF, seen(Ladder.DETECTED), intent=OWN, lost=("EXT4_FS",)), None)
    assert (lost.outcome, lost.failure_class) == (Outcome.LOST, "OPTION_LOST")


@pytest.mark.parametrize(
    ("more", "why"),
    [({"refused": True}, "REFUSED"), ({"build": "no"}, "BUILD_FAILED"), ({"problems": ("no",)}, "ARTIFACT_DIFFERS")],
)
def test_what_was_found_before_a_skip_counts(more: dict[str, Any], why: str) -> None:
    found = verdict.judge(case(M_612, M_612, skip="no serial console", **more), None)
    assert (found.failure_class, found.status) == (why, Status.FAIL)


def test_a_void_run_still_says_what_was_not_booted() -> None:
    assert verdict.judge(case(M_612, OFF, void="control x"), None).failure_class == "CORE_NOT_BUILT"


def test_what_was_seen_stands_with_its_evidence() -> None:
    line = Evidence(file="dmesg.txt", line=3, text="Hypervisor detected")
    found = verdict.judge(case(M_612, M_612, replace(seen(Ladder.BOUND), evidence=(line,))), None)
    assert (found.observed, found.evidence) == (Ladder.BOUND, (line,))


def test_the_words_of_a_difference() -> None:
    below = verdict.judge(case(M_612, M_612, seen(Ladder.CORE, "X_Y")), None)
    assert below.reason == "the .config predicts bound, the boot shows core: x_y"
    above = verdict.judge(case(M_612, OFF, seen(Ladder.BOUND)), None)
    assert above.reason.endswith("the boot shows bound: more than the .config can explain")
    kept = verdict.judge(case(M_612, SPLIT), expecting(ladder=Ladder.CORE, failure_class="X_Y"))
    assert kept.reason == "kept, not as matrix.yaml:9 expects: ladder bound instead of core, class none instead of X_Y"
    lost = verdict.judge(case(M_612, OFF), expecting(outcome=Outcome.KEPT))
    assert lost.reason == "lost, not as matrix.yaml:9 expects: outcome lost instead of kept; HYPERV is not set"


def test_an_expected_rung_is_the_one_seen_or_else_the_one_foretold() -> None:
    wanted = expecting(ladder=Ladder.NONE, outcome=Outcome.LOST)
    dead = case(M_612, M_612, seen(Ladder.NONE, "NO_BOOT", complete=False))
    assert verdict.judge(dead, wanted).status is Status.PASS
    assert verdict.judge(case(M_612, M_612), expecting(ladder=Ladder.BOUND)).status is Status.PASS


@pytest.mark.parametrize("final", [SPLIT, {**SPLIT, "HYPERV_VMBUS": "m", "HYPERV_BALLOON": "m"}])
def test_what_is_kept_has_no_class(final: dict[str, str]) -> None:
    found = verdict.judge(case(M_612, final), None)
    assert (found.failure_class, found.reason) == ("", "")
    assert verdict.judge(case(CORE_ONLY, CORE_ONLY), None).failure_class == ""
