"""What a tree or a build may leave in its container: it takes neither this host's memory nor other cells' verdicts."""

from __future__ import annotations

import gzip
import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline import artifact, asking, build, hyperv, ikconfig, record, resolve, stages
from pipeline.errors import HostError, UserError
from pipeline.values import Kernel, Tree
from tests.answerrun import ROOT
from tests.hostile import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.stages import Bench

MIB = 2**20
TREE = Tree(variant="v", image="i", digest="dir:1", origin="a tree")
KERNEL = Kernel(key="k" * 64, tree=TREE, toolchain="t", config="CONFIG_A=y\n")


def test_a_refusal_that_leaves_rubbish_is_no_users_error() -> None:
    warning = ".config:1:warning: symbol value 'm' invalid for HYPERV\n"
    with pytest.raises(HostError, match="do not give a"):
        resolve._must_be_told("p", "rubbish\n", "", warning, 1)
    resolve._must_be_told("p", "", "", warning, 1)  # a policy that refuses may leave none
    resolve._must_be_told("p", "CONFIG_A=y\n", "", "", 0)


def test_a_system_map_of_any_length_takes_no_more_memory_than_itself() -> None:
    text = b"ab\n" * MIB + b"ffffffff81000000 T " + hyperv.CORE_SYMBOL.encode() + b"\n"
    tracemalloc.start()
    found = artifact._symbols(text, {})
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * MIB
    assert found == [f"System.map has {hyperv.CORE_SYMBOL}"]


def test_an_image_that_looks_like_a_configuration_in_many_places_is_read_in_time() -> None:
    one = b"IKCFG_ST" + gzip.compress(b"a\n" * 100_000)
    with within(), pytest.raises(UserError, match="IKCONFIG"):
        ikconfig.extract(b"\x7fELF" + bytes(1024) + one * 2000, "vmlinux")


class Box:
    """A container whose /build/out has some files."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def get(self, *_: object) -> dict[str, bytes]:
        return self.files

    def unharmed(self) -> None:
        """Nothing was killed."""


def kept(files: dict[str, bytes], cache: Path) -> Any:
    made = SimpleNamespace(log="made\n")
    note = {"seconds": 1.0, "start": "", "compiled": 1}
    return build._keep(cast("Any", Box(files)), KERNEL, cache, cast("Any", made), note)


def test_only_what_a_build_lays_out_leaves_its_container(tmp_path: Path) -> None:
    files = {"out/bzImage": b"1", "out/modules/a-b.ko": b"2", "out/System.map": b"3"}
    strange = {"out/modules/x.ko.xz": b"4", "out/a": b"5", "out/modules/deep/x.ko": b"6", "out/build.json": b"7"}
    found = kept({**files, **strange}, tmp_path)
    there = {str(path.relative_to(found.folder)) for path in found.folder.rglob("*") if path.is_file()}
    assert there == {"bzImage", "modules/a-b.ko", "System.map", "build.log", "build.json"}


def test_a_build_of_more_modules_than_any_kernel_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="20001 files"):
        kept({f"out/modules/m{number}.ko": b"" for number in range(20_001)}, tmp_path)
    assert not list(tmp_path.glob("kernels/*"))


def failing(error: Exception) -> Callable[[list[record.State]], None]:
    def do(_: list[record.State]) -> None:
        raise error

    return do


def guarded(error: Exception) -> record.State:
    state = record.State(cell=asking.load(ROOT / "matrix.yaml").cells[0], expectation=None)
    stages.guarded(cast("Bench", SimpleNamespace(keep=lambda _: None)), [state], failing(error))
    return state


@pytest.mark.parametrize("error", [KeyError("depends"), ValueError("x"), RecursionError(), FileNotFoundError("gone")])
def test_what_nothing_foresaw_is_the_error_of_its_cells_alone(
    error: Exception, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("HVMATRIX_TRACEBACK", raising=False)
    assert guarded(error).error.startswith(f"a defect of this program: {type(error).__name__}")
    monkeypatch.setenv("HVMATRIX_TRACEBACK", "1")
    with pytest.raises(type(error)):
        guarded(error)


def test_a_hosts_fault_is_told_as_it_is_and_wrong_input_ends_the_run() -> None:
    assert guarded(HostError("no disk", hint="free some")).error == "no disk\nnext: free some"
    with pytest.raises(UserError):
        guarded(UserError("no such patch"))
