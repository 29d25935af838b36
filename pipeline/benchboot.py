"""Nested boots, warm and cold, against a plain TCG boot of the same kernel to the same point, interleaved in one run.

Plain means emulated, without KVM and without Hyper-V: what a boot costs here at least. It judges no kernel.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline import artifact, asking, atomic, benchkernels, boot, host, kmod, progress, run, scratch, session, virtme
from pipeline.errors import HostError
from pipeline.model import Machine
from pipeline.values import Artifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.progress import View
    from pipeline.run import Options

SLIM = "v6.12/builtin-y/olddefconfig"
PLAIN, WARM, COLD = "plain TCG", "nested, warm", "nested, cold"
BARE = Machine(name="plain", hyperv=(), devices=())


def measure(options: Options, rounds: int) -> dict[str, Any]:
    """Seconds of each way for Debian's cloud kernels and for those of some cells, which are built first.

    Raises HostError when a cell has no kernel, or a boot gives no proof: then nothing is measured.
    """
    options = replace(options, cells=options.cells or SLIM)
    machine = asking.select(asking.load(options.file), options.cells)[0].machine
    with scratch.folder() as folder:
        built = _built(options, folder)
        with progress.view(plain=options.plain) as view, session.session(view) as engine:
            cloud = (benchkernels.hosts(engine, view, folder / "host"), *benchkernels.fetched(engine, view, folder))
            kernels = {f"Debian's {one.release}": one for one in cloud} | built
            nested = boot.prepare(engine, "nested", view.say)
            samples = _samples(nested, kernels, machine, folder, rounds, view)
            facts: dict[str, str | int] = {"cores": host.cores()}
            facts["boots a minute, one a core"] = _throughput(nested, kernels, machine, folder)
            facts |= virtme.measure(engine, kernels, rounds, view)
    found = {"facts": facts, "samples": samples, "ratios": ratios(samples)}
    return {**found, "against": "the plain TCG boot of its kernel"}


def _samples(
    nested: boot.Host, kernels: Mapping[str, Artifact], machine: Machine, folder: Path, rounds: int, view: View,
) -> dict[str, list[float]]:  # fmt: skip
    """Seconds of every way of booting every kernel, one after the other in each round."""
    hosts = {PLAIN: replace(nested, accelerator="plain"), WARM: nested, COLD: replace(nested, cold=True)}
    samples: dict[str, list[float]] = {}
    for number in range(rounds):
        for kernel, made in kernels.items():
            for way, place in hosts.items():
                with view.work(f"round {number + 1}, {kernel}: {way}", virtme.ABOUT):
                    wanted = BARE if way == PLAIN else machine
                    seconds, cpu = _once(place, made, wanted, folder)
                samples.setdefault(f"{kernel}: {way}", []).append(seconds)
                samples.setdefault(f"{kernel}, cpu: {way}", []).append(cpu)
    return samples


def ratios(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each series' median over that of its own kernel's plain boot."""
    base = {name: median(samples[f"{name.rpartition(': ')[0]}: {PLAIN}"]) for name in samples}
    return {name: round(median(values) / base[name], 2) for name, values in samples.items()}


def _built(options: Options, folder: Path) -> dict[str, Artifact]:
    """The kernels of the cells, by name; built if need be."""
    status = run.run(replace(options, through="build", results=folder / "results"))
    if status:
        raise HostError(f"bench boot: building {options.cells} ended with {status}")
    found = {}
    for path in sorted((folder / "results" / "latest" / "cells").rglob("record.json")):
        record: Any = atomic.read_json(path)
        home = options.cache / "kernels" / str(record["kernel"])
        name = "/".join(record["cell"].split("/")[:2])
        image = home / "bzImage"
        found[name] = Artifact(image=image, release=artifact.release_of(image), modules=kmod.find(home / "modules"))
    return found


def _once(place: boot.Host, made: Artifact, machine: Machine, folder: Path) -> tuple[float, float]:
    """Seconds of one boot, from its container to its end, and those of processor time, told apart from others' load."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        started = time.monotonic()
        done = boot.boot(place, made, machine, Path(out))
        seconds = round(time.monotonic() - started, 2)
        if not boot.proved(done) or done.repeated:
            raise HostError(f"bench boot: {made.release} on {machine.name} gave no proof", details=done.repeated)
        if place.accelerator == "nested" and not place.cold and done.middle != boot.RESTORED:
            raise HostError("bench boot: the middle machine was not restored", details=done.middle)
    return seconds, done.cpu


def _throughput(nested: boot.Host, kernels: Mapping[str, Artifact], machine: Machine, folder: Path) -> str:
    """Boots a minute of each kernel with as many side by side as there are cores."""
    found = []
    for name, made in kernels.items():
        boots = 3 * host.cores()
        started = time.monotonic()
        with ThreadPoolExecutor(host.cores()) as pool:
            list(pool.map(lambda _, made=made: _once(nested, made, machine, folder), range(boots)))
        found.append(f"{60 * boots / (time.monotonic() - started):.1f} of {name}")
    return ", ".join(found)
