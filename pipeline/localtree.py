"""Puts a folder that somebody works in into the tree store, as it is now: by content, and only what changed since.

Nothing is written to the folder. What a build left in it is passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import archive, atomic, treestore
from pipeline.errors import HostError, UserError
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.model import DirectorySource

OWNER = 1001
HASHED = "sha256"
VERSION = 3  # of the notes, and of what is passed over
# What git and a build inside the tree leave there; with them, `make O=` would call the tree unclean.
PASSED_NAMES = frozenset({
    ".git", ".config", ".config.old",
    # made by kbuild without a .cmd file of their own
    "av_permissions.h", "inat-tables.c", "crc32table.h", "crc64table.h", "oid_registry_data.c", "capability_names.h",
    "rlim_names.h", "net_names.h", "consolemap_deftbl.c", "gen-kdb_cmds.c",
})  # fmt: skip
PASSED_PATHS = frozenset({
    "include/config", "include/generated", "arch/x86/include/generated", "scripts/mod/devicetable-offsets.h",
})  # fmt: skip
PASSED_SUFFIXES = (".o", ".ko", ".a", ".cmd", ".o.d", ".asn1.c", ".asn1.h")
FEW = 20_000  # changed files up to which the last copy is taken as a start
REMOVE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or link below the folder; `stamp` changes whenever its content may have, `content` tells it."""

    path: str
    mode: int
    stamp: str
    content: str


def directory(
    engine: Engine, source: DirectorySource, toolchain: str, cache: Path, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    """The tree of a folder, uncommitted edits included. Raises UserError when it cannot be read as it is."""
    say(f"source {source.name}: reading {source.path}")
    memo = cache / "folders" / f"{hashlib.sha256(str(source.path.resolve()).encode()).hexdigest()[:24]}.json"
    last = _last(memo)
    try:
        entries = list(_entries(source.path, last.get("files", {})))
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error
    if not any(entry.path == "Kconfig" for entry in entries):
        raise UserError(f"sources: {source.name}: {source.path}: no kernel tree: it has no Kconfig")
    digest = _digest(entries)
    origin = f"{source.path} (directory, sha256 {digest[:12]})"
    code = _digest([entry for entry in entries if not _kconfig(entry.path)])
    made = Tree(
        variant=source.name, image=toolchain, digest=f"dir:{digest}", origin=origin, code=f"dir:{code}",
        owner=str(source.path.resolve()),
    )  # fmt: skip
    found = treestore.known(engine, toolchain, source.name, made.digest, cache)
    if found is None:
        before = treestore.known(engine, toolchain, source.name, str(last.get("tree")), cache)
        say(f"source {source.name}: copying {source.path}")
        with treestore.making(engine, toolchain) as (box, target):
            _fill(box, target, source, entries, before, last.get("files", {}))
            found = treestore.keep(engine, box, target, made, cache)
    files = {entry.path: [entry.mode, entry.stamp, entry.content] for entry in entries}
    atomic.write(memo, atomic.compact({"version": VERSION, "tree": made.digest, "files": files}))
    return replace(made, mount=found.mount)


def _kconfig(path: str) -> bool:
    """Whether a file is of no matter once there is a .config (tree-diff says the same)."""
    name = path.rpartition("/")[2]
    return name == "Kconfig" or name.startswith("Kconfig.")


def _last(memo: Path) -> dict[str, Any]:
    found = atomic.read_json(memo)
    return found if isinstance(found, dict) and found.get("version") == VERSION else {}


def _unreadable(source: DirectorySource, error: Exception) -> UserError:
    hint = "the tree must be readable, and must not change meanwhile"
    return UserError(f"sources: {source.name}: {source.path}", details=str(error), hint=hint)


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """Path in the tree, path on this machine and status of everything that belongs to it, sorted."""
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.path, entry.stat(follow_symlinks=False)) for entry in entries)
    there = {name for name, _, _ in found}
    for name, path, status in found:
        inner = prefix + name
        if name in PASSED_NAMES or inner in PASSED_PATHS or name.endswith(PASSED_SUFFIXES):
            continue
        # What kbuild made, as zoffset.h: found beside a source it would be taken before the one that is made anew.
        if f".{name}.cmd" in there and stat.S_ISREG(status.st_mode):
            continue
        if stat.S_ISDIR(status.st_mode):
            yield inner, path, status
            yield from _walk(path, f"{inner}/")
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            yield inner, path, status


def _entries(folder: Path, known: Mapping[str, Sequence[Any]]) -> Iterator[Entry]:
    """Everything in a folder with its content's digest, which is read only where it may have changed."""
    for inner, path, status in _walk(str(folder), ""):
        mode = _mode(status.st_mode)
        stamp = _stamp(status)
        before = known.get(inner)
        if stat.S_ISDIR(mode):
            content = ""
        elif stat.S_ISLNK(mode):
            content = os.readlink(path)  # noqa: PTH115 - a hundred thousand entries, and a Path for none
            if _leaves(inner, content):
                continue
        elif before and before[1] == stamp:
            content = str(before[2])
        else:
            content = _hash(path)
        yield Entry(inner, mode, stamp if stat.S_ISREG(mode) else "", content)


def _leaves(inner: str, target: str) -> bool:
    """Whether a link leads out of the tree: it would lead nowhere in a container, and Docker refuses to write it."""
    there = os.path.normpath(os.path.join(os.path.dirname(inner), target))  # noqa: PTH118, PTH120 - as above
    return not target.startswith("/") and there.split("/")[0] == ".."


def _mode(mode: int) -> int:
    """A mode as the build user has it: readable, and executable if it was for its owner."""
    if stat.S_ISLNK(mode):
        return stat.S_IFLNK | 0o777
    return stat.S_IFMT(mode) | (0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}/{status.st_mtime_ns}/{status.st_ctime_ns}/{status.st_ino}"


def _hash(path: str) -> str:
    with open(path, "rb") as stream:  # noqa: PTH123 - a hundred thousand of them
        return hashlib.file_digest(stream, HASHED).hexdigest()


def _digest(entries: Sequence[Entry]) -> str:
    whole = hashlib.sha256()
    for entry in entries:
        whole.update(f"{entry.mode:o}\0{entry.path}\0{entry.content}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _fill(
    box: Container, target: str, source: DirectorySource, entries: Sequence[Entry], before: Tree | None,
    known: Mapping[str, Sequence[Any]],
) -> None:  # fmt: skip
    """Fill a new folder of the store: from the last copy and what changed since, or from nothing."""
    changed = [entry for entry in entries if _differs(entry, known.get(entry.path))]
    if before is None or len(changed) > FEW:
        box.put(target, _packed(source, entries))
        return
    treestore.copy(box, before, target)
    there = {entry.path for entry in entries}
    # A folder too: it was something else before, and through a link that is left `rm` would reach what is elsewhere.
    stale = [path for path in known if path not in there] + [one.path for one in changed]
    if stale:
        names = "\0".join(stale).encode("utf-8", "surrogateescape")
        box.put("/tmp", archive.pack({"stale": names}))  # noqa: S108 - in the container
        argv = ["xargs", "-0", "-a", "/tmp/stale", "rm", "-rf", "--"]  # noqa: S108 - in the container
        done = box.run(argv, user=treestore.OWNER, folder=target, seconds=REMOVE_SECONDS)
        if done.exit_status:
            raise HostError("cannot bring the copy of a tree up to date", details=done.stderr[-1000:])
    if changed:
        box.put(target, _packed(source, changed))


def _differs(entry: Entry, known: Sequence[Any] | None) -> bool:
    return known is None or (known[0], known[2]) != (entry.mode, entry.content)


def _packed(source: DirectorySource, entries: Sequence[Entry]) -> Iterator[bytes]:
    """A tar of entries, made as it is read. What is no longer as it was digested ends it with a UserError."""
    for entry in entries:
        member = tarfile.TarInfo(entry.path)
        member.uid = member.gid = OWNER
        member.mode = stat.S_IMODE(entry.mode)
        data = b""
        if stat.S_ISDIR(entry.mode):
            member.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(entry.mode):
            member.type, member.linkname = tarfile.SYMTYPE, entry.content
        else:
            data = _same(source, entry)
        member.size = len(data)
        padding = b"\0" * (-len(data) % tarfile.BLOCKSIZE)
        yield member.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape") + data + padding
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _same(source: DirectorySource, entry: Entry) -> bytes:
    """A file's bytes, which must be those that were digested."""
    try:
        data = (source.path / entry.path).read_bytes()
    except OSError as error:
        raise _unreadable(source, error) from error
    if hashlib.sha256(data).hexdigest() != entry.content:
        raise _unreadable(source, OSError(f"{entry.path} changed while it was copied"))
    return data
