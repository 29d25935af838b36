"""`fix` from end to end on a tiny tree: the fragment that it prints, the file that it writes, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import asking, debian, fixing, mend, policy
from pipeline.errors import HostError, UserError
from tests import fakematrix

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.model import Cell, Matrix

LINES = ["CONFIG_HYPERV=y", "CONFIG_HYPERV_VMBUS=m"]


def fix(folder: Path, write: str = "", cells: str = "") -> int:
    options = fakematrix.options(folder, "resolve", cells=cells)
    return fixing.fix(asking.load(options.file), options, write)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("[")]


@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_the_fragment_is_printed_proven_and_written(
    tmp_path: Path, faketree: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    fakematrix.write(tmp_path, faketree, config=fakematrix.OLD)
    assert fix(tmp_path, str(tmp_path)) == 0
    lines = printed(capsys)
    assert [line for line in lines if not line.startswith("#")] == LINES
    assert lines[0].startswith(f"# For {tmp_path}/old.config on {faketree} (directory, ")
    assert any("merge_config.sh gives the same" in line for line in lines)
    written = (tmp_path / "hyperv-fix.config").read_text()
    assert [line for line in written.splitlines() if not line.startswith("#")] == LINES
    # laid over the old config, it is what is asked for
    fakematrix.write(tmp_path, faketree, config=fakematrix.OLD + "\n".join(LINES) + "\n")
    assert fix(tmp_path) == 0
    assert "# nothing is lost: no fragment is needed" in printed(capsys)


@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_what_no_line_restores_is_said_with_its_reason(
    tmp_path: Path, faketree: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    kconfig = faketree / "drivers" / "hv" / "Kconfig"
    kconfig.write_text(kconfig.read_text().replace("depends on HYPERV_VMBUS\n", "depends on HYPERV_VMBUS && !X86\n"))
    fakematrix.write(tmp_path, faketree)
    assert fix(tmp_path) == 1
    (line,) = [line for line in printed(capsys) if "not restored" in line]
    assert line.startswith("# not restored: HYPERV_BALLOON: ")
    assert "X86" in line


@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_a_policy_that_the_tree_does_not_have(tmp_path: Path, faketree: Path) -> None:
    (faketree / "scripts" / "kconfig" / "Makefile").write_text("")
    fakematrix.write(tmp_path, faketree, config=fakematrix.OLD, policies="w-c")
    with pytest.raises(UserError, match="has no KCONFIG_WARN"):
        fix(tmp_path)


@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_a_config_that_cannot_be_fetched_is_not_one_in_which_nothing_is_lost(
    tmp_path: Path, faketree: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = fakematrix.write(tmp_path, faketree)
    package = "{debian: {suite: trixie, package: linux-config-6.12, flavour: amd64_none_amd64}}"
    path.write_text(path.read_text().replace("{base: old.config}", package))

    def offline(*_: object, **__: object) -> None:
        raise HostError("cannot read the package lists of trixie")

    monkeypatch.setattr(debian, "config", offline)
    with pytest.raises(HostError, match="cannot read the package lists"):
        fix(tmp_path)


def test_a_fragment_is_for_one_cell(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree, policies="olddefconfig, merge")
    with pytest.raises(UserError, match="2 cells match, and a fragment is for one") as caught:
        fix(tmp_path)
    assert "v/m/merge/gcc/hyperv" in caught.value.details


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, faketree: Path) -> None:
    fakematrix.write(tmp_path, faketree)
    (tmp_path / "hyperv-fix.config").write_text("mine")
    for write in (tmp_path, tmp_path / "hyperv-fix.config"):
        with pytest.raises(UserError, match="is there already, and is not overwritten"):
            fix(tmp_path, str(write))
    assert (tmp_path / "hyperv-fix.config").read_text() == "mine"


def test_the_policy_that_proves_a_fragment_is_there() -> None:
    assert policy.policies()["merge"].merges


def test_nothing_is_claimed_that_no_line_restores(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = {"HYPERV": "y", "HYPERV_BALLOON": "m", "HYPERV_VTL_MODE": "n"}
    found = mend.Fix(lines={}, needed={}, unmet={"HYPERV_BALLOON": "depends on !X86"}, gone=(), asked=asked, tries=2)
    (state,) = asking.states(*_one(tmp_path))
    assert fixing._report(state, found, "", None) == 1
    assert printed(capsys)[:2] == ["# no line restores what is lost", "# not restored: HYPERV_BALLOON: depends on !X86"]
    some = replace(found, lines={"HYPERV": "y"}, needed={"HYPERV": "HYPERV=n"})
    assert fixing._report(state, some, "", None) == 1
    assert "# Keeps HYPERV." in printed(capsys)
    assert fixing._report(state, replace(found, unmet={}), "", None) == 0
    assert printed(capsys) == ["# nothing is lost: no fragment is needed"]


def _one(folder: Path) -> tuple[Matrix, tuple[Cell, ...]]:
    (folder / "tree").mkdir()
    asked = asking.load(fakematrix.write(folder, folder / "tree"))
    return asked, asked.cells
