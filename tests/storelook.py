"""A look into the tree store of a test, with a shell in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import treestore

if TYPE_CHECKING:
    from pipeline.engine import Engine
    from pipeline.values import Tree


def look(engine: Engine, toolchain: str, script: str, user: str = treestore.OWNER) -> str:
    """What a script prints that is run in the folder of the store, where the trees' owner may do anything."""
    engine.ensure_volume(treestore.VOLUME)
    with engine.container(toolchain, volumes={treestore.VOLUME: {"bind": treestore.FOLDER, "mode": "rw"}}) as box:
        done = box.run(["sh", "-ec", script], user=user, folder=treestore.FOLDER)
    assert done.exit_status == 0, done.log
    return done.stdout


def inside(engine: Engine, tree: Tree, script: str, user: str = "1000:1000") -> str:
    """What a script prints that is run in a tree as builds have it."""
    with engine.container(tree.image, volumes=treestore.mounted(tree)) as box:
        done = box.run(["sh", "-ec", script], user=user, folder="/src")
    assert done.exit_status == 0, done.log
    return done.stdout
