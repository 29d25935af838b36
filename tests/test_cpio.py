from __future__ import annotations

import gzip
import shutil
import stat
import subprocess

import pytest

from pipeline import boot, cpio

HEADER = 110
FILES = {"b/two": b"22", "a": b"", "c": b"x" * 4097, "modules/hid_hyperv.ko": b"\x7fELF"}


def members(data: bytes) -> list[tuple[str, int, tuple[int, int], bytes]]:
    """Name, mode, device and content of each member, read as the kernel's init/initramfs.c reads them."""
    found: list[tuple[str, int, tuple[int, int], bytes]] = []
    at = 0
    while True:
        assert at % 4 == 0
        assert data[at : at + 6] == b"070701"
        words = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        mode, size, device, length = words[1], words[6], (words[9], words[10]), words[11]
        name = data[at + HEADER : at + HEADER + length]
        assert name.endswith(b"\0")
        start = (at + HEADER + length + 3) & ~3
        if name == b"TRAILER!!!\0":
            assert not data[start:].strip(b"\0")
            return found
        found.append((name[:-1].decode(), mode, device, data[start : start + size]))
        at = (start + size + 3) & ~3


def listed_by_cpio(data: bytes) -> list[str]:
    """The listing by GNU cpio; by ourselves on a host that has none."""
    program = shutil.which("cpio")
    if program is None:
        return [name for name, _, _, _ in members(data)]
    done = subprocess.run([program, "-it", "--quiet"], input=data, capture_output=True, check=True)
    assert not done.stderr
    return done.stdout.decode().splitlines()


def test_files_are_there_sorted_and_whole() -> None:
    found = members(cpio.archive(FILES))
    assert [(name, data) for name, _, _, data in found] == sorted(FILES.items())
    assert {mode for _, mode, _, _ in found} == {stat.S_IFREG | 0o644}


def test_gnu_cpio_reads_it() -> None:
    assert listed_by_cpio(cpio.archive(FILES, console=True)) == ["dev/console", *sorted(FILES)]


def test_gnu_cpio_would_tell_a_damaged_one() -> None:
    with pytest.raises((subprocess.CalledProcessError, AssertionError, ValueError)):
        listed_by_cpio(cpio.archive(FILES)[:300])


def test_console_is_the_device_node_5_1() -> None:
    name, mode, device, data = members(cpio.archive({}, console=True))[0]
    assert (name, device, data) == ("dev/console", (5, 1), b"")
    assert stat.S_ISCHR(mode)
    assert members(cpio.archive({})) == []


def test_same_files_give_the_same_bytes() -> None:
    assert cpio.archive(FILES) == cpio.archive(dict(reversed(FILES.items())))


@pytest.mark.parametrize("extra", [b"", b"1", b"12", b"123"])
def test_initrd_is_aligned_after_any_base(extra: bytes) -> None:
    base = gzip.compress(cpio.archive({"init": b"#!"}), mtime=0) + extra
    image = boot.initrd(base, {"hv_vmbus": b"one", "hv_balloon": b"two!"}, "cafe")
    assert image.startswith(base)
    at = image.index(b"070701", len(base))
    assert at % 4 == 0
    assert not image[len(base) : at].strip(b"\0")
    found = {name: data for name, _, _, data in members(image[at:])}
    assert found["modules/order"] == b"hv_vmbus\nhv_balloon\n"
    assert found["modules/hv_balloon.ko"] == b"two!"
    assert found["nonce"] == b"cafe\n"
    assert "dev/console" in found


def test_initrd_without_modules() -> None:
    image = boot.initrd(b"", {}, "cafe")
    assert [name for name, _, _, _ in members(image)] == ["dev/console", "modules/order", "nonce"]
