"""The chain of causes on excerpts of 7.3's own Kconfig, whose values come from a model of conf; refusals and rings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline import chain, explain, hyperv, intent, kconfigtree, record
from pipeline.kconfig import Option
from pipeline.model import Loudness
from pipeline.values import Change, Resolution
from tests.tinyconf import Tree, changed, text

GOLDEN = Path(__file__).resolve().parent / "golden"
DRIVERS = ("HYPERV_UTILS", "HYPERV_BALLOON", "HYPERV_NET", "PCI_HYPERV", "MICROSOFT_MANA")
GUEST = {
    "MODULES": "y", "HYPERVISOR_GUEST": "y", "SMP": "y", "PCI_MSI": "y", "CONNECTOR": "y", "NLS": "y",
    "NET_VENDOR_MICROSOFT": "y",
}  # fmt: skip
DISTRO = {**GUEST, "HYPERV": "m", "HYPERV_TIMER": "y", **dict.fromkeys(DRIVERS, "m")}
BUILTIN = {**DISTRO, **dict.fromkeys(("HYPERV", *DRIVERS), "y")}
WARNING = ".config:8:warning: symbol value 'm' invalid for HYPERV"
IPV6 = ".config:9:warning: symbol value 'm' invalid for IPV6\n"


def golden() -> dict[str, str]:
    """A root and excerpts of 7.3, by path."""
    found: dict[str, str] = {}
    for folder in ("kconfigtree", "explain"):
        paths = [path for path in (GOLDEN / folder).rglob("*") if path.is_file()]
        found |= {str(path.relative_to(GOLDEN / folder)): path.read_text() for path in paths}
    return found


SPLIT = Tree(golden())
LOST = SPLIT.carried(text(DISTRO))


def top(resolution: Resolution, symbol: str) -> list[str]:
    one = changed(resolution)[symbol]
    return [root.symbol for root in intent.causes(resolution.changes, [one])]


def test_m_on_a_bool_is_the_cause_at_the_top() -> None:
    assert changed(LOST)["HYPERV"] == Change(
        symbol="HYPERV", asked="m", got="n", kind="type",
        cause="is bool here: m is invalid, and it took the value of a new option, n", where="drivers/hv/Kconfig:5",
        text='bool "Microsoft Hyper-V core hypervisor support"', warning=WARNING,
    )  # fmt: skip
    assert {root for name in ("HYPERV_TIMER", *DRIVERS) for root in top(LOST, name)} == {"HYPERV"}


def test_the_chain_goes_over_options_that_the_old_config_never_named() -> None:
    found = changed(LOST)
    assert found["HYPERV_VMBUS"] == Change(
        symbol="HYPERV_VMBUS", asked="m", got="-", kind="dependency", cause="depends on HYPERV: HYPERV=n",
        where="drivers/hv/Kconfig:62", text="depends on HYPERV", parents=("HYPERV",),
    )  # fmt: skip
    assert found["HYPERV_NET"].parents == found["PCI_HYPERV"].parents == ("HYPERV_VMBUS",)
    mana = found["MICROSOFT_MANA"]
    assert (mana.cause, mana.parents) == ("depends on PCI_HYPERV: PCI_HYPERV=n", ("PCI_HYPERV",))
    assert (mana.where, mana.text) == ("drivers/net/ethernet/microsoft/Kconfig:22", "depends on PCI_HYPERV")


def test_the_chain_as_lines() -> None:
    options = {"HYPERV": Option("HYPERV", "m", "distro.config:8")}
    changes = [record._changed(change, options) for change in LOST.changes]
    assert chain.lines(chain.forest(changes, ["MICROSOFT_MANA"])) == [
        "HYPERV: m → n, asked at distro.config:8",
        "    type: is bool here: m is invalid, and it took the value of a new option, n",
        '    drivers/hv/Kconfig:5: bool "Microsoft Hyper-V core hypervisor support"',
        f"    printed: {WARNING}",
        "  HYPERV_VMBUS: m → -",
        "      dependency: depends on HYPERV: HYPERV=n",
        "      drivers/hv/Kconfig:62: depends on HYPERV",
        "    PCI_HYPERV: m → -",
        "        dependency: depends on ((X86 && X86_64) || ARM64) && HYPERV_VMBUS && PCI_MSI && SYSFS: HYPERV_VMBUS=n",
        "        drivers/pci/Kconfig:8: depends on ((X86 && X86_64) || ARM64) && HYPERV_VMBUS && PCI_MSI && SYSFS",
        "      MICROSOFT_MANA: m → -",
        "          dependency: depends on PCI_HYPERV: PCI_HYPERV=n",
        "          drivers/net/ethernet/microsoft/Kconfig:22: depends on PCI_HYPERV",
    ]


def test_what_is_kept_is_no_change() -> None:
    assert SPLIT.carried(text(BUILTIN)).changes == ()
    exact = {**DISTRO, "HYPERV": "y", "HYPERV_VMBUS": "m"}
    assert SPLIT.carried(text(exact)).changes == ()


def test_a_guest_that_is_none_is_told_before_the_type() -> None:
    found = SPLIT.carried(text({**DISTRO, "HYPERVISOR_GUEST": "n"}))
    assert changed(found)["HYPERV"].parents == ("HYPERVISOR_GUEST",)
    assert changed(found)["HYPERVISOR_GUEST"].kind == "asked-off"
    assert top(found, "MICROSOFT_MANA") == ["HYPERVISOR_GUEST"]


def test_the_bus_that_a_policy_does_not_take_is_asked_for_by_hyperv() -> None:
    """Also where no driver is: HYPERV=y of 6.17 asked for VMBus without a line for it."""
    alone = {**GUEST, "HYPERV": "y"}
    found = changed(Tree(golden(), policy="allnoconfig", new="n").carried(text(alone)))
    bus = found["HYPERV_VMBUS"]
    assert (bus.asked, bus.got, bus.kind, bus.where) == ("y", "n", "new", "drivers/hv/Kconfig:63")
    said_n = Tree(golden(), policy="allnoconfig", new="n").carried(text({**alone, "HYPERV_VMBUS": "n"}))
    assert said_n.changes == ()


def test_what_an_old_config_means_for_a_tree() -> None:
    assert explain.meant_by({"HYPERV": "m"}, SPLIT.index) == {"HYPERV_VMBUS": "m"}
    assert explain.meant_by({"HYPERV": "y", "HYPERV_VMBUS": "m"}, SPLIT.index) == {}
    assert explain.meant_by({"HYPERV": "n"}, SPLIT.index) == {}
    heirs = "config NEW\n\tbool\n\tdefault OLD\nconfig NEWER\n\ttristate\n\tdefault OLD if OLD\nconfig OLD\n"
    index = kconfigtree.index({"Kconfig": f"{heirs}\ttristate\n\ttransitional\n"})
    assert explain.meant_by({"OLD": "m"}, index) == {"NEW": "y", "NEWER": "m"}
    assert explain.meant_by({"OLD": "m", "NEW": "n"}, index) == {"NEWER": "m"}
    assert explain.meant_by({"OLD": "n"}, index) == {}
    assert explain.meant_by({"OLD": "m"}, kconfigtree.index({"Kconfig": f"{heirs}\ttristate\n"})) == {}


def test_what_was_printed_stands_with_the_option_that_it_names() -> None:
    question = "Microsoft Hyper-V VMBus driver (HYPERV_VMBUS) [Y/n/m/?] (NEW)\n"
    as_it_was = "SMP support (SMP) [Y/n/?] (NEW)\n"
    said = explain.explained(replace(LOST, stdout=question + as_it_was, stderr=IPV6), SPLIT.index, "oldconfig")
    found = changed(said)
    assert found["HYPERV_VMBUS"].warning == question.strip()
    assert found["HYPERV"].warning == ""
    assert "SMP" not in found  # a word alone is no change
    assert found["HYPERV"].kind == "type"  # m on a bool is known without any word
    assert changed(LOST)["HYPERV_NET"].warning == ""


def test_a_hazard_is_told_whoever_asked_for_it() -> None:
    vtl = {**BUILTIN, hyperv.VTL: "y"}
    found = changed(SPLIT.carried(text(vtl)))
    assert found == {hyperv.VTL: Change(
        symbol=hyperv.VTL, asked="y", got="y", kind="hazard", cause=hyperv.HAZARDS[hyperv.VTL],
        where="drivers/hv/Kconfig:17",
    )}  # fmt: skip
    left = replace(LOST, final="CONFIG_HYPERV_VTL_MODE=y\n")
    assert hyperv.VTL not in changed(explain.explained(left, SPLIT.index, "x"))  # without a core it does nothing
    alive = replace(LOST, final="CONFIG_HYPERV=y\nCONFIG_HYPERV_VTL_MODE=y\n")
    unknown = changed(explain.explained(alive, kconfigtree.index({"Kconfig": ""}), "x"))[hyperv.VTL]
    assert (unknown.kind, unknown.asked, unknown.where) == ("hazard", "-", "")


def test_the_declared_options_are_those_of_hyperv_that_the_tree_has() -> None:
    assert set(LOST.declared) == {
        "HYPERVISOR_GUEST", "HYPERV", "HYPERV_VMBUS", hyperv.VTL, "HYPERV_TIMER", "HYPERV_UTILS", "HYPERV_BALLOON",
        "HYPERV_NET", "PCI_HYPERV", "PCI_HYPERV_INTERFACE",
    }  # fmt: skip
    old = kconfigtree.index({"Kconfig": "config HYPERV\n\ttristate\n\ttransitional\n"})
    assert explain.explained(LOST, old, "x").declared == ()


def test_a_policy_that_a_tree_does_not_have_says_nothing() -> None:
    absent = replace(LOST, final="", changes=(), declared=(), absent="w-c: this tree's Makefile has no such thing")
    assert explain.explained(absent, SPLIT.index, "w-c") is absent


def test_a_refusal_that_leaves_the_old_config_tells_what_was_refused() -> None:
    found = Tree(golden(), policy="werror", strict=True).carried(text(DISTRO))
    (change,) = found.changes
    assert (change.symbol, change.asked, change.got, change.kind) == ("HYPERV", "m", "m", "refused")
    assert change.cause == "is bool here: m is invalid, and werror refuses"
    assert (change.where, change.warning) == ("drivers/hv/Kconfig:5", WARNING)
    assert intent.loudness(intent.HYPERV, found) is Loudness.REFUSED


def test_a_refusal_without_a_config_tells_nothing_of_the_rest() -> None:
    out = (
        "Value of CONFIG_HYPERV_NET is redefined by fragment layer-1.config:\n"
        "Value of CONFIG_GONE is redefined by fragment layer-1.config:\n"
        "WARNING: CONFIG_NEVER_ASKED_FOR not in merged config but added in final .config:\n"
    )
    refused = replace(LOST, old=f"{LOST.old}CONFIG_GONE=y\n", final="", stdout=out, stderr="", exit_status=1)
    found = changed(explain.explained(refused, SPLIT.index, "merge-s"))
    assert {name: (one.kind, one.got, one.cause) for name, one in found.items()} == {
        "HYPERV_NET": ("refused", "-", "is named, and merge-s refuses"),
        "GONE": ("refused", "-", "is not declared in this tree, and merge-s refuses"),
    }
    assert found["HYPERV_NET"].where == "drivers/net/hyperv/Kconfig:2"


def test_a_refusal_with_a_config_is_explained_as_any_other() -> None:
    more = f"{LOST.stderr}WARNING: CONFIG_SMP differs:\n"
    found = changed(explain.explained(replace(LOST, stderr=more, exit_status=1), SPLIT.index, "merge-s"))
    assert found["HYPERV"].kind == "type"
    assert found["SMP"].kind == "refused"
    assert set(found) == {*changed(LOST), "SMP"}


def test_rings_end() -> None:
    ring = kconfigtree.index({"Kconfig": "".join(
        f'config R{number}\n\ttristate "R"\n\tdepends on R{(number + 1) % 3}\n' for number in range(3)
    )})  # fmt: skip
    old = text({"R0": "m", "R1": "m", "R2": "m"})
    found = explain.explained(replace(LOST, old=old, final="", stderr="", stdout=""), ring, "x").changes
    assert [change.parents for change in found] == [("R1",), ("R2",), ("R0",)]
    assert [change.symbol for change in intent.causes(found, found[:1])] == ["R0"]
    itself = kconfigtree.index({"Kconfig": 'config R0\n\ttristate "R"\n\tdepends on R0\n'})
    assert explain.explained(replace(LOST, old=old, final="", stderr=""), itself, "x").changes[0].parents == ()


NAMES = st.sampled_from(["A", "B", "C", "D"])
LINES = st.one_of(
    NAMES.map("config {}".format),
    st.builds(
        "\t{} {} {}".format, st.sampled_from(["depends on", "select", "default", 'prompt "x" if', "imply"]), NAMES,
        st.sampled_from(["", "|| B", "&& !C", "if D", "= m"]),
    ),
    st.sampled_from(['\ttristate "T"', "\tbool", '\tint "I"', "\ttransitional", "choice", "endchoice", "if A"]),
)  # fmt: skip
VALUES = st.dictionaries(NAMES, st.sampled_from(["y", "m", "n", "5", '"s"']))


@given(st.lists(LINES, max_size=30).map("\n".join), VALUES, VALUES, st.text(max_size=40), st.sampled_from([0, 1]))
def test_no_tree_and_no_config_raises(
    tree: str, old: dict[str, str], final: dict[str, str], out: str, status: int,
) -> None:  # fmt: skip
    """Values that no conf gives, rings, and options without a type: each change has a cause and ends somewhere."""
    index = kconfigtree.index({"Kconfig": tree})
    resolution = replace(LOST, old=text(old), final=text(final), stdout=out, stderr=out, exit_status=status)
    found = explain.explained(resolution, index, "any").changes
    assert all(change.kind and change.cause for change in found)
    assert intent.causes(found, found) or not found
    shown = chain.forest([record._changed(change, {}) for change in found], ["*"])
    assert sum(line.count("→") for line in chain.lines(shown)) >= len(found)
