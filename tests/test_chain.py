from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline import chain


def change(symbol: str, *parents: str, kind: str = "dependency", **more: str) -> dict[str, Any]:
    return {
        "symbol": symbol, "asked": "m", "got": "n", "kind": kind, "cause": "because", "where": "K:1", "text": "line",
        "parents": list(parents), "warning": "", "asked_at": "", **more,
    }  # fmt: skip


def shape(nodes: tuple[chain.Node, ...]) -> list[Any]:
    return [[node.change["symbol"], *shape(node.below)] for node in nodes]


def symbols(nodes: tuple[chain.Node, ...]) -> list[str]:
    return [name for node in nodes for name in (node.change["symbol"], *symbols(node.below))]


CHANGES = [
    change("HYPERV_NET", "HYPERV_VMBUS"), change("MANA", "PCI_HYPERV", "HYPERV_NET"), change("HYPERV_VMBUS", "HYPERV"),
    change("PCI_HYPERV", "HYPERV_VMBUS"), change("HYPERV", kind="type"), change("EXT4_FS", "BLOCK"), change("BLOCK"),
]  # fmt: skip


def test_what_is_asked_about_stands_under_its_causes() -> None:
    assert shape(chain.forest(CHANGES, ["HYPERV_NET"])) == [["HYPERV", ["HYPERV_VMBUS", ["HYPERV_NET"]]]]
    assert shape(chain.forest(CHANGES, ["BLOCK"])) == [["BLOCK"]]
    assert shape(chain.forest(CHANGES, ["EXT4_FS"])) == [["BLOCK", ["EXT4_FS"]]]
    assert chain.forest(CHANGES, ["NOTHING"]) == ()
    assert chain.forest([], ["*"]) == ()


def test_a_glob_and_an_option_with_two_causes_stands_under_the_first() -> None:
    assert shape(chain.forest(CHANGES, ["MANA", "EXT4*"])) == [
        ["HYPERV", ["HYPERV_VMBUS", ["HYPERV_NET"], ["PCI_HYPERV", ["MANA"]]]], ["BLOCK", ["EXT4_FS"]],
    ]  # fmt: skip
    assert shape(chain.forest(CHANGES, ["*"])) == shape(chain.forest(CHANGES, ["MANA", "EXT4_FS"]))


def test_a_cause_that_is_no_change_is_left_out() -> None:
    assert shape(chain.forest([change("A", "GONE")], ["A"])) == [["A"]]


def test_hazards_and_refusals_are_shown_whatever_is_asked() -> None:
    more = [*CHANGES, change("VTL", kind="hazard"), change("VSOCKETS", kind="refused")]
    assert shape(chain.forest(more, ["NOTHING"])) == [["VTL"], ["VSOCKETS"]]


def test_rings_are_shown() -> None:
    ring = [change("A", "B"), change("B", "C"), change("C", "A"), change("D", "A")]
    assert shape(chain.forest(ring, ["D"])) == [["A", ["C", ["B"]], ["D"]]]
    assert shape(chain.forest([change("A", "A")], ["A"])) == [["A"]]


def test_the_lines_say_all_that_is_known() -> None:
    told = change("HYPERV", kind="type", asked_at="base.config:9", warning=".config:9:warning: x")
    below = [change("HYPERV_NET", "HYPERV", "NET", where="", text=""), change("NET", text=""), told]
    assert chain.lines(chain.forest(below, ["HYPERV*"])) == [
        "NET: m → n", "    dependency: because", "    K:1",
        "HYPERV: m → n, asked at base.config:9", "    type: because", "    K:1: line",
        "    printed: .config:9:warning: x", "  HYPERV_NET: m → n", "      dependency: because",
        "      above it: HYPERV, NET",
    ]  # fmt: skip


def test_nothing_in_a_tree_or_a_config_reaches_the_terminal_as_it_is() -> None:
    bad = change("A", got="\x1b[2J", cause="\x1b]0;owned\x07x", text="\x9b31m", warning="a\rb")
    assert all(line.isprintable() for line in chain.lines(chain.forest([bad], ["A"])))


NAMES = [f"S{number}" for number in range(8)]
ANY = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from([*NAMES, "OTHER"]), max_size=3))


@given(ANY, st.sets(st.sampled_from(NAMES)))
def test_each_change_that_is_asked_about_is_there_once(parents: dict[str, list[str]], wanted: set[str]) -> None:
    found = symbols(chain.forest([change(name, *above) for name, above in parents.items()], wanted))
    assert len(found) == len(set(found))
    assert wanted & parents.keys() <= set(found) <= parents.keys()


def test_a_chain_deeper_than_is_shown_goes_on_beside_it() -> None:
    long = [change("S0"), *(change(f"S{number}", f"S{number - 1}") for number in range(1, 3000))]
    found = chain.forest(long, ["*"])
    assert sorted(symbols(found)) == sorted(one["symbol"] for one in long)
    assert len(chain.lines(found)) == 3 * len(long)
