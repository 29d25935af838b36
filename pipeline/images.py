"""The images that everything runs in: made when their inputs changed, found otherwise.

A tag is a digest of the files in containers/<name>/ and of the parent's tag. It never looks at kernels.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import aptsources, atomic, bootstrap, scratch
from pipeline.container import Limits
from pipeline.errors import HostError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pipeline.engine import Engine

CONTAINERS = Path(__file__).resolve().parent.parent / "containers"
NAMES = "localhost/hvmatrix"  # with `localhost`, no engine looks for them anywhere else
ROOTFS = f"{NAMES}/rootfs:trixie"
REGISTRY_IMAGE = "debian:trixie-slim"
FACTS = "/usr/share/hvmatrix"
FACTS_LIMIT = 2**20
RECIPES = ("build-kernel", "make-goals", "object-depends", "trim-objects")  # the scripts that make a kernel


def toolchains() -> tuple[str, ...]:
    """The toolchains that there is a Dockerfile for."""
    return tuple(sorted(path.stem for path in (CONTAINERS / "toolchain").glob("*.Dockerfile")))


def toolchain_tag(name: str) -> str:
    """The tag of a toolchain's image, there or not."""
    return _tag("toolchain", f"{name}.Dockerfile", _tag("base", "Dockerfile", ROOTFS))


def base(engine: Engine, say: Callable[[str], None]) -> str:
    """The tag of the Debian 13 base, made if need be."""
    tag = _tag("base", "Dockerfile", ROOTFS)
    if engine.labels(tag) is None:
        if engine.labels(ROOTFS) is None:
            _rootfs(engine, say)
        _build(engine, tag, "base", "Dockerfile", {"ROOTFS": ROOTFS}, say)
    return tag


def toolchain(engine: Engine, name: str, say: Callable[[str], None]) -> str:
    """The tag of a toolchain's image. Raises UserError for one that has no Dockerfile."""
    if name not in toolchains():
        raise UserError(f"no toolchain {name!r}", hint=f"there are: {', '.join(toolchains())}")
    return _ensure(engine, "toolchain", f"{name}.Dockerfile", say)


def host(engine: Engine, say: Callable[[str], None]) -> str:
    """The tag of the Hyper-V host's image."""
    return _ensure(engine, "host", "Dockerfile", say)


def guest(engine: Engine, say: Callable[[str], None]) -> str:
    """The tag of the image that holds the guest's initramfs."""
    return _ensure(engine, "guest", "Dockerfile", say)


def browser(engine: Engine, say: Callable[[str], None]) -> str:
    """The tag of the image with the browser that the page of a run is tested in."""
    return _ensure(engine, "browser", "Dockerfile", say)


def bench(engine: Engine, say: Callable[[str], None]) -> str:
    """The tag of the image with what builds are measured against, over gcc's toolchain."""
    return _wheeled(engine, "bench", toolchain(engine, "gcc", say), say)


def virtme(engine: Engine, say: Callable[[str], None]) -> str:
    """The tag of the image with virtme-ng, which boots are measured against."""
    return _wheeled(engine, "virtme", base(engine, say), say)


def _wheeled(engine: Engine, name: str, parent: str, say: Callable[[str], None]) -> str:
    """An image with the wheels of its requirements.txt.

    They come through this host's pip: a container has neither pip's settings nor this host's certificates.
    """
    tag = _tag(name, "Dockerfile", parent)
    if engine.labels(tag) is None:
        with scratch.folder() as folder:
            wanted = str(CONTAINERS / name / "requirements.txt")
            argv = [
                sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                "--require-hashes", "--disable-pip-version-check", "--dest", str(folder), "-r", wanted,
            ]  # fmt: skip
            bootstrap.run(argv, f"cannot download {wanted}", "check the network and pip's index settings")
            _build(engine, tag, name, "Dockerfile", {"BASE": parent}, say, folder.glob("*.whl"))
    return tag


def current() -> set[str]:
    """The tags that the files in containers/ name now."""
    root = _tag("base", "Dockerfile", ROOTFS)
    chains = {_tag("toolchain", f"{name}.Dockerfile", root) for name in toolchains()}
    others = {_tag(name, "Dockerfile", root) for name in ("browser", "guest", "host", "virtme")}
    return {ROOTFS, root, *others, *chains, _tag("bench", "Dockerfile", toolchain_tag("gcc"))}


def facts(engine: Engine, tag: str, names: tuple[str, ...]) -> dict[str, str]:
    """What an image recorded of itself when it was made: package versions and the like, by file name."""
    with engine.container(tag, limits=Limits(seconds=60), started=False) as box:
        found = {name: box.get(f"{FACTS}/{name}", FACTS_LIMIT)[name] for name in names}
    return {name: data.decode(errors="replace").strip() for name, data in found.items()}


def identity(packages: str, name: str) -> str:
    """A digest of a toolchain: its packages, variables and the way in which it builds, the same wherever these are.

    What else is in the image, such as the scripts that fetch or resolve, makes no other kernel.
    """
    recipes = [(CONTAINERS / "toolchain" / name).read_text(encoding="utf-8") for name in RECIPES]
    text = (CONTAINERS / "toolchain" / f"{name}.Dockerfile").read_text(encoding="utf-8")
    lines = [line.split() for line in re.sub(r"\\\s*\n", " ", text).splitlines()]
    variables = [" ".join(words) for words in lines if words[:1] and words[0].upper() == "ENV"]
    return hashlib.sha256("\n".join([packages, *recipes, *variables]).encode()).hexdigest()


def noted(cache: Path) -> dict[str, str]:
    """The identities of the toolchains whose images were used last, by name; none of one that was changed since."""
    found: Any = atomic.read_json(cache / "toolchains.json")
    try:
        return {name: str(found[toolchain_tag(name)]) for name in toolchains() if toolchain_tag(name) in found}
    except (KeyError, TypeError):
        return {}


def note(cache: Path, identities: Mapping[str, str]) -> None:
    """Remember the identities of toolchains, for `noted`."""
    atomic.write_json(cache / "toolchains.json", {toolchain_tag(name): text for name, text in identities.items()})


def _ensure(engine: Engine, name: str, dockerfile: str, say: Callable[[str], None]) -> str:
    parent = base(engine, say)
    tag = _tag(name, dockerfile, parent)
    if engine.labels(tag) is None:
        _build(engine, tag, name, dockerfile, {"BASE": parent}, say)
    return tag


def _tag(name: str, dockerfile: str, parent: str) -> str:
    digest = hashlib.sha256(f"{parent}\n{dockerfile}\n".encode())
    for path in _inputs(name, dockerfile):
        digest.update(f"{path.name}\n{path.stat().st_mode & 0o100}\n".encode() + path.read_bytes())
    stem = dockerfile.partition(".")[0]
    image = name if dockerfile == "Dockerfile" else f"{name}-{stem}"
    return f"{NAMES}/{image}:{digest.hexdigest()[:16]}"


def _inputs(name: str, dockerfile: str) -> list[Path]:
    """The Dockerfile and its neighbours, but not the Dockerfiles of other toolchains."""
    paths = sorted((CONTAINERS / name).iterdir())
    return [path for path in paths if path.name == dockerfile or not path.name.endswith("Dockerfile")]


def _context(name: str, dockerfile: str, more: Iterable[Path]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in (*_inputs(name, dockerfile), *more):
            archive.add(path, path.name, filter=_readable)
    buffer.seek(0)
    return buffer


def _readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.mtime, member.uid, member.gid = 0o755, 0, 0, 0
    return member


def _build(
    engine: Engine, tag: str, name: str, dockerfile: str, arguments: Mapping[str, str], say: Callable[[str], None],
    more: Iterable[Path] = (),
) -> None:  # fmt: skip
    say(f"image {tag}: building")
    engine.build(_context(name, dockerfile, more), tag=tag, dockerfile=dockerfile, arguments=arguments)


def _rootfs(engine: Engine, say: Callable[[str], None]) -> None:
    say("Debian 13: asking the registry")
    if engine.pull(REGISTRY_IMAGE, ROOTFS):
        return
    say("Debian 13: no registry answers, making it with mmdebstrap")
    hint = f"let the engine reach a registry that has {REGISTRY_IMAGE}, or run this as root on Debian"
    if os.geteuid() != 0:
        raise HostError("no registry answers, and mmdebstrap needs root", hint=hint)
    named = aptsources.mirrors(_host_sources(), _codename())
    main, security = (aptsources.behind(uri, _text) for uri in (named.main, named.security))
    if not main:
        raise HostError("no registry answers, and this host's apt sources name no Debian mirror", hint=hint)
    bootstrap.install(["mmdebstrap"])
    lines = [f"deb {main} trixie main"]
    if security:
        lines.append(f"deb {security} trixie-security main")
    with scratch.folder() as folder:
        target = folder / "rootfs.tar"
        argv = ["mmdebstrap", "--quiet", "--variant=apt", "--include=ca-certificates", "trixie", str(target), *lines]
        bootstrap.run(argv, "mmdebstrap failed", "check apt's sources and the network")
        engine.load_rootfs(target, ROOTFS)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError as error:
        raise HostError(f"{path}, which apt's sources name: {error.strerror}") from error


def _host_sources() -> list[str]:
    folder = Path("/etc/apt")
    paths = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    kept = [path for path in paths if path.suffix in {".list", ".sources"} and path.is_file()]
    return [path.read_text(errors="replace") for path in kept]


def _codename() -> str:
    return aptsources.codename_of(Path("/etc/os-release").read_text(encoding="utf-8"))
