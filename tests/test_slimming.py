"""The small .config that is built for a full one: the same Hyper-V, carried by a small model of conf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import kconfig, slimming
from tests import tinyconf
from tests.slimtree import BASE, FULL, KCONFIG, WANTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.values import Resolution, Slim


def resolved(options: dict[str, str]) -> dict[str, str]:
    return kconfig.values(tinyconf.Tree(KCONFIG).carried(tinyconf.text(options)).final)


def derived(full: dict[str, str], base: dict[str, str], wanted: Sequence[str] = WANTED) -> tuple[Slim, list[str]]:
    """What is derived, and each .config that was asked about on the way."""
    asked: list[str] = []

    def carry(text: str) -> Resolution:
        asked.append(text)
        return tinyconf.Tree(KCONFIG).carried(text)

    return slimming.derive(resolved(full), base, wanted, "slim.config", carry), asked


def test_the_wanted_options_come_out_as_in_the_full_one() -> None:
    slim, _ = derived(FULL, BASE)
    final = kconfig.values(slim.text)
    assert {symbol: final.get(symbol) for symbol in WANTED} == {symbol: FULL[symbol] for symbol in WANTED}
    assert (slim.kept, slim.base) == (WANTED, "slim.config")


def test_what_they_hang_on_is_taken_along_and_nothing_else() -> None:
    slim, asked = derived(FULL, BASE)
    final = kconfig.values(slim.text)
    assert (final["NET"], final["INET"], final["NETDEVICES"]) == ("y", "y", "y")
    assert final["SOUND"] == "n"
    assert slim.dropped == ("SOUND=m",)
    assert 1 < len(asked) <= slimming.ROUNDS


def test_what_is_there_already_is_asked_once() -> None:
    slim, asked = derived(FULL, {**FULL, "SOUND": "n"})
    assert len(asked) == 1
    assert slim.dropped == ("SOUND=m",)


def test_an_option_that_cannot_be_had_is_the_first_of_what_is_dropped() -> None:
    slim, asked = derived({**FULL, "HYPERV_FB": "y"}, BASE, (*WANTED, "HYPERV_FB"))
    assert slim.dropped[0] == "HYPERV_FB: y in full, n here"
    assert "SOUND=m" in slim.dropped
    assert "HYPERV_FB" not in slim.kept
    assert "HYPERV_FB=y" not in slim.dropped
    assert len(asked) <= slimming.ROUNDS


def test_an_option_that_is_hidden_in_full_is_not_on_here() -> None:
    full = {**FULL, "HYPERV_TESTING": "y", "LEAN": "y"}
    assert "HYPERV_TESTING" not in resolved(full)
    slim, _ = derived(full, {**BASE, "LEAN": "n"}, (*WANTED, "HYPERV_TESTING"))
    assert kconfig.values(slim.text)["HYPERV_TESTING"] == "n"


def test_what_is_off_in_full_is_off_here() -> None:
    full = {**FULL, "HYPERV": "n"}
    slim, _ = derived(full, {**BASE, "HYPERV": "y"})
    assert kconfig.values(slim.text)["HYPERV"] == "n"
    assert "HYPERV_VMBUS" not in kconfig.values(slim.text)


def test_rounds_are_bounded() -> None:
    chain = "".join(f'config A{n}\n\tbool "a"\n\tdepends on A{n + 1}\n' for n in range(20))
    tree = tinyconf.Tree(f'{chain}config A20\n\tbool "a"\n')
    full = {f"A{n}": "y" for n in range(21)}
    count = 0

    def carry(text: str) -> Resolution:
        nonlocal count
        count += 1
        return tree.carried(text)

    slim = slimming.derive(full, {"A20": "n"}, ["A0"], "slim.config", carry)
    assert count <= slimming.ROUNDS
    assert ("A0" in slim.kept) != any(line.startswith("A0: y in full") for line in slim.dropped)
