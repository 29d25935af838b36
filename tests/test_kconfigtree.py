from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import expr, kconfigtree
from pipeline.kconfigtree import Condition, Default, Select, Selected
from tests.test_kconfiglang import PIECES

GOLDEN = Path(__file__).resolve().parent / "golden" / "kconfigtree"
X86 = {"X86": "y", "X86_LOCAL_APIC": "y", "HYPERVISOR_GUEST": "y", "HAS_IOMEM": "y", "MODULES": "y"}


def of(text: str, **others: str) -> kconfigtree.Index:
    """The index of a root and of files whose paths are written with _ for /."""
    return kconfigtree.index({"Kconfig": text, **{path.replace("_", "/"): other for path, other in others.items()}})


def golden() -> kconfigtree.Index:
    paths = [path for path in GOLDEN.rglob("*") if path.is_file()]
    return kconfigtree.index({str(path.relative_to(GOLDEN)): path.read_text() for path in paths})


def only(index: kconfigtree.Index, name: str) -> kconfigtree.Definition:
    (found,) = index.symbols[name].definitions
    return found


def places(conditions: tuple[Condition, ...]) -> list[str]:
    return [f"{one.text} ({one.origin})" for one in conditions]


def test_excerpts_of_7_3() -> None:
    index = golden()
    assert index.problems == ()
    found = only(index, "MSHV_ROOT")
    assert (found.origin, found.kind, found.prompt) == (
        "drivers/hv/Kconfig:68", "tristate", "Microsoft Hyper-V root partition support",
    )  # fmt: skip
    assert places(found.depends) == [
        "HAS_IOMEM (Kconfig:8)",
        "HYPERV && (X86_64 || ARM64) (drivers/hv/Kconfig:70)",
        "!HYPERV_VTL_MODE (drivers/hv/Kconfig:71)",
        "PAGE_SIZE_4KB (drivers/hv/Kconfig:76)",
        "HYPERV_VMBUS if HYPERV_VMBUS (drivers/hv/Kconfig:77)",
    ]
    assert found.defaults == (Default("n", None, "drivers/hv/Kconfig:82"),)
    assert [one.target for one in found.selects] == ["EVENTFD", "VIRT_XFER_TO_GUEST_WORK", "HMM_MIRROR", "MMU_NOTIFIER"]
    vmbus = only(index, "HYPERV_VMBUS")
    condition = Condition("EFI && !HYPERV_VTL_MODE", "drivers/hv/Kconfig:64", expr.parse("EFI && !HYPERV_VTL_MODE"))
    assert vmbus.selects == (Select("SYSFB", condition, "drivers/hv/Kconfig:64"),)
    assert vmbus.defaults == (Default("HYPERV", None, "drivers/hv/Kconfig:63"),)
    timer = index.symbols["HYPERV_TIMER"]
    assert (timer.kind, timer.prompted) == ("bool", False)


def test_excerpts_say_why_an_option_is_not_had() -> None:
    index = golden()
    conditions = only(index, "HYPERV_BALLOON").depends
    values = {**X86, "HYPERV": "y"}
    assert [expr.level(one.expr, values) for one in conditions] == [2, 0]
    assert [expr.blockers(one.expr, values) for one in conditions] == [(), ("HYPERV_VMBUS",)]
    assert {expr.level(one.expr, {**values, "HYPERV_VMBUS": "m"}) for one in conditions} == {1, 2}


def test_a_choice_of_7_3() -> None:
    index = golden()
    assert index.choices == {"kernel/Kconfig.hz:6": ("HZ_100", "HZ_250", "HZ_300", "HZ_1000")}
    assert only(index, "HZ_250").choice == "kernel/Kconfig.hz:6"
    assert only(index, "HZ").choice == ""
    assert [one.value for one in only(index, "HZ").defaults] == ["100", "250", "300", "1000"]


def test_a_path_is_read_however_it_is_written() -> None:
    for path in ("$(srctree)/a/Kconfig", "./a/Kconfig", "a//Kconfig"):
        index = kconfigtree.index({"Kconfig": f'source "{path}"\n', "a/Kconfig": 'config A\n\tbool "a"\n'})
        assert index.problems == ()
        assert "A" in index.symbols


def test_blocks_pass_their_conditions_into_sourced_files_outermost_first() -> None:
    index = of(
        'if A\nmenu "M"\n\tdepends on B\n\tdepends on B2\n\tvisible if V\nsource "arch/$(SRCARCH)/Kconfig"\nendmenu\n'
        "config LAST\n\tbool\nendif\n",
        arch_x86_Kconfig='choice\n\tprompt "P" if W\n\tdepends on C\nif D\nconfig E\n\tbool "E" if X\n\tdepends on F\n'
        'endif\nendchoice\nsource "sub/Kconfig"\n',
        sub_Kconfig="config G\n\tbool\n",
    )
    assert index.problems == ()
    found = only(index, "E")
    assert places(found.depends) == [
        "A (Kconfig:1)", "B (Kconfig:3)", "B2 (Kconfig:4)", "C (arch/x86/Kconfig:3)", "D (arch/x86/Kconfig:4)",
        "F (arch/x86/Kconfig:7)",
    ]  # fmt: skip
    assert places(found.visible) == ["V (Kconfig:5)", "W (arch/x86/Kconfig:2)", "X (arch/x86/Kconfig:6)"]
    assert found.choice == "arch/x86/Kconfig:1"
    assert places(only(index, "G").depends) == ["A (Kconfig:1)", "B (Kconfig:3)", "B2 (Kconfig:4)"]
    assert only(index, "G").choice == ""
    assert places(only(index, "LAST").depends) == ["A (Kconfig:1)"]
    assert index.choices == {"arch/x86/Kconfig:1": ("E",)}


def test_a_symbol_with_two_definitions() -> None:
    symbol = of(
        'config A\n\tdefault y\n\tdepends on B\nconfig A\n\tdef_tristate m\nmenuconfig A\n\ttristate\n\tprompt "A"\n'
    ).symbols["A"]
    assert [one.origin for one in symbol.definitions] == ["Kconfig:1", "Kconfig:4", "Kconfig:6"]
    assert [one.kind for one in symbol.definitions] == ["", "tristate", "tristate"]
    assert (symbol.kind, symbol.prompted, symbol.transitional) == ("tristate", True, False)
    assert [one.prompt for one in symbol.definitions] == [None, None, "A"]


def test_selects_are_known_on_both_sides() -> None:
    index = of("config A\n\tbool\n\tselect B if C\n\timply B\nconfig B\n\tbool\n\ttransitional\n")
    condition = Condition("C", "Kconfig:3", expr.Symbol("C"))
    assert only(index, "A").selects == (Select("B", condition, "Kconfig:3"),)
    assert only(index, "A").implies == (Select("B", None, "Kconfig:4"),)
    symbol = index.symbols["B"]
    assert symbol.selected_by == (Selected("A", condition, "Kconfig:3"),)
    assert symbol.implied_by == (Selected("A", None, "Kconfig:4"),)
    assert symbol.transitional
    assert "C" not in index.symbols


def test_depends_on_if() -> None:
    (condition,) = only(of("config A\n\tbool\n\tdepends on B if C && D\n"), "A").depends
    assert (condition.text, condition.origin) == ("B if C && D", "Kconfig:3")
    assert condition.expr == expr.unless(expr.Symbol("B"), expr.parse("C && D"))
    assert expr.level(condition.expr, {"C": "y"}) == 2
    assert expr.blockers(condition.expr, {"C": "y", "D": "m"}) == ("B", "C", "D")


def test_variables_have_a_value_in_expressions_and_macros_have_none() -> None:
    (known, unknown) = only(
        of('config A\n\tbool "A" if "$(ARCH)" = "x86"\n\tprompt "A" if "$(CC)" = "gcc"\n'), "A"
    ).visible
    assert (known.text, expr.level(known.expr, {})) == ('"$(ARCH)" = "x86"', 2)
    assert expr.level(unknown.expr, {}) is None
    arm = kconfigtree.index({"Kconfig": 'source "$(SRCARCH)"\n', "arm": "config A\n"}, variables={"SRCARCH": "arm"})
    assert list(arm.symbols) == ["A"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('\nsource "no/Kconfig"\n', "Kconfig:2: no file no/Kconfig"),
        ('source "$(NOWHERE)/Kconfig"\n', "Kconfig:1: no file $(NOWHERE)/Kconfig"),
        ('source "Kconfig"\n', "Kconfig:1: Kconfig sources itself"),
        ('source "a"\n', "a:1: Kconfig sources itself"),
        ("config A\n\tfrobnicate\n", "Kconfig:2: unknown statement: frobnicate"),
        ("endif\n", "Kconfig:1: endif without if"),
        ("if A\nendmenu\nendif\n", "Kconfig:2: endmenu without menu"),
        ("config A\nif B\n", "Kconfig:2: if without an end"),
        ('if B\nsource "b"\nendif\n', "b:1: endif without if"),
    ],
)
def test_problems_are_told_with_their_place(text: str, problem: str) -> None:
    index = of(text, a='source "Kconfig"\n', b="endif\nconfig Z\n")
    assert problem in index.problems
    assert len(index.problems) == 1


def test_what_follows_a_problem_is_read() -> None:
    index = of('if B\nsource "no"\nsource "b"\nconfig A\nendif\n', b="if C\nconfig Z\n")
    assert places(only(index, "A").depends) == ["B (Kconfig:1)"]
    assert places(only(index, "Z").depends) == ["B (Kconfig:1)", "C (b:1)"]


def test_no_root() -> None:
    assert kconfigtree.index({}).problems == ("Kconfig: no file Kconfig",)


def test_files_that_source_each_other_without_end() -> None:
    chain = {f"{number}": f'source "{number + 1}"\n' * 3 + f"config A{number}\n" for number in range(200)}
    index = kconfigtree.index(chain, root="0")
    assert index.problems[0] == "50:1: 51 is not read: too many files are sourced"
    assert "A0" in index.symbols
    assert "A51" not in index.symbols


def test_blocks_without_end() -> None:
    index = of("".join(f"if A{number}\n" for number in range(3000)) + "config A\n")
    assert index.problems[0] == "Kconfig:201: too many conditions around this if; its own are left out"
    assert len(only(index, "A").depends) == 200


def test_only_texts_that_are_new_are_read() -> None:
    index, again = golden(), golden()
    assert again == index
    assert only(again, "HYPERV").depends[0].expr is only(index, "HYPERV").depends[0].expr


@given(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=30))
def test_no_text_raises(text: str, other: str) -> None:
    index = kconfigtree.index({"Kconfig": text, "A": other, "": text})
    values = {"A": "m"}
    for symbol in index.symbols.values():
        for one in symbol.definitions:
            for condition in one.depends + one.visible:
                expr.blockers(condition.expr, values, 2)
            assert one.origin.startswith(("Kconfig:", "A:", ":"))
    assert all(member in index.symbols for members in index.choices.values() for member in members)
