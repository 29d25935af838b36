"""Says beforehand how much disk a run will need, and refuses it with numbers when that is not to be had.

Estimates only. What is there already needs no second place.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

from pipeline import atomic, host, images, inventory, leases, objecttrees, space, treestore
from pipeline.errors import HostError
from pipeline.items import CCACHE, GIB, IMAGE, KERNEL, MIB, OBJECTS, TREE, identity, removable, told
from pipeline.model import DebianSource, DirectorySource, GitSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.engine import Engine
    from pipeline.items import Item
    from pipeline.model import Source
    from pipeline.record import State

# Bytes, measured with Debian's 6.12 and 7.3 and the slim configs of the default matrix.
PLAIN, PATCHED, BOOT = 1800 * MIB, 50 * MIB, 2 * MIB
OBJECT_TREE, ARTIFACT, COMPILED = 120 * MIB, 8 * MIB, 60 * MIB  # of a kernel, as long as none is kept
TAGS = {"rootfs": 130 * MIB, "base": 10 * MIB, "toolchain-gcc": 700 * MIB, "host": 520 * MIB, "guest": 140 * MIB}
OTHER_TAG = 700 * MIB
UNNEEDED = frozenset({"bench", "browser", "virtme"})  # no run uses these images
NOTES = 256 * MIB  # resolutions and the like
RESULTS = GIB
ROUNDS = 3  # of trimming; by then it is not ours that fills the disk
IN_ENGINE = frozenset({OBJECTS, TREE, CCACHE, IMAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run must make: trees unpacked and trees patched, kernels, boots."""

    plain: int = 0
    patched: int = 0
    kernels: int = 0
    boots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Bytes that a run needs where the engine keeps its data, in the cache, and below results/."""

    engine: int
    cache: int
    results: int = RESULTS

    @property
    def kept(self) -> int:
        """What counts for the cap: all but the results, which are the user's."""
        return self.engine + self.cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders in question: the engine's where it is on this machine, the cache, and results/."""

    engine: Path
    cache: Path
    results: Path


def places(cache: Path, results: Path, engine_root: str = "") -> Places:
    """Where a run writes; an engine elsewhere, or one that was not asked, is taken to be where the cache is."""
    there = bool(engine_root) and os.path.isdir(engine_root)  # noqa: PTH112 - a Path raises where one may not look
    return Places(engine=Path(engine_root) if there else cache, cache=cache, results=results.absolute())


def work(states: Iterable[State], cache: Path, *, kernels: int = 0, boots: int = 0) -> Work:
    """The trees that cells need and that are not there, as far as foreseeing.py knows, with what else is to be made."""
    plain: dict[Source, int] = {}
    patched: set[object] = set()
    for state in states:
        tree, variant = state.tree, state.cell.variant
        base = (tree.plain or tree) if tree else None
        if not (base and treestore.memo(cache, treestore.key(base.digest)).exists()):
            plain.setdefault(variant.source, PATCHED if _copied(variant.source, cache) else PLAIN)
        if variant.patches and not (tree and treestore.memo(cache, treestore.key(tree.digest)).exists()):
            patched.add(variant)
    sizes = Counter(plain.values())
    return Work(plain=sizes[PLAIN], patched=sizes[PATCHED] + len(patched), kernels=kernels, boots=boots)


def _copied(source: Source, cache: Path) -> bool:
    """Whether a tree of that folder, commit or tarball was here before: the next is a copy of it, or is it."""
    if isinstance(source, DebianSource):
        return False
    if isinstance(source, DirectorySource):
        begin = f"{source.path} (directory"
    elif isinstance(source, GitSource):
        begin = f"{source.url} {source.ref} (commit"
    else:
        begin = f"{source.location.rpartition('/')[2]} (tarball, sha256 {source.sha256[:12]}"
    notes = [atomic.read_note(path) for path in (cache / "trees").glob("*.json")]
    return any(isinstance(note, dict) and str(note.get("origin", "")).startswith(begin) for note in notes)


def use(states: Iterable[State], cache: Path) -> None:
    """Note that a run is going to use what is known of its cells, before room is made for it."""
    for state in states:
        trees = (state.tree, state.tree.plain) if state.tree else ()
        for tree in trees:
            if tree:
                leases.used(treestore.memo(cache, treestore.key(tree.digest)))
        if state.kernel:
            leases.used(cache / "kernels" / state.kernel.key)
            leases.used(objecttrees.notes(cache, state.kernel.key)[0])


def needed(asked: Work, found: Sequence[Item]) -> Needed:
    """An estimate of the bytes that a run needs, by what is there of its kind."""
    sizes = {kind: [item.bytes for item in found if item.kind == kind] for kind in (KERNEL, CCACHE)}
    compiled = min(COMPILED, sum(sizes[CCACHE]) // len(sizes[KERNEL])) if sizes[KERNEL] else COMPILED
    trees = _object_trees(found)
    each = (median_low(trees) if trees else OBJECT_TREE) + compiled  # a full config says little of the small ones
    there = {item.name for item in found if item.kind == IMAGE}
    missing = [tag.partition(":")[0].rpartition("/")[2] for tag in images.current() - there]
    engine = sum(TAGS.get(name, OTHER_TAG) for name in missing if name not in UNNEEDED)
    engine += asked.plain * PLAIN + asked.patched * PATCHED + asked.kernels * each
    cache = asked.kernels * _mean(sizes[KERNEL], ARTIFACT) + asked.boots * BOOT + NOTES
    return Needed(engine=engine, cache=cache)


def _object_trees(found: Sequence[Item]) -> list[int]:
    """Bytes of the object trees on a toolchain of now, or on another of them: others are charged what is below them."""
    tops = {identity(IMAGE, images.toolchain_tag(name)) for name in images.toolchains()}
    tops |= {item.id for item in found if item.kind == OBJECTS}
    return [item.bytes for item in found if item.kind == OBJECTS and tops & set(item.on)]


def _mean(sizes: Sequence[int], default: int) -> int:
    return sum(sizes) // len(sizes) if sizes else default


def fits(need: Needed, found: Sequence[Item], where: Places, most: int, since: float | None) -> None:
    """Raise HostError, with numbers, when a run needs more than there is and than could be freed for it.

    `most` is the cap, `since` when the oldest command began that runs now.
    """
    could = removable(found, since)
    for folder, (wanted, freed) in _disks(need, could, where).items():
        free = host.free_bytes(folder)
        if wanted > free + freed:
            raise HostError(
                f"no disk space: {folder} has {_gib(free)} free, {_gib(wanted)} are needed",
                details=f"{_gib(freed)} more could be freed ({told(could) or 'nothing'})",
                hint="free some disk, set HVMATRIX_CACHE to a folder on a larger one, or choose fewer cells",
            )
    staying = sum(item.bytes for item in found) - sum(item.bytes for item in could)
    if need.kept + staying > most:
        raise HostError(
            f"the cap of {_gib(most)} is too low: {_gib(need.kept)} are needed, and {_gib(staying)} stay in use",
            hint=f"give {space.VARIABLE}={-(-(need.kept + staying) // GIB)} (GiB), or choose fewer cells",
        )


def _disks(need: Needed, could: Iterable[Item], where: Places) -> dict[Path, tuple[int, int]]:
    """What is needed on each disk and could be freed there, by the first of the folders that are on it."""
    parts = ((where.cache, need.cache), (where.engine, need.engine), (where.results, need.results))
    wanted: dict[int, int] = Counter()
    folders: dict[int, Path] = {}
    for folder, size in parts:
        wanted[host.disk(folder)] += size
        folders.setdefault(host.disk(folder), folder)
    freed: dict[int, int] = Counter()
    for item in could:
        freed[host.disk(where.engine if item.kind in IN_ENGINE else where.cache)] += item.bytes
    return {folder: (wanted[disk], freed[disk]) for disk, folder in folders.items()}


def check(where: Places, asked: Work) -> None:
    """Do what `fits` does, with what was known of the engine last; nothing is asked of it."""
    found = inventory.noted(where.cache)
    fits(needed(asked, found), found, where, space.cap(where.cache), leases.since(where.cache))


def make(engine: Engine, where: Places, asked: Work, say: Callable[[str], None]) -> None:
    """Make room for a run, under the cap and on the disks. Raises HostError when it does not fit."""
    most = space.cap(where.cache)
    for _ in range(ROUNDS):
        found = inventory.items(engine, where.cache)
        need = needed(asked, found)
        fits(need, found, where, most, leases.since(where.cache))
        total = sum(item.bytes for item in found)
        short = [wanted - host.free_bytes(folder) for folder, (wanted, _) in _disks(need, (), where).items()]
        less = max(total + need.kept - most, *short)
        if less <= 0:
            return
        if not space.trim(engine, where.cache, total - less, say=say):
            break
    raise HostError(f"{_gib(less)} of disk could not be freed", hint="./inv doctor, or wait for what else runs")


def row(cache: Path, asked: Work, *, at_most: bool) -> str:
    """What a plan says of the disk; nothing is asked of the engine."""
    found = inventory.noted(cache)
    return (
        f"disk: {'at most ' if at_most else ''}about {_gib(needed(asked, found).kept)} needed,"
        f" {_gib(host.free_bytes(cache))} free, cap {_gib(space.cap(cache))} ({space.VARIABLE}),"
        f" {_gib(sum(item.bytes for item in found))} in use"
    )


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
