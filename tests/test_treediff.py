"""Two trees of the store compared, in a container: by content, in both directions, and seen by make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import archive, treediff, treestore
from pipeline.errors import HostError
from pipeline.values import Tree
from tests.storelook import look

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("trees")]
FILES = {"Kconfig": b"config A\n", "Makefile": b"all:\n", "a.c": b"int a;\n", "b.c": b"int b;\n", "include/a.h": b"\n"}
# what is done to a copy; how many files differ then, and whether any of them is code
EDITS = [
    ("true", 0, False),
    ("cp a.c x && rm a.c && mv x a.c", 0, False),  # another file, the same bytes
    ("echo >> Kconfig", 0, False),  # the same file in both: hard links
    ("sed -i s/A/B/ Kconfig", 1, False),
    ("mkdir -p x && echo > x/Kconfig.debug", 1, False),
    ("sed -i s/int/long/ a.c", 1, True),
    ("rm b.c", 1, True),
    ("echo > c.c", 1, True),
    ("chmod 755 a.c && cp a.c x && chmod 644 a.c && mv x a.c", 1, True),
    ("rm a.c && ln -s b.c a.c", 1, True),
    ("sed -i s/int/long/ a.c && sed -i s/A/B/ Kconfig", 2, True),
    ("echo > Kconfigurator.c", 1, True),
]


def made(engine: Engine, toolchain: str, cache: Path, digest: str, edit: str = "") -> Tree:
    """A tree of FILES; with an edit, one that shares its files with the tree "x:plain"."""
    tree = Tree(variant="v", image=toolchain, digest=digest, origin="made up")
    with treestore.making(engine, toolchain) as (box, target):
        if edit:
            treestore.copy(box, Tree(variant="v", image=toolchain, digest="x:plain", origin=""), target)
            done = box.run(["sh", "-ec", edit], user=treestore.OWNER, folder=target)
            assert done.exit_status == 0, done.log
        else:
            box.put(target, archive.pack(FILES, owner=1001))
        return treestore.keep(engine, box, target, tree, cache)


@pytest.fixture
def plain(engine: Engine, toolchain: str, tmp_path: Path, trees: str) -> Tree:
    assert trees
    return made(engine, toolchain, tmp_path, "x:plain")


def test_what_differs(engine: Engine, toolchain: str, tmp_path: Path, plain: Tree) -> None:
    for number, (edit, files, code) in enumerate(EDITS):
        tree = made(engine, toolchain, tmp_path, f"x:{number}", edit)
        folders = [f"{treestore.FOLDER}/{treestore.key(one.digest)}" for one in (plain, tree)]
        with treestore.making(engine, toolchain) as (box, _):
            found = treediff.between(box, *folders)
            back = treediff.between(box, folders[1], folders[0])
        assert (found.files, bool(found.code)) == (files, code), edit
        assert (back.files, bool(back.code)) == (files, code), edit
        assert not code or found.code != back.code


@pytest.mark.parametrize(("edit", "newest", "older"), [
    ("sed -i s/int/long/ a.c", ["a.c"], ["b.c", "Kconfig", "include/a.h"]),
    ("rm b.c", [], ["a.c"]),
    ("sed -i s/A/B/ Kconfig; echo > c.c; rm a.c", ["Kconfig", "c.c"], ["b.c"]),
])  # fmt: skip
def test_what_differs_is_newer(
    engine: Engine, toolchain: str, tmp_path: Path, plain: Tree, edit: str, newest: list[str], older: list[str],
) -> None:  # fmt: skip
    tree = made(engine, toolchain, tmp_path, "x:1", edit)
    with engine.container(toolchain) as box:
        box.run(["touch", "/build/object"])  # made after the edit
        with (
            treediff.newer(engine, toolchain, plain.digest, tree) as folder,
            engine.container(toolchain, volumes={folder: {"bind": "/src", "mode": "ro"}}) as look,
        ):
            times = {name: look.run(["stat", "-c", "%.9Y", f"/src/{name}"]).stdout for name in [*newest, *older]}
            content = look.run(["sh", "-c", "cd /src && ls -R && cat a.c b.c c.c Kconfig"]).stdout
        then = float(box.run(["stat", "-c", "%.9Y", "/build/object"]).stdout)
    assert all(float(times[name]) > then for name in newest)
    assert all(float(times[name]) < then for name in older)
    with engine.container(toolchain, volumes=treestore.mounted(tree)) as box:
        assert box.run(["sh", "-c", "cd /src && ls -R && cat a.c b.c c.c Kconfig"]).stdout == content


def test_the_view_is_gone_afterwards(engine: Engine, toolchain: str, tmp_path: Path, plain: Tree) -> None:
    tree = made(engine, toolchain, tmp_path, "x:1", "sed -i s/int/long/ a.c")
    with treediff.newer(engine, toolchain, plain.digest, tree) as folder:
        assert folder
    with treestore.making(engine, toolchain) as (box, target):
        names = box.run(["ls", "-A", treestore.FOLDER], user=treestore.OWNER).stdout.split()
    assert sorted(names) == sorted([treestore.key("x:plain"), treestore.key("x:1"), target.rpartition("/")[2]])


def test_a_header_that_is_new_will_not_do(engine: Engine, toolchain: str, tmp_path: Path, plain: Tree) -> None:
    """It may take the place of another in an include path; make would not see that."""
    tree = made(engine, toolchain, tmp_path, "x:1", "mkdir -p arch && echo > arch/a.h")
    with treediff.newer(engine, toolchain, plain.digest, tree) as folder:
        assert folder == ""
    with treediff.newer(engine, toolchain, tree.digest, plain) as folder:
        assert folder


def test_a_view_that_a_build_uses_is_left_alone(
    engine: Engine, toolchain: str, tmp_path: Path, plain: Tree, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    look(engine, toolchain, f"touch -d '5 hours ago' {treestore.key(plain.digest)}")
    tree = made(engine, toolchain, tmp_path, "x:new", "sed -i s/int/long/ a.c")
    script = "cat /src/a.c && sleep 0.1"
    with treediff.newer(engine, toolchain, plain.digest, tree) as first:
        with engine.container(toolchain, volumes={first: {"bind": "/src", "mode": "ro"}}) as box:
            for age in (treestore.STALE, 0):  # as old as its tree by one time; and in truth as old as can be
                monkeypatch.setattr(treestore, "STALE", age)
                with treediff.newer(engine, toolchain, plain.digest, tree) as second:
                    assert second != first
                assert box.run(["sh", "-c", script]).stdout == "long a;\n"
        with treediff.newer(engine, toolchain, plain.digest, tree):  # nothing has it mounted any more
            assert first.rpartition("/")[2] not in look(engine, toolchain, "ls -A").split()


def test_a_tree_that_is_gone_is_our_fault(engine: Engine, toolchain: str, plain: Tree) -> None:
    gone = replace(plain, digest="x:gone")
    with pytest.raises(HostError, match="cannot prepare"), treediff.newer(engine, toolchain, plain.digest, gone):
        pass


@pytest.mark.docker
def test_of_a_tree_that_is_gone_no_objects_will_do(engine: Engine, toolchain: str, plain: Tree) -> None:
    """Notes of its objects may have outlived it: its kernels are built from nothing then, each time."""
    with treediff.newer(engine, toolchain, "x:gone", plain) as view:
        assert view == ""
