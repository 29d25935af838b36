"""Records, notes and caches with anything in them: one clear refusal, or as if they had never been written."""

from __future__ import annotations

import copy
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import atomic, boot, compactrun, comparing, replay, showing
from pipeline.errors import UserError
from pipeline.model import Ladder
from tests.hostile import budget, within

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Path(__file__).resolve().parent.parent / "docs" / "answer" / "run.tar.xz"
BOOT = Path(__file__).resolve().parent / "golden" / "boots" / "v7.3-distro-m"
DEEP = "[" * 200_000
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from([
        "bound", "n", "../../..", "/", "\0", "cells", 2**70, -1, "[red]", "\x1b[2J",
    ])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=6), inner, max_size=2)),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """A run of one booted cell without controls: its folder, run.json and record."""
    folder = tmp_path_factory.mktemp("run")
    with compactrun.opened(RUN) as whole:
        note: Any = atomic.read_json(whole / "run.json")
        name = next(cell for cell in note["cells"] if cell.startswith("merged/distro-m/olddefconfig/"))
        home = Path(shutil.copytree(whole / "cells" / name, folder / "cells" / name))
    for file in boot.FILES:
        shutil.copy(BOOT / file, home / file)
    note |= {"cells": [name], "controls": []}
    record: Any = atomic.read_json(home / "record.json")
    assert record["changes"]
    record |= {"booted": True, "reached": "boot", "planned": "boot"}
    (folder / "run.json").write_text(json.dumps(note))
    (home / "record.json").write_text(json.dumps(record))
    shutil.copytree(folder, tmp_path_factory.mktemp("whole") / "run")
    shutil.move(tmp_path_factory.getbasetemp() / "whole0" / "run", folder / "whole")
    return folder, note, record


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value of JSON."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


def changed(value: Any, at: tuple[Any, ...], new: Any, *, gone: bool) -> Any:
    """A copy with another value at a place, or without it."""
    made = copy.deepcopy(value)
    if not at:
        return new
    around = made
    for key in at[:-1]:
        around = around[key]
    if gone:
        del around[at[-1]]
    else:
        around[at[-1]] = new
    return made


def test_a_value_that_only_the_table_looks_at(one: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    folder, note, record = one
    home = folder / "cells" / note["cells"][0]
    for at, value in ((("requested",), None), (("seconds",), {"resolve": "x"}), (("variant",), 5), (("changes",), [])):
        (home / "record.json").write_text(json.dumps(changed(record, at, value, gone=value is None)))
        judged(folder)  # KeyError, AttributeError and TypeError were shown as tracebacks


def judged(folder: Path) -> None:
    with within():
        with suppress(UserError):
            showing.judge(folder)
        with suppress(UserError):
            comparing.compare(str(folder), f"{folder}/whole", results=folder, markdown=False)


@budget(60)
@given(data=st.data())
def test_a_record_with_anything_in_it(
    one: tuple[Path, dict[str, Any], dict[str, Any]], data: st.DataObject, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder, note, record = one
    file = data.draw(st.sampled_from(["run.json", "record.json", "boot.json"]))
    home = folder / "cells" / note["cells"][0]
    booted: Any = json.loads((home / "boot.json").read_text())
    value = {"run.json": note, "record.json": record, "boot.json": booted}[file]
    at = data.draw(st.sampled_from(list(places(value))))
    new = changed(value, at, data.draw(VALUES), gone=bool(at) and data.draw(st.booleans()))
    texts = {"run.json": note, "record.json": record, "boot.json": booted, file: new}
    for name, content in texts.items():
        (folder if name == "run.json" else home).joinpath(name).write_text(json.dumps(content))
    judged(folder)
    (home / "boot.json").write_text(json.dumps(booted))
    assert "\x1b[2J" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["run.json", "record.json", "boot.json"])
@pytest.mark.parametrize("text", [DEEP, "", "\0", "{", "null", "[]", "1e999", "9" * 5000, '"\\ud800"'])
def test_a_file_of_a_run_that_is_no_object(
    one: tuple[Path, dict[str, Any], dict[str, Any]], tmp_path: Path, name: str, text: str,
) -> None:  # fmt: skip
    folder, note, record = one
    (folder / "run.json").write_text(json.dumps(note))
    home = folder / "cells" / note["cells"][0]
    (home / "record.json").write_text(json.dumps(record))
    shutil.copytree(folder, tmp_path / "run")
    home = tmp_path / "run" / "cells" / note["cells"][0]
    (tmp_path / "run" if name == "run.json" else home).joinpath(name).write_text(text)
    with within(), pytest.raises(UserError):
        showing.judge(tmp_path / "run")


@pytest.mark.parametrize("text", [DEEP, DEEP.replace("[", '{"a":'), "", "{", "\0", "9" * 5000])
def test_a_damaged_note_was_never_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "note.json").write_text(text)
    assert atomic.read_json(tmp_path / "note.json") is None


@budget(30)
@given(data=st.data())
@example(data=None)
def test_a_boot_whose_logs_are_damaged_never_climbs(
    one: tuple[Path, dict[str, Any], dict[str, Any]], data: st.DataObject | None,
) -> None:  # fmt: skip
    folder, note, record = one
    home = folder / "cells" / note["cells"][0]
    (folder / "run.json").write_text(json.dumps(note))
    (home / "record.json").write_text(json.dumps(record))
    whole = (home / "console.log").read_bytes()
    before = replay.judge_run(folder).cells[0].verdict.observed
    text = bytearray(whole)
    if data:
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(1, 2000))] = data.draw(st.binary(max_size=20))
    (home / "console.log").write_bytes(text)
    after = replay.judge_run(folder).cells[0].verdict.observed
    (home / "console.log").write_bytes(whole)
    assert after in {before, Ladder.NONE, None}
