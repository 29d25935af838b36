"""What a run will need, and that it is refused when it does not fit."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import asking, atomic, enginedisk, host, images, leases, room, space, treestore
from pipeline.engine import Volume
from pipeline.errors import HostError
from pipeline.items import CCACHE, GIB, IMAGE, KERNEL, MIB, OBJECTS, Item, identity
from pipeline.model import DebianSource, DirectorySource
from pipeline.values import Tree
from tests import fakematrix

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.record import State

IMAGES = [Item(kind=IMAGE, name=tag, bytes=100 * MIB, used=1, fixed=True) for tag in images.current()]


def item(kind: str, size: int, used: float = 1, name: str = "one", *, fixed: bool = False) -> Item:
    return Item(kind=kind, name=name, bytes=size, used=used, fixed=fixed)


def disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(host, "free_bytes", lambda _: free)


def test_nothing_to_do_needs_little() -> None:
    need = room.needed(room.Work(), IMAGES)
    assert need.engine == 0
    assert need.cache == room.NOTES


def test_images_are_needed_the_first_time() -> None:
    assert 1.2 * GIB < room.needed(room.Work(), []).engine < 1.6 * GIB


def test_what_is_not_known_is_what_was_measured() -> None:
    need = room.needed(room.Work(plain=1, patched=2, kernels=10, boots=3), IMAGES)
    assert need.engine == 1800 * MIB + 2 * 50 * MIB + 10 * (120 + 60) * MIB
    assert need.cache == 10 * 8 * MIB + 3 * 2 * MIB + room.NOTES


def test_what_is_kept_says_what_the_next_one_takes() -> None:
    first = replace(item(OBJECTS, 40 * MIB), on=(identity(IMAGE, images.toolchain_tag("gcc")),))
    others = [replace(item(OBJECTS, size), on=(first.id,)) for size in (50 * MIB, 3 * GIB)]  # the last of a full config
    kept = [first, *others, item(KERNEL, 4 * MIB), item(CCACHE, 10 * MIB)]
    need = room.needed(room.Work(kernels=2), [*IMAGES, *kept])
    assert need.engine == 2 * (50 + 10) * MIB
    assert need.cache == 2 * 4 * MIB + room.NOTES


def test_object_trees_of_an_older_toolchain_say_nothing_of_the_next() -> None:
    """Where that image has lost its name, its bytes are counted with each of them."""
    base = next(tag for tag in images.current() if "/base:" in tag)
    old = [replace(item(OBJECTS, 603 * MIB), on=(identity(IMAGE, base),)) for _ in range(5)]
    need = room.needed(room.Work(kernels=60), [*IMAGES, *old])
    assert need.engine == 60 * (120 + 60) * MIB


def test_a_run_that_fits_is_let_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, 5 * GIB)
    need = room.Needed(engine=3 * GIB, cache=GIB)
    room.fits(need, [], room.places(tmp_path, tmp_path), 4 * GIB, None)


def test_a_full_disk_is_told_with_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, 5 * GIB)
    need, where = room.Needed(engine=9 * GIB, cache=GIB), room.places(tmp_path, tmp_path)
    with pytest.raises(HostError, match=r"no disk space: .* has 5.0 GiB free, 11.0 GiB are needed") as caught:
        room.fits(need, [item(OBJECTS, 2 * GIB)], where, 99 * GIB, None)
    assert caught.value.details == "2.0 GiB more could be freed (1 object tree)"
    room.fits(need, [item(OBJECTS, 6 * GIB)], where, 99 * GIB, None)


@pytest.mark.parametrize("used", [item(OBJECTS, 6 * GIB, fixed=True), item(OBJECTS, 6 * GIB, used=7)])
def test_what_is_in_use_cannot_be_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: Item) -> None:
    disk(monkeypatch, 5 * GIB)
    need, where = room.Needed(engine=9 * GIB, cache=GIB), room.places(tmp_path, tmp_path)
    with pytest.raises(HostError, match="no disk space"):
        room.fits(need, [used], where, 99 * GIB, 7)


def test_a_cap_that_is_too_low_is_told_with_one_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, 99 * GIB)
    need, where = room.Needed(engine=3 * GIB, cache=GIB), room.places(tmp_path, tmp_path)
    found = [item(IMAGE, GIB, fixed=True), item(OBJECTS, 9 * GIB)]
    with pytest.raises(HostError, match=r"the cap of 4\.0 GiB is too low: 4\.0 GiB are needed, and 1\.0") as caught:
        room.fits(need, found, where, 4 * GIB, None)
    assert "HVMATRIX_DISK=5" in caught.value.hint
    room.fits(need, found, where, 5 * GIB, None)


def test_the_row_of_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, 5 * GIB)
    monkeypatch.setenv("HVMATRIX_DISK", "7")
    monkeypatch.setattr(room, "needed", lambda *_: room.Needed(engine=2 * GIB, cache=GIB))
    monkeypatch.setattr(space, "cap", lambda _: 7 * GIB)
    expected = "disk: at most about 3.0 GiB needed, 5.0 GiB free, cap 7.0 GiB (HVMATRIX_DISK), 0.0 GiB in use"
    assert room.row(tmp_path, room.Work(), at_most=True) == expected


class FakeEngine:
    """An engine in which a folder of a volume is mounted by its path."""

    def __init__(self, *mounts: str) -> None:
        self.found = set(mounts)

    def volume(self, _: str) -> Volume:
        return Volume(folder="/e/volumes/t/_data", identity="i")

    def mounts(self) -> set[str]:
        return self.found


@pytest.mark.parametrize("mount", ["/e/volumes/t/_data", "/e/volumes/t/_data/tree"])
def test_a_volume_of_which_a_folder_is_mounted_is_not_removed(mount: str) -> None:
    assert not enginedisk.remove_volume(FakeEngine(mount), "t")  # type: ignore[arg-type] # it is not asked for more
    with pytest.raises(AttributeError, match="client"):
        enginedisk.remove_volume(FakeEngine("/e/volumes/t/_data2"), "t")  # type: ignore[arg-type] # the same


def states(folder: Path, patches: list[Path]) -> list[State]:
    (folder / "linux").mkdir()
    asked = asking.load(fakematrix.write(folder, folder / "linux", patches))
    return asking.states(asked, asked.cells)


def test_trees_that_are_missing(tmp_path: Path) -> None:
    cache, patch = tmp_path / "cache", tmp_path / "a.patch"
    patch.write_text("")
    cells = states(tmp_path, [patch])
    assert room.work(cells, cache, kernels=4, boots=5) == room.Work(plain=1, patched=1, kernels=4, boots=5)
    note = {"origin": f"{tmp_path / 'linux'} (directory, sha256 1)"}
    atomic.write_note(treestore.memo(cache, "earlier"), note)
    assert room.work(cells, cache) == room.Work(plain=0, patched=2)
    plain = Tree(variant="v", image="i", digest="dir:1", origin="o")
    for state in cells:
        state.tree = replace(plain, digest="patched:1", plain=plain)
    atomic.write_note(treestore.memo(cache, treestore.key("dir:1")), note)
    assert room.work(cells, cache) == room.Work(patched=1)
    atomic.write_note(treestore.memo(cache, treestore.key("patched:1")), note)
    assert room.work(cells, cache) == room.Work()


def test_a_tree_of_a_package_is_no_copy_of_an_earlier_one(tmp_path: Path) -> None:
    atomic.write_note(treestore.memo(tmp_path, "x"), {"origin": "p 1 (s)"})
    assert not room._copied(DebianSource(name="s", suite="s", package="p"), tmp_path)
    assert not room._copied(DirectorySource(name="d", path=tmp_path), tmp_path)


def test_what_a_run_is_going_to_use_is_noted(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = treestore.memo(cache, treestore.key("deb:1"))
    atomic.write_note(path, {})
    cells = states(tmp_path, [])
    for state in cells:
        state.tree = Tree(variant="v", image="i", digest="deb:1", origin="o")
    time.sleep(0.02)
    with leases.held(cache):
        room.use(cells, cache)
        assert leases.take(cache, path) is None
    assert leases.take(cache, path) is not None
