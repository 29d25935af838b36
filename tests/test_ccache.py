"""Who reads and who writes which compiler cache."""

from __future__ import annotations

import pytest

from pipeline import ccache
from pipeline.values import Tree

DEBIAN = Tree(variant="v", image="i", digest="deb:1", origin="")
OTHERS = [
    Tree(variant="v", image="i", digest="patched:1", origin="", plain=DEBIAN),
    Tree(variant="v", image="i", digest="patched:2", origin="", plain=DEBIAN),
    Tree(variant="v", image="i", digest="dir:1", origin="", owner="/home/me/linux"),
    Tree(variant="v", image="i", digest="git:1", origin=""),
]


def test_debians_trees_share_one() -> None:
    assert ccache.volume(DEBIAN) == ccache.SHARED
    assert "read-only" not in ccache.environment(DEBIAN)["CCACHE_REMOTE_STORAGE"]


def test_every_stranger_writes_to_one_of_its_own() -> None:
    volumes = [ccache.volume(tree) for tree in (DEBIAN, *OTHERS)]
    assert len(set(volumes)) == len(volumes)


def test_a_folder_keeps_its_own_through_its_edits() -> None:
    edited = Tree(variant="v", image="i", digest="dir:2", origin="", owner="/home/me/linux")
    assert ccache.volume(edited) == ccache.volume(OTHERS[2])


@pytest.mark.parametrize("tree", OTHERS)
def test_strangers_only_read_what_debians_trees_wrote(tree: Tree) -> None:
    own, shared = ccache.environment(tree)["CCACHE_REMOTE_STORAGE"].split(" ")
    assert own == f"file:{ccache.OWN_FOLDER}"
    assert shared == f"file:{ccache.SHARED_FOLDER}|read-only"
