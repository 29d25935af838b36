"""Carries old configurations to a tree with the tree's own scripts, inside a container.

It keeps all that was printed; what it means is for explain.py.
"""

from __future__ import annotations

import hashlib
import itertools
import shlex
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pipeline import archive, atomic, explain, kconfig, kconfigtexts, policy, told, treestore
from pipeline.container import Limits
from pipeline.errors import HostError, UserError
from pipeline.values import Change, Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.kconfigtree import Index
    from pipeline.policy import Policy
    from pipeline.slots import Slots
    from pipeline.values import Tree

LIMITS = Limits(memory=4096, processes=1024, seconds=3600)
CONF_SECONDS = 300
CONFIG_LIMIT = 8 * 2**20
HOST_STATUSES = (124, 137)  # time ran out, or killed
NEEDED = ("No space left on device", "command not found", "not found\n")
DISK = "./inv doctor says how full the disk is"
VERSION = 6  # of what a kept resolution holds, and of explain's rules


@dataclass(frozen=True, slots=True)
class Asked:
    """An old .config, whole and as the files that it was put together of, and how to carry it over."""

    old: str
    layers: tuple[str, ...]
    policy: Policy


def resolve(
    engine: Engine, tree: Tree, asked: Sequence[Asked], cache: Path, *, slots: Slots,
    jobs: int, fresh: bool = False, done: Callable[[int], None] = lambda _: None,
) -> list[Resolution | HostError]:  # fmt: skip
    """Resolve each on a tree, in order; those known already are read from the cache.

    What computes holds one of `slots`, which other trees use too; one more than `jobs` is under way. In the place of
    one that could not be carried over stands why. Raises HostError when the tree's conf cannot be built or run at all.
    """
    memos = [cache / "resolutions" / f"{_key(tree, one)}.json" for one in asked]
    known: dict[int, Resolution | HostError] = {
        number: found for number, memo in enumerate(memos) if not fresh and (found := _known(memo))
    }
    for _ in known:
        done(len(known))
    missing = [number for number in range(len(asked)) if number not in known]
    if missing:
        # the container goes before the pool: that ends what others wait for when one is interrupted
        with ThreadPoolExecutor(max_workers=jobs + 1) as pool, opened(engine, tree, slots) as conf:

            def carry(number: int) -> None:
                try:
                    found = conf.run(asked[number])
                except HostError as error:
                    known[number] = error
                else:
                    atomic.write_note(memos[number], asdict(found))
                    known[number] = found
                done(len(known))

            for future in [pool.submit(carry, number) for number in missing]:
                future.result()
    return [known[number] for number in range(len(asked))]


@dataclass(frozen=True, slots=True)
class Conf:
    """A tree's own scripts in a container, ready to be asked; `index` is of its Kconfig."""

    box: Container
    index: Index
    slots: Slots
    numbers: Iterator[int]

    def run(self, asked: Asked) -> Resolution:
        """Carry one over. Raises HostError when the engine or the tree's scripts fail."""
        return explain.explained(_one(self, next(self.numbers), asked), self.index, asked.policy.name)


@contextmanager
def opened(engine: Engine, tree: Tree, slots: Slots) -> Iterator[Conf]:
    """The tree's conf, built in a container that is there until the block ends."""
    with engine.container(tree.image, limits=LIMITS, volumes=treestore.mounted(tree)) as box:
        with slots.held():
            index = kconfigtexts.index(box, tree)  # before anything of the tree runs: it could change what is read
            made = box.run(["new-folder"], seconds=CONF_SECONDS)
            if made.exit_status:
                raise HostError(
                    "the tree's own conf cannot be built or run", details=made.log[-2000:],
                    hint="is this a kernel tree, and does the toolchain image have what it needs?",
                )  # fmt: skip
        yield Conf(box, index, slots, itertools.count())


def _key(tree: Tree, asked: Asked) -> str:
    layers = asked.layers if asked.policy.merges else ()
    words = (str(VERSION), tree.image, tree.digest, asked.policy.digest, asked.policy.name, asked.old, *layers)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def foreseen(tree: Tree, asked: Asked, cache: Path) -> Resolution | None:
    """What is known already of one that would be asked."""
    return _known(cache / "resolutions" / f"{_key(tree, asked)}.json")


def _known(memo: Path) -> Resolution | None:
    fields = atomic.read_note(memo)
    if not isinstance(fields, dict):
        return None
    try:
        changes = tuple(
            atomic.typed(Change(**{**one, "parents": tuple(one["parents"])})) for one in fields["changes"]
        )
        found = {**fields, "changes": changes, "reused": True}
        found |= {name: tuple(fields[name]) for name in ("commands", "declared")}
        return atomic.typed(Resolution(**found))
    except (KeyError, TypeError):
        return None


def _one(conf: Conf, number: int, asked: Asked) -> Resolution:
    box, folder, way = conf.box, f"/work/{number}", asked.policy
    if way.needs and box.run(["grep", "-qF", "--", way.needs[1], f"/src/{way.needs[0]}"]).exit_status:
        absent = f"{way.name}: this tree's {way.needs[0]} has no {way.needs[1]}"
        return Resolution(
            old=asked.old, final="", commands=(), stdout="", stderr="", exit_status=0, seconds=0.0, absent=absent,
        )  # fmt: skip
    made = box.run(["new-folder", str(number)], seconds=CONF_SECONDS)
    if made.exit_status:
        raise HostError("cannot make a build folder", details=made.log[-2000:], hint=DISK)
    files = _files(asked)
    box.put(folder, archive.pack(files, owner=1000))
    layers = [name for name in files if name.startswith("layer-")]
    typed, out, err, status, spent = [], "", "", 0, 0.0
    for argv in policy.commands(way, folder, layers):
        variables = [f"{key}={shlex.quote(value)}" for key, value in way.environment.items()]
        typed.append(" ".join([*variables, shlex.join(argv)]))
        with conf.slots.held():
            ran = box.run(
                ["run-policy", folder, way.answers, *argv], seconds=CONF_SECONDS,
                environment={"LC_ALL": "C.UTF-8", **way.environment},
            )  # fmt: skip
        out, err, status, spent = out + ran.stdout, err + ran.stderr, ran.exit_status, spent + ran.seconds
        if status:
            break
    final = _final(box, folder)
    _must_be_told(way.name, final, out, err, status)
    return Resolution(
        old=asked.old, final=final, commands=tuple(typed), stdout=out, stderr=err, exit_status=status,
        seconds=round(spent, 2),
    )  # fmt: skip


def _files(asked: Asked) -> dict[str, bytes]:
    files = {"old.config": asked.old.encode()}
    if asked.policy.keeps_config:
        files[".config"] = asked.old.encode()
    if asked.policy.merges:
        files |= {f"layer-{number}.config": text.encode() for number, text in enumerate(asked.layers)}
    return files | {f"{name}.input": data for name, data in asked.policy.files.items()}


def _final(box: Container, folder: str) -> str:
    try:
        return box.get(f"{folder}/.config", CONFIG_LIMIT).get(".config", b"").decode(errors="replace")
    except HostError:
        if box.run(["test", "-e", f"{folder}/.config"]).exit_status == 0:
            raise
        return ""  # a policy that refuses may leave none


def _must_be_told(name: str, final: str, out: str, err: str, status: int) -> None:
    """Refuse to take a host's fault, or a tree without conf, for what Kconfig said."""
    ours = status in HOST_STATUSES or any(text in err for text in NEEDED)
    rubbish = not _readable(final) and (final or not status)
    if ours or rubbish or (status and not told.told(out, err)):
        raise HostError(
            f"the tree's own scripts do not give a .config ({name}, exit {status})", details=(err or out)[-2000:],
            hint="is this a kernel tree, and does the toolchain image have what it needs?",
        )


def _readable(text: str) -> bool:
    try:
        return bool(kconfig.values(text))
    except UserError:
        return False
