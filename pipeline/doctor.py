"""Says what this host can do, and why not where it cannot.

It only looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import bootstrap, daemon, fleet, fleetcache, host, images
from pipeline.engine import Engine
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIB = 2**30
NEEDED_DISK = 10 * GIB
NEEDED_MEMORY = 4 * GIB
UNAVAILABLE = 69


def show(environment: Mapping[str, str]) -> int:
    """Print the findings; 0 when `./inv matrix` can run here, else 69."""
    cache = bootstrap.cache_folder(environment)
    remote = fleet.configured(environment)
    found = [_engine(environment), _disk(cache), _memory(), _accelerator()]
    for good, text in found:
        Console().print(f"{'ok' if good else 'NO'}  {text}", markup=False, highlight=False, soft_wrap=True)
    if remote:
        why = fleetcache.probe(remote)
        text = f"{remote} " + (f"cannot be used: {why}; builds go on without it" if why else "answers")
        Console().print(f"{'--' if why else 'ok'}  fleet cache  {text}", markup=False, highlight=False, soft_wrap=True)
    return 0 if all(good for good, _ in found) else UNAVAILABLE


def _engine(environment: Mapping[str, str]) -> tuple[bool, str]:
    try:
        url = daemon.find(environment)
        if url is None:
            why = daemon.obstacle()
            able = "./inv matrix installs docker.io if need be, and starts a private one"
            return not why, f"engine       none answers; {why or able}"
        engine = Engine(url)
        there = engine.labels(images.ROOTFS) is not None
        text = f"{engine.version()} at {url}, data in {engine.root()}"
    except PipelineError as error:
        return False, f"engine       {error}"
    return True, f"engine       {text}; Debian 13 base {'is there' if there else 'will be made'}"


def _disk(cache: Path) -> tuple[bool, str]:
    free = host.free_bytes(cache)
    text = f"disk         {free / GIB:.0f} GiB free for {cache}, {NEEDED_DISK / GIB:.0f} are needed"
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
