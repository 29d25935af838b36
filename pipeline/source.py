"""Puts the tree of a variant into an image: fetched with its signature checked, unpacked, patched.

Nothing of the tree is executed here, and patches are applied by git in a container without network.
"""

from __future__ import annotations

import fnmatch
import hashlib
import tarfile
import tempfile
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline import archive, atomic, images
from pipeline.container import Limits
from pipeline.errors import HostError, UserError
from pipeline.model import DebianSource
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.model import DirectorySource, Variant

OWNER = "1001:1001"
ROOT = "0:0"
# apt as root writes into folders of another user; no tree is executed in this container.
APT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID")
LIMITS = Limits(memory=4096, seconds=1800)
FETCH_SECONDS = 900
OFFLINE = "check the network and the mirror in apt's sources, then run this again"


def tree(
    engine: Engine, variant: Variant, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    """The image that holds a variant's tree, made if need be.

    `toolchain` is the tag of the image that it is laid over. Raises UserError for a package that does not exist
    or a patch that does not apply, HostError when the network or the engine fails.
    """
    if isinstance(variant.source, DebianSource):
        plain = _debian(engine, variant.source, toolchain, cache, fresh=fresh, say=say)
    else:
        plain = _directory(engine, variant.source, toolchain, say)
    named = Tree(variant=variant.name, image=plain.image, digest=plain.digest, origin=plain.origin)
    return _patched(engine, variant, named, say) if variant.patches else named


def _image(toolchain: str, digest: str) -> str:
    tag = hashlib.sha256(f"{toolchain}\n{digest}".encode()).hexdigest()[:16]
    return f"{images.NAMES}/tree:{tag}"


def _debian(
    engine: Engine, source: DebianSource, toolchain: str, cache: Path, *, fresh: bool, say: Callable[[str], None],
) -> Tree:  # fmt: skip
    asked = hashlib.sha256(f"{toolchain}\n{source}".encode()).hexdigest()[:16]
    memo = cache / "sources" / f"{asked}.json"
    known = atomic.read_json(memo)
    if known and not fresh and engine.labels(known["image"]) is not None:
        return Tree(**known)
    say(f"source {source.name}: asking {source.suite} for {source.package}")
    with engine.container(toolchain, limits=LIMITS, network=True, capabilities=APT_CAPABILITIES) as box:
        found = _fetch(box, source, say)
        origin = f"{found[1]} {found[0]} ({source.suite})"
        digest = f"deb:{found[2]}"
        image = _image(toolchain, digest)
        box.run(["rm", "-rf", "/tmp/source.deb", "/var/lib/apt/lists"], user=ROOT)  # noqa: S108 - in the container
        say(f"source {source.name}: {origin}, keeping it")
        box.commit(image, {"org.hvmatrix.tree": origin})
    made = Tree(variant=source.name, image=image, digest=digest, origin=origin)
    atomic.write_json(memo, asdict(made))
    return made


def _fetch(box: Container, source: DebianSource, say: Callable[[str], None]) -> tuple[str, str, str]:
    """Unpack the newest package that has what is required; its version, name and sha256."""
    listed = box.run(["fetch-source", "list", source.suite], user=ROOT, seconds=FETCH_SECONDS)
    if listed.exit_status:
        raise HostError(f"cannot read the package lists of {source.suite}", details=listed.stderr[-2000:], hint=OFFLINE)
    rows = [(words[0], words[1], words[2]) for line in listed.stdout.splitlines() if len(words := line.split()) == 3]  # noqa: PLR2004
    if not rows:
        raise HostError(f"{source.suite} has no linux-source packages", details=listed.stderr[-2000:], hint=OFFLINE)
    matching = [row for row in rows if fnmatch.fnmatchcase(row[1], source.package)]
    if not matching:
        there = ", ".join(sorted({row[1] for row in rows})) or "none"
        raise UserError(
            f"sources: {source.name}: no package {source.package} in {source.suite}",
            details=f"linux-source packages there: {there}",
            hint="Debian's pools move: name one of these in matrix.yaml",
        )
    for row in matching:
        say(f"source {source.name}: fetching {row[1]} {row[0]}")
        got = box.run(["fetch-source", "get", row[1], row[0]], user=ROOT, seconds=FETCH_SECONDS)
        if got.exit_status:
            raise HostError(f"cannot fetch {row[1]} {row[0]}", details=got.stderr[-2000:], hint=OFFLINE)
        say(f"source {source.name}: unpacking {row[1]} {row[0]}")
        unpacked = box.run(["unpack-source"], user=OWNER, seconds=FETCH_SECONDS)
        if unpacked.exit_status:
            hint = "./inv doctor says how full the disk is"
            raise HostError(f"cannot unpack {row[1]}", details=unpacked.log[-2000:], hint=hint)
        missing = [symbol for symbol in source.requires if not _declares(box, symbol)]
        if not missing:
            return row
        say(f"source {source.name}: {row[1]} {row[0]} has no {', '.join(missing)}, trying an older one")
        box.run(["find", "/src", "-mindepth", "1", "-delete"], user=OWNER)
    raise UserError(
        f"sources: {source.name}: no {source.package} in {source.suite} declares {', '.join(source.requires)}",
        details=f"looked at: {', '.join(row[1] for row in matching)}",
        hint="name another suite or drop `requires`",
    )


def _declares(box: Container, symbol: str) -> bool:
    argv = ["grep", "-rqE", "--include=Kconfig*", rf"^\s*(menu)?config\s+{symbol}\s*$", "/src"]
    return box.run(argv, user=OWNER).exit_status == 0


def _directory(engine: Engine, source: DirectorySource, toolchain: str, say: Callable[[str], None]) -> Tree:
    """The image of a local tree. What is digested is the very archive that goes into the image."""
    with tempfile.TemporaryFile() as stream:
        say(f"source {source.name}: reading {source.path}")
        try:
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as packed:
                for path in sorted(source.path.rglob("*")):
                    name = path.relative_to(source.path)
                    if ".git" not in name.parts:
                        packed.inodes.clear()  # type: ignore[attr-defined] # hard links go in as files
                        packed.add(path, name, recursive=False, filter=_owned)
        except (OSError, ValueError) as error:
            hint = "the tree must be readable, and must not change meanwhile"
            raise UserError(f"sources: {source.name}: {source.path}", details=str(error), hint=hint) from error
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        image = _image(toolchain, f"dir:{digest}")
        origin = f"{source.path} (directory, sha256 {digest[:12]})"
        made = Tree(variant=source.name, image=image, digest=f"dir:{digest}", origin=origin)
        if engine.labels(image) is None:
            stream.seek(0)
            with engine.container(toolchain, limits=LIMITS) as box:
                box.put("/src", stream)
                box.commit(image, {"org.hvmatrix.tree": origin})
    return made


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """A member as the build user may read it; sockets, pipes and devices are left out."""
    if not (member.isfile() or member.isdir() or member.issym()):
        return None
    member.uid = member.gid = 1001
    member.uname = member.gname = ""
    member.mtime = 0
    member.mode |= 0o555 if member.isdir() or member.mode & 0o100 else 0o444
    return member


def _patched(engine: Engine, variant: Variant, plain: Tree, say: Callable[[str], None]) -> Tree:
    texts = {f"{number:04}.patch": path.read_bytes() for number, path in enumerate(variant.patches)}
    words = [plain.digest, *(hashlib.sha256(text).hexdigest() for text in texts.values())]
    digest = hashlib.sha256("\n".join(words).encode())
    image = _image(plain.image, digest.hexdigest())
    names = ", ".join(path.name for path in variant.patches)
    origin = f"{plain.origin} + {names}"
    made = Tree(variant=variant.name, image=image, digest=f"patched:{digest.hexdigest()}", origin=origin)
    if engine.labels(image) is not None:
        return made
    say(f"variant {variant.name}: applying {names}")
    with engine.container(plain.image, limits=LIMITS) as box:
        box.put("/tmp", archive.pack(texts))  # noqa: S108 - in the container
        for name, path in zip(texts, variant.patches, strict=True):
            done = box.run(["git", "apply", "-p1", f"/tmp/{name}"], user=OWNER, folder="/src")  # noqa: S108
            if done.exit_status:
                raise UserError(
                    f"variants: {variant.name}: {path} does not apply to {plain.origin}",
                    details=done.stderr.replace(f"/tmp/{name}", path.name).strip(),  # noqa: S108
                    hint="rebase the patch on this tree, or name the tree that it was made for",
                )
        box.run(["rm", "-rf", *(f"/tmp/{name}" for name in texts)], user=ROOT)  # noqa: S108
        box.commit(image, {"org.hvmatrix.tree": origin})
    return made
