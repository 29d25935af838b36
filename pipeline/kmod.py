"""Kernel modules: unpacks them, reads what they say of themselves, and orders them for loading.

Never loads one; the guest does.
"""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zstandard

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SUFFIXES = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")
SIZE_LIMIT = 256 * 2**20
ELF = b"\x7fELF"
# The .modinfo section is a row of NUL-terminated tag=value strings (include/linux/moduleparam.h, __MODULE_INFO).
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_VERMAGIC = re.compile(rb"\0vermagic=([^\0]*)\0")


@dataclass(frozen=True, slots=True)
class Info:
    """A module's dependencies, and the release of the kernel that it was built for."""

    depends: tuple[str, ...]
    release: str


def name_of(path: Path) -> str:
    """A module's name with dashes as underscores, as the kernel knows it."""
    return path.name.partition(".ko")[0].replace("-", "_")


def find(folder: Path) -> dict[str, Path]:
    """Every module at or below a folder by its name; /lib/modules/RELEASE works as well as a flat folder."""
    paths = (path for path in sorted(folder.rglob("*.ko*")) if path.name.endswith(SUFFIXES) and path.is_file())
    return {name_of(path): path for path in paths}


def load(path: Path) -> bytes:
    """A module's bytes, decompressed. Raises UserError when it is damaged or no module."""
    try:
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        elif path.suffix == ".gz":
            data = gzip.decompress(data)
        elif path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=SIZE_LIMIT)
    except (lzma.LZMAError, OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UserError(f"{path}: cannot be decompressed", details=str(error)) from error
    if not data.startswith(ELF):
        raise UserError(f"{path}: not a kernel module", hint="give the modules of this kernel's own build")
    return data


def info(data: bytes) -> Info:
    """What a module's .modinfo says."""
    depends = _DEPENDS.search(data)
    magic = _VERMAGIC.search(data)
    names = depends[1].decode(errors="replace").replace("-", "_").split(",") if depends else []
    release = magic[1].decode(errors="replace").split(" ")[0] if magic else ""
    return Info(tuple(name for name in names if name), release)


def closure(wanted: Iterable[str], modules: Mapping[str, Path]) -> dict[str, bytes]:
    """The wanted modules that exist and all they depend on, decompressed, each after its dependencies."""
    loaded: dict[str, bytes] = {}
    for name in wanted:
        _add(name.replace("-", "_"), modules, loaded, ())
    return loaded


def _add(name: str, modules: Mapping[str, Path], loaded: dict[str, bytes], above: tuple[str, ...]) -> None:
    if name in loaded or name in above or name not in modules:
        return
    data = load(modules[name])
    for needed in info(data).depends:
        _add(needed, modules, loaded, (*above, name))
    loaded[name] = data
