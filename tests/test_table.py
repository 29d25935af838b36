from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from pipeline import showing, table
from pipeline.model import Loudness, Outcome, Status

BOOL = "is bool here: m is invalid, and it took the value of a new option, n"
WARNING = ".config:1090:warning: symbol value 'm' invalid for HYPERV"


def change(
    symbol: str, *parents: str, cause: str = "depends on HYPERV_VMBUS", kind: str = "dependency", warning: str = "",
    where: str = "",
) -> dict[str, Any]:  # fmt: skip
    return {
        "symbol": symbol, "asked": "m", "got": "n", "kind": kind, "cause": cause, "where": where,
        "parents": list(parents), "warning": warning,
    }  # fmt: skip


def record(**changes: Any) -> dict[str, Any]:
    return {
        "cell": "newest/distro-m/olddefconfig/gcc/hyperv", "variant": "newest", "config": "distro-m",
        "policy": "olddefconfig", "toolchain": "gcc", "machine": {"name": "hyperv"},
        "requested": {"HYPERV": "m", "HYPERV_VMBUS": "-"}, "resolved": {"HYPERV": "m", "HYPERV_VMBUS": "-"},
        "changes": [], "lost": [], "loudness": Loudness.NONE, "predicted": "bound", "required": "bound",
        "observed": "bound", "outcome": Outcome.KEPT, "class": "", "status": Status.PASS,
        "reason": "", "seconds": {"boot": 3.2, "build": 1.0}, **changes,
    }  # fmt: skip


LOST = record(
    outcome=Outcome.LOST, loudness=Loudness.WARNED, observed="detected", reason="HYPERV is not set\nmore",
    changes=[
        change("HYPERV_BALLOON", "HYPERV_VMBUS"), change("HYPERV_VMBUS", "HYPERV"),
        change("UIO_HV_GENERIC", "HYPERV_VMBUS"),
        change("HYPERV", cause=BOOL, kind="type", warning=WARNING, where="drivers/hv/Kconfig:5"),
        change("KVM_HYPERV"), change("PREEMPT_NONE"),
    ],
    lost=["HYPERV", "HYPERV_BALLOON", "UIO_HV_GENERIC"],
    resolved={"HYPERV": "n", "HYPERV_VMBUS": "-"}, **{"class": "CORE_NOT_BUILT"},
)  # fmt: skip


def shown(records: list[dict[str, Any]], void: str = "") -> str:
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    table.show(console, records, void)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [120, 80, 60])
def test_a_narrow_terminal_has_fewer_columns_and_whole_verdicts(width: int) -> None:
    records = [record(), LOST, record(cell="v/debian-6.12-cloud/oldconfig-enter/gcc/hyperv", policy="oldconfig-enter")]
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    table.show(console, records, "")
    assert isinstance(console.file, io.StringIO)
    rows = [line for line in console.file.getvalue().splitlines() if " PASS" in line]
    assert len(rows) == 3
    assert max(map(len, rows)) <= width
    for row, words in zip(rows, ("bound/bound", "bound/detected", "bound/bound"), strict=True):
        assert words in row
        assert re.search(r"\b(?:kept|lost)\b", row)
    assert ("m → m" in rows[0]) == (width >= 80)
    assert ("newest/distro-m/olddefconfig" in rows[0]) == (width >= 60)


def test_a_loss_is_told_in_words() -> None:
    (text,) = table.lines([record(), LOST], "")
    assert text == (
        "PASS newest/distro-m/olddefconfig/gcc/hyperv: lost (CORE_NOT_BUILT): HYPERV is not set. "
        f"HYPERV {BOOL} (drivers/hv/Kconfig:5); 2 more went with it: HYPERV_BALLOON, UIO_HV_GENERIC. Told: {WARNING}"
    )


def test_a_silent_loss_says_that_nothing_was_told() -> None:
    bus = change("HYPERV_VMBUS", cause="the old .config says n", kind="asked-off")
    net = change("HYPERV_NET", "HYPERV_VMBUS")
    silent = {**LOST, "loudness": Loudness.SILENT, "changes": [net, bus], "lost": ["HYPERV_NET"]}
    (text,) = table.lines([silent], "")
    assert text.endswith("HYPERV_VMBUS the old .config says n; 1 more went with it: HYPERV_NET. Told: nothing")


@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_was_told_of_any_that_went_is_told(which: int) -> None:
    chain = [change("HYPERV_NET", "HYPERV_VMBUS"), change("HYPERV_VMBUS", "HYPERV"), change("HYPERV", kind="type")]
    chain[which]["warning"] = WARNING
    (text,) = table.lines([{**LOST, "changes": chain, "lost": ["HYPERV_NET"]}], "")
    assert text.endswith(f". Told: {WARNING}")


def roots(changes: list[dict[str, Any]], lost: list[str]) -> list[str]:
    return [one["symbol"] for one in table._roots({**LOST, "changes": changes, "lost": lost})[0]]


def test_each_cause_is_told_once_and_in_order() -> None:
    two = [change("A", "C", "B"), change("B", "D"), change("C", "D"), change("D", cause="d"), change("E", cause="e")]
    assert roots(two, ["A", "E"]) == ["E", "D"]
    assert roots(two, ["GONE", "B"]) == ["D"]
    assert roots([change("A", "B"), change("B", "A")], ["A"]) == ["A"]
    assert roots([change("A", "B"), change("B", "A", "C"), change("C")], ["A"]) == ["C"]
    assert roots(two, []) == []
    assert roots([change("A", "NO_CHANGE")], ["A"]) == ["A"]


def test_what_keeps_a_guest_down_or_was_refused_is_told_beside_what_was_lost() -> None:
    vtl = change("HYPERV_VTL_MODE", cause="ends in BUG()", kind="hazard")
    found = table.lines([{**LOST, "changes": [vtl], "lost": [], "class": "VTL_PANIC", "reason": "dies"}], "")
    assert found[0].endswith("lost (VTL_PANIC): dies. HYPERV_VTL_MODE ends in BUG(). Told: nothing")
    many = [change(f"R{number}", cause="is invalid, and werror refuses", kind="refused") for number in range(9)]
    refused = {**LOST, "changes": many, "lost": [], "class": "REFUSED", "loudness": Loudness.REFUSED, "reason": "x"}
    (text,) = table.lines([refused], "")
    assert text.endswith("R2 is invalid, and werror refuses")
    assert text.count("werror refuses") == table.MOST_REFUSED


def test_a_kept_cell_tells_no_cause() -> None:
    kept = {**LOST, "outcome": Outcome.KEPT, "status": Status.FAIL, "reason": "kept, not as expected"}
    (text,) = table.lines([kept], "")
    assert text.endswith(": kept (CORE_NOT_BUILT): kept, not as expected")


def test_our_errors_are_told_once_with_all_their_lines() -> None:
    ours = record(status=Status.ERROR, reason="disk full\nnext: free some", outcome=Outcome.UNKNOWN)
    first, second = table.lines([ours, {**ours, "cell": "a/b"}], "")
    assert first == "ERROR newest/distro-m/olddefconfig/gcc/hyperv, a/b: disk full"
    assert second.strip() == "next: free some"


@pytest.mark.parametrize("status", [Status.FAIL, Status.SKIP])
def test_everything_that_is_no_pass_is_told(status: Status) -> None:
    assert table.lines([record(status=status, reason="because\nof", outcome=Outcome.UNKNOWN)], "") == [
        f"{status} newest/distro-m/olddefconfig/gcc/hyperv: unknown: because",
    ]


def test_a_pass_is_not_told_and_a_void_run_is() -> None:
    assert table.lines([record()], "") == []
    assert table.lines([record()], "a control differs") == ["VOID: a control differs"]


def test_markup_and_escapes_in_a_config_are_shown_as_they_are() -> None:
    text = shown([record(requested={"HYPERV": '"[/x]\x1b[2J"', "HYPERV_VMBUS": "-"})])
    assert "[/x]" in text
    assert "\x1b" not in text


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    bad = record(status=Status.FAIL, reason="\x1b[2J\x1b]0;owned\x07 oops\x9b31m", **{"class": "A\x1b[31mB"})
    (text,) = table.lines([bad], "")
    assert text.isprintable()
    assert "AB" in text
    assert "oops" in text
    assert "\x1b" not in shown([bad])


def test_totals() -> None:
    records = [record(), LOST, record(status=Status.FAIL), record(status=Status.ERROR)]
    assert table.totals(records) == "4 cells: 2 PASS, 1 FAIL, 1 ERROR"


def test_the_table_says_once_what_all_cells_share() -> None:
    text = shown([record(), LOST | {"config": "builtin-y"}])
    assert "all cells: policy olddefconfig, toolchain gcc, machine hyperv" in text
    row = next(line for line in text.splitlines() if "builtin-y" in line)
    for word in ("newest/builtin-y", "m → n", "- → -", "warned", "bound/detected", "lost", "PASS", "4"):
        assert word in row


def test_the_table_tells_what_was_not_booted_and_what_differs() -> None:
    text = shown([record(observed=None), record(machine={"name": "bare"})])
    assert "bound/(bound)" in text
    assert "newest/distro-m/bare" in text


def test_a_markup_like_reason_is_shown_as_it_is() -> None:
    assert "[bold]x[/nonsense]" in shown([record(status=Status.FAIL, reason="[bold]x[/nonsense]")])


@pytest.mark.parametrize(
    ("got", "shown_as"),
    [
        ({"HYPERV": "-", "HYPERV_CORE": "y"}, "m → y"),
        ({"HYPERV": "-", "HYPERV_CORE": "n"}, "m → n"),
        ({"HYPERV": "y", "HYPERV_CORE": "-"}, "m → y"),
        ({"HYPERV": "n"}, "m → n"),
    ],
)
def test_a_renamed_core_is_shown_in_the_column_of_the_old_name(got: dict[str, str], shown_as: str) -> None:
    one = record(resolved={**got, "HYPERV_VMBUS": "m"}, requested={"HYPERV": "m", "HYPERV_VMBUS": "-"})
    assert table._row(one, [])[1:3] == [shown_as, "- → m"]


def test_what_all_cells_share_is_shown_and_never_taken_up() -> None:
    text = shown([record(policy="[/x]\x1b]0;owned\x07\x1b[2J")])
    assert "all cells: policy [/x]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("wanted", "more", "said"),
    [
        ("*", {}, "no option came out otherwise"), ("TYPO", {}, "no option that matches TYPO came out otherwise"),
        (showing.INTENT, {}, "no option of the intent came out otherwise"),
        ("*", {"reached": "", "error": "no network"}, "not resolved: no network"),
        ("*", {"reached": "", "error": "", "skip": "no such target"}, "not resolved: no such target"),
    ],
)
def test_where_no_change_is_told_no_more_is_claimed(wanted: str, more: dict[str, str], said: str) -> None:
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    facts: dict[str, Any] = {"reached": "resolve", **more}
    one = record(config_origin="old.config", source="linux", intent={"symbols": {}}, **facts)
    showing._explain(console, [one], wanted)
    assert isinstance(console.file, io.StringIO)
    assert said in console.file.getvalue()


def test_a_void_runs_reason_has_no_escapes() -> None:
    assert table.lines([], "\x1b[2J control \x07 gone") == ["VOID:  control  gone"]
