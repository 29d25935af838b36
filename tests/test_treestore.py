"""The store of trees: whole or not at all, whoever is killed, and whoever else makes the same one."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import archive, treestore
from pipeline.container import PROJECT
from pipeline.engine import OWNER, Engine
from pipeline.errors import HostError
from pipeline.values import Tree
from tests.storelook import inside, look

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("trees")]
ROOT = Path(__file__).resolve().parent.parent
FILES = {"Kconfig": b"config HYPERV\n", "Makefile": b"all:\n"}
MAKING = """\
import sys, time
from pipeline import archive, treestore
from pipeline.engine import Engine
treestore.VOLUME = sys.argv[2]
with treestore.making(Engine(), sys.argv[1]) as (box, target):
    box.put(target, archive.pack({"Kconfig": b"half"}, owner=1001))
    print("ready", flush=True)
    time.sleep(60)
"""


def made(engine: Engine, toolchain: str, cache: Path, files: Mapping[str, bytes] = FILES, digest: str = "x:1") -> Tree:
    tree = Tree(variant="v", image=toolchain, digest=digest, origin=f"made for {digest}")
    with treestore.making(engine, toolchain) as (box, target):
        box.put(target, archive.pack(files, owner=1001))
        return treestore.keep(engine, box, target, tree, cache)


def known(engine: Engine, toolchain: str, cache: Path, digest: str = "x:1") -> Tree | None:
    return treestore.known(engine, toolchain, "v", digest, cache)


def test_a_tree_is_known_once_it_is_made(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    assert known(engine, toolchain, tmp_path) is None
    tree = made(engine, toolchain, tmp_path)
    assert known(engine, toolchain, tmp_path) == tree
    assert tree.origin == "made for x:1"
    assert inside(engine, tree, "cat Kconfig") == "config HYPERV\n"
    assert look(engine, toolchain, "ls -A").split() == [treestore.key("x:1")]


def test_what_builds_cannot_change_a_tree(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    tree = made(engine, toolchain, tmp_path)
    for user in ("1000:1000", "1001:1001", "0:0"):
        assert inside(engine, tree, "touch planted 2>&1 || true; ls", user).splitlines()[-2:] == ["Kconfig", "Makefile"]


def test_another_cache_does_not_know_it_and_makes_it_again(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    first = made(engine, toolchain, tmp_path / "one")
    number = look(engine, toolchain, "stat -c %i */Kconfig")
    assert known(engine, toolchain, tmp_path / "two") is None
    assert made(engine, toolchain, tmp_path / "two") == first
    assert look(engine, toolchain, "ls -A").split() == [treestore.key("x:1")]
    assert look(engine, toolchain, "stat -c %i */Kconfig") == number


def test_a_volume_that_was_made_again_has_no_trees(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    made(engine, toolchain, tmp_path)
    engine.client.volumes.get(treestore.VOLUME).remove()
    assert known(engine, toolchain, tmp_path) is None
    engine.ensure_volume(treestore.VOLUME)
    assert known(engine, toolchain, tmp_path) is None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, HostError])
def test_what_fails_leaves_nothing(
    engine: Engine, toolchain: str, tmp_path: Path, error: type[BaseException],
) -> None:  # fmt: skip
    def fail() -> None:
        with treestore.making(engine, toolchain) as (box, target):
            box.put(target, archive.pack(FILES, owner=1001))
            raise error("enough")

    with pytest.raises(error):
        fail()
    assert look(engine, toolchain, "ls -A") == ""
    assert known(engine, toolchain, tmp_path) is None


def test_a_half_made_tree_of_a_killed_run_is_never_used(
    engine: Engine, toolchain: str, trees: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-c", MAKING, toolchain, trees], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    with child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        child.kill()
    (half,) = look(engine, toolchain, "ls -A").split()
    assert half.startswith(".new-")
    assert known(engine, toolchain, tmp_path) is None
    tree = made(engine, toolchain, tmp_path)
    assert inside(engine, tree, "cat Kconfig") == "config HYPERV\n"
    assert half in look(engine, toolchain, "ls -A").split()  # it may be another run's that goes on
    look(engine, toolchain, f"touch -d '5 hours ago' {half}")
    made(engine, toolchain, tmp_path, digest="x:2")
    assert half in look(engine, toolchain, "ls -A").split(), "a time that is copied with a tree's files says nothing"
    look(engine, toolchain, f"rm -rf {treestore.key('x:2')}")
    monkeypatch.setattr(treestore, "STALE", 0)
    made(engine, toolchain, tmp_path, digest="x:2")
    names = {treestore.key("x:1"), treestore.key("x:2")}
    assert set(look(engine, toolchain, "ls -A").split()) == names
    for box in engine.client.containers.list(all=True, filters={"label": f"{PROJECT}=container"}):
        if f":{child.pid}:" in box.labels[OWNER]:
            box.remove(force=True)


def test_a_run_that_was_killed_before_it_took_note(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    tree = made(engine, toolchain, tmp_path)
    (tmp_path / "trees" / f"{treestore.key('x:1')}.json").unlink()
    assert known(engine, toolchain, tmp_path) is None
    assert made(engine, toolchain, tmp_path) == tree


def test_two_runs_that_make_the_same_tree_both_end_well(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=60)
    found: list[Tree] = []

    def make(name: str) -> None:
        own = Engine(os.environ["DOCKER_HOST"])
        tree = Tree(variant="v", image=toolchain, digest="x:1", origin="o")
        with treestore.making(own, toolchain) as (box, target):
            box.put(target, archive.pack({f"file{number}": b"text" for number in range(2000)} | FILES, owner=1001))
            both.wait()
            found.append(treestore.keep(own, box, target, tree, tmp_path / name))

    threads = [threading.Thread(target=make, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert look(engine, toolchain, "ls -A").split() == [treestore.key("x:1")]
    assert inside(engine, found[0], "ls | wc -l").strip() == "2002"


def test_a_tree_that_is_gone_is_made_again(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    tree = made(engine, toolchain, tmp_path)
    look(engine, toolchain, "rm -rf *")
    assert known(engine, toolchain, tmp_path) is None
    with pytest.raises(HostError, match="failed while making a container"):
        inside(engine, tree, "ls -A")
    assert known(engine, toolchain, tmp_path) is None
    assert made(engine, toolchain, tmp_path) == tree
    assert inside(engine, tree, "cat Kconfig") == "config HYPERV\n"


def test_what_is_in_the_way_and_no_tree_is_told(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    look(engine, toolchain, f"mkdir {treestore.key('x:1')}; touch {treestore.key('x:1')}/something")
    with pytest.raises(HostError, match="cannot keep a tree"):
        made(engine, toolchain, tmp_path)
    assert known(engine, toolchain, tmp_path) is None


def test_a_copy_shares_its_files_until_they_are_replaced(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    plain = made(engine, toolchain, tmp_path)
    with treestore.making(engine, toolchain) as (box, target):
        treestore.copy(box, plain, target)
        shared = box.run(["sh", "-c", f"stat -c %i {target}/* {treestore.FOLDER}/{treestore.key('x:1')}/*"])
        numbers = shared.stdout.split()
        assert numbers[:2] == numbers[2:]
        box.run(["sh", "-ec", f"rm {target}/Kconfig; echo other > {target}/Kconfig"], user=treestore.OWNER)
        tree = Tree(variant="v", image=toolchain, digest="x:2", origin="o")
        other = treestore.keep(engine, box, target, tree, tmp_path)
    assert inside(engine, plain, "cat Kconfig") == "config HYPERV\n"
    assert inside(engine, other, "cat Kconfig Makefile") == "other\nall:\n"


def test_a_tree_that_is_gone_cannot_be_copied(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    plain = made(engine, toolchain, tmp_path)
    look(engine, toolchain, "rm -rf *")
    why = "cannot copy the tree made for x:1"
    with pytest.raises(HostError, match=why), treestore.making(engine, toolchain) as (box, target):
        treestore.copy(box, plain, target)
    assert look(engine, toolchain, "ls -A") == ""


def test_trees_that_no_note_names_are_removed(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    treestore.remove_unknown(engine, toolchain, tmp_path)
    assert engine.volume(treestore.VOLUME) is None
    kept = made(engine, toolchain, tmp_path)
    made(engine, toolchain, tmp_path / "other", digest="x:2")
    treestore.remove_unknown(engine, toolchain, tmp_path)
    assert look(engine, toolchain, "ls -A").split() == [treestore.key("x:1")]
    assert known(engine, toolchain, tmp_path) == kept


def test_trees_that_another_run_uses_or_makes_are_left(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    tree = made(engine, toolchain, tmp_path / "other")
    with engine.container(toolchain, volumes=treestore.mounted(tree)) as box:
        with treestore.making(engine, toolchain) as (_, target):
            treestore.remove_unknown(engine, toolchain, tmp_path)
            assert set(look(engine, toolchain, "ls -A").split()) == {treestore.key("x:1"), target.rpartition("/")[2]}
        treestore.remove_unknown(engine, toolchain, tmp_path)
        assert box.run(["cat", "/src/Kconfig"]).stdout == "config HYPERV\n"
    look(engine, toolchain, "mkdir .new-left")
    treestore.remove_unknown(engine, toolchain, tmp_path)
    assert look(engine, toolchain, "ls -A") == ""


def test_a_tree_that_is_gone_is_missed_also_where_the_engines_folders_cannot_be_seen(
    engine: Engine, toolchain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    tree = made(engine, toolchain, tmp_path)
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    looks, real = itertools.count(), engine.container
    monkeypatch.setattr(engine, "container", lambda *words, **more: (next(looks), real(*words, **more))[1])
    for _ in range(2):
        assert treestore.known(engine, toolchain, "v", tree.digest, tmp_path)
    assert next(looks) == 1
    with engine.container(toolchain, volumes={treestore.VOLUME: {"bind": treestore.FOLDER, "mode": "rw"}}) as box:
        gone = f"{treestore.FOLDER}/{treestore.key(tree.digest)}"
        assert not box.run(["rm", "-rf", gone], user=treestore.OWNER).exit_status
    treestore._seen.clear()
    assert treestore.known(engine, toolchain, "v", tree.digest, tmp_path) is None
