"""Kernels that Debian has built, for the benchmarks: boots of what people run, and not only of what is built here.

Their packages are fetched and unpacked in a container; apt checks signatures and digests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import archive, artifact, debian, images, kmod
from pipeline.container import Limits
from pipeline.errors import HostError
from pipeline.values import Artifact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.progress import View

LIMIT = 1024 * 2**20  # bytes of a kernel's folder
# The suites and packages of the two that the host's image does not have: the oldest that is maintained, and the newest.
CLOUD = (("bookworm", "linux-image-6.1.*-cloud-amd64"), ("trixie-backports", "linux-image-*-cloud-amd64"))
INSIDE = "/tmp/kernel"  # noqa: S108 - of a container
FOLDERS = ("boot", "usr/lib/modules", "lib/modules")  # the last until bookworm


def hosts(engine: Engine, view: View, folder: Path) -> Artifact:
    """The cloud kernel that the host's image has for its middle machine, with all of its modules, put into `folder`."""
    with engine.container(images.host(engine, view.say), limits=Limits(seconds=300), started=False) as box:
        return _saved(box, "/opt/kernel", ("boot", "usr/lib/modules"), folder)


def fetched(engine: Engine, view: View, folder: Path) -> list[Artifact]:
    """The kernels of CLOUD, each in a folder of its own in `folder`.

    Raises UserError when a suite has no such package, HostError when the network or the engine fails.
    """
    image = images.toolchain(engine, "gcc", view.say)
    found = []
    for suite, pattern in CLOUD:
        view.say(f"kernels: asking {suite} for {pattern}")
        with engine.container(image, limits=debian.LIMITS, network=True, capabilities=debian.APT_CAPABILITIES) as box:
            package = debian.matching(box, "kernels", suite, pattern, "linux-image-")[0]
            _unpack(box, package)
            if not _has(box, "boot"):  # as in 7.3, it only names the two that have the files
                for kind in ("linux-binary-", "linux-modules-"):
                    _unpack(box, replace(package, name=kind + package.name.removeprefix("linux-image-")))
            found.append(_saved(box, INSIDE, [part for part in FOLDERS if _has(box, part)], folder / suite))
    return found


def _unpack(box: Container, package: debian.Package) -> None:
    debian.get(box, package)
    done = box.run(["dpkg", "-x", debian.FETCHED, INSIDE])
    if done.exit_status:
        raise HostError(f"cannot unpack {package.name}", details=done.log[-2000:])


def _has(box: Container, part: str) -> bool:
    return box.run(["test", "-d", f"{INSIDE}/{part}"]).exit_status == 0


def _saved(box: Container, inside: str, parts: Sequence[str], folder: Path) -> Artifact:
    for part in parts:
        archive.save(box.get(f"{inside}/{part}", LIMIT), folder / part)
    image, modules = next(folder.glob("**/vmlinuz*"), None), next(folder.glob("**/lib/modules"), None)
    if image is None or modules is None:
        raise HostError(f"no kernel in {inside} of a container", hint="Debian has moved the files of its packages")
    return Artifact(image=image, release=artifact.release_of(image), modules=kmod.find(modules))
