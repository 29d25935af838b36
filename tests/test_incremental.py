"""A kernel built in the objects of another equals one built from nothing, bit for bit, on real trees.

Clean ones are built from nothing; that of another config without ccache, so that ccache is checked by it as well.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import asking, bootstrap, build, enginedisk, objecttrees, policy, resolve, source, treediff, treestore
from pipeline.errors import HostError
from pipeline.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.engine import Engine
    from pipeline.objecttrees import ObjectTree
    from pipeline.values import Build, Kernel, Tree

pytestmark = pytest.mark.boot
ROOT = Path(__file__).resolve().parent.parent
# As little as has Hyper-V's core, and modules.
BASE = """CONFIG_64BIT=y
CONFIG_PRINTK=y
CONFIG_MODULES=y
CONFIG_HYPERVISOR_GUEST=y
CONFIG_PARAVIRT=y
CONFIG_HYPERV=y
"""
ONE = BASE + "CONFIG_BINFMT_SCRIPT=m\nCONFIG_BINFMT_ELF=y\n"
OTHER = BASE + "CONFIG_BINFMT_SCRIPT=y\nCONFIG_BINFMT_MISC=m\nCONFIG_BINFMT_ELF=y\nCONFIG_COREDUMP=y\n"
HEADER = 's/"swapper"/"swopper"/', "include/linux/init_task.h"
KCONFIG = 's/default "(none)"/default "patched"/', "init/Kconfig"


class Place:
    """Builds kernels of one real tree, and of copies of it in which a file was edited."""

    def __init__(self, engine: Engine, toolchain: str, variant: str, folder: Path) -> None:
        self.engine, self.toolchain, self.folder = engine, toolchain, folder
        found = asking.variant(variant, ROOT / "matrix.yaml")
        cache = bootstrap.cache_folder()
        self.plain = source.tree(engine, found, toolchain, cache, fresh=False, say=bootstrap.say)

    def edited(self, script: str, path: str) -> Tree:
        tree = replace(self.plain, digest=f"test:{self.plain.digest}{script}", plain=self.plain)
        with treestore.making(self.engine, self.toolchain) as (box, target):
            treestore.copy(box, self.plain, target)
            done = box.run(["sed", "-i", script, f"{target}/{path}"], user=treestore.OWNER)
            assert done.exit_status == 0, done.log
            return treestore.keep(self.engine, box, target, tree, self.folder)

    def kernel(self, tree: Tree, text: str, name: str) -> Kernel:
        """`name` keeps the kernels of the tests apart, as nothing but the toolchain's identity would."""
        asked = resolve.Asked(text, (text,), policy.policies()["allnoconfig"])
        (found,) = resolve.resolve(self.engine, tree, [asked], self.folder, slots=Slots(2), jobs=2)
        assert not isinstance(found, HostError)
        return build.kernel(tree, name, found.final, found.declared)

    def build(
        self, kernel: Kernel, start: ObjectTree | None = None, *, keep: bool = False, scratch: bool = False,
    ) -> Build:  # fmt: skip
        cache = self.folder / ("more" if start else "clean")
        made = build.build(
            self.engine, kernel, cache, self.folder / "failed", start,
            jobs=2, keep=keep, scratch=scratch, line=lambda _: None,
        )  # fmt: skip
        assert made.ok, made.reason
        assert made.start == (start.key if start else "")
        return made

    def kept(self, made: Build) -> ObjectTree:
        found = objecttrees.of(self.engine, made.folder.parent.parent, made.kernel.key)
        assert found
        return found


def bits(made: Build) -> dict[str, str]:
    """The digests of vmlinux and of everything else that left the container; only the seconds differ."""
    files: dict[str, str] = json.loads((made.folder / "build.json").read_text())["files"]
    found = {name: digest for name, digest in files.items() if name != "build.log"}
    return found | {"vmlinux": (made.folder / "vmlinux.sha256").read_text()}


@pytest.fixture(scope="module", params=["v6.12", "merged"])
def place(
    request: pytest.FixtureRequest, engine: Engine, toolchain: str, tmp_path_factory: pytest.TempPathFactory,
) -> Place:  # fmt: skip
    return Place(engine, toolchain, request.param, tmp_path_factory.mktemp("incremental"))


@pytest.fixture(scope="module")
def trees(place: Place) -> tuple[Tree, Tree]:
    """Made before anything is built: the patch is older than every object."""
    return place.edited(*HEADER), place.edited(*KCONFIG)


@pytest.fixture(scope="module")
def plain(place: Place, trees: tuple[Tree, Tree]) -> Build:
    """A kernel of the plain tree, built from nothing."""
    assert trees
    return place.build(place.kernel(place.plain, ONE, "one"), keep=True)


@pytest.fixture(scope="module")
def first(place: Place, plain: Build) -> Iterator[ObjectTree]:
    """The object tree that the others start from."""
    found = place.kept(plain)
    yield found
    enginedisk.remove_image(place.engine, found.image)


@pytest.fixture(scope="module")
def patched(place: Place, trees: tuple[Tree, Tree], first: ObjectTree) -> Iterator[Build]:
    """A kernel of the tree with the patched header, built in the objects of the plain tree."""
    made = place.build(place.kernel(trees[0], ONE, "one"), first, keep=True)
    yield made
    enginedisk.remove_image(place.engine, place.kept(made).image)


def test_another_config(place: Place, first: ObjectTree) -> None:
    wanted = place.kernel(place.plain, OTHER, "config")
    more, clean = place.build(wanted, first), place.build(wanted, scratch=True)
    assert bits(more) == bits(clean)
    assert any(name.startswith("modules/") for name in bits(more))
    assert 0 < more.compiled < clean.compiled / 2


def test_a_header_that_was_patched_before_the_objects_were_made(
    place: Place, patched: Build, first: ObjectTree, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    right = bits(patched)
    assert right == bits(place.build(patched.kernel))

    @contextmanager
    def not_newer(_engine: Engine, _toolchain: str, _old: str, tree: Tree) -> Iterator[str]:
        yield tree.mount

    monkeypatch.setattr(treediff, "newer", not_newer)
    wrong = place.build(patched.kernel, first)
    assert bits(wrong) != right, "without the rule of times make does not see the patch"


def test_a_patched_kconfig(place: Place, trees: tuple[Tree, Tree], first: ObjectTree) -> None:
    wanted = place.kernel(trees[1], ONE, "kconfig")
    assert 'CONFIG_DEFAULT_HOSTNAME="patched"' in wanted.config
    more, clean = place.build(wanted, first), place.build(wanted)
    assert bits(more) == bits(clean)


def test_a_patch_that_was_taken_away(place: Place, plain: Build, patched: Build) -> None:
    more = place.build(plain.kernel, place.kept(patched))
    assert bits(more) == bits(plain)
    assert more.compiled < plain.compiled / 2
