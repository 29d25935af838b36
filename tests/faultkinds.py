"""What can happen to a run: each fault as it is done to a run in flight, and undone when that run has ended.

Everything is on a disk of its own (faults.py), so that what is done to the disk is done to no one else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import ccache, daemon
from tests import emulators
from tests.faultplace import NO_ENGINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faultplace import Place

STAGES = ("start", "resolve", "build", "commit", "boot", "judge")
BEFORE = "before"  # the run starts
JUMPS = ("+3600", "-3600", "+86400", "-86400")
MEMORY = tuple(2**number * 2**20 for number in range(4, 12))
DAMAGED, DAMAGED_OBJECTS = 5, 40
BACK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done, at which stages, the exit statuses that a run may then end with, and how it is undone.

    `do` says whether there was anything that it could be done to. A run that was over, or that went on in spite of the
    fault, ends with 0 as well.
    """

    do: Callable[[Place], bool]
    stages: tuple[str, ...] = STAGES
    exits: frozenset[int] = frozenset({0, 69})
    undo: Callable[[Place], None] = lambda _: None


def _signalled(*numbers: int) -> Callable[[Place], bool]:
    def do(place: Place) -> bool:
        sent = 0
        for number in numbers:
            if place.child and place.child.poll() is None:
                place.child.send_signal(number)
                sent += 1
            time.sleep(0.3)
        return sent > 0

    return do


def _engine(place: Place) -> bool:
    if pid := daemon.owner_of(daemon.run_folder(place.cache), place.cache):
        os.kill(pid, signal.SIGKILL)
    return bool(pid)


def _containerd(place: Place) -> bool:
    daemon.stop_containerd(daemon.run_folder(place.cache))
    return True


def _containerd_again(place: Place) -> None:
    """An engine makes itself a new containerd some ten seconds after it lost one, and names it once it answers."""
    deadline = time.monotonic() + BACK_SECONDS
    while daemon.owner_of(daemon.run_folder(place.cache), place.cache) and time.monotonic() < deadline:
        with suppress(*NO_ENGINE):
            if any(one["Name"] == "containerd" for one in place.client().version()["Components"]):
                return
        time.sleep(0.5)


def _qemu(place: Place) -> bool:
    killed = False
    for pid in emulators.running(str(place.cache)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed = True
    return killed


def _container(place: Place) -> bool:
    with suppress(*NO_ENGINE, IndexError):
        place.dice.choice([box for box in place.containers() if box.status == "running"]).kill()
        return True
    return False


def _memory(place: Place) -> bool:
    """As little memory as the kernel lets a container have that runs already."""
    done = False
    for box in place.containers():
        for size in MEMORY:
            with suppress(*NO_ENGINE):
                box.update(mem_limit=size, memswap_limit=size)
                done = True
                break
    return done


def _filler(place: Place) -> Path:
    return place.root / "filler"


def _fill(place: Place) -> bool:
    """Leave not a block of the disk; what the run frees itself is its own."""
    size, chunk = 0, 2**30
    with _filler(place).open("wb") as stream:
        while chunk >= 2**12:
            try:
                os.posix_fallocate(stream.fileno(), size, chunk)
                size += chunk
            except OSError:
                chunk //= 2
    return True


def _free(place: Place) -> None:
    _filler(place).unlink(missing_ok=True)


def _read_only(*names: str) -> Callable[[Place], bool]:
    def do(place: Place) -> bool:
        for name in names:
            folder = place.root / name
            folder.mkdir(parents=True, exist_ok=True)  # what a run has not made yet
            subprocess.run(["mount", "--bind", folder, folder], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        return True

    return do


def _writable(*names: str) -> Callable[[Place], None]:
    def do(place: Place) -> None:
        for name in names:
            subprocess.run(["umount", "-l", place.root / name], check=False, stderr=subprocess.DEVNULL)

    return do


def _jump(place: Place) -> bool:
    place.tell(place.dice.choice(JUMPS))
    return True


def damage(place: Place, path: Path) -> None:
    """Spoil a file: empty, cut off, one bit other, or other bytes."""
    data = path.read_bytes()
    at = place.dice.randrange(len(data)) if data else 0
    flipped = bytearray(data or b"{")
    flipped[at] ^= 1 << place.dice.randrange(8)
    path.write_bytes(place.dice.choice([b"", data[:at], bytes(flipped), place.dice.randbytes(len(data))]))


def _damage_cache(place: Place) -> bool:
    tops = [path for path in sorted(place.cache.iterdir()) if path.name not in {"engine", "leases", "dockerd.log"}]
    paths = [path for top in tops for path in (top, *sorted(top.rglob("*")))]
    kept = [path for path in paths if path.is_file() and path.name != ".lock"]
    for path in place.dice.sample(kept, min(DAMAGED, len(kept))):
        damage(place, path)
    return bool(kept)


def _damage_ccache(place: Place) -> bool:
    volumes = (place.cache / "engine" / "volumes").glob(f"{ccache.PREFIX}*")
    kept = [path for folder in sorted(volumes) for path in sorted(folder.rglob("??/*")) if path.is_file()]
    for path in place.dice.sample(kept, min(DAMAGED_OBJECTS, len(kept))):
        damage(place, path)
    return bool(kept)


CLOCK = "clock jumps"
ENTRIES = ("cache/kernels", "cache/boots", "cache/resolutions", "cache/objects")
FAULTS = {
    "kill -9 of the command": Fault(_signalled(signal.SIGKILL), exits=frozenset({0, -9})),
    "SIGINT": Fault(_signalled(signal.SIGINT), exits=frozenset({0, 130})),
    "SIGINT twice": Fault(_signalled(signal.SIGINT, signal.SIGINT), exits=frozenset({0, 130})),
    "SIGTERM": Fault(_signalled(signal.SIGTERM), exits=frozenset({0, 130})),
    "SIGHUP": Fault(_signalled(signal.SIGHUP), exits=frozenset({0, 130})),
    "kill -9 of the engine": Fault(_engine),
    "kill -9 of containerd": Fault(_containerd, undo=_containerd_again),
    "a container is killed": Fault(_container, stages=("resolve", "build", "commit", "boot")),
    "QEMU is killed": Fault(_qemu, stages=("boot",)),
    "memory limit": Fault(_memory, stages=("resolve", "build", "boot")),
    "disk full": Fault(_fill, undo=_free),
    "results/ read-only": Fault(_read_only("results"), undo=_writable("results")),
    "cache read-only": Fault(_read_only(*ENTRIES), undo=_writable(*ENTRIES)),
    CLOCK: Fault(_jump, exits=frozenset({0})),
    "cache damaged": Fault(_damage_cache, stages=(BEFORE,), exits=frozenset({0})),
    "compiler cache damaged": Fault(_damage_ccache, stages=(BEFORE,), exits=frozenset({0})),
}  # fmt: skip
