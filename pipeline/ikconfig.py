"""The .config in what a person has of a kernel: the file itself, /proc/config.gz, or an image that carries it.

Pure: bytes in, bytes out. Never guesses: what has no configuration in it is refused, with what it is instead.
"""

from __future__ import annotations

import itertools
import re
import struct
from typing import TYPE_CHECKING

from pipeline import kconfig, unpacked
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE_LIMIT = 2**30  # a vmlinux with debugging information has hundreds of MiB
# kernel/configs.c: the gzip'ed configuration lies between IKCFG_ST and IKCFG_ED (6.1 to 7.3)
_MARK = b"IKCFG_ST"
_START = _MARK + unpacked.MAGICS["gzip"]
_MAGIC = re.compile(b"|".join(re.escape(magic) for magic in unpacked.MAGICS.values()))
_MARKS = 16  # places that look like the mark; a kernel has one
_TRIES = 1000  # places in an image where compressed data may begin
_ELF = b"\x7fELF"
_PE = b"MZ"  # what an image with an EFI stub begins with
_HEAD = 1024  # bytes that tell what a file is
_HEADER, _PROTOCOL = 0x250, 0x208  # the end of payload_length, and the protocol that it came with
_LZO = b"\x89LZO"
_RELEASE = re.compile(rb"[\w.+~-]{1,64}")
_FOREIGN = (
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"!<arch>\n", "a package or an archive of ar"),
    (0, b"\xed\xab\xee\xdb", "an rpm package"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"070701", "a cpio archive, as an initramfs is"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x04\x22\x4d\x18", "an lz4 frame, which is not supported"),
    (0, _LZO, "lzop data, which is not supported"),
    (0, b"\xff\xfe", "UTF-16 text (save it as UTF-8)"),
)
_HINT = "give a .config, /proc/config.gz, or a kernel image (vmlinuz, vmlinux) that was built with CONFIG_IKCONFIG=y"


def extract(data: bytes, name: str) -> bytes:
    """The bytes of the .config in a file, whose name is for messages.

    Read are a .config; one in gzip, xz, zstd, bzip2, lzma or legacy lz4; and of a kernel built with CONFIG_IKCONFIG its
    vmlinux or configs.ko, either of them compressed so, and its bzImage. At most IMAGE_LIMIT bytes are unpacked of an
    image, and kconfig.SIZE_LIMIT of a .config. Raises UserError for everything else, and nothing but it.
    """
    if not data:
        raise UserError(f"{name}: an empty file", hint=_HINT)
    if _is_image(data) or data.startswith(_PE):
        what = "a kernel image" if _is_image(data) else "a PE file"
        return _carried(_kernel(data, name), name, what, _release(data))
    packing = unpacked.kind(data)
    if packing:
        return _content(_unpacked(data, packing, name), f"{name} ({packing} data)")
    return _content(iter((data,)), name)


def _content(parts: Iterator[bytes], name: str) -> bytes:
    """The .config in what a file holds, or unpacks to: text as it is, or what an ELF file carries."""
    head = b""
    for part in parts:
        head += part
        if len(head) >= _HEAD:
            break
    rest = itertools.chain((head,), parts)
    what = _what(head)
    if what:
        raise UserError(f"{name}: {what}, not a .config", hint="give the .config or the kernel image itself, as it is")
    if head.startswith(_ELF):
        return _carried(rest, name, "an ELF file", "")
    if not head or b"\0" in head[:_HEAD]:
        raise UserError(f"{name}: neither a .config nor a kernel image", hint=_HINT)
    return _text(b"".join(unpacked.within(rest, kconfig.SIZE_LIMIT, name)), name)


def _carried(parts: Iterator[bytes], name: str, what: str, release: str) -> bytes:
    """The .config that a kernel carries. Raises UserError when it carries none."""
    found = _scan(parts, name)
    if found is None:
        brief = f"{name}: {what} without IKCONFIG{release and f' ({release})'}"
        other = f"give the kernel's /boot/config-{release or 'RELEASE'}"
        raise UserError(brief, hint=f"{other}, or build it with CONFIG_IKCONFIG=y (with =m it is in configs.ko)")
    return found


def _what(head: bytes) -> str:
    """What a file is that holds no .config as it is; empty when nothing speaks against it."""
    if packing := unpacked.kind(head):
        return f"{packing} data in it"
    if _is_image(head) or head.startswith(_PE):
        return "an image in it"
    return next((what for at, magic, what in _FOREIGN if head.startswith(magic, at)), "")


def _text(data: bytes, name: str) -> bytes:
    kconfig.parse(data, name)
    return data


def _scan(parts: Iterator[bytes], name: str) -> bytes | None:
    """The configuration between the marks of kernel/configs.c; None when no mark is there.

    The mark of an lz4 payload can be seen before it is unpacked, so that one with damaged data after it is passed over.
    """
    window, damage, where, tries = b"", None, f"{name} (its IKCONFIG)", 0
    for part in parts:
        window, at = window[1 - len(_START) :] + part, 0
        while tries < _MARKS and (at := window.find(_START, at)) >= 0:
            tries += 1
            at += len(_MARK)
            window = _longer(window, at + kconfig.SIZE_LIMIT, parts)
            packed = memoryview(window)[at : at + kconfig.SIZE_LIMIT]
            try:
                return _text(unpacked.whole(packed, "gzip", kconfig.SIZE_LIMIT, where), where)
            except UserError as error:
                damage = error
    if damage:
        raise damage
    return None


def _longer(window: bytes, size: int, parts: Iterator[bytes]) -> bytes:
    """The window with as many of the next parts as make it so long."""
    held, missing = [window], size - len(window)
    while missing > 0 and (more := next(parts, b"")):
        held.append(more)
        missing -= len(more)
    return b"".join(held)


def _unpacked(data: bytes, packing: str, name: str) -> Iterator[bytes]:
    return unpacked.within(unpacked.pieces(data, packing, name), IMAGE_LIMIT, name)


def _everywhere(data: bytes, name: str) -> Iterator[bytes]:
    """An image as it is, then what unpacks wherever compressed data may begin in it."""
    return itertools.chain((data,), unpacked.within(_searched(data, name), IMAGE_LIMIT, name))


def _searched(data: bytes, name: str) -> Iterator[bytes]:
    for match in itertools.islice(_MAGIC.finditer(data), _TRIES):
        parts = unpacked.pieces(memoryview(data)[match.start() :], unpacked.kind(data, match.start()), name)
        try:
            first = next(parts, b"")
            yield first
            if first.startswith((_ELF, _PE)):
                yield from parts
        except UserError:
            continue  # only looked like compressed data, or has no end of its own in what follows it


def _kernel(data: bytes, name: str) -> Iterator[bytes]:
    """What a bzImage unpacks to; the setup header of x86 says where its payload is (boot.rst, since protocol 2.08).

    The payload ends with four bytes of its unpacked size, which are not compressed data (scripts/Makefile.lib,
    size_append). Where the header says nothing, as in an image that wraps another one, all of the image is searched.
    """
    if not _is_image(data) or len(data) < _HEADER or int.from_bytes(data[0x206:0x208], "little") < _PROTOCOL:
        return _everywhere(data, name)
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = ((data[0x1F1] or 4) + 1) * 512 + offset
    if start + length > len(data):
        details = f"its payload ends at byte {start + length}, the file at {len(data)}"
        hint = "copy the file once more from where it came"
        raise UserError(f"{name}: a kernel image that is cut short", details=details, hint=hint)
    payload = data[start : start + length]
    packing = unpacked.kind(payload)
    if payload.startswith(_LZO):
        raise UserError(f"{name}: a kernel image with an lzo payload, which is not supported", hint=_HINT)
    if packing:
        return _unpacked(payload, packing, f"{name} (payload of a kernel image)")
    return iter((payload,)) if payload.startswith(_ELF) else _everywhere(data, name)


def _is_image(data: bytes) -> bool:
    """Whether the data begins with the setup header of x86 (boot.rst: boot_flag and header)."""
    return data[0x1FE:0x200] == b"\x55\xaa" and data[0x202:0x206] == b"HdrS"


def _release(data: bytes) -> str:
    """The release in a bzImage (boot.rst, kernel_version); empty when there is none."""
    at = int.from_bytes(data[0x20E:0x210], "little")
    match = _RELEASE.match(data, at + 0x200) if _is_image(data) and at else None
    return match[0].decode("ascii", "replace") if match else ""
