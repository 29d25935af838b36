"""Notes in the cells with what their kernels are compiled and booted: compiler, engine, QEMU, accelerator.

Makes the images that it asks; never looks at a kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import boot, images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.engine import Engine
    from pipeline.record import State
    from pipeline.stages import Bench


def place(bench: Bench, states: Sequence[State], chosen: str) -> boot.Host:
    """Where guests are booted, with what runs there noted in the cells."""
    host = boot.prepare(bench.engine, chosen, bench.view.say)
    _tools(bench.engine, states, chosen)
    return host


def toolchains(bench: Bench, states: Sequence[State]) -> dict[str, str]:
    """The identity of each toolchain, with what compiled noted in the cells."""
    identities = {}
    for name in sorted({state.cell.toolchain for state in states}):
        tag = images.toolchain(bench.engine, name, lambda _: None)
        facts = images.facts(bench.engine, tag, ("packages", "compiler"))
        identities[name] = images.identity(facts["packages"], name)
        for state in states:
            if state.cell.toolchain == name:
                state.tools |= {"compiler": facts["compiler"], "toolchain": identities[name]}
    images.note(bench.cache, identities)
    return identities


def _tools(engine: Engine, states: Sequence[State], chosen: str) -> None:
    tag = images.host(engine, lambda _: None)
    found = {"engine": engine.version(), "accelerator": chosen, "host_image": engine.image_id(tag)}
    found["qemu"] = images.facts(engine, tag, ("qemu",))["qemu"]
    for state in states:
        state.tools |= found
