"""Every kind of cause on one small tree, whose values come from a model of conf."""

from __future__ import annotations

import pytest

from pipeline import kconfig
from tests.tinyconf import Tree, changed, text

# A kind of cause in each paragraph. What a .config asks for is OLD below.
KCONFIG = """\
config MODULES
	bool "Modules"
	modules
config ON
	bool "On in both"
config NEVER
	bool "Off in both"
config FELL
	bool "A bool that was a tristate"
config FELL_TO_Y
	bool "Another"
	default n if NEVER
	default y
config LATE
	bool "One that conf now turns on"
	default y

config CHILD
	tristate "Needs two"
	depends on NEVER
	depends on ON && FELL
config ONLY_NEVER
	tristate "Needs one"
	depends on NEVER || FAR
config AGAINST
	tristate "Needs it off"
	depends on !LATE
config HELD
	tristate "Held at m"
	depends on MID
config MID
	tristate "m in both"

config PROMPT_IF
	bool "Hidden" if FELL
menu "A menu"
	visible if NEVER
config IN_MENU
	bool "In a hidden menu"
endmenu

config OLD_NAME
	tristate
	transitional
config HEIR
	bool "Heir"
	depends on NEVER
	default OLD_NAME
config OTHER_HEIR
	tristate "Other heir"
	default OLD_NAME

config BY_DEFAULT
	def_bool FELL && ON
config BY_DEFAULT_IF
	bool
	default y if FELL
config SELECTED
	bool
	depends on NEVER
config SELECTED_IF
	bool
config SELECTOR
	bool "Selector"
	depends on FELL
	select SELECTED
	select SELECTED_IF if ON && FELL
config ORPHAN
	tristate

choice
	prompt "Which"
config ONE
	bool "One"
config TWO
	bool "Two"
	depends on FELL
endchoice

config RAISED
	tristate "Raised"
config RAISER
	bool "Raiser"
	select RAISED if ON
	select NOT_BY_HIM if NEVER
config NOT_BY_HIM
	tristate "Not raised by him"

config USES_NEW_ON
	bool "A"
	depends on NEW_ON = n
config NEW_ON
	bool "New and on"
	default n if NEVER
	default y if ON
config USES_NEW_OFF
	bool "B"
	depends on NEW_OFF
config NEW_OFF
	bool "New and off"
	default y if NEVER
config USES_ASKED_OFF
	bool "C"
	depends on ASKED_OFF
config ASKED_OFF
	bool "Asked off"

config NUMBER
	int "Number" if FELL
	default 5
config DERIVED_NUMBER
	int
	default 3 if NEVER
	default 4 if ON
config WORD
	int "No word"
config LIMITED
	int "Limited"
config NUMBER_OF_NONE
	int "Needs"
	depends on FELL
"""
OLD = {
    "MODULES": "y", "ON": "y", "NEVER": "n", "FELL": "m", "FELL_TO_Y": "m", "MID": "m", "CHILD": "m", "ONLY_NEVER": "m",
    "AGAINST": "m", "HELD": "y", "PROMPT_IF": "y", "IN_MENU": "y", "OLD_NAME": "m", "BY_DEFAULT": "y",
    "BY_DEFAULT_IF": "y", "SELECTED": "y", "SELECTED_IF": "y", "SELECTOR": "y", "ORPHAN": "m", "ONE": "n", "TWO": "y",
    "RAISED": "m", "RAISER": "y", "USES_NEW_ON": "y", "USES_NEW_OFF": "y", "USES_ASKED_OFF": "y", "ASKED_OFF": "n",
    "NUMBER": "7", "DERIVED_NUMBER": "3", "WORD": "y", "NUMBER_OF_NONE": "1", "REMOVED": "y",
}  # fmt: skip
# Symbol, kind, the line at which it stands (the first that starts so, from the symbol's own on; "" is its own), words,
# parents.
CAUSES: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    ("REMOVED", "gone", "-", "this tree does not declare it", ()),
    ("FELL", "type", "", "is bool here: m is invalid, and it took the value of a new option, n", ()),
    ("FELL_TO_Y", "type", "", "is bool here: m is invalid, and it took its default, y (Kconfig:{default y})", ()),
    ("CHILD", "dependency", "depends on ON && FELL", "depends on ON && FELL: FELL=n", ("FELL",)),
    ("ONLY_NEVER", "dependency", "depends on", "depends on NEVER || FAR: FAR=n, NEVER=n", ("NEVER",)),
    ("AGAINST", "dependency", "depends on", "depends on !LATE: LATE=y", ("LATE",)),
    ("HELD", "dependency", "depends on", "depends on MID: MID=m", ("MID",)),
    ("MID", "value", "", "is m, as the old .config says", ()),
    ("LATE", "new", "default y", "is not in the old .config, and took its default, y", ()),
    ("PROMPT_IF", "invisible", "bool", "is hidden unless FELL: FELL=n", ("FELL",)),
    ("IN_MENU", "invisible", "^visible if", "is hidden unless NEVER: NEVER=n", ("NEVER",)),
    (
        "OLD_NAME", "transitional", "",
        "is only read from old configs here; its value goes to HEIR=n, OTHER_HEIR=m", ("HEIR",),
    ),
    ("HEIR", "dependency", "depends on", "depends on NEVER: NEVER=n", ("NEVER",)),
    ("BY_DEFAULT", "derived", "def_bool", "is FELL && ON by default: FELL=n", ("FELL",)),
    ("BY_DEFAULT_IF", "derived", "default y", "is y if FELL by default: FELL=n", ("FELL",)),
    ("SELECTED", "derived", "select SELECTED", "was selected by SELECTOR: SELECTOR=n", ("SELECTOR",)),
    (
        "SELECTED_IF", "derived", "select SELECTED_IF", "was selected by SELECTOR if ON && FELL: FELL=n, SELECTOR=n",
        ("FELL", "SELECTOR"),
    ),
    ("SELECTOR", "dependency", "depends on FELL", "depends on FELL: FELL=n", ("FELL",)),
    ("ORPHAN", "derived", "", "has no prompt, and nothing that is on selects it", ()),
    ("TWO", "dependency", "depends on FELL", "depends on FELL: FELL=n", ("FELL",)),
    ("RAISED", "select", "select RAISED", "is selected by RAISER", ("RAISER",)),
    ("RAISER", "value", "", "is y, as the old .config says", ()),
    ("NEW_ON", "new", "default y if ON", "is not in the old .config, and took its default, y", ()),
    ("NEW_OFF", "new", "", "is not in the old .config, and no default is seen to turn it on", ()),
    ("ASKED_OFF", "asked-off", "", "the old .config says n", ()),
    ("NEVER", "asked-off", "", "the old .config says n", ()),
    ("NUMBER", "invisible", "int", "is hidden unless FELL: FELL=n", ("FELL",)),
    ("DERIVED_NUMBER", "derived", "default 4", "has no prompt, and is 4 by default", ()),
    ("WORD", "type", "", "is int here: y is invalid, and it is 0 now", ()),
    ("NUMBER_OF_NONE", "dependency", "depends on FELL", "depends on FELL: FELL=n", ("FELL",)),
]  # fmt: skip


def place(symbol: str, start: str) -> str:
    """The file:line of the first line that starts so, from the symbol's own on, or before it (^)."""
    lines = [line.strip() for line in KCONFIG.splitlines()]
    own = next(at for at, line in enumerate(lines) if line == f"config {symbol}") if symbol in KCONFIG else 0
    if not start:
        return f"Kconfig:{own + 1}"
    order = range(own, -1, -1) if start[0] == "^" else [*range(own, len(lines)), *range(own)]
    return f"Kconfig:{next(at for at in order if lines[at].startswith(start.lstrip('^'))) + 1}"


SMALL = Tree(KCONFIG).carried(text(OLD))


@pytest.mark.parametrize(("symbol", "kind", "start", "words", "parents"), CAUSES, ids=[row[0] for row in CAUSES])
def test_every_kind_of_cause(symbol: str, kind: str, start: str, words: str, parents: tuple[str, ...]) -> None:
    change = changed(SMALL)[symbol]
    words = words.replace("{default y}", place("FELL_TO_Y", "default y").partition(":")[2])
    assert (change.kind, change.cause, change.parents) == (kind, words, parents)
    assert change.where == ("" if start == "-" else place(symbol, start))
    if change.where and kind != "asked-off":
        at = int(change.where.partition(":")[2])
        assert change.text in "\n".join(KCONFIG.splitlines()[at - 1 : at + 2]).replace("def_bool", "default")
        assert change.text or kind == "value"


def test_every_change_is_told_as_it_was_asked_and_came_out() -> None:
    found, final = changed(SMALL), kconfig.values(SMALL.final)
    differing = kconfig.differing(OLD, final)
    assert {symbol for symbol, _, _ in differing} <= set(found)
    for change in found.values():
        assert change.asked == OLD.get(change.symbol, "y" if change.symbol == "HEIR" else "-")
        assert change.got == final.get(change.symbol, "-")
        assert change.symbol not in change.parents
    assert set(found) == {row[0] for row in CAUSES} | {"USES_NEW_ON", "USES_NEW_OFF", "USES_ASKED_OFF"}


def test_what_is_as_it_was_asked_is_no_change() -> None:
    old = {symbol: OLD[symbol] for symbol in ("MODULES", "ON", "MID", "RAISER", "NEVER")} | {"LIMITED": "2"}
    assert Tree(KCONFIG).carried(text(old)).changes == ()
    assert Tree(KCONFIG).carried("# nothing\nCONFIG_ON=y\n").changes == ()
