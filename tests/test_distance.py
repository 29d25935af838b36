"""What a tree tells of its objects, and what is counted of it; a stranger's text does no harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import distance
from pipeline.distance import Depends, between, differing, heaviest, parse, rebuilt, varying

TEXT = """\
init/main.o SMP HYPERV
drivers/hv/hv.o HYPERV HYPERV_MODULE
drivers/hv/vmbus_drv.o HYPERV EFI
net/core/dev.o SMP NET
lib/sort.o
"""
LEARNT = parse(TEXT)
SYMBOLS = ("A", "B", "C", "D", "DRIVER", "OTHER", "FRAME_POINTER", "LOCALVERSION")
OPTIONS = st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from(("y", "m", "n")))
MASKS = st.dictionaries(st.sampled_from(SYMBOLS[:4]), st.integers(0, 255))


def depends(masks: dict[str, int]) -> Depends:
    return Depends(tuple(f"{number}.o" for number in range(8)), masks)


def by_object(one: Depends) -> dict[str, set[str]]:
    return {
        path: {symbol for symbol, mask in one.masks.items() if mask >> number & 1}
        for number, path in enumerate(one.objects)
    }


def test_a_text_tells_which_objects_mention_which_option() -> None:
    assert LEARNT.count == 5
    assert by_object(LEARNT) == {
        "init/main.o": {"SMP", "HYPERV"}, "drivers/hv/hv.o": {"HYPERV"}, "drivers/hv/vmbus_drv.o": {"HYPERV", "EFI"},
        "net/core/dev.o": {"SMP", "NET"}, "lib/sort.o": set(),
    }  # fmt: skip


@pytest.mark.parametrize("line", [
    "", "HYPERV", "foo.c HYPERV", "/etc/passwd.o HYPERV", "foo.o HYPERV;rm", "foo.o $(HYPERV)", "foo.o ÄÖ", "foo.o \0",
    "foo.o HYPERV\vSMP", "foo bar.o HYPERV", f"foo.o {'A' * 129}", f"{'a' * 300}.o A", "foo.o " + "A " * 40_000, ".o A",
    "\ud800.o A",
])  # fmt: skip
def test_a_line_that_is_none_is_left_out(line: str) -> None:
    assert parse(f"{line}\n{TEXT}{line}\n") == LEARNT


@given(st.text() | st.text("ab/.o AB_\n\t\r\0"))
def test_no_text_raises_and_all_that_comes_of_it_is_whole(text: str) -> None:
    found = parse(text)
    assert all(0 < mask < 1 << len(found.objects) for mask in found.masks.values())
    assert parse(text, TEXT).count >= LEARNT.count
    assert rebuilt({}, {"A": "y"}, found) >= 0


def test_there_is_an_end_to_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "OBJECTS_LIMIT", 2)
    assert parse(TEXT).objects == ("init/main.o", "drivers/hv/hv.o")
    assert parse("x.o A", TEXT).objects == ("x.o", "init/main.o")
    monkeypatch.setattr(distance, "SYMBOLS_LIMIT", 1)
    assert set(parse(TEXT).masks) == {"SMP"}
    monkeypatch.setattr(distance, "LINES_LIMIT", 3)
    assert parse("\n\nx.o A\ny.o B\n").objects == ("x.o",)
    monkeypatch.setattr(distance, "TEXT_LIMIT", len("x.o AB\ny.o ABC"))
    assert by_object(parse("x.o AB\ny.o ABCD\nz.o E\n")) == {"x.o": {"AB"}}, "and half a line is none"


def test_several_trees_know_all_that_each_of_them_knows() -> None:
    other = "net/core/dev.o NET INET\ndrivers/net/x.o PCI\ninit/main.o SMP\n"
    known = by_object(parse(TEXT, "", other))
    assert known == by_object(LEARNT) | {"net/core/dev.o": {"SMP", "NET", "INET"}, "drivers/net/x.o": {"PCI"}}
    same = "init/main.o A\ndrivers/hv/hv.o\ndrivers/hv/vmbus_drv.o\nnet/core/dev.o\nlib/sort.o\n"
    assert by_object(parse(TEXT, same)) == by_object(LEARNT) | {"init/main.o": {"SMP", "HYPERV", "A"}}
    assert parse(TEXT, TEXT) == LEARNT
    assert parse() == parse("") == Depends()


def test_objects_are_counted_once_however_many_options_they_mention() -> None:
    off = {"HYPERV": "n", "SMP": "y"}
    assert rebuilt(off, off, LEARNT) == 0
    assert rebuilt(off, {"SMP": "y"}, LEARNT) == 0, "absent is n"
    assert rebuilt(off, {"HYPERV": "m", "SMP": "y"}, LEARNT) == 3
    assert rebuilt({"HYPERV": "m"}, {"HYPERV": "y"}, LEARNT) == 3
    assert rebuilt(off, {"HYPERV": "y", "EFI": "y"}, LEARNT) == 4


def test_an_option_that_no_object_mentions_counts_a_little_when_it_is_switched_on() -> None:
    assert rebuilt({}, {"PCI_HYPERV": "y"}, LEARNT) == rebuilt({}, {"PCI_HYPERV": "m"}, LEARNT) == distance.UNSEEN
    assert rebuilt({"PCI_HYPERV": "m"}, {"PCI_HYPERV": "y"}, LEARNT) == distance.UNSEEN, "-DMODULE goes"
    assert rebuilt({"PCI_HYPERV": "y"}, {}, LEARNT) == 0
    assert rebuilt({"NR_CPUS": "8"}, {"NR_CPUS": "64"}, LEARNT) == 0
    assert distance.UNSEEN % 2 == 0, "half of it is what a plan weighs"


def test_a_kernels_own_name_never_counts() -> None:
    told = parse("init/version.o LOCALVERSION LOCALVERSION_AUTO\n")
    assert rebuilt({"LOCALVERSION": '"-a"'}, {"LOCALVERSION": '"-b"', "LOCALVERSION_AUTO": "y"}, told) == 0
    assert rebuilt({"LOCALVERSION": "y"}, {"LOCALVERSION": "m"}, Depends()) == 0
    assert heaviest({"LOCALVERSION": '"-a"'}, {}, told, 3) == ()


def test_what_changes_every_compilation_rebuilds_every_object() -> None:
    assert rebuilt({}, {"STACKPROTECTOR": "y"}, LEARNT) == LEARNT.count
    assert rebuilt({"CC_VERSION_TEXT": '"gcc 12"'}, {"CC_VERSION_TEXT": '"gcc 14"'}, LEARNT) == LEARNT.count


def test_before_anything_is_learnt_hyperv_is_heavy_and_a_driver_is_not() -> None:
    nothing = parse("not a line")
    assert nothing == Depends()
    assert nothing.count == 1444
    assert 823 <= rebuilt({"HYPERV": "y"}, {"HYPERV": "m"}, nothing) <= 915
    assert rebuilt({"HYPERV": "y"}, {"HYPERV": "y", "HYPERV_STORAGE": "m"}, nothing) == distance.UNSEEN
    assert rebuilt({}, {"WERROR": "y"}, nothing) == 1444


def test_the_heaviest_options_come_first_with_what_they_add() -> None:
    found = heaviest({"SMP": "y"}, {"HYPERV": "y", "EFI": "y", "PCI_HYPERV": "m", "X": "7"}, LEARNT, 9)
    assert [(str(one), one.objects) for one in found] == [
        ("HYPERV n -> y", 3), ("PCI_HYPERV n -> m", 2), ("SMP y -> n", 1),
    ]  # fmt: skip
    assert heaviest({"SMP": "y"}, {"HYPERV": "y"}, LEARNT, 1) == found[:1]


@given(MASKS, OPTIONS, OPTIONS)
def test_all_heavy_options_are_what_is_rebuilt(masks: dict[str, int], a: dict[str, str], b: dict[str, str]) -> None:
    learnt = depends(masks)
    assert sum(one.objects for one in heaviest(a, b, learnt, 99)) == rebuilt(a, b, learnt)
    assert 2 * between(a, b, learnt) == rebuilt(a, b, learnt) + rebuilt(b, a, learnt)
    assert between(a, b, learnt) == between(b, a, learnt)
    if not any(a.get(name, "n") != b.get(name, "n") for name in ("DRIVER", "OTHER", *(set(SYMBOLS[:4]) - set(masks)))):
        assert rebuilt(a, b, learnt) == rebuilt(b, a, learnt)


@given(MASKS, st.lists(OPTIONS, max_size=6))
def test_what_all_have_in_common_can_be_left_out(masks: dict[str, int], several: list[dict[str, str]]) -> None:
    few = varying(iter(several))
    for one, short in zip(several, few, strict=True):
        for two, other in zip(several, few, strict=True):
            assert rebuilt(one, two, depends(masks)) == rebuilt(short, other, depends(masks))
    assert not any(set.intersection(*(set(one.items()) for one in few)) for _ in few)
    assert all(differing(few[0], one) or not one or one == few[0] for one in few)


@given(st.integers(0, 2**70))
def test_bits_are_those_that_are_set(mask: int) -> None:
    assert sum(1 << number for number in distance.bits(mask)) == mask
