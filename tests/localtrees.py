"""A small tree in which somebody works, as the tests of local folders take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.values import Tree

    Take = Callable[..., Tree]


def small(made: Path) -> Path:
    """Files, a link within, a link out of it, and one that may be executed."""
    (made / "drivers" / "hv").mkdir(parents=True)
    (made / "Kconfig").write_text('source "drivers/hv/Kconfig"\n')
    (made / "drivers" / "hv" / "Kconfig").write_text("config HYPERV\n")
    (made / "run").write_text("#!/bin/sh\n")
    (made / "run").chmod(0o700)
    (made / "link").symlink_to("drivers/hv/Kconfig")
    (made / "away").symlink_to("/etc/hostname")
    return made
