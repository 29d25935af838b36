"""What this project keeps in the engine, images and volumes: lists and removes them.

Never touches what does not carry the project's label, nor what a container uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import DockerException, NotFound

from pipeline.container import PROJECT, translated
from pipeline.engine import OWNER
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.engine import Engine

ON_DISK = 1.1  # of the bytes that the engine counts; 1.08 to 1.15 for object trees on ext4


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of this project: `bytes` are what it has over its parent, the nearest other one that it stands on.

    `names` are its tags, or its digest where it has none; `parent` is a digest, empty for none. `made` is in seconds
    since 1970, rounded up: engines cut it down.
    """

    digest: str
    names: tuple[str, ...]
    labels: Mapping[str, str]
    made: float
    bytes: int
    parent: str


def images(engine: Engine) -> list[Image]:
    """The project's images, each after what it stands on; those without a name that others stand on are left out.

    Layers are compared, as not every engine says of what an image was made.
    """
    with translated("listing images"):
        listed = engine.client.api.images(filters={"label": f"{PROJECT}=image"})
    layers = {str(one["Id"]): _layers(engine, str(one["Id"])) for one in listed}
    first: dict[tuple[str, ...], dict[str, Any]] = {}
    found = []
    for one in sorted(listed, key=lambda one: (len(layers[one["Id"]]), one["Created"])):
        own = layers[one["Id"]]
        below = next((first[own[:size]] for size in range(len(own), 0, -1) if own[:size] in first), None)
        more = max(0, int(one["Size"]) - (int(below["Size"]) if below else 0))
        tags = tuple(str(tag) for tag in one["RepoTags"] or () if not str(tag).startswith("<none>"))
        found.append(Image(
            digest=str(one["Id"]), names=tags or (str(one["Id"]),), labels=one["Labels"] or {},
            made=float(one["Created"]) + 1, bytes=int(more * ON_DISK), parent=str(below["Id"]) if below else "",
        ))  # fmt: skip
        first.setdefault(own, one)
    return found


def _layers(engine: Engine, digest: str) -> tuple[str, ...]:
    """An image's layers, lowest first; none when it is gone."""
    try:
        facts = engine.client.api.inspect_image(digest)
    except NotFound:
        return ()
    except (DockerException, requests.RequestException) as error:
        raise HostError(f"the container engine failed while looking for {digest}", details=str(error)) from error
    return tuple((facts.get("RootFS") or {}).get("Layers") or ())


def labelled(engine: Engine, label: str) -> dict[str, str]:
    """The digests of this project's images that carry a label and still have a name, by the label's value."""
    with translated("listing images"):
        found = engine.client.api.images(filters={"label": [f"{PROJECT}=image", label], "dangling": False})
    return {str(image["Labels"][label]): str(image["Id"]) for image in found}


def prune_images(engine: Engine, keep: Collection[str], spared: str = "") -> int:
    """Remove this project's images but for those tags; how many. One that a container uses stays.

    So does one that carries the label `spared`.
    """
    found = [one for one in images(engine) if spared not in one.labels]
    unwanted = [name for one in found for name in one.names if name not in keep]
    return sum(remove_image(engine, name) for name in reversed(unwanted))


def remove_image(engine: Engine, tag: str) -> bool:
    """Remove one image by its tag; False when a container uses it. Bytes that others stand on stay with them."""
    try:
        engine.client.images.remove(tag)
    except (DockerException, requests.RequestException):
        return False
    return True


def volumes(engine: Engine, prefix: str = "") -> dict[str, float]:
    """The project's volumes whose names begin so, each with the time at which it was made or changed last."""
    with translated("listing volumes"):
        found = engine.client.volumes.list(filters={"label": f"{PROJECT}=volume"})
    times = {str(one.name): str(one.attrs.get("CreatedAt", "")) for one in found if one.name.startswith(prefix)}
    return {name: _seconds(text) for name, text in times.items()}


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def remove_volume(engine: Engine, name: str) -> bool:
    """Remove a volume; False when a container has it, or anything in it.

    The engine itself does not see the second: trees are mounted by their folder, and it would empty them under a build.
    """
    there = engine.volume(name)
    if there is None or any(f"{one}/".startswith(f"{there.folder}/") for one in engine.mounts()):
        return False
    try:
        engine.client.volumes.get(name).remove()
    except (DockerException, requests.RequestException):
        return False
    return True


def remove_volumes(engine: Engine, prefix: str = "") -> None:
    """Remove this project's volumes that nobody uses and whose names begin so."""
    for name in volumes(engine, prefix):
        remove_volume(engine, name)


def written(engine: Engine) -> dict[str, int]:
    """The bytes that each of the project's containers has in its own layer and in the volumes that it may write to."""
    with translated("looking how much containers have written"):
        listed = engine.client.api.containers(size=True, filters={"label": f"{PROJECT}=container"})
        kept = {
            one["Name"]: int((one.get("UsageData") or {}).get("Size") or 0)
            for one in engine.client.api.df().get("Volumes") or ()
        }
    return {
        str(one["Id"]): int(one.get("SizeRw") or 0)
        + sum(kept.get(at.get("Name"), 0) for at in one.get("Mounts", ()) if at.get("RW"))
        for one in listed
    }


def holders(engine: Engine) -> set[str]:
    """The processes (process.identity) that have containers in the engine now."""
    with translated("listing containers"):
        found = engine.client.containers.list(filters={"label": f"{PROJECT}=container"}, ignore_removed=True)
    return {str(inner.labels.get(OWNER, "")) for inner in found}
