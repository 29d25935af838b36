from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import audit, auditview
from pipeline.makevalues import UNKNOWN
from tests import treelines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.audit import Finding

GOLDEN = Path(__file__).resolve().parent / "golden" / "audit"
KINDS = {
    "A": "tristate", "B": "tristate", "C": "tristate", "BOOL": "bool", "FLAG": "bool", "NUMBER": "int",
    "TEXT": "string",
}  # fmt: skip
# Tree to the places of the plain idiom: all, not Hyper-V's, and those over options that are bools by then.
PLAIN = {"6.1": (15, 11, 0), "6.12": (15, 11, 0), "7.2": (16, 13, 7), "7.3": (16, 13, 7)}


def found(text: str, path: str = "x/Makefile", others: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    return audit.audit({path: text, **(others or {})}, lambda symbol: KINDS.get(symbol, ""))


def golden(tree: str) -> tuple[Finding, ...]:
    kinds = dict(line.split() for line in (GOLDEN / f"{tree}.kinds").read_text().splitlines())
    return audit.audit(treelines.read(GOLDEN / f"{tree}.lines"), lambda symbol: kinds.get(symbol, ""))


def line(one: Finding) -> str:
    words = (" ".join(one.symbols), " ".join(one.follows), "no-op" if one.noop else "", " ".join(one.builds))
    return "|".join([one.origin, one.idiom, *words])


@pytest.mark.parametrize("tree", ["6.1", "7.3"])
def test_every_place_of_a_real_tree(tree: str) -> None:
    assert [line(one) for one in golden(tree)] == (GOLDEN / f"{tree}.found").read_text().splitlines()


@pytest.mark.parametrize("tree", PLAIN)
def test_the_plain_idiom_of_the_real_trees(tree: str) -> None:
    plain = [one for one in golden(tree) if one.idiom == "subst"]
    others = sum(not auditview.hyperv(one) for one in plain)
    assert (len(plain), others, sum(one.noop for one in plain)) == PLAIN[tree]


IDIOM_CASES = [
    ("obj-$(subst m,y,$(CONFIG_A)) += a.o b/", "subst", ("x/a.o", "x/b/")),
    ("obj-${subst m,y,${CONFIG_A}} += a.o", "subst", ("x/a.o",)),
    ("obj-$(patsubst m,y,$(CONFIG_A)) += a.o", "subst", ("x/a.o",)),
    ("obj-$(patsubst %m,%y,$(CONFIG_A)) += a.o", "other", ("x/a.o",)),
    ("ifeq ($(subst m,y,$(CONFIG_A)),y)\nobj-y += a.o\nendif", "subst", ("x/a.o",)),
    ("obj-$(CONFIG_A:m=y) += a.o", "suffix", ("x/a.o",)),
    ("obj-$(if $(CONFIG_A),y) += a.o", "if", ("x/a.o",)),
    ("obj-$(if $(filter y m,$(CONFIG_A)),y) += a.o", "filter", ("x/a.o",)),
    ("obj-$(if $(findstring m,$(CONFIG_A)),y,$(CONFIG_A)) += a.o", "filter", ("x/a.o",)),
    ("ifneq ($(filter y m,$(CONFIG_A)),)\nobj-y += a.o\nendif", "filter", ("x/a.o",)),
    ("ifneq (,$(filter m y,$(CONFIG_A) $(CONFIG_BOOL)))\nobj-y += a.o\nendif", "filter", ("x/a.o",)),
    ("ifneq ($(CONFIG_A),)\nobj-y += a.o\nendif", "ifneq", ("x/a.o",)),
    ('ifneq "$(CONFIG_A)" ""\nobj-y += a.o\nendif', "ifneq", ("x/a.o",)),
    ("ifeq ($(CONFIG_A),)\nelse\nobj-y += a.o\nendif", "ifneq", ("x/a.o",)),
    ("ifneq ($(CONFIG_A)$(CONFIG_B),)\n\tobj-y += a.o\nendif", "ifneq", ("x/a.o",)),
    ("ifneq ($(or $(CONFIG_A),$(CONFIG_BOOL)),)\nobj-y += a.o\nendif", "ifneq", ("x/a.o",)),
    ("ifdef CONFIG_A\nlib-y += a.o\nendif", "ifdef", ("x/a.o",)),
    ("ifndef CONFIG_A\nelse\nobj-y += a.o\nendif", "ifdef", ("x/a.o",)),
    ("ifndef CONFIG_A\nobj-y += none.o\nelse ifdef CONFIG_BOOL\nobj-y += a.o\nendif", "ifdef", ("x/a.o",)),
    ("ifeq ($(CONFIG_A),m)\nobj-y += a.o\nendif", "ifeq-m", ("x/a.o",)),
    ("ifeq ($(CONFIG_A),m)\nobj-$(CONFIG_BOOL) += a.o\nendif", "ifeq-m", ("x/a.o",)),
    ("ifeq ($(CONFIG_BOOL),y)\nifdef CONFIG_A\nobj-y += a.o\nendif\nendif", "ifdef", ("x/a.o",)),
    ("lib-$(CONFIG_A) += a.o", "lib", ("x/a.o",)),
    ("v-$(CONFIG_A) := a.o\nobj-y += $(v-y) $(v-m)", "indirect", ("x/a.o",)),
    ("ifdef CONFIG_A\nFILES = a.o\nendif\nobj-y += $(FILES)", "indirect", ("x/a.o",)),
    ("v-$(CONFIG_A) := y\nobj-$(v-y)$(v-m) += a.o", "indirect", ("x/a.o",)),
    ("w := b c\nobj-$(subst m,y,$(CONFIG_A)) += $(addsuffix .o,$(w))", "subst", ("x/b.o", "x/c.o")),
    ("obj-$(subst m,y,$(CONFIG_A)) += $(foreach w,b c,$(w).o)", "subst", ("x/b.o", "x/c.o")),
    ("obj-$(subst m,y,$(CONFIG_A)) += $(wildcard *.c)", "subst", (f"x/{UNKNOWN}",)),
    ("obj-$(subst m,y,$(CONFIG_A)) += a.o # b.o\n", "subst", ("x/a.o",)),
    ("obj-$(subst m,y,$(CONFIG_A)) += \\\n\ta.o \\\n\tb.o\n", "subst", ("x/a.o", "x/b.o")),
    ("ifdef CONFIG_A # why\nobj-y += a.o\nendif # CONFIG_A", "ifdef", ("x/a.o",)),
    ("obj-$(subst m,y,$(CONFIG_A)) += c.o\nc-y := a.o b.o\nc-$(CONFIG_B) += no.o", "subst", ("x/a.o", "x/b.o")),
    ("ifneq ($(BITS),64)\nobj-$(subst m,y,$(CONFIG_A)) += a.o\nendif", "subst", ("x/a.o",)),
]


@pytest.mark.parametrize(("text", "idiom", "builds"), IDIOM_CASES)
def test_what_is_found(text: str, idiom: str, builds: tuple[str, ...]) -> None:
    (one,) = found(text)
    assert (one.idiom, one.builds, one.follows, one.noop) == (idiom, builds, (), False)
    assert "A" in one.symbols
    assert idiom in audit.IDIOMS


REJECTED = [
    "obj-y += a.o b/",
    "obj-$(CONFIG_A) += a.o b/",
    "obj-m += a.o",
    "ifdef CONFIG_A\nobj-m += a.o\nendif",
    "ifeq ($(CONFIG_A),y)\nobj-y += a.o\nendif",
    "ifeq ($(CONFIG_A), y)\nobj-$(CONFIG_BOOL) += a.o\nendif",
    "ifeq ($(CONFIG_A)$(CONFIG_B),yy)\nobj-y += a.o\nendif",
    "ifeq ($(CONFIG_A),m)\nobj-m += a.o\nelse\nobj-$(CONFIG_A) += a.o\nendif",
    "ifneq ($(CONFIG_A),y)\nobj-y += stub.o\nendif",
    "ifndef CONFIG_A\nobj-y += stub.o\nendif",
    "ifdef CONFIG_A\nobj-$(CONFIG_A) += a.o\nendif",
    "ifdef CONFIG_BOOL\nobj-y += a.o\nendif",
    "ifneq ($(CONFIG_BOOL)$(CONFIG_FLAG),)\nobj-y += a.o\nendif",
    "ifneq ($(CONFIG_NUMBER),0)\nobj-y += a.o\nendif",
    'ifneq ($(CONFIG_TEXT),"")\nobj-y += a.o\nendif',
    "ifdef CONFIG_NOWHERE\nobj-y += a.o\nendif",
    "obj-$(if $(CONFIG_BOOL),y) += a.o",
    "obj-$(findstring y, $(CONFIG_A) $(CONFIG_B)) += a.o",
    "ifneq ($(filter y,$(CONFIG_A) $(CONFIG_B)),)\nobj-y += a.o\nendif",
    "obj-$(subst y,$(CONFIG_A),$(CONFIG_B)) += a.o",
    "obj-$(subst y,$(CONFIG_A),$(CONFIG_BOOL)) += a.o",
    "lib-$(CONFIG_BOOL) += a.o",
    "v-$(CONFIG_A) := a.o\nobj-y += $(v-y)",
    "v-$(CONFIG_A) := a.o\nobj-m += $(v-m)",
    "ccflags-$(CONFIG_A:m=y) += -DX",
    "always-$(subst m,y,$(CONFIG_A)) += a.h\nextra-y += b\nsubdir-$(subst m,y,$(CONFIG_A)) += c",
    "hostprogs-y := x\nx-objs := a.o\nifdef CONFIG_A\nx-objs += b.o\nendif",
    "# obj-$(subst m,y,$(CONFIG_A)) += a.o",
    "# \\\nobj-$(subst m,y,$(CONFIG_A)) += a.o",
    "t:\n\tobj-$(subst m,y,$(CONFIG_A)) += a.o",
    "define f\nobj-$(subst m,y,$(CONFIG_A)) += a.o\nifdef X\nendef\nobj-y += b.o",
    "v := obj-$(subst m,y,$(CONFIG_A)) += a.o",
    "c-y := a.o\nifdef CONFIG_A\nc-y += b.o\nendif\nobj-$(CONFIG_A) += c.o",
    "ifeq ($(CONFIG_A),m)\nc-y += b.o\nelse ifeq ($(CONFIG_A),y)\nc-y += d.o\nendif\nobj-$(CONFIG_A) += c.o",
    "c-y := a.o\nc-$(CONFIG_A) += b.o\nobj-$(CONFIG_B) += c.o",
]


@pytest.mark.parametrize("text", REJECTED)
def test_what_is_not_found(text: str) -> None:
    assert found(text) == ()


FOLLOWING = [
    ("c-$(subst m,y,$(CONFIG_A)) += a.o\nobj-$(CONFIG_B) += c.o", ("A",), "x/c.o", ("B",)),
    ("c-objs := b.o\nifdef CONFIG_A\nc-objs += a.o\nendif\nobj-$(CONFIG_B) += c.o", ("A",), "x/c.o", ("B",)),
    ("ifdef CONFIG_A\nc-$(CONFIG_B) += a.o\nendif\nobj-$(CONFIG_B) += c.o", ("A",), "x/c.o", ("B",)),
    ("ifdef CONFIG_A\nobj-$(CONFIG_B) += a.o\nendif", ("A",), "", ("B",)),
    ("ifeq ($(CONFIG_B),y)\nobj-$(subst m,y,$(CONFIG_A)) += a.o\nendif", ("A",), "", ("B",)),
    ("c-$(CONFIG_A:m=y) += a.o\nobj-$(CONFIG_BOOL) += c.o", ("A",), "x/c.o", ()),
    ("ifneq ($(CONFIG_A)$(CONFIG_B),)\nobj-$(CONFIG_C) += a.o\nendif", ("A", "B"), "", ("C",)),
]


@pytest.mark.parametrize(("text", "symbols", "into", "follows"), FOLLOWING)
def test_what_must_be_y_besides(text: str, symbols: tuple[str, ...], into: str, follows: tuple[str, ...]) -> None:
    (one,) = found(text)
    assert (set(one.symbols), one.into, one.follows, one.builds) == (set(symbols), into, follows, ("x/a.o",))
    assert all(f"{name}=y" in one.reason for name in follows)


@pytest.mark.parametrize("suffix", ["subst m,y,$(CONFIG_BOOL)", "patsubst m,y,$(CONFIG_BOOL)", "CONFIG_BOOL:m=y"])
def test_an_idiom_over_a_bool_changes_nothing(suffix: str) -> None:
    (one,) = found(f"obj-$({suffix}) += a/")
    assert (one.noop, one.kinds, one.builds) == (True, ("bool",), ("x/a/",))
    assert "never m" in one.reason


def test_an_undeclared_option_counts_where_m_is_named() -> None:
    for text in ("obj-$(subst m,y,$(CONFIG_GONE)) += a.o", "ifeq ($(CONFIG_GONE),m)\nobj-y += a.o\nendif"):
        (one,) = found(text)
        assert (one.kinds, one.noop) == (("",), False)
        assert "GONE not declared here" in one.reason


def test_the_condition_and_the_whole_line_are_told() -> None:
    text = "ifdef CONFIG_A\nobj-y += b.o\nelse\nendif\nifneq ($(CONFIG_B),)\nobj-y +=\\\n  a.o\t\\\n  c.o\nendif"
    (one,) = found(text)[1:]
    assert (one.origin, one.text) == ("x/Makefile:6", "obj-y += a.o c.o")
    assert one.condition == "ifneq ($(CONFIG_B),) at x/Makefile:5"
    assert one.reason == "built in though B=m, by ifneq ($(CONFIG_B),) at x/Makefile:5"


@pytest.mark.parametrize(("above", "count"), [
    ("obj-$(CONFIG_A) += y/", 0), ("obj-$(CONFIG_B) += y/", 1), ("obj-y += y/", 1), ("obj-y += $(z)", 1),
    ("obj-$(CONFIG_A) += y/\nobj-$(CONFIG_BOOL) += y/", 1), ("ifeq ($(CONFIG_A),y)\nobj-y += y/\nendif", 0),
])  # fmt: skip
def test_a_folder_that_the_same_option_makes_a_modules_is_not_built_in(above: str, count: int) -> None:
    findings = found("ifdef CONFIG_A\nobj-y += a.o\nendif", "x/y/Makefile", {"x/Makefile": above})
    assert [one.origin for one in findings] == ["x/y/Makefile:2"] * count


def test_an_architectures_makefile_names_folders_from_the_root() -> None:
    text = "ifdef CONFIG_A\ncore-y += arch/z/a/\ndrivers-$(CONFIG_BOOL) += drivers/b/\nendif"
    assert [one.builds for one in found(text, "arch/z/Makefile")] == [("arch/z/a/",), ("drivers/b/",)]
    assert found(text, "drivers/z/Makefile") == ()


def test_an_included_file_counts_where_it_is_included() -> None:
    inner = "ifdef CONFIG_A\nc-y += $(P)/a.o\nendif"
    outer = "P = ../../v\ninclude $(srctree)/v/Makefile.c\nobj-$(CONFIG_B) += c.o\n-include $(obj)/.none\n"
    (one,) = found(outer, "x/c/Makefile", {"v/Makefile.c": inner})
    assert (one.origin, one.builds, one.into) == ("v/Makefile.c:2", ("v/a.o",), "x/c/c.o")
    guarded = "ifdef CONFIG_A\ninclude $(src)/more/Makefile\nendif"
    (one,) = found(guarded, others={"x/more/Makefile": "obj-y += a.o"})
    assert (one.origin, one.builds, one.idiom) == ("x/more/Makefile:1", ("x/a.o",), "ifdef")


def test_files_that_include_each_other_end() -> None:
    others = {"y/Makefile": "include $(srctree)/x/Makefile"}
    assert found("include $(srctree)/y/Makefile\nobj-y += a.o", others=others) == ()


@pytest.mark.parametrize("path", ["tools/x/Makefile", "scripts/Makefile", "samples/Kbuild", "x/selftests/Makefile"])
def test_only_kernel_objects_count(path: str) -> None:
    assert found("obj-$(subst m,y,$(CONFIG_A)) += a.o", path) == ()
    assert found("endif", path) == ()


@given(st.sampled_from([case[0] for case in IDIOM_CASES] + REJECTED), st.integers(0, 9))
def test_lines_around_change_only_the_number(text: str, above: int) -> None:
    moved = found("# ifdef CONFIG_B\n" * above + text + "\nobj-y += other.o\n")
    placed = [(int(one.origin.split(":")[1]), one.builds) for one in found(text)]
    assert [(int(one.origin.split(":")[1]) - above, one.builds) for one in moved] == placed
