"""Puts a kernel tree into the tree store that is a tarball, or a commit of a git repository.

Nothing is written to the user's files, and nothing of the tree is executed.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from dataclasses import replace
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

from pipeline import gitseam, treestore
from pipeline.errors import HostError, UserError
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.model import GitSource, TarballSource

BLOCK = 2**20
DOWNLOAD_LIMIT = 2 * 2**30
DOWNLOAD_SECONDS = 60
UNPACK_SECONDS = 900


def tarball(
    engine: Engine, source: TarballSource, toolchain: str, cache: Path, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    """The tree of a tarball whose sha256 is as given. Raises UserError when it is not."""
    digest = f"tar:{source.sha256}"
    origin = f"{source.location.rpartition('/')[2]} (tarball, sha256 {source.sha256[:12]})"
    known = treestore.known(engine, toolchain, source.name, digest, cache)
    if known:
        return replace(known, origin=origin)
    with tempfile.TemporaryFile() as stream:
        say(f"source {source.name}: reading {source.location}")
        _fetch(source, stream, engine.going)
        stream.seek(0)
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != source.sha256:
            raise UserError(
                f"sources: {source.name}: {source.location} is not the file that was meant",
                details=f"its sha256 is {found}, not {source.sha256}",
                hint="check where it came from, and its signature",
            )
        made = Tree(variant=source.name, image=toolchain, digest=digest, origin=origin)
        return _unpacked(engine, made, stream, cache, 1)


def _fetch(source: TarballSource, stream: IO[bytes], going: Callable[[], None]) -> None:
    """Copy a local file or a download into a stream; `going` raises to end that."""
    remote = urlsplit(source.location).scheme in {"https", "http"}
    try:
        opened = urlopen(source.location, timeout=DOWNLOAD_SECONDS) if remote else open(source.location, "rb")  # noqa: S310, SIM115, PTH123 - http(s) or a path, never file:
        with opened as origin:
            while block := origin.read1(BLOCK):
                going()
                stream.write(block)
                if stream.tell() > DOWNLOAD_LIMIT:
                    raise UserError(f"sources: {source.name}: {source.location} is larger than {DOWNLOAD_LIMIT} bytes")
    except (OSError, ValueError) as error:
        kind = HostError if remote else UserError
        raise kind(f"sources: {source.name}: cannot read {source.location}", details=str(error)) from error


def git(
    engine: Engine, source: GitSource, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    """The tree of a commit, from a local repository or from a cached copy of what a URL has."""
    say(f"source {source.name}: asking {source.url} for {source.ref}")
    commit = gitseam.commit(source, cache / "git", fresh=fresh, going=engine.going)
    origin = f"{source.url} {source.ref} (commit {commit.sha[:12]})"
    made = Tree(variant=source.name, image=toolchain, digest=f"git:{commit.tree}", origin=origin)
    known = treestore.known(engine, toolchain, source.name, made.digest, cache)
    if known:
        return replace(known, origin=origin)  # the same tree may have been made by another name
    with tempfile.TemporaryFile() as stream:
        say(f"source {source.name}: copying the tree of {commit.sha[:12]}")
        gitseam.archive(commit, stream)
        return _unpacked(engine, made, stream, cache, 0)


def _unpacked(engine: Engine, made: Tree, stream: IO[bytes], cache: Path, strip: int) -> Tree:
    """Unpack a tarball in a container, as the owner of the trees."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with tempfile.TemporaryFile() as outer, treestore.making(engine, made.image) as (box, target):
        with tarfile.open(fileobj=outer, mode="w", format=tarfile.GNU_FORMAT) as packed:
            member = tarfile.TarInfo("source.tar")
            member.size, member.mode = size, 0o644
            packed.addfile(member, stream)
        outer.seek(0)
        box.put("/tmp", outer)  # noqa: S108 - in the container
        argv = ["unpack-tree", "/tmp/source.tar", target, str(strip)]  # noqa: S108 - in the container
        done = box.run(argv, user=treestore.OWNER, seconds=UNPACK_SECONDS)
        if done.exit_status and "No space left on device" in done.stderr:
            raise HostError("the disk is full", details=done.stderr[-500:], hint="free some disk (./inv prune)")
        if done.exit_status or box.run(["test", "-f", f"{target}/Kconfig"]).exit_status:
            one = "a tarball of a Linux tree: one folder" if strip else "a commit of a Linux tree:"
            hint = f"give {one} with Makefile and Kconfig in it"
            raise UserError(f"{made.origin}: no kernel tree", details=done.log[-1000:], hint=hint)
        return treestore.keep(engine, box, target, made, cache)


