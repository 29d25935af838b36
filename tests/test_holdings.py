"""What the engine keeps for the project: an object tree that lost its name can be removed like an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import holdings, objecttrees
from pipeline.enginedisk import Image
from pipeline.items import IMAGE, OBJECTS

if TYPE_CHECKING:
    from pathlib import Path


def image(digest: str, *names: str, key: str = "k") -> Image:
    labels = {objecttrees.LABEL: key}
    return Image(digest=digest, names=names or (digest,), labels=labels, made=1.0, bytes=7, parent="")


def test_an_object_tree_without_a_name_is_an_image(tmp_path: Path) -> None:
    several = [image("sha256:1", objecttrees.tag("k")), image("sha256:2")]
    named, nameless = holdings.of_images(several, tmp_path, quiet=True, shared=False)
    assert (named.kind, named.name) == (OBJECTS, "k")
    assert (nameless.kind, nameless.name, nameless.fixed) == (IMAGE, "sha256:2", False)
    _, busy = holdings.of_images(several, tmp_path, quiet=False, shared=False)
    assert busy.fixed, "another command may be about to use it"
