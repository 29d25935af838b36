"""A folder that somebody works in: digested by content, copied as it is, never written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import localtree
from pipeline.errors import UserError
from tests import localtrees, repositories
from tests.storelook import inside, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Engine
    from tests.localtrees import Take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return localtrees.small(tmp_path / "linux")


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that a write would change."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, data)
    return found


@pytest.mark.docker
def test_a_copy_has_everything_and_the_folder_stays_as_it_is(engine: Engine, folder: Path, take: Take) -> None:
    before = state(folder)
    tree = take(folder)
    assert state(folder) == before
    script = "cat Kconfig drivers/hv/Kconfig link; readlink away; ls -A; stat -c %a run Kconfig drivers"
    assert inside(engine, tree, script).splitlines() == [
        'source "drivers/hv/Kconfig"', "config HYPERV", "config HYPERV", "/etc/hostname",
        "Kconfig", "away", "drivers", "link", "run", "755", "644", "755",
    ]  # fmt: skip
    assert tree.digest.startswith("dir:")
    assert tree.origin.startswith(f"{folder} (directory, sha256 ")


@pytest.mark.docker
def test_the_digest_is_of_the_content_and_not_of_the_place(
    engine: Engine, toolchain: str, folder: Path, take: Take, tmp_path: Path,
) -> None:  # fmt: skip
    first = take(folder)
    other = Path(shutil.copytree(folder, tmp_path / "other", symlinks=True, copy_function=shutil.copyfile))
    (other / "run").chmod(0o755)
    (other / "Kconfig").chmod(0o664)  # another umask
    os.utime(other / "Kconfig", (1, 1))
    second = take(other)
    assert second.digest == first.digest
    assert second.mount == first.mount
    assert second.origin.startswith(str(other))
    assert len(look(engine, toolchain, "ls -A").split()) == 1


@pytest.mark.docker
@pytest.mark.parametrize("what", [".git", "drivers/.git", ".git-file"])
def test_git_is_left_out(engine: Engine, folder: Path, take: Take, what: str) -> None:
    plain = take(folder)
    if what == ".git-file":
        (folder / ".git").write_text("gitdir: /elsewhere\n")
    else:
        repositories.new((folder / what).parent)
    (folder / ".gitignore").write_text("*.o\n")
    tree = take(folder)
    assert inside(engine, tree, "find . -name '.git*'") == "./.gitignore\n"
    (folder / ".gitignore").unlink()
    assert take(folder).digest == plain.digest


def digest(folder: Path) -> str:
    return localtree._digest(list(localtree._entries(folder, {})))


def emptied(folder: Path) -> Path:
    """A path at which there is nothing any more."""
    (shutil.rmtree if folder.is_dir() and not folder.is_symlink() else os.unlink)(folder)
    return folder


EDITS: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: (folder / "drivers/hv/Kconfig").write_text("config HYPERW\n"),
    "new": lambda folder: (folder / "new.c").touch(),
    "empty folder": lambda folder: (folder / "samples").mkdir(),
    "link": lambda folder: emptied(folder / "link").symlink_to("run"),
    "mode": lambda folder: (folder / "run").chmod(0o600),
    "odd name": lambda folder: (folder / " a\n-b 'c").write_text("odd"),
    "no text": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).write_text("odd"),
    "long name": lambda folder: (folder / ("d" * 120) / ("e" * 120)).mkdir(parents=True),
}
MORE: dict[str, Callable[[Path], object]] = {
    "renamed": lambda folder: (folder / "Kconfig").rename(folder / "Kconfigs"),
    "link to folder": lambda folder: emptied(folder / "away").mkdir(),
    "link to file": lambda folder: emptied(folder / "link").write_text("drivers/hv/Kconfig"),
    "file to folder": lambda folder: (emptied(folder / "run") / "x").mkdir(parents=True),
    "folder to file": lambda folder: emptied(folder / "drivers").write_text("none"),
    "gone": lambda folder: (folder / "Kconfigs").rename(folder / "Kconfig"),
}


@pytest.mark.parametrize("edit", [*EDITS, *MORE][:-1])
def test_every_edit_gives_another_digest(folder: Path, edit: str) -> None:
    before = digest(folder)
    {**EDITS, **MORE}[edit](folder)
    assert digest(folder) != before


@pytest.mark.docker
def test_what_is_brought_up_to_date_is_what_a_copy_from_nothing_is(engine: Engine, folder: Path, take: Take) -> None:
    script = "find . -printf '%y %m %p %l\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum"
    first = take(folder)
    listed = inside(engine, first, script)
    for edits in (EDITS, MORE):
        for edit in edits.values():
            edit(folder)
        second = take(folder)
        assert second.digest == take(folder, "an empty cache").digest == f"dir:{digest(folder)}"
        subprocess.run(["chmod", "-R", "go=rX", str(folder)], check=True)  # as everything in the store is
        here = subprocess.run(["sh", "-c", script], cwd=folder, check=True, capture_output=True)
        assert inside(engine, second, script) == here.stdout.decode("utf-8", "replace")
    assert inside(engine, first, script) == listed


@pytest.mark.docker
def test_what_did_not_change_is_not_read_again(folder: Path, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    first = take(folder)
    read: list[str] = []

    def noted(path: str) -> str:
        read.append(path)
        return original(path)

    original = localtree._hash
    monkeypatch.setattr(localtree, "_hash", noted)
    assert take(folder) == first
    assert read == []
    time.sleep(0.02)
    (folder / "drivers/hv/Kconfig").write_text("config HYPERW\n")
    assert take(folder).digest != first.digest
    assert read == [str(folder / "drivers/hv/Kconfig")]


@pytest.mark.docker
def test_an_edit_that_keeps_size_and_time_is_seen(folder: Path, take: Take) -> None:
    path = folder / "drivers/hv/Kconfig"
    first, times = take(folder), path.stat()
    path.write_text("config HYPERW\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert take(folder).digest != first.digest


@pytest.mark.docker
def test_a_damaged_note_is_as_none(folder: Path, take: Take, tmp_path: Path) -> None:
    first = take(folder)
    for note in (tmp_path / "cache" / "folders").iterdir():
        note.write_text(note.read_text()[:40])
    assert take(folder) == first


@pytest.mark.docker
def test_what_a_build_left_is_passed_over(engine: Engine, folder: Path, take: Take) -> None:
    plain = take(folder)
    for name in (
        ".config", ".config.old", "include/config/auto.conf", "include/generated/autoconf.h",
        "arch/x86/include/generated/a.h", "drivers/hv/a.o", "drivers/hv/.a.o.cmd", "drivers/hv/a.ko",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("built")
    tree = take(folder)
    assert inside(engine, tree, "find . -type f | sort").split() == ["./Kconfig", "./drivers/hv/Kconfig", "./run"]
    assert tree.digest != plain.digest  # there are folders that were not there


@pytest.mark.docker
def test_what_is_neither_file_folder_nor_link_is_passed_over(folder: Path, take: Take) -> None:
    plain = take(folder)
    os.mkfifo(folder / "pipe")
    assert take(folder) == plain


@pytest.mark.docker
def test_a_file_that_changes_while_it_is_copied_ends_it(
    engine: Engine, toolchain: str, folder: Path, take: Take,
) -> None:  # fmt: skip
    def meanwhile(text: str) -> None:
        if "copying" in text:
            (folder / "run").write_text("#!/bin/bash\n")

    with pytest.raises(UserError) as caught:
        take(folder, said=meanwhile)
    assert "run changed while it was copied" in caught.value.details
    assert look(engine, toolchain, "ls -A") == ""
    assert inside(engine, take(folder), "cat run") == "#!/bin/bash\n"


@pytest.mark.docker
def test_a_folder_without_kconfig_is_refused_before_it_is_copied(
    engine: Engine, toolchain: str, folder: Path, take: Take,
) -> None:  # fmt: skip
    (folder / "Kconfig").unlink()
    with pytest.raises(UserError, match="no kernel tree: it has no Kconfig"):
        take(folder)
    assert look(engine, toolchain, "ls -A") == ""


@pytest.mark.docker
def test_a_folder_that_is_gone(folder: Path, take: Take) -> None:
    shutil.rmtree(folder)
    with pytest.raises(UserError) as caught:
        take(folder)
    assert str(folder) in caught.value.brief
    assert "No such file" in caught.value.details
