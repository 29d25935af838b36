"""A run's folder from somebody else: nothing of this host is read through it, and nothing is waited for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import atomic, compactrun, plainrun, replay, reporting, verify
from pipeline.errors import UserError
from tests import bootedrun
from tests.hostile import within

if TYPE_CHECKING:
    from collections.abc import Callable

READERS: tuple[Callable[[Path], object], ...] = (
    replay.judge_run, lambda place: reporting.read(place, "it"), verify.verify,
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bootedrun.write(tmp_path_factory.mktemp("booted"))


@pytest.fixture
def place(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def home(place: Path) -> Path:
    note = atomic.read_json(place / "run.json")
    assert note
    return place / "cells" / str(note["cells"][0])


@pytest.mark.parametrize("read", READERS)
def test_a_run_of_plain_files_is_read(place: Path, read: Callable[[Path], object]) -> None:
    read(place)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["host.log", "config.old", "evidence/extra"])
def test_a_link_is_refused(place: Path, tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    (tmp_path / "secret").write_text("of this host")
    path = home(place) / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="is no plain file"):
        read(place)


@pytest.mark.parametrize("read", READERS)
def test_a_folder_that_is_a_link_is_refused(place: Path, tmp_path: Path, read: Callable[[Path], object]) -> None:
    folder = home(place).parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"is a link|which is outside"):
        read(place)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["record.json", "console.log"])
def test_a_pipe_is_not_waited_for(place: Path, name: str, read: Callable[[Path], object]) -> None:
    (home(place) / name).unlink()
    os.mkfifo(home(place) / name)
    with within(5), pytest.raises(UserError):
        read(place)


def test_a_link_is_not_packed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of this host")
    path = home(place) / "host.log"
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="cannot be read"):
        compactrun.pack(place, tmp_path / "run.tar.xz")
    assert not (tmp_path / "run.tar.xz").exists()


def test_json_of_a_pipe_or_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("[1]")
    (tmp_path / "link").symlink_to("there")
    os.mkfifo(tmp_path / "pipe")
    with within(5):
        found = [atomic.read_json(tmp_path / name) for name in ("there", "link", "pipe")]
    assert found == [[1], None, None]


def test_a_folder_where_a_file_should_be_costs_no_descriptor(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert [atomic.read_json(tmp_path) for _ in range(5)] == [None] * 5
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_as_deep_as_one_likes_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "cells" / "x").mkdir(parents=True)
    here = os.open(tmp_path / "cells" / "x", os.O_RDONLY)
    for _ in range(1100):  # deeper than Python recurses
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.mkfifo("pipe", dir_fd=here)
    os.close(here)
    with pytest.raises(UserError, match="no plain file"):
        plainrun.check(tmp_path, ["cells/x"])
    subprocess.run(["rm", "-rf", tmp_path / "cells"], check=True)
