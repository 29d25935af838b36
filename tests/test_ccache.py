"""Who reads and who writes which compiler cache."""

from __future__ import annotations

import pytest

from pipeline import ccache
from pipeline.values import Kernel, Tree

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
    assert ccache.environment(DEBIAN)["CCACHE_EXTRAFILES"] == "/usr/bin/as"  # the compiler's digest is not its


def test_every_stranger_writes_to_one_of_its_own() -> None:
    volumes = [ccache.volume(tree) for tree in (DEBIAN, *OTHERS)]
    assert len(set(volumes)) == len(volumes)


def test_a_folder_keeps_its_own_through_its_edits() -> None:
    edited = Tree(variant="v", image="i", digest="dir:2", origin="", owner="/home/me/linux")
    assert ccache.volume(edited) == ccache.volume(OTHERS[2])


@pytest.mark.parametrize(("line", "shared"), [('CONFIG_A="words, a/b"', True), ('CONFIG_A="$(shell id)"', False)])
def test_a_config_with_a_string_that_is_executed_has_a_cache_of_its_own(line: str, *, shared: bool) -> None:
    kernel = Kernel(key="k", tree=DEBIAN, toolchain="t", config=f"{line}\n", declared=())
    assert ccache.may_share(kernel) is shared
    assert (ccache.volume(ccache.user(kernel)) == ccache.SHARED) is shared
    assert ccache.user(kernel).image == DEBIAN.image


@pytest.mark.parametrize("tree", OTHERS)
def test_strangers_only_read_what_debians_trees_wrote(tree: Tree) -> None:
    own, shared = ccache.environment(tree)["CCACHE_REMOTE_STORAGE"].split(" ")
    assert own == f"file:{ccache.OWN_FOLDER}"
    assert shared == f"file:{ccache.SHARED_FOLDER}|read-only"


@pytest.mark.parametrize("tree", OTHERS)
def test_strangers_hand_nothing_in_for_a_fleet(tree: Tree) -> None:
    kernel = Kernel(key="k", tree=tree, toolchain="t", config="CONFIG_A=y\n", declared=())
    assert not ccache.may_share(kernel)
    assert ccache.user(kernel) == tree


@pytest.mark.parametrize("tree", [DEBIAN, *OTHERS])
def test_what_a_config_executes_reaches_no_other_config(tree: Tree) -> None:
    one, other = (
        Kernel(key=key, tree=tree, toolchain="t", config='CONFIG_A="$(shell id)"\n', declared=()) for key in "ab"
    )
    assert ccache.user(one) != tree  # so no object tree is kept of it
    assert len({ccache.volume(found) for found in (tree, ccache.user(one), ccache.user(other))}) == 3


def test_a_fleets_cache_is_asked_last() -> None:
    storages = ccache.environment(OTHERS[0], "redis+unix:/x|read-only")["CCACHE_REMOTE_STORAGE"].split(" ")
    assert storages[2:] == ["redis+unix:/x|read-only"]
