"""One command's use of the engine: what a killed one left is removed first, and what this one made, last.

Interrupts, SIGTERM and SIGHUP end it in the same way.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pipeline import bootstrap, diskguard, interrupts, inventory, leases, scratch
from pipeline.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.progress import View


@contextmanager
def session(view: View, cache: Path | None = None) -> Iterator[Engine]:
    """An engine whose containers do not outlive the block, whichever way it ends; what the block uses stays till then.

    `cache` is where a command keeps what it makes, if it has one of its own: the engine is the user's in any case.
    """
    with ExitStack() as stack:
        stack.enter_context(interrupts.raised())
        engine = Engine()
        stack.callback(engine.remove_live)
        scratch.sweep()
        for folder in {bootstrap.cache_folder(), cache or bootstrap.cache_folder()}:
            stack.enter_context(leases.held(folder))
            inventory.sweep(folder)
        if left := engine.reap():
            view.say(f"removed {left} container(s) that a killed run left behind")
        stack.enter_context(diskguard.watched(engine))
        yield engine
