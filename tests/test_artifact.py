from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import artifact, build
from pipeline.errors import UserError
from pipeline.values import Build, Tree
from tests.test_kmod import module

if TYPE_CHECKING:
    from pathlib import Path

TREE = Tree(variant="v", image="localhost/hvmatrix/tree:x", digest="d" * 64, origin="made up")
M = """CONFIG_HYPERVISOR_GUEST=y
CONFIG_HYPERV=m
CONFIG_HYPERV_BALLOON=m
CONFIG_PCI_HYPERV=y
# CONFIG_HYPERV_NET is not set
"""
CORE, BUS, PLATFORM = (f"ffffffff8123456{n} T {name}\n" for n, name in enumerate(
    ("hv_common_init", "vmbus_connect", "ms_hyperv_init_platform"),
))  # fmt: skip
BOTH = ("hv_vmbus", "hv_balloon")
MAP = f"0000000000000000 D __per_cpu_start\n{PLATFORM}{CORE}ffffffff81000000 t vmbus_connect_other\n"


def bzimage(release: str) -> bytes:
    """The start of a bzImage: the magic word, and the pointer to the version string."""
    data = bytearray(b"MZ" + b"\0" * 0x800)
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x20E, 0x400)
    text = f"{release} (hvmatrix@hvmatrix) #1 SMP\0".encode()
    data[0x600 : 0x600 + len(text)] = text
    return bytes(data)


def built(folder: Path, text: str = M, system_map: str = MAP, names: tuple[str, ...] = BOTH) -> Build:
    kernel = build.kernel(TREE, "gcc", text)
    release = f"6.12.117{kernel.localversion}"
    (folder / "modules").mkdir(parents=True)
    for name in names:
        (folder / "modules" / f"{name}.ko").write_bytes(module(name, release=release))
    (folder / "bzImage").write_bytes(bzimage(release))
    (folder / "release").write_text(f"{release}\n")
    (folder / "System.map").write_text(system_map)
    (folder / ".config").write_text(build.config_of(kernel))
    return Build(kernel=kernel, folder=folder, ok=True, reason="", seconds=1.0, reused=False)


def test_release_of_a_bzimage(tmp_path: Path) -> None:
    (tmp_path / "bzImage").write_bytes(bzimage("6.12.117-abc"))
    assert artifact.release_of(tmp_path / "bzImage") == "6.12.117-abc"


def test_release_of_a_vmlinux(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(b"\x7fELF" + b"\0" * 64 + b"Linux version 7.3.4-1 (a@b) (gcc)\0%s version %s\0")
    assert artifact.release_of(tmp_path / "vmlinux") == "7.3.4-1"


NO_KERNELS = [
    ("empty", b""),
    ("junk", b"nothing of the kind" * 99),
    ("other elf", b"\x7fELF" + b"\0" * 999),
    ("elf that breaks off", b"\x7fELF\0\0\0Linux version 7.3"),
    ("banner without elf", b"Linux version 7.3.4 (a@b)\0"),
    ("cut after the magic word", bzimage("7.3.4")[:0x206]),
    ("cut before the version", bzimage("7.3.4")[:0x600]),
    ("cut within the version", bzimage("7.3.4-long")[:0x604]),
    ("no version", bzimage("7.3.4")[:0x20E] + b"\0\0" + bzimage("7.3.4")[0x210:]),
    ("empty version", bzimage("")),
]


@pytest.mark.parametrize("data", [case[1] for case in NO_KERNELS], ids=[case[0] for case in NO_KERNELS])
def test_no_kernel(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "image").write_bytes(data)
    with pytest.raises(UserError, match="image: not a Linux kernel"):
        artifact.release_of(tmp_path / "image")


@pytest.mark.parametrize(("name", "why"), [("missing", "No such file"), (".", "Is a directory")])
def test_no_file(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        artifact.release_of(tmp_path / name)


def test_a_build_that_is_as_it_should_be(tmp_path: Path) -> None:
    made = built(tmp_path / "build")
    found = artifact.check(made)
    assert found.problems == ()
    assert found.release == f"6.12.117{made.kernel.localversion}"
    assert set(found.modules) == {"hv_vmbus", "hv_balloon"}
    assert found.image == tmp_path / "build" / "bzImage"


SPLIT = "CONFIG_HYPERVISOR_GUEST=y\nCONFIG_HYPERV=y\nCONFIG_HYPERV_VMBUS=y\nCONFIG_HYPERV_BALLOON=y\n"


@pytest.mark.parametrize(("text", "system_map"), [
    (SPLIT, MAP + BUS),
    (SPLIT.replace("VMBUS=y", "VMBUS=n").replace("BALLOON=y", "BALLOON=n"), MAP),
    ("CONFIG_HYPERVISOR_GUEST=y\n# CONFIG_HYPERV is not set\n", PLATFORM),
    ("# CONFIG_HYPERVISOR_GUEST is not set\n", ""),
])  # fmt: skip
def test_other_builds_that_are_as_they_should_be(tmp_path: Path, text: str, system_map: str) -> None:
    assert artifact.check(built(tmp_path / "build", text, system_map, ("hid",))).problems == ()


@pytest.mark.parametrize(("text", "system_map", "problem"), [
    (M, PLATFORM, "System.map lacks hv_common_init"),
    (M, CORE, "System.map lacks ms_hyperv_init_platform"),
    (M, MAP + BUS, "System.map has vmbus_connect"),
    (M.replace("HYPERV=m", "HYPERV=y"), MAP, "System.map lacks vmbus_connect"),
    (M.replace("HYPERV=m", "HYPERV=n"), MAP, "System.map has hv_common_init"),
])  # fmt: skip
def test_symbols_that_contradict(tmp_path: Path, text: str, system_map: str, problem: str) -> None:
    names = BOTH if "HYPERV=m" in text else ("hv_balloon",)
    assert artifact.check(built(tmp_path / "build", text, system_map, names)).problems == (problem,)


@pytest.mark.parametrize(("names", "problem"), [
    (("hv_balloon",), "hv_vmbus.ko is missing"),
    (("hv_vmbus",), "hv_balloon.ko is missing"),
    (("hv_vmbus", "hv_balloon", "hv_netvsc"), "hv_netvsc.ko is there"),
    (("hv_vmbus", "hv_balloon", "pci-hyperv"), "pci-hyperv.ko is there"),
])  # fmt: skip
def test_modules_that_contradict(tmp_path: Path, names: tuple[str, ...], problem: str) -> None:
    assert artifact.check(built(tmp_path / "build", names=names)).problems == (problem,)


def test_a_bus_that_is_a_module_although_it_is_built_in(tmp_path: Path) -> None:
    made = built(tmp_path / "build", SPLIT, MAP + BUS, ("hv_vmbus",))
    assert artifact.check(made).problems == ("hv_vmbus.ko is there",)


def test_a_module_of_another_build(tmp_path: Path) -> None:
    made = built(tmp_path / "build")
    (made.folder / "modules" / "hv_balloon.ko").write_bytes(module("hv_balloon", release="6.12.1-other"))
    release = artifact.release_of(made.folder / "bzImage")
    assert artifact.check(made).problems == (f"hv_balloon.ko was built for 6.12.1-other, not for {release}",)


def test_a_choice_of_modules_lacks_none_that_another_needs(tmp_path: Path) -> None:
    made = built(tmp_path / "build")
    release = artifact.release_of(made.folder / "bzImage")
    (made.folder / "modules" / "hv_balloon.ko").write_bytes(module("hv_balloon", "hv-vmbus,drm", release=release))
    assert artifact.check(made).problems == ("hv_balloon.ko needs drm.ko, which is missing",)


def test_an_image_of_another_build(tmp_path: Path) -> None:
    made = built(tmp_path / "build")
    (made.folder / "bzImage").write_bytes(bzimage("6.12.117-other"))
    found = artifact.check(made).problems
    assert found[0].startswith("the image says 6.12.117-other, the build says 6.12.117-")
    assert found[1] == f"release 6.12.117-other does not end in {made.kernel.localversion}"


def test_a_whole_build_of_another_kernel(tmp_path: Path) -> None:
    made = built(tmp_path / "build")
    suffix = made.kernel.localversion
    other = replace(made, kernel=replace(made.kernel, key="0" * 64))
    assert artifact.check(other).problems == (f"release 6.12.117{suffix} does not end in -{'0' * 12}",)


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("CONFIG_PCI_HYPERV=y", "CONFIG_PCI_HYPERV=m", "PCI_HYPERV=m was built instead of y"),
    ("CONFIG_PCI_HYPERV=y\n", "", "PCI_HYPERV=- was built instead of y"),
    ("CONFIG_PCI_HYPERV=y", "CONFIG_PCI_HYPERV=y\nCONFIG_NEW=y", "NEW=y was built instead of -"),
    ("# CONFIG_HYPERV_NET is not set\n", "", "HYPERV_NET=- was built instead of n"),
])  # fmt: skip
def test_a_config_that_changed_while_it_was_built(tmp_path: Path, old: str, new: str, problem: str) -> None:
    made = built(tmp_path / "build")
    path = made.folder / ".config"
    path.write_text(path.read_text().replace(old, new))
    assert artifact.check(made).problems == (problem,)
