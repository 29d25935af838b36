"""The .config that is carried over: its base, wherever that is from, with the fragments laid over it.

Refuses what is not a complete .config, as what such a one asked for cannot be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import debian, ikconfig, kconfig
from pipeline.errors import UserError
from pipeline.model import DebianConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.kconfig import Option
    from pipeline.model import Config

# Every .config that conf wrote for x86 has a line for each; what is promised depends on them.
COMPLETE = ("ACPI", "HYPERVISOR_GUEST")
FILE_LIMIT = 512 * 2**20  # a kernel image may be given


@dataclass(frozen=True, slots=True)
class Old:
    """An old .config: its text, the files that it was put together of, its options with their lines, its origin."""

    text: str
    layers: tuple[str, ...]
    options: Mapping[str, Option]
    origin: str


def local(config: Config) -> Old:
    """A config whose base is a file on this machine. Raises UserError for what is none."""
    if isinstance(config.base, DebianConfig):
        raise UserError(f"configs: {config.name}: its base is a package, which only an engine can fetch")
    return _laid(config, ikconfig.extract(_bytes(config.base), str(config.base)), str(config.base))


def fetched(
    engine: Engine, config: Config, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Old:  # fmt: skip
    """Any config; a package is fetched in a container of the toolchain's image."""
    if not isinstance(config.base, DebianConfig):
        return local(config)
    data, origin = debian.config(engine, config.base, toolchain, cache, fresh=fresh, say=say)
    return _laid(config, data, origin)


def kept(config: Config, cache: Path) -> Old | None:
    """A config that is here already: in files, or fetched before."""
    if not isinstance(config.base, DebianConfig):
        return local(config)
    known = debian.known_config(config.base, cache)
    return _laid(config, *known) if known else None


def _laid(config: Config, base: bytes, origin: str) -> Old:
    files = [(base, origin), *((_bytes(path), str(path)) for path in config.fragments)]
    parsed = [kconfig.parse(data, name) for data, name in files]
    options = kconfig.compose(parsed)
    missing = [symbol for symbol in COMPLETE if symbol not in options]
    if missing:
        raise UserError(
            f"configs: {config.name}: {origin} is no complete .config",
            details=f"no line sets or unsets {', '.join(f'CONFIG_{symbol}' for symbol in missing)}",
            hint="what such a config asked for cannot be known: run `make olddefconfig` on its own tree first",
        )
    layers = tuple(kconfig.render(layer.values()) for layer in parsed)
    names = " + ".join(name for _, name in files)
    alone = "" if config.fragments else kconfig.repeating(base)
    return Old(alone or kconfig.render(options.values()), layers, options, names)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", hint="name a .config that you may read") from error
    if len(data) > FILE_LIMIT:
        raise UserError(f"{path}: larger than {FILE_LIMIT} bytes", hint="name a .config or a kernel image")
    return data
