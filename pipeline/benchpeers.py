"""What the pipeline is measured against, each in a container: tuxmake with ccache, and make by hand in one tree.

Builds what it is given and says what that spent. Nothing is kept of the kernels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import archive, treestore
from pipeline.benchsamples import Meter
from pipeline.container import Limits
from pipeline.errors import HostError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager, ExitStack

    from pipeline.benchsums import Spent
    from pipeline.container import Completed, Container
    from pipeline.engine import Engine
    from pipeline.values import Tree

VOLUME = "hvmatrix-bench-ccache"
BUILD_SECONDS, COPY_SECONDS = 3 * 3600, 1800
LIMITS = Limits(memory=8192, processes=4096, seconds=BUILD_SECONDS + COPY_SECONDS)
LONG = replace(LIMITS, seconds=7 * 24 * 3600)  # of the container in which one tree is built again and again
METADATA_LIMIT = 2**20
# A container's own count of processor time: cgroup v1 in nanoseconds, v2 in a line of several.
COUNTS = ("/sys/fs/cgroup/cpuacct/cpuacct.usage", "/sys/fs/cgroup/cpu.stat")
# Of tuxmake 1.45.0's default targets, those that make what the others make, too (target/*.ini).
CORE = ("config", "default", "kernel", "modules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A kernel to be built for a cell: `tree` as it is, or the plain one with `patches` on it, and the .config."""

    cell: str
    key: str
    tree: Tree
    patches: tuple[bytes, ...]
    config: str

    @property
    def plain(self) -> Tree:
        """The tree that the patches are for."""
        return self.tree.plain or self.tree


def forget_tuxmake(engine: Engine, image: str) -> None:
    """Empty tuxmake's compiler cache."""
    with _tuxmake_box(engine, image, {}) as box:
        _must(box, ["bench-tuxmake", "forget"])


def tuxmake(engine: Engine, image: str, piece: Piece, jobs: int, name: str) -> Spent:
    """Build a kernel with tuxmake's own defaults and ccache; with `jobs` 0 it takes its default there, too.

    Only a build that was finished adds to the compiler cache, and not to that of the same build (`name`) when it is
    done again. Raises HostError when it fails.
    """
    with _tuxmake_box(engine, image, treestore.mounted(piece.tree)) as box:
        box.put("/bench", archive.pack({"kconfig": piece.config.encode()}, owner=1000))
        _must(box, ["bench-tuxmake", "prepare", name])
        before, meter = _counted(box), Meter()
        done = box.run(["bench-tuxmake", "run", *([str(jobs)] if jobs else [])], seconds=BUILD_SECONDS)
        spent = meter.read(inside=_since(before, _counted(box)))
        _checked(done, f"tuxmake, {piece.cell}")
        metadata = box.get("/bench/metadata.json", METADATA_LIMIT)["metadata.json"]
        _must(box, ["bench-tuxmake", "keep", name])
    beside = sum(seconds for name, seconds in durations(metadata).items() if name not in CORE)
    return replace(spent, core=round(spent.wall - beside, 2))


def durations(metadata: bytes) -> dict[str, float]:
    """The seconds of each target, by tuxmake's own metadata.json."""
    try:
        targets: dict[str, Any] = json.loads(metadata)["results"]["targets"]
        return {name: float(found["duration"]) for name, found in targets.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError("tuxmake's metadata.json is not as it was in 1.45.0", details=repr(error)) from error


def _tuxmake_box(
    engine: Engine, image: str, mounts: dict[str, dict[str, str]],
) -> AbstractContextManager[Container]:  # fmt: skip
    volumes = {VOLUME: {"bind": "/ccache", "mode": "rw"}, **mounts}
    return engine.container(image, limits=LIMITS, volumes=volumes)


class Floor:
    """Make by hand: one tree of each source, one build folder for it, in a container that is there until `stack` ends.

    A kernel is built over the one before it in the same tree.
    """

    def __init__(self, engine: Engine, image: str, stack: ExitStack, jobs: int) -> None:
        self.engine, self.image, self.stack, self.jobs = engine, image, stack, jobs
        self._boxes: dict[str, Container] = {}
        self._patched: dict[str, str] = {}

    def build(self, piece: Piece, before: Piece | None) -> Spent:
        """Build a kernel; one that came `before` it in its tree is built first, and not counted, if it is not there.

        Raises HostError when it fails.
        """
        name = piece.plain.digest
        if name not in self._boxes:
            self._open(piece.plain)
            if before:
                self._make(before)
        return self._make(piece)

    def _open(self, plain: Tree) -> None:
        box = self.stack.enter_context(
            self.engine.container(self.image, limits=LONG, volumes=treestore.mounted(plain)),
        )  # fmt: skip
        _must(box, ["bench-floor", "copy"])
        _must(box, ["mkdir", "-p", "/bench/patches/none"])
        self._boxes[plain.digest], self._patched[plain.digest] = box, "none"

    def _make(self, piece: Piece) -> Spent:
        box, old = self._boxes[piece.plain.digest], self._patched[piece.plain.digest]
        new = treestore.key(piece.tree.digest) if piece.patches else "none"
        _must(box, ["mkdir", "-p", f"/bench/patches/{new}"])
        files = {f"patches/{new}/{number:04}.patch": text for number, text in enumerate(piece.patches)}
        box.put("/bench", archive.pack({"config": piece.config.encode(), **files}, owner=1000))
        argv = ["bench-floor", "build", str(self.jobs), f"patches/{old}", f"patches/{new}"]
        before, meter = _counted(box), Meter()
        done = box.run(argv, seconds=BUILD_SECONDS)
        spent = meter.read(inside=_since(before, _counted(box)))
        _checked(done, f"make by hand, {piece.cell}")
        self._patched[piece.plain.digest] = new
        return spent


def _counted(box: Container) -> float | None:
    """The processor seconds of a container so far; None where it cannot see them."""
    return container_seconds(box.run(["cat", *COUNTS]).stdout)


def container_seconds(text: str) -> float | None:
    """The seconds in cpuacct.usage or cpu.stat; None in anything else."""
    words = text.split()
    if not words:
        return None
    if words[0].isdecimal():
        return int(words[0]) / 1e9
    found = dict(zip(words[::2], words[1::2], strict=False))
    return int(found["usage_usec"]) / 1e6 if found.get("usage_usec", "").isdecimal() else None


def _since(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 2)


def _must(box: Container, argv: list[str]) -> None:
    _checked(box.run(argv, seconds=COPY_SECONDS), " ".join(argv[:2]))


def _checked(done: Completed, doing: str) -> None:
    if done.exit_status:
        hint = "its last lines are above; ./inv doctor says how full the disk is"
        raise HostError(f"{doing}: exit {done.exit_status}", details=done.log[-3000:], hint=hint)
