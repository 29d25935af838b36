"""What is done about an option that nobody can set: the first that selects it and can be set is turned on."""

from __future__ import annotations

import pytest

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
        (FIRST.replace("select HIDDEN", "select HIDDEN if !FIRST") + SECOND, {"SECOND": "y"}),
    ],
    ids=["bool", "tristate", "two definitions", "the first does not help"],
)
def test_the_first_selector_whose_own_dependencies_are_met(more: str, lines: dict[str, str]) -> None:
    found = mended(Tree(SELECTORS + more + MODULES), {"WANTED": "m", "MODULES": "y"}, OWN)
    assert (found.lines, found.unmet) == (lines, {})


def test_where_no_selector_can_be_set_the_reason_is_told() -> None:
    found = mended(Tree(SELECTORS + MODULES), {"WANTED": "m", "MODULES": "y"}, OWN)
    assert (found.lines, found.unmet) == ({}, {"WANTED": "depends on HIDDEN: HIDDEN=n"})


