"""Builds one kernel in a container without network, once; a finished build is found again by its key.

A kernel that does not compile is a result. Only a host that cannot build raises.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline import archive, atomic, hyperv, kconfig, treestore
from pipeline.container import Limits
from pipeline.errors import HostError
from pipeline.values import Build, Kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.container import Completed, Container
    from pipeline.engine import Engine
    from pipeline.values import Tree

BUILD_SECONDS = 3 * 3600
LIMITS = Limits(memory=8192, processes=4096, seconds=BUILD_SECONDS + 300)
ARTIFACT_LIMIT = 512 * 2**20
CCACHE_VOLUME = "hvmatrix-ccache"
TAIL = 20
KILLED = {124, 137}  # timeout(1)'s own end, and SIGKILL
# make's and the compiler's own marks of what went wrong first
_ERROR = re.compile(r"(: error: |: fatal error: |undefined reference|ERROR: modpost|^make.*\*\*\* (?!\[))")


def kernel(tree: Tree, toolchain: str, final: str, declared: tuple[str, ...] = ()) -> Kernel:
    """The kernel of a tree, a toolchain's identity and a resolved .config; equal inputs give the same key."""
    settled = kconfig.replaced(kconfig.replaced(final, "LOCALVERSION", '""'), "LOCALVERSION_AUTO", "n")
    options = kconfig.parse(settled.encode(), ".config").values()
    text = "\n".join(sorted(kconfig.line(option.symbol, option.value) for option in options))
    key = hashlib.sha256(f"{tree.digest}\n{toolchain}\n{text}".encode()).hexdigest()
    return Kernel(key=key, tree=tree, toolchain=toolchain, config=settled, declared=declared)


def options(built: Kernel) -> dict[str, str]:
    """The options of a kernel, with n for each Hyper-V option that its tree hides."""
    return hyperv.completed(kconfig.values(built.config), built.declared)


def config_of(wanted: Kernel) -> str:
    """The .config that is built: the resolved one with the kernel's own release suffix."""
    return kconfig.replaced(wanted.config, "LOCALVERSION", f'"{wanted.localversion}"')


def known(wanted: Kernel, cache: Path) -> Build | None:
    """The finished build of a kernel, if the cache has it whole."""
    folder = cache / "kernels" / wanted.key
    note: Any = atomic.read_json(folder / "build.json")
    try:
        whole = all(_digest(folder / name) == digest for name, digest in note["files"].items())
        seconds = float(note["seconds"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return Build(kernel=wanted, folder=folder, ok=True, reason="", seconds=seconds, reused=True) if whole else None


def build(
    engine: Engine, wanted: Kernel, cache: Path, failed: Path, *, jobs: int, line: Callable[[str], None],
) -> Build:  # fmt: skip
    """Build a kernel into the cache; a build that failed leaves its build.log in `failed` instead.

    `line` gets make's output as it comes. Raises HostError when the engine, the memory or the disk give out.
    """
    started = time.monotonic()
    volume = ccache_volume(wanted.tree)
    engine.ensure_volume(volume)
    volumes = {volume: {"bind": "/ccache", "mode": "rw"}, **treestore.mounted(wanted.tree)}
    with engine.container(wanted.tree.image, limits=LIMITS, volumes=volumes) as box:
        box.put("/build", archive.pack({".config": config_of(wanted).encode()}, owner=1000))
        made = box.run(["build-kernel", str(jobs)], seconds=BUILD_SECONDS, line=line)
        seconds = round(time.monotonic() - started, 2)
        if made.exit_status:
            atomic.write(failed / "build.log", made.log)
            return Build(
                kernel=wanted, folder=failed, ok=False, reason=_why(made), seconds=seconds, reused=False,
            )  # fmt: skip
        return _keep(box, wanted, cache, made, seconds)


def ccache_volume(tree: Tree) -> str:
    """The compiler cache of a tree: one for all of Debian's, and one of its own for each stranger's.

    What a tree runs can write anything into its cache, so no other tree may read from it.
    """
    return CCACHE_VOLUME if tree.digest.startswith("deb:") else f"{CCACHE_VOLUME}-{tree.digest.partition(':')[2][:12]}"


def _keep(box: Container, wanted: Kernel, cache: Path, made: Completed, seconds: float) -> Build:
    files = box.get("/build/out", ARTIFACT_LIMIT)
    folder = cache / "kernels" / wanted.key
    with atomic.folder(folder, replace=True) as target:
        archive.save(files, target)
        (target / "build.log").write_text(made.log)
        names = [path.relative_to(target) for path in sorted(target.rglob("*")) if path.is_file()]
        digests = {str(name): _digest(target / name) for name in names}
        atomic.write_json(target / "build.json", {"seconds": seconds, "files": digests})
    found = known(wanted, cache)
    if found is None:
        raise HostError(f"{folder} is damaged right after it was written", hint="check the disk")
    return replace(found, reused=False)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _why(made: Completed) -> str:
    """The first line that says what failed. A host without disk or memory is no fault of the kernel."""
    lines = made.log.splitlines()
    for text in lines:
        if "No space left on device" in text:
            raise HostError("the disk is full", details=text, hint="free some disk (./inv prune), then run this again")
    if made.exit_status in KILLED or any("Killed signal terminated program" in text for text in lines):
        raise HostError("the build was killed", details="\n".join(lines[-TAIL:]), hint="memory or time ran out")
    first = next((text for text in lines if _ERROR.search(text)), lines[-1] if lines else f"exit {made.exit_status}")
    return f"does not compile: {first.strip()}"
