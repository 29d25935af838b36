"""Writes what is in the images of a run, a CycloneDX file each: every Debian package with its version.

An image lists its packages when it is made (dpkg-query -W); nothing is looked for in it. Never looks at a kernel.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from pipeline import atomic, images, seal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.engine import Engine

SUFFIX = ".cdx.json"
SHOWN = 12  # of a digest
DISTRO = "debian-13"  # of containers/base; a package of a later suite has its version to tell
_SPACE = uuid.UUID("6d6c2f6e-8f0e-5b1b-9f38-6f2a4f6f7c11")  # of this project's documents, drawn once


def keep(engine: Engine, run_folder: Path, tags: Iterable[str]) -> None:
    """Write the contents of some images below a run's folder, `sbom/<image>-<start of its digest>.cdx.json` each.

    Raises HostError when an image is not there or the disk does not take the file.
    """
    for tag in tags:
        packages = images.facts(engine, tag, ("packages",))["packages"]
        image = engine.image_id(tag)
        name = f"{tag.rpartition('/')[2].partition(':')[0]}-{image.removeprefix('sha256:')[:SHOWN]}"
        atomic.write(run_folder / seal.IMAGES / f"{name}{SUFFIX}", document(tag, image, packages))


def document(tag: str, image: str, packages: str) -> str:
    """The text of the CycloneDX 1.6 document of one image, the same for the same image but for its time stamp.

    `packages` are lines of dpkg-query -W, a name and a version; of a package that was unpacked and not installed, its
    name and a note in brackets.
    """
    whole = Component(
        name=tag.rpartition(":")[0], version=tag.rpartition(":")[2], type=ComponentType.CONTAINER, bom_ref="image",
        properties=[Property(name="hvmatrix:image", value=image)],
    )  # fmt: skip
    found = Bom(components=_packages(packages), serial_number=uuid.uuid5(_SPACE, f"{image}\n{packages}"))
    found.metadata.component = whole
    found.register_dependency(whole, found.components)
    return str(JsonV1Dot6(found).output_as_string(indent=1)) + "\n"


def _packages(text: str) -> list[Component]:
    made = []
    for line in dict.fromkeys(text.splitlines()):
        said, _, version = line.partition("\t")
        name, _, note = said.partition(" (")
        plain, _, architecture = name.partition(":")
        if not plain:
            continue
        words = {"distro": DISTRO, **({"arch": architecture} if architecture else {})}
        purl = PackageURL("deb", "debian", plain, version or None, words)
        made.append(Component(
            name=name, version=version or None, type=ComponentType.LIBRARY, purl=purl, bom_ref=f"{name}={version}",
            description=note.removesuffix(")") or None,
        ))  # fmt: skip
    return made
