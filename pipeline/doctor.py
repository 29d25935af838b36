"""Says what this host can do, and why not where it cannot.

It only looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import bootstrap, daemon, fleet, fleetcache, host, images, room
from pipeline.engine import Engine
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIB = 2**30
NEEDED_DISK = 14 * GIB  # for all trees of matrix.yaml, the images and some twenty small kernels
NEEDED_MEMORY = 4 * GIB
UNAVAILABLE = 69


def show(environment: Mapping[str, str]) -> int:
    """Print the findings; 0 when `./inv matrix` can run here, else 69."""
    cache = bootstrap.cache_folder(environment)
    remote = fleet.configured(environment)
    good, text, root = _engine(environment, cache)
    disks = {host.disk(place): place for place in (root, cache)}
    found = [(good, text), *map(_disk, disks.values()), _memory(), _accelerator()]
    for good, text in found:
        Console().print(f"{'ok' if good else 'NO'}  {text}", markup=False, highlight=False, soft_wrap=True)
    if remote:
        why = fleetcache.probe(remote)
        text = f"{remote} " + (f"cannot be used: {why}; builds go on without it" if why else "answers")
        Console().print(f"{'--' if why else 'ok'}  fleet cache  {text}", markup=False, highlight=False, soft_wrap=True)
    return 0 if all(good for good, _ in found) else UNAVAILABLE


def _engine(environment: Mapping[str, str], cache: Path) -> tuple[bool, str, Path]:
    """Whether there is or can be one, what is to be said of it, and where its data are; else the cache."""
    try:
        url = daemon.find(environment)
        if url is None:
            why = daemon.obstacle()
            able = "./inv matrix installs docker.io if need be, and starts a private one where that starts none"
            return not why, f"engine       none answers; {why or able}", cache
        engine = Engine(url)
        there = engine.labels(images.ROOTFS) is not None
        root = engine.root()
        text = f"{engine.version()} at {url}, data in {root}"
    except PipelineError as error:
        return False, f"engine       {error}", cache
    text = f"engine       {text}; Debian 13 base {'is there' if there else 'will be made'}"
    return True, text, room.places(cache, cache, root).engine


def _disk(place: Path) -> tuple[bool, str]:
    free = host.free_bytes(place)
    text = f"disk         {free / GIB:.0f} GiB free for {place}, {NEEDED_DISK / GIB:.0f} are needed"
    return free >= NEEDED_DISK, text


def _memory() -> tuple[bool, str]:
    total, free = host.memory_bytes()
    text = f"memory       {free / GIB:.1f} of {total / GIB:.1f} GiB free, {NEEDED_MEMORY / GIB:.0f} are needed"
    return free >= NEEDED_MEMORY, f"{text}; {host.cores()} cores"


def _accelerator() -> tuple[bool, str]:
    probed = host.probe()
    answers = ", ".join(f"{host.CAPABILITIES[number]}({number})={value}" for number, value in probed.answers.items())
    kind = "kvm" if probed.usable else "nested"
    return True, f"accelerator  {kind}; /dev/kvm: {probed.reason}" + (f" [{answers}]" if answers else "")
