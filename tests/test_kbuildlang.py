from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.kbuildlang import parse
from pipeline.makevalues import UNKNOWN, expand
from tests.test_audit import found


@pytest.mark.parametrize(("text", "where"), [
    ("endif", "x/Makefile:1: endif without if"), ("\nelse", "x/Makefile:2: else without if"),
    ("a := 1\nifdef B\n", "x/Makefile:2: ifdef without endif"),
    ("ifeq (a,b)\nelse ifdef B\nendif\nendif", "x/Makefile:4: endif without if"),
])  # fmt: skip
def test_conditionals_that_do_not_pair_are_refused(text: str, where: str) -> None:
    with pytest.raises(UserError, match=where) as caught:
        found(text)
    assert caught.value.hint


def test_an_indented_assignment_is_one_and_a_recipe_is_none() -> None:
    text = "t: u\n\ta := 1\nb := 2\n\tc := 3\nx.o: flags := 4\n\td := 5\nexport e = 6\ninclude-y := 7\n.PHONY: z\nf::=8"
    assert [one.name for one in parse("x", text)] == ["b", "c", "e", "include-y", "f"]


@pytest.mark.parametrize(("text", "value"), [
    ("$(A)", "m"), ("${A}b", "mb"), ("$$(A)", "$(A)"), ("$(NONE)", UNKNOWN), ("$A", UNKNOWN),
    ("$(shell date)", UNKNOWN), ("$(call f,$(A))", UNKNOWN),
    ("$(subst m,y,$(A))", "y"), ("$(subst ,y,$(A))", "m"), ("$(patsubst %.c,%.o,a.c b.h)", "a.o b.h"),
    ("$(L:.o=.c)", "a.c b.c"), ("$(L:%.o=x/%.c)", "x/a.c x/b.c"), ("$(filter %.o y,a.o b.c y)", "a.o y"),
    ("$(filter-out a%,$(L))", "b.o"), ("$(findstring m,$(A))", "m"), ("$(findstring x,$(A))", ""),
    ("$(if $(A),y,n)", "y"), ("$(if ,y,n)", "n"), ("$(if $(NONE),y)", UNKNOWN), ("$(if $(NONE),y,y)", "y"),
    ("$(or ,$(A),x)", "m"), ("$(and $(A),x)", "x"), ("$(and ,x)", ""), ("$(strip  a   b )", "a b"),
    ("$(sort b a b)", "a b"), ("$(addprefix x/,$(L))", "x/a.o x/b.o"), ("$(addsuffix /,a b)", "a/ b/"),
    ("$(notdir x/a.o b)", "a.o b"), ("$(dir x/a.o b)", "x/ ./"), ("$(basename x/a.o)", "x/a"),
    ("$(foreach v,$(L),$(v)-$(A))", "a.o-m b.o-m"), ("$($(subst x,A,x))", "m"), ("$(" * 400, UNKNOWN),
])  # fmt: skip
def test_values(text: str, value: str) -> None:
    assert expand(text, lambda name: {"A": "m", "L": "a.o b.o"}.get(name, UNKNOWN)) == value


def test_values_that_grow_without_end_are_unknown() -> None:
    chain = "".join(f"v{n} = $(v{n + 1})$(v{n + 1})\n" for n in range(40)) + "v40 = a.o \n"
    began = time.monotonic()
    (one,) = found(f"{chain}obj-$(subst m,y,$(CONFIG_A)) += $(v0) $(loop)\nloop = $(loop)")
    assert UNKNOWN in one.builds[0]
    assert time.monotonic() - began < 2


def test_many_options_are_sampled_and_not_all_tried() -> None:
    names = [f"F{n}" for n in range(30)]
    text = "".join(f"ifdef CONFIG_{name}\n" for name in names) + "obj-$(CONFIG_A:m=y) += a.o\n" + "endif\n" * len(names)
    began = time.monotonic()
    assert [one.symbols for one in found(text)] == [("A",)]
    assert time.monotonic() - began < 2


LANGUAGE = st.sampled_from([
    "obj-", "lib-", "c-", "y", "m", "objs", "$(CONFIG_A)", "$(CONFIG_BOOL)", "$(subst m,y,", "$(if ", "$(", ")", ",",
    " ", "\n", "\t", "\\\n", "#", ":=", "+=", "=", ":", "ifdef CONFIG_A\n", "ifneq (", "else\n", "else ", "endif\n",
    "define x\n", "endef\n", "include ", "c.o", "a/", "$(c-y)", "$(c-m)", "$(obj)", "${", "}", "$$", "%", "foreach v,",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(LANGUAGE, max_size=40).map("".join))
def test_any_text_ends_in_findings_or_in_a_users_error(text: str) -> None:
    try:
        findings = found(text)
    except UserError as error:
        findings = ()
        told = error.brief
    else:
        told = "x/Makefile:"
    assert told.startswith("x/Makefile:")
    assert all(one.symbols and one.builds and one.reason for one in findings)
