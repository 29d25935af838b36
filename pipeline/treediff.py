"""Compares two trees of the store, and shows one so that make sees what differs from the other as newer.

Kbuild compares times, not content: objects that were made of another tree are only right when every file that differs
is newer than they are. Nothing of a tree is executed here.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import treestore
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.values import Tree

SECONDS = 600
VIEW_SECONDS = 4 * 3600  # more than a build may take
NOT_SO = 3  # tree-diff's exit status: no view can be had


@dataclass(frozen=True, slots=True)
class Difference:
    """How many files differ between two trees, and a digest of what differs but for Kconfig files.

    `code` is empty when nothing else differs: a .config then gives the same kernel on both.
    """

    files: int
    code: str


def between(box: Container, old: str, new: str) -> Difference:
    """What differs between two folders of a container that has the store."""
    done = box.run(["tree-diff", old, new], user=treestore.OWNER, seconds=SECONDS)
    words = done.stdout.split()
    if done.exit_status or len(words) != 2:  # noqa: PLR2004 - files, digest
        raise HostError("cannot compare two trees", details=done.log[-2000:], hint=treestore.DISK)
    return Difference(files=int(words[0]), code="" if words[1] == "-" else words[1])


@contextmanager
def newer(engine: Engine, toolchain: str, old: str, tree: Tree) -> Iterator[str]:
    """A folder on the engine's host with a tree in which all that differs from the tree `old` (a digest) is newest.

    It is there until the block ends, for as long as a build may take, and shares all other files. Empty when objects of
    `old` will not do, as it is gone, or as the tree has a header that it lacks. Raises HostError when the tree is gone.
    """
    with treestore.making(engine, toolchain, seconds=VIEW_SECONDS) as (box, target):
        names = [f"{treestore.FOLDER}/{treestore.key(digest)}" for digest in (old, tree.digest)]
        done = box.run(["tree-diff", "view", *names, target], user=treestore.OWNER, seconds=SECONDS)
        if done.exit_status not in {0, NOT_SO}:
            raise HostError("cannot prepare a tree", details=done.log[-2000:], hint=treestore.DISK)
        made = engine.volume(treestore.VOLUME)
        if made is None:
            raise HostError(f"the volume {treestore.VOLUME} is gone", hint="run this again")
        try:
            yield "" if done.exit_status else f"{made.folder}/{target.rpartition('/')[2]}"
        finally:
            treestore.clear(box, target)
