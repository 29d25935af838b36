"""What a run leaves is enough to do it again: the command that was typed, and a record of every cell."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline import asking, boot, boots, build, hyperv, reporting, reportrun, run, store
from pipeline.model import Ladder
from pipeline.values import Tree
from tests import answerrun, fakematrix
from tests.answerrun import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.record import State
    from pipeline.stages import Bench


def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, **more: Any) -> Path:
    """The folder of a run whose writing of a record is interrupted, before an engine is asked for anything."""
    (tmp_path / "tree").mkdir()
    fakematrix.write(tmp_path, tmp_path / "tree")
    real, calls = store.write_cell, itertools.count()

    def second(*words: Any) -> None:
        if next(calls) == at:
            raise KeyboardInterrupt
        real(*words)

    monkeypatch.setattr(store, "write_cell", second)
    assert run.run(fakematrix.options(tmp_path, "boot", **more)) == 130
    return (tmp_path / "results" / "latest").resolve()


@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_interrupt_before_all_records_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    folder = interrupted(tmp_path, monkeypatch, at)
    assert len(list(folder.rglob("record.json"))) == 4
    assert {one["status"] for one in reporting.read(folder, "it").cells} == {"ERROR"}


def test_a_cell_says_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = interrupted(tmp_path, monkeypatch, 3)
    (script,) = (path for path in folder.rglob("reproduce.sh") if "cells" in path.parts)
    assert f"./inv matrix --file {tmp_path}/matrix.yaml --cells v/m/" in script.read_text()


def test_a_single_config_says_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ("./inv", "resolve", "--config", "my config", "--source", "/tree")
    folder = interrupted(tmp_path, monkeypatch, 3, command=typed)
    (script,) = (path for path in folder.rglob("reproduce.sh") if "cells" in path.parts)
    assert "./inv resolve --config 'my config' --source /tree\n" in script.read_text()


def test_a_report_names_another_matrix(tmp_path: Path) -> None:
    answerrun.matrix(tmp_path)
    found = reporting.read(answerrun.run(tmp_path, matrix="other.yaml"), "it")
    assert reportrun.again(found)[0] == ["./inv", "matrix", "--through", "resolve", "--file", "other.yaml"]
    assert "--file" not in reportrun.again(reporting.read(answerrun.run(tmp_path), "it"))[0]


def test_a_good_boot_that_is_kept_is_not_replaced_by_a_control(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Another run may be copying its three files just then."""
    kept = tmp_path / "boots" / "key"
    bench = cast("Bench", SimpleNamespace(fresh=False, cache=tmp_path))
    state, booted = _booted(tmp_path)
    monkeypatch.setattr(boots, "_kept", lambda *_: kept)
    monkeypatch.setattr(boots, "_boot", lambda *_: booted)
    live = ["another"]
    inodes = []
    for _ in range(2):
        boots._start(bench, [state], cast("Any", None), live, control=True)
        assert state.boot is booted
        inodes.append((kept / "boot.json").stat().st_ino)
        state.boot = None
    assert inodes[0] == inodes[1]
    (kept / "console.log").write_bytes(b"")  # one that is damaged is
    boots._start(bench, [state], cast("Any", None), live, control=True)
    assert boot.known(kept)


def _booted(folder: Path) -> tuple[State, Any]:
    """A state with a kernel, and its boot, which shows what its .config promises."""
    machine = asking.load(ROOT / "matrix.yaml").cells[0].machine
    state = answerrun.booted("v7.3-distro-m", machine, Ladder.BOUND)
    tree = Tree(variant="v", image="i", digest="d", origin="o")
    seen = "".join(f"CONFIG_{symbol}=y\n" for symbol in (*hyperv.SEEN_BY, "HOTPLUG_CPU", "PCI"))
    state.kernel = build.kernel(tree, "t", state.old + seen, declared=answerrun.ALL)
    state.artifact = None if state.artifact is None else replace(state.artifact, image=folder / "bzImage")
    run_, state.boot = state.boot, None
    assert run_
    assert boots._worth_keeping(run_, state)
    return state, run_
