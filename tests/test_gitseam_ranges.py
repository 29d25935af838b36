"""The commits of a range as patches, whatever the settings of whoever runs it; with real repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import gitseam
from pipeline.errors import UserError
from tests import repositories
from tests.repositories import commit, git

if TYPE_CHECKING:
    from pathlib import Path


def test_a_range_gives_its_commits_in_order(origin: Path) -> None:
    commit(origin, "three", {"Kconfig": "three\n"})
    found = gitseam.patches(origin, "older/one..main")
    shas = git(origin, "rev-list", "--reverse", "older/one..main").split()
    assert [name for name, _ in found] == [f"{shas[0][:12]} two", f"{shas[1][:12]} three"]
    assert b"-one\n+two\n" in found[0][1]
    assert b"+++ b/drivers/hv/Kconfig" in found[0][1]
    assert b"-two\n+three\n" in found[1][1]


def test_a_range_does_not_hang_on_anybodys_settings(
    tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    plain = gitseam.patches(origin, "older/one..main")
    settings = "[diff]\nnoprefix = true\nmnemonicPrefix = true\nrenames = copies\ncontext = 0\n[color]\nui = always\n"
    settings += "[format]\nattach = true\nuseAutoBase = true\nsubjectPrefix = x\n[log]\nshowSignature = true\n"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(settings)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    git(origin, "config", "diff.noprefix", "true")
    assert gitseam.patches(origin, "older/one..main") == plain


def test_renames_modes_and_binaries_in_a_range(tmp_path: Path, origin: Path) -> None:
    (origin / "Makefile").chmod(0o755)
    commit(origin, "odd", {"blob": bytes(range(256)), "moved": "one\n" * 40})
    commit(origin, "move", {"moved": None, "there": "one\n" * 40})
    copy = repositories.new(tmp_path / "copy")
    commit(copy, "two", {"Kconfig": "two\n", "Makefile": "all:\n", "drivers/hv/Kconfig": "config HYPERV\n"})
    for _, text in gitseam.patches(origin, "main~2..main"):
        (tmp_path / "one.patch").write_bytes(text)
        git(copy, "apply", "--index", str(tmp_path / "one.patch"))
    assert git(copy, "write-tree") == git(origin, "rev-parse", "main^{tree}")


def test_merges_and_empty_commits_are_passed_over(origin: Path) -> None:
    commit(origin, "empty", {})
    git(origin, "checkout", "--quiet", "-b", "side", "older/one")
    commit(origin, "side", {"side.c": "int x;\n"})
    git(origin, "checkout", "--quiet", "main")
    git(origin, "merge", "--quiet", "--no-ff", "--message=merge", "side")
    found = gitseam.patches(origin, "older/one..main")
    assert sorted(name.split()[1] for name, _ in found) == ["side", "two"]


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ("main..main", "no commit in main..main"), ("nowhere..main", "git refuses"), ("main...", "no commit in"),
        ("--all", "git refuses"), ("-n1", "git refuses"), ("--output=planted", "git refuses"),
    ],
)  # fmt: skip
def test_ranges_without_a_patch(origin: Path, span: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as caught:
        gitseam.patches(origin, span)
    assert str(origin) in caught.value.brief
    assert not list(origin.rglob("planted"))


def test_a_range_that_changes_nothing(origin: Path) -> None:
    commit(origin, "empty", {})
    with pytest.raises(UserError, match=r"nothing is changed in main~1\.\.main"):
        gitseam.patches(origin, "main~1..main")


def test_a_branch_is_no_range_of_a_million_patches(origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitseam, "MOST_PATCHES", 1)
    with pytest.raises(UserError, match="2 commits in main") as caught:
        gitseam.patches(origin, "main")
    assert "a range such as" in caught.value.hint
