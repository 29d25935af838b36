from __future__ import annotations

import pytest

from pipeline import auditview
from pipeline.auditview import Seen
from tests.test_audit import found

TREE = "obj-$(subst m,y,$(CONFIG_A)) += a/\nifneq ($(CONFIG_A)$(CONFIG_B),)\nobj-y += c.o\nendif\n"


@pytest.mark.parametrize(("config", "members", "seen"), [
    ({"A": "m"}, ["x/a/one.o", "./x/c.o"], [Seen.CONFIRMED, Seen.CONFIRMED]),
    ({"A": "m"}, ["x/a/built-in.a", "x/built-in.a", "x/ab/c.o", "c.o"], [Seen.ABSENT, Seen.ABSENT]),
    ({"A": "m", "B": "y"}, ["x/a/one.o", "x/c.o"], [Seen.CONFIRMED, Seen.NOT_M]),
    ({"A": "y"}, ["x/a/one.o", "x/c.o"], [Seen.NOT_M, Seen.NOT_M]),
    ({}, [], [Seen.NOT_M, Seen.NOT_M]),
])  # fmt: skip
def test_a_built_tree(config: dict[str, str], members: list[str], seen: list[Seen]) -> None:
    assert [one.seen for one in auditview.check(found(TREE), config, members)] == seen


def test_a_part_of_a_module_is_not_in_the_kernel() -> None:
    findings = found("c-$(subst m,y,$(CONFIG_A)) += a.o\nobj-$(CONFIG_B) += c.o")
    (absent,) = auditview.check(findings, {"A": "m", "B": "m"}, ["x/other.o"])
    assert (absent.seen, absent.detail) == (Seen.ABSENT, "A=m, and no archive lists x/a.o (B=m)")
    (there,) = auditview.check(findings, {"A": "m", "B": "y"}, ["x/a.o"])
    assert (there.seen, there.detail) == (Seen.CONFIRMED, "A=m, and in the kernel: x/a.o")


def test_code_whose_name_only_make_knows_is_not_judged() -> None:
    (one,) = auditview.check(found("obj-$(subst m,y,$(CONFIG_A)) += $(wildcard *.c)"), {"A": "m"}, ["x/a.o"])
    assert one.seen is Seen.UNNAMED


def test_the_table_and_its_counts() -> None:
    text = "obj-$(subst m,y,$(CONFIG_HYPERV)) += hv/\nobj-$(CONFIG_BOOL:m=y) += a.o b.o c.o\n"
    findings = found(text + "ifdef CONFIG_A\nobj-$(CONFIG_B) += a.o\nendif")
    lines = auditview.table(findings)
    assert lines[0].split() == ["place", "idiom", "option", "built", "in", "note"]
    assert "HYPERV ?" in lines[1]
    assert lines[2].endswith("x/a.o x/b.o and 1 more  no-op")
    assert lines[3].endswith("when B=y")
    assert lines[-1].startswith("3 (2 not Hyper-V, 1 no-ops), 1 by m alone: ifdef 1 (1 not Hyper-V, 0 no-ops); subst 1")
    assert auditview.table(())[-1] == "0 (0 not Hyper-V, 0 no-ops), 0 by m alone"


def test_markdown_has_a_row_for_each_and_no_stray_bar() -> None:
    findings = found("obj-$(subst m,y,$(CONFIG_A)) += a.o `x|y`\x1b[1m\nifdef CONFIG_A\nobj-y += b.o\nendif")
    text = auditview.markdown(findings)
    rows = text.splitlines()
    assert [row.replace("\\|", "").count("|") for row in rows[:4]] == [6, 6, 6, 6]
    assert "`obj-y += b.o (ifdef CONFIG_A at x/Makefile:2)`" in rows[3]
    assert "\x1b" not in text
    assert rows[-1] == auditview.summary(findings)
