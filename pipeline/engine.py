"""The door to the container engine; with container.py the only importer of docker.

It never knows what a kernel is. Containers that it makes have no network and no capabilities unless asked,
belong to this process, and are removed on every way out.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.types import Mount

from pipeline import process
from pipeline.container import PROJECT, Container, Limits, translated
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

OWNER = "org.hvmatrix.owner"
IDENTITY = "org.hvmatrix.identity"
CALL_SECONDS = 600

PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


def proxies() -> dict[str, str]:
    """The proxies that this process is told to use: whatever in a container has a network needs them, too."""
    return {name: value for name, value in os.environ.items() if name.lower() in PROXIES}


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume's folder on the engine's host; `identity` tells it from a later one of the same name."""

    folder: str
    identity: str


def _mounts(volumes: Mapping[str, Mapping[str, str]]) -> list[Mount]:
    """Volumes by their names, and folders on the engine's host by their paths."""
    return [
        Mount(
            target=where["bind"], source=source, type="bind" if source.startswith("/") else "volume",
            read_only=where["mode"] == "ro",
        )
        for source, where in volumes.items()
    ]  # fmt: skip


class Engine:
    """A connection to an engine, by default the one that DOCKER_HOST names."""

    def __init__(self, url: str = "") -> None:
        environment = {**os.environ, **({"DOCKER_HOST": url} if url else {})}
        with translated("connecting"):
            self.client = docker.from_env(timeout=CALL_SECONDS, environment=environment)
        self._live: dict[str, Container] = {}
        self._lock = threading.Lock()
        self._closed = False

    def version(self) -> str:
        """The engine's name and version, as it gives them."""
        with translated("asking its version"):
            answer = self.client.version()
        platform = (answer.get("Platform") or {}).get("Name") or "Docker Engine"
        return f"{platform or 'Docker Engine'} {answer['Version']}"

    def going(self) -> None:
        """Raises HostError once this process was interrupted: nothing new is begun then."""
        if self._closed:
            raise HostError("interrupted: no more containers are made")

    def root(self) -> str:
        """The folder in which the engine keeps its images."""
        with translated("asking for its folder"):
            return str(self.client.info().get("DockerRootDir", ""))

    def labels(self, tag: str) -> dict[str, str] | None:
        """An image's labels; None when there is no such image."""
        try:
            return dict(self.client.images.get(tag).labels)
        except ImageNotFound:
            return None
        except (DockerException, requests.RequestException) as error:
            raise HostError(f"the container engine failed while looking for {tag}", details=str(error)) from error

    def image_id(self, tag: str) -> str:
        """The digest of an image's content."""
        with translated(f"looking for {tag}"):
            return str(self.client.images.get(tag).id)

    def pull(self, name: str, tag: str) -> bool:
        """Fetch an image from a registry and tag it; False where none answers or it has no such image."""
        try:
            image = self.client.images.pull(name)
        except (DockerException, requests.RequestException):
            return False
        repository, _, version = tag.partition(":")
        return bool(image.tag(repository, version))

    def load_rootfs(self, archive: Path, tag: str) -> None:
        """Make an image of a tar of a root file system."""
        repository, _, version = tag.partition(":")
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        changes = [f'LABEL "{PROJECT}"="image"', f"ENV PATH={path}"]
        with translated(f"importing {tag}"):
            self.client.api.import_image(str(archive), repository=repository, tag=version, changes=changes)
        if self.labels(tag) is None:  # Podman 4.3 overlooks the version
            with translated(f"naming {tag}"):
                self.client.images.get(f"{repository}:latest").tag(repository, version)

    def build(self, context: IO[bytes], *, tag: str, dockerfile: str, arguments: Mapping[str, str]) -> None:
        """Build an image of a tar that holds a Dockerfile. Raises HostError with the last lines it printed."""
        tail: deque[str] = deque(maxlen=20)
        failed = ""
        with translated(f"building {tag}"):
            events = self.client.api.build(
                fileobj=context, custom_context=True, dockerfile=dockerfile, buildargs={**proxies(), **arguments},
                tag=tag, labels={PROJECT: "image"}, network_mode="host", rm=True, forcerm=True, decode=True,
            )  # fmt: skip
            for event in events:
                tail.extend(str(event.get("stream", "")).splitlines())
                failed = failed or str(event.get("error", ""))
        if failed:
            details = "\n".join([*tail, failed])
            hint = "check the network, the disk (./inv doctor) and the package names in containers/"
            raise HostError(f"cannot build {tag}", details=details, hint=hint)

    @contextmanager
    def container(
        self,
        image: str,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        network: bool = False,
        command: Sequence[str] = (),
        user: str = "0:0",
        capabilities: Sequence[str] = (),
        volumes: Mapping[str, Mapping[str, str]] | None = None,
        devices: Sequence[str] = (),
        terminal: bool = False,
        started: bool = True,
    ) -> Iterator[Container]:
        """A container that idles, or runs `command`, until the block ends; then it is removed with its volumes.

        It ends by itself after `limits.seconds`, should this process be killed. A folder of the engine's host that is
        not there is a HostError: named among "volumes" it would be made, and an empty tree be built.
        """
        self.going()
        argv = list(command) or ["sleep", str(limits.seconds)]
        with translated(f"making a container of {image}"):
            inner = self.client.containers.create(
                image, argv, user=user, network_mode="host" if network else "none", cap_drop=["ALL"],
                cap_add=list(capabilities), security_opt=["no-new-privileges"], mem_limit=f"{limits.memory}m",
                memswap_limit=f"{limits.memory}m", pids_limit=limits.processes, mounts=_mounts(volumes or {}),
                devices=list(devices), tty=terminal, stdin_open=terminal, working_dir="/", entrypoint=[],
                labels={PROJECT: "container", OWNER: process.identity()}, log_config={"type": "none"},
                environment=proxies() if network else {},
            )  # fmt: skip
        with self._held(Container(inner)) as box:
            if started:
                box.start()
            yield box

    @contextmanager
    def _held(self, box: Container) -> Iterator[Container]:
        """A container that `remove_live` knows of until the block ends, and that is removed then."""
        with self._lock:
            self._live[box.inner.id] = box
            closed = self._closed
        try:
            if closed:
                raise HostError("interrupted: no more containers are made")
            yield box
        finally:
            with self._lock:
                self._live.pop(box.inner.id, None)
            self._remove(box.inner)

    def _remove(self, inner: Any) -> None:
        try:
            inner.remove(force=True, v=True)
        except (DockerException, requests.RequestException):
            return  # the engine is gone or did it already; the next command removes what is left

    def remove_live(self) -> None:
        """Remove every container of this process, which ends whatever waits for one, and make no more."""
        with self._lock:
            self._closed = True
            boxes = list(self._live.values())
        for box in boxes:
            self._remove(box.inner)

    def live(self) -> dict[str, Container]:
        """The containers of this process, by their ids."""
        with self._lock:
            return dict(self._live)

    def reap(self) -> int:
        """Remove containers whose process was killed before it could; how many."""
        with translated("looking for containers left behind"):
            wanted = {"label": f"{PROJECT}=container"}
            found = self.client.containers.list(all=True, ignore_removed=True, filters=wanted)
            left = [inner for inner in found if process.gone(inner.labels.get(OWNER, ""))]
        for inner in left:
            self._remove(inner)
        return len(left)

    def volume(self, name: str) -> Volume | None:
        """A volume's place on the engine's host, and its identity; None when there is no such volume."""
        try:
            facts = self.client.volumes.get(name).attrs
        except NotFound:
            return None
        except (DockerException, requests.RequestException) as error:
            raise HostError(f"the container engine failed while looking for {name}", details=str(error)) from error
        # CreatedAt will not do: Docker 20.10 gives the time at which the folder was last changed
        return Volume(folder=str(facts["Mountpoint"]), identity=str((facts.get("Labels") or {}).get(IDENTITY, "")))

    def mounts(self) -> set[str]:
        """The folders on the engine's host that running containers have mounted, those of volumes included."""
        with translated("listing containers"):
            found = self.client.containers.list(ignore_removed=True)  # one may end meanwhile
        return {str(mount.get("Source", "")) for inner in found for mount in inner.attrs.get("Mounts", ())}

    def ensure_volume(self, name: str) -> None:
        """Make a volume with the project's label, if it is not there yet."""
        with translated(f"making the volume {name}"):
            self.client.volumes.create(name, labels={PROJECT: "volume", IDENTITY: secrets.token_hex(16)})
