"""Fragments for trees of 7.3's own Kconfig and of a few lines; what comes of each is a model of conf's answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import explain, hyperv, intent, kconfig, mend
from pipeline.model import Intent, Ladder
from tests.test_explain import BUILTIN, DISTRO, GUEST, golden
from tests.tinyconf import Tree, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.values import Resolution

OWN = Intent(name="own", symbols=(("WANTED", Ladder.BOOTED), ("ALSO", Ladder.BOOTED), ("LOST", Ladder.BOOTED)))
MODULES = 'config MODULES\n\tbool "Modules"\n\tmodules\n\tdefault y\n'


def mended(tree: Tree, old: Mapping[str, str], meant: Intent = intent.HYPERV) -> mend.Fix:
    """The fragment for an old .config, with the proof that it is honest: it restores, and no line can be left out."""
    asked: list[Mapping[str, str]] = []

    def carry(lines: Mapping[str, str]) -> Resolution:
        asked.append(dict(lines))
        return tree.carried(text(old), lines)

    found = mend.fix(meant, old, tree.index, carry)
    assert found.tries == len(asked)
    assert len(asked) == len({frozenset(lines.items()) for lines in asked}), "each is asked once"
    wanted = {name: value for name, value in found.asked.items() if name not in found.unmet}
    assert restores(tree, old, found.lines, wanted)
    for count in range(len(found.lines)):
        for fewer in combinations(found.lines.items(), count):
            assert not restores(tree, old, dict(fewer), wanted), fewer
    assert set(found.needed) == set(found.lines)
    return found


def restores(tree: Tree, old: Mapping[str, str], lines: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    ran = tree.carried(text(old), lines)
    final = kconfig.values(ran.final)
    return not (ran.exit_status and wanted) and all(final.get(name, "n") == value for name, value in wanted.items())


def split(*changes: tuple[str, str], policy: str = "olddefconfig", new: str = "", strict: bool = False) -> Tree:
    """7.3's excerpts with some text replaced, as a patch does it."""
    files = golden()
    for old, with_ in changes:
        assert any(old in one for one in files.values()), old
        files = {path: one.replace(old, with_) for path, one in files.items()}
    return Tree(files, policy=policy, new=new, strict=strict)


# kconfig/variants: first-posted, sysfb-depends (SYSFB is still without a prompt), transitional
FIRST_POSTED = ("\tdepends on HYPERV\n\tdefault HYPERV\n", "\tdepends on HYPERV\n")
SYSFB_DEPENDS = ("\tselect SYSFB if EFI && !HYPERV_VTL_MODE\n", "\tdepends on SYSFB if EFI && !HYPERV_VTL_MODE\n")
TRANSITIONAL = (
    ('config HYPERV\n\tbool "Microsoft', 'config HYPERV_CORE\n\tdefault HYPERV\n\tbool "Microsoft'),
    ("\tdefault HYPERV\n\tselect", "\tdefault HYPERV if HYPERV\n\tdefault HYPERV_CORE\n\tselect"),
    ("\tdepends on HYPERV\n", "\tdepends on HYPERV_CORE\n"),
    ("\tdef_bool HYPERV &&", "\tdef_bool HYPERV_CORE &&"),
    ("config HYPERV_TIMER\n", "config HYPERV\n\ttristate\n\ttransitional\nconfig HYPERV_TIMER\n"),
)


def test_m_of_old_is_the_core_and_a_modular_bus() -> None:
    found = mended(split(), DISTRO)
    assert found.lines == {"HYPERV": "y", "HYPERV_VMBUS": "m"}
    assert (found.unmet, found.gone) == ({}, ())
    assert (found.asked["HYPERV_NET"], found.asked.get(hyperv.VTL)) == ("m", None)
    assert found.needed["HYPERV_VMBUS"] == "HYPERV_VMBUS=y"
    assert found.needed["HYPERV"].startswith("HYPERV=n, ")


def test_without_a_driver_the_bus_is_restored_all_the_same() -> None:
    assert mended(split(), {**GUEST, "HYPERV": "m"}).lines == {"HYPERV": "y", "HYPERV_VMBUS": "m"}
    assert mended(split(), {**GUEST, "HYPERV": "y", "HYPERV_VMBUS": "n"}).lines == {}


@pytest.mark.parametrize("old", [BUILTIN, {**DISTRO, "HYPERV": "y", "HYPERV_VMBUS": "m"}, {"HYPERV": "n"}, GUEST])
def test_nothing_lost_needs_no_line(old: dict[str, str]) -> None:
    found = mended(split(), old)
    assert (found.lines, found.unmet, found.tries) == ({}, {}, 1)


def test_a_bus_without_default_is_one_line() -> None:
    assert mended(split(FIRST_POSTED), BUILTIN).lines == {"HYPERV_VMBUS": "y"}
    assert mended(split(policy="allnoconfig", new="n"), BUILTIN).lines == {"HYPERV_VMBUS": "y"}


def test_a_shared_line_that_says_no_bus_is_turned_round_where_drivers_are_asked_for() -> None:
    found = mended(split(), {**BUILTIN, "HYPERV_VMBUS": "n"})
    assert found.lines == {"HYPERV_VMBUS": "y"}


def test_a_renamed_core() -> None:
    tree = split(*TRANSITIONAL)
    assert tree.index.symbols["HYPERV"].transitional
    assert mended(tree, DISTRO).lines == {}
    assert mended(tree, DISTRO).asked["HYPERV_CORE"] == "y"
    lost = split(*TRANSITIONAL, policy="allnoconfig", new="n")
    found = mended(lost, DISTRO)
    assert found.lines == {"HYPERV_CORE": "y", "HYPERV_VMBUS": "m"}
    assert (found.unmet, found.gone) == ({}, ())


def test_an_option_that_ends_every_guest_is_turned_off() -> None:
    found = mended(split(), {**BUILTIN, hyperv.VTL: "y"})
    assert found.lines == {hyperv.VTL: "n"}
    assert "# CONFIG_HYPERV_VTL_MODE is not set" in mend.fragment(found, []).splitlines()
    both = mended(split(), {**DISTRO, hyperv.VTL: "y"})
    assert both.lines == {"HYPERV": "y", "HYPERV_VMBUS": "m", hyperv.VTL: "n"}


def test_what_the_tree_has_no_more_is_named_and_not_asked_for() -> None:
    found = mended(split(), {**DISTRO, "FB_HYPERV": "m", "DRM_HYPERV": "n"})
    assert found.gone == ("FB_HYPERV",)
    assert found.lines == {"HYPERV": "y", "HYPERV_VMBUS": "m"}


def test_a_guest_that_is_off_is_turned_on_first() -> None:
    found = mended(split(), {**DISTRO, "HYPERVISOR_GUEST": "n"})
    assert found.lines == {"HYPERVISOR_GUEST": "y", "HYPERV": "y", "HYPERV_VMBUS": "m"}


def test_a_cause_without_prompt_is_had_by_who_selects_it() -> None:
    """SYSFB_SIMPLEFB is the first that selects SYSFB and can be set; the bus must not, or nothing would be lost."""
    found = mended(split(SYSFB_DEPENDS), {**BUILTIN, "EFI": "y"})
    assert found.lines == {"SYSFB_SIMPLEFB": "y"}
    assert found.needed["SYSFB_SIMPLEFB"].startswith("HYPERV_UTILS=n, ")


def test_a_policy_that_refuses_for_what_is_lost() -> None:
    found = mended(split(policy="werror", strict=True), DISTRO)
    assert found.lines == {"HYPERV": "y", "HYPERV_VMBUS": "m"}
    assert found.needed["HYPERV"] == "refused"


def test_a_policy_that_refuses_for_another_option_is_told_that_too() -> None:
    tree = Tree('config WANTED\n\tbool "W"\nconfig OTHER\n\tbool "O"\n', strict=True)
    assert mended(tree, {"WANTED": "m", "OTHER": "m"}, OWN).lines == {"WANTED": "y", "OTHER": "y"}


@pytest.mark.parametrize(
    ("other", "asked", "line"),
    [
        ("bool", "m", "y"),  # nobody can set it, and a value that conf can read is enough
        ("bool", "0", "n"),
        ('tristate "O"', "7", "n"),
        ('int "O"\n\tdefault OTHER\n\tdefault 5', "n", "5"),
        ('hex "O"\n\tdefault 0x1F', "n", "0x1F"),
    ],
)
def test_each_value_that_a_policy_refuses_has_one_that_it_takes(other: str, asked: str, line: str) -> None:
    selects = 'config WANTED\n\tbool "W"\nconfig S\n\tbool "S"\n\tselect OTHER\n'
    tree = Tree(f"{selects}config OTHER\n\t{other}\n", strict=True)
    assert mended(tree, {"WANTED": "y", "OTHER": asked}, OWN).lines == {"OTHER": line}


def test_a_policy_that_refuses_whatever_is_said() -> None:
    tree = Tree('config WANTED\n\tbool "W"\nconfig OTHER\n\tint "O"\n', policy="werror", strict=True)
    found = mended(tree, {"WANTED": "y", "OTHER": "n"}, OWN)
    assert found.lines == {}
    assert found.unmet == {"WANTED": "the policy refuses: OTHER is int here: n is invalid, and werror refuses"}


def test_an_heir_is_asked_for_in_the_stead_of_the_old_name() -> None:
    tree = Tree('config NEW\n\tbool "N"\n\tdefault WANTED\nconfig WANTED\n\tbool\n\ttransitional\n', new="n")
    assert mended(tree, {"WANTED": "y"}, OWN).lines == {"NEW": "y"}
    assert mended(tree, {"WANTED": "y", "NEW": "n"}, OWN).lines == {}


def test_only_hyperv_has_other_names_and_hazards() -> None:
    old = {**BUILTIN, hyperv.VTL: "y", "WANTED": "y"}
    assert mend.targets(OWN, old, split().index) == ({}, ("WANTED",))
    core = Intent(name="own", symbols=(("HYPERV", Ladder.CORE),))
    assert mend.targets(core, old, split().index) == ({"HYPERV": "y"}, ())
    assert hyperv.VTL not in mend.targets(intent.HYPERV, old, Tree('config HYPERV\n\tbool "H"\n').index)[0]
    wanted, _ = mend.targets(intent.HYPERV, {"HYPERV": "n", hyperv.VTL: "y"}, split().index)
    assert wanted == {}


def test_a_cause_that_is_no_switch_is_left_alone() -> None:
    tree = Tree('config WANTED\n\tbool "W"\n\tdepends on NUMBER > 5\nconfig NUMBER\n\tint "N"\n')
    found = mended(tree, {"WANTED": "y", "NUMBER": "3"}, OWN)
    assert (found.unmet, found.tries) == ({"WANTED": "depends on NUMBER > 5: NUMBER=3"}, 2)


def test_a_bool_above_that_was_a_tristate_is_turned_on() -> None:
    tree = Tree('config WANTED\n\tbool "W"\n\tdepends on WAS_M\nconfig WAS_M\n\tbool "B"\n')
    assert mended(tree, {"WANTED": "y", "WAS_M": "m"}, OWN).lines == {"WAS_M": "y"}


def test_a_refusal_over_what_the_tree_does_not_know_has_no_line() -> None:
    tree, said = Tree('config WANTED\n\tbool "W"\n'), ".config:2:warning: unknown symbol: LOST\n"

    def refuses(lines: Mapping[str, str]) -> Resolution:
        ran = tree.carried(text({"WANTED": "y", "LOST": "y"}), lines)
        return explain.explained(replace(ran, final=ran.old, stderr=said, exit_status=1), tree.index, "w-e")

    found = mend.fix(OWN, {"WANTED": "y", "LOST": "y"}, tree.index, refuses)
    why = "the policy refuses: LOST is not declared in this tree, and w-e refuses"
    assert (found.lines, found.unmet) == ({}, {"WANTED": why})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"changes": (), "absent": "w-c: not in this tree"}, "w-c: not in this tree"),
        ({"changes": (), "final": "CONFIG_B=y\n"}, "no rule of ours explains it"),
        ({"exit_status": 1, "final": "CONFIG_B=y\n"}, "the policy refuses"),
    ],
)
def test_why_nothing_helps(answer: dict[str, Any], why: str) -> None:
    tree = Tree('config WANTED\n\tbool "W"\n\tdepends on B\nconfig B\n\tbool "B"\n')
    given = replace(tree.carried("CONFIG_WANTED=y\n"), **answer)
    assert mend.fix(OWN, {"WANTED": "y"}, tree.index, lambda _: given).unmet == {"WANTED": why}


def test_what_nobody_can_mend_does_not_keep_the_bus_from_being_a_module() -> None:
    stuck = ('\ttristate "Connector - unified', '\tdepends on $(x)\n\ttristate "Connector - unified')
    found = mended(split(stuck), DISTRO)
    assert found.lines == {"HYPERV": "y", "HYPERV_VMBUS": "m"}
    assert found.unmet == {"HYPERV_UTILS": "depends on HYPERV_VMBUS && CONNECTOR && NLS: CONNECTOR=n"}


def test_the_fragment_says_what_each_line_is_for_and_can_be_read_back() -> None:
    found = mended(split(), DISTRO)
    made = mend.fragment(found, ["For distro.config on 7.3.", "Restores HYPERV."])
    assert made.splitlines()[:2] == ["# For distro.config on 7.3.", "# Restores HYPERV."]
    assert "# without it: HYPERV_VMBUS=y\nCONFIG_HYPERV_VMBUS=m\n" in made
    assert kconfig.values(made, "fragment") == found.lines


def test_a_name_with_a_line_of_its_own_is_no_option() -> None:
    found = mended(split(), BUILTIN)
    assert "CONFIG_X=y" not in mend.fragment(found, ["a patch\nCONFIG_X=y"]).splitlines()
