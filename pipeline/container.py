"""A running container: files in and out, commands, and what came of them.

With engine.py the only importer of docker. Never decides what is run.
"""

from __future__ import annotations

import itertools
import tarfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import requests
from docker.errors import DockerException

from pipeline import archive
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PROJECT = "org.hvmatrix.project"
OUTPUT_LIMIT = 32 * 2**20
CHUNK = 2**20
KILLED = 137
LATE = 30.0  # seconds after its time for which the end of a command is still waited for
# moby's daemon/exec.go, of what it could not start; it has no pid, and what is said of it is on stdout
UNSTARTED = (126, 128)
MEMORY_EVENTS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
BUILDER = "1000:1000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that ran in a container: its exit status, output and wall seconds."""

    exit_status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def log(self) -> str:
        """Both streams, for a person."""
        return self.stdout + self.stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a container may use: memory in MiB, processes, and seconds until it ends by itself."""

    memory: int = 4096
    processes: int = 2048
    seconds: int = 3600


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the SDK's and the transport's errors into a HostError that says what was being done."""
    try:
        yield
    except (DockerException, requests.RequestException, OSError, tarfile.TarError) as error:
        text = str(getattr(error, "explanation", None) or error)
        hint = "./inv doctor says whether the engine answers and how full its disk is"
        raise HostError(f"the container engine failed while {doing}", details=text, hint=hint) from error


class Container:
    """A running container; made by Engine.container."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.api = inner.client.api
        self.ended = ""  # why this process ended it before its time

    def put(self, folder: str, files: bytes | IO[bytes] | Iterator[bytes]) -> None:
        """Unpack a tar, also one that is made as it is sent, into a folder that exists in the container."""
        with self._alive(), translated(f"copying into {folder}"):
            self.inner.put_archive(folder, files)

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = BUILDER,
        seconds: int = 600,
        environment: Mapping[str, str] | None = None,
        folder: str = "/",
        line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command to its end, at most `seconds`; `line` is called with each piece of output.

        Raises HostError when the engine fails or the container's memory limit was hit.
        """
        bounded = ["timeout", "-k", "5", str(seconds), *argv]
        started = time.monotonic()
        with self._alive(), translated(f"running {argv[0]}"):
            made = self.api.exec_create(
                self.inner.id, bounded, user=user, environment=dict(environment or {}), workdir=folder,
            )  # fmt: skip
            status, out, err = self._followed(made["Id"], seconds, line)
            early = time.monotonic() - started < seconds
            # within its time nobody but the engine, or the kernel for want of memory, kills a command in a container
            killed = status is None or (status == KILLED and early) or (status != 0 and self._killed_for_memory())
        self.alive()
        if killed or status is None:
            raise HostError(
                f"{argv[0]} was killed in its container",
                details=(err or out)[-2000:].decode(errors="replace"),
                hint="it ran into the memory limit, or the container was removed: free memory, run this again",
            )
        text = (bytes(stream).decode("utf-8", errors="replace") for stream in (out, err))
        return Completed(
            exit_status=status, stdout=next(text), stderr=next(text), seconds=time.monotonic() - started,
        )  # fmt: skip

    def _followed(
        self, name: str, seconds: int, line: Callable[[str], None] | None,
    ) -> tuple[int | None, bytearray, bytearray]:  # fmt: skip
        """Status and output of a command; no status where the engine did not start it, or has lost sight of it."""
        out, err = bytearray(), bytearray()
        stream = self.api.exec_start(name, stream=True, demux=True)
        late = threading.Timer(seconds + LATE, _close, (stream,))  # an engine that lost containerd may never end it
        late.daemon = True
        late.start()
        try:
            for first, second in stream:
                _collect(out, first, line)
                _collect(err, second, line)
        finally:
            late.cancel()
        ended = self.api.exec_inspect(name)
        # Podman has no pid for what ended either, and 0 as the status of what still runs
        unstarted = ended["ExitCode"] in UNSTARTED and not ended.get("Pid") and not err and out.endswith(b"\r\n")
        return None if unstarted or ended.get("Running") else ended["ExitCode"], out, err

    def end(self, why: str) -> None:
        """Kill all that runs in it; whoever waits for that gets `why` as a HostError."""
        self.ended = why
        with translated("ending a container"):
            self.inner.kill()

    def alive(self) -> None:
        """Raises HostError with its cause when this process has ended the container."""
        if self.ended:
            raise HostError(self.ended, hint="this wrote most of all that ran: free some disk (./inv prune)")

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Let what the engine says of a container that was ended give way to why it was."""
        try:
            yield
        except HostError:
            self.alive()
            raise

    def unharmed(self) -> None:
        """Raises HostError when the kernel killed anything in here for memory, though all commands ended well."""
        with translated("looking for what was killed"):
            killed = self._killed_for_memory()
        if killed:
            raise HostError("the memory limit was hit in a container", hint="free memory, run this again")

    def get(self, path: str, limit: int) -> dict[str, bytes]:
        """The regular files at or below a path, by name relative to its parent; at most `limit` bytes in all."""
        url = f"{self.api.base_url}/v{self.api.api_version}/containers/{self.inner.id}/archive"
        # An answer that nobody reads to its end keeps the engine from removing the container: it is closed, not left.
        with (
            self._alive(),
            translated(f"reading {path}"),
            self.api.get(url, params={"path": path}, stream=True, timeout=self.api.timeout) as answer,
        ):
            answer.raise_for_status()
            return archive.unpack(archive.bounded(answer.iter_content(CHUNK), limit, path))

    def commit(self, tag: str, labels: Mapping[str, str]) -> None:
        """Keep the container's files as an image."""
        lines = [f'LABEL "{key}"="{value}"' for key, value in {PROJECT: "image", **labels}.items()]
        name, _, version = tag.rpartition(":")
        with self._alive(), translated(f"keeping {tag}"):
            self.inner.commit(repository=name, tag=version, changes=lines)

    def attach(self) -> Any:
        """The raw socket of the container's terminal."""
        with translated("attaching"):
            options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            return self.inner.attach_socket(params=options)

    def start(self) -> None:
        """Start a container that was made unstarted."""
        with translated("starting a container"):
            self.inner.start()

    def exit_status(self, seconds: int) -> int | None:
        """The exit status of the main process, or None when it still runs after `seconds`."""
        try:
            return int(self.inner.wait(timeout=seconds)["StatusCode"])
        except (DockerException, requests.RequestException):
            return None

    def _killed_for_memory(self) -> bool:
        """Whether the kernel killed anything in here for memory: the count of cgroup v1 or v2."""
        read = self.inner.exec_run(["cat", *MEMORY_EVENTS], stderr=False)
        if read.exit_code not in {0, 1}:  # cat's own: one of the two files is never there
            text = read.output[-2000:].decode(errors="replace")
            raise HostError("the engine cannot say what was killed", details=text)
        words = read.output.decode("ascii", errors="replace").split()
        return any(name == "oom_kill" and count != "0" for name, count in itertools.pairwise(words))


def _close(stream: Any) -> None:
    with suppress(DockerException, AttributeError, OSError):  # it has just ended
        stream.close()


def _collect(buffer: bytearray, chunk: bytes | None, line: Callable[[str], None] | None) -> None:
    if not chunk:
        return
    if len(buffer) < OUTPUT_LIMIT:
        buffer += chunk
    if line:
        line(chunk.decode("utf-8", errors="replace"))
