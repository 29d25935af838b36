"""Small git repositories for tests, made by git itself, whatever the settings of whoever runs them."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from typing import TYPE_CHECKING

from pipeline import gitseam
from pipeline.model import GitSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.gitseam import Commit

WHO = {
    "GIT_AUTHOR_NAME": "A. Author", "GIT_AUTHOR_EMAIL": "author@example.org", "GIT_COMMITTER_NAME": "A. Author",
    "GIT_COMMITTER_EMAIL": "author@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
}  # fmt: skip


def git(folder: Path, *words: str) -> str:
    """What a git command prints."""
    outer = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    argv = ["git", "-C", str(folder), *words]
    return subprocess.run(argv, env={**outer, **WHO}, check=True, capture_output=True, text=True).stdout.strip()


def new(folder: Path, *words: str) -> Path:
    """An empty repository whose branch is main."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main", *words)
    return folder


def commit(folder: Path, subject: str, files: Mapping[str, str | bytes | None]) -> str:
    """Commit files, or remove those that are None; the commit."""
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)
    return git(folder, "rev-parse", "HEAD")


def small(folder: Path) -> Path:
    """A repository with the commits `one` and `two` on main, and `one` on the branch older/one and as tag v1."""
    made = new(folder)
    commit(made, "one", {"Kconfig": "one\n", "Makefile": "all:\n"})
    git(made, "tag", "--annotate", "--message=one", "v1")
    git(made, "branch", "older/one")
    commit(made, "two", {"Kconfig": "two\n", "drivers/hv/Kconfig": "config HYPERV\n"})
    return made


def asked(tmp_path: Path, url: object, ref: str, *, fresh: bool = False) -> Commit:
    return gitseam.commit(GitSource(name="s", url=str(url), ref=ref), tmp_path / "mirrors", fresh=fresh)


def mirror(tmp_path: Path) -> Path:
    """The one copy that `asked` has made of what a URL has."""
    (found,) = (tmp_path / "mirrors").glob("*.git")
    return found


def entered(found: Commit) -> dict[str, bytes]:
    """The files that come out of a commit."""
    with tempfile.TemporaryFile() as stream:
        gitseam.archive(found, stream)
        stream.seek(0)
        data = io.BytesIO(stream.read())
    with tarfile.open(fileobj=data) as packed:
        members = {member.name: packed.extractfile(member) for member in packed if member.isfile()}
        return {name: stream.read() for name, stream in members.items() if stream}
