"""Notes of the cache with anything in them: as if they had never been written, or a whole value of the right kinds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import atomic, boot, build, estimates, goalsource, objecttrees, resolve, slimming
from pipeline.values import Change, Kernel, Resolution, Slim, Tree
from tests.hostile import budget, within
from tests.test_hostile_records import VALUES, changed, places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHANGE = Change(symbol="A", asked="m", got="n", kind="type", cause="c", parents=("B",))
RESOLUTION = Resolution(
    old="CONFIG_A=m\n", final="CONFIG_A=y\n", commands=("make",), stdout="", stderr="", exit_status=0, seconds=1.0,
    changes=(CHANGE,), declared=("A",),
)  # fmt: skip
KERNEL = Kernel(
    key="k", tree=Tree(variant="v", image="i", digest="d", origin="o"), toolchain="t", config="CONFIG_A=y\n",
)  # fmt: skip
NOTES: dict[str, tuple[Any, Callable[[Path], object]]] = {
    "resolution": (asdict(RESOLUTION), resolve._known),
    "slim": (asdict(Slim(text="CONFIG_A=y\n", base="b", kept=("A",), dropped=("B=m",))), slimming._known),
    "goals": (["bzImage", "a/b.ko"], goalsource._known),
    "objects": (
        {"key": "k", "image": "i", "tree": "t", "owner": "", "toolchain": "c", "options": {"A": "y"}, "depth": 1},
        lambda path: objecttrees._read(path, {"k": "i"}),
    ),
    "timings": ({"pace": 2.0}, lambda path: estimates.rates(path.parent)),
}
FILES = {"timings": "timings.json"}
SEALED = {"resolution", "slim", "goals"}  # by a digest, which a flipped bit does not survive; a defect of ours would


def kinds(value: object, whole: object) -> None:
    """Every field of what was read is of the kind that it is in a whole one."""
    for field in getattr(type(whole), "__slots__", ()):
        assert isinstance(getattr(value, field), type(getattr(whole, field))), field


@budget(200)
@given(name=st.sampled_from(sorted(NOTES)), data=st.data())
@example(name="resolution", data=None)
def test_any_note_is_whole_or_was_never_written(
    tmp_path_factory: Any, name: str, data: st.DataObject | None,
) -> None:  # fmt: skip
    whole, read = NOTES[name]
    path = tmp_path_factory.getbasetemp() / FILES.get(name, f"{name}.json")
    put = atomic.write_note if name in SEALED else atomic.write_json
    put(path, whole)
    good = read(path)
    assert good
    new: Any = {**whole, "final": 5} if data is None else None
    if data:
        at = data.draw(st.sampled_from(list(places(json.loads(json.dumps(whole))))))
        new = changed(json.loads(json.dumps(whole)), at, data.draw(VALUES), gone=bool(at) and data.draw(st.booleans()))
    put(path, new)
    with within():
        found = read(path)
    if found is not None:
        kinds(found, good)


@budget(60)
@given(note=VALUES)
@example(note={"files": {}, "seconds": 1, "start": "", "compiled": 0})  # a kernel without a file was a whole one
def test_a_kernel_without_its_image_is_not_known(tmp_path_factory: Any, note: object) -> None:
    folder = tmp_path_factory.getbasetemp() / "kernels" / KERNEL.key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "build.json").write_text(json.dumps(note))
    assert build.known(KERNEL, folder.parent.parent) is None


@budget(60)
@given(note=VALUES)
def test_a_boot_with_any_note_is_not_known(tmp_path_factory: Any, note: object) -> None:
    folder = tmp_path_factory.getbasetemp() / "boot"
    folder.mkdir(exist_ok=True)
    for name in boot.FILES:
        (folder / name).write_bytes(b"")
    (folder / "boot.json").write_text(json.dumps(note))
    assert boot.known(folder) is None
