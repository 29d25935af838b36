from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import goals, hyperv, intent, kconfig, kconfigtree
from pipeline.goals import Texts
from pipeline.model import Intent, Ladder
from tests import treelines

if TYPE_CHECKING:
    from collections.abc import Mapping

GOLDEN = Path(__file__).resolve().parent / "golden" / "goals"
TOP = "obj-y += drivers/\n"
MANY = {f"FILL{number}": "m" for number in range(goals.FEW + 1)}


def read(tree: str) -> tuple[dict[str, str], Texts]:
    """The options of Debian's amd64 kernel, and the lines of its tree that matter for Hyper-V (and some others)."""
    index = kconfigtree.index({"Kconfig": (GOLDEN / f"{tree}.Kconfig").read_text()})
    options = kconfig.values((GOLDEN / f"{tree}.config").read_text())
    return options, Texts(treelines.read(GOLDEN / f"{tree}.lines"), index)


def made(text: str = TOP, others: Mapping[str, str] | None = None, **options: str) -> dict[str, frozenset[str]]:
    """The modules of a tree whose drivers/Makefile and others (a folder to its Makefile) are given."""
    files = {f"{folder}/Makefile": inner for folder, inner in (others or {}).items()}
    return goals.modules(options, {"Kbuild": TOP, "drivers/Makefile": text, **files})


def needed(text: str, *asked: str, **options: str) -> set[str]:
    return set(goals.needed(options, asked, kconfigtree.index({"Kconfig": text})))


def of(options: Mapping[str, str], text: str, kconfig_text: str, *asked: str) -> tuple[str, ...]:
    index = kconfigtree.index({"Kconfig": kconfig_text})
    return goals.of({**MANY, **options}, asked, Texts({"Kbuild": TOP, "drivers/Makefile": text}, index))


@pytest.mark.parametrize(("tree", "count"), [("6.1", 22), ("7.3", 19)])
def test_the_goals_of_debians_kernels(tree: str, count: int) -> None:
    options, texts = read(tree)
    found = goals.of(options, goals.symbols(intent.HYPERV), texts)
    assert found == tuple((GOLDEN / f"{tree}.goals").read_text().splitlines())
    assert len(found) == 1 + count
    assert len(goals.modules(options, texts.makefiles)) > count + 10


@pytest.mark.parametrize("tree", ["6.1", "7.3"])
def test_the_goals_are_what_the_artifact_check_looks_for(tree: str) -> None:
    options, texts = read(tree)
    found = {path.rpartition("/")[2] for path in goals.of(options, goals.symbols(intent.HYPERV), texts)}
    wanted = hyperv.expected_modules(options)
    assert {name for name in wanted if f"{name}.ko" in found} == {name for name, there in wanted.items() if there}


def test_a_module_that_nobody_asks_for_is_no_goal() -> None:
    options, texts = read("7.3")
    (found,) = goals.of(options, ["NO_SUCH_OPTION"], texts)
    assert found == goals.IMAGE
    alone = goals.of({**options, "HYPERV_BALLOON": "n"}, goals.symbols(intent.HYPERV), texts)
    assert "drivers/hv/hv_balloon.ko" not in alone
    assert "drivers/hv/hv_utils.ko" in alone


@pytest.mark.parametrize(("count", "more", "whole"), [
    (goals.FEW, {}, True), (goals.FEW + 1, {}, False), (goals.FEW + 1, {"TRIM_UNUSED_KSYMS": "y"}, True), (0, {}, True),
    (goals.FEW + 1, {"TRIM_UNUSED_KSYMS": "n"}, False),
])  # fmt: skip
def test_few_modules_are_all_made(count: int, more: dict[str, str], whole: bool) -> None:
    options = {**{f"A{number}": "m" for number in range(count)}, "B": "y", "C": "n", **more}
    assert goals.everything(options) == whole
    assert (goals.of(options, [], Texts({}, kconfigtree.index({}))) == goals.ALL) == whole


def test_all_is_what_make_does_without_goals_and_differs_from_no_module() -> None:
    assert goals.ALL == ()
    assert of({}, "", "") == (goals.IMAGE,)


def test_the_options_of_another_intent_come_with_hyperv() -> None:
    own = Intent(name="disk", symbols=(("SCSI", Ladder.BOOTED), ("HYPERV", Ladder.CORE)))
    found = goals.symbols(own)
    assert found[:2] == ("SCSI", "HYPERV")
    assert set(hyperv.SYMBOLS) | {"SCSI"} == set(found)
    assert len(set(found)) == len(found)


def test_goals_are_sorted_and_have_their_dependencies() -> None:
    text = "obj-$(CONFIG_A) += z.o\nobj-$(CONFIG_B) += b.o\nobj-$(CONFIG_C) += c.o\nobj-$(CONFIG_FILL1) += f.o\n"
    kinds = "config A\n\ttristate\n\tselect B\nconfig B\n\ttristate\nconfig C\n\ttristate\n"
    found = of({"A": "m", "B": "m", "C": "m"}, text, kinds, "A")
    assert found == (goals.IMAGE, "drivers/b.ko", "drivers/z.ko")


NEEDED = [
    ("config A\n\ttristate\n\tdepends on B && (C || !D)\n", {"B", "C", "D"}),
    ("config A\n\ttristate\n\tdepends on m || B != m\n", {"B"}),
    ("config A\n\ttristate\n\tselect B\n\tselect C if D\n", {"B", "C"}),
    ('if B\nmenu "x"\n\tdepends on C\nconfig A\n\ttristate\nendmenu\nendif\n', {"B", "C"}),
    ("config A\n\ttristate\n\tselect B\nconfig B\n\ttristate\n\tdepends on C\n", {"B", "C"}),
    ("config A\n\ttristate\nconfig A\n\ttristate\n\tdepends on D\n", {"D"}),
    ("config A\n\ttristate\n\timply B\n\tdefault C\n", set()),
    ("config A\n\ttristate\nconfig B\n\ttristate\n\tselect A\n", set()),
    ("config A\n\ttristate\n\tdepends on PART\nconfig PART\n\tbool\n\tdepends on B\n\tselect C\n", {"B", "C"}),
    ("config A\n\ttristate\n\tdepends on BUILTIN\nconfig BUILTIN\n\ttristate\n\tdepends on B\n", set()),
    ("config A\n\ttristate\n\tdepends on OFF || OFF=n\nconfig OFF\n\tbool\n\tselect B\n", set()),
    ("config A\n\ttristate\n\tdepends on A\n\tselect B\nconfig B\n\ttristate\n\tselect A\n", {"B"}),
]


@pytest.mark.parametrize(("text", "more"), NEEDED, ids=[str(number) for number in range(len(NEEDED))])
def test_what_an_option_needs(text: str, more: set[str]) -> None:
    options = {**dict.fromkeys("ABCD", "m"), "PART": "y", "BUILTIN": "y", "OFF": "n"}
    assert needed(text, "A", **options) == {"A", *more}


@pytest.mark.parametrize("value", ["y", "n", ""])
def test_only_an_option_that_is_m_needs_modules(value: str) -> None:
    options = {"B": "m", **({"A": value} if value else {})}
    assert needed("config A\n\ttristate\n\tselect B\nconfig B\n\ttristate\n", "A", **options) == set()


def test_an_option_that_the_tree_does_not_declare_needs_nothing_more() -> None:
    assert needed("", "A", "B", A="m") == {"A"}


MADE = [
    ("obj-$(CONFIG_A) += a.o b.o", {"drivers/a.ko": "A", "drivers/b.ko": "A"}),
    ("obj-m += a.o", {"drivers/a.ko": ""}),
    ("obj-y += a.o", {}),
    ("obj-$(CONFIG_Y) += a.o", {}),
    ("obj-$(CONFIG_N) += a.o", {}),
    ("obj-$(CONFIG_NONE) += a.o", {}),
    ("obj-$(CONFIG_A) += a.o\nobj-y += a.o", {}),
    ("lib-$(CONFIG_A) += a.o\nsubdir-m += sub/\nalways-m += b.o\na-m += c.o", {}),
    ("obj-$(CONFIG_A) += a.o\na-objs := b.o\na-$(CONFIG_B) += c.o", {"drivers/a.ko": "A"}),
    ("ifeq ($(CONFIG_Y),y)\nobj-$(CONFIG_A) += a.o\nelse\nobj-$(CONFIG_A) += b.o\nendif", {"drivers/a.ko": "A"}),
    ("ifdef CONFIG_B\nobj-m += a.o\nendif", {"drivers/a.ko": "B"}),
    ("x-$(CONFIG_A) += a.o\nobj-m := $(x-m)", {"drivers/a.ko": "A"}),
    ("obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_B) += a.o", {"drivers/a.ko": "A B"}),
    ("obj-$(if $(CONFIG_Y),m) += a.o", {"drivers/a.ko": ""}),
    ("obj-$(CONFIG_A) += $(shell ls) a.o $(NONE)b.o", {"drivers/a.ko": "A"}),
    ("obj-$(CONFIG_A) += ../lib/a.o ../../b.o ../ /c.o -fd.o E=f.o $(X).o", {"lib/a.ko": "A"}),
]


@pytest.mark.parametrize(("text", "found"), MADE, ids=[case[0].replace("\n", " ") for case in MADE])
def test_the_modules_of_a_folder(text: str, found: dict[str, str]) -> None:
    expected = {path: frozenset(by.split()) for path, by in found.items()}
    assert made(text, A="m", B="m", Y="y", N="n") == expected


@pytest.mark.parametrize(("line", "inner", "by"), [
    ("obj-$(CONFIG_A) += sub/", "obj-m := x.o", "A"),
    ("obj-$(CONFIG_A) += sub/", "obj-$(CONFIG_B) += x.o", "B"),
    ("obj-y += sub/", "obj-$(CONFIG_B) += x.o", "B"),
    ("obj-$(subst m,y,$(CONFIG_A)) += sub/", "obj-m += x.o", "A"),
    ("obj-$(CONFIG_A) += sub/\nobj-$(CONFIG_B) += sub/", "obj-m += x.o", "A B"),
    ("obj-$(CONFIG_A) += sub/ sub/../sub/", "obj-y += ../sub/\nobj-m += x.o", "A"),
])  # fmt: skip
def test_modules_below_a_folder(line: str, inner: str, by: str) -> None:
    found = made(line, {"drivers/sub": inner}, A="m", B="m")
    assert found == {"drivers/sub/x.ko": frozenset(by.split())}


@pytest.mark.parametrize("line", ["obj-$(CONFIG_N) += sub/", "subdir-y += sub/", "obj-y += other/", ""])
def test_a_folder_that_kbuild_does_not_go_to_has_none(line: str) -> None:
    assert made(line, {"drivers/sub": "obj-m += x.o"}, N="n") == {}


def test_a_kbuild_file_stands_for_a_makefile_and_others_are_included() -> None:
    files = {
        "Kbuild": "obj-y += a/ b/\n", "a/Kbuild": "obj-m += k.o\n", "a/Makefile": "obj-m += never.o\n",
        "b/Makefile": "include $(src)/Makefile.more\n", "b/Makefile.more": "obj-$(CONFIG_A) += b.o\n",
        "c/Makefile": "obj-m += never.o\n",
    }  # fmt: skip
    assert set(goals.modules({"A": "m"}, files)) == {"a/k.ko", "b/b.ko"}


def test_what_the_top_and_the_arch_makefile_give_to_the_tree() -> None:
    files = {
        "Kbuild": "obj-y += arch/$(SRCARCH)/\nobj-y += $(ARCH_LIB)\nobj-y += $(ARCH_DRIVERS)\n",
        "Makefile": "ifdef mixed-build\nelse\nlibs-y := lib/\nendif\nobj-m += never.o\n",
        "arch/x86/Makefile": "drivers-$(CONFIG_A) += arch/x86/video/\ndrivers-$(CONFIG_N) += arch/x86/none/\n",
        "arch/x86/Kbuild": "obj-$(CONFIG_A) += kvm/\n", "arch/x86/kvm/Makefile": "obj-$(CONFIG_A) += kvm.o\n",
        "arch/x86/video/Makefile": "obj-m += fb.o\n", "arch/x86/none/Makefile": "obj-m += never.o\n",
        "arch/arm/Kbuild": "obj-m += never.o\n", "lib/Makefile": "obj-$(CONFIG_A) += crc.o\n",
    }  # fmt: skip
    assert set(goals.modules({"A": "m"}, files)) == {"arch/x86/kvm/kvm.ko", "arch/x86/video/fb.ko", "lib/crc.ko"}


def test_a_file_whose_conditionals_do_not_pair_is_left_to_make() -> None:
    assert made("obj-m += a.o\nobj-y += sub/", {"drivers/sub": "endif\nobj-m += b.o"}) == {"drivers/a.ko": frozenset()}


@given(st.text("obj-m y$()+=:/.\n\tifdefCONFIG_A#\\", max_size=200))
def test_any_makefile_gives_modules_or_none(text: str) -> None:
    for path, by in made(text, {"drivers/sub": text}, A="m").items():
        assert path.endswith(".ko")
        assert by <= {"A"}


@pytest.mark.parametrize(("opened", "closed"), ["()", "{}"])
def test_a_makefile_as_deep_as_one_likes_is_read(opened: str, closed: str) -> None:
    assert made(f"obj-m := {f'${opened}' * 900}x{closed * 900}\n") == made("")
