from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import explain, kconfig
from pipeline.model import Loudness
from pipeline.values import Change, Resolution

WARNING = ".config:1090:warning: symbol value 'm' invalid for HYPERV"
# what kconfig-declarations printed for 7.2, as resolve.py cuts it
CORE = (
    'HYPERV drivers/hv/Kconfig:5\n> bool "Microsoft Hyper-V core hypervisor support"\n'
    "> depends on (X86 && X86_LOCAL_APIC && HYPERVISOR_GUEST) || (ARM64 && !CPU_BIG_ENDIAN)\n> select PARAVIRT\n"
)
UTILS = (
    'HYPERV_UTILS drivers/hv/Kconfig:46\n> tristate "Microsoft Hyper-V Utilities driver"\n'
    "> depends on HYPERV_VMBUS && CONNECTOR && NLS\n> depends on PTP_1588_CLOCK_OPTIONAL"
)
KEYBOARD = (
    "HYPERV_KEYBOARD drivers/input/serio/Kconfig:281\n| SERIO drivers/input/serio/Kconfig:27\n"
    '> tristate "Microsoft Synthetic Keyboard driver"\n> depends on HYPERV_VMBUS\n> default HYPERV_VMBUS'
)
LEVELS = "PGTABLE_LEVELS arch/x86/Kconfig:432\n> int\n> default 5 if X86_64"
PREEMPT = "PREEMPT_NONE_BUILD kernel/Kconfig.preempt:3\n> bool\n"
REST = "CONFIG_X86=y\nCONFIG_X86_LOCAL_APIC=y\nCONFIG_HYPERVISOR_GUEST=y\nCONFIG_CONNECTOR=y\nCONFIG_NLS=y\n"
DISTRO = f"{REST}CONFIG_SERIO=y\nCONFIG_HYPERV=m\nCONFIG_HYPERV_UTILS=m\nCONFIG_HYPERV_KEYBOARD=m\nCONFIG_FB_HYPERV=m\n"
DROPPED = f"{REST}CONFIG_SERIO=y\n# CONFIG_HYPERV is not set\n"
LOST = Resolution(
    old=DISTRO, final=DROPPED, stdout="", stderr=f"{WARNING}\n", exit_status=0, seconds=1.0,
    declared={"HYPERV": CORE, "HYPERV_UTILS": UTILS, "HYPERV_KEYBOARD": KEYBOARD},
)  # fmt: skip


def changed(resolution: Resolution) -> dict[str, Change]:
    return {change.symbol: change for change in explain.changes(resolution)}


def test_m_on_a_bool() -> None:
    change = changed(LOST)["HYPERV"]
    assert (change.asked, change.got, change.warning) == ("m", "n", WARNING)
    assert change.cause == "HYPERV is bool here (drivers/hv/Kconfig:5): m is invalid, and it took its default"
    assert explain.loudness(LOST) is Loudness.WARNED


def test_children_are_lost_by_their_dependency() -> None:
    found = changed(LOST)
    utils = "depends on HYPERV_VMBUS && CONNECTOR && NLS (drivers/hv/Kconfig:46): HYPERV_VMBUS=n"
    keyboard = "depends on HYPERV_VMBUS (drivers/input/serio/Kconfig:281): HYPERV_VMBUS=n"
    assert found["HYPERV_UTILS"] == Change(symbol="HYPERV_UTILS", asked="m", got="-", cause=utils)
    assert found["HYPERV_KEYBOARD"].cause == keyboard


def test_a_condition_around_it_is_told_with_its_own_line() -> None:
    final = DROPPED.replace("CONFIG_SERIO=y", "# CONFIG_SERIO is not set")
    change = changed(replace(LOST, final=final))["HYPERV_KEYBOARD"]
    assert change.cause == "depends on SERIO (drivers/input/serio/Kconfig:27): SERIO=n"


def test_a_symbol_that_is_gone() -> None:
    assert changed(LOST)["FB_HYPERV"].cause == "this tree does not declare it"


def test_invalid_is_the_cause_even_after_another_warning() -> None:
    first = ".config:12:warning: override: reassigning to symbol HYPERV"
    change = changed(replace(LOST, stderr=f"{first}\n{WARNING}\n"))["HYPERV"]
    assert "m is invalid" in change.cause
    assert change.warning == WARNING


def test_a_warning_about_another_symbol_is_not_this_ones() -> None:
    assert changed(LOST)["HYPERV_UTILS"].warning == ""
    other = replace(LOST, stderr=".config:9:warning: symbol value 'm' invalid for IPV6\n")
    assert changed(other)["HYPERV"].warning == ""
    assert explain.loudness(other) is Loudness.SILENT


def test_without_the_warning_nothing_is_claimed_to_be_invalid() -> None:
    cause = changed(replace(LOST, stderr=""))["HYPERV"].cause
    assert cause == "not visible here (drivers/hv/Kconfig:5); the condition is outside that file"


def test_silent_loss() -> None:
    resolution = replace(LOST, old=DISTRO.replace("CONFIG_HYPERV=m", "CONFIG_HYPERV=n"), stderr="")
    assert set(changed(resolution)) == {"FB_HYPERV", "HYPERV_UTILS", "HYPERV_KEYBOARD"}
    assert explain.loudness(resolution) is Loudness.SILENT


def test_an_explicit_n_is_an_intent_and_no_loss() -> None:
    text = f"{REST}CONFIG_HYPERV=y\n# CONFIG_HYPERV_VMBUS is not set\n"
    resolution = replace(LOST, old=text, final=text, stderr="", declared={})
    assert explain.changes(resolution) == ()
    assert explain.loudness(resolution) is Loudness.NONE


def test_nothing_lost() -> None:
    text = f"{REST}CONFIG_HYPERV=y\nCONFIG_HYPERV_VMBUS=y\n"
    kept = replace(LOST, old=text, final=text, stderr=".config:9:warning: symbol value 'm' invalid for IPV6\n")
    assert explain.loudness(kept) is Loudness.NONE
    assert explain.loudness(replace(kept, final=text.replace("VMBUS=y", "VMBUS=m"))) is Loudness.NONE


@pytest.mark.parametrize("final", [DISTRO, DROPPED])
def test_refused_whatever_conf_left_behind(final: str) -> None:
    assert explain.loudness(replace(LOST, final=final, exit_status=2)) is Loudness.REFUSED


def test_other_losses_are_told_but_are_not_loud() -> None:
    old = f"{REST}CONFIG_PGTABLE_LEVELS=4\nCONFIG_PREEMPT_NONE_BUILD=y\n"
    resolution = replace(
        LOST, old=old, final=f"{REST}CONFIG_PGTABLE_LEVELS=5\n",
        declared={"PGTABLE_LEVELS": LEVELS, "PREEMPT_NONE_BUILD": PREEMPT},
    )  # fmt: skip
    found = changed(resolution)
    assert found["PGTABLE_LEVELS"].cause == "5 by a select, a default or a limit of a dependency (arch/x86/Kconfig:432)"
    assert found["PREEMPT_NONE_BUILD"].cause.startswith("not visible here (kernel/Kconfig.preempt:3)")
    assert explain.loudness(resolution) is Loudness.NONE


def test_every_change_has_a_cause() -> None:
    pairs = kconfig.differing(kconfig.values(LOST.old), kconfig.values(LOST.final))
    assert [(one.symbol, one.asked, one.got) for one in explain.changes(LOST)] == list(pairs)
    assert all(one.cause for one in explain.changes(LOST))
