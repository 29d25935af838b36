from __future__ import annotations

import gzip
import lzma
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import zstandard

from pipeline import hyperv, kmod
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELEASE = "6.12.117-0123456789ab"


def module(name: str, depends: str = "", release: str = RELEASE) -> bytes:
    """Bytes with the .modinfo of a module, as modpost writes it, amid other sections."""
    info = (
        "license=GPL", f"alias=vmbus:{'0' * 32}", f"depends={depends}", "retpoline=Y", "intree=Y", f"name={name}",
        f"vermagic={release} SMP preempt mod_unload ",
    )  # fmt: skip
    text = b"".join(f"{one}\0".encode() for one in info)
    return b"\x7fELF\x02\x01\x01" + b"\0" * 57 + b"text depends=nothing\0" + text + b"\0\0.symtab\0.strtab\0"


def folder(path: Path, depends: dict[str, str]) -> dict[str, Path]:
    for name, needed in depends.items():
        (path / f"{name}.ko").write_bytes(module(name, needed))
    return kmod.find(path)


def test_info() -> None:
    assert kmod.info(module("hv_balloon", "hv_vmbus")) == kmod.Info(("hv_vmbus",), RELEASE)
    assert kmod.info(module("x", "hid,hv-vmbus")).depends == ("hid", "hv_vmbus")
    assert kmod.info(module("x")).depends == ()
    assert kmod.info(b"\x7fELF nothing of the kind") == kmod.Info((), "")


@pytest.mark.parametrize(
    ("file", "name"),
    [("hid-hyperv.ko", "hid_hyperv"), ("hv_vmbus.ko.xz", "hv_vmbus"), ("pci-hyperv-intf.ko.gz", "pci_hyperv_intf")],
)
def test_names_have_underscores(tmp_path: Path, file: str, name: str) -> None:
    assert kmod.name_of(tmp_path / file) == name


def test_zstandard_and_its_damage(tmp_path: Path) -> None:
    path = tmp_path / "hv_vmbus.ko.zst"
    packed = zstandard.ZstdCompressor().compress(module("hv_vmbus"))
    path.write_bytes(packed)
    assert kmod.find(tmp_path) == {"hv_vmbus": path}
    assert kmod.load(path) == module("hv_vmbus")
    path.write_bytes(packed[:-8])
    with pytest.raises(UserError, match="cannot be decompressed"):
        kmod.load(path)


def test_find_looks_below_and_takes_modules_only(tmp_path: Path) -> None:
    deep = tmp_path / "kernel" / "drivers" / "hv"
    deep.mkdir(parents=True)
    (deep / "hv_vmbus.ko.xz").touch()
    (deep / "hv-balloon.ko").touch()
    for name in ("x.kof", "y.ko.sig", "modules.dep"):
        (deep / name).touch()
    (deep / "folder.ko").mkdir()
    found = kmod.find(tmp_path)
    assert found == {"hv_balloon": deep / "hv-balloon.ko", "hv_vmbus": deep / "hv_vmbus.ko.xz"}
    assert kmod.find(tmp_path / "nowhere") == {}


def test_load_unpacks(tmp_path: Path) -> None:
    data = module("hv_vmbus")
    for name, packed in (("a.ko", data), ("a.ko.xz", lzma.compress(data)), ("a.ko.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(packed)
        assert kmod.load(tmp_path / name) == data


DAMAGED = [
    ("a.ko.xz", lzma.compress(module("a"))[:-20]),
    ("a.ko.xz", b"\xfd7zXZ\0 and then nothing"),
    ("a.ko.xz", module("a")),
    ("a.ko.gz", gzip.compress(module("a"))[:-9]),
    ("a.ko.gz", gzip.compress(module("a"))[:12] + b"\xff" * 40),
    ("a.ko.gz", module("a")),
    ("a.ko", lzma.compress(module("a"))),
    ("a.ko", b""),
    ("a.ko.gz", gzip.compress(b"MZ")),
]


@pytest.mark.parametrize(("name", "data"), DAMAGED)
def test_damaged_modules_are_told_by_name(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=name):
        kmod.load(tmp_path / name)


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".gz": lambda data: gzip.compress(data, 1),
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("suffix", PACK)
def test_a_module_that_unpacks_to_too_much_is_refused_and_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(kmod, "SIZE_LIMIT", 2**20)
    path = tmp_path / f"a.ko{suffix}"
    path.write_bytes(PACK[suffix](kmod.ELF + bytes(64 * 2**20)))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="cannot be decompressed") as caught:
            kmod.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.details == f"{path.name}: unpacks to more than 1 MiB"
    assert peak < 32 * 2**20


@pytest.mark.parametrize("suffix", PACK)
def test_a_module_of_the_largest_size_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(kmod, "SIZE_LIMIT", 2**20)
    data = kmod.ELF.ljust(2**20, b"\0")
    (tmp_path / f"a.ko{suffix}").write_bytes(PACK[suffix](data))
    assert kmod.load(tmp_path / f"a.ko{suffix}") == data


def test_closure_has_each_after_what_it_depends_on(tmp_path: Path) -> None:
    found = folder(tmp_path, {
        "hv_vmbus": "", "hv_balloon": "hv_vmbus", "hid-hyperv": "hid,hv_vmbus", "hid": "", "hv_netvsc": "hv-vmbus",
    })  # fmt: skip
    order = list(kmod.closure(["hid-hyperv", "hv_balloon", "hv_storvsc"], found))
    assert order == ["hid", "hv_vmbus", "hid_hyperv", "hv_balloon"]
    assert next(iter(kmod.closure(hyperv.LOADED, found))) == "hv_vmbus"


def test_closure_goes_deep_and_names_each_once(tmp_path: Path) -> None:
    found = folder(tmp_path, {"a": "b,c", "b": "d", "c": "d", "d": ""})
    assert list(kmod.closure(["a", "d", "a"], found)) == ["d", "b", "c", "a"]


def test_closure_ends_on_a_cycle(tmp_path: Path) -> None:
    found = folder(tmp_path, {"a": "b", "b": "c", "c": "a", "self": "self"})
    assert sorted(kmod.closure(["a", "self"], found)) == ["a", "b", "c", "self"]


def test_closure_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    assert list(kmod.closure(["a"], folder(tmp_path, {"a": "missing"}))) == ["a"]
    assert kmod.closure(["a"], {}) == {}


def test_closure_does_not_hide_a_damaged_dependency(tmp_path: Path) -> None:
    found = folder(tmp_path, {"a": "b", "b": ""})
    found["b"].write_bytes(b"junk")
    with pytest.raises(UserError, match=r"b\.ko"):
        kmod.closure(["a"], found)


def test_a_chain_of_modules_has_an_end(tmp_path: Path) -> None:
    found = folder(tmp_path, {f"m{number}": f"m{number + 1}" for number in range(1200)})
    assert len(kmod.closure(["m0"], found)) <= kmod.DEEPEST + 1
