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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline import bootstrap, fleet
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 60
PING_SECONDS = 10
SYSTEM = "unix:///var/run/docker.sock"
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
    except (OSError, ValueError, http.client.HTTPException):  # the second of a host's name that is none
        return False
    finally:
        connection.close()


def run_folder(cache: Path) -> Path:
    """Where the private engine of a cache folder keeps its socket and pid file."""
    return Path("/run") / f"hvmatrix-{hashlib.sha256(os.fsencode(cache)).hexdigest()[:8]}"


def candidates(environment: Mapping[str, str], cache: Path) -> Iterator[str]:
    """Sockets at which an engine may answer, the system's before podman's before our own."""
    yield SYSTEM
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
    return next((url for url in candidates(environment, cache) if _there(url) and answers(url)), None)


def _there(url: str) -> bool:
    """Whether there is a socket. In a folder that one may not look into there is none; a Path would raise."""
    return os.path.exists(urlsplit(url).path)  # noqa: PTH110


def obstacle() -> str:
    """Why we may not start an engine of our own here; empty when we may."""
    if os.geteuid() != 0:
        refused = _there(SYSTEM) and not os.access(urlsplit(SYSTEM).path, os.W_OK)
        group = f"{urlsplit(SYSTEM).path} is not for this user (usermod -aG docker USER, then log in again)"
        return group if refused else "only root can start one"
    if not shutil.which("dockerd") and not bootstrap.may_install():
        return "there is no dockerd, and this is no Debian or Ubuntu"
    return ""


def start(environment: Mapping[str, str]) -> str:
    """Start a private engine, installing docker.io first where there is none; its URL.

    Raises HostError that says what to do by hand when we may not, or when it does not come up.
    """
    if why := obstacle():
        raise HostError(f"no container engine answers, and {why}", hint=BY_HAND)
    cache = bootstrap.cache_folder(environment)
    if not shutil.which("dockerd"):
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
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(cache / "engine") in _words(pid) else None


def _words(pid: int) -> list[bytes]:
    """The command line of a process; none when it has ended, even if nobody has waited for it yet."""
    try:
        return [word for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if word]
    except OSError:
        return []


def _clear_stale(folder: Path, cache: Path) -> None:
    """Remove what a killed engine of our own left, which would stop the next one from starting."""
    if pid := owner_of(folder, cache):
        raise HostError(f"our engine (pid {pid}) runs but does not answer", hint=f"kill {pid}, run this again")
    for left in ("docker.pid", "docker.sock"):
        (folder / left).unlink(missing_ok=True)
    stop_containerd(folder)
    _end_containers(folder)
    _remove(folder / "exec")


def stop_containerd(folder: Path) -> None:
    """A dockerd that was killed leaves its containerd behind, which holds our data folder's locks."""
    ours = os.fsencode(folder / "exec" / "containerd" / "containerd.toml")
    for entry in Path("/proc").glob("[0-9]*"):
        if ours in _words(int(entry.name)):
            with suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def shims(folder: Path) -> set[int]:
    """The processes that hold the containers of the private engine of a folder in /run, each a container."""
    ours = os.fsencode(folder / "exec" / "containerd" / "containerd.sock")
    return {int(entry.name) for entry in Path("/proc").glob("[0-9]*") if ours in _words(int(entry.name))}


def _end_containers(folder: Path) -> None:
    """What ran in a killed engine's containers runs on below shims, and the next engine knows nothing of them."""
    found = shims(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            if parent in found:
                os.kill(int(entry.name), signal.SIGKILL)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


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
            env={name: value for name, value in os.environ.items() if name != fleet.VARIABLE},  # it outlives us
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(url):
            process.returncode = 0  # it outlives us on purpose, and Popen would warn of that
            return
        time.sleep(0.1)
    process.kill()
    process.wait()
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
    while time.monotonic() < deadline and _words(pid):
        time.sleep(0.1)
    if _words(pid):
        raise HostError(f"the engine (pid {pid}) did not end in {START_SECONDS} s", hint=f"kill -9 {pid}, if need be")
    _remove(folder)
    _unmount(cache / "engine")  # an engine that was killed before leaves its data folder mounted on itself
    return True


def _remove(folder: Path) -> None:
    """Remove one of our folders in /run with what the engine has mounted below it (a network namespace)."""
    _unmount(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _unmount(folder: Path) -> None:
    """End every mount at or below one of our folders."""
    text = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    mounts = (line.split()[1].replace("\\040", " ") for line in text.splitlines())  # proc(5): octal for a blank
    for mount in sorted((one for one in mounts if Path(one).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, stderr=subprocess.DEVNULL)
