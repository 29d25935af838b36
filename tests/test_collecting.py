"""The runs of several machines as one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import asking, atomic, collecting, compactrun, reporting, sharding, shards
from pipeline.errors import UserError
from pipeline.run import Options
from tests import answerrun, reportruns

if TYPE_CHECKING:
    from pipeline.sharding import Shard

KEYS = ("status", "outcome", "class", "observed", "reason", "evidence")


@pytest.fixture(name="whole")
def made(tmp_path: Path) -> Path:
    """A run of every cell of a small matrix.yaml, which is beside it."""
    answerrun.matrix(tmp_path)
    run = answerrun.run(tmp_path)
    assert collecting.collect([run], options(tmp_path, "direct")) in {0, 1}
    return tmp_path / "direct" / "latest"


def options(folder: Path, results: str = "merged", cells: str = "") -> Options:
    return Options(file=folder / "matrix.yaml", cells=cells, results=folder / results, cache=folder / "cache")


def parts(folder: Path, count: int) -> list[Shard]:
    asked = asking.load(folder / "matrix.yaml")
    return sharding.split(shards.units(asked, asking.states(asked, asked.cells), options(folder)), count)


def sharded(folder: Path, count: int = 3) -> list[Path]:
    """The run cut as machines would have it: a folder a shard, with a run of its cells below."""
    places = []
    for part in parts(folder, count):
        place = folder / "shards" / f"shard-{part.number}"
        for name in part.cells:
            shutil.copytree(folder / "20261123-120000" / "cells" / name, place / "20260101-000000" / "cells" / name)
        controls = folder / "20261123-120000" / "controls"
        if controls.is_dir():
            shutil.copytree(controls, place / "20260101-000000" / "controls")
        note = json.loads((folder / "20261123-120000" / "run.json").read_text())
        atomic.write_json(place / "20260101-000000" / "run.json", {**note, "cells": list(part.cells)})
        (place / "latest").symlink_to("20260101-000000")
        places.append(place)
    return places


def verdicts(run: Path) -> dict[str, Any]:
    return {
        one["cell"]: {key: one[key] for key in KEYS} for one in reporting.read(run.resolve(), "x").cells
    }  # fmt: skip


def test_shards_merged_are_the_whole_run(whole: Path, tmp_path: Path) -> None:
    sharded(tmp_path)
    status = collecting.collect([tmp_path / "shards"], options(tmp_path))
    assert verdicts(tmp_path / "merged" / "latest") == verdicts(whole)
    notes = [json.loads((run / "run.json").read_text()) for run in (whole, tmp_path / "merged" / "latest")]
    assert notes[0]["cells"] == notes[1]["cells"]
    assert status == notes[0]["exit_status"] == notes[1]["exit_status"]
    assert notes[1]["missing"] == []


@pytest.mark.usefixtures("whole")
def test_a_missing_shard_is_named_cell_by_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = sharded(tmp_path)
    assert len(places) == 3
    gone = parts(tmp_path, 3)[1].cells
    assert collecting.collect([places[0], places[2]], options(tmp_path)) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"MISSING {len(gone)} cells: {', '.join(gone)}" in said
    note = json.loads((tmp_path / "merged" / "latest" / "run.json").read_text())
    assert note["missing"] == [name for name in whole_names(tmp_path) if name in gone]
    with reporting.opened(tmp_path / "merged" / "latest") as run:
        assert run.heads[0].startswith(f"INCOMPLETE: {len(gone)} cells are missing: {note['missing'][0]}")
        for kind in ("md", "mail", "junit", "ktap"):
            assert "INCOMPLETE" in reporting.rendered(run, kind)
        assert reporting.rendered(run, "ktap").count("# ERROR no run has this cell") == len(gone)


def whole_names(folder: Path) -> list[str]:
    return [cell.name for cell in asking.load(folder / "matrix.yaml").cells]


@pytest.mark.usefixtures("whole")
def test_a_cell_that_a_shard_lists_and_has_not_is_missing(tmp_path: Path) -> None:
    places = sharded(tmp_path)
    name = parts(tmp_path, 3)[0].cells[0]
    shutil.rmtree(places[0] / "20260101-000000" / "cells" / name)
    assert collecting.collect(places, options(tmp_path)) == 1
    assert json.loads((tmp_path / "merged" / "latest" / "run.json").read_text())["missing"] == [name]


@pytest.mark.usefixtures("whole")
def test_what_was_asked_for_is_what_counts(tmp_path: Path) -> None:
    places = sharded(tmp_path)
    cells = parts(tmp_path, 3)[0].pattern
    collecting.collect([places[0]], options(tmp_path, cells=cells))
    assert json.loads((tmp_path / "merged" / "latest" / "run.json").read_text())["missing"] == []
    with pytest.raises(UserError, match="a shard has it, and it is not asked for"):
        collecting.collect(places, options(tmp_path, cells=cells))


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": "0"}, "is of another"), ({"through": "boot"}, "went through another stage"),
        ({"schema": 1}, "records of another schema"),
        ({"cells": ["../../x"]}, "no cell's name"), ({"cells": None}, "no run.json of a run"),
    ],
)  # fmt: skip
def test_a_run_that_does_not_fit_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    places = sharded(tmp_path)
    path = places[1] / "20260101-000000" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=said):
        collecting.collect(places, options(tmp_path))
    assert not (tmp_path / "merged").exists()


@pytest.mark.usefixtures("whole")
def test_two_shards_that_differ_on_a_cell_are_refused_unless_one_was_tried_again(tmp_path: Path) -> None:
    places = sharded(tmp_path)
    again = Path(shutil.copytree(places[0], tmp_path / "again", symlinks=True))
    name = parts(tmp_path, 3)[0].cells[0]
    path = again / "20260101-000000" / "cells" / name / "record.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "outcome": "lost", "status": "FAIL"}))
    other = places[0] / "20260101-000000" / "cells" / name / "record.json"
    other.write_text(json.dumps({**record, "outcome": "kept", "status": "PASS"}))
    with pytest.raises(UserError, match="two shards differ on it"):
        collecting.collect([*places, again], options(tmp_path))
    other.write_text(json.dumps({**record, "outcome": "unknown", "status": "ERROR", "error": "lost power"}))
    collecting.collect([*places, again], options(tmp_path))
    merged = json.loads((tmp_path / "merged" / "latest" / "cells" / name / "record.json").read_text())
    assert merged["error"] == ""


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("other", ["../../../../escaped/x", "merged/builtin-y/olddefconfig/gcc/hyperv", None])
def test_a_record_of_another_cell_is_refused(other: str | None, tmp_path: Path) -> None:
    places = sharded(tmp_path)
    name = next(one for one in parts(tmp_path, 3)[0].cells if one != other)
    path = places[0] / "20260101-000000" / "cells" / name / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cell": other}))
    with pytest.raises(UserError, match="has the record of"):
        collecting.collect(places, options(tmp_path))
    assert not (tmp_path / "merged").exists()
    assert not list(tmp_path.parent.glob("**/escaped"))


@pytest.mark.parametrize("words", ["PASS SKIP", "PASS FAIL", "SKIP FAIL", "SKIP ERROR", "SKIP none"])
def test_of_a_control_the_worst_is_taken(words: str, tmp_path: Path) -> None:
    homes = [tmp_path / word for word in words.split()]
    for home, word in zip(homes, words.split(), strict=True):
        atomic.write_json(home / "record.json", {"status": word})
    assert collecting._preferred(homes[0], homes[1], "controls")
    assert not collecting._preferred(homes[1], homes[0], "controls")


@pytest.mark.parametrize(
    ("one", "other", "taken"),
    [("ERROR unknown", "FAIL unknown", True), ("FAIL unknown", "ERROR unknown", False),
     ("FAIL unknown", "PASS kept", True), ("PASS kept", "FAIL unknown", False),
     ("SKIP unknown", "ERROR unknown", False)],
)  # fmt: skip
def test_of_a_cell_what_says_more_is_taken(one: str, other: str, taken: bool, tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "other")]
    for home, words in zip(homes, (one, other), strict=True):
        status, outcome = words.split()
        atomic.write_json(home / "record.json", {"status": status, "outcome": outcome})
    assert collecting._preferred(homes[0], homes[1], "cells") == taken


@pytest.mark.usefixtures("whole")
def test_no_link_of_a_shard_is_followed(tmp_path: Path) -> None:
    places = sharded(tmp_path)
    name = parts(tmp_path, 3)[0].cells[0]
    home = places[0] / "20260101-000000" / "cells" / name
    (tmp_path / "secret").write_text("secret")
    (home / "dmesg.txt").symlink_to(tmp_path / "secret")
    (home / "evidence").symlink_to(tmp_path)
    collecting.collect(places, options(tmp_path))
    found = list((tmp_path / "merged" / "latest" / "cells" / name).rglob("*"))
    assert {path.name for path in found} >= {"record.json", "config.old"}
    assert not [path for path in found if path.name in {"dmesg.txt", "evidence", "secret"}]


@pytest.mark.parametrize("places", [[], ["nothing"]])
def test_folders_without_a_run(places: list[str], tmp_path: Path) -> None:
    answerrun.matrix(tmp_path)
    with pytest.raises(UserError, match=r"no folder is named|no run in it"):
        collecting.collect([tmp_path / place for place in places], options(tmp_path))


def test_the_real_run_sharded_and_merged(tmp_path: Path) -> None:
    """All 150 cells of the run in docs/answer, with its own matrix's name for the digest."""
    asked = asking.load(reportruns.ROOT / "matrix.yaml")
    with compactrun.opened(reportruns.PACKED) as folder:
        note = {**json.loads((folder / "run.json").read_text()), "digest": asked.digest}
        if sorted(note["cells"]) != sorted(cell.name for cell in asked.cells):
            pytest.skip("docs/answer is of another matrix.yaml")
        here = Options(file=reportruns.ROOT / "matrix.yaml", cache=tmp_path, results=tmp_path / "results")
        states = asking.states(asked, asked.cells)
        for part in sharding.split(shards.units(asked, states, here), 4):
            place = tmp_path / "shards" / str(part.number) / "run"
            for name in part.cells:
                shutil.copytree(folder / "cells" / name, place / "cells" / name)
            shutil.copytree(folder / "controls", place / "controls")
            atomic.write_json(place / "run.json", {**note, "cells": list(part.cells)})
        status = collecting.collect([tmp_path / "shards"], here)
        assert verdicts(tmp_path / "results" / "latest") == verdicts(folder)
        assert status == note["exit_status"]
        first = next((tmp_path / "shards").rglob("controls/**/record.json"))
        whole = first.read_text()
        first.write_text("{")
        with pytest.raises(UserError, match="a control without its record"):
            collecting.collect([tmp_path / "shards"], here)
        first.write_text(whole)
        for path in (tmp_path / "shards").rglob("run.json"):
            path.write_text(json.dumps({**json.loads(path.read_text()), "controls": []}))
        with pytest.raises(UserError, match="no run has the control"):
            collecting.collect([tmp_path / "shards"], here)
