"""The plan against every possible one on small instances, and the rules that it must keep whatever it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from graphlib import CycleError
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import spanning
from pipeline.distance import Depends, between, rebuilt
from pipeline.spanning import NOTHING, Kept, Rates, Step, Wanted, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYMBOLS = ("A", "B", "C", "D", "DRIVER", "OTHER", "WERROR", "LOCALVERSION")
OPTIONS = st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from(("y", "m", "n")))
ANCESTORS = {"plain": (), "mine": ("plain",), "other": ("plain",), "deep": ("mine", "plain")}
OBJECTS = tuple(f"{number}.o" for number in range(12))
DEPENDS = Depends(OBJECTS, {"HYPERV": 0b11111111, "NET": 0b11110000000, "SCSI": 0b100000000000, "SMP": 0b1111})
RATES = Rates(full=20.0, increment=3.0, each=1.0)


@dataclass(frozen=True)
class Asked:
    """All that a plan is made of."""

    wanted: tuple[Wanted, ...]
    kept: tuple[Kept, ...]
    depends: Depends
    rates: Rates
    crossing: int

    def plan(self, exact: int = spanning.EXACT) -> list[Step]:
        return plan(
            self.wanted, self.kept, lambda _: self.depends, rates=self.rates, crossing=lambda _, __: self.crossing,
            exact=exact,
        )  # fmt: skip

    def starts(self, kernel: Wanted) -> dict[str, Wanted | Kept]:
        """What a kernel may start from, by key."""
        allowed = {kernel.tree, *kernel.ancestors}
        every: list[Wanted | Kept] = [*self.kept, *self.wanted]
        return {one.key: one for one in every if one.tree in allowed and one is not kernel}

    def cost(self, kernel: Wanted, parent: str) -> float:
        if parent == NOTHING:
            return self.rates.whole(self.depends)
        start = self.starts(kernel)[parent]
        extra = self.crossing if start.tree != kernel.tree else 0
        return self.rates.of(between(start.options, kernel.options, self.depends) + extra)

    def total(self, steps: Sequence[Step]) -> float:
        kernels = {one.key: one for one in self.wanted}
        return sum(self.cost(kernels[step.key], step.parent) for step in steps)

    def least(self) -> float:
        """The cost of the best of all plans there are."""
        found = len(self.wanted) * self.rates.whole(self.depends)
        for parents in product(*([NOTHING, *self.starts(one)] for one in self.wanted)):
            chosen = dict(zip((one.key for one in self.wanted), parents, strict=True))
            if all(ends(key, chosen) for key in chosen):
                found = min(found, sum(self.cost(one, chosen[one.key]) for one in self.wanted))
        return found


def ends(key: str, parents: Mapping[str, str]) -> bool:
    """Whether the way up from a kernel ends somewhere."""
    for _ in parents:
        key = parents.get(key, NOTHING)
    return key not in parents


def faults(asked: Asked, steps: Sequence[Step]) -> list[str]:
    """What is wrong with a plan, whatever it costs."""
    found = [] if sorted(step.key for step in steps) == sorted(one.key for one in asked.wanted) else ["not each once"]
    kernels = {one.key: one for one in asked.wanted}
    there = {NOTHING, *(one.key for one in asked.kept)}
    for step in steps:
        if step.parent not in there:
            found.append(f"{step.key} before {step.parent}")
        if step.parent not in {NOTHING, *asked.starts(kernels[step.key])}:
            found.append(f"{step.key} must not start from {step.parent}")
        there.add(step.key)
    return found


@st.composite
def asked_for(draw: st.DrawFn, most: int = 4) -> Asked:
    def named(start: str, count: int) -> list[tuple[str, str, dict[str, str]]]:
        size = draw(st.integers(0, count))
        return [(f"{start}{number}", draw(st.sampled_from(list(ANCESTORS))), draw(OPTIONS)) for number in range(size)]

    def few(tree: str) -> tuple[str, ...]:
        return tuple(name for name in ANCESTORS[tree] if draw(st.integers(0, 3)))

    return Asked(
        wanted=tuple(
            Wanted(key=key, tree=tree, options=options, ancestors=few(tree)) for key, tree, options in named("w", most)
        ),
        kept=tuple(Kept(key=key, tree=tree, options=options) for key, tree, options in named("k", 2)),
        depends=Depends(OBJECTS, draw(st.dictionaries(st.sampled_from(SYMBOLS[:4]), st.integers(1, 2**12 - 1)))),
        rates=Rates(full=draw(st.integers(0, 12)), increment=draw(st.integers(0, 12)), each=draw(st.integers(0, 2))),
        crossing=draw(st.integers(0, 9)),
    )  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(asked_for())
def test_no_plan_costs_less(asked: Asked) -> None:
    steps = asked.plan()
    assert faults(asked, steps) == []
    assert asked.total(steps) == pytest.approx(asked.least())


@settings(deadline=None)
@given(asked_for(most=12), st.integers(1, 5))
def test_a_plan_in_pieces_keeps_the_rules_and_costs_no_less(asked: Asked, exact: int) -> None:
    steps = asked.plan(exact=exact)
    assert faults(asked, steps) == []
    assert asked.total(steps) >= asked.total(asked.plan()) - 1e-6


@settings(deadline=None)
@given(asked_for(most=8))
def test_a_step_tells_what_is_rebuilt_and_how_long_it_takes(asked: Asked) -> None:
    kernels = {one.key: one for one in asked.wanted}
    for step in asked.plan():
        if step.parent == NOTHING:
            assert (step.objects, step.seconds) == (12, round(asked.rates.whole(asked.depends), 1))
            continue
        kernel, start = kernels[step.key], asked.starts(kernels[step.key])[step.parent]
        extra = asked.crossing if start.tree != kernel.tree else 0
        assert step.objects == rebuilt(start.options, kernel.options, asked.depends) + extra
        assert step.seconds == round(asked.rates.of(step.objects), 1)


def chain() -> Asked:
    """Two kernels of each tree; each tree's own are far from one another, and near to those of the other trees."""
    return Asked(
        wanted=tuple(
            Wanted(key=f"{tree}-{value}", tree=tree, options={"HYPERV": value}, ancestors=ancestors)
            for tree, ancestors in ANCESTORS.items()
            for value in "yn"
        ),
        kept=(), depends=DEPENDS, rates=RATES, crossing=1,
    )  # fmt: skip


def test_the_rules_are_seen_to_be_broken() -> None:
    asked = chain()
    steps = asked.plan()
    assert faults(asked, steps) == []
    assert "not each once" in faults(asked, steps[:-1])
    assert "not each once" in faults(asked, [*steps, steps[-1]])
    assert f"{steps[1].key} before {steps[1].parent}" in faults(asked, [*steps[1:], steps[0]])
    for key, stranger in (("other-y", "mine-y"), ("plain-y", "mine-y"), ("mine-y", "deep-y"), ("mine-y", "unknown")):
        moved = [replace(step, parent=stranger) if step.key == key else step for step in steps]
        assert f"{key} must not start from {stranger}" in faults(asked, moved)


def test_other_orders_cost_more_than_the_least() -> None:
    options = [{"NET": "y"}, {"HYPERV": "y"}, {"NET": "y", "SCSI": "y"}, {"HYPERV": "y", "SCSI": "y"}]
    asked = Asked(
        tuple(Wanted(key=f"w{number}", tree="plain", options=one) for number, one in enumerate(options)),
        (), DEPENDS, RATES, 0,
    )  # fmt: skip
    steps = asked.plan()
    assert asked.total(steps) == asked.least() == (20 + 12) + 3 * 3 + 1 + 11 + 1
    for parents in (["", "w0", "w1", "w2"], ["", "", "w0", "w1"], ["", "w0", "w0", "w0"], ["", "w0", "w0", "w2"]):
        naive = [replace(steps[0], key=f"w{number}", parent=parent) for number, parent in enumerate(parents)]
        assert faults(asked, naive) == []
        assert asked.total(naive) > asked.least()


def test_a_strangers_tree_is_never_started_from_however_near_it_is() -> None:
    near = [Kept(key="theirs", tree="other", options={"HYPERV": "y"}), Kept(key="far", tree="plain", options={})]
    mine = Wanted(key="w", tree="mine", options={"HYPERV": "y"}, ancestors=("plain",))
    assert plan([mine], near, lambda _: DEPENDS, rates=RATES, crossing=lambda _, __: 2)[0].parent == "far"
    assert plan([mine], near[:1], lambda _: DEPENDS, rates=RATES)[0].parent == NOTHING
    alone = replace(mine, ancestors=())
    assert plan([alone], near, lambda _: DEPENDS, rates=RATES)[0].parent == NOTHING


def test_a_kept_tree_is_used_when_it_is_nearest_and_not_when_it_is_not() -> None:
    wanted = [Wanted(key="a", tree="plain", options={"HYPERV": "y"}), Wanted(key="b", tree="plain", options={})]
    kept = [Kept(key="near", tree="plain", options={"HYPERV": "y", "SCSI": "y"})]
    assert [(step.key, step.parent, step.objects) for step in plan(wanted, kept, lambda _: DEPENDS, rates=RATES)] == [
        ("a", "near", 1), ("b", "a", 8),
    ]  # fmt: skip
    whole = [Kept(key="whole", tree="plain", options={"WERROR": "y"})]
    rates = Rates(full=1.0, increment=3.0, each=1.0)
    assert [step.parent for step in plan(wanted, whole, lambda _: DEPENDS, rates=rates)] == [NOTHING, "a"]
    assert [step.parent for step in plan(wanted, whole, lambda _: DEPENDS, rates=RATES)] == ["whole", "a"]


def test_the_first_of_a_tree_is_the_one_with_most_switched_on() -> None:
    wanted = [Wanted(key=name, tree="plain", options=dict.fromkeys(name, "m")) for name in ("A", "ABC", "AB")]
    assert [(step.key, step.objects) for step in plan(wanted, [], lambda _: DEPENDS, rates=RATES)] == [
        ("ABC", 12), ("AB", 0), ("A", 0),
    ]  # fmt: skip


def test_each_is_built_once_and_a_kept_tree_of_its_own_is_no_start() -> None:
    one = Wanted(key="a", tree="plain", options={})
    kept = Kept(key="a", tree="plain", options={})
    assert [(step.key, step.parent) for step in plan([one, one], [kept], lambda _: DEPENDS)] == [("a", NOTHING)]
    assert plan([], [kept], lambda _: DEPENDS) == []


def test_trees_that_descend_from_one_another_are_refused_and_oneself_is_no_ancestor() -> None:
    one = Wanted(key="a", tree="mine", options={}, ancestors=("mine", "other"))
    assert [step.parent for step in plan([one], [], lambda _: DEPENDS)] == [NOTHING]
    with pytest.raises(CycleError):
        plan([one, replace(one, key="b", tree="other", ancestors=("mine",))], [], lambda _: DEPENDS)


def test_each_tree_is_counted_by_what_it_tells_and_each_crossing_by_its_own_number() -> None:
    wanted = [
        Wanted(key="p", tree="plain", options={"SMP": "y"}),
        Wanted(key="m", tree="mine", options={"SMP": "y", "NET": "y"}, ancestors=("plain",)),
    ]  # fmt: skip
    told = {"plain": DEPENDS, "mine": Depends(OBJECTS, {"NET": 1})}
    steps = plan(wanted, [], told.__getitem__, rates=RATES, crossing=lambda old, new: len(old + new))
    assert [(step.key, step.parent, step.objects) for step in steps] == [("p", NOTHING, 12), ("m", "p", 1 + 9)]


def test_people_are_told_why() -> None:
    kept = [Kept(key="a1b2c3d4e5f6a7b8", tree="linux-source-6.12", options={"HYPERV": "y"})]
    asked = [
        ({"tree": "linux-source-6.12"}, {}, "from a1b2c3d4e5f6: HYPERV y -> n rebuilds about 8 objects"),
        ({"tree": "linux-source-6.12"}, {"NET": "m"},
         "from a1b2c3d4e5f6: HYPERV y -> n and 1 other option rebuild about 11 objects"),
        ({"tree": "linux-source-6.12"}, {"HYPERV": "y"},
         "from a1b2c3d4e5f6: nothing differs that an object mentions, about 0 objects"),
        ({"tree": "p", "ancestors": ("linux-source-6.12",)}, {"HYPERV": "y", "SCSI": "y"},
         "from a1b2c3d4e5f6 of linux-source-6.12: SCSI n -> y rebuilds about 51 objects"),
        ({"tree": "linux-source-6.1"}, {}, "from nothing: no finished tree of linux-source-6.1"),
        ({"tree": "linux-source-6.12"}, {"WERROR": "y"},
         "from nothing: of a1b2c3d4e5f6, the nearest, about 12 objects would be rebuilt"),
    ]  # fmt: skip
    for where, options, text in asked:
        rates = Rates(full=2.0, increment=3.0) if "WERROR" in options else Rates(full=99.0)
        one = Wanted(key="w", options=options, **where)  # type: ignore[arg-type] # one dict of two kinds of values
        assert [step.why for step in plan([one], kept, lambda _: DEPENDS, rates=rates)] == [text]
