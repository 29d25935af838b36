"""Makes .venv from the lock file, and installs Debian packages on the host where it may.

Standard library only, as it runs before there is a .venv. Never starts anything that stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LAST_LINES = 15
APT_LOCK = Path("/run/hvmatrix-apt.lock")  # of two of us; others of apt's are waited for so long, in seconds:
APT_SECONDS = 300


def say(text: str) -> None:
    """Tell the user on stderr what takes long."""
    sys.stderr.write(f"inv: {text}\n")
    sys.stderr.flush()


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where all that can be made again is kept: HVMATRIX_CACHE, else the user's cache folder."""
    if chosen := environment.get("HVMATRIX_CACHE"):
        return Path(chosen).absolute()
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/root")) / ".cache"
    return Path(base).absolute() / "hvmatrix"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for whoever holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def run(argv: Sequence[str], brief: str, hint: str = "", *, whole: bool = False) -> str:
    """Run a host command; its output. Raises HostError with the last lines when it fails.

    With `whole` it ends before an interrupt is heard: a package manager that is killed leaves what others must mend.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=whole,
        )  # fmt: skip
    except OSError as error:
        raise HostError(f"{brief}: {argv[0]}: {error.strerror}", hint=hint) from error
    with process:
        try:
            output, _ = process.communicate()
        except BaseException:
            if whole:
                say(f"interrupted; {argv[0]} ends first")
                process.communicate()
            else:
                process.kill()
            raise
    if process.returncode:
        tail = "\n".join(output.splitlines()[-LAST_LINES:])
        raise HostError(f"{brief} (exit {process.returncode})", details=f"$ {' '.join(argv)}\n{tail}", hint=hint)
    return output


def make_venv(root: Path) -> Path:
    """The Python of a .venv that holds exactly requirements.lock, made or made again if need be."""
    lock_file = root / "requirements.lock"
    python = root / ".venv" / "bin" / "python"
    wanted = hashlib.sha256(lock_file.read_bytes() + sys.version.encode()).hexdigest()
    stamp = root / ".venv" / "made-from"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    with locked(root / ".venv.lock"):
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        say("making .venv from requirements.lock (about 20 s)")
        create = [sys.executable, "-P", "-m", "venv", "--clear", str(root / ".venv")]
        try:
            run(create, "cannot make .venv")
        except HostError as error:
            if "ensurepip" not in error.details:
                raise
            if not may_install():
                error.hint = "apt-get install python3-venv, then run this again"
                raise
            install(["python3-venv"])
            run(create, "cannot make .venv")
        install_argv = [
            str(python), "-P", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
            "--disable-pip-version-check", "-r", str(lock_file),
        ]  # fmt: skip
        run(install_argv, "cannot install requirements.lock", "check the network and pip's index settings")
        stamp.write_text(wanted)
    return python


def distribution() -> str:
    """ID of /etc/os-release and its relatives, as one string; empty where there is none."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return " ".join(line.partition("=")[2].strip('"') for line in lines if line.startswith(("ID=", "ID_LIKE=")))


def may_install() -> bool:
    """Whether packages can be installed on this host: root on Debian, Ubuntu or kin."""
    return os.geteuid() == 0 and "debian" in distribution()


def install(packages: Sequence[str]) -> None:
    """Install Debian packages on the host. Raises HostError with apt's own words."""
    hint = "check apt's sources and the network, or install it by hand"
    argv = ["apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={APT_SECONDS}", "--no-install-recommends", "install"]
    with locked(APT_LOCK):
        say(f"installing {' '.join(packages)} with apt-get")
        _update(hint)
        run([*argv, *packages], f"cannot install {' '.join(packages)}", hint, whole=True)


def _update(hint: str) -> None:
    """Fetch the package lists; whoever else does so holds a lock that apt-get does not wait for by itself."""
    deadline = time.monotonic() + APT_SECONDS
    while True:
        try:
            run(["apt-get", "-q", "update"], "apt-get update failed", hint, whole=True)
        except HostError as error:
            if "Could not get lock" not in error.details or time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return
