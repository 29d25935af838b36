from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import expr
from tests.test_exprtree import EXPRS, VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping

# drivers/hv/Kconfig and its neighbours, as 6.1, 6.12 and 7.2 write them
OLD = "ACPI && ((X86 && X86_LOCAL_APIC && HYPERVISOR_GUEST) || (ARM64 && !CPU_BIG_ENDIAN))"
CORE = "(X86 && X86_LOCAL_APIC && HYPERVISOR_GUEST) || (ARM64 && !CPU_BIG_ENDIAN)"
PCI = "((X86 && X86_64) || ARM64) && HYPERV_VMBUS && PCI_MSI && SYSFS"
X86 = {"X86": "y", "X86_64": "y", "X86_LOCAL_APIC": "y", "HYPERVISOR_GUEST": "y", "ACPI": "y"}

BLOCKED: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("A", {"A": "y"}, ()),
    ("A", {"A": "m"}, ()),
    ("A", {"A": "n"}, ("A",)),
    ("A", {}, ("A",)),
    ("A && B", {"A": "y", "B": "m"}, ()),
    ("A && B", {"A": "y"}, ("B",)),
    ("A && B", {}, ("A", "B")),
    ("A || B", {"A": "m"}, ()),
    ("A || B", {}, ("A", "B")),
    ("A || B && C", {"B": "y"}, ("A", "C")),
    ("(A || B) && C", {"B": "y"}, ("C",)),
    ("A||B", {}, ("A", "B")),
    ("!A", {}, ()),
    ("!A", {"A": "m"}, ()),
    ("!A", {"A": "y"}, ("A",)),
    ("! A && B", {"A": "y", "B": "y"}, ("A",)),
    ("!(A || B)", {"A": "y"}, ("A",)),
    ("!(A && B)", {"A": "y"}, ()),
    ("!(A && B)", {"A": "y", "B": "y"}, ("A", "B")),
    ("!(A && !B)", {"A": "y"}, ("A", "B")),
    ("!!A", {}, ("A",)),
    ("!A = B", {}, ("A", "B")),
    ("A = y", {"A": "m"}, ("A",)),
    ("A=m", {"A": "m"}, ()),
    ("A != m", {"A": "m"}, ("A",)),
    ("A != n", {}, ("A",)),
    ("A = B", {"A": "y", "B": "y"}, ()),
    ("A = B", {"A": "y", "B": "m"}, ("A", "B")),
    ('ARCH = "um"', {"ARCH": '"x86"'}, ("ARCH",)),
    ('ARCH = "x86"', {"ARCH": '"x86"'}, ()),
    ("ARCH != 'um'", {"ARCH": '"um"'}, ("ARCH",)),
    ("PGTABLE_LEVELS > 4", {"PGTABLE_LEVELS": "4"}, ("PGTABLE_LEVELS",)),
    ("GCC_VERSION >= 90100", {"GCC_VERSION": "140200"}, ()),
    ("!(GCC_VERSION < 90100)", {"GCC_VERSION": "140200"}, ()),
    ("GCC_VERSION >= 90100", {}, ()),
    ("m || SCSI_FC_ATTRS != m", {"SCSI_FC_ATTRS": "m"}, ()),
    ("m", {"MODULES": "n"}, ("MODULES",)),
    ("m", {"MODULES": "y"}, ()),
    ("n", {}, ()),
    ("$(cc-option,-mfoo) && A", {}, ("A",)),
    ("$(cc-option,-mfoo) || A", {}, ()),
    (OLD, {**X86, "ACPI": "n"}, ("ACPI",)),
    (OLD, X86, ()),
    (CORE, X86, ()),
    (CORE, {**X86, "HYPERVISOR_GUEST": "n"}, ("ARM64", "HYPERVISOR_GUEST")),
    (CORE, {"ARM64": "y"}, ()),
    (CORE, {"ARM64": "y", "CPU_BIG_ENDIAN": "y"}, ("CPU_BIG_ENDIAN", "HYPERVISOR_GUEST", "X86", "X86_LOCAL_APIC")),
    (PCI, {**X86, "PCI_MSI": "y", "SYSFS": "y"}, ("HYPERV_VMBUS",)),
    (PCI, {**X86, "PCI_MSI": "y", "SYSFS": "y", "HYPERV_VMBUS": "m"}, ()),
    ("HYPERV_VMBUS && CONNECTOR && NLS", {"NLS": "y"}, ("CONNECTOR", "HYPERV_VMBUS")),
    ("(X86_64 && HAVE_STATIC_CALL) || ARM64", {"X86_64": "y"}, ("ARM64", "HAVE_STATIC_CALL")),
    ("X86_64 && HYPERV_VTL_MODE", {"X86_64": "y"}, ("HYPERV_VTL_MODE",)),
    ("!HYPERV_VTL_MODE", {"HYPERV_VTL_MODE": "y"}, ("HYPERV_VTL_MODE",)),
    ("PCI_HYPERV_INTERFACE || !PCI_HYPERV_INTERFACE", {}, ()),
    ("PCI_HYPERV_INTERFACE || !PCI_HYPERV_INTERFACE", {"PCI_HYPERV_INTERFACE": "m"}, ()),
]


@pytest.mark.parametrize(("text", "values", "found"), BLOCKED)
def test_blockers(text: str, values: dict[str, str], found: tuple[str, ...]) -> None:
    assert expr.blockers(expr.parse(text), values) == found


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        ("A && B", {"A": "m", "B": "y"}, ("A",)),
        ("A && B", {"A": "m"}, ("A", "B")),
        ("A || B", {"A": "m"}, ("A", "B")),
        ("A || B", {"A": "y"}, ()),
        ("!A && B", {"A": "m", "B": "y"}, ("A",)),
        ("A || !A", {"A": "m"}, ("A",)),
        ("m && A", {"MODULES": "y", "A": "y"}, ()),
        ("$(success,true) && A", {"A": "m"}, ("A",)),
    ],
)
def test_what_limits_to_m(text: str, values: dict[str, str], found: tuple[str, ...]) -> None:
    assert expr.blockers(expr.parse(text), values, wanted=2) == found


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        ("A", {"A": "m"}, 1),
        ("A && y", {"A": "m"}, 1),
        ("A || !A", {"A": "m"}, 1),
        ("n && $(shell,true)", {}, 0),
        ("y || $(shell,true)", {}, 2),
        ("m || $(shell,true)", {}, None),
        ("m && $(shell,true)", {}, None),
        ("!$(shell,true)", {}, None),
        ("VERSION = $(shell,expr $(cc-version) / 10000)", {"VERSION": "19"}, None),
        ('"$(ARCH)" = "x86"', {}, None),
        ("m", {}, 1),
        ("m", {"MODULES": "n"}, 0),
        ("A = m", {"MODULES": "n", "A": "n"}, 0),
        ('"y"', {}, 2),
        ('"foo"', {}, 0),
        ("A", {"A": '"foo"'}, 0),
        ("A = '0x10'", {"A": "16"}, 2),
        ("A > 9", {"A": "10"}, 2),
        ('A > "b"', {"A": '"a"'}, 0),
        ('A = "a\\"b"', {"A": r'"a\"b"'}, 2),
        ('A = ""', {"A": '""'}, 2),
        ("A < -1", {"A": "-2"}, 2),
        ("A >= B", {"A": "y", "B": "m"}, 2),
        ("A >= B", {}, 2),
        ("A >= B", {"B": "m"}, 0),
        ("A = 99999999999999999999999", {"A": "99999999999999999999999"}, 2),
        # a symbol that is absent is n, or else 0, "" or its own name
        ("A != n", {}, 0),
        ('A = "x86"', {}, 0),
        ('A != "x86"', {}, 2),
        ('A != ""', {}, None),
        ("A = 0", {}, None),
        ("A < 5", {}, None),
    ],
)
def test_level(text: str, values: dict[str, str], found: int | None) -> None:
    assert expr.level(expr.parse(text), values) == found


def test_the_terms_that_block() -> None:
    values = {**X86, "SYSFS": "y", "HYPERV_VMBUS": "m"}
    parsed = expr.parse(PCI)
    assert [expr.render(term) for term in expr.blocking_terms(parsed, values, 1)] == ["PCI_MSI"]
    assert [expr.render(term) for term in expr.blocking_terms(parsed, values, 2)] == ["HYPERV_VMBUS", "PCI_MSI"]
    assert expr.blocking_terms(expr.parse("A || B"), {}, 1) == (expr.parse("A || B"),)
    assert expr.blocking_terms(expr.parse("A || B"), {"A": "m"}, 1) == ()
    assert expr.blocking_terms(expr.parse("A && $(x)"), {"A": "y"}, 1) == ()


def test_depends_on_if_is_what_conf_makes_of_it() -> None:
    """With A=n and B=m conf demands A, though !B is m; its `!B` as a condition holds only when B is n or m."""

    def asked(condition: str, values: Mapping[str, str]) -> int | None:
        return expr.level(expr.unless(expr.parse("A"), expr.parse(condition)), values)

    assert asked("B", {}) == 2
    assert asked("B", {"B": "m"}) == 0
    assert asked("B", {"B": "y", "A": "m"}) == 1
    assert asked("!B", {"B": "m"}) == 2
    assert asked("!B", {}) == 0
    assert asked("B && C", {"B": "y"}) == 2
    assert asked("B || C", {"B": "y"}) == 0
    assert asked("B = m", {"B": "y"}) == 2
    assert asked("$(success,true)", {}) is None
    assert expr.render(expr.unless(expr.parse("A"), expr.parse("B && C"))) == "B = n || C = n || A"


@given(EXPRS, VALUES, st.sampled_from([1, 2]))
def test_no_other_symbol_helps_past_the_blockers(one: expr.Expr, values: dict[str, str], wanted: int) -> None:
    names = expr.blockers(one, values, wanted)
    if not names:
        return
    found = expr.level(one, values)
    assert found is None or found < wanted
    assert expr.blocking_terms(one, values, wanted)
    others = [name for name in ("A", "B", "C", "D", "MODULES") if name not in names]
    for levels in itertools.product("ymn", repeat=len(others)):
        changed = {**values, **dict(zip(others, levels, strict=True))}
        now = expr.level(one, changed)
        assert now is None or now < wanted
