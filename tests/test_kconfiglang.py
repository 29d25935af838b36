from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import kconfiglang
from pipeline.kconfiglang import Attribute, Statement

# the first lines of 7.3's, as they stand there
HV = (Path(__file__).resolve().parent / "golden/kconfigtree/drivers/hv/Kconfig").read_text()


def only(text: str) -> Statement:
    found = kconfiglang.statements(text)
    assert len(found) == 1, found
    return found[0]


def attributes(*lines: str) -> tuple[Attribute, ...]:
    return only("config A\n" + "".join(f"\t{line}\n" for line in lines)).attributes


def words(text: str) -> list[str]:
    return [f"{one.word} {one.text}".strip() for one in kconfiglang.statements(text)]


def test_an_excerpt() -> None:
    found = {one.text: one for one in kconfiglang.statements(HV)}
    assert list(found) == [
        "Microsoft Hyper-V guest support", "HYPERV", "HYPERV_VTL_MODE", "HYPERV_TIMER", "HYPERV_UTILS",
        "HYPERV_BALLOON", "HYPERV_VMBUS", "MSHV_ROOT", "",
    ]  # fmt: skip
    assert found["HYPERV"] == Statement(5, "config", "HYPERV", (
        Attribute(6, "type", "Microsoft Hyper-V core hypervisor support", "", "bool"),
        Attribute(7, "depends", "(X86 && X86_LOCAL_APIC && HYPERVISOR_GUEST) || (ARM64 && !CPU_BIG_ENDIAN)"),
        Attribute(9, "select", "PARAVIRT"),
        Attribute(10, "select", "X86_HV_CALLBACK_VECTOR", "X86"),
        Attribute(11, "select", "OF_EARLY_FLATTREE", "OF"),
        Attribute(12, "select", "IRQ_MSI_LIB", "X86"),
    ))  # fmt: skip
    assert found["HYPERV_TIMER"].attributes == (Attribute(44, "default", "HYPERV && X86", "", "bool"),)
    assert Attribute(77, "depends", "HYPERV_VMBUS", "HYPERV_VMBUS") in found["MSHV_ROOT"].attributes
    assert found[""] == Statement(89, "endmenu", "")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("bool", Attribute(2, "type", None, "", "bool")),
        ('int "How many" if EXPERT', Attribute(2, "type", "How many", "EXPERT", "int")),
        ("hex 'One if \"two\"' if A # if B", Attribute(2, "type", 'One if "two"', "A", "hex")),
        (r'string "a \"b\" if # c"', Attribute(2, "type", 'a "b" if # c', "", "string")),
        ('bool "64-bit" if "$(ARCH)" = "x86"', Attribute(2, "type", "64-bit", '"$(ARCH)" = "x86"', "bool")),
        ('prompt "Foo"if A', Attribute(2, "prompt", "Foo", "A")),
        ("def_tristate m if A", Attribute(2, "default", "m", "A", "tristate")),
        ("default 0x10", Attribute(2, "default", "0x10")),
        ('default "a  if b" if\tA  &&\tB', Attribute(2, "default", '"a  if b"', "A  &&\tB")),
        ("default A  ||\t!B if C  && D", Attribute(2, "default", "A || !B", "C && D")),
        ("default $(cc-option,-x if y) if A", Attribute(2, "default", "$(cc-option,-x if y)", "A")),
        ("default $(f,(a # b)) # c", Attribute(2, "default", "$(f,(a # b))")),
        ('default "$(shell,x | grep "a # b")" if A', Attribute(2, "default", '"$(shell,x | grep "a # b")"', "A")),
        ("depends on A || !A # if A=m, this can't be 'y'", Attribute(2, "depends", "A || !A")),
        ("depends  on\tA if B", Attribute(2, "depends", "A", "B")),
        ("depends on(A)if(B)", Attribute(2, "depends", "(A)", "(B)")),
        ("imply B if C", Attribute(2, "imply", "B", "C")),
        ("range 1 B if C", Attribute(2, "range", "1 B", "C")),
        ("modules", Attribute(2, "modules", "")),
        ("transitional", Attribute(2, "transitional", "")),
        ('option env="ARCH"', Attribute(2, "option", 'env="ARCH"')),
    ],
)
def test_attributes(line: str, found: Attribute) -> None:
    assert attributes(line) == (found,)


@pytest.mark.parametrize(
    "line",
    [
        "bool Foo", 'bool "Foo', 'bool "Foo" "Bar"', "bool if A", "depends A", "depends on", "depends on if A",
        "select", "select A B", 'select "A"', "default", "optional", "visible if A", "transitional yes", "frobnicate",
        "---help---", "range", "prompt", "%%", "on A", "config", "config B C", "if", "endif B", "source A", "menu A",
        "menu",
    ],
)  # fmt: skip
def test_what_conf_refuses_is_unknown(line: str) -> None:
    found = kconfiglang.statements(f"config A\n\t{line}\n")
    assert [(one.line, one.word, one.text) for one in found] == [(1, "config", "A"), (2, "unknown", line)]
    assert not found[0].attributes


def test_attributes_below_what_is_unknown_belong_to_nobody() -> None:
    assert words("config A\n\tbool\nconfig B C\n\tdepends on D\n") == [
        "config A", "unknown config B C", "unknown depends on D",
    ]  # fmt: skip


def test_blocks_and_their_attributes() -> None:
    text = (
        'mainmenu "Linux/$(ARCH)"\nsource "arch/$(SRCARCH)/Kconfig"\n'
        "source 'a/Kconfig'\nif A=y && B # c\nendif # A\n"
        'menu "M"\n\tdepends on A\n\tvisible if !B\nendmenu\nmenuconfig C\n\tbool "C"\ncomment "it\'s"\n'
        "\tdepends on A\n"
    )
    assert words(text) == [
        "mainmenu Linux/$(ARCH)", "source arch/$(SRCARCH)/Kconfig", "source a/Kconfig", "if A=y && B", "endif",
        "menu M", "endmenu", "menuconfig C", "comment it's",
    ]  # fmt: skip
    found = {one.word: one.attributes for one in kconfiglang.statements(text)}
    assert found["menu"] == (Attribute(7, "depends", "A"), Attribute(8, "visible", "!B"))
    assert found["comment"] == (Attribute(13, "depends", "A"),)


def test_choices_of_6_1_and_of_7_3() -> None:
    text = 'choice\n\tprompt "Which" if A\n\tdefault B\n\toptional\n\thelp\n\t  Text.\nendchoice\n'
    first, last = kconfiglang.statements(text)
    assert [one.word for one in first.attributes] == ["prompt", "default", "optional"]
    assert (last.line, last.word) == (7, "endchoice")
    assert only('choice NAMED\n\tbool "Which"\n') == Statement(
        1, "choice", "NAMED", (Attribute(2, "type", "Which", "", "bool"),)
    )
    assert [one.word for one in kconfiglang.statements("choice\n\tselect A\n\tvisible if B\n")] == [
        "choice", "unknown", "unknown",
    ]  # fmt: skip


def test_macros_stay_as_they_are() -> None:
    text = (
        'comma       := ,\ncc-option = $(success,trap "rm -rf .tmp_$$" EXIT; # no comment\nflags += -x \\\n'
        '$(error-if,$(success,test -z "$(cc-info)"),Sorry$(comma) no.)\nempty       :=\n'
    )
    assert words(text) == [
        "assign comma       := ,", 'assign cc-option = $(success,trap "rm -rf .tmp_$$" EXIT; # no comment',
        "assign flags += -x \\", 'macro $(error-if,$(success,test -z "$(cc-info)"),Sorry$(comma) no.)',
        "assign empty       :=",
    ]  # fmt: skip


HELPS = [
    ("\thelp\n\t  config B\n\n\n\t  bool\n\tdepends on C\n", "config A"),  # less than its first line
    ("    help\n\tconfig B\n        bool\n\tint\n", "config A"),  # a tab is eight columns
    ("\thelp\n\n\t  text\n\t    more\nconfig B\n", "config A|config B"),
    ("\thelp\nnot indented\n  config B\nconfig C\n", "config A|config C"),
    ("\thelp\n\nconfig B\n", "config A|config B"),
    ("\thelp\n   \n\t  text\n \t \nconfig B\n", "config A|config B"),
    ("\thelp\n\t  ends in \\\n\tdepends on C\n", "config A"),
    ("\thelp # why\n\t  config B\n", "config A"),
    ("\thelp", "config A"),
]


@pytest.mark.parametrize(("text", "found"), HELPS)
def test_where_help_ends(text: str, found: str) -> None:
    assert "|".join(words("config A\n\tbool\n" + text)) == found


def test_attributes_after_help_count() -> None:
    text = "config A\n\thelp\n\t  depends on B\n\tdepends on C\n"
    assert only(text).attributes == (Attribute(4, "depends", "C"),)


def test_a_backslash_continues_a_line_but_not_a_comment() -> None:
    assert attributes("depends on A \\", "&& B \\", "&& C", "bool") == (
        Attribute(2, "depends", "A && B && C"), Attribute(5, "type", None, "", "bool"),
    )  # fmt: skip
    assert attributes("depends on A # B \\", "bool")[0] == Attribute(2, "depends", "A")
    assert attributes("# A \\", "bool") == (Attribute(3, "type", None, "", "bool"),)
    assert attributes("depends on A \\") == (Attribute(2, "depends", "A"),)


def test_lines_are_those_of_an_editor() -> None:
    assert only("# form\x0cfeed \x85 \u2028\r\n\r\nconfig A\r\n").line == 3


def test_one_text_is_read_once() -> None:
    copy = "".join(list(HV))
    assert copy is not HV
    assert kconfiglang.statements(copy) is kconfiglang.statements(HV)


PIECES = st.sampled_from([
    *sorted({"config", "choice", "menu", "if", "help", "endif", "endmenu", "source", "depends on", "default", "bool"}),
    "A", '"', "'", "$(", "$(x)", ")", "#", "\\", "\n", "\n", "\n\t", "\n\t\t", " ", " if ", ":=", "=", "&&", "é", "\r",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join)))
def test_no_text_raises(text: str) -> None:
    lines = text.count("\n") + 1
    found = kconfiglang.statements(text)
    places = [one.line for one in found] + [line.line for one in found for line in one.attributes]
    assert all(1 <= place <= lines for place in places)
    assert [one.line for one in found] == sorted(one.line for one in found)
