"""What cells share and what they must not: toolchains, declared options, a plain tree that refuses, memory."""

from __future__ import annotations

import io
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline import (
    asking,
    build,
    building,
    buildplan,
    goalsource,
    host,
    planning,
    progress,
    record,
    resolve,
    run,
    settling,
)
from pipeline.errors import HostError
from pipeline.policy import policies
from pipeline.slots import Slots
from pipeline.values import Build, Kernel, Resolution, Tree
from tests import fakematrix
from tests.answerrun import ROOT
from tests.test_artifact import built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.model import Cell
    from pipeline.stages import Bench

CONFIG = "CONFIG_HYPERVISOR_GUEST=y\nCONFIG_HYPERV=m\n"
PLAIN = Tree(variant="plain", image="i", digest="deb:1", origin="o", code="c")
PATCHED = replace(PLAIN, variant="p", plain=PLAIN, digest="patched:1")


@pytest.fixture(scope="module")
def cell() -> Cell:
    return asking.load(ROOT / "matrix.yaml").cells[0]


def test_no_kernel_starts_from_what_another_toolchain_made(tmp_path: Path) -> None:
    def parents(*toolchains: str) -> list[str]:
        wanted = [
            Kernel(key=f"{number}" * 64, tree=PLAIN, toolchain=name, config="CONFIG_SMP=y\n")
            for number, name in enumerate(toolchains)
        ]  # fmt: skip
        return [step.parent for step in buildplan.steps([], tmp_path, wanted)]

    assert parents("gcc", "clang") == ["", ""]
    assert parents("gcc", "gcc").count("") == 1


@pytest.mark.parametrize(("status", "variant"), [(0, "plain"), (1, "p")])
def test_a_plain_tree_that_refuses_is_not_the_same(cell: Cell, status: int, variant: str) -> None:
    def carried(text: str, ended: int) -> Resolution:
        return Resolution(old=text, final=text, commands=(), stdout="", stderr="", exit_status=ended, seconds=0.1)

    state = record.State(cell=cell, expectation=None, tree=PATCHED, resolution=carried("CONFIG_HYPERV=y\n", 0))
    identities = {cell.toolchain: "t"}
    settling.name([state], identities, lambda _, asked: [carried(one.old, status) for one in asked], lambda *_: ())
    assert state.kernel
    assert state.kernel.tree.variant == variant


def test_each_cell_is_checked_by_what_its_own_tree_declares(cell: Cell, tmp_path: Path) -> None:
    """A patch that hides HYPERV_VMBUS gives the same key, and promises another thing of it."""
    made: Build = built(tmp_path / "k", CONFIG, names=("hv_vmbus",))
    states = []
    for declared in (("HYPERV", "HYPERV_VMBUS"), ("HYPERV",)):
        kernel = build.kernel(made.kernel.tree, "gcc", CONFIG, declared)
        assert kernel.key == made.kernel.key
        states.append(record.State(cell=cell, expectation=None, kernel=kernel))
    building._give(made, states)
    problems = [state.artifact.problems for state in states if state.artifact]
    assert problems[0] != problems[1]


def test_those_that_have_no_memory_to_begin_with_take_no_processor_from_one_that_has() -> None:
    slots, taken, ready = Slots(8, 100), [], threading.Event()

    def work() -> None:
        with slots.held(8, memory=60) as cpus:
            taken.append(cpus)
            time.sleep(0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    with slots.held(8, memory=100):
        for one in threads:
            one.start()
        while len(slots._waiting) < len(threads):
            ready.wait(0.01)
    for one in threads:
        one.join()
    assert taken == [8] * 4


def test_an_interrupt_while_configs_are_carried_over_is_heard_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    left: list[bool] = []

    class Conf:
        """Takes a fifth of a second for each question, as long as its container is there."""

        def run(self, _: object) -> Resolution:
            for _ in range(20):
                if left:
                    raise HostError("the container is gone")
                time.sleep(0.01)
            raise HostError("no answer")

    @contextmanager
    def opened(*_: object) -> Iterator[Conf]:
        try:
            yield Conf()
        finally:
            left.append(True)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(resolve, "opened", opened)
    asked = [resolve.Asked(str(number), (str(number),), policies()["olddefconfig"]) for number in range(100)]
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            resolve.resolve(cast("Any", None), PLAIN, asked, tmp_path, slots=Slots(2), jobs=2)
        assert left  # else what runs is waited for, 100 questions long
    finally:
        signal.signal(signal.SIGALRM, before)


def test_one_tree_that_cannot_be_settled_takes_no_kernel_from_others(
    cell: Cell, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def of(_: object, tree: Tree, *__: object, **___: object) -> tuple[str, ...]:
        if tree.variant == "odd":
            raise HostError("its Makefiles cannot be read")
        return ()

    monkeypatch.setattr(goalsource, "of", of)
    made = Resolution(old="", final="CONFIG_A=y\n", commands=(), stdout="", stderr="", exit_status=0, seconds=0.1)
    states = [
        record.State(cell=cell, expectation=None, tree=replace(PLAIN, variant=name), resolution=made)
        for name in ("odd", "good")
    ]
    bench = cast("Bench", SimpleNamespace(keep=lambda _: None, engine=None, cache=None, fresh=False))
    settling.kernels(bench, states, {cell.toolchain: "t"})
    assert [state.error for state in states] == ["its Makefiles cannot be read", ""]
    assert [state.kernel is not None for state in states] == [False, True]


def test_work_that_was_interrupted_is_not_told_as_done() -> None:
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt), progress.Plain(out).work("boot vmlinuz", 10):
        raise KeyboardInterrupt
    assert "interrupted in 0 s" in out.getvalue()
    assert "done" not in out.getvalue()


def test_a_plan_counts_a_control_that_is_a_cell_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    fakematrix.write(tmp_path, tmp_path / "tree")
    monkeypatch.setattr(host, "cores", lambda: 8)
    asked = asking.load(tmp_path / "matrix.yaml")
    states = asking.states(asked, asked.cells)
    rows = planning.rows(asked, states, states, fakematrix.options(tmp_path, "boot"))
    (told,) = [row for row in rows if row.startswith("boot:")]
    assert told.startswith("boot: at most 3 (3 of them controls), 8 at a time, ")


def test_what_is_an_error_stays_one_where_no_accelerator_can_be_had() -> None:
    states = [SimpleNamespace(error=error, going=not error, control=False, skip="") for error in ("no disk", "")]
    run.skipped(cast("Any", states), "--accel kvm: none", lambda _: None)
    assert [state.skip for state in states] == ["", "--accel kvm: none"]
