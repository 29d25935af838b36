"""Unpacks gzip, xz, zstd, bzip2, lzma and legacy lz4 data, piece by piece.

Pure: bytes in, bytes out. Never unpacks further than its caller reads, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

import zstandard

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

# What the data begins with. Documentation/arch/x86/boot.rst (payload_offset) and scripts/extract-ikconfig, 6.1 to 7.3.
MAGICS = {
    "gzip": b"\x1f\x8b\x08",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "bzip2": b"BZh",
    "lzma": b"]\0\0",
    "lz4": b"\x02!L\x18",
}
_DAMAGE = (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError, ValueError, IndexError)
_PIECE = 2**20
# Input is fed in steps, because zlib (1:1032) and zstd (128 KiB of a block of 4 bytes) give all that a step unpacks to.
_STEP = 2**8
# scripts/xz_wrap.sh has a dictionary of 128 MiB, and zstd -22 a window as large (scripts/Makefile.lib).
_MEMORY = 256 * 2**20
_WINDOW = 2**27
_LZ4_BLOCK = 8 * 2**20  # lib/decompress_unlz4.c, LZ4_DEFAULT_UNCOMPRESSED_CHUNK_SIZE
_LZ4_PACKED = _LZ4_BLOCK + _LZ4_BLOCK // 255 + 16  # lz4.h, LZ4_COMPRESSBOUND
_LZ4_SHORTEST = 4  # what is repeated has at least this length (lz4_Block_format.md)
_MORE = 15  # a length of 15 goes on in the next bytes


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def kind(data: bytes, at: int = 0) -> str:
    """The name of the compression that begins at an offset, a key of MAGICS; empty when there is none."""
    return next((name for name, magic in MAGICS.items() if data.startswith(magic, at)), "")


def pieces(data: bytes | memoryview, packing: str, where: str) -> Iterator[bytes]:
    """What the data unpacks to, in pieces of 10 MiB at most; bytes after its end are left alone.

    Several gzip, xz or bzip2 streams one after another count as one, as they do for zcat and its like.
    Raises UserError when the data is damaged or ends early.
    """
    try:
        yield from _lz4(memoryview(data)) if packing == "lz4" else _streams(memoryview(data), packing)
    except _DAMAGE as error:
        hint = "copy the file once more from where it came"
        raise UserError(f"{where}: damaged {packing} data", details=str(error), hint=hint) from error


def whole(data: bytes | memoryview, packing: str, limit: int, where: str) -> bytes:
    """All that the data unpacks to. Raises UserError when it is damaged or more than `limit` bytes."""
    return b"".join(within(pieces(data, packing, where), limit, where))


def within(parts: Iterator[bytes], limit: int, where: str) -> Iterator[bytes]:
    """The same pieces. Raises UserError when they have more than `limit` bytes in all."""
    size = 0
    for part in parts:
        size += len(part)
        if size > limit:
            hint = "give a file of the kind that is asked for"
            raise UserError(f"{where}: unpacks to more than {limit >> 20} MiB", hint=hint)
        yield part


def _streams(data: memoryview, packing: str) -> Iterator[bytes]:
    at, magic = 0, MAGICS[packing]
    while at == 0 or (packing in {"gzip", "xz", "bzip2"} and data[at : at + len(magic)] == magic):
        at += yield from _stream(data[at:], packing)


def _stream(data: memoryview, packing: str) -> Generator[bytes, None, int]:
    """The first stream of the data; returns the bytes that it takes."""
    decoder, at = _DECODERS[packing](), 0
    while not decoder.eof:
        step = bytes(data[at : at + _STEP])
        if isinstance(decoder, bz2.BZ2Decompressor | lzma.LZMADecompressor):
            step = step if decoder.needs_input else b""
            part = decoder.decompress(step, _PIECE)
        else:
            part = decoder.decompress(step)
        at += len(step)
        if part:
            yield part
        elif not decoder.eof and at == len(data):
            raise EOFError("it ends early")
    return at - len(decoder.unused_data)


def _lz4(data: memoryview) -> Iterator[bytes]:
    """The blocks of the legacy frame, which has no mark of its end: what cannot be a block's size ends it."""
    at = len(MAGICS["lz4"])
    while len(data) > at + 4:
        size = int.from_bytes(data[at : at + 4], "little")
        if not 0 < size <= _LZ4_PACKED:
            return
        block = bytes(data[at + 4 : at + 4 + size])
        if len(block) < size:
            raise EOFError("it ends early")
        yield _lz4_block(block)
        at += 4 + size


def _lz4_block(block: bytes) -> bytes:
    """One block: each token is followed by bytes as they are, and by how far back to repeat how many."""
    out, at, end = bytearray(), 0, len(block)
    while at < end:
        token = block[at]
        count, at = _lz4_length(block, at + 1, token >> 4)
        out += block[at : at + count]
        at += count
        if at >= end:
            break
        back = block[at] | block[at + 1] << 8
        count, at = _lz4_length(block, at + 2, token & _MORE)
        count += _LZ4_SHORTEST
        if not 0 < back <= len(out) or len(out) + count > _LZ4_BLOCK:
            raise ValueError("a block points outside itself")
        start = len(out) - back
        out += out[start : start + count] if back >= count else (out[start:] * (count // back + 1))[:count]
    return bytes(out)


def _lz4_length(block: bytes, at: int, length: int) -> tuple[int, int]:
    """A length and the offset after it; 15 is followed by bytes to add, the last of which is not 255."""
    if length == _MORE:
        step = 255
        while step == 255:  # noqa: PLR2004 - the format's own figure
            step = block[at]
            length, at = length + step, at + 1
    return length, at


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS + 16),
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY),
    "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(),
    "bzip2": bz2.BZ2Decompressor,
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _MEMORY),
}
