"""Boots Debian's own kernel over and over, in every way that its answer can go, and counts what is not as it must be.

A wrong rung or class, a boot that was repeated and should not have been, a container left behind. Nothing is built.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import asking, benchkernels, boot, host, kconfig, observe, overlap, progress, scratch, session, virtme
from pipeline.container import PROJECT
from pipeline.engine import OWNER
from pipeline.model import Ladder
from pipeline.process import identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.engine import Engine
    from pipeline.model import Machine
    from pipeline.run import Options
    from pipeline.values import Artifact


@dataclass(frozen=True, slots=True)
class Case:
    """A way of booting, and the rung and class that must come of it."""

    machine: str
    ladder: Ladder
    failure_class: str = ""
    append: str = ""
    without: str = ""

    def __str__(self) -> str:
        without = f"without {self.without}" if self.without else ""
        return " ".join(text for text in (self.machine, self.append, without) if text)


CASES = (
    Case("hyperv", Ladder.BOUND), Case("bare", Ladder.BOOTED), Case("minimal", Ladder.BOUND),
    Case("every-flag", Ladder.BOUND), Case("gen1", Ladder.BOUND), Case("gen2", Ladder.BOUND),
    Case("smp2", Ladder.BOUND), Case("smp4", Ladder.BOUND),
    Case("no-bridge", Ladder.CORE), Case("no-balloon", Ladder.CONNECTED), Case("foreign", Ladder.BOOTED),
    Case("no-vpindex", Ladder.BOOTED), Case("kvm-shown", Ladder.BOOTED, "KVM_WON"),
    Case("hyperv", Ladder.BOOTED, "NOT_DETECTED", append="nopv"),
    Case("hyperv", Ladder.DETECTED, "ACPI_OFF", append="acpi=off"),
    Case("hyperv", Ladder.NONE, "NO_BOOT", append="rdinit=/nowhere"),
    Case("hyperv", Ladder.NONE, "NO_BOOT", append="rdinit=/bin/busybox reboot -f"),
    Case("hyperv", Ladder.CORE, "VMBUS_MODULE_NOT_LOADED", without="hv_vmbus"),
    Case("hyperv", Ladder.OFFERED, "UNBOUND", without="hv_balloon"),
)  # fmt: skip


def measure(options: Options, rounds: int) -> dict[str, Any]:
    """Seconds of every boot, and in the facts how many were wrong, repeated for nothing, or left anything behind.

    As many boots run side by side as there are cores, as in a matrix.
    """
    machines = {machine.name: machine for machine in asking.load(options.file).machines}
    samples: dict[str, list[float]] = {str(case): [] for case in CASES}
    wrong: list[str] = []
    with scratch.folder() as folder, progress.view(plain=options.plain) as view, session.session(view) as engine:
        kernel = benchkernels.hosts(engine, view, folder)
        config = kernel.image.with_name(f"config-{kernel.release}")
        values = {one.symbol: one.value for one in kconfig.parse(config.read_bytes(), str(config)).values()}
        place = boot.prepare(engine, "nested", view.say)

        def one(number: int, case: Case) -> None:
            with view.work(f"round {number + 1}, {case}", virtme.ABOUT) as work:
                seconds, why = _once(place, kernel, machines[case.machine], case, values)
                work.note = why
            samples[str(case)].append(seconds)
            wrong.extend([f"{case}: {why}"] if why else [])

        order = [(number, case) for number in range(rounds) for case in CASES]
        tasks = [overlap.Task(f"{number} {case}", (), partial(one, number, case)) for number, case in order]
        started = time.monotonic()
        overlap.run(tasks, engine.remove_live, most=host.cores())
        seconds = round(time.monotonic() - started)
        left = _left(engine)
    facts: dict[str, int | str] = {"boots": len(order), "side by side": host.cores(), "seconds": seconds}
    facts |= {"kernel": kernel.release, "wrong": len(wrong), "containers left": left}
    facts |= {f"wrong {number}": text for number, text in enumerate(wrong, 1)}
    return {"facts": facts, "samples": samples, "against": str(CASES[0])}


def _once(
    place: boot.Host, kernel: Artifact, machine: Machine, case: Case, values: Mapping[str, str],
) -> tuple[float, str]:  # fmt: skip
    """Seconds of one boot, and what of it is not as it must be; the latter is empty when all is."""
    with scratch.folder() as out:
        without = frozenset({case.without} if case.without else ())
        done = boot.boot(place, kernel, machine, out, leave_out=without, append=case.append)
        console, host_log = ((out / name).read_bytes() for name in ("console.log", "host.log"))
    seen = observe.observe(done, console, host_log, machine, values)
    if (seen.ladder, seen.failure_class) != (case.ladder, case.failure_class):
        return done.seconds, f"{seen.ladder} {seen.failure_class}: {seen.reason}"
    if done.middle != boot.RESTORED:
        return done.seconds, done.middle
    dies = case.ladder is Ladder.NONE
    return done.seconds, "" if dies == bool(done.repeated) else done.repeated or "not repeated"


def _left(engine: Engine) -> int:
    """The containers of this process that are still there."""
    found = engine.client.containers.list(all=True, filters={"label": f"{PROJECT}=container"})
    return sum(inner.labels.get(OWNER, "") == identity() for inner in found)
