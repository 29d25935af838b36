"""Fetches from a Debian suite in a container: a kernel tree, or the .config of a flavour.

apt checks signatures and digests. Nothing of a package is executed.
"""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pipeline import atomic, treestore
from pipeline.container import Limits
from pipeline.errors import HostError, UserError
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.model import DebianConfig, DebianSource

ROOT = "0:0"
FETCHED = "/tmp/package.deb"  # noqa: S108 - of a container; fetch-package puts it there
# apt as root writes into folders of another user; no tree is executed in this container.
APT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID")
LIMITS = Limits(memory=2048, seconds=1800)
FETCH_SECONDS = 900
OFFLINE = "check the network and the mirror in apt's sources, then run this again"
POOLS_MOVE = "Debian's pools move: name one of these in matrix.yaml"


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a suite, as its signed lists name it."""

    version: str
    name: str
    sha256: str


def tree(
    engine: Engine, source: DebianSource, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    """The tree of the newest package that matches and declares what is required.

    Raises UserError when there is none, HostError when the network, the disk or the engine fails.
    """
    memo = memo_of(source, cache)
    known = atomic.read_note(memo)
    if not fresh and isinstance(known, dict):
        found = treestore.known(engine, toolchain, source.name, str(known.get("digest")), cache)
        if found:
            return found
    say(f"source {source.name}: asking {source.suite} for {source.package}")
    with treestore.making(engine, toolchain, network=True, capabilities=APT_CAPABILITIES) as (box, target):
        package = _unpacked(box, target, source, say)
        origin = f"{package.name} {package.version} ({source.suite})"
        made = Tree(variant=source.name, image=toolchain, digest=f"deb:{package.sha256}", origin=origin)
        kept = treestore.keep(engine, box, target, made, cache)
    atomic.write_note(memo, {"digest": kept.digest})
    return kept


def memo_of(source: DebianSource, cache: Path) -> Path:
    """The note of the tree that a source led to last."""
    return cache / "sources" / f"{hashlib.sha256(str(source).encode()).hexdigest()[:16]}.json"


def known_config(asked: DebianConfig, cache: Path) -> tuple[bytes, str] | None:
    """The .config that was fetched before, and where it is from."""
    known = atomic.read_note(_config_memo(asked, cache))
    return (str(known["text"]).encode(), str(known["origin"])) if isinstance(known, dict) else None


def _config_memo(asked: DebianConfig, cache: Path) -> Path:
    return cache / "configs" / f"{hashlib.sha256(str(asked).encode()).hexdigest()[:16]}.json"


def config(
    engine: Engine, asked: DebianConfig, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> tuple[bytes, str]:  # fmt: skip
    """The .config of a flavour in the newest package that matches, and where it is from.

    Raises UserError for a package or flavour that does not exist, HostError when the network or the engine fails.
    """
    memo = _config_memo(asked, cache)
    known = None if fresh else known_config(asked, cache)
    if known:
        return known
    where = f"configs: {asked.package} ({asked.suite})"
    say(f"{where}: asking")
    with engine.container(toolchain, limits=LIMITS, network=True, capabilities=APT_CAPABILITIES) as box:
        package = matching(box, where, asked.suite, asked.package, "linux-config-")[0]
        get(box, package)
        files = box.run(["fetch-package", "files"]).stdout.split()
        flavours = {name.rpartition("/config.")[2].removesuffix(".xz"): name for name in files if "/config." in name}
        if asked.flavour not in flavours:
            raise UserError(
                f"{where}: no flavour {asked.flavour} in {package.name} {package.version}",
                details=f"flavours there: {', '.join(sorted(flavours))}", hint="name one of these in matrix.yaml",
            )  # fmt: skip
        read = box.run(["fetch-package", "file", flavours[asked.flavour]])
    if read.exit_status:
        raise HostError(f"cannot unpack {package.name}", details=read.stderr[-2000:])
    origin = f"{package.name} {package.version} {asked.flavour} ({asked.suite})"
    atomic.write_note(memo, {"origin": origin, "package": asdict(package), "text": read.stdout})
    return read.stdout.encode(), origin


def matching(box: Container, where: str, suite: str, pattern: str, prefix: str) -> list[Package]:
    """The packages of a suite that match, newest first. Raises UserError, with what is there, when none does."""
    listed = box.run(["fetch-package", "list", suite, prefix], user=ROOT, seconds=FETCH_SECONDS)
    if listed.exit_status:
        raise HostError(f"cannot read the package lists of {suite}", details=listed.stderr[-2000:], hint=OFFLINE)
    rows = [Package(*words) for line in listed.stdout.splitlines() if len(words := line.split()) == 3]  # noqa: PLR2004
    if not rows:
        raise HostError(f"{suite} has no {prefix}* packages", details=listed.stderr[-2000:], hint=OFFLINE)
    found = [row for row in rows if fnmatch.fnmatchcase(row.name, pattern)]
    if not found:
        there = ", ".join(sorted({row.name for row in rows}))
        raise UserError(
            f"{where}: no package {pattern} in {suite}", details=f"{prefix}* packages there: {there}", hint=POOLS_MOVE,
        )  # fmt: skip
    return found


def get(box: Container, package: Package) -> None:
    """Download a package as FETCHED in the container. Raises HostError when the network fails."""
    got = box.run(["fetch-package", "get", package.name, package.version], user=ROOT, seconds=FETCH_SECONDS)
    if got.exit_status:
        raise HostError(f"cannot fetch {package.name} {package.version}", details=got.stderr[-2000:], hint=OFFLINE)


def _unpacked(box: Container, target: str, source: DebianSource, say: Callable[[str], None]) -> Package:
    """Unpack the newest package that has what is required."""
    offered = matching(box, f"sources: {source.name}", source.suite, source.package, "linux-source-")
    for row in offered:
        say(f"source {source.name}: fetching {row.name} {row.version}")
        get(box, row)
        say(f"source {source.name}: unpacking {row.name} {row.version}")
        done = box.run(["fetch-package", "tree", target], user=treestore.OWNER, seconds=FETCH_SECONDS)
        if done.exit_status:
            hint = "./inv doctor says how full the disk is"
            raise HostError(f"cannot unpack {row.name}", details=done.log[-2000:], hint=hint)
        missing = [symbol for symbol in source.requires if not _declares(box, target, symbol)]
        if not missing:
            return row
        say(f"source {source.name}: {row.name} {row.version} has no {', '.join(missing)}, trying an older one")
        box.run(["find", target, "-mindepth", "1", "-delete"], user=treestore.OWNER)
    raise UserError(
        f"sources: {source.name}: no {source.package} in {source.suite} declares {', '.join(source.requires)}",
        details=f"looked at: {', '.join(row.name for row in offered)}",
        hint="name another suite or drop `requires`",
    )


def _declares(box: Container, folder: str, symbol: str) -> bool:
    argv = ["grep", "-rqE", "--include=Kconfig*", rf"^\s*(menu)?config\s+{symbol}\s*$", folder]
    return box.run(argv, user=treestore.OWNER).exit_status == 0
