"""Ends what writes most while the engine's disk runs full: a tree's programs may write without end.

It looks at a disk that is on this machine, and only at containers of this process. Never frees anything itself.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import enginedisk, host
from pipeline.errors import HostError
from pipeline.items import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.engine import Engine

LEFT = GIB  # bytes that a tree cannot take from everybody else
PAUSE, JOIN_SECONDS = 1.0, 5.0


@contextmanager
def watched(engine: Engine, left: int = 0, root: Path | None = None) -> Iterator[None]:
    """Until the block ends, end the container that writes most whenever fewer than `left` bytes are free.

    With 0 it is LEFT, or half of what is free at first where that is less. `root` is the engine's folder, if known.
    """
    over = threading.Event()
    guard = threading.Thread(target=_watch, args=(engine, left, root, over), name="disk guard", daemon=True)
    guard.start()
    try:
        yield
    finally:
        over.set()
        guard.join(JOIN_SECONDS)  # an engine that hangs must not keep a command from its end


def _watch(engine: Engine, left: int, root: Path | None, over: threading.Event) -> None:
    with suppress(HostError, OSError):  # an engine that does not answer is told of where it is used
        folder = root or Path(engine.root())
        if not os.path.isdir(folder):  # noqa: PTH112 - a Path raises where one may not look
            return
        least = left or min(LEFT, host.free_bytes(folder) // 2)
        why = f"the disk of the engine ran full: less than {least // MIB} MiB of {folder} were left"
        while not over.wait(PAUSE):
            if host.free_bytes(folder) < least:
                with suppress(HostError):
                    _end_one(engine, why, over)


def _end_one(engine: Engine, why: str, over: threading.Event) -> None:
    """End that container of this process that writes most just now; not while one that was ended is still there."""
    boxes = engine.live()
    if not boxes or any(box.ended for box in boxes.values()):
        return
    before = enginedisk.written(engine)
    over.wait(PAUSE)
    after = enginedisk.written(engine)
    grown = {name: size - before.get(name, 0) for name, size in after.items() if name in boxes}
    if most := max(grown, key=lambda name: (grown[name], after[name]), default=""):
        boxes[most].end(why)
