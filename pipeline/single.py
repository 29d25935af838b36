"""Boots one kernel that somebody has, whoever built it, and judges it.

The same boot and the same judge as in a matrix; nothing is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import (
    artifact,
    asking,
    atomic,
    estimates,
    hyperv,
    kconfig,
    kmod,
    observe,
    progress,
    replay,
    run,
    scratch,
    session,
    showing,
    store,
)
from pipeline import boot as booting
from pipeline.errors import UserError
from pipeline.postmortem import HOST_CLASSES
from pipeline.values import Artifact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.model import Machine
    from pipeline.values import BootRun, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flags of `./inv boot`."""

    kernel: Path
    modules: Path | None
    config: Path | None
    machine: str
    without: frozenset[str]
    append: str


def boot(asked: Asked, options: run.Options) -> int:
    """Boot a kernel and print its rung; 0 when it comes as far as its .config promises, 1 when not, 69 for our fault.

    Without a .config only the machine's highest rung is 0. Raises UserError for files that are no kernel.
    """
    machine = _machine(asked.machine, options.file)
    found = _artifact(asked)
    values = _config(asked, found.release)
    missing = sorted(asked.without - set(found.modules))
    if missing:
        raise UserError(f"--without {','.join(missing)}: no such module", hint="name modules that the kernel has")
    with scratch.folder() as out, progress.view(plain=options.plain) as view:
        accelerator = run.accelerator(options, view)
        with session.session(view) as engine:
            host = booting.prepare(engine, accelerator, view.say)
            about = estimates.about(options.cache, "boot", accelerator)
            with view.work(f"boot {asked.kernel.name} on {machine.name}", about) as work:
                booted = booting.boot(
                    host, found, machine, out, leave_out=asked.without, append=asked.append, line=work,
                )  # fmt: skip
                work.note = ", ".join(text for text in (accelerator, booted.middle, booted.repeated) if text)
        folder = _keep(booted, options.results)
    console, host_log = (folder / "console.log").read_bytes(), (folder / "host.log").read_bytes()
    return _report(observe.observe(booted, console, host_log, machine, values), values, machine, folder)


def _keep(booted: BootRun, results: Path) -> Path:
    """Copy a boot's files into a folder of results/."""
    folder = store.new_folder(results, "boot-")
    booting.copy(booted, folder)
    for name, text in replay.evidence_files(folder).items():
        atomic.write(folder / name, text)
    return folder


def _machine(name: str, file: Path) -> Machine:
    machines = {machine.name: machine for machine in asking.load(file).machines}
    if name not in machines:
        raise UserError(f"--machine {name}: {file} has no such machine", hint=f"one of {', '.join(machines)}")
    return machines[name]


def _artifact(asked: Asked) -> Artifact:
    release = artifact.release_of(asked.kernel)
    if asked.modules and not asked.modules.is_dir():
        raise UserError(f"--modules {asked.modules}: no such folder", hint="give lib/modules/RELEASE of this kernel")
    modules = kmod.find(asked.modules) if asked.modules else {}
    for name in hyperv.LOADED:
        path = modules.get(name.replace("-", "_"))
        built_for = kmod.info(kmod.load(path)).release if path else release
        if built_for != release:
            raise UserError(
                f"{path}: built for {built_for}, and the kernel is {release}",
                hint="modules must come from the kernel's own build",
            )
    return Artifact(image=asked.kernel, release=release, modules=modules)


def _config(asked: Asked, release: str) -> Mapping[str, str] | None:
    beside = asked.kernel.with_name(f"config-{release}")
    path = asked.config or (beside if beside.is_file() else None)
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    return {option.symbol: option.value for option in kconfig.parse(data, str(path)).values()}


def _report(seen: Observation, values: Mapping[str, str] | None, machine: Machine, folder: Path) -> int:
    console = Console()
    promised = hyperv.promised(values, machine) if values is not None else hyperv.ceiling(machine)
    rows = [f"ladder    {seen.ladder} (its .config promises {promised})" if values else f"ladder    {seen.ladder}"]
    if seen.failure_class:
        rows.append(f"class     {seen.failure_class}")
    if seen.reason:
        rows.append(f"reason    {seen.reason.strip()}")
    unseen = hyperv.unseen(values) if values is not None and not seen.ladder.reaches(promised) else ""
    rows += [f"but       {unseen}"] if unseen else []
    rows += [f"evidence  {one}" for one in seen.evidence]
    rows.append(f"files     {folder}")
    for row in rows:
        console.print(row, markup=False, highlight=False, soft_wrap=True)
    if seen.failure_class in HOST_CLASSES or unseen:
        return showing.UNAVAILABLE
    well = seen.ladder.reaches(promised) and seen.failure_class not in observe.DOUBTS
    return showing.PASSED if well else showing.FAILED
