from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline import atomic
from pipeline.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_makes_its_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    atomic.write(tmp_path / "a" / "b" / "file", "text")
    atomic.write(tmp_path / "a" / "b" / "file", b"bytes")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"bytes"
    assert names(tmp_path / "a" / "b") == ["file"]
    assert (tmp_path / "a" / "b" / "file").stat().st_mode & 0o777 == 0o644


def test_write_below_a_file_is_the_hosts_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(HostError, match="cannot write") as caught:
        atomic.write(tmp_path / "file" / "below", "text")
    assert caught.value.hint
    assert names(tmp_path) == ["file"]


def test_write_over_a_folder_leaves_it_and_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "target" / "full").mkdir(parents=True)
    with pytest.raises(HostError):
        atomic.write(tmp_path / "target", "text")
    assert names(tmp_path) == ["target"]
    assert names(tmp_path / "target") == ["full"]


def test_json(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "x.json", {"b": 1, "a": [None]})
    assert atomic.read_json(tmp_path / "x.json") == {"b": 1, "a": [None]}
    assert (tmp_path / "x.json").read_text().index('"b"') < (tmp_path / "x.json").read_text().index('"a"')


def test_json_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        atomic.write_json(tmp_path / "x.json", {"a": object()})
    assert json.loads((tmp_path / "x.json").read_text()) == 1
    assert names(tmp_path) == ["x.json"]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"{'a': 1}"])
def test_damaged_json_is_as_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.json").write_bytes(data)
    assert atomic.read_json(tmp_path / "x.json") is None


def test_missing_json_is_as_none(tmp_path: Path) -> None:
    assert atomic.read_json(tmp_path / "missing.json") is None
    assert atomic.read_json(tmp_path) is None


def test_folder_appears_whole_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "kernels" / "key"
    with atomic.folder(target) as temporary:
        (temporary / "bzImage").write_text("x")
        assert not target.exists()
    assert names(target) == ["bzImage"]
    assert names(tmp_path / "kernels") == ["key"]
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, HostError])
def test_folder_does_not_appear_after_an_exception(tmp_path: Path, error: type[BaseException]) -> None:
    def fails() -> None:
        with atomic.folder(tmp_path / "key") as temporary:
            (temporary / "bzImage").write_text("x")
            raise error("x")

    with pytest.raises(error):
        fails()
    assert names(tmp_path) == []


def test_a_disk_that_fails_within_is_the_hosts_fault(tmp_path: Path) -> None:
    def fails() -> None:
        with atomic.folder(tmp_path / "key") as temporary:
            (temporary / "file").write_text("x")
            (temporary / "file" / "below").write_text("x")

    with pytest.raises(HostError, match="cannot write"):
        fails()
    assert names(tmp_path) == []


def test_the_second_writer_loses_without_a_word(tmp_path: Path) -> None:
    target = tmp_path / "key"
    with atomic.folder(target) as first, atomic.folder(target) as second:
        assert first != second
        (first / "a").write_text("first")
        (second / "a").write_text("second")
    assert (target / "a").read_text() == "second"
    with atomic.folder(target) as third:
        (third / "a").write_text("third")
    assert (target / "a").read_text() == "second"
    assert names(tmp_path) == ["key"]
    assert names(target) == ["a"]


def test_folder_over_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    with pytest.raises(HostError), atomic.folder(tmp_path / "key") as temporary:
        (temporary / "a").write_text("x")
    assert names(tmp_path) == ["key"]


def test_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(HostError), atomic.folder(tmp_path / "file" / "key"):
        pass


def test_a_folder_is_replaced_when_asked(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic.folder(tmp_path / "kept", replace=True) as made:
            (made / "file").write_text(text)
    assert (tmp_path / "kept" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_note_of_which_any_bit_is_another_is_none(tmp_path: Path) -> None:
    path = tmp_path / "note"
    atomic.write_note(path, {"final": "CONFIG_HYPERV=m"})
    assert atomic.read_note(path) == {"final": "CONFIG_HYPERV=m"}
    data = path.read_bytes()
    for place in range(len(data) - 1):
        for bit in range(8):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            assert atomic.read_note(path) is None, (place, bit)
    for size in range(len(data) - 1):
        path.write_bytes(data[:size])
        assert atomic.read_note(path) is None
    assert atomic.read_note(tmp_path / "gone") is None
    path.write_text('{"final": "CONFIG_HYPERV=m"}\n')  # as it was written before there were digests
    assert atomic.read_note(path) is None
