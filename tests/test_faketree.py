"""Whole runs over a tiny tree with a real Makefile, in real containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import run, showing
from pipeline.errors import UserError
from tests import fakematrix, repositories

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine", "trees")]
PATCHES = Path(__file__).resolve().parent / "patches"
GOOD = (PATCHES / "tristate.patch").read_text()
BREAKING = (PATCHES / "breaking.patch").read_text()


def test_a_kernel_that_does_not_compile(tmp_path: Path, faketree: Path) -> None:
    (faketree / "broken.c").touch()
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path)) == 1
    (record,) = fakematrix.records(tmp_path)
    assert (record["status"], record["outcome"], record["class"]) == ("FAIL", "unknown", "BUILD_FAILED")
    assert "kernel/fake.c:3:1: error: expected ';'" in record["reason"]
    assert "CC      kernel/fake.o" in (tmp_path / "results/latest/cells" / record["cell"] / "build.log").read_text()
    assert not list((tmp_path / "cache" / "kernels").glob("*"))


def test_what_a_tree_runs_is_contained(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path)) == 1
    (record,) = fakematrix.records(tmp_path)
    assert record["reason"].endswith("kernel/fake.c:9: error: contained")


def test_a_full_disk_is_our_error_and_no_verdict(tmp_path: Path, faketree: Path) -> None:
    (faketree / "fulldisk").touch()
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path)) == 69
    (record,) = fakematrix.records(tmp_path)
    assert (record["status"], record["outcome"]) == ("ERROR", "unknown")
    assert "the disk is full" in record["reason"]


def test_a_tree_without_conf_is_our_error(tmp_path: Path, faketree: Path) -> None:
    (faketree / "broken").touch()
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 69
    assert "no conf here" in fakematrix.records(tmp_path)[0]["error"]


def test_a_conf_that_writes_rubbish(tmp_path: Path, faketree: Path) -> None:
    makefile = faketree / "Makefile"
    makefile.write_text(makefile.read_text().replace("\t@$(CONF) $@", "\t@echo rubbish > $(O)/.config", 1))
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 69
    assert "do not give a .config" in fakematrix.records(tmp_path)[0]["error"]


def test_a_build_that_leaves_rubbish_contradicts(tmp_path: Path, faketree: Path) -> None:
    out = "arch/x86/boot include/config"
    rubbish = f"bzImage:\n\t@cd $(O) && mkdir -p {out} && echo no > arch/x86/boot/bzImage\n"
    rubbish += "\t@cd $(O) && touch System.map vmlinux include/config/kernel.release\n"
    makefile = faketree / "Makefile"
    makefile.write_text(makefile.read_text().split("bzImage:")[0] + rubbish + "modules:\n\t@true\n")
    fakematrix.write(tmp_path, faketree)
    assert run.run(fakematrix.options(tmp_path)) == 1
    (record,) = fakematrix.records(tmp_path)
    assert (record["outcome"], record["class"]) == ("contradiction", "ARTIFACT_DIFFERS")
    assert "not a Linux kernel" in record["reason"]
    assert run.run(fakematrix.options(tmp_path)) == 1
    assert fakematrix.records(tmp_path)[0]["reused"] == {"resolve": True, "build": True, "boot": False}
    assert run.run(fakematrix.options(tmp_path, fresh=True)) == 1
    assert fakematrix.records(tmp_path)[0]["reused"] == {"resolve": False, "build": False, "boot": False}


def test_a_refused_config(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree, config=fakematrix.OLD, policies="werror")
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 1
    (record,) = fakematrix.records(tmp_path)
    assert (record["outcome"], record["class"], record["loudness"]) == ("lost", "REFUSED", "refused")
    log = tmp_path / "results" / "latest" / "cells" / record["cell"] / "resolve.log"
    assert "KCONFIG_WERROR=1 make olddefconfig" in log.read_text()


def test_the_split_loses_m_and_says_why(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree, config=fakematrix.OLD)
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 1
    (record,) = fakematrix.records(tmp_path)
    assert (record["outcome"], record["loudness"], record["predicted"]) == ("lost", "warned", "detected")
    changes = {change["symbol"]: change for change in record["changes"]}
    assert changes["HYPERV"]["where"] == "drivers/hv/Kconfig:3"
    assert changes["HYPERV"]["warning"] == ".config:4:warning: symbol value 'm' invalid for HYPERV"
    assert changes["HYPERV"]["asked_at"] == f"{tmp_path}/old.config:4"
    assert changes["HYPERV_BALLOON"]["parents"] == ["HYPERV_VMBUS"]
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 1
    again = fakematrix.records(tmp_path)[0]
    assert again["reused"]["resolve"]
    assert {**again, "reused": 0, "seconds": 0} == {**record, "reused": 0, "seconds": 0}
    assert showing.judge(tmp_path / "results" / "latest") == 1


def test_patches_are_applied_in_order(tmp_path: Path, faketree: Path) -> None:
    (tmp_path / "1.patch").write_text(GOOD)
    (tmp_path / "2.patch").write_text(BREAKING)
    fakematrix.write(tmp_path, faketree, [tmp_path / "1.patch", tmp_path / "2.patch"])
    assert run.run(fakematrix.options(tmp_path)) == 1
    (record,) = fakematrix.records(tmp_path)
    assert "expected ';'" in record["reason"]
    assert record["source"].endswith("1.patch, 2.patch")
    assert not (faketree / "broken.c").exists()


def test_a_patch_that_does_not_apply_names_the_hunk(tmp_path: Path, faketree: Path) -> None:
    (tmp_path / "bad.patch").write_text(GOOD.replace('-\tbool "Microsoft', '-\tbool "Macrosoft'))
    fakematrix.write(tmp_path, faketree, [tmp_path / "bad.patch"])
    with pytest.raises(UserError) as caught:
        run.run(fakematrix.options(tmp_path))
    assert caught.value.exit_status == 2
    assert "drivers/hv/Kconfig:1" in caught.value.details
    assert "bad.patch does not apply" in caught.value.brief
    assert fakematrix.records(tmp_path)[0]["status"] == "ERROR"
    assert json.loads((tmp_path / "results/latest/run.json").read_text())["exit_status"] == 2


def test_a_commit_with_a_folder_of_patches(tmp_path: Path, faketree: Path) -> None:
    repositories.new(faketree)
    repositories.commit(faketree, "all", {})
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "1.patch").write_text(GOOD)
    source = f'{{git: {{url: "{faketree}", ref: main}}}}'
    fakematrix.write(tmp_path, faketree, [tmp_path / "patches"], source, config=fakematrix.OLD)
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 0
    (record,) = fakematrix.records(tmp_path)
    assert (record["outcome"], record["resolved"]["HYPERV"]) == ("kept", "m")
    sha = repositories.git(faketree, "rev-parse", "main")
    assert record["source"] == f"{faketree} main (commit {sha[:12]}) + 1.patch"


def test_a_tarball_that_is_another_ends_a_run_with_2(tmp_path: Path, faketree: Path) -> None:
    (tmp_path / "linux.tar").write_bytes(b"another")
    fakematrix.write(tmp_path, faketree, source=f"{{tarball: {{url: linux.tar, sha256: {'0f' * 32}}}}}")
    with pytest.raises(UserError, match="is not the file that was meant"):
        run.run(fakematrix.options(tmp_path, "resolve"))
    assert "is not the file that was meant" in fakematrix.records(tmp_path)[0]["error"]
    assert json.loads((tmp_path / "results/latest/run.json").read_text())["exit_status"] == 2


def test_a_slim_config_is_built_in_the_full_ones_stead(tmp_path: Path, faketree: Path) -> None:
    (faketree / "Kconfig").write_text((faketree / "Kconfig").read_text() + 'config HUGE\n\ttristate "a lot"\n')
    (faketree / "broken.c").touch()
    full = f"{fakematrix.CONFIG}CONFIG_HUGE=m\n"
    path = fakematrix.write(tmp_path, faketree, config=full)
    path.write_text(path.read_text().replace("{base: old.config}", "{base: old.config, slim: off.config}"))
    assert run.run(fakematrix.options(tmp_path)) == 1
    (record,) = fakematrix.records(tmp_path)
    home = tmp_path / "results/latest/cells" / record["cell"]
    assert "CONFIG_HUGE=m" in (home / "config.final").read_text()
    slim = (home / "config.slim").read_text().splitlines()
    assert {"CONFIG_HYPERV=y", "CONFIG_HYPERV_BALLOON=m", "# CONFIG_HUGE is not set"} <= set(slim)
    assert (home / "config.dropped").read_text() == "HUGE=m\n"
    assert "HYPERV_BALLOON" in record["slim"]["kept"]
    assert (record["required"], record["class"]) == ("bound", "BUILD_FAILED")


@pytest.mark.parametrize("path", ["../../../../etc/planted", "/etc/planted", ".git/hooks/planted"])
def test_a_patch_cannot_leave_the_tree(tmp_path: Path, faketree: Path, path: str) -> None:
    (tmp_path / "out.patch").write_text(BREAKING.replace("b/broken.c", f"b/{path}"))
    fakematrix.write(tmp_path, faketree, [tmp_path / "out.patch"])
    with pytest.raises(UserError, match="does not apply"):
        run.run(fakematrix.options(tmp_path, "resolve"))


def test_a_package_that_does_not_exist_lists_those_that_do(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree, source="{debian: {suite: trixie, package: linux-source-9.99}}")
    with pytest.raises(UserError) as caught:
        run.run(fakematrix.options(tmp_path, "resolve"))
    assert "no package linux-source-9.99 in trixie" in caught.value.brief
    assert "linux-source-6.12" in caught.value.details


def test_a_required_symbol_that_no_tree_has(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree, source="{debian: {suite: bookworm-nowhere, package: linux-source-*}}")
    assert run.run(fakematrix.options(tmp_path, "resolve")) == 69
    assert "cannot read the package lists" in fakematrix.records(tmp_path)[0]["error"]
