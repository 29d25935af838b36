"""Runs in a folder of results, and what a person can call them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import comparing
from pipeline.errors import UserError
from tests.test_compare import NAME, lost, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OLD, NEW = "20260101-000000", "20260202-000000"
DONE = {"exit_status": 0, "void": ""}


def write(folder: Path, records: Sequence[dict[str, Any]], **note: Any) -> Path:
    """A run's folder with these records."""
    for one in records:
        home = folder / "cells" / one["cell"]
        home.mkdir(parents=True)
        (home / "record.json").write_text(json.dumps(one))
    folder.mkdir(parents=True, exist_ok=True)
    cells = [one["cell"] for one in records]
    (folder / "run.json").write_text(json.dumps({"cells": cells, "controls": [], "run": folder.name, **DONE, **note}))
    return folder


@pytest.fixture(name="results")
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of the variants v1 and v2: in the first both are kept, in the latest v2 is lost."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    write(results / OLD, [record(f"v1/{NAME}"), record(f"v2/{NAME}")])
    write(results / NEW, [record(f"v1/{NAME}"), lost(f"v2/{NAME}")])
    (results / "latest").symlink_to(NEW)
    return results


def compared(left: str, right: str, results: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = comparing.compare(left, right, results=results, markdown=False)
    return status, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("left", ["v1", "latest:v1", f"{NEW}:v1", "results/latest:v1", f"results/{OLD}:v1"])
@pytest.mark.parametrize("right", ["v2", "latest:v2", f"results/{NEW}:v2"])
def test_two_variants(left: str, right: str, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = compared(left, right, results, capsys)
    run = OLD if OLD in left else NEW
    assert status == 1
    assert lines[:2] == [
        f"A is results/{run}:v1: linux-source 6.12", f"B is results/{NEW}:v2: linux-source 6.12",
    ]  # fmt: skip
    assert lines[-1] == "1 cell: 1 lost"


@pytest.mark.parametrize("left", [OLD, f"results/{OLD}", f"./results/{OLD}/"])
@pytest.mark.parametrize("right", ["latest", "results/latest", NEW])
def test_two_runs(left: str, right: str, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = compared(left, right, results, capsys)
    assert status == 1
    assert lines[:2] == [f"A is results/{OLD}", f"B is results/{NEW}"]
    assert lines[-1] == "2 cells: 1 lost, 1 unchanged"
    assert compared(right, left, results, capsys)[0] == 0


def test_a_run_from_elsewhere(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = write(tmp_path / "away" / "a:b", [record(f"v2/{NAME}"), record(f"v3/{NAME}")])
    status, lines = compared(str(away), "latest", results, capsys)
    assert (status, lines[-1]) == (1, "3 cells: 1 lost, 1 only in A, 1 only in B")
    assert compared(f"{away}:v3", "v1", results, capsys)[0] == 0
    assert compared("latest", "away/a:b", results, capsys)[0] == 69


def test_markdown(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert comparing.compare("v1", "v2", results=results, markdown=True) == 1
    assert f"| {NAME} | bound | detected | lost |" in capsys.readouterr().out.splitlines()


def test_lines_are_neither_wrapped_nor_interpreted(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reason = f"[bold]x[/nonsense] :warning: {'long ' * 60}end"
    write(results / "odd", [record(f"v1/{NAME}"), lost(f"v2/{NAME}", changes=[], reason=reason)])
    _, lines = compared("odd:v1", "odd:v2", results, capsys)
    assert reason in lines[-2]


def refused(left: str, right: str, results: Path) -> str:
    with pytest.raises(UserError) as caught:
        comparing.compare(left, right, results=results, markdown=False)
    return str(caught.value)


@pytest.mark.parametrize("word", ["v9", "", ":", "latest:", ":v1", "results", "results/nothing", "x\0y", "x" * 5000])
def test_what_is_not_there_is_answered_by_what_is(word: str, results: Path) -> None:
    text = refused("v1", word, results)
    assert "no such run or variant" in text
    assert f"runs in {results}: latest, {NEW}, {OLD}" in text
    assert f"variants of results/{NEW}: v1, v2" in text


def test_a_variant_that_another_run_has_not(results: Path) -> None:
    write(results / "other", [record(f"v3/{NAME}")])
    assert "variants of results/other: v3" in refused("v1", "other:v9", results)
    assert "no such run or variant" in refused("v1", "v3", results)


def test_no_runs_at_all(tmp_path: Path) -> None:
    text = refused("latest", "v1", tmp_path / "results")
    assert f"runs in {tmp_path / 'results'}: none" in text


def test_a_long_list_is_cut(results: Path) -> None:
    for number in range(30):
        write(results / f"2025-{number}", [])
    assert " and 13 more" in refused("v1", "v9", results)


def test_what_means_several_things_is_refused(results: Path, tmp_path: Path) -> None:
    write(results / "v1", [record(f"v1/{NAME}")])
    text = refused("v1", "v2", results)
    assert "v1: means several things" in text
    assert {"results/v1", f"results/{NEW}:v1"} <= set(text.splitlines())
    write(tmp_path / OLD, [])
    text = refused(OLD, "latest", results)
    assert {f"./{OLD}", f"results/{OLD}"} <= set(text.splitlines())


def test_each_form_that_is_offered_is_understood(results: Path, tmp_path: Path) -> None:
    write(results / "v1", [record(f"v1/{NAME}")])
    write(tmp_path / "v1", [record(f"v1/{NAME}")])
    with pytest.raises(UserError) as caught:
        comparing.side("v1", results)
    offered = caught.value.details.splitlines()
    assert len(offered) == 3
    assert [comparing.side(word, results).name for word in offered] == offered


@pytest.mark.parametrize(("left", "right"), [("v1", "latest:v1"), ("latest", NEW), (OLD, f"./results/{OLD}")])
def test_the_same_twice_is_refused(left: str, right: str, results: Path) -> None:
    assert "A and B are the same" in refused(left, right, results)


@pytest.mark.parametrize(("left", "right"), [("v1", OLD), ("latest", "v2"), (OLD, "latest:v1")])
def test_a_run_is_not_compared_with_a_variant(left: str, right: str, results: Path) -> None:
    assert "give RUN:VARIANT for both" in refused(left, right, results)


@pytest.mark.parametrize(
    ("note", "head"),
    [
        ({"void": "control x\nshows nothing"}, "VOID: the controls of A were wrong: control x shows nothing"),
        ({"exit_status": None}, "UNFINISHED: A did not come to its end (it was killed, or still runs)"),
        ({"exit_status": 130}, "UNFINISHED: A did not come to its end (exit status 130)"),
    ],
)
def test_a_run_that_is_void_or_unfinished_is_said_to_be(
    note: dict[str, Any], head: str, results: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ones = [record(f"v1/{NAME}"), record(f"v2/{NAME}", status="ERROR", outcome="unknown", observed=None)]
    write(results / "bad", ones, **note)
    status, lines = compared("bad:v1", "latest:v1", results, capsys)
    assert status == 0
    assert lines[2].startswith(head)
    assert compared("bad", "latest", results, capsys)[0] == 69


@pytest.mark.parametrize("status", [0, 1, 69])
def test_a_run_that_came_to_its_end_is_not_doubted(
    status: int, results: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(results / "good", [record(f"v1/{NAME}")], exit_status=status)
    assert compared("good:v1", "v1", results, capsys)[1][2].startswith("cell ")


def test_records_of_other_rules_are_noted(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(results / "later", [record(f"v1/{NAME}", rules=2)])
    _, lines = compared("v1", "later:v1", results, capsys)
    assert lines[2] == "NOTE: judged differently: A by rules 1 and B by rules 2; a difference may be the judge's"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cell": 3}'])
def test_a_damaged_record_is_one_clear_error(text: str, results: Path) -> None:
    (results / OLD / "cells" / f"v1/{NAME}" / "record.json").write_text(text)
    assert "damaged" in refused(OLD, "latest", results)


@pytest.mark.parametrize("field", [{"predicted": "up"}, {"loudness": "shouted"}, {"resolved": None}, {"status": 1}])
def test_a_record_with_other_words_is_one_clear_error(field: dict[str, Any], results: Path) -> None:
    write(results / "bad", [lost(f"v2/{NAME}", observed=None, **field)])
    assert "its records are damaged" in refused("bad:v2", "latest:v2", results)


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}'])
def test_a_folder_whose_run_json_is_damaged_is_no_run(text: str, results: Path) -> None:
    (results / OLD / "run.json").write_text(text)
    assert "no such run" in refused(OLD, "latest", results)


def test_a_run_without_its_records(results: Path) -> None:
    (results / OLD / "cells" / f"v2/{NAME}" / "record.json").unlink()
    assert "record.json: missing or damaged" in refused(OLD, "latest", results)
