"""The cap: what was used least recently goes first, and nothing that a run uses."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import atomic, inventory, leases, space
from pipeline.errors import UserError
from pipeline.items import GIB, KERNEL, NOTE, OBJECTS, TREE, Item, order, removable, told

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0


def item(name: str, used: float, *on: str, fixed: bool = False, size: int = 1) -> Item:
    return Item(kind=OBJECTS, name=name, bytes=size, used=used, on=tuple(f"{OBJECTS} {one}" for one in on), fixed=fixed)


def names(found: list[Item]) -> str:
    return "".join(one.name for one in found)


def test_least_recently_used_goes_first() -> None:
    assert names(order([item("c", 3), item("a", 1), item("b", 2)])) == "abc"


def test_what_others_stand_on_goes_after_them() -> None:
    assert names(order([item("a", 1), item("b", 5, "a"), item("c", 3)])) == "cba"
    assert names(order([item("a", 1), item("b", 1, "a"), item("c", 1, "b", "a"), item("d", 1, "c")])) == "dcba"


def test_a_note_in_a_circle_ends() -> None:
    assert set(names(order([item("a", 1, "b"), item("b", 2, "a"), item("c", 3, "c")]))) == set("abc")


def test_what_is_fixed_stays_with_all_that_it_stands_on() -> None:
    found = [item("a", 1), item("b", 2, "a"), item("c", 3, "b", fixed=True), item("d", 4)]
    assert names(removable(found, None)) == "d"


def test_what_was_used_since_a_run_began_stays_with_all_that_it_stands_on() -> None:
    found = [item("a", 1), item("b", 9, "a"), item("c", 3, "a"), item("d", 4)]
    assert names(removable(found, 9)) == "cd"
    assert names(removable(found, None)) == "cdba"


@given(st.lists(st.tuples(st.integers(0, 9), st.sets(st.integers(0, 8)), st.booleans()), max_size=9))
def test_nothing_is_removed_while_something_stands_on_it(drawn: list[tuple[int, set[int], bool]]) -> None:
    found = [
        item(str(number), used, *(str(below) for below in on if below < number), fixed=fixed)
        for number, (used, on, fixed) in enumerate(drawn)
    ]
    gone: set[str] = set()
    for one in removable(found, 8):
        assert not one.fixed
        assert one.used < 8
        gone.add(one.id)
        assert all(other.id in gone for other in found if one.id in other.on)


def test_kinds_are_told_in_words() -> None:
    ones = [item("a", 1), item("b", 1), Item(kind=KERNEL, name="k", bytes=1, used=1)]
    assert told(ones) == "2 object trees, 1 kernel"


@pytest.mark.parametrize("text", ["", "30", "0.5", "1e2"])
def test_the_cap_is_a_number_of_gib(tmp_path: Path, text: str) -> None:
    found = space.cap(tmp_path, {"HVMATRIX_DISK": text})
    assert found == (float(text) * GIB if text else min(30 * GIB, found))
    assert found > 0


@pytest.mark.parametrize("text", ["0", "-1", "much", "30G", "nan", "inf", "1e-12"])
def test_a_cap_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=f"HVMATRIX_DISK={text}: not a size") as caught:
        space.cap(tmp_path, {"HVMATRIX_DISK": text})
    assert "HVMATRIX_DISK=30" in caught.value.hint


def made(cache: Path, name: str, age: float, size: int = 10_000) -> Path:
    """A file or, for a kernel, a folder that was used so many hours ago."""
    path = cache / name
    file = path / "bzImage" if name.startswith("kernels") else path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    os.utime(path, (time.time() - age * HOUR,) * 2)
    return path


def test_what_is_in_files_is_listed_with_its_bytes_and_its_use(tmp_path: Path) -> None:
    made(tmp_path, "kernels/abc", 1, size=100_000)
    made(tmp_path, "kernels/.old-abc.12", 2)
    made(tmp_path, "resolutions/r.json", 3)
    made(tmp_path, "git/x.lock", 3)
    made(tmp_path, "trees/.lock", 3)
    made(tmp_path, "sources/s.json", 3)
    made(tmp_path, "timings.json", 3)
    found = {one.name: one for one in inventory.noted(tmp_path)}
    assert set(found) == {"kernels/abc", "kernels/.old-abc.12", "resolutions/r.json"}
    assert 100_000 <= found["kernels/abc"].bytes < 120_000
    assert found["kernels/abc"].used == pytest.approx(time.time() - HOUR, abs=60)
    assert found["resolutions/r.json"].kind == NOTE
    assert found["kernels/.old-abc.12"].kind == "left-over"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"items": [{"kind": 1}]}', '{"items": 3}', '{"trees": null}'])
def test_a_damaged_note_of_the_engine_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "space.json").write_text(text)
    assert inventory.noted(tmp_path) == []


def test_what_is_of_the_engine_is_remembered_but_for_what_is_gone(tmp_path: Path) -> None:
    tree = Item(kind=TREE, name="t", bytes=3, used=1.5, on=("a b",))
    text = '{"volume":"v","items":[{"kind":"kernel tree","name":"t","bytes":3,"used":1.5,"on":["a b"],"fixed":false}]}'
    atomic.write_note(tmp_path / "space.json", json.loads(text))
    assert inventory.noted(tmp_path) == [tree]
    inventory.forget(tmp_path, [item("t", 1)])
    assert inventory.noted(tmp_path) == [tree]
    inventory.forget(tmp_path, [tree])
    assert inventory.noted(tmp_path) == []
    assert '"volume":"v"' in (tmp_path / "space.json").read_text()


def test_a_size_with_one_bit_other_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "space.json"
    item_ = {"kind": "kernel tree", "name": "t", "bytes": 1897168896, "used": 1.5, "on": [], "fixed": False}
    atomic.write_note(path, {"volume": "v", "trees": {"t": 1897168896}, "items": [item_]})
    assert len(inventory.noted(tmp_path)) == 1
    path.write_text(path.read_text().replace("1897", "9897", 1))
    assert inventory.noted(tmp_path) == []


def test_what_killed_commands_left_half_written_is_swept_and_nothing_else(tmp_path: Path) -> None:
    with leases.held(tmp_path):
        made(tmp_path, "kernels/.abc.x1", 2)
        made(tmp_path, "kernels/abc", 2)
        made(tmp_path, "resolutions/.r.json.x2", 2)
        made(tmp_path, "trees/.lock", 2)
        made(tmp_path, ".timings.json.x3", 2)
        (tmp_path / "boots").mkdir()
        (tmp_path / "boots" / ".now").mkdir()  # of a command that runs
        inventory.sweep(tmp_path)
        hidden = {str(path.relative_to(tmp_path)) for path in (*tmp_path.glob(".*"), *tmp_path.glob("*/.*"))}
    assert hidden == {"boots/.now", "trees/.lock", "leases/.lock"}
    assert (tmp_path / "kernels" / "abc" / "bzImage").exists()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without an engine."""
    monkeypatch.setattr(inventory, "items", lambda _, cache, **__: inventory.noted(cache))
    return tmp_path


def trimmed(cache: Path, most: int, keep: tuple[str, ...] = (), *, own: bool = True) -> tuple[set[str], list[str]]:
    """The kernels that are left, and what was said."""
    said: list[str] = []
    space.trim(None, cache, most, keep=keep, say=said.append, own=own)  # type: ignore[arg-type] # files need no engine
    return {path.name for path in (cache / "kernels").iterdir()}, said


def test_the_cap_is_kept_by_removing_what_was_used_least_recently(files: Path) -> None:
    for age, name in enumerate("abcd"):
        made(files, f"kernels/{name}", age + 1, size=100_000)
    assert trimmed(files, 10**9) == (set("abcd"), [])
    left, said = trimmed(files, 250_000)
    assert left == set("ab")
    assert said == ["disk: removed 2 kernels, 0.00 GiB; 0.00 GiB are in use"]
    assert trimmed(files, 0)[0] == set()


def test_what_a_live_lease_protects_stays(files: Path) -> None:
    for name in "abc":
        made(files, f"kernels/{name}", 2)
    with leases.held(files):
        assert leases.used(files / "kernels" / "b")
        assert trimmed(files, 0)[0] == {"b"}
        made(files, "kernels/d", 3)
        assert trimmed(files, 0, keep=("d",))[0] == {"b", "d"}
        assert trimmed(files, 0, keep=("d",), own=False)[0] == {"d"}
    assert trimmed(files, 0)[0] == set()


def test_what_was_used_after_it_was_listed_stays(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(files, "kernels/a", 2)
    listed = inventory.noted(files)
    monkeypatch.setattr(inventory, "items", lambda *_, **__: listed)
    with leases.held(files):
        leases.used(folder)
        assert trimmed(files, 0)[0] == {"a"}
