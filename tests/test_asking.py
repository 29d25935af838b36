"""What a command is asked to work on: the cells of a matrix.yaml, or one config on one tree by themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pipeline import asking, hyperv, intent, kconfig
from pipeline.errors import UserError
from pipeline.model import Config, DirectorySource, GitSource, Ladder, Variant
from tests import fakematrix

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a matrix.yaml, its configs, and a tree that nobody looks into."""
    (tmp_path / "tree").mkdir()
    fakematrix.write(tmp_path, tmp_path / "tree", policies="olddefconfig, merge", config=fakematrix.OLD)
    return tmp_path


def test_a_matrix_with_the_policies_and_toolchains_that_there_are(folder: Path) -> None:
    found = asking.load(folder / "matrix.yaml")
    assert [cell.name for cell in found.cells] == ["v/m/olddefconfig/gcc/hyperv", "v/m/merge/gcc/hyperv"]
    assert [cell.name for cell in asking.select(found, "*/merge/*")] == ["v/m/merge/gcc/hyperv"]
    assert asking.select(found, "") == found.cells


@pytest.mark.parametrize(("old", "new"), [("merge", "merg"), ("gcc", "gc")])
def test_no_policy_and_no_toolchain_is_made_up(folder: Path, old: str, new: str) -> None:
    path = folder / "matrix.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError) as caught:
        asking.load(path)
    assert f"unknown {'policy' if old == 'merge' else 'toolchain'} '{new}'" in caught.value.details


def test_a_state_for_each_cell_with_its_old_config_read(folder: Path) -> None:
    found = asking.load(folder / "matrix.yaml")
    made = asking.states(found, found.cells)
    assert [state.cell for state in made] == list(found.cells)
    assert all(kconfig.values(state.old)["HYPERV"] == "m" for state in made)
    assert made[0].options["HYPERV"].origin == f"{folder}/old.config:4"
    assert made[0].config_origin == str(folder / "old.config")
    assert made[0].intent == intent.HYPERV


def test_the_intent_of_a_matrix_is_that_of_its_cells(folder: Path) -> None:
    fakematrix.write(folder, folder / "tree", intent="{name: mine, symbols: {KVM_GUEST: booted}}")
    found = asking.load(folder / "matrix.yaml")
    (state,) = asking.states(found, found.cells)
    assert state.intent.symbols == (("KVM_GUEST", Ladder.BOOTED),)


def test_a_config_that_is_wrong_is_told_at_once(folder: Path) -> None:
    (folder / "old.config").write_text("CONFIG_HYPERV=m\n")
    found = asking.load(folder / "matrix.yaml")
    with pytest.raises(UserError, match=r"no complete \.config"):
        asking.states(found, found.cells)


def test_a_config_in_a_package_is_read_later(folder: Path) -> None:
    package = "{debian: {suite: trixie, package: linux-config-6.12, flavour: amd64_none_amd64}}"
    path = folder / "matrix.yaml"
    path.write_text(path.read_text().replace("{base: old.config}", package))
    found = asking.load(path)
    assert [state.old for state in asking.states(found, found.cells)] == ["", ""]


def test_neither_word_means_the_whole_matrix(folder: Path) -> None:
    found = asking.meant("", "", "olddefconfig", folder / "matrix.yaml")
    assert len(found.cells) == 2


@pytest.mark.parametrize(("config", "source"), [("old.config", ""), ("", "tree")])
def test_one_word_without_the_other(folder: Path, config: str, source: str) -> None:
    with pytest.raises(UserError, match="--config and --source belong together"):
        asking.meant(config, source, "olddefconfig", folder / "matrix.yaml")


def test_one_config_on_one_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "matrix.yaml").unlink()
    monkeypatch.chdir(folder)
    found = asking.meant(str(folder / "old.config"), str(folder / "tree"), "merge", asking.DEFAULT)
    (cell,) = found.cells
    assert cell.config == Config(name="mine", base=folder / "old.config")
    assert cell.variant.source == DirectorySource(name="mine", path=folder / "tree")
    assert (cell.policy, cell.toolchain, cell.machine) == ("merge", "gcc", asking.ANY_MACHINE)
    assert (found.controls, found.expectations, found.intent) == ((), (), None)


def test_names_of_a_matrix_may_be_used(folder: Path) -> None:
    path = folder / "matrix.yaml"
    known = asking.load(path).cells[0]
    (cell,) = asking.alone("m", "v", "olddefconfig", path).cells
    assert (cell.config, cell.variant, cell.machine) == (known.config, known.variant, known.machine)
    (cell,) = asking.alone("m", "s", "olddefconfig", path).cells
    assert cell.variant == Variant(name="s", source=known.variant.source)


def test_names_that_no_cell_uses_are_known_too(folder: Path) -> None:
    path = folder / "matrix.yaml"
    text = path.read_text().replace("variants: {", "variants: {idle: {source: s}, ")
    path.write_text(text.replace("configs: {", "configs: {spare: {base: old.config}, "))
    (cell,) = asking.alone("spare", "idle", "olddefconfig", path).cells
    assert (cell.config.name, cell.variant.name) == ("spare", "idle")


def test_one_config_is_judged_on_a_machine_that_can_show_all(folder: Path) -> None:
    path = folder / "matrix.yaml"
    path.write_text(path.read_text().replace("devices: [vmbus-bridge, hv-balloon]", "devices: [vmbus-bridge]"))
    known = asking.load(path).cells[0].machine
    assert hyperv.ceiling(known) is Ladder.CONNECTED
    assert asking.alone("m", "v", "olddefconfig", path).cells[0].machine == asking.ANY_MACHINE


def test_words_that_would_be_ignored_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="--policy merge: only with --config and --source"):
        asking.meant("", "", "merge", folder / "matrix.yaml")
    with pytest.raises(UserError, match=r"typo\.yaml"):
        asking.meant(str(folder / "old.config"), str(folder / "tree"), "olddefconfig", folder / "typo.yaml")


def test_a_name_of_a_matrix_goes_before_a_folder_of_that_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "v").mkdir()
    monkeypatch.chdir(folder)
    assert asking.variant("v", folder / "matrix.yaml").source == DirectorySource(name="s", path=folder / "tree")


@pytest.mark.parametrize(
    ("text", "url", "ref"),
    [
        ("https://host/linux.git#v6.18", "https://host/linux.git", "v6.18"),
        ("git@host:linux.git#main", "git@host:linux.git", "main"),
        ("file:///srv/a#b/linux#topic/one", "file:///srv/a#b/linux", "topic/one"),
        ("{}/tree#main~2", "{}/tree", "main~2"),
        ("{}/tree#--upload-pack=x", "{}/tree", "--upload-pack=x"),  # git is never given it as an option
    ],
)
def test_a_commit_of_a_repository(folder: Path, text: str, url: str, ref: str) -> None:
    found = asking.variant(text.format(folder), folder / "matrix.yaml")
    assert found.source == GitSource(name="mine", url=url.format(folder), ref=ref)


@pytest.mark.parametrize(
    "text", ["gone", "{}/gone", "{}/gone#main", "{}/old.config", "{}/old.config#main", "#main", "nv"],
)  # fmt: skip
def test_what_is_no_tree(folder: Path, text: str) -> None:
    with pytest.raises(UserError) as caught:
        asking.variant(text.format(folder), folder / "matrix.yaml")
    assert caught.value.brief == f"--source {text.format(folder)}: no such tree"
    assert "variants: s, v" in caught.value.details
    assert "REPOSITORY#REF" in caught.value.hint


@pytest.mark.parametrize("name", ["gone", "tree", "fifo", "mm"])
def test_what_is_no_config(folder: Path, name: str) -> None:
    os.mkfifo(folder / "fifo")
    with pytest.raises(UserError, match="no such file or config") as caught:
        asking.alone(str(folder / name), str(folder / "tree"), "olddefconfig", folder / "matrix.yaml")
    assert "configs: m" in caught.value.details


def test_what_is_no_policy(folder: Path) -> None:
    with pytest.raises(UserError, match="--policy olddef: no such policy") as caught:
        asking.alone("m", "v", "olddef", folder / "matrix.yaml")
    assert "olddefconfig" in caught.value.hint


def test_what_is_asked_alone_has_a_digest_of_its_own(folder: Path) -> None:
    path, tree = folder / "matrix.yaml", str(folder / "tree")
    digests = {asking.alone(config, tree, policy, path).digest for config in ("m", str(folder / "off.config"))
               for policy in ("olddefconfig", "merge")}  # fmt: skip
    assert len(digests) == 4


def test_a_matrix_that_is_wrong_is_not_passed_over(folder: Path) -> None:
    (folder / "matrix.yaml").write_text("schema: 2\n")
    with pytest.raises(UserError, match=r"matrix\.yaml: "):
        asking.variant("v", folder / "matrix.yaml")
