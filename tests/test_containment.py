"""A malicious tree: what it tries is held, and what it leaves harms nobody. docs/threat-model.md lists all of it."""

from __future__ import annotations

import re
import shutil
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import archive, images, run
from pipeline.container import OUTPUT_LIMIT, Limits
from pipeline.errors import HostError
from tests import fakematrix

if TYPE_CHECKING:
    from pipeline.engine import Engine

pytestmark = pytest.mark.docker
ATTACK = Path(__file__).resolve().parent / "malice" / "attack"
TRIED = 42
MIB = 2**20


def log(folder: Path, name: str) -> str:
    (record,) = fakematrix.records(folder)
    return (folder / "results" / "latest" / "cells" / str(record["cell"]) / name).read_text()


def tried(text: str) -> dict[str, str]:
    return dict(re.findall(r"ATTACK (.*): (held|ESCAPED)$", text, re.MULTILINE))


@pytest.mark.usefixtures("engine", "trees")
def test_what_a_tree_runs_is_held(tmp_path: Path, faketree: Path) -> None:
    shutil.copy(ATTACK, faketree / "attack")
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    argv = f"python3 $(srctree)attack {secret} {tmp_path} /root/.cache"
    makefile = faketree / "Makefile"
    text = makefile.read_text().replace("\t@$(CONF) $@\n", f"\t@$(CONF) $@\n\t@{argv} >&2\n", 1)
    makefile.write_text(text.replace("\t@sh ./probe || exit 1", f"\t@{argv}; exit 1"))
    # conf runs what a Kconfig file says as it reads it
    (faketree / "Kconfig").write_text(f'x := $(shell,{argv.replace("$(srctree)", "/src/")} >&2)\n' + (
        faketree / "Kconfig"
    ).read_text())
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path)) == 1
    for name in ("resolve.log", "build.log"):
        found = tried(log(tmp_path, name))
        assert {one for one, end in found.items() if end != "held"} == set(), name
        assert len(found) == TRIED, name
    assert log(tmp_path, "resolve.log").count("ATTACK be root: held") >= 2  # by make, and by conf's $(shell)
    assert secret.read_text() == "of the host"


LEFT = {
    "symlink": ("ln -s /etc/passwd arch/x86/boot/bzImage", 1, "not a Linux kernel"),
    "hardlink": ("touch a; ln a arch/x86/boot/bzImage", 1, "not a Linux kernel"),
    "directory": ("mkdir arch/x86/boot/bzImage", 1, "arch/x86/boot/bzImage"),
    "pipe": ("mkfifo arch/x86/boot/bzImage", 1, "arch/x86/boot/bzImage is no file"),
    "endless": ("ln -s /dev/zero arch/x86/boot/bzImage", 1, "arch/x86/boot/bzImage is no file"),
    "huge": ("truncate -s 600M arch/x86/boot/bzImage", 69, "is larger than"),
}


@pytest.mark.usefixtures("engine", "trees")
@pytest.mark.parametrize("kind", LEFT)
def test_an_artifact_of_another_kind(tmp_path: Path, faketree: Path, kind: str) -> None:
    left, status, why = LEFT[kind]
    made = "bzImage:\n\t@cd $(O) && mkdir -p arch/x86/boot include/config && echo 1 > include/config/kernel.release\n"
    made += f"\t@cd $(O) && touch System.map vmlinux && {left}\nmodules:\n\t@true\n"
    makefile = faketree / "Makefile"
    makefile.write_text(makefile.read_text().split("bzImage:")[0] + made)
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path)) == status
    (record,) = fakematrix.records(tmp_path)
    assert why in record["reason"]
    assert record["outcome"] in {"contradiction", "unknown"}
    kernels = tmp_path / "cache" / "kernels"
    assert not [path for path in kernels.rglob("*") if path.is_symlink() or path.stat().st_size > 64 * MIB]


def test_links_devices_and_pipes_stay_in_a_container(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    leave = (
        "mkdir -p /build/out/d && cd /build/out && ln -s /etc/passwd s && ln -s / root && mkfifo p && echo a > f"
        " && ln f d/h && ln -s ../../../../../../tmp d/up"
    )
    with engine.container(toolchain) as box:
        assert box.run(["sh", "-c", leave]).exit_status == 0
        archive.save(box.get("/build/out", MIB), tmp_path / "kept")
        (tmp_path / "secret").write_text("of the host")
        assert box.run(["sh", "-c", f"rm -r /build/out && ln -s {tmp_path} /build/out"]).exit_status == 0
        held: dict[str, bytes] = {}
        with suppress(HostError):  # there is no such folder in the container
            held = box.get("/build/out", 64 * MIB)
    kept = {path.name for path in (tmp_path / "kept").rglob("*") if not path.is_dir()}
    assert kept in ({"f"}, {"h"})  # whichever of the two names the engine's tar has first is the file
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert b"of the host" not in b"".join(held.values())


def test_endless_output_fills_neither_memory_nor_disk(engine: Engine, toolchain: str) -> None:
    with engine.container(toolchain) as box:
        tracemalloc.start()
        try:
            done = box.run(["sh", "-c", "yes 'a long line of a hostile tree' | head -c 300000000"])
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert done.exit_status == 0
    assert OUTPUT_LIMIT <= len(done.stdout) < OUTPUT_LIMIT + MIB
    assert OUTPUT_LIMIT <= most < 4 * OUTPUT_LIMIT
    logs = engine.client.containers.client.api.info()["DockerRootDir"]
    assert not list(Path(logs).glob(f"containers/{box.inner.id}/*-json.log*"))


def test_memory_without_end_is_our_error(engine: Engine, toolchain: str) -> None:
    with (
        engine.container(toolchain, limits=Limits(memory=64, seconds=60)) as box,
        pytest.raises(HostError, match="was killed in its container"),
    ):
        box.run(["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))"], seconds=30)


STARTED = {
    "alone": (
        'printf "%s\\n" qemu-system-x86_64 -machine none -nodefaults -display none -S -serial null > argv;'
        " boot-alone 60 64 &"
    ),
    "middle machine": (
        '. /opt/middle-machine; truncate -s 1M job; truncate -s "$EVIDENCE" evidence;'
        " middle 256 job evidence -S -serial null -chardev null,id=host &"
    ),
}
FILTERS = """sed -n 's/^Seccomp_filters:.//p' /proc/self/status; sleep 10
for p in /proc/[0-9]*; do case $(cat $p/comm) in qemu*) sed -n 's/^Seccomp_filters:.//p' $p/status;; esac; done
kill %1 2> /dev/null; true"""


@pytest.mark.parametrize("how", STARTED)
def test_qemu_runs_in_its_own_sandbox_too(engine: Engine, how: str) -> None:
    with engine.container(images.host(engine, lambda _: None)) as box:
        done = box.run(["bash", "-c", f"cd /job; {STARTED[how]} {FILTERS}"], seconds=60)
    shell, qemu, *_ = done.stdout.split()
    assert int(qemu) == int(shell) + 1, done.log
