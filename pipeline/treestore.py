"""Keeps kernel trees in one volume of the engine, a folder a tree, whole or not at all.

A patched tree shares the files it has in common with its plain one. Nothing of a tree is executed here.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import atomic, bootstrap, leases
from pipeline.container import Limits
from pipeline.errors import HostError
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine, Volume

VOLUME = "hvmatrix-trees"
FOLDER = "/trees"
OWNER = "1001:1001"
LIMITS = Limits(memory=4096, seconds=1800)
COPY_SECONDS = 600
DISK = "./inv doctor says how full the disk is"
HALF = ".new-"  # what the name of a half-made tree, or of a view of one, begins with
_seen: dict[str, set[str]] = {}  # by a volume's identity, the trees that a container saw in it
STALE = 240 * 60  # seconds; a half-made tree that is older was left by a killed run


def known(engine: Engine, toolchain: str, variant: str, digest: str, cache: Path) -> Tree | None:
    """A tree that is there already; None when it must be made."""
    path = memo(cache, key(digest))
    note = atomic.read_note(path) if leases.used(path) else None
    made = engine.volume(VOLUME)
    if made is None or not isinstance(note, dict) or note.get("volume") != made.identity:
        return None
    mount = f"{made.folder}/{key(digest)}"
    if not _there(engine, toolchain, made, key(digest)):  # another cache's command may have removed it
        return None
    code = str(note.get("code", ""))
    return Tree(variant=variant, image=toolchain, digest=digest, origin=str(note["origin"]), mount=mount, code=code)


def _there(engine: Engine, toolchain: str, volume: Volume, name: str) -> bool:
    """Whether a tree's folder is there; where the engine's folders cannot be seen, a container looks, once for all.

    A tree that was seen stays: its use was noted before.
    """
    if os.path.isdir(volume.folder):  # noqa: PTH112 - a Path raises where one may not look
        return os.path.lexists(f"{volume.folder}/{name}/Kconfig")
    if name not in _seen.get(volume.identity, ()):
        argv = ["find", FOLDER, "-mindepth", "2", "-maxdepth", "2", "-name", "Kconfig", "-printf", r"%h\n"]
        with engine.container(toolchain, limits=LIMITS, volumes={VOLUME: {"bind": FOLDER, "mode": "ro"}}) as box:
            listed = box.run(argv, user=OWNER).stdout.splitlines()
        _seen[volume.identity] = {one.rpartition("/")[2] for one in listed}
    return name in _seen[volume.identity]


@contextmanager
def making(
    engine: Engine, toolchain: str, *, network: bool = False, capabilities: Sequence[str] = (),
    seconds: int = LIMITS.seconds,
) -> Iterator[tuple[Container, str]]:  # fmt: skip
    """A container and a new folder in it for a tree that is to be made; `keep` makes it one, else it is removed."""
    engine.ensure_volume(VOLUME)
    target = f"{FOLDER}/{HALF}{secrets.token_hex(8)}"
    volumes = {VOLUME: {"bind": FOLDER, "mode": "rw"}}
    with engine.container(
        toolchain, limits=replace(LIMITS, seconds=seconds), network=network, capabilities=capabilities, volumes=volumes,
    ) as box:  # fmt: skip
        _sweep(engine, box)
        _must(box, ["mkdir", target], "make a folder for a tree")
        try:
            yield box, target
        except BaseException:
            clear(box, target)
            raise


def _sweep(engine: Engine, box: Container) -> None:
    """Remove what killed runs left half-made; never what a container has mounted.

    By the time of change: that of modification is a tree's own as soon as its files are copied with their times.
    """
    now = box.run(["date", "+%s"]).stdout.strip()  # by the clock of the engine's host
    if not now.isdigit():  # seen once, beside another run: no output; the next making sweeps
        return
    stale = [name for name, changed in present(box).items() if name.startswith(HALF) and int(now) - changed >= STALE]
    volume = engine.volume(VOLUME) if stale else None
    if volume:
        used = engine.mounts()
        for name in stale:
            if f"{volume.folder}/{name}" not in used:
                clear(box, f"{FOLDER}/{name}")


def keep(engine: Engine, box: Container, target: str, tree: Tree, cache: Path) -> Tree:
    """Give a finished folder its name; the tree with the place where it can be mounted from."""
    final = f"{FOLDER}/{key(tree.digest)}"
    with _locked(cache):
        moved = box.run(["mv", "-T", target, final], user=OWNER)  # takes the place of an empty folder, and of no other
        if moved.exit_status:
            _must(box, ["test", "-f", f"{final}/Kconfig"], f"keep a tree: {moved.stderr.strip()}")
        made = engine.volume(VOLUME)
        if made is None:
            raise HostError(f"the volume {VOLUME} was removed while a tree was made", hint="run this again")
        plain = key(tree.plain.digest) if tree.plain else ""
        note = {
            "volume": made.identity, "origin": tree.origin, "code": tree.code, "plain": plain, "owner": tree.owner,
        }  # fmt: skip
        atomic.write_note(memo(cache, key(tree.digest)), note)
    if moved.exit_status:
        clear(box, target)  # made by somebody else meanwhile, of the same content
    return replace(tree, mount=f"{made.folder}/{key(tree.digest)}")


def copy(box: Container, plain: Tree, target: str) -> None:
    """Fill a folder with a tree that is there; files are shared until somebody replaces them."""
    source = f"{FOLDER}/{key(plain.digest)}"
    _must(box, ["cp", "-al", f"{source}/.", target], f"copy the tree {plain.origin}")


def noted_code(cache: Path, digest: str) -> str:
    """What is noted of a tree's code (values.Tree.code); empty when the tree was never here."""
    note = atomic.read_note(memo(cache, key(digest)))
    return str(note.get("code", "")) if isinstance(note, dict) else ""


def mounted(tree: Tree) -> dict[str, dict[str, str]]:
    """The volumes of a container that has the tree at /src and cannot write to it."""
    return {tree.mount: {"bind": "/src", "mode": "ro"}}


def present(box: Container) -> dict[str, float]:
    """What is in the store that a container has at FOLDER, each with the time at which it got its name."""
    argv = ["find", FOLDER, "-mindepth", "1", "-maxdepth", "1", "-printf", r"%f %C@\n"]
    rows = (line.split() for line in box.run(argv, user=OWNER).stdout.splitlines())
    return {name: float(changed) for name, changed in rows}


def remove_unknown(engine: Engine, toolchain: str, cache: Path) -> None:
    """Remove the trees that no note in the cache names, but for those that another run builds from or makes now."""
    volume = engine.volume(VOLUME)
    if volume is None:
        return
    used = engine.mounts()
    with engine.container(toolchain, limits=LIMITS, volumes={VOLUME: {"bind": FOLDER, "mode": "rw"}}) as box:
        there, since = present(box), leases.since(cache)
        names = {path.stem for path in (cache / "trees").glob("*.json")}
        for name, changed in there.items():
            made_now = name.startswith(HALF) and volume.folder in used
            made_now |= since is not None and changed >= since
            if name not in names and not made_now and f"{volume.folder}/{name}" not in used:
                clear(box, f"{FOLDER}/{name}")


def remove(engine: Engine, toolchain: str, cache: Path, name: str, *, own: bool = True) -> bool:
    """Remove one tree by the name of its folder; False when a running command or a container uses it.

    Without `own`, what this process itself used is not spared (leases.since).
    """
    volume = engine.volume(VOLUME)
    if volume is None or f"{volume.folder}/{name}" in engine.mounts():
        return False
    note, left = memo(cache, name), f"{FOLDER}/{HALF}{secrets.token_hex(8)}"
    with engine.container(toolchain, limits=LIMITS, volumes={VOLUME: {"bind": FOLDER, "mode": "rw"}}) as box:
        with _locked(cache):
            aside = leases.take(cache, note, own=own) if note.exists() else None
            if note.exists():
                return False
            moved = box.run(["mv", "-T", f"{FOLDER}/{name}", left], user=OWNER)
        if moved.exit_status and aside:
            leases.put_back(aside, note)
        elif aside:
            aside.unlink(missing_ok=True)
        clear(box, left)
    return not moved.exit_status


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Keep others from giving a tree its name, or taking it away: folder and note come and go together."""
    with atomic.writing(str(cache / "trees")), bootstrap.locked(cache / "trees" / ".lock"):
        yield


def clear(box: Container, folder: str) -> None:
    """Remove a folder of the store, if the engine still answers."""
    try:
        box.run(["rm", "-rf", folder], user=OWNER, seconds=COPY_SECONDS)
    except HostError:
        return  # the engine is gone; what is left is removed once it is stale


def _must(box: Container, argv: list[str], doing: str) -> None:
    done = box.run(argv, user=OWNER, seconds=COPY_SECONDS)
    if done.exit_status:
        raise HostError(f"cannot {doing}", details=done.log[-2000:], hint=DISK)


def key(digest: str) -> str:
    """The name of a tree's folder and note."""
    return hashlib.sha256(digest.encode()).hexdigest()[:24]


def memo(cache: Path, name: str) -> Path:
    """The note of a tree, by the name of its folder; its time is that of the tree's last use."""
    return cache / "trees" / f"{name}.json"
