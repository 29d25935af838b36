"""Fragments for trees of 7.3's own Kconfig and of a few lines; what comes of each is a model of conf's answer."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import pytest

from pipeline import hyperv, intent, kconfig, mend
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
    assert found.asked["HYPERV_NET"] == "m"
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


def test_what_stands_in_the_way_is_turned_off() -> None:
    tree = Tree('config WANTED\n\tbool "W"\n\tdepends on !WALL\nconfig WALL\n\tbool "A"\n\tdefault y\n')
    assert mended(tree, {"WANTED": "y"}, OWN).lines == {"WALL": "n"}
    assert mended(tree, {"WANTED": "y", "WALL": "y"}, OWN).lines == {"WALL": "n"}


def test_a_dependency_at_m_is_raised_for_what_is_built_in() -> None:
    tree = Tree(f'config WANTED\n\ttristate "W"\n\tdepends on MID\nconfig MID\n\ttristate "M"\n{MODULES}')
    assert mended(tree, {"WANTED": "y", "MID": "m", "MODULES": "y"}, OWN).lines == {"MID": "y"}
    assert mended(tree, {"WANTED": "y", "MODULES": "y"}, OWN).lines == {"MID": "y"}
    assert mended(tree, {"WANTED": "m", "MODULES": "y"}, OWN).lines == {"MID": "m"}


def test_what_is_higher_than_asked_takes_nothing_away() -> None:
    """WANTED is y, as RAISER selects it; that RAISER is asked for, too, is no fault of it."""
    tree = Tree(f'config WANTED\n\ttristate "W"\nconfig RAISER\n\tbool "R"\n\tselect WANTED\n{MODULES}')
    found = mended(tree, {"WANTED": "m", "RAISER": "y", "MODULES": "y"}, OWN)
    assert (found.lines, found.unmet) == ({}, {"WANTED": "is selected by RAISER"})


def test_one_that_cannot_be_had_does_not_keep_the_others_from_it() -> None:
    tree = Tree(
        'config WANTED\n\tbool "W"\n\tdepends on NEVER\nconfig NEVER\n\tbool "N"\n\tdepends on NOWHERE\n'
        'config ALSO\n\tbool "A"\n\tdepends on OFF\nconfig OFF\n\tbool "O"\n',
    )  # fmt: skip
    found = mended(tree, {"WANTED": "y", "ALSO": "y", "LOST": "y"}, OWN)
    assert (found.lines, found.gone) == ({"OFF": "y"}, ("LOST",))
    assert found.unmet == {"WANTED": "depends on NEVER: NEVER=n"}


def test_as_many_steps_as_there_are_rounds_are_enough() -> None:
    """Each round uncovers the next dependency; the line of the last round counts too."""
    names = ["WANTED", *(f"D{number}" for number in range(mend.ROUNDS))]
    steps = [f'config {one}\n\tbool "x"\n\tdepends on {two}\n' for one, two in pairwise(names)]
    macro = "".join(steps) + f'config {names[-1]}\n\tbool "x"\n'
    assert set(mended(Tree(macro), {"WANTED": "y"}, OWN).lines) == set(names[1:])


def test_a_policy_that_refuses_for_what_is_lost() -> None:
    found = mended(split(policy="werror", strict=True), DISTRO)
    assert found.lines == {"HYPERV": "y", "HYPERV_VMBUS": "m"}
    assert found.needed["HYPERV"] == "refused"


def test_a_policy_that_refuses_for_another_option_is_told_that_too() -> None:
    tree = Tree('config WANTED\n\tbool "W"\nconfig OTHER\n\tbool "O"\n', strict=True)
    assert mended(tree, {"WANTED": "m", "OTHER": "m"}, OWN).lines == {"WANTED": "y", "OTHER": "y"}


def test_a_policy_that_refuses_whatever_is_said() -> None:
    tree = Tree('config WANTED\n\tbool "W"\nconfig OTHER\n\tint "O"\n', policy="werror", strict=True)
    found = mended(tree, {"WANTED": "y", "OTHER": "n"}, OWN)
    assert found.lines == {}
    assert found.unmet == {"WANTED": "the policy refuses: OTHER is int here: n is invalid, and werror refuses"}


def test_an_heir_is_asked_for_in_the_stead_of_the_old_name() -> None:
    tree = Tree('config NEW\n\tbool "N"\n\tdefault WANTED\nconfig WANTED\n\tbool\n\ttransitional\n', new="n")
    assert mended(tree, {"WANTED": "y"}, OWN).lines == {"NEW": "y"}
    assert mended(tree, {"WANTED": "y", "NEW": "n"}, OWN).lines == {}


def test_the_fragment_says_what_each_line_is_for_and_can_be_read_back() -> None:
    found = mended(split(), DISTRO)
    made = mend.fragment(found, ["For distro.config on 7.3.", "Restores HYPERV."])
    assert made.splitlines()[:2] == ["# For distro.config on 7.3.", "# Restores HYPERV."]
    assert "# without it: HYPERV_VMBUS=y\nCONFIG_HYPERV_VMBUS=m\n" in made
    assert kconfig.values(made, "fragment") == found.lines
