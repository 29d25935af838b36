"""Carries old configurations to a tree with the tree's own conf, inside a container.

It keeps all that was printed; what it means is for explain.py.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline import archive, atomic, kconfig
from pipeline.container import Limits
from pipeline.errors import HostError, UserError
from pipeline.policy import POLICIES
from pipeline.values import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.values import Tree

LIMITS = Limits(memory=2048, processes=512, seconds=1800)
CONF_SECONDS = 300
CONFIG_LIMIT = 8 * 2**20
HOST_STATUSES = (124, 137)  # time ran out, or killed
VERSION = 1  # of what a kept resolution holds


def resolve(
    engine: Engine, tree: Tree, asked: Sequence[tuple[str, str]], cache: Path, *,
    fresh: bool = False, done: Callable[[int], None] = lambda _: None,
) -> list[Resolution]:  # fmt: skip
    """Resolve each (old .config, policy) on a tree, in order; those known already are read from the cache.

    Raises HostError when the engine fails or the tree's conf cannot be built or run at all.
    """
    memos = [cache / "resolutions" / f"{_key(tree, old, policy)}.json" for old, policy in asked]
    known = {number: found for number, memo in enumerate(memos) if not fresh and (found := _known(memo))}
    for number in known:
        done(number)
    if len(known) < len(asked):
        with engine.container(tree.image, limits=LIMITS) as box:
            for number, (old, policy) in enumerate(asked):
                if number not in known:
                    known[number] = _one(box, number, old, policy)
                    if known[number].exit_status == 0:
                        atomic.write_json(memos[number], asdict(known[number]))
                    done(number)
    return [known[number] for number in range(len(asked))]


def _key(tree: Tree, old: str, policy: str) -> str:
    words = (str(VERSION), tree.image, tree.digest, POLICIES[policy], old)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def _known(memo: Path) -> Resolution | None:
    fields = atomic.read_json(memo)
    try:
        return Resolution(**{**fields, "reused": True}) if fields else None
    except TypeError:
        return None


def _one(box: Container, number: int, old: str, policy: str) -> Resolution:
    folder = f"/work/{number}"
    started = time.monotonic()
    box.run(["mkdir", folder])
    box.put(folder, archive.pack({".config": old.encode()}, owner=1000))
    ran = box.run(["resolve-config", folder, POLICIES[policy]], seconds=CONF_SECONDS, environment={"LC_ALL": "C.UTF-8"})
    final = box.get(f"{folder}/.config", CONFIG_LIMIT).get(".config", b"").decode(errors="replace")
    ours = ran.exit_status in HOST_STATUSES or "No space left on device" in ran.stderr
    if ours or not _readable(final) or (ran.exit_status and not kconfig.warnings(ran.stderr)):
        raise HostError(
            f"the tree's own conf does not give a .config ({policy}, exit {ran.exit_status})",
            details=ran.stderr[-2000:] or ran.stdout[-2000:],
            hint="is this a kernel tree, and does the toolchain image have what it needs?",
        )
    return Resolution(
        old=old, final=final, stdout=ran.stdout, stderr=ran.stderr, exit_status=ran.exit_status,
        seconds=round(time.monotonic() - started, 2), declared=_declared(box, old, final),
    )  # fmt: skip


def _readable(text: str) -> bool:
    try:
        return bool(kconfig.values(text))
    except UserError:
        return False


def _declared(box: Container, old: str, final: str) -> Mapping[str, str]:
    """Where the tree declares each option that was asked for and not got."""
    changed = kconfig.differing(kconfig.values(old), kconfig.values(final))
    names = [symbol for symbol, _, _ in changed]
    if not names:
        return {}
    box.put("/work", archive.pack({"symbols": " ".join(names).encode()}, owner=1000))
    ran = box.run(["kconfig-declarations", "/work/symbols"], seconds=CONF_SECONDS)
    if ran.exit_status:
        raise HostError("cannot read the tree's Kconfig files", details=ran.stderr[-2000:])
    blocks = ("\n" + ran.stdout).split("\n@ ")[1:]
    declared: dict[str, str] = {}
    for block in blocks:
        declared.setdefault(block.split(" ", 1)[0], block)
    return declared
