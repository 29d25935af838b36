"""Kernel modules: unpacks them, reads what they say of themselves, and orders them for loading.

Never loads one; the guest does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import unpacked
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PACKINGS = {".xz": "xz", ".gz": "gzip", ".zst": "zstd"}  # of unpacked.MAGICS, by what scripts/Makefile.modinst appends
SUFFIXES = (".ko", *(f".ko{suffix}" for suffix in PACKINGS))
SIZE_LIMIT = 256 * 2**20
DEEPEST = 50  # modules above one; the kernel's own have a few
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
    """A module's bytes, decompressed. Raises UserError when it is damaged, no module, or unpacks to over SIZE_LIMIT."""
    try:
        data = path.read_bytes()
        if packing := PACKINGS.get(path.suffix):
            data = unpacked.whole(data, packing, SIZE_LIMIT, path.name)
    except OSError as error:
        raise UserError(f"{path}: cannot be decompressed", details=str(error)) from error
    except UserError as error:
        raise UserError(f"{path}: cannot be decompressed", details=error.details or error.brief) from error
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
    if name in loaded or name in above or name not in modules or len(above) > DEEPEST:
        return
    data = load(modules[name])
    for needed in info(data).depends:
        _add(needed, modules, loaded, (*above, name))
    loaded[name] = data
