"""What virtme-ng takes for a kernel, where it can boot it at all; only the benchmarks use it.

It runs as its users do, with its container's own files as the guest's root, and without KVM: no Hyper-V is in it.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from pipeline import archive, console, images, proof, scratch
from pipeline.console import Timers
from pipeline.container import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.engine import Engine
    from pipeline.progress import View
    from pipeline.values import Artifact

ABOUT = 20.0  # seconds of a boot, as far as anybody knows before
TIMERS = Timers(silence=60, cap=240)
MEMORY = 512  # MiB of the guest, as our machines have
# What virtiofsd, which hands the guest its root, does not start without; it asks for them whatever it serves.
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
    "SYS_CHROOT",
)  # fmt: skip
# What says why a kernel that was booted aloud did not come up, the best first.
WHY = ("Kernel panic", "VFS: ", "virtme-ng-init: ", "Error: ", "error: ")
UNKNOWN = "it ended without a word"


def measure(engine: Engine, kernels: Mapping[str, Artifact], rounds: int, view: View) -> dict[str, str]:
    """Facts for a benchmark: the median seconds until a command in the guest has run, or why there are none."""
    image = images.virtme(engine, view.say)
    found = {"virtme-ng": images.facts(engine, image, ("virtme-ng",))["virtme-ng"]}
    for name, made in kernels.items():
        with view.work(f"virtme-ng, {name}", ABOUT):
            tried = [_boot(engine, image, made) for _ in range(rounds)]
            failed = not all(made.release in lines for _, lines in tried)
            lines = _boot(engine, image, made, aloud=True)[1] if failed else []
        seconds = f"{median(seconds for seconds, _ in tried):.1f} s until its first command has run"
        found[f"virtme-ng, {name}"] = f"cannot boot it: {why(lines)}" if failed else seconds
    return found


def why(lines: Sequence[str]) -> str:
    """The line of a guest's console that says best why it did not come up; its last one where none does."""
    for word in WHY:
        found = [line for line in lines if word in line]
        if found:
            return found[-1]
    return lines[-1] if lines else UNKNOWN


def _boot(engine: Engine, image: str, made: Artifact, *, aloud: bool = False) -> tuple[float, list[str]]:
    """Seconds of one boot with its container, and the lines of its console: one is the release if it came up.

    With `aloud` the kernel's own lines are among them.
    """
    limits = Limits(memory=2048, processes=512, seconds=int(TIMERS.cap) + 60)
    command = ["boot-virtme", str(int(TIMERS.cap)), made.release, str(MEMORY), *(["--verbose"] if aloud else [])]
    with (
        scratch.folder() as folder,
        engine.container(
            image, limits=limits, command=command, user="0:0", terminal=True, started=False, capabilities=CAPABILITIES,
        ) as box,
    ):  # fmt: skip
        modules = {f"{made.release}/kernel/{path.name}": path.read_bytes() for path in made.modules.values()}
        box.put("/lib/modules", archive.pack({**modules, f"{made.release}/modules.order": b""}))
        box.put("/", archive.pack({"job/kernel": made.image.read_bytes()}))
        log = folder / "console.log"
        started = time.monotonic()
        socket = box.attach()
        box.start()
        console.watch(getattr(socket, "_sock", socket), log=log, last_line=made.release.encode(), timers=TIMERS)
        socket.close()
        lines = [line.strip() for line in proof.lines_of(log.read_bytes()) if line.strip()]
    return time.monotonic() - started, lines
