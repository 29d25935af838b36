"""The goals of a kernel: which of its modules are made, asked of its tree's texts once and kept in the cache.

Never decides what is needed; goals.py does.
"""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any

from pipeline import atomic, goals, kconfig, kconfigtexts
from pipeline.container import Limits
from pipeline.model import Targets
from pipeline.treestore import mounted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.goals import Texts
    from pipeline.model import Intent
    from pipeline.values import Tree

LIMITS = Limits(memory=1024, processes=64, seconds=300)
VERSION = 1  # of what goals.py makes of the same texts
_KEPT = 4  # trees whose texts stay: 10 MB each
_lock = threading.Lock()
_texts: dict[str, Texts] = {}


def of(
    engine: Engine, tree: Tree, final: str, intent: Intent, cache: Path, *, targets: Targets = Targets.INTENT,
    fresh: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """What is to be made of a tree with a resolved .config (its text): goals.ALL, or goals.IMAGE and modules' paths.

    The tree is only read, in a container without network, and not at all where the answer is in the cache or is ALL.
    Raises HostError when the engine fails or the tree is gone.
    """
    known = None if fresh else foreseen(tree, final, intent, cache, targets=targets)
    options, asked = kconfig.values(final), goals.symbols(intent)
    if known is None and _all(options, targets):
        return goals.ALL
    if known is None:
        known = goals.of(options, asked, _read(engine, tree))
        atomic.write_note(_memo(tree, options, asked, cache), known)
    return known


def foreseen(
    tree: Tree, final: str, intent: Intent, cache: Path, *, targets: Targets = Targets.INTENT,
) -> tuple[str, ...] | None:  # fmt: skip
    """The same, as far as it is known; nothing is asked of an engine."""
    options = kconfig.values(final)
    if _all(options, targets):
        return goals.ALL
    return _known(_memo(tree, options, goals.symbols(intent), cache))


def _all(options: Mapping[str, str], targets: Targets) -> bool:
    return targets is Targets.ALL or goals.everything(options)


def _memo(tree: Tree, options: Mapping[str, str], asked: tuple[str, ...], cache: Path) -> Path:
    on = sorted(f"{name}={value}" for name, value in options.items() if value != "n")
    words = json.dumps([VERSION, tree.digest, asked, on])
    return cache / "goals" / f"{hashlib.sha256(words.encode()).hexdigest()}.json"


def _known(memo: Path) -> tuple[str, ...] | None:
    found: Any = atomic.read_note(memo)
    whole = isinstance(found, list) and found[:1] == [goals.IMAGE] and all(isinstance(one, str) for one in found)
    return tuple(found) if whole else None


def _read(engine: Engine, tree: Tree) -> Texts:
    with _lock:  # one at a time: whoever waits finds what the other has read
        if tree.digest not in _texts:
            with engine.container(tree.image, limits=LIMITS, volumes=mounted(tree)) as box:
                index = kconfigtexts.index(box, tree)
                found = kconfigtexts.texts(box, "kbuild")
            if len(_texts) >= _KEPT:
                _texts.pop(next(iter(_texts)))
            makefiles = {path: text for path, text in found.items() if "Kconfig" not in path}
            _texts[tree.digest] = goals.Texts(makefiles, index)
        return _texts[tree.digest]
