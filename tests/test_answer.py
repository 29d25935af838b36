"""The document of a run: what it says, what it refuses, and that the one that is checked in is its run's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import answer, answering, asking, compactrun, record, replay
from pipeline.errors import UserError
from tests import answerrun
from tests.answerrun import ROOT, WARNING, changed, judged, row

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.answer_run import Given

DOCUMENT, PACKED = ROOT / "docs" / "answer.md", ROOT / "docs" / "answer" / "run.tar.xz"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return judged(tmp_path_factory.mktemp("small"))


def booted(given: Given) -> Given:
    """The same run as if every cell but those that were refused had been booted, and was as predicted."""
    tools = {"accelerator": "nested", "qemu": "QEMU 11", "compiler": "gcc 14", "engine": "Docker 20.10"}
    slim = {"base": "slim.config", "kept": ["a"] * 20, "dropped": ["b"] * 300}
    cells = [
        {**one, "observed": None if one["refused"] else one["predicted"], "booted": not one["refused"], "tools": tools,
         "kernel": None if one["refused"] else f"{one['variant']}-{one['predicted']}",
         "slim": slim if one["config"].startswith("debian") else None}
        for one in given.cells
    ]  # fmt: skip
    return replace(changed(given, cells, through="boot"), controls=[{**cells[0], "reused": {"boot": True}}])


def test_the_same_run_gives_the_same_text(small: Given) -> None:
    assert answer.document(small) == answer.document(small)


def test_a_run_that_was_not_booted_says_so_first(small: Given) -> None:
    text = answer.document(small)
    assert text.splitlines()[4].startswith("> **Nothing was booted, and nothing was built.**")
    assert row(text, "Every old config", "`distro-m`") == [
        "`distro-m`", "m", "(✗ lost warned [a])", "(✓ kept m→y)", "(✗ lost warned [a])",
    ]  # fmt: skip
    assert row(text, "Every old config", "`never`")[3] == "(+ gained)"
    assert row(text, "Every old config", "`vtl`")[3:] == ["", ""]
    assert row(text, "Every way", "`werror`")[1] == "✗ refused [e]"  # a refusal is no prediction
    assert row(text, "Proposals by `allnoconfig`", "`default-y`")[1] == "(✗ lost warned [a])"
    assert "- [c] The old config says n to the new option" in text
    assert row(text, "What was run", "command")[1] == "`./inv resolve`"
    assert row(text, "What was run", "run")[1] == "20261123-120000, 2026-11-23 12:00 UTC"


def test_a_booted_run_tells_what_was_seen(small: Given) -> None:
    text = answer.document(booted(small))
    assert "Nothing was booted" not in text
    assert "(✗" not in text
    assert row(text, "Every old config", "`distro-m`")[2] == "✗ lost warned [a]"
    assert row(text, "Reported losses", "4")[4:] == ["bound", "predicts core", "shows core", "silent"]
    assert row(text, "What was run", "boots")[1] == "8, for 16 cells and controls; 0 known from earlier runs"
    assert row(text, "What was run", "accelerator")[1] == "`nested`"
    assert row(text, "What was run", "controls")[1] == "1, each as it must be"
    assert "`debian-6.12` and `debian-6.12-cloud`: the whole .config was carried over" in " ".join(text.split())
    assert "`slim.config` with 20 of its options; 300 were left out" in " ".join(text.split())


def test_a_cell_that_was_not_booted_is_named(small: Given) -> None:
    run = booted(small)
    cells = [{**one, "observed": None} if one["config"] == "efi" else one for one in run.cells]
    text = " ".join(answer.document(changed(run, cells)).split())
    assert "in parentheses: `merged/efi/olddefconfig/gcc/hyperv`" in text
    assert "(✓ kept) " in text


def test_the_cost_is_counted(small: Given) -> None:
    text = answer.document(small)
    title = "What each proposal costs"
    assert row(text, title, "`merged`")[1:] == ["1 of 3", "0", "1", "0", "0", "0", "none", "none", "none"]
    assert row(text, title, "`default-y`")[1:8] == ["0 of 3", "0", "0", "0", "1", "1: hv_vmbus", "1 file, +1 -0"]
    assert row(text, title, "`sysfb-depends`")[1:4] == ["2 of 3", "1", "1"]
    gained = "turns on HYPERV, HYPERV_VMBUS and HYPERV_BALLOON in `never`, which never mentions HYPERV"
    assert gained in " ".join(text.split())


@pytest.mark.parametrize(("note", "text"), [
    ({"through": "build"}, "ended with `build` by plan"), ({"exit_status": None}, "did not come to its end"),
    ({"exit_status": 130}, "did not come to its end"), ({"exit_status": 2}, "did not come to its end"),
    ({"through": "boot"}, "nothing was booted"),
])  # fmt: skip
def test_half_a_run_is_refused(small: Given, note: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError, match=text):
        answer.document(changed(small, **note))


def test_a_run_that_shows_nothing_is_refused(small: Given) -> None:
    run = booted(small)
    with pytest.raises(UserError, match="the run is void: the control lies"):
        answer.document(replace(run, void="the control lies"))
    with pytest.raises(UserError, match="no control was"):
        answer.document(replace(run, controls=[]))
    failed = {**small.cells[0], "status": "ERROR", "outcome": "unknown", "reason": "disk full"}
    with pytest.raises(UserError, match=r"1 cell without a result\nmerged/.*: disk full"):
        answer.document(changed(small, [failed, *small.cells[1:]]))
    with pytest.raises(UserError, match="no variant merged"):
        answer.document(changed(small, [one for one in small.cells if one["variant"] != "merged"]))


def test_what_cannot_be_told_is_told(small: Given) -> None:
    skipped = {"status": "SKIP", "outcome": "unknown", "reason": "no PRINTK"}
    cells = [{**one, **skipped} if one["cell"].startswith("merged/efi/") else one for one in small.cells]
    text = answer.document(changed(small, cells))
    assert "- skipped: `merged/efi/olddefconfig/gcc/hyperv`. no PRINTK" in text
    assert row(text, "Every old config", "`efi`")[2].startswith("– skipped [")


def test_the_command_writes_both_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    matrix = answerrun.matrix(tmp_path)
    run = answerrun.run(tmp_path)
    assert answering.answer(run, tmp_path / "docs", matrix) == 0
    text = (tmp_path / "docs" / "answer.md").read_text()
    assert WARNING in " ".join(text.split())
    assert "docs/answer.md, from" in capfd.readouterr().out.replace("\n", "")
    assert answering.answer(tmp_path / "docs" / "answer" / "run.tar.xz", tmp_path / "again", matrix) == 0
    for name in ("answer.md", "answer/run.tar.xz"):
        assert (tmp_path / "docs" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    untouched = json.loads((run / "cells" / "merged/efi/olddefconfig/gcc/hyperv/record.json").read_text())
    assert untouched["status"] == "ERROR"  # the run's own folder is left as it was


def test_the_command_refuses_what_is_not_the_whole(tmp_path: Path) -> None:
    matrix = answerrun.matrix(tmp_path)
    run = answerrun.run(tmp_path)
    text = matrix.read_text()
    matrix.write_text(text.replace("configs: [distro-m, efi, never]", "configs: [distro-m, efi]"))
    with pytest.raises(UserError, match="0 cells missing, 3 too many"):
        answering.answer(run, tmp_path / "docs", matrix)
    matrix.write_text(text.replace("merged", "other"))
    with pytest.raises(UserError, match="cells missing"):
        answering.answer(run, tmp_path / "docs", matrix)
    with pytest.raises(UserError, match="No such file"):
        answering.answer(tmp_path / "nowhere", tmp_path / "docs", matrix)
    matrix.write_text(text)
    spoilt = run / "cells/merged/efi/olddefconfig/gcc/hyperv/record.json"
    whole = spoilt.read_text()
    spoilt.write_text(whole.replace('"machine": {', '"machines": {'))
    with pytest.raises(UserError) as caught:
        answering.answer(run, tmp_path / "docs", matrix)
    assert caught.value.brief == f"{run}: its records are damaged"  # and not the copy, which is gone
    spoilt.write_text(whole)
    note = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**note, "exit_status": None}))
    with pytest.raises(UserError, match="did not come to its end"):
        answering.answer(run, tmp_path / "docs", matrix)
    assert not (tmp_path / "docs").exists()


def test_what_is_checked_in_is_what_the_generator_makes() -> None:
    there = {DOCUMENT.exists(), PACKED.exists()}
    assert len(there) == 1, "docs/answer.md and docs/answer/run.tar.xz belong together"
    if not there.pop():
        pytest.skip("no run was kept yet: ./inv answer RUN")
    with compactrun.opened(PACKED) as folder:
        found = replay.judge_run(folder)
        for one in (*found.cells, *found.controls):
            new = record.judged(one.verdict)
            assert {key: one.record[key] for key in new} == new, one.record["cell"]
        known = answering.patches(asking.load(ROOT / "matrix.yaml"))
        assert answering.document(folder, found, known) == DOCUMENT.read_text()
