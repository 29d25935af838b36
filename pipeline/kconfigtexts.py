"""The texts of a tree, out of its container: its Kconfig files as an index, or its Makefiles.

They are read as text only; nothing of them is run here.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pipeline import archive, kconfigtree
from pipeline.container import translated
from pipeline.errors import HostError

if TYPE_CHECKING:
    from pipeline.container import Container
    from pipeline.kconfigtree import Index
    from pipeline.values import Tree

LIMIT = 128 * 2**20
SECONDS = 120
_KEPT = 32
_lock = threading.Lock()
_indexes: dict[str, Index] = {}


def index(box: Container, tree: Tree) -> Index:
    """The Kconfig index of the tree that is mounted at /src in a container."""
    with _lock:  # one at a time: they share what is alike in their files
        if tree.digest not in _indexes:
            found = kconfigtree.index({name: text for name, text in texts(box).items() if "Kconfig" in name})
            if len(_indexes) >= _KEPT:
                _indexes.pop(next(iter(_indexes)))
            _indexes[tree.digest] = found
        return _indexes[tree.digest]


def texts(box: Container, what: str = "") -> dict[str, str]:
    """The tree's Kconfig files by path, and with `kbuild` its Makefiles and Kbuild files as well."""
    packed = box.run(["kconfig-texts", "/work/texts.tar", *([what] if what else [])], seconds=SECONDS)
    if packed.exit_status:
        raise HostError("cannot read the tree's Kconfig files", details=packed.stderr[-2000:])
    with translated("unpacking the tree's Kconfig files"):
        found = archive.unpack(box.get("/work/texts.tar", LIMIT).get("texts.tar", b""))
    return {name: data.decode("utf-8", errors="replace") for name, data in found.items()}
