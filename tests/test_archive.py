from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from pipeline import archive
from pipeline.errors import HostError
from tests.hostile import member, within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {"b": b"2", "a/c": b"", "a/d": b"x" * 1000}


def test_what_is_packed_is_unpacked() -> None:
    assert archive.unpack(archive.pack(FILES)) == FILES


def test_same_files_give_the_same_bytes() -> None:
    packed = archive.pack(FILES)
    assert packed == archive.pack(dict(reversed(FILES.items())))
    assert packed != archive.pack(FILES, owner=1000)
    assert packed != archive.pack({**FILES, "b": b"3"})


def test_mode_owner_and_time() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive.pack(FILES, mode=0o755, owner=1000))) as found:
        assert [(one.name, one.mode, one.uid, one.gid, one.mtime) for one in found] == [
            (name, 0o755, 1000, 1000, 0) for name in sorted(FILES)
        ]


def test_only_regular_files_come_out() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
        for number, kind in enumerate(kinds):
            member = tarfile.TarInfo(f"out/{number}")
            member.type, member.linkname = kind, "/etc/passwd"
            made.addfile(member)
        made.addfile(tarfile.TarInfo("out/file"))
    assert archive.unpack(buffer.getvalue()) == {"out/file": b""}


def test_what_is_packed_once_more_is_refused() -> None:
    with pytest.raises(tarfile.TarError):
        archive.unpack(gzip.compress(archive.pack(FILES)))


def test_a_member_that_leads_back_is_refused() -> None:
    packed = member(ord("0"), 0, "a") + member(ord("0"), -512, "b") + bytes(1024)
    with within(5), pytest.raises(tarfile.TarError):
        archive.unpack(packed)


def test_bounded_says_no() -> None:
    assert archive.bounded([b"12", b"345"], 5, "/x") == b"12345"
    assert archive.bounded([], 0, "/x") == b""
    with pytest.raises(HostError, match="/x in a container is larger than 5 bytes"):
        archive.bounded([b"12", b"345", b"6"], 5, "/x")


def test_bounded_stops_reading_when_it_is_too_much() -> None:
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 10

    with pytest.raises(HostError):
        archive.bounded(endless(), 95, "/x")
    assert len(read) == 10


def test_save_drops_the_first_part(tmp_path: Path) -> None:
    archive.save({"out/bzImage": b"1", "out/modules/a.ko": b"2", "alone": b"3", "out/./x/../y": b"4"}, tmp_path)
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"bzImage": b"1", "modules/a.ko": b"2", "alone": b"3", "y": b"4"}


OUTSIDE = ["out/../../x", "out/..", "..", "../x/../../y", "out/a/../../x", "/etc/hostname", "/x", "out//x"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_save_refuses_what_leads_out(tmp_path: Path, name: str) -> None:
    target = tmp_path / "a" / "b"
    with pytest.raises(HostError, match="outside its folder"):
        archive.save({name: b"x"}, target)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
