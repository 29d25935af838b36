"""What is done about each kind of cause on trees of a few lines; one that nobody can set is had by who selects it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline import mend
from tests.test_mend import MODULES, OWN, mended
from tests.tinyconf import Tree

SELECTORS = """config WANTED
	tristate "Wanted"
	depends on HIDDEN
config HIDDEN
	tristate
config NEVER
	bool "Off"
	depends on NOWHERE
config HYPERV_VTL_MODE
	bool "A hazard"
	select HIDDEN
config BLOCKED
	bool "Its dependency is not met"
	depends on NEVER
	select HIDDEN
config NO_PROMPT
	bool
	select HIDDEN
config IF_NEVER
	bool "Selects it under a condition that is not met"
	select HIDDEN if NEVER
config UNSEEN
	bool "Its prompt is hidden" if NEVER
	select HIDDEN
"""
FIRST = 'config FIRST\n\tbool "1"\n\tselect HIDDEN\n'
SECOND = 'config SECOND\n\tbool "2"\n\tselect HIDDEN\n'


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        (FIRST + SECOND, {"FIRST": "y"}),
        ('config FIRST\n\ttristate "1"\n\tselect HIDDEN if MODULES\n', {"FIRST": "m"}),
        (f'config FIRST\n\tbool "1"\n\tdepends on NEVER\n{FIRST}', {"FIRST": "y"}),
        (FIRST.replace("HIDDEN", "HIDDEN if $(x)") + SECOND, {"SECOND": "y"}),  # of a macro only conf knows
    ],
    ids=["bool", "tristate", "two definitions", "the first does not help"],
)
def test_the_first_selector_whose_own_dependencies_are_met(more: str, lines: dict[str, str]) -> None:
    found = mended(Tree(SELECTORS + more + MODULES), {"WANTED": "m", "MODULES": "y"}, OWN)
    assert (found.lines, found.unmet) == (lines, {})
    assert found.tries == (2 if "FIRST" in lines else 4), "no other is tried"


def test_where_no_selector_can_be_set_the_reason_is_told() -> None:
    found = mended(Tree(SELECTORS + MODULES), {"WANTED": "m", "MODULES": "y"}, OWN)
    assert (found.lines, found.unmet) == ({}, {"WANTED": "depends on HIDDEN: HIDDEN=n"})


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
