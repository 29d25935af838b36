"""verify: says yes of a run as it was written, and names the file where anything of it was changed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import answering, boot, compactrun, plainrun, rebuild, replay, run, seal, store, verify
from pipeline.errors import HostError, UserError
from pipeline.values import Tree
from tests import answerrun, bootedrun, fakematrix, tinykernel

if TYPE_CHECKING:
    from pathlib import Path

CELL = "merged/distro-m/olddefconfig/gcc/hyperv"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A run as `./inv resolve` leaves it."""
    answerrun.matrix(tmp_path)
    folder = answerrun.run(tmp_path)
    store.write_verdicts(folder, replay.judge_run(folder))
    seal.close(folder)
    return folder


def said(place: Path, capsys: pytest.CaptureFixture[str], status: int) -> list[str]:
    capsys.readouterr()
    assert verify.verify(place) == status
    return capsys.readouterr().out.splitlines()


def test_a_run_as_it_was_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = said(place, capsys, 0)
    assert only.endswith("0 differences")
    assert int(only.split(", ")[1].split()[0]) > 30


@pytest.mark.parametrize("name", ["config.old", "config.final", "resolve.log", "reproduce.sh"])
@pytest.mark.parametrize("kind", ["changed", "emptied", "removed"])
def test_a_changed_file_is_named(place: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str) -> None:
    path = place / "cells" / CELL / name
    if kind == "removed":
        path.unlink()
    else:
        path.write_bytes(b"" if kind == "emptied" else path.read_bytes() + b"# more\n")
    first, *_ = said(place, capsys, 1)
    assert first == f"cells/{CELL}/{name}: is {'missing' if kind == 'removed' else 'not the file that was recorded'}"


def test_a_file_that_was_added_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "cells" / CELL / "console.log").write_text("forged")
    first, _ = said(place, capsys, 1)
    assert first == f"cells/{CELL}/console.log: is in no record"


@pytest.mark.parametrize("key", ["loudness", "source", "tree", "seconds"])
def test_a_changed_record_is_named(place: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    path = place / "cells" / CELL / "record.json"
    path.write_text(path.read_text().replace(f'"{key}": ', f'"x": 1, "{key}": ', 1))
    first, _ = said(place, capsys, 1)
    assert first == f"cells/{CELL}/record.json: is not the one that run.json has the digest of"


def test_a_verdict_that_the_files_do_not_give_is_told_although_every_digest_fits(
    place: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = place / "cells" / CELL / "record.json"
    record: Any = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "outcome": "kept", "status": "PASS", "class": ""}))
    seal.close(place)
    first, _ = said(place, capsys, 1)
    assert first.startswith(f"cells/{CELL}/record.json: outcome kept is judged lost, class  is judged ")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_a_damaged_record_is_named(place: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (place / "cells" / CELL / "record.json").write_text(text)
    assert f"cells/{CELL}/record.json: missing or damaged" in said(place, capsys, 1)


def test_a_run_from_before_digests_is_judged(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note: Any = json.loads((place / "run.json").read_text())
    del note["records"]
    (place / "run.json").write_text(json.dumps(note))
    for path in place.rglob("record.json"):
        record: Any = json.loads(path.read_text())
        path.write_text(json.dumps({key: value for key, value in record.items() if key not in {"files", "artifacts"}}))
    (only,) = said(place, capsys, 0)
    assert "records made before records had digests" in only


def test_a_packed_run(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compactrun.pack(place, tmp_path / "run.tar.xz")
    said(tmp_path / "run.tar.xz", capsys, 0)
    (place / "cells" / CELL / "config.final").write_text("CONFIG_HYPERV=y\n")
    compactrun.pack(place, tmp_path / "run.tar.xz")
    assert said(tmp_path / "run.tar.xz", capsys, 1)[0].startswith(f"cells/{CELL}/config.final: is not the file")


def test_an_answers_packed_run(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answering.answer(place, tmp_path / "docs", tmp_path / "matrix.yaml")
    said(tmp_path / "docs" / answering.PACKED, capsys, 0)


@pytest.mark.parametrize("text", ["", "{}", '{"cells": 1, "controls": []}'])
def test_what_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"no run\.json of a run"):
        verify.verify(tmp_path)


def test_a_cell_outside_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"cells": ["../../etc"], "controls": []}')
    with pytest.raises(UserError, match="outside"):
        verify.verify(tmp_path)


def test_a_file_that_cannot_be_read_is_our_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "cells" / CELL / "config.old"
    path.unlink()
    path.symlink_to(path)  # a loop: root reads everything else
    with pytest.raises(UserError, match=r"config\.old: is no plain file"):
        verify.verify(place)
    monkeypatch.setattr(plainrun, "check", lambda *_: None)
    monkeypatch.setattr(seal, "files", lambda folder: {"config.old": seal.digest(folder / "config.old")})
    with pytest.raises(HostError, match=r"config\.old: cannot be read"):
        verify.verify(place)


@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_a_kernel_that_is_built_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = tinykernel.write(tmp_path / "tree")
    fakematrix.write(tmp_path, tree)
    options = fakematrix.options(tmp_path)
    assert run.run(options) == 1  # it is no Linux kernel
    folder = tmp_path / "results" / "latest"
    (record,) = fakematrix.records(tmp_path)
    assert {"bzImage", "vmlinux.sha256"} <= record["artifacts"].keys()
    kernels = set((tmp_path / "cache" / "kernels").iterdir())
    assert rebuild.differences(folder, record["cell"], options) == []
    assert set((tmp_path / "cache" / "kernels").iterdir()) == kernels
    said(folder, capsys, 0)
    path = folder / "cells" / record["cell"] / "record.json"
    path.write_text(json.dumps({**record, "artifacts": {**record["artifacts"], "bzImage": "0" * 64}}))
    assert rebuild.differences(folder, record["cell"], options) == [
        f"{record['cell']}: bzImage is another one when it is built again"
    ]
    (tree / "word.c").write_text("int other;\n")
    first, second = rebuild.differences(folder, record["cell"], options)
    assert "makes the kernel" in first
    assert "the tree is" in second
    with pytest.raises(UserError, match="no record of a cell"):
        rebuild.differences(folder, "v/m", options)


def test_a_record_without_digests_of_a_kernel_cannot_be_rebuilt(place: Path) -> None:
    with pytest.raises(UserError, match="has no digests of a kernel"):
        rebuild.recorded(place, CELL)
    shutil.rmtree(place / "cells" / CELL)
    with pytest.raises(UserError, match="no record of a cell"):
        rebuild.recorded(place, CELL)


@pytest.mark.parametrize("name", boot.FILES)
def test_a_log_that_is_missing_is_named_and_the_rest_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str,
) -> None:  # fmt: skip
    folder = bootedrun.write(tmp_path / "run")
    seal.close(folder)
    said(folder, capsys, 0)
    note: Any = json.loads((folder / "run.json").read_text())
    first, other = (folder / "cells" / one for one in note["cells"][:2])
    (first / name).unlink()
    (other / "reproduce.sh").unlink()
    found = said(folder, capsys, 1)
    assert f"{first.relative_to(folder)}/{name}: is missing" in found
    assert f"{other.relative_to(folder)}/reproduce.sh: is missing" in found


@pytest.mark.parametrize("key", ["predicted", "required"])
def test_a_rung_that_is_not_what_the_files_give_is_told(
    place: Path, capsys: pytest.CaptureFixture[str], key: str,
) -> None:  # fmt: skip
    path = place / "cells" / CELL / "record.json"
    record: Any = json.loads(path.read_text())
    path.write_text(json.dumps({**record, key: "loaded"}))
    seal.close(place)
    assert said(place, capsys, 1)[0].startswith(f"cells/{CELL}/record.json: {key} loaded is judged ")


def test_what_run_json_says_of_the_whole_is_checked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note: Any = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps({**note, "void": "a control is wrong"}))
    assert said(place, capsys, 1)[0] == "run.json: void 'a control is wrong' is judged ''"
    (place / "run.json").write_text(json.dumps({**note, "cells": note["cells"][1:]}))
    assert said(place, capsys, 1)[0] == f"cells/{note['cells'][0]}: run.json has its digest and does not list it"
    del note["records"]
    (place / "run.json").write_text(json.dumps(note))
    assert verify.UNSEALED in said(place, capsys, 0)[-1]


def test_a_packed_runs_kernel_can_be_asked_for(tmp_path: Path) -> None:
    answerrun.matrix(tmp_path)
    folder = answerrun.run(tmp_path)
    path = folder / "cells" / CELL / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "artifacts": {"bzImage": "0"}}))
    compactrun.pack(folder, tmp_path / "run.tar.xz")
    (tmp_path / "matrix.yaml").write_text((tmp_path / "matrix.yaml").read_text().replace("distro-m,", ""))
    options = run.Options(file=tmp_path / "matrix.yaml")
    for place in (folder, tmp_path / "run.tar.xz"):
        with pytest.raises(UserError, match="has no cell"):
            rebuild.differences(place, CELL, options)


def test_a_record_says_what_its_tree_is_made_of_and_how_that_was_checked() -> None:
    plain = Tree(variant="v", image="i", digest="deb:12", origin="linux-source")
    sums = (f"{'3' * 64} one.patch",)
    patched = Tree(variant="v", image="i", digest="patched:4", origin="and one", plain=plain, patches=sums)
    assert seal.provenance(patched) == {
        "tree": "patched:4", "plain": "deb:12", "patches": list(sums),
        "verified": "the signature of Debian's archive, and its sha256 of the package",
    }  # fmt: skip
    assert seal.provenance(plain)["plain"] == "deb:12"
    assert seal.provenance(None) == {"tree": "", "plain": "", "patches": [], "verified": ""}


def test_a_packed_run_keeps_what_is_known_of_its_images(place: Path) -> None:
    note: Any = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps({**note, "images": {"host.cdx.json": "1"}}))
    seal.close(place)
    assert json.loads((place / "run.json").read_text())["images"] == {"host.cdx.json": "1"}
