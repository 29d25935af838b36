from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.compare import PairedBy, differences
from pipeline.compare_text import LEGEND, WIDTH, as_markdown, as_text, totals
from tests.test_compare import CAUSE, ERROR, NAME, WARNING, change, contradiction, lost, record, refused

Records = list[dict[str, Any]]


def text(left: Records, right: Records, paired_by: PairedBy = PairedBy.REST) -> str:
    return as_text(differences(left, right, paired_by), ["A is one", "B is two"])


def table(shown: str) -> list[str]:
    """The lines from the table's head on."""
    lines = shown.splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("cell ")) :]


def line(shown: str, start: str) -> str:
    (found,) = [one for one in shown.splitlines() if one.startswith(start)]
    return found


def named(config: str, machine: str = "hyperv") -> str:
    return f"v/{config}/olddefconfig/gcc/{machine}"


def test_the_whole_text() -> None:
    left = [record(), record(named("off-n"), predicted="detected", observed=None), record(named("gone"))]
    right = [lost(), record(named("off-n"), predicted="detected", observed=None)]
    assert text(left, right) == f"""\
A is one
B is two
all cells: policy olddefconfig, toolchain gcc, machine hyperv
cell      A           B           A → B
distro-m  bound       detected    lost
off-n     (detected)  (detected)  unchanged
gone      bound       -           only in A
{LEGEND}
LOST {NAME}: bound → detected, kept → lost (CORE_NOT_BUILT). HYPERV m → n in B: {CAUSE}. Told: {WARNING}
3 cells: 1 lost, 1 unchanged, 1 only in A
"""


@pytest.mark.parametrize(
    ("better", "worse", "end"),
    [
        # what both sides lost is not what makes the difference, and what is no rung of the ladder is not either
        (
            record(changes=[change("HYPERV", cause="both")]),
            lost(changes=[change("CRC32"), change("HYPERV", cause="both"), change("HYPERV_VMBUS", got="-", cause="x")]),
            "HYPERV_VMBUS m → - in {worse}: x. Told: nothing",
        ),
        # the lowest rung first; what was said of any of them was said
        (
            record(),
            lost(changes=[change("HYPERV_NET", warning="net"), change("HYPERV_BALLOON"), change("HYPERV", cause="x")]),
            "HYPERV m → n in {worse}: x. Told: net",
        ),
        (
            record(),
            lost(changes=[change("HYPERVISOR_GUEST", "n", "-"), change("HYPERV", cause="x")]),
            "HYPERV m → n in {worse}: x. Told: nothing",
        ),
        (record(changes=[change("HYPERV", "n", "y", "x")]), lost(changes=[]), "HYPERV n → y in {better}: x"),
        (record(), lost(changes=[]), "{worse}: HYPERV is not set"),
        (record(), lost(changes=[], reason=""), "{worse}: no cause is recorded"),
        # a .config that promises as much is not to blame
        (record(), lost(predicted="bound", observed="none", reason="panic\nmore"), "{worse}: panic"),
        (record(), refused(predicted="booted", changes=[change("HYPERV")]), "{worse}: the policy refused the config"),
    ],
)
def test_the_first_cause_of_a_loss_and_of_a_gain(better: dict[str, Any], worse: dict[str, Any], end: str) -> None:
    assert line(text([better], [worse]), "LOST").endswith(f". {end.format(better='A', worse='B')}")
    assert line(text([worse], [better]), "GAINED").endswith(f". {end.format(better='B', worse='A')}")


def test_what_else_there_is_to_say() -> None:
    reason = "kept, not as matrix.yaml:9 expects"
    right = record(resolved={"HYPERV": "y"}, machine={"memory": 1024}, status="FAIL", reason=reason)
    shown = text([record()], [right])
    assert line(shown, "CHANGED") == f"CHANGED {NAME}: status PASS → FAIL. B: {reason}"
    assert line(shown, "m→y") == f"m→y {NAME}: HYPERV"
    assert line(shown, "NOTE") == f"NOTE {NAME}: the machine differs: memory 512 → 1024"
    assert line(text([lost(loudness="silent")], [refused()]), "LOUDER") == f"LOUDER {NAME}: told silent → refused"
    assert line(text([lost()], [lost(loudness="silent")]), "QUIETER") == f"QUIETER {NAME}: told warned → silent"
    assert line(text([record()], [contradiction(observed=None)]), "UNKNOWN").endswith(": B: contradiction: they differ")


def test_what_many_cells_share_is_said_once() -> None:
    cells = [named(config) for config in "abc"]
    errors = [{**ERROR, "cell": cell} for cell in cells]
    assert line(text([record(cell) for cell in cells], errors), "UNKNOWN") == "UNKNOWN all cells: B: ERROR: disk full"
    some = text([record(cell) for cell in cells], [*errors[:2], record(cells[2])])
    both = "a/olddefconfig/gcc/hyperv, b/olddefconfig/gcc/hyperv"
    assert line(some, "UNKNOWN") == f"UNKNOWN {both}: B: ERROR: disk full"
    missing = text([record(cell) for cell in cells], errors[:2])
    assert line(missing, "UNKNOWN") == f"UNKNOWN {both}: B: ERROR: disk full"


def test_every_loss_has_its_own_line() -> None:
    cells = [named(config) for config in "ab"]
    shown = text([record(cell) for cell in cells], [lost(cell) for cell in cells])
    assert sum(one.startswith("LOST ") for one in shown.splitlines()) == 2


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (record(), "bound"),
        (record(observed=None), "(bound)"),
        (ERROR, "error"),
        ({**ERROR, "status": "SKIP"}, "skip"),
        ({**ERROR, "status": "FAIL"}, "not built"),
        (refused(), "refused"),
    ],
)
def test_what_a_side_reached(one: dict[str, Any], word: str) -> None:
    assert table(text([one], []))[1] == f"{NAME}  {word}  -  only in A"


def test_totals() -> None:
    left = [record(named(config)) for config in "abcd"]
    right = [lost(named("a"), resolved={"HYPERV": "y"}), lost(named("b")), record(named("c")), record(named("e"))]
    found = differences(left, right, PairedBy.REST)
    assert totals(found) == "5 cells: 2 lost, 1 m→y, 1 unchanged, 1 only in A, 1 only in B"
    assert totals(differences([], [], PairedBy.REST)) == "0 cells: nothing to compare"
    assert totals(differences(left[:1], left[:1], PairedBy.REST)) == "1 cell: 1 unchanged"


def test_a_name_that_does_not_fit_is_cut_and_told_below() -> None:
    cells = [f"{'v' * 40}/{'c' * 39}{end}/{'p' * 40}/{'t' * 40}/{'m' * 40}" for end in "12"]
    shown = text([record(cell) for cell in cells], [lost(cell) for cell in cells], PairedBy.CELL)
    first, second = table(shown)[1:3]
    assert first.startswith("vvvv")
    assert "~1~" in first
    assert "~2~" in second
    assert len(second) <= WIDTH
    assert [line(shown, "~1~ "), line(shown, "~2~ ")] == [f"~1~ {cells[0]}", f"~2~ {cells[1]}"]


EVIL = "a|b\\|`<img>*x* __y__ _z_ [l](u) ~~s~~ &lt; \x1b[2J\x1b]0;t\x07\r\n\t| c \u202e\ud800é"


def test_nothing_of_a_record_reaches_the_terminal_raw() -> None:
    bad = lost(f"new/{NAME}", reason=EVIL, changes=[change("HYPERV", cause=EVIL, warning=EVIL)])
    for found in (differences([record()], [bad], PairedBy.REST), differences([record(EVIL)], [], PairedBy.CELL)):
        for shown in (as_text(found, [EVIL]), as_markdown(found, [EVIL])):
            assert all(one.isprintable() for one in shown.splitlines())
            assert shown.encode()


NAMES = st.lists(st.text(max_size=60), min_size=1, max_size=7).map("/".join)


@given(st.lists(NAMES, max_size=6, unique=True), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_table_never_exceeds_its_width(names: list[str], more: bool) -> None:
    left = [contradiction(name, predicted="connected", observed=None, resolved={"A": "m", "B": "y"}) for name in names]
    right = [record(name, predicted="connected", observed=None, resolved={"A": "y", "B": "m"}) for name in names]
    shown = text(left, right[: None if more else 1], PairedBy.CELL)
    assert all(len(one) <= WIDTH for one in table(shown)[: len(names) + 1])
    assert [one for one in table(shown)[1 : len(names) + 1] if "connected" not in one] == []


ACTIVE = st.text(max_size=80) | st.text("ab_*`\\|<>[]()~&#!:;-1. ", max_size=40)


@given(ACTIVE, ACTIVE)
@settings(max_examples=60, deadline=None)
def test_markdown_renders_to_what_the_records_say(name: str, reason: str) -> None:
    found = differences([record(name)], [lost(name, changes=[], reason=reason)], PairedBy.CELL)
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(as_markdown(found))
    assert [token.type for token in tokens].count("tr_open") == 2
    assert [token.type for token in tokens].count("td_open") == 4
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "strong_open", "strong_close", "text_special"}
    rendered = ["".join(one.content for one in token.children or []) for token in tokens if token.type == "inline"]
    assert ["".join(one.split()) for one in rendered[8:]] == [
        "".join(one.split()) for one in as_text(found).splitlines()[-2:]
    ]
    assert "".join(rendered[8].split()).startswith(f"LOST{''.join(rendered[4].split())}:bound→")


def test_markdown() -> None:
    told = f"HYPERV m → n in B: {CAUSE}. Told: {WARNING}"
    found = differences([record("v/a|b/p/t/m")], [lost("v/a|b/p/t/m")], PairedBy.REST)
    assert as_markdown(found, ["A is one"]).splitlines() == [
        "- A is one", "",
        "| cell | A | B | A → B |", "|---|---|---|---|", r"| a\|b/p/t/m | bound | detected | lost |", "",
        rf"- **LOST** a\|b/p/t/m: bound → detected, kept → lost (CORE_NOT_BUILT). {told}", "", "1 cell: 1 lost",
    ]  # fmt: skip
