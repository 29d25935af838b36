from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import atomic, build, kconfig
from pipeline.container import Completed
from pipeline.errors import HostError
from pipeline.values import Tree

if TYPE_CHECKING:
    from pathlib import Path

TREE = Tree(variant="v6.12", image="localhost/hvmatrix/tree:x", digest="d" * 64, origin="made up")
CONFIG = 'CONFIG_HYPERV=m\nCONFIG_NR_CPUS=64\nCONFIG_LOCALVERSION=""\n# CONFIG_LOCALVERSION_AUTO is not set\n'
KERNEL = build.kernel(TREE, "gcc 14", CONFIG)
LINKING = "make[2]: *** [scripts/Makefile.build:229: drivers/hv/x.o] Error 1\n"


def failed(log: str, status: int = 2) -> Completed:
    return Completed(exit_status=status, stdout=log, stderr="", seconds=1.0)


def test_same_inputs_same_key() -> None:
    assert build.kernel(TREE, "gcc 14", CONFIG) == KERNEL
    assert len(KERNEL.key) == 64


@pytest.mark.parametrize("tree", [replace(TREE, variant="x"), replace(TREE, image="y"), replace(TREE, origin="z")])
def test_names_are_not_part_of_the_key(tree: Tree) -> None:
    assert build.kernel(tree, "gcc 14", CONFIG).key == KERNEL.key


def test_order_and_comments_are_not_part_of_the_key() -> None:
    lines = CONFIG.splitlines()
    assert build.kernel(TREE, "gcc 14", "\n".join(["# comment", *reversed(lines), ""])).key == KERNEL.key


def test_of_a_folder_the_order_is_part_of_the_key() -> None:
    """Its Kconfig files are not: they give the .config its order, which a kernel can carry (IKCONFIG)."""
    one, other = (replace(TREE, digest=digest, code="c", owner="/home/me/linux") for digest in "12")
    turned = "\n".join([*reversed(CONFIG.splitlines()), ""])
    assert build.kernel(one, "gcc 14", CONFIG).key == build.kernel(other, "gcc 14", CONFIG).key
    assert build.kernel(one, "gcc 14", CONFIG).key != build.kernel(other, "gcc 14", turned).key


def test_the_tree_is_part_of_the_key() -> None:
    assert build.kernel(replace(TREE, digest="e" * 64), "gcc 14", CONFIG).key != KERNEL.key


def test_the_toolchain_is_part_of_the_key() -> None:
    assert build.kernel(TREE, "gcc 15", CONFIG).key != KERNEL.key


@pytest.mark.parametrize(("old", "new"), [
    ("HYPERV=m", "HYPERV=y"), ("64", "65"), ("CONFIG_HYPERV=m\n", ""),
    ("CONFIG_HYPERV=m\n", "# CONFIG_HYPERV is not set\n"),
    ("CONFIG_HYPERV=m", "CONFIG_HYPERV=m\nCONFIG_NEW=y"), ("CONFIG_NR_CPUS", "CONFIG_NR_CPU"),
])  # fmt: skip
def test_every_option_is_part_of_the_key(old: str, new: str) -> None:
    assert old in CONFIG
    assert build.kernel(TREE, "gcc 14", CONFIG.replace(old, new)).key != KERNEL.key


@pytest.mark.parametrize("text", [
    CONFIG.replace('LOCALVERSION=""', 'LOCALVERSION="-mine"'), CONFIG.replace('CONFIG_LOCALVERSION=""\n', ""),
    CONFIG.replace("# CONFIG_LOCALVERSION_AUTO is not set", "CONFIG_LOCALVERSION_AUTO=y"),
])  # fmt: skip
def test_the_suffix_is_not_part_of_the_key(text: str) -> None:
    assert build.kernel(TREE, "gcc 14", text).key == KERNEL.key


def test_what_is_made_is_part_of_the_key() -> None:
    """A kernel without its other modules is not found where all of them are asked for."""
    few = build.kernel(TREE, "gcc 14", CONFIG, goals=("bzImage", "drivers/hv/hv_vmbus.ko"))
    assert few.key != KERNEL.key
    assert few.key != build.kernel(TREE, "gcc 14", CONFIG, goals=("bzImage",)).key


def test_the_config_that_is_built_carries_the_suffix() -> None:
    found = kconfig.values(build.config_of(KERNEL))
    assert found == {**kconfig.values(CONFIG), "LOCALVERSION": f'"-{KERNEL.key[:12]}"'}


def kept(cache: Path) -> Path:
    folder = cache / "kernels" / KERNEL.key
    files = {"bzImage": "kernel", "modules/hv_vmbus.ko": "module"}
    for name, text in files.items():
        atomic.write(folder / name, text)
    digests = {name: build._digest(folder / name) for name in files}
    atomic.write_json(folder / "build.json", {"seconds": 12.5, "start": "", "compiled": 3, "files": digests})
    return folder


def test_a_whole_build_is_known(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    found = build.known(KERNEL, tmp_path)
    assert found is not None
    assert (found.folder, found.ok, found.seconds, found.reused) == (folder, True, 12.5, True)
    assert build.known(replace(KERNEL, key="0" * 64), tmp_path) is None


@pytest.mark.parametrize("name", ["bzImage", "modules/hv_vmbus.ko"])
def test_a_damaged_build_is_not_known(tmp_path: Path, name: str) -> None:
    path = kept(tmp_path) / name
    path.write_text(path.read_text()[:-1])
    assert build.known(KERNEL, tmp_path) is None
    path.unlink()
    assert build.known(KERNEL, tmp_path) is None


@pytest.mark.parametrize("note", [
    None, {}, [], 7, {"seconds": 1}, {"files": {}}, {"seconds": "x", "files": {}}, {"seconds": 1, "files": []},
])  # fmt: skip
def test_a_build_with_a_damaged_note_is_not_known(tmp_path: Path, note: object) -> None:
    path = kept(tmp_path) / "build.json"
    path.write_text(json.dumps(note))
    assert build.known(KERNEL, tmp_path) is None
    path.unlink()
    assert build.known(KERNEL, tmp_path) is None


@pytest.mark.parametrize("line", [
    "drivers/hv/x.c:12:3: error: 'y' undeclared", "x.c:1:10: fatal error: y.h: No such file or directory",
    "ld: hv.o: in function `a': undefined reference to `b'", 'ERROR: modpost: "hv_x" [drivers/hv/y.ko] undefined!',
    "make[1]: *** No rule to make target 'x', needed by 'y'.  Stop.",
])  # fmt: skip
def test_the_first_real_error_is_the_reason(line: str) -> None:
    log = f"  CC      drivers/hv/x.o\nx.c:3:1: warning: unused\n{LINKING}{line}\nx.c:99:1: error: later\n{LINKING}"
    assert build._why(failed(log)) == f"does not compile: {line}"


def test_without_an_error_the_last_line_is_the_reason() -> None:
    assert build._why(failed("one\ncp: cannot stat 'out'\n")) == "does not compile: cp: cannot stat 'out'"
    assert build._why(failed("")) == "does not compile: exit 2"


@pytest.mark.parametrize(
    "log",
    [
        "x.c:1:1: error: y\n/bin/sh: 1: pkg-config: not found\nmake: *** [Makefile:1: x.o] Error 1\n",
        "/bin/sh: 1: scripts/mine: not found\nx.c:1:1: error: y\nmake: *** [Makefile:1: x.o] Error 127\n",
    ],
)
def test_a_tool_that_nothing_failed_for_and_a_script_of_the_tree_are_no_excuse(log: str) -> None:
    assert build._why(failed(log)) == "does not compile: x.c:1:1: error: y"


def test_a_random_key_is_left_out_of_a_kernel_and_anybodys_own_is_not() -> None:
    signed = CONFIG + 'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_KEY="{}"\n'
    made = build.kernel(TREE, "g", signed.format("certs/signing_key.pem"))
    assert kconfig.values(made.config)["MODULE_SIG_KEY"] == '""'
    kept = build.kernel(TREE, "g", signed.format("pkcs11:mine"))
    assert kconfig.values(kept.config)["MODULE_SIG_KEY"] == '"pkcs11:mine"'
    assert "MODULE_SIG_KEY" not in kconfig.values(build.kernel(TREE, "g", CONFIG).config)


@pytest.mark.parametrize(("log", "status", "why"), [
    ("x.c:1:1: error: y\ncc1: No space left on device\n", 2, "the disk is full"),
    ("gcc: fatal error: Killed signal terminated program cc1\n", 2, "killed"),
    ("  CC      x.o\n", 137, "killed"),
    ("/bin/sh: 1: lz4: not found\nmake[3]: *** [a/Makefile:1: x.lz4] Error 127\nmake: *** [Makefile:1: a] Error 2\n",
     2, "lacks a tool"),
    ("BTF: .tmp_vmlinux.btf: pahole (pahole) is not available\nmake: *** [Makefile:1: vmlinux] Error 1\n", 2, "lacks"),
    ("  CC      x.o\n", 124, "killed"),
])  # fmt: skip
def test_a_host_without_disk_memory_or_time_is_not_the_kernels_fault(log: str, status: int, why: str) -> None:
    with pytest.raises(HostError, match=why) as caught:
        build._why(failed(log, status))
    assert caught.value.hint


def test_the_kconfig_of_a_folder_is_not_part_of_the_key() -> None:
    """What its Kconfig files say is all in the .config; a patched tree of strangers keeps its kernels to itself."""
    mine = replace(TREE, digest="dir:1", code="dir:c", owner="/home/me/linux")
    assert build.kernel(mine, "gcc 14", CONFIG).key == build.kernel(replace(mine, digest="dir:2"), "gcc 14", CONFIG).key
    assert build.kernel(mine, "gcc 14", CONFIG).key != build.kernel(replace(mine, code="dir:d"), "gcc 14", CONFIG).key
    patched = replace(TREE, digest="patched:1", code="c")
    assert build.kernel(patched, "g", CONFIG).key != build.kernel(replace(patched, digest="patched:2"), "g", CONFIG).key


@pytest.mark.parametrize(
    ("status", "stderr", "said"),
    [
        (2, "head: error writing 'standard output': No space left on device", "the disk is full"),
        (2, "sh: 1: cannot create /build/.room: Read-only file system", "the disk is full or broken"),
        (2, "head: error writing 'standard output': Disk quota exceeded", "the disk is full or broken"),
        (2, "head: error writing 'standard output': Input/output error", "the disk is full or broken"),
        (75, "", "the clock was set back"),
    ],
)
def test_a_host_that_spoiled_a_build_without_a_word_is_found_out(status: int, stderr: str, said: str) -> None:
    """What dash's printf says of a full disk is `I/O error`, and a kernel that does not compile has said as much."""
    told = Completed(exit_status=1 if stderr else 0, stdout="", stderr=stderr, seconds=0)
    box: Any = SimpleNamespace(run=lambda *_, **__: told)
    with pytest.raises(HostError, match=said):
        build._check_host(box, status)
    well: Any = SimpleNamespace(run=lambda *_, **__: replace(told, exit_status=0, stderr=""))
    build._check_host(well, 2)


@pytest.mark.parametrize("line", [
    "fixdep: not all data was written to the output", "/bin/sh: 1: printf: printf: I/O error",
    "cc1: fatal error: x.o: No space left on device",
])  # fmt: skip
def test_who_cannot_write_is_no_fault_of_the_kernel(line: str) -> None:
    with pytest.raises(HostError, match="the disk is full"):
        build._why(failed(f"{line}\nmake[4]: *** [x.o] Error 1\nmake: *** [Makefile:1: all] Error 2\n"))


def test_a_kernel_that_speaks_of_io_errors_does_not_compile() -> None:
    assert build._why(failed('x.c:1:2: error: "I/O error"\n')).startswith("does not compile: x.c:1:2")
