"""What a reason does not claim: that something is off which is on, or gone where it could not be looked for."""

from __future__ import annotations

from dataclasses import replace

from pipeline import kconfigtree, reasons
from pipeline.carried import Carried
from tests.tinyconf import Tree


def test_a_bool_that_something_turned_on_is_not_told_as_off() -> None:
    index = Tree('config A\n\tbool "A"\nconfig B\n\tbool "B"\n\timply A\n').index
    case = Carried(index, {"B": "y", "A": "m"}, {"B": "y", "A": "y"}, "olddefconfig", frozenset({"A"}))
    assert reasons._instead(case, index.symbols["A"]) == "it is y now"
    off = replace(case, final={"B": "y", "A": "n"})
    assert reasons._instead(off, index.symbols["A"]) == "it took the value of a new option, n"


def test_an_option_is_not_gone_while_a_kconfig_file_could_not_be_read() -> None:
    texts = ('config B\n\tbool "B"\n', 'config B\n\tbool "B"\nsource "vendor/Kconfig"\n')
    read, unread = (kconfigtree.index({"Kconfig": one}) for one in texts)
    said = [reasons.reason(Carried(one, {"A": "y"}, {}, "olddefconfig", frozenset()), "A") for one in (read, unread)]
    assert [one.kind for one in said] == [reasons.GONE, reasons.UNKNOWN]
    assert "no file vendor/Kconfig" in said[1].text
