"""Builds one kernel in a container without network, once; a finished build is found again by its key.

A kernel that does not compile is a result. Only a host that cannot build raises.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline import archive, atomic, ccache, fleetcache, hyperv, kconfig, leases, objecttrees, treediff, treestore
from pipeline.container import Limits
from pipeline.errors import HostError
from pipeline.values import Build, Kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.container import Completed, Container
    from pipeline.engine import Engine
    from pipeline.fleetcache import Door, Fleet
    from pipeline.objecttrees import ObjectTree
    from pipeline.values import Tree

BUILD_SECONDS = 3 * 3600
LIMITS = Limits(memory=8192, processes=4096, seconds=BUILD_SECONDS + 300)
ARTIFACT_LIMIT = 512 * 2**20
TAIL = 20
ROOM = 64 * 2**20  # bytes that a build that failed must find
SET_BACK = 75  # build-kernel's exit status
MADE_KEY = '"certs/signing_key.pem"'  # Kconfig's default, for which certs/Makefile makes a new random key
KILLED = {124, 137}  # timeout(1)'s own end, and SIGKILL
UNWRITABLE = ("No space left on device", "Disk quota exceeded", "Read-only file system", "Input/output error")
# Who cannot write does not always say why: fixdep, which writes every .cmd file, and dash's printf and echo.
_UNWRITTEN = re.compile(
    r"No space left on device|^fixdep: not all data was written to the output$|sh: \d+: (?:printf|echo): .*I/O error$",
)
# A program that a shell does not find, or link-vmlinux.sh for BTF. A bare name: a script with a path that is not there
# is the tree's own fault.
_LACKS = re.compile(r"sh: (?:line )?\d+: [\w.+-]+: (?:command )?not found$|: pahole \(\S*\) is not available$")
_COUNT = re.compile(r"[0-9]{1,9}")
# what build-kernel lays out; a process that a tree left behind may have put anything beside it
_OUT = re.compile(r"out/(?:bzImage|System\.map|\.config|release|vmlinux\.sha256|modules/[A-Za-z0-9_.+-]+\.ko)")
MOST_FILES = 20_000
_UNFOUND = 127  # a shell's status for it, which make passes on
# make's and the compiler's own marks of what went wrong first
_ERROR = re.compile(r"(: error: |: fatal error: |undefined reference|ERROR: modpost|^make.*\*\*\* (?!\[))")


def kernel(
    tree: Tree, toolchain: str, final: str, declared: tuple[str, ...] = (), goals: tuple[str, ...] = (),
) -> Kernel:  # fmt: skip
    """The kernel of a tree, a toolchain's identity, a resolved .config and what is made of it (goals.py).

    Equal inputs give the same key, and the same bytes: what would differ from build to build is left out. No module is
    signed here, and a key in the kernel would be a random one.
    """
    settled = kconfig.replaced(kconfig.replaced(final, "LOCALVERSION", '""'), "LOCALVERSION_AUTO", "n")
    if kconfig.values(settled).get("MODULE_SIG_KEY") == MADE_KEY:
        settled = kconfig.replaced(settled, "MODULE_SIG_KEY", '""')
    options = kconfig.parse(settled.encode(), ".config").values()
    text = "\n".join(sorted(kconfig.line(option.symbol, option.value) for option in options))
    origin = tree.digest
    if tree.owner:  # a folder that somebody works in: what its Kconfig files say is all in the .config, their order too
        origin, text = tree.built_of, settled
    key = hashlib.sha256("\n".join([origin, toolchain, text, *goals]).encode()).hexdigest()
    return Kernel(key=key, tree=tree, toolchain=toolchain, config=settled, declared=declared, goals=goals)


def options(built: Kernel) -> dict[str, str]:
    """The options of a kernel, with n for each Hyper-V option that its tree hides."""
    return hyperv.completed(kconfig.values(built.config), built.declared)


def config_of(wanted: Kernel) -> str:
    """The .config that is built: the resolved one with the kernel's own release suffix."""
    return kconfig.replaced(wanted.config, "LOCALVERSION", f'"{wanted.localversion}"')


def known(wanted: Kernel, cache: Path) -> Build | None:
    """The finished build of a kernel, if the cache has it whole."""
    folder = cache / "kernels" / wanted.key
    if not leases.used(folder):
        return None
    note: Any = atomic.read_json(folder / "build.json")
    try:
        whole = "bzImage" in note["files"]
        whole = whole and all(_digest(folder / name) == digest for name, digest in note["files"].items())
        made = Build(
            kernel=wanted, folder=folder, ok=True, reason="", seconds=float(note["seconds"]), reused=True,
            start=str(note["start"]), compiled=int(note["compiled"]),
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return made if whole else None


def build(
    engine: Engine, wanted: Kernel, cache: Path, failed: Path, start: ObjectTree | None = None, *,
    jobs: int, keep: bool = False, scratch: bool = False, line: Callable[[str], None], fleet: Fleet | None = None,
) -> Build:  # fmt: skip
    """Build a kernel into the cache, from the object tree `start` or from nothing.

    A build that failed leaves its build.log in `failed` instead. With `keep` its own object tree is kept for others.
    With `scratch` no compiler cache is used; `fleet` is that of a fleet, if there is one. `line` gets make's output as
    it comes. Raises HostError when the engine, the memory or the disk give out.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        mounts = treestore.mounted(wanted.tree)
        if start and start.tree != wanted.tree.digest:
            folder = stack.enter_context(treediff.newer(engine, wanted.tree.image, start.tree, wanted.tree))
            mounts = {folder: {"bind": "/src", "mode": "ro"}} if folder else mounts
            start = start if folder else None
        user = ccache.user(wanted)
        volumes = mounts if scratch else {**ccache.mounted(engine, user, cache), **mounts}
        image = start.image if start else wanted.tree.image
        door = fleet.door(writes=ccache.may_share(wanted)) if fleet and not scratch else nullcontext(fleetcache.CLOSED)
        box, storage = _container(engine, stack, image, volumes, stack.enter_context(door))
        box.put("/build", archive.pack({".config": config_of(wanted).encode()}, owner=1000))
        made = box.run(
            ["build-kernel", str(jobs), *wanted.goals], seconds=BUILD_SECONDS, line=line,
            environment={"CCACHE_DISABLE": "1"} if scratch else ccache.environment(user, storage),
        )  # fmt: skip
        seconds = round(time.monotonic() - began, 2)
        if made.exit_status:
            _check_host(box, made.exit_status)
            atomic.write(failed / "build.log", made.log)
            return Build(
                kernel=wanted, folder=failed, ok=False, reason=_why(made), seconds=seconds, reused=False,
            )  # fmt: skip
        note = {"seconds": seconds, "start": start.key if start else "", "compiled": _compiled(box)}
        found = _keep(box, wanted, cache, made, note)
        if keep and user == wanted.tree:  # else what its .config brought may be in the objects
            objecttrees.keep(engine, box, wanted, start, cache)
        return found


def _compiled(box: Container) -> int:
    """How many objects were made, as build-kernel counted them; 0 where a tree has put something else there."""
    counted = box.run(["cat", "/build/compiled"]).stdout.strip()
    return int(counted) if _COUNT.fullmatch(counted) else 0


def _check_host(box: Container, status: int) -> None:
    """Raises HostError when a build failed for want of its tree, of disk or of a clock that goes forwards.

    Who cannot write does not always say why: dash's printf, which writes every .cmd file, says `I/O error`.
    """
    if status == SET_BACK:
        raise HostError("the clock was set back since the objects were made", hint="wait, or run this with --fresh")
    room = box.run(["sh", "-c", f"head -c {ROOM} /dev/zero > /build/.room"])
    if any(text in room.stderr for text in UNWRITABLE):
        hint = "free some disk (./inv prune), then run this again"
        raise HostError("the disk is full or broken", details=room.stderr[-TAIL * 80 :], hint=hint)
    if box.run(["test", "-f", "/src/Makefile", "-a", "-f", "/src/Kconfig"]).exit_status:
        raise HostError("the kernel's tree went away while it was built", hint="run this again")


def _container(
    engine: Engine, stack: ExitStack, image: str, volumes: dict[str, dict[str, str]], door: Door,
) -> tuple[Container, str]:  # fmt: skip
    """The container of a build, and what ccache is told of the fleet's cache there: nothing where it cannot be had."""
    if door.volumes:
        try:
            made = engine.container(image, limits=LIMITS, volumes={**volumes, **door.volumes})
            return stack.enter_context(made), door.storage
        except HostError as error:  # the engine may be on another machine; what else is wrong is seen below
            door.unusable(f"a container cannot be given its socket ({error.details or error.brief})")
    return stack.enter_context(engine.container(image, limits=LIMITS, volumes=volumes)), ""


def _keep(box: Container, wanted: Kernel, cache: Path, made: Completed, note: dict[str, Any]) -> Build:
    box.unharmed()  # a compiler that was killed while make asked it something is to make one that lacks a flag
    files = {name: data for name, data in box.get("/build/out", ARTIFACT_LIMIT).items() if _OUT.fullmatch(name)}
    if len(files) > MOST_FILES:
        raise HostError(f"a build left {len(files)} files", hint="no kernel has so many modules")
    folder = cache / "kernels" / wanted.key
    with atomic.folder(folder, replace=True) as target:
        archive.save(files, target)
        (target / "build.log").write_text(made.log)
        names = [path.relative_to(target) for path in sorted(target.rglob("*")) if path.is_file()]
        digests = {str(name): _digest(target / name) for name in names}
        atomic.write_json(target / "build.json", {**note, "files": digests})
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
        if _UNWRITTEN.search(text):
            hint = "free some disk (./inv prune), then run this again"
            raise HostError("the disk is full or broken", details=text, hint=hint)
    if made.exit_status in KILLED or any("Killed signal terminated program" in text for text in lines):
        raise HostError("the build was killed", details="\n".join(lines[-TAIL:]), hint="memory or time ran out")
    lacks = next((text for text in lines if _LACKS.search(text)), "")
    if lacks and ("pahole" in lacks or any(text.endswith(f"Error {_UNFOUND}") for text in lines)):
        raise HostError("the toolchain's image lacks a tool", details=lacks, hint="add it to containers/toolchain/")
    first = next((text for text in lines if _ERROR.search(text)), lines[-1] if lines else f"exit {made.exit_status}")
    return f"does not compile: {first.strip()}"
