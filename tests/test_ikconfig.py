from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ikconfig, kconfig, unpacked
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden" / "ikconfig"
# Each was packed with the command of scripts/Makefile.lib, and scripts/extract-ikconfig of 7.3 finds CONFIG in it.
IMAGES = {path.suffix[1:]: path.read_bytes() for path in sorted(GOLDEN.glob("vmlinuz.*"))}
CONFIG = (GOLDEN / "config").read_bytes()
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=0),
    "lz4": lambda data: b"\x02!L\x18" + b"".join(stored(data[at : at + 500]) for at in range(0, len(data), 500)),
}


def stored(data: bytes) -> bytes:
    """A block of the legacy lz4 frame with nothing repeated in it."""
    more = len(data) - 15
    token = b"\xf0" + b"\xff" * (more // 255) + bytes([more % 255]) if more >= 0 else bytes([len(data) << 4])
    return struct.pack("<I", len(token + data)) + token + data


def elf(config: bytes = CONFIG) -> bytes:
    return b"\x7fELF" + bytes(900) + b"IKCFG_ST" + gzip.compress(config) + b"IKCFG_ED" + bytes(900)


def image(payload: bytes, *, protocol: int = 0x20F, where: bool = True, release: bytes = b"7.3.4-test (ada)") -> bytes:
    """A bzImage: two sectors of setup, the code that unpacks, and the payload."""
    code = b"\x90" * 40
    head = bytearray(1536)
    head[0x1F1], head[0x1FE:0x200], head[0x202:0x206] = 2, b"\x55\xaa", b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<H", head, 0x20E, 0x200)
    head[0x400 : 0x400 + len(release) + 1] = release + b"\0"
    struct.pack_into("<II", head, 0x248, *((len(code), len(payload)) if where else (0, 0)))
    return bytes(head) + code + payload


def refused(data: bytes, name: str = "some.file") -> str:
    with pytest.raises(UserError) as caught:
        ikconfig.extract(data, name)
    assert caught.value.hint
    assert caught.value.brief.startswith(name)
    return str(caught.value)


def only_user_errors(data: bytes) -> None:
    with suppress(UserError):
        kconfig.parse(ikconfig.extract(data, "x"), "x")


def test_a_config_is_returned_as_it_is() -> None:
    assert ikconfig.extract(CONFIG, "x") == CONFIG
    assert ikconfig.extract(CONFIG.replace(b"\n", b"\r\n"), "x") == CONFIG.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_config(packing: str) -> None:
    assert ikconfig.extract(PACK[packing](CONFIG), "config.gz") == CONFIG


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2"])
def test_streams_one_after_another_are_one_file(packing: str) -> None:
    assert ikconfig.extract(PACK[packing](CONFIG[:300]) + PACK[packing](CONFIG[300:]), "x") == CONFIG


@pytest.mark.parametrize("packing", IMAGES)
def test_an_image_as_the_kernel_packs_it(packing: str) -> None:
    assert unpacked.kind(IMAGES[packing], 1576) == packing
    assert ikconfig.extract(IMAGES[packing], "vmlinuz") == CONFIG


def test_every_packing_has_its_image() -> None:
    assert set(IMAGES) == set(PACK) == set(unpacked.MAGICS)


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "searched"])
def test_an_image_whose_header_says_where_its_payload_is_or_not(packing: str, exact: bool) -> None:
    payload = PACK[packing](elf()) + struct.pack("<I", len(elf()))
    assert ikconfig.extract(image(payload, where=exact), "vmlinuz") == CONFIG
    assert ikconfig.extract(image(payload, protocol=0x20F if exact else 0x207), "vmlinuz") == CONFIG


def test_the_header_is_believed_before_anything_that_looks_like_a_payload() -> None:
    other = gzip.compress(elf(b"CONFIG_OTHER=y\n"))
    found = image(gzip.compress(elf()))
    start = 1536 + 40
    header = bytearray(found[:start])
    struct.pack_into("<I", header, 0x248, 40 + len(other))
    assert ikconfig.extract(bytes(header) + other + found[start:], "vmlinuz") == CONFIG


def test_an_image_in_another_one_is_found() -> None:
    wrapper = b"MZ" + bytes(3000) + gzip.compress(b"an initramfs") + b"]\0\0BZh\x1f\x8b\x08" + bytes(50)
    assert ikconfig.extract(wrapper + IMAGES["zstd"] + bytes(100), "linux.efi") == CONFIG


@pytest.mark.parametrize("data", [elf(), gzip.compress(elf()), lzma.compress(elf()), image(elf())])
def test_an_elf_file_packed_or_not(data: bytes) -> None:
    assert ikconfig.extract(data, "configs.ko") == CONFIG


@pytest.mark.parametrize("at", range(2**20 - 12, 2**20 + 2))
def test_the_mark_is_found_where_two_pieces_meet(at: int) -> None:
    data = b"\x7fELF".ljust(at, b"\0") + b"IKCFG_ST" + gzip.compress(CONFIG)
    pieces = (data[: 2**20], data[2**20 :])
    assert ikconfig._scan(iter(pieces), "x") == CONFIG


def test_a_mark_with_other_data_after_it_is_passed_over() -> None:
    assert ikconfig.extract(b"\x7fELF\0IKCFG_ST\x1f\x8b\x08no" + elf(), "x") == CONFIG


def test_damage_after_the_only_mark_is_said() -> None:
    data = elf()
    at = data.index(b"IKCFG_ST") + 40
    assert "(its IKCONFIG): damaged gzip data" in refused(data[:at] + b"\xff\xff\xff" + data[at + 3 :])
    assert "is not a .config" in refused(elf(b"CONFIG\n"))


@pytest.mark.parametrize(("data", "words"), [
    (b"", "an empty file"),
    (gzip.compress(b""), "neither a .config nor a kernel image"),
    (bytes(2000), "neither a .config nor a kernel image"),
    (b"#!/bin/sh\nmake\n", "is not a .config"),
    (b"# a comment\n", "no CONFIG_ line"),
    (b"<!DOCTYPE html>\n", "is not a .config"),
    (CONFIG.decode().encode("utf-16"), "UTF-16 text (save it as UTF-8), not a .config"),
    (b"070701" + bytes(200), "a cpio archive"),
    (gzip.compress(b"070701" + bytes(200)), "(gzip data): a cpio archive"),
    (b"!<arch>\ndebian-binary", "a package"),
    (b"\x04\x22\x4d\x18" + bytes(20), "an lz4 frame, which is not supported"),
    (lzma.compress(gzip.compress(CONFIG)), "(xz data): gzip data in it"),
    (gzip.compress(IMAGES["gzip"]), "(gzip data): an image in it"),
    (image(b"\x89LZO\0\r\n\x1a\n" + bytes(90)), "an lzo payload, which is not supported"),
    (b"\x7fELF" + bytes(3000), "an ELF file without IKCONFIG"),
    (image(lzma.compress(b"\x7fELF" + bytes(3000))), "a kernel image without IKCONFIG (7.3.4-test)"),
    (image(b"\x7fELF" + bytes(3000), release=b""), "a kernel image without IKCONFIG\n"),
    (image(bytes(500)), "a kernel image without IKCONFIG"),
    (b"MZ" + bytes(50), "a PE file without IKCONFIG"),
    (IMAGES["xz"][:2000], "a kernel image that is cut short"),
    (image(lzma.compress(elf())[:-30]), "(payload of a kernel image): damaged xz data"),
    (gzip.compress(CONFIG)[:-9], "damaged gzip data"),
    (lzma.compress(CONFIG)[:50] + b"\0\0\0" + lzma.compress(CONFIG)[53:], "damaged xz data"),
    (PACK["zstd"](CONFIG)[:-5], "damaged zstd data"),
    (PACK["bzip2"](CONFIG)[:-5], "damaged bzip2 data"),
    (PACK["lz4"](CONFIG)[:-5], "damaged lz4 data"),
    (b"\x02!L\x18" + struct.pack("<I", 4) + b"\x10a\x05\0", "damaged lz4 data"),
])  # fmt: skip
def test_what_is_refused_and_why(data: bytes, words: str) -> None:
    assert words in refused(data)


def test_archives_are_named() -> None:
    tar, archive = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:xz") as opened:
        member = tarfile.TarInfo(".config")
        member.size = len(CONFIG)
        opened.addfile(member, io.BytesIO(CONFIG))
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(".config", CONFIG)
    assert "(xz data): a tar archive, not a .config" in refused(tar.getvalue())
    assert "a zip archive, not a .config" in refused(archive.getvalue())


def test_the_hint_names_the_config_of_that_release() -> None:
    assert "/boot/config-7.3.4-test, or build it with CONFIG_IKCONFIG=y" in refused(image(b"\x7fELF" + bytes(99)))
    assert "/boot/config-RELEASE" in refused(b"\x7fELF" + bytes(99))


@pytest.mark.parametrize("packing", PACK)
def test_a_config_that_unpacks_to_too_much_is_refused(packing: str) -> None:
    assert "more than 4 MiB" in refused(PACK[packing](b"#" * kconfig.SIZE_LIMIT + b"\nCONFIG_A=y\n"))
    assert "more than 4 MiB" in refused(elf(b"#" * kconfig.SIZE_LIMIT + b"\nCONFIG_A=y\n"))


def test_a_plain_config_that_is_too_large_is_refused() -> None:
    assert "more than 4 MiB" in refused(b"#" * kconfig.SIZE_LIMIT + b"\nCONFIG_A=y\n")


@pytest.mark.parametrize("where", [True, False], ids=["exact", "searched"])
@pytest.mark.parametrize("packing", ["gzip", "xz", "zstd", "bzip2"])
def test_an_image_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch, packing: str, where: bool) -> None:
    monkeypatch.setattr(ikconfig, "IMAGE_LIMIT", 2**20)
    data = PACK[packing](b"\x7fELF" + bytes(2**21))
    assert "more than 1 MiB" in refused(image(data, where=where))
    assert "more than 1 MiB" in refused(data)


@pytest.mark.parametrize("packing", ["gzip", "xz", "zstd", "bzip2", "lzma"])
def test_a_piece_is_small_however_much_is_packed(packing: str) -> None:
    sizes = [len(piece) for piece in unpacked.pieces(PACK[packing](bytes(20 * 2**20)), packing, "x")]
    assert sum(sizes) == 20 * 2**20
    assert max(sizes) <= 10 * 2**20


def test_a_dictionary_that_is_too_large_is_refused() -> None:
    packed = bytearray(lzma.compress(CONFIG, lzma.FORMAT_ALONE))
    packed[1:5] = struct.pack("<I", 2**30)
    assert "damaged lzma data" in refused(bytes(packed))


@pytest.mark.parametrize("packing", PACK)
@given(data=st.binary(max_size=3000))
def test_what_was_packed_is_unpacked(packing: str, data: bytes) -> None:
    if packing == "lz4" and not data:
        return  # a frame without a block
    assert unpacked.whole(PACK[packing](data), packing, 3000, "x") == data


@given(st.sampled_from([*unpacked.MAGICS.values(), b"", b"MZ", b"\x7fELF", image(b""), image(b"", where=False)]),
       st.binary())  # fmt: skip
def test_any_bytes_are_refused_at_most(start: bytes, data: bytes) -> None:
    only_user_errors(start + data)


@given(st.data())
def test_real_files_cut_and_damaged_are_refused_at_most(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([*IMAGES.values(), elf(), gzip.compress(CONFIG), PACK["lz4"](CONFIG)]))
    end = data.draw(st.integers(0, len(whole)))
    only_user_errors(whole[:end])
    only_user_errors(whole[:end] + data.draw(st.binary(min_size=1, max_size=9)) + whole[end + 1 :])
