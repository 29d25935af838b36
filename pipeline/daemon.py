"""Finds a container engine that answers, or starts a private one.

Standard library only, as it runs before there is a .venv. Never touches an engine that is not its own.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline import bootstrap
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 60
PING_SECONDS = 10
BY_HAND = "apt-get install docker.io && systemctl start docker (or start rootless podman's socket), or set DOCKER_HOST"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PING_SECONDS)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PING_SECONDS)
        self.sock.connect(self.path)


def answers(url: str) -> bool:
    """Whether an engine answers a ping there; unix:// and tcp:// are looked at, others are taken on trust."""
    try:
        parts = urlsplit(url)
        port = parts.port or 2375
    except ValueError:
        return False
    if parts.scheme == "unix":
        connection: http.client.HTTPConnection = UnixConnection(parts.path)
    elif parts.scheme == "tcp" and not os.environ.get("DOCKER_TLS_VERIFY"):
        connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=PING_SECONDS)
    else:
        return True
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def run_folder(cache: Path) -> Path:
    """Where the private engine of a cache folder keeps its socket and pid file."""
    return Path("/run") / f"hvmatrix-{hashlib.sha256(str(cache).encode()).hexdigest()[:8]}"


def candidates(environment: Mapping[str, str], cache: Path) -> Iterator[str]:
    """Sockets at which an engine may answer, the system's before podman's before our own."""
    yield "unix:///var/run/docker.sock"
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    yield f"unix://{runtime}/docker.sock"
    yield f"unix://{runtime}/podman/podman.sock"
    if os.geteuid() == 0:
        yield "unix:///run/podman/podman.sock"
    yield f"unix://{run_folder(cache)}/docker.sock"


def find(environment: Mapping[str, str]) -> str | None:
    """The URL of an engine that answers, if there is one. DOCKER_HOST, where set, is the only candidate."""
    if chosen := environment.get("DOCKER_HOST"):
        if answers(chosen):
            return chosen
        raise HostError(f"no engine answers at DOCKER_HOST={chosen}", hint="start it, or unset DOCKER_HOST")
    cache = bootstrap.cache_folder(environment)
    return next((url for url in candidates(environment, cache) if _socket(url).exists() and answers(url)), None)


def find_or_start(*, required: bool, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that points at an engine; a private one is started where we may.

    Raises HostError when there is none and it is `required`; else an empty answer.
    """
    try:
        url = find(environment) or _start(bootstrap.cache_folder(environment), environment)
    except HostError as error:
        if required:
            raise
        return {"HVMATRIX_NO_ENGINE": str(error)}
    return {"DOCKER_HOST": url}


def _socket(url: str) -> Path:
    return Path(urlsplit(url).path)


def _start(cache: Path, environment: Mapping[str, str]) -> str:
    if os.geteuid() != 0:
        raise HostError("no container engine answers, and only root can start one", hint=BY_HAND)
    if not shutil.which("dockerd"):
        if not bootstrap.may_install():
            raise HostError("no container engine answers, and this is no Debian or Ubuntu", hint=BY_HAND)
        bootstrap.install(["docker.io"])
        if url := find(environment):
            return url
    folder = run_folder(cache)
    url = f"unix://{folder}/docker.sock"
    with bootstrap.locked(folder / "start.lock"):
        if not answers(url):
            _clear_stale(folder, cache)
            _spawn(folder, cache, url)
    return url


def owner_of(folder: Path, cache: Path) -> int | None:
    """The pid of the private engine of this cache, if its pid file names a live dockerd that serves it."""
    try:
        pid = int((folder / "docker.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(cache / "engine").encode() in words else None


def _clear_stale(folder: Path, cache: Path) -> None:
    """Remove what a killed engine of our own left, which would stop the next one from starting."""
    if pid := owner_of(folder, cache):
        raise HostError(f"our engine (pid {pid}) runs but does not answer", hint=f"kill {pid}, run this again")
    for left in ("docker.pid", "docker.sock"):
        (folder / left).unlink(missing_ok=True)
    _stop_containerd(folder)
    shutil.rmtree(folder / "exec", ignore_errors=True)


def _stop_containerd(folder: Path) -> None:
    """A dockerd that was killed leaves its containerd behind, which holds our data folder's locks."""
    ours = str(folder / "exec" / "containerd" / "containerd.toml").encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if ours in words:
            os.kill(int(entry.parent.name), signal.SIGKILL)


def _spawn(folder: Path, cache: Path, url: str) -> None:
    data = cache / "engine"
    data.mkdir(parents=True, exist_ok=True)
    log = cache / "dockerd.log"
    argv = [
        "dockerd", "--host", url, "--data-root", str(data), "--exec-root", str(folder / "exec"),
        "--pidfile", str(folder / "docker.pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false",
        "--ip-forward=false", "--ip-masq=false",
    ]  # fmt: skip
    bootstrap.say(f"starting a private container engine in {data}")
    with log.open("ab") as stream:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/",
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(url):
            return
        time.sleep(0.1)
    process.kill()
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-bootstrap.LAST_LINES :])
    raise HostError("the private container engine does not start", details=tail, hint=BY_HAND)


def stop(environment: Mapping[str, str]) -> bool:
    """Stop the private engine of this cache folder; False when none runs."""
    cache = bootstrap.cache_folder(environment)
    folder = run_folder(cache)
    pid = owner_of(folder, cache)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)
    return True
