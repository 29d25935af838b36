"""Takes the guest's framed evidence out of a console log, and trusts nothing that is not inside the frame.

Pure. A frame carries the nonce of its boot and the checksum of its text; anything else is noise.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

EVIDENCE_LIMIT = 16 * 2**20
NAMES = frozenset({
    "dmesg", "hotplug", "acpi", "vmbus", "clocksource", "interrupts", "modules", "uname", "release", "cmdline", "paths",
    "insmod",
})  # fmt: skip
GZIP = 31
# Headers that speak of the next member: sizes in them escape every check, and the guest's tar writes none.
_EXTENSIONS = frozenset({
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
})  # fmt: skip
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Proof:
    """The files that the guest sent, as lines; `damaged` says why there are none although a frame was begun."""

    files: Mapping[str, tuple[str, ...]]
    damaged: str = ""

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of one file; none where the guest had no such file."""
        return self.files.get(name, ())


class _Member(tarfile.TarInfo):
    """A header of which the library believes no size that would send it back (for ever) or beyond what is there."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As the parent does. Raises ReadError, which unlike its own errors is never taken for the archive's end."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENSIONS or not 0 <= found.size <= EVIDENCE_LIMIT:
            raise tarfile.ReadError(f"a member of {found.size} bytes and type {found.type!r}")
        return found


def clean(text: str) -> str:
    """Text without escape sequences, control characters and halves of surrogate pairs, fit for a terminal."""
    return _CONTROL.sub("", text)


def lines_of(data: bytes) -> list[str]:
    """The lines of a log, cleaned."""
    return clean(data.decode("utf-8", errors="replace").replace("\r", "")).split("\n")


def extract(console: bytes, nonce: str) -> Proof | None:
    """The proof in a console log; None where the guest did not begin one."""
    lines = console.replace(b"\r", b"").split(b"\n")
    begin, end = f"hvmatrix:{nonce}:begin".encode(), f"hvmatrix:{nonce}:end:".encode()
    starts = [number for number, line in enumerate(lines) if line == begin]
    if not starts:  # the nonce is in a file of the initramfs: where it is printed, a frame was begun
        return Proof({}, "the guest's evidence has no beginning") if nonce.encode() in console else None
    for number in range(starts[-1] + 1, len(lines)):
        if lines[number].startswith(end):
            text = b"".join(line + b"\n" for line in lines[starts[-1] + 1 : number])
            return _decode(text, lines[number].removeprefix(end).decode("ascii", errors="replace"))
    return Proof({}, "the guest's evidence breaks off")


def _decode(text: bytes, checksum: str) -> Proof:
    if hashlib.sha256(text).hexdigest() != checksum:
        return Proof({}, "the guest's evidence does not match its checksum")
    try:
        packed = base64.b64decode(text)
        unpacker = zlib.decompressobj(GZIP)
        data = unpacker.decompress(packed, EVIDENCE_LIMIT)
        if unpacker.unconsumed_tail:
            return Proof({}, f"the guest's evidence is larger than {EVIDENCE_LIMIT} bytes")
        return Proof(_files(data))
    except (binascii.Error, zlib.error, tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        return Proof({}, f"the guest's evidence cannot be read: {error}")


def _files(data: bytes) -> dict[str, tuple[str, ...]]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", tarinfo=_Member) as packed:
        for member in packed:
            wanted = member.isfile() and not member.issparse() and member.name in NAMES  # a sparse one can grow
            stream = packed.extractfile(member) if wanted else None
            if stream:
                text = stream.read().rstrip(b"\n")
                found[member.name] = tuple(lines_of(text)) if text else ()
    return found
