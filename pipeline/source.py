"""The tree of a variant: its source, with its patches on it, applied by git in a container without network.

Nothing of the tree is executed here.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import archive, debian, imported, localtree, series, treediff, treestore
from pipeline.errors import UserError
from pipeline.model import DebianSource, DirectorySource, GitSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline.container import Completed, Container
    from pipeline.engine import Engine
    from pipeline.model import Source, Variant
    from pipeline.series import Patch
    from pipeline.values import Tree

APPLY_SECONDS = 300


def tree(
    engine: Engine, variant: Variant, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    """The tree of a variant, made if need be; `toolchain` is the tag of the image that it is used in.

    Raises UserError for a source that does not exist or a patch that does not apply, HostError when the network or
    the engine fails.
    """
    patches = series.read(variant)
    plain = _plain(engine, variant.source, toolchain, cache, fresh=fresh, say=say)
    named = replace(plain, variant=variant.name, image=toolchain)
    return _patched(engine, named, patches, cache, say) if patches else named


def _plain(
    engine: Engine, source: Source, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    if isinstance(source, DebianSource):
        return debian.tree(engine, source, toolchain, cache, fresh=fresh, say=say)
    if isinstance(source, DirectorySource):
        return localtree.directory(engine, source, toolchain, cache, say)
    if isinstance(source, GitSource):
        return imported.git(engine, source, toolchain, cache, fresh=fresh, say=say)
    return imported.tarball(engine, source, toolchain, cache, say)


def _patched(
    engine: Engine, plain: Tree, patches: Sequence[Patch], cache: Path, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    digest = patched_digest(plain.digest, patches)
    names = ", ".join(patch.name for patch in patches)
    sums = tuple(f"{hashlib.sha256(patch.text).hexdigest()} {patch.name}" for patch in patches)
    origin = f"{plain.origin} + {names}"
    made = replace(plain, digest=digest, origin=origin, plain=plain, mount="", owner="", patches=sums)
    known = treestore.known(engine, plain.image, plain.variant, digest, cache)
    if known and known.code:
        return replace(made, mount=known.mount, code=known.code)  # the same texts may have had other names
    say(f"variant {plain.variant}: applying {names}")
    with treestore.making(engine, plain.image) as (box, target):
        treestore.copy(box, plain, target)
        for number, patch in enumerate(patches):
            _apply(box, target, number, patch, plain)
        differs = treediff.between(box, f"{treestore.FOLDER}/{treestore.key(plain.digest)}", target)
        code = patched_code(plain, differs.code)
        return treestore.keep(engine, box, target, replace(made, code=code), cache)


def patched_code(plain: Tree, differs: str) -> str:
    """What tells a patched tree's code from others': that of the plain tree, if only Kconfig files differ."""
    return hashlib.sha256(f"{plain.built_of}\n{differs}".encode()).hexdigest() if differs else plain.built_of


def patched_digest(plain: str, patches: Sequence[Patch]) -> str:
    """The digest of a tree with patches on it: that of the tree, and of each text in order."""
    words = [plain, *(hashlib.sha256(patch.text).hexdigest() for patch in patches)]
    return "patched:" + hashlib.sha256("\n".join(words).encode()).hexdigest()


def _apply(box: Container, target: str, number: int, patch: Patch, plain: Tree) -> None:
    name = f"{number:04}.patch"
    box.put("/tmp", archive.pack({name: patch.text}))  # noqa: S108 - in the container
    done = _git_apply(box, target, name)
    if done.exit_status:
        raise UserError(
            f"variants: {plain.variant}: {patch.where} does not apply to {plain.origin}",
            details=_hunk(box, target, name, done).replace(f"/tmp/{name}", patch.name).strip(),  # noqa: S108
            hint="rebase the patch on this tree, or name the tree that it was made for",
        )


def _git_apply(box: Container, target: str, name: str, *words: str) -> Completed:
    argv = ["git", "apply", "-p1", *words, f"/tmp/{name}"]  # noqa: S108 - in the container
    # no repository, neither in the folders above nor in the tree: filters that its settings name would be run
    environment = {"GIT_DIR": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C.UTF-8"}
    return box.run(argv, user=treestore.OWNER, folder=target, environment=environment, seconds=APPLY_SECONDS)


def _hunk(box: Container, target: str, name: str, failed: Completed) -> str:
    """What git said, and which hunks do not fit: with --reject it names every one by its number."""
    told = _git_apply(box, target, name, "--reject", "--verbose")
    lines = [line for line in told.stderr.splitlines() if line.startswith(("Rejected hunk #", "error:"))]
    shown = [line for line in lines if line != "error: while searching for:"]  # its text is not on this line
    return "\n".join(dict.fromkeys([*failed.stderr.splitlines(), *shown]))
