from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.compare import Pair, PairedBy, Word, differences, exit_status
from pipeline.errors import UserError
from pipeline.model import Ladder, Loudness, Outcome, Status

NAME = "distro-m/olddefconfig/gcc/hyperv"
CAUSE = "HYPERV is bool here (drivers/hv/Kconfig:5): m is invalid, and it took its default"
WARNING = ".config:1090:warning: symbol value 'm' invalid for HYPERV"


def change(symbol: str, asked: str = "m", got: str = "n", cause: str = CAUSE, warning: str = "") -> dict[str, Any]:
    return {"symbol": symbol, "asked": asked, "got": got, "cause": cause, "warning": warning, "parent": "unheard of"}


def record(cell: str = f"old/{NAME}", **changes: Any) -> dict[str, Any]:
    """A cell that is kept, booted unless `observed` is None."""
    return {
        "cell": cell, "variant": cell.partition("/")[0], "source": "linux-source 6.12", "rules": 1,
        "machine": {"name": "hyperv", "hyperv": ["vpindex", "synic"], "memory": 512},
        "requested": {"HYPERV": "m", "HYPERV_VMBUS": "-"}, "resolved": {"HYPERV": "m", "HYPERV_VMBUS": "-"},
        "changes": [], "loudness": "none", "refused": False, "predicted": "bound", "required": "bound",
        "observed": "bound", "outcome": "kept", "class": "", "status": "PASS", "reason": "",
        "lost": ["of a later format"], "slim": True, **changes,
    }  # fmt: skip


def lost(cell: str = f"new/{NAME}", **changes: Any) -> dict[str, Any]:
    """A cell that its .config loses, as a boot confirms unless `observed` is None."""
    return record(cell, **{
        "resolved": {"HYPERV": "n", "HYPERV_VMBUS": "-"}, "changes": [change("HYPERV", warning=WARNING)],
        "loudness": "warned", "predicted": "detected", "observed": "detected", "outcome": "lost",
        "class": "CORE_NOT_BUILT", "status": "FAIL", "reason": "HYPERV is not set", **changes,
    })  # fmt: skip


def refused(cell: str = f"new/{NAME}", **changes: Any) -> dict[str, Any]:
    """A cell whose policy ended with an error: its .config is the old one, and promises what that does."""
    words = {"refused": True, "loudness": "refused", "class": "REFUSED", "reason": "the policy refused the config"}
    return record(cell, **{**words, "observed": None, "outcome": "lost", "status": "FAIL", **changes})


def contradiction(cell: str = f"new/{NAME}", **changes: Any) -> dict[str, Any]:
    """A cell whose boot or whose files are not as its .config says."""
    return record(cell, **{"outcome": "contradiction", "status": "FAIL", "reason": "they differ", **changes})


def pair(left: dict[str, Any], right: dict[str, Any]) -> Pair:
    (found,) = differences([left], [right], PairedBy.REST).pairs
    return found


def words(left: dict[str, Any], right: dict[str, Any]) -> list[Word]:
    return list(pair(left, right).words)


ERROR = record(status="ERROR", outcome="unknown", observed=None, reason="disk full\nnext: free some")
SKIP = record(status="SKIP", outcome="unknown", observed=None, reason="--accel kvm: no")
UNBUILT = {**ERROR, "status": "FAIL", "class": "BUILD_FAILED", "reason": "it did not compile"}
DRIVER = record(outcome="lost", status="FAIL", **{"class": "OPTION_LOST"})  # decisions/007
DIFFERS = contradiction(observed=None, **{"class": "ARTIFACT_DIFFERS"})


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (record(), record(), [Word.UNCHANGED]),
        (record(), lost(), [Word.LOST]),
        (lost(), record(), [Word.GAINED]), (record(observed=None), lost(observed=None), [Word.LOST]),
        (lost(predicted="core", observed="core"), lost(), [Word.LOST]),
        (record(), lost(predicted="bound", observed="none", loudness="none", **{"class": "NO_BOOT"}), [Word.LOST]),
        (record(), refused(), [Word.LOST]),
        (record(observed=None), refused(), [Word.LOST]),
        (record(outcome="same-off", predicted="detected", observed="detected"), refused(), [Word.LOST]),
        (refused(), record(), [Word.GAINED]), (refused(), refused(), [Word.UNCHANGED]),
        (record(), DRIVER, [Word.LOST]), (DRIVER, record(), [Word.GAINED]),
        (record(), record(status="FAIL"), [Word.CHANGED]),
        (lost(), lost(**{"class": "VMBUS_NOT_BUILT"}), [Word.CHANGED]),
        (record(), record(outcome="gained"), [Word.CHANGED]),
    ],
)  # fmt: skip
def test_words(left: dict[str, Any], right: dict[str, Any], expected: list[Word]) -> None:
    assert words(left, right) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (lost(loudness="silent"), lost(), [Word.LOUDER]),
        (lost(), refused(), [Word.LOUDER]),
        (lost(loudness="silent"), refused(), [Word.LOUDER]),
        (lost(loudness="none"), lost(loudness="silent"), [Word.UNCHANGED]),  # nobody was told, twice
        (lost(), lost(loudness="silent"), [Word.QUIETER]),
        (refused(), lost(), [Word.QUIETER]),
        (record(), record(loudness="warned"), [Word.UNCHANGED]),  # not lost
        (record(), lost(loudness="silent"), [Word.LOST]),  # not lost on both sides
        (lost(), lost(predicted="core", observed="core", loudness="silent"), [Word.GAINED, Word.QUIETER]),
    ],
)
def test_loudness_counts_where_both_are_lost(
    before: dict[str, Any], after: dict[str, Any], expected: list[Word],
) -> None:  # fmt: skip
    assert words(before, after) == expected


def test_m_and_y() -> None:
    left = record(resolved={"HYPERV": "m", "HYPERV_VMBUS": "-", "HYPERV_NET": "m", "PCI_HYPERV": "y", "GONE": "m"})
    right = record(resolved={"HYPERV": "y", "HYPERV_VMBUS": "m", "HYPERV_NET": "y", "PCI_HYPERV": "m", "NEW": "y"})
    found = pair(left, right)
    assert found.words == (Word.M_TO_Y, Word.Y_TO_M)
    assert found.flips == {Word.M_TO_Y: ("HYPERV", "HYPERV_NET"), Word.Y_TO_M: ("PCI_HYPERV",)}
    assert words(left, lost(resolved={"HYPERV": "y"})) == [Word.LOST, Word.M_TO_Y]


def test_a_refused_config_has_no_values() -> None:
    assert words(refused(resolved={"HYPERV": "m"}), lost(resolved={"HYPERV": "y"})) == [Word.QUIETER]


@pytest.mark.parametrize("other", [record(), lost(), refused()])
@pytest.mark.parametrize(("none", "why"), [(ERROR, "ERROR: disk full"), (SKIP, "SKIP: --accel kvm: no")])
def test_no_result_is_never_gained_or_lost(none: dict[str, Any], why: str, other: dict[str, Any]) -> None:
    found, turned = pair(none, other), pair(other, none)
    assert found.words == turned.words == (Word.UNKNOWN,)
    assert (found.why, turned.why) == (f"A: {why}", f"B: {why}")
    assert pair(none, none).why == f"A: {why}; B: {why}"


@pytest.mark.parametrize(
    ("right", "why"),
    [
        (UNBUILT, "B: FAIL: it did not compile"),
        (DIFFERS, "B: contradiction: they differ"),
        (contradiction(**{"class": "WRONG_KERNEL"}), "B: contradiction: they differ"),
        (contradiction(observed="detected", **{"class": "WITNESSES_DIFFER"}), "B: contradiction: they differ"),
    ],
)
def test_a_failure_without_a_rung_is_unknown_and_a_change(right: dict[str, Any], why: str) -> None:
    assert pair(record(), right).words == (Word.UNKNOWN, Word.CHANGED)
    assert pair(record(), right).why == why
    assert words(right, right) == [Word.UNKNOWN]
    assert words(refused(), right) == [Word.UNKNOWN, Word.CHANGED]


def test_a_contradiction_counts_as_the_lower_of_what_is_predicted_and_seen() -> None:
    drop, rise = contradiction(observed="detected"), contradiction(predicted="detected", observed="bound")
    assert words(record(), drop) == [Word.LOST]
    assert words(lost(), rise) == [Word.CHANGED]  # never a gain
    assert words(drop, record()) == [Word.GAINED]
    (note,) = pair(lost(), rise).notes
    assert note == "B contradicts its .config (detected predicted, bound seen): the lower one counts"


def test_like_is_compared_with_like() -> None:
    found = pair(record(), lost(observed=None))
    assert found.words == (Word.LOST,)
    assert found.notes == ("only A was booted: predictions are compared",)
    assert pair(record(observed=None), record()).notes == ("only B was booted: predictions are compared",)
    assert pair(record(observed=None), record(observed=None)).notes == pair(record(), record()).notes == ()
    assert pair(record(), refused()).notes == pair(refused(), record()).notes == ()


@pytest.mark.parametrize("booted", [contradiction(observed="detected"), record(observed="none", outcome="lost")])
def test_a_prediction_that_a_boot_refuted_is_not_compared(booted: dict[str, Any]) -> None:
    assert words(record(observed=None), booted) == words(booted, record(observed=None)) == [Word.UNKNOWN, Word.CHANGED]


def test_why_a_lone_boot_is_unknown() -> None:
    panic = record(observed="none", outcome="lost", status="FAIL", reason="panic")
    assert pair(panic, record(observed=None)).why == "A: booted alone, and not as its .config predicts: panic"


def test_pairs_of_variants_and_of_runs() -> None:
    rest = "c/olddefconfig/gcc/hyperv"
    one, two, only = record(f"a/{rest}"), record(f"b/{rest}"), record("a/d/olddefconfig/gcc/hyperv")
    found = differences([one, only], [two], PairedBy.REST)
    assert [both.name for both in found.pairs] == [rest]
    assert list(found.only_left) == ["d/olddefconfig/gcc/hyperv"]
    found = differences([one, only], [two, only], PairedBy.CELL)
    assert [both.name for both in found.pairs] == [only["cell"]]
    assert (list(found.only_left), list(found.only_right)) == ([one["cell"]], [two["cell"]])


def test_one_name_twice_on_a_side_is_refused() -> None:
    with pytest.raises(UserError, match=NAME):
        differences([record(f"a/{NAME}"), record(f"b/{NAME}")], [], PairedBy.REST)


def test_another_question_under_the_same_name_is_noted() -> None:
    machine = {"name": "hyperv", "hyperv": ["vpindex"], "memory": 1024, "new": 1}
    other = record(machine=machine, requested={"HYPERV": "y"}, source="linux-source 7.3")
    (found,) = differences([record()], [other], PairedBy.CELL).pairs
    assert found.notes == (
        "the machine differs: hyperv vpindex synic → vpindex, memory 512 → 1024",
        "the config asks otherwise: HYPERV m → y",
        "the source differs: linux-source 6.12 → linux-source 7.3",
    )
    assert len(pair(record(), other).notes) == 2  # two variants have two sources


@pytest.mark.parametrize(
    ("left", "right", "status"),
    [
        ([record()], [record()], 0), ([lost()], [record()], 0), ([lost()], [refused()], 0),
        ([record()], [lost()], 1), ([record()], [ERROR], 69), ([], [], 69),
        ([record(), record("old/x/p/t/m")], [record()], 69), ([record()], [record(), record("old/x/p/t/m")], 69),
        ([record(), record("old/x/p/t/m")], [lost(), {**ERROR, "cell": "new/x/p/t/m"}], 1),
        ([record(), record("old/x/p/t/m")], [lost()], 1),
    ],
)  # fmt: skip
def test_exit_status(left: list[dict[str, Any]], right: list[dict[str, Any]], status: int) -> None:
    assert exit_status(differences(left, right, PairedBy.REST)) == status


RECORDS = st.builds(
    lambda name, outcome, status, observed, predicted, loudness, why, value, refused: record(
        f"v/{name}/p/t/m", outcome=outcome, status=status, observed=observed, predicted=predicted, loudness=loudness,
        refused=refused, resolved={"HYPERV": value}, reason="r", **{"class": why},
    ),
    st.sampled_from("abcd"), st.sampled_from(Outcome), st.sampled_from(Status), st.sampled_from([None, *Ladder]),
    st.sampled_from(Ladder), st.sampled_from(Loudness), st.sampled_from(["", "WRONG_KERNEL", "NO_BOOT"]),
    st.sampled_from("ymn-"), st.booleans(),
)  # fmt: skip
SIDES = st.lists(RECORDS, max_size=4, unique_by=lambda one: one["cell"])
TURNED = {
    Word.GAINED: Word.LOST, Word.LOUDER: Word.QUIETER, Word.M_TO_Y: Word.Y_TO_M,
    Word.LOST: Word.GAINED, Word.QUIETER: Word.LOUDER, Word.Y_TO_M: Word.M_TO_Y,
}  # fmt: skip


@given(SIDES, SIDES)
@settings(deadline=None)
def test_turned_around_it_says_the_reverse_and_no_cell_is_dropped(
    left: list[dict[str, Any]], right: list[dict[str, Any]],
) -> None:  # fmt: skip
    found, turned = differences(left, right, PairedBy.REST), differences(right, left, PairedBy.REST)
    reverse = {one.name: {TURNED.get(word, word) for word in one.words} for one in found.pairs}
    assert {one.name: set(one.words) for one in turned.pairs} == reverse
    names = [*reverse, *found.only_left, *found.only_right]
    assert sorted(names) == sorted({one["cell"].partition("/")[2] for one in (*left, *right)})
    for one in found.pairs:
        moved = {Word.GAINED, Word.LOST} & set(one.words)
        assert not (moved and {one.left["status"], one.right["status"]} & {Status.ERROR, Status.SKIP})
        assert len(moved) + (Word.UNKNOWN in one.words) <= 1
        assert (Word.UNKNOWN in one.words) == bool(one.why)
