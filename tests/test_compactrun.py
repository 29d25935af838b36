from __future__ import annotations

import io
import json
import lzma
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import answering, archive, compactrun, replay, showing, store
from pipeline.errors import UserError
from pipeline.model import Ladder
from tests.answerrun import booted
from tests.frames import BARE, HYPERV

CELL, OTHER = (f"cells/{name}/c/olddefconfig/gcc/hyperv" for name in ("v6.12-distro-m", "v7.3-distro-m"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a judged run of two cells, one of which shares its boot with a control, and the run packed."""
    folder = tmp_path_factory.mktemp("made") / "run"
    cells = [booted("v6.12-distro-m", HYPERV, Ladder.BOUND), booted("v7.3-distro-m", HYPERV, Ladder.DETECTED)]
    checks = [booted("v6.12-distro-m", HYPERV, Ladder.BOUND), booted("v6.12-builtin-y-bare", BARE, Ladder.BOOTED)]
    store.write_run(folder, cells, checks, {"exit_status": 0})
    for kind, states in (("cells", cells), ("controls", checks)):
        for one in states:
            store.write_cell(folder / kind / one.cell.name, one, "boot")
    store.write_verdicts(folder, replay.judge_run(folder))
    compactrun.pack(folder, folder.parent / "run.tar.xz")
    return folder.parent


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


@pytest.fixture
def packed(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(made / "run.tar.xz", tmp_path / "run.tar.xz"))


def members(path: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in listed(path).items()}


def listed(path: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    found = {}
    with tarfile.open(path, "r:xz") as packed:
        for member in packed:
            stream = packed.extractfile(member)
            found[member.name] = (member, stream.read() if stream else b"")
    return found


def repacked(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    buffer = io.BytesIO(archive.pack(files))
    with tarfile.open(fileobj=buffer, mode="a") as out:
        for member in more:
            out.addfile(member, io.BytesIO(b"x" * member.size))
    path.write_bytes(lzma.compress(buffer.getvalue()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def refused(path: Path, text: str) -> None:
    with pytest.raises(UserError, match=text), compactrun.opened(path):
        raise AssertionError("it was opened")


def test_it_is_judged_as_the_folder_is(run: Path, packed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = replay.judge_run(run)
    with compactrun.opened(packed) as folder:
        second = replay.judge_run(folder)
        for name in (f"{CELL}/console.log", f"{CELL}/config.final", "run.json"):
            assert (folder / name).read_bytes() == (run / name).read_bytes()
    assert not folder.exists()
    assert first == second
    assert first.cells[0].verdict.observed is Ladder.BOUND
    assert answering.judge(packed) == answering.judge(run) == showing.judge(run)
    assert "DIFFERS" not in capfd.readouterr().out


def test_only_what_judging_reads_is_kept_and_equal_files_once(packed: Path) -> None:
    found = listed(packed)
    assert {name.rpartition("/")[2] for name in found} == {"run.json", *compactrun.FILES}
    contents = [content for one, content in found.values() if not one.islnk()]
    assert len(contents) == len(set(contents))
    linked = [one for one, _ in found.values() if one.islnk()]
    assert linked
    assert {(one.mtime, one.uid, one.gid, one.uname) for one, _ in found.values()} == {(0, 0, 0, "")}


def test_the_same_run_gives_the_same_bytes(run: Path, packed: Path) -> None:
    copy = Path(shutil.copytree(run, run.parent / "copy"))
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    compactrun.pack(copy, run.parent / "copy.tar.xz")
    with compactrun.opened(packed) as folder:
        compactrun.pack(folder, run.parent / "again.tar.xz")
    assert {path.read_bytes() for path in run.parent.glob("*.tar.xz")} == {packed.read_bytes()}


@pytest.mark.parametrize("name", [
    "../evil", "/etc/passwd", "cells/../../../../../../record.json", "cells/a/b/c/d/record.json",
    "cells/a/b/c/d/e/reproduce.sh", f"{CELL}/../record.json", "cells/a/b/c/d/../record.json", "notes",
    "cells/a/b/c/d//record.json", "cells/a/b/c/d/e\n/record.json", "cells/a/b/c/d/e/record.json\n",
])  # fmt: skip
def test_a_name_that_no_run_has_is_refused(packed: Path, name: str) -> None:
    refused(repacked(packed, members(packed), member(name)), "no packed run has")


@pytest.mark.parametrize("odd", [
    member(f"{OTHER[:-1]}/boot.json", tarfile.SYMTYPE, "/etc/passwd"),
    member(f"{OTHER[:-1]}/boot.json", tarfile.LNKTYPE, "/etc/passwd"),
    member(f"{OTHER[:-1]}/boot.json", tarfile.LNKTYPE, f"{OTHER[:-1]}/boot.json"),
    member(f"{OTHER[:-1]}/boot.json", tarfile.DIRTYPE), member(f"{OTHER[:-1]}/boot.json", tarfile.FIFOTYPE),
    member(f"{OTHER[:-1]}/boot.json", tarfile.CHRTYPE),
])  # fmt: skip
def test_what_is_no_file_is_refused(packed: Path, odd: tarfile.TarInfo) -> None:
    refused(repacked(packed, members(packed), odd), "neither a file nor a link to an earlier one")


def test_a_name_twice_is_refused(packed: Path) -> None:
    refused(repacked(packed, members(packed), member("run.json", size=1)), "no packed run has")


@pytest.mark.parametrize("name", ["run.json", *(f"{OTHER}/{name}" for name in compactrun.FILES)])
def test_a_file_that_is_gone_is_missed(run: Path, packed: Path, name: str) -> None:
    files = members(packed)
    del files[name]
    refused(repacked(packed, files), "run.json" if name == "run.json" else f"{name} is missing")
    (run / name).unlink()
    with pytest.raises(UserError, match=r"run.json|missing"):
        compactrun.pack(run, packed)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 3, "controls": []}', '{"cells": ["../x"], "controls": []}'],
)  # fmt: skip
def test_a_damaged_note_is_refused(packed: Path, text: str) -> None:
    refused(repacked(packed, {**members(packed), "run.json": text.encode()}), "run.json")


def test_a_cell_that_is_not_listed_is_refused(packed: Path) -> None:
    note = {**json.loads(members(packed)["run.json"]), "cells": []}
    refused(repacked(packed, {**members(packed), "run.json": json.dumps(note).encode()}), "is not listed in run.json")


def test_an_error_names_the_packed_file_and_not_a_folder_that_is_gone(packed: Path) -> None:
    record = {**json.loads(members(packed)[f"{CELL}/record.json"]), "machine": None}
    files = {**members(packed), f"{CELL}/record.json": json.dumps(record).encode()}
    with pytest.raises(UserError) as caught:
        answering.judge(repacked(packed, files))
    assert str(caught.value).startswith(f"{packed}: its records are damaged")
    assert "hvmatrix-" not in str(caught.value)


def test_what_is_none_is_told(tmp_path: Path, run: Path) -> None:
    refused(tmp_path / "nowhere", "No such file")
    (tmp_path / "text").write_text("no archive")
    refused(tmp_path / "text", "no packed run")
    (run / "run.json").unlink()
    with pytest.raises(UserError, match=r"no run\.json of a run"):
        compactrun.pack(run, tmp_path / "x.tar.xz")


def test_what_is_too_large_is_refused(run: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compactrun, "LIMIT", 50_000)
    refused(packed, "unpacks to more than")
    with pytest.raises(UserError, match="more than"):
        compactrun.pack(run, packed)
    monkeypatch.setattr(compactrun, "PACKED_LIMIT", 100)
    refused(packed, "larger than")


def test_links_count_as_what_they_unpack_to(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [len(content) for one, content in listed(packed).values() if not one.islnk()]
    raw = len(lzma.decompress(packed.read_bytes()))
    assert sum(map(len, members(packed).values())) > raw > sum(sizes)
    monkeypatch.setattr(compactrun, "LIMIT", raw)
    refused(packed, "unpacks to more than")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_damage_goes_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    small = repacked(folder / "run.tar.xz", {"run.json": b'{"cells": [], "controls": []}'})
    whole = small.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    spoilt = data.draw(st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]]))
    small.write_bytes(spoilt)
    refused(small, "run.tar.xz")
