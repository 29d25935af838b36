from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import hyperv, intent
from pipeline.model import Intent, Ladder, Loudness, Machine
from pipeline.values import Change, Resolution
from tests.frames import BARE, HYPERV
from tests.tinyconf import Tree

GUEST = {"HYPERVISOR_GUEST": "y", "ACPI": "y"}
FULL = {**GUEST, "HYPERV": "m", "HYPERV_BALLOON": "m"}
# One of a user's own: a file system that must be there for the core's rung, and a driver for a higher one.
OWN = Intent(name="own", symbols=(("HYPERV", Ladder.CORE), ("EXT4_FS", Ladder.BOUND)))
NO_BALLOON = Machine(name="x", hyperv=HYPERV.hyperv, devices=("vmbus-bridge",))


def change(
    symbol: str, *parents: str, asked: str = "m", got: str = "n", kind: str = "dependency", said: str = "",
) -> Change:  # fmt: skip
    return Change(symbol=symbol, asked=asked, got=got, kind=kind, cause="x", parents=parents, warning=said)


def resolution(*changes: Change, exit_status: int = 0) -> Resolution:
    return Resolution(
        old="CONFIG_A=y\n", final="CONFIG_A=y\n", commands=(), stdout="", stderr="", exit_status=exit_status,
        seconds=0.0, changes=changes,
    )  # fmt: skip


def names(changes: tuple[Change, ...]) -> list[str]:
    return [one.symbol for one in changes]


def test_hyperv_is_what_counts_unless_a_matrix_names_another() -> None:
    assert intent.named(None) is intent.HYPERV
    assert intent.named(OWN) is OWN
    symbols = dict(intent.HYPERV.symbols)
    assert symbols["HYPERV"] is symbols[hyperv.RENAMED_CORE]
    assert set(hyperv.SYMBOLS) - set(symbols) == {"HYPERV_TIMER", hyperv.VTL}
    assert symbols["HYPERV_BALLOON"] is Ladder.BOUND
    assert symbols["HYPERV_NET"] is Ladder.CONNECTED


@pytest.mark.parametrize(
    ("meant", "old", "machine", "rung"),
    [
        (intent.HYPERV, FULL, HYPERV, Ladder.BOUND),
        (intent.HYPERV, FULL, BARE, Ladder.BOOTED),
        (intent.HYPERV, {**FULL, hyperv.VTL: "y"}, HYPERV, Ladder.BOUND),  # nobody asks for a kernel that dies
        (intent.HYPERV, {**FULL, "HYPERV": "n"}, HYPERV, Ladder.DETECTED),
        (intent.HYPERV, {}, HYPERV, Ladder.BOOTED),
        (OWN, {"EXT4_FS": "m"}, HYPERV, Ladder.BOUND),
        (OWN, {"EXT4_FS": "m"}, NO_BALLOON, Ladder.CONNECTED),
        (OWN, {"EXT4_FS": "n", "HYPERV": "y"}, HYPERV, Ladder.CORE),
        (OWN, {"HYPERV": "-"}, HYPERV, Ladder.BOOTED),
        (OWN, {**FULL, "HYPERV": "n"}, HYPERV, Ladder.BOOTED),
    ],
)
def test_the_rung_that_an_old_config_asks_for(
    meant: Intent, old: dict[str, str], machine: Machine, rung: Ladder,
) -> None:  # fmt: skip
    assert intent.required(meant, old, machine) is rung


def test_lost_is_what_was_on_and_is_off_and_is_meant() -> None:
    changes = (
        change("HYPERV"), change("HYPERV_NET", got="-"), change("HYPERV_STORAGE", got="y"),
        change("HYPERV_UTILS", asked="n"), change("HYPERV_VMBUS", asked="-", got="-"), change("EXT4_FS"),
        change("FB_HYPERV", got="-", kind="gone"), change("HYPERV_BALLOON", asked="y", got="m"),
        change(hyperv.VTL, asked="y"),
    )  # fmt: skip
    assert names(intent.lost(intent.HYPERV, changes)) == ["HYPERV", "HYPERV_NET"]
    assert names(intent.lost(OWN, changes)) == ["HYPERV", "EXT4_FS"]
    assert intent.lost(intent.HYPERV, ()) == ()


def test_the_heirs_of_an_option_that_is_only_read_are_asked_in_its_stead() -> None:
    """Of CFI_CLANG a user named the old name; CFI is what the tree has (arch/Kconfig, 6.18)."""
    own = Intent(name="own", symbols=(("CFI_CLANG", Ladder.BOOTED),))
    heir = change("CFI", asked="y")
    read = change("CFI_CLANG", "CFI", asked="y", got="-", kind="transitional")
    assert names(intent.lost(own, (read, heir))) == ["CFI"]
    assert intent.lost(own, (replace(read, parents=()), heir)) == ()
    assert intent.lost(OWN, (read, heir)) == ()
    assert intent.lost(own, (replace(read, kind="gone"), heir)) == ()  # no heir by any other cause
    tree = Tree(
        'config CFI\n\tbool "CFI"\n\tdefault CFI_CLANG\nconfig CFI_CLANG\n\tbool\n\ttransitional\n', new="n",
    )  # fmt: skip
    assert names(intent.lost(own, tree.carried("CONFIG_CFI_CLANG=y\n").changes)) == ["CFI"]


def test_harmful_is_what_is_on_and_ends_a_guest() -> None:
    hazard = change(hyperv.VTL, asked="-", got="y", kind="hazard")
    assert intent.harmful((change("HYPERV"), hazard)) == (hazard,)
    assert intent.harmful((change(hyperv.VTL, asked="y"),)) == ()


def test_the_cause_is_at_the_top_of_each_chain() -> None:
    top, bus = change("HYPERV", kind="type"), change("HYPERV_VMBUS", "HYPERV")
    net, other = change("HYPERV_NET", "HYPERV_VMBUS"), change("EXT4_FS", "BLOCK")
    changes = (net, bus, top, other)
    assert names(intent.causes(changes, [net])) == ["HYPERV"]
    assert names(intent.causes(changes, [top, net, bus])) == ["HYPERV"]
    assert names(intent.causes(changes, [other, net])) == ["EXT4_FS", "HYPERV"]  # BLOCK did not change
    assert intent.causes(changes, []) == ()


def test_what_hangs_on_a_cause_by_two_ways_is_no_cause() -> None:
    changes = (change("A", "B", "C"), change("B", "D"), change("C", "D"), change("D"))
    assert names(intent.causes(changes, changes[:1])) == ["D"]
    two = (change("A", "B", "C"), change("B"), change("C"))
    assert names(intent.causes(two, two[:1])) == ["B", "C"]


def test_a_ring_has_no_top_and_a_ring_below_one_has_it() -> None:
    ring = (change("A", "B"), change("B", "A"))
    assert names(intent.causes(ring, ring)) == ["A", "B"]
    below = (change("A", "B"), change("B", "A", "C"), change("C"))
    assert names(intent.causes(below, below[:1])) == ["C"]


LOST = (
    change("HYPERV_NET", "HYPERV_VMBUS"), change("HYPERV_VMBUS", "HYPERV", asked="-"), change("HYPERV", kind="type"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "loudness"),
    [
        ((), Loudness.NONE),
        ((change("EXT4_FS", said="x"),), Loudness.NONE),
        ((change("HYPERV_STORAGE", got="y", said="x"),), Loudness.NONE),
        (LOST, Loudness.SILENT),
        ((replace(LOST[0], warning="x"), *LOST[1:]), Loudness.WARNED),
        ((*LOST[:2], replace(LOST[2], warning="x")), Loudness.WARNED),
        ((LOST[0], replace(LOST[1], warning="x"), LOST[2]), Loudness.WARNED),  # what stands between took it along too
        ((*LOST, change("EXT4_FS", said="x")), Loudness.SILENT),
        ((change(hyperv.VTL, got="y", kind="hazard"),), Loudness.SILENT),
        ((change(hyperv.VTL, got="y", kind="hazard", said="x"),), Loudness.WARNED),
    ],
)
def test_loudness(changes: tuple[Change, ...], loudness: Loudness) -> None:
    assert intent.loudness(intent.HYPERV, resolution(*changes)) is loudness
    assert intent.loudness(intent.HYPERV, resolution(*changes, exit_status=1)) is Loudness.REFUSED
