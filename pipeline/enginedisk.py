"""What this project keeps in the engine, images and volumes: lists and removes them.

Never touches what does not carry the project's label, nor what a container uses.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import requests
from docker.errors import DockerException

from pipeline.container import PROJECT, translated

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.engine import Engine


def labelled(engine: Engine, label: str) -> dict[str, str]:
    """The digests of this project's images that carry a label, by its value."""
    with translated("listing images"):
        found = engine.client.api.images(filters={"label": [f"{PROJECT}=image", label]})
    return {str(image["Labels"][label]): str(image["Id"]) for image in found}


def prune_images(engine: Engine, keep: Collection[str]) -> int:
    """Remove this project's images but for those tags; how many. One that a container uses stays."""
    with translated("removing images"):
        found = engine.client.images.list(filters={"label": f"{PROJECT}=image"})
        unwanted = [tag for image in found for tag in (image.tags or [image.id]) if tag not in keep]
    return sum(remove_image(engine, tag) for tag in reversed(unwanted))


def remove_image(engine: Engine, tag: str) -> bool:
    """Remove one image by its tag; False when that cannot be done now."""
    try:
        engine.client.images.remove(tag)
    except (DockerException, requests.RequestException):
        return False
    return True


def remove_volumes(engine: Engine, prefix: str = "") -> None:
    """Remove this project's volumes that nobody uses and whose names begin so."""
    with translated("listing volumes"):
        found = engine.client.volumes.list(filters={"label": f"{PROJECT}=volume"})
    for volume in found:
        if volume.name.startswith(prefix):
            with suppress(DockerException, requests.RequestException):
                volume.remove()
