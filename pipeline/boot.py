"""One boot of one kernel on one machine; keeps every byte, and judges nothing.

A panic or a hang is a result. Only a host that cannot boot anything raises.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import archive, atomic, console, cpio, dmesg, hyperv, images, kmod, leases, proof, qemu
from pipeline.console import Timers
from pipeline.container import BUILDER, Limits, translated
from pipeline.errors import HostError
from pipeline.model import Ending
from pipeline.values import BootRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.model import Machine
    from pipeline.values import Artifact

# Seconds. A guest may rightly be silent for 60 s: vmbus_request_offers() of 6.18 on waits that long for offers.
TIMERS = {
    "kvm": Timers(silence=75, cap=240), "nested": Timers(silence=150, cap=600), "plain": Timers(silence=150, cap=600),
}  # fmt: skip
LIMITS = {"kvm": 512, "nested": 2560, "plain": 1024}  # MiB beside the guest's own
MIDDLE = 1024  # MiB of the middle machine beside the guest's own
FILES = ("console.log", "host.log", "boot.json")
LOG_LIMIT = 64 * 2**20
INITRAMFS_LIMIT = 64 * 2**20
EXIT_SECONDS = 20
_EXIT = re.compile(r"^host: exit (\d+)\r?$", re.MULTILINE)
_COLD = re.compile(r"^host: (cold, [^\r\n]*)\r?$", re.MULTILINE)
_CPU = re.compile(r"^host: cpu (?:(\d+)|usage_usec (\d+))\r?$", re.MULTILINE)
RESTORED = "restored"
SHOWN = 120  # characters of what killed a boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where guests are booted: the images, the accelerator, and the initramfs that modules are added to.

    With `cold` no saved middle machine is restored: each boot starts its own. The accelerator `plain` emulates a guest
    without Hyper-V; no kernel is ever judged by it.
    """

    engine: Engine
    accelerator: str
    image: str
    initramfs: bytes
    cold: bool = False


def prepare(engine: Engine, accelerator: str, say: Callable[[str], None]) -> Host:
    """Make the host and guest images if need be, and read the initramfs."""
    guest = images.guest(engine, say)
    with engine.container(guest, limits=Limits(seconds=60), started=False) as box:
        initramfs = box.get("/opt/guest.cpio", INITRAMFS_LIMIT)["guest.cpio"]
    return Host(engine=engine, accelerator=accelerator, image=images.host(engine, say), initramfs=initramfs)


def initrd(base: bytes, modules: Mapping[str, bytes], nonce: str) -> bytes:
    """The initramfs of one boot: the base, this kernel's modules in loading order, and the nonce.

    The nonce is in a file and not on the command line, so that the kernel's own log never shows it.
    """
    files = {f"modules/{name}.ko": data for name, data in modules.items()}
    order = "".join(f"{name}\n" for name in modules).encode()
    added = cpio.archive({**files, "modules/order": order, "nonce": f"{nonce}\n".encode()}, console=True)
    return base + b"\0" * (-len(base) % cpio.ALIGN) + added


def key(host: Host, artifact: Artifact, modules: Mapping[str, bytes], machine: Machine, append: str = "") -> str:
    """A digest of everything that a boot depends on: both ways of booting are in it, as either may give the proof."""
    argvs = [qemu.guest_argv(machine, append, quiet=quiet) for quiet in (True, False)]
    digest = hashlib.sha256(json.dumps([host.image, host.accelerator, argvs]).encode())
    for data in (host.initramfs, artifact.image.read_bytes(), *modules.values()):
        digest.update(hashlib.sha256(data).digest())
    digest.update("\n".join(modules).encode())
    return digest.hexdigest()


def boot(
    host: Host, artifact: Artifact, machine: Machine, out: Path, *, leave_out: frozenset[str] = frozenset(),
    append: str = "", aloud: bool = False, line: Callable[[str], None] | None = None,
) -> BootRun:  # fmt: skip
    """Boot a kernel into `out` (console.log, host.log, boot.json): quietly, and once more aloud if that proves nothing.

    `leave_out` names modules that the guest must do without, `append` words for the kernel; with
    `aloud` there is no quiet boot. Raises HostError when the host cannot boot a guest.
    """
    available = {name: path for name, path in artifact.modules.items() if name not in leave_out}
    modules = kmod.closure(hyperv.LOADED, available)
    attempt = Attempt(host, artifact, machine, modules, append)
    quiet = None if aloud else _attempt(attempt, out, line, quiet=True)
    if quiet and proved(quiet):
        return quiet
    why = unproved(quiet) if quiet else ""
    run = _attempt(attempt, out, line, quiet=False)
    if quiet:
        run = replace(run, seconds=round(run.seconds + quiet.seconds, 2), repeated=why)
        save(run)
    return run


def unproved(run: BootRun) -> str:
    """Why a boot is followed by another. What killed it is told: the second one may live, and somebody must know."""
    deadly = dmesg.scan(proof.lines_of((run.folder / "console.log").read_bytes()))
    said = f": {deadly[0].text[:SHOWN]}" if deadly else ""
    return f"a quiet boot gave no proof ({run.ending} after {run.seconds} s){said}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is booted, quietly or aloud."""

    host: Host
    artifact: Artifact
    machine: Machine
    modules: Mapping[str, bytes]
    append: str


def _attempt(asked: Attempt, out: Path, line: Callable[[str], None] | None, *, quiet: bool) -> BootRun:
    """Boot once; a nonce is never used twice."""
    nonce = secrets.token_hex(16)
    argv = qemu.guest_argv(asked.machine, asked.append, quiet=quiet)
    argv = qemu.plain_argv(argv) if asked.host.accelerator == "plain" else argv
    job = {
        "argv": "".join(f"{word}\n" for word in argv).encode(),
        "kernel": asked.artifact.image.read_bytes(),
        "initrd": initrd(asked.host.initramfs, asked.modules, nonce),
    }
    started = time.monotonic()
    end = f"hvmatrix:{nonce}:end:".encode()
    spoken = console.outside(line, f"hvmatrix:{nonce}:begin", end.decode()) if line else None
    ending, host_log = _run(asked.host, job, asked.machine, out / "console.log", end, spoken)
    atomic.write(out / "host.log", host_log)
    text = host_log.decode(errors="replace")
    if "host: start" not in text:
        raise HostError("the machine that runs QEMU did not come up", details=text[-2000:], hint="./inv doctor")
    found, cold = _EXIT.search(text), _COLD.search(text)
    middle = "" if asked.host.accelerator != "nested" else cold[1] if cold else RESTORED
    run = BootRun(
        folder=out, nonce=nonce, accelerator=asked.host.accelerator, machine=asked.machine.name, argv=argv,
        release=asked.artifact.release, ending=ending, qemu_exit=int(found[1]) if found else None,
        seconds=round(time.monotonic() - started, 2), quiet=quiet, middle=middle, cpu=_cpu(text),
    )  # fmt: skip
    save(run)
    return run


def _cpu(host_log: str) -> float:
    """Seconds of processor time that a boot's container took; 0 where its cgroup does not say."""
    found = _CPU.search(host_log)
    return round(int(found[1]) / 1e9 if found[1] else int(found[2]) / 1e6, 2) if found else 0.0


def _run(
    host: Host, job: Mapping[str, bytes], machine: Machine, log: Path, end: bytes, line: Callable[[str], None] | None,
) -> tuple[Ending, bytes]:  # fmt: skip
    """Run QEMU in a container until the console has ended; how it ended, and host.log."""
    timers = TIMERS[host.accelerator]
    limits = Limits(memory=LIMITS[host.accelerator] + machine.memory, processes=256, seconds=int(timers.cap) + 60)
    script = "boot-nested" if host.accelerator == "nested" else "boot-alone"
    command = [script, str(int(timers.cap) + 30), str(MIDDLE + machine.memory), *(["cold"] if host.cold else [])]
    devices = ["/dev/kvm:/dev/kvm:rw"] if host.accelerator == "kvm" else []
    with host.engine.container(
        host.image, limits=limits, command=command, user=BUILDER, devices=devices, terminal=True, started=False,
    ) as box:  # fmt: skip
        box.put("/job", archive.pack(job, owner=1000))
        socket = box.attach()
        box.start()
        raw = getattr(socket, "_sock", socket)
        with translated("following the guest's console"):
            ending = console.watch(raw, log=log, last_line=end, timers=timers, line=line)
        if ending is Ending.EXITED:
            box.exit_status(EXIT_SECONDS)
        box.alive()
        host_log = box.get("/job/host.log", LOG_LIMIT).get("host.log", b"")
        socket.close()
    return ending, host_log


def save(run: BootRun) -> None:
    """Write boot.json beside the logs."""
    atomic.write_json(run.folder / "boot.json", {**asdict(run), "folder": ""})


def load(folder: Path) -> BootRun:
    """Read a boot back. Raises OSError, ValueError, KeyError or TypeError when it is not whole."""
    fields: Any = atomic.read_json(folder / "boot.json")
    if not isinstance(fields, dict):
        raise ValueError(f"{folder}/boot.json: missing or damaged")  # noqa: TRY004 - of what a file holds
    if not (folder / "console.log").is_file() or not (folder / "host.log").is_file():
        raise ValueError(f"{folder}: a log is missing")
    fields |= {"folder": folder, "argv": tuple(fields["argv"]), "ending": Ending(fields["ending"])}
    return BootRun(**fields)


def copy(run: BootRun, target: Path) -> BootRun:
    """The same boot with its files copied to another folder."""
    for name in FILES:
        shutil.copyfile(run.folder / name, target / name)
    return load(target)


def proved(run: BootRun) -> bool:
    """Whether the guest sent an intact proof; only such a boot is worth keeping, any other is tried again."""
    found = proof.extract((run.folder / "console.log").read_bytes(), run.nonce)
    return found is not None and not found.damaged


def keep(run: BootRun, folder: Path) -> None:
    """Put a boot where `known` finds it."""
    with atomic.folder(folder, replace=True) as target:
        copy(run, target)


def known(folder: Path) -> BootRun | None:
    """The kept boot of a folder, if it is there whole and proved."""
    leases.used(folder)
    try:
        run = load(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return replace(run, reused=True) if proved(run) else None
