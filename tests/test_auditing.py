"""`audit` from end to end: a tree's Makefiles out of a container, and a build folder's archives beside them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import asking, auditing
from pipeline.errors import HostError, UserError
from tests import fakematrix

if TYPE_CHECKING:
    from pathlib import Path

needs_ar = pytest.mark.skipif(shutil.which("ar") is None, reason="no ar here")


def audit(folder: Path, tree: str, objects: str = "", *, markdown: bool = False) -> int:
    options = replace(fakematrix.options(folder), file=asking.DEFAULT)
    return auditing.audit(tree, options, objects=objects, markdown=markdown)


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return "\n".join(line for line in capsys.readouterr().out.splitlines() if not line.startswith("["))


def archive(folder: Path, name: str, *members: str, words: str = "cDPrST") -> None:
    """An archive as scripts/Makefile.build makes it, from the top of the build folder."""
    for path in (name, *members):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    for member in members:
        (folder / member).write_text("object")
    subprocess.run(["ar", words, name, *members], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def split(faketree: Path) -> Path:
    """The tiny tree with a core that is built in although it is m."""
    kconfig = faketree / "drivers" / "hv" / "Kconfig"
    kconfig.write_text(kconfig.read_text().replace("\tbool", "\ttristate"))
    return faketree


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    made = tmp_path / "build"
    made.mkdir()
    (made / ".config").write_text("CONFIG_HYPERV=m\n")
    return made


@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_the_places_of_a_tree(tmp_path: Path, split: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(tmp_path, str(split)) == 0
    text = printed(capsys)
    assert "drivers/hv/Makefile:3" in text
    assert "drivers/hv/hv_common.o" in text
    assert audit(tmp_path, str(split), markdown=True) == 0
    rows = [line for line in printed(capsys).splitlines() if line.startswith("|")]
    assert any("drivers/hv/Makefile:3" in row for row in rows)


@needs_ar
@pytest.mark.docker
@pytest.mark.usefixtures("engine", "trees")
def test_a_build_folder_confirms_a_place_or_does_not(
    tmp_path: Path, split: Path, objects: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    archive(objects, "drivers/hv/built-in.a", "drivers/hv/hv_common.o")
    assert audit(tmp_path, str(split), str(objects)) == 0
    assert "confirmed: drivers/hv/Makefile:3" in printed(capsys)
    (objects / "drivers/hv/built-in.a").unlink()
    assert audit(tmp_path, str(split), str(objects)) == 1
    assert "not there: drivers/hv/Makefile:3" in printed(capsys)


@needs_ar
def test_members_are_named_from_the_top_of_the_build_folder(
    tmp_path: Path, objects: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    archive(objects, "drivers/hv/built-in.a", "drivers/hv/hv_common.o", "drivers/hv/sub/deep.o")
    archive(objects, "drivers/built-in.a", "drivers/other.o")
    archive(objects, "lib/lib.a", "lib/thick.o", words="cDr")
    inner = ["drivers/built-in.a", "drivers/hv/built-in.a"]
    subprocess.run(["ar", "cDPrST", "built-in.a", *inner], cwd=objects, check=True)
    wanted = {"drivers/hv/hv_common.o", "drivers/hv/sub/deep.o", "drivers/other.o", "lib/thick.o"}
    monkeypatch.chdir("/")
    assert set(auditing._members(objects)) >= wanted
    assert not any(name.startswith("/") for name in auditing._members(objects))
    monkeypatch.chdir(tmp_path)
    assert set(auditing._members(objects)) >= wanted


@needs_ar
def test_an_archive_that_is_damaged(objects: Path) -> None:
    (objects / "built-in.a").write_text("rubbish")
    with pytest.raises(HostError, match=r"built-in\.a cannot be read"):
        list(auditing._members(objects))


def test_ar_that_is_not_installed(objects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (objects / "built-in.a").write_text("!<thin>\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="ar is not installed"):
        list(auditing._members(objects))


def test_a_build_folder_without_a_config(tmp_path: Path, split: Path) -> None:
    with pytest.raises(UserError, match=r"no \.config in it"):
        audit(tmp_path, str(split), str(tmp_path))


def test_a_tree_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such tree"):
        audit(tmp_path, str(tmp_path / "gone"))
