"""What a folder must not bring along, and what a copy of it must not reach."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pipeline import localtree
from tests import localtrees
from tests.storelook import inside, look

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engine import Engine
    from tests.localtrees import Take


@pytest.mark.docker
def test_a_link_that_becomes_a_folder_takes_nothing_along(engine: Engine, tmp_path: Path, take: Take) -> None:
    folder = localtrees.small(tmp_path / "linux")
    (folder / "hv").symlink_to("drivers/hv")
    take(folder)
    (folder / "hv").unlink()
    shutil.copytree(folder / "drivers" / "hv", folder / "hv")
    assert inside(engine, take(folder), "cat drivers/hv/Kconfig hv/Kconfig") == "config HYPERV\n" * 2


@pytest.mark.docker
@pytest.mark.parametrize("there", ["/trees/{}", "../{}"])  # Docker lets the first one through
def test_another_tree_of_the_store_is_not_reached(
    engine: Engine, toolchain: str, tmp_path: Path, take: Take, there: str,
) -> None:  # fmt: skip
    """In the store all trees lie side by side, and their names can be computed."""
    other = take(localtrees.small(tmp_path / "other"))
    name = other.mount.rsplit("/", 1)[-1]
    folder = localtrees.small(tmp_path / "linux")
    (folder / "evil").symlink_to(there.format(name))
    take(folder)
    (folder / "evil").unlink()
    (folder / "evil").mkdir()
    (folder / "evil" / "run").write_text("mine\n")
    assert inside(engine, take(folder), "cat evil/run") == "mine\n"
    assert "run" in look(engine, toolchain, f"ls {name}").split()


def test_what_kbuild_made_beside_the_sources_is_passed_over(tmp_path: Path) -> None:
    """header.S takes "zoffset.h" from beside itself before it takes the one that is made of this kernel."""
    folder = localtrees.small(tmp_path / "linux")
    boot = folder / "arch" / "x86" / "boot"
    boot.mkdir(parents=True)
    (boot / "header.S").write_text('#include "zoffset.h"\n')
    others = [folder / name for name in ("security/selinux/av_permissions.h", "crypto/asymmetric_keys/x509.asn1.h")]
    for path in others:
        path.parent.mkdir(parents=True)
    before = [entry.path for entry in localtree._entries(folder, {})]
    (boot / "zoffset.h").write_text("#define ZO__end 1\n")
    assert "arch/x86/boot/zoffset.h" in [entry.path for entry in localtree._entries(folder, {})]  # anybody's own
    for path in others:
        path.write_text("made by plain $(call cmd,...)\n")
    (boot / ".zoffset.h.cmd").write_text("savedcmd_zoffset.h := nm\n")
    assert [entry.path for entry in localtree._entries(folder, {})] == before


@pytest.mark.parametrize(("link", "kept"), [
    ("../tags", False), ("drivers/../../tags", False), ("drivers/hv", True), ("/etc/hostname", True), ("nowhere", True),
    ("drivers/../Kconfig", True), ("..", False),
])  # fmt: skip
def test_a_link_that_leads_out_is_passed_over(tmp_path: Path, link: str, kept: bool) -> None:
    folder = localtrees.small(tmp_path / "linux")
    (folder / "mine").symlink_to(link)
    (folder / "drivers" / "mine").symlink_to(f"../{link}" if not link.startswith("/") else link)
    names = {entry.path for entry in localtree._entries(folder, {})}
    assert ("mine" in names, "drivers/mine" in names) == (kept, kept)
