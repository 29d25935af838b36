"""What enters of a commit, by every way of naming it, and what is kept of a URL; with real repositories."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

from pipeline import gitseam
from pipeline.errors import UserError
from tests import repositories
from tests.repositories import asked, commit, entered, git, mirror

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.gitseam import Commit

HOSTILE = """\
secret.c export-ignore
docs/ export-ignore
version.h export-subst
*.bat text eol=crlf
ident.c ident
wide.txt working-tree-encoding=UTF-16
* filter=shout
"""


@pytest.mark.parametrize("url", ["{}", "file://{}"])
@pytest.mark.parametrize(("ref", "kconfig"), [("main", b"two\n"), ("older/one", b"one\n"), ("v1", b"one\n")])
def test_a_branch_and_a_tag(tmp_path: Path, origin: Path, url: str, ref: str, kconfig: bytes) -> None:
    found = asked(tmp_path, url.format(origin), ref)
    assert found.sha == git(origin, "rev-parse", f"{ref}^{{commit}}")
    assert found.tree == git(origin, "rev-parse", f"{ref}^{{tree}}")
    assert entered(found)["Kconfig"] == kconfig


@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_a_commit_by_its_sha(tmp_path: Path, origin: Path, url: str) -> None:
    older = git(origin, "rev-parse", "older/one")
    assert entered(asked(tmp_path, url.format(origin), older)) == {"Kconfig": b"one\n", "Makefile": b"all:\n"}


def test_a_short_sha_and_an_ancestor_of_a_local_repository(tmp_path: Path, origin: Path) -> None:
    older = git(origin, "rev-parse", "older/one")
    assert asked(tmp_path, origin, older[:10]).sha == asked(tmp_path, origin, "main~1").sha == older


def test_bare_repositories_and_worktrees(tmp_path: Path, origin: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "bare.git")
    git(origin, "worktree", "add", "--quiet", str(tmp_path / "beside"), "older/one")
    assert entered(asked(tmp_path, tmp_path / "bare.git", "main"))["Kconfig"] == b"two\n"
    assert entered(asked(tmp_path, tmp_path / "beside", "HEAD"))["Kconfig"] == b"one\n"


def test_a_repository_that_borrows_its_objects(tmp_path: Path, origin: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--shared", str(origin), "shared")
    assert entered(asked(tmp_path, tmp_path / "shared", "main"))["Kconfig"] == b"two\n"


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    made = repositories.new(tmp_path / "long", "--object-format=sha256")
    sha = commit(made, "one", {"Kconfig": "long\n"})
    assert len(sha) == 64
    assert entered(asked(tmp_path, made, sha)) == {"Kconfig": b"long\n"}


def test_only_what_is_committed_enters(tmp_path: Path, origin: Path) -> None:
    (origin / "Kconfig").write_text("edited\n")
    (origin / "new.c").write_text("")
    git(origin, "add", "new.c")
    assert set(entered(asked(tmp_path, origin, "main"))) == {"Kconfig", "Makefile", "drivers/hv/Kconfig"}
    assert entered(asked(tmp_path, origin, "main"))["Kconfig"] == b"two\n"


@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_attributes_of_a_tree_change_nothing(tmp_path: Path, origin: Path, url: str) -> None:
    files = {
        "secret.c": b"left out\n", "docs/index": b"left out\n", "version.h": b"$Format:%H$\n", "run.bat": b"a\nb\n",
        "ident.c": b"$Id$\n", "wide.txt": b"wide\n", "drivers/.gitattributes": b"* export-ignore\n",
    }  # fmt: skip
    commit(origin, "files", files)
    (tmp_path / "attributes").write_text(HOSTILE)
    blob = git(origin, "hash-object", "-w", str(tmp_path / "attributes"))
    git(origin, "update-index", "--add", "--cacheinfo", f"100644,{blob},.gitattributes")
    sha = git(origin, "commit-tree", "-p", "HEAD", "-m", "hostile", git(origin, "write-tree"))
    git(origin, "update-ref", "refs/heads/main", sha)
    (origin / ".git" / "info" / "attributes").write_text("Makefile export-ignore\n")
    git(origin, "config", "filter.shout.smudge", "tr a-z A-Z")
    git(origin, "config", "filter.shout.required", "true")
    git(origin, "config", "core.autocrlf", "true")
    found = entered(asked(tmp_path, url.format(origin), "main"))
    assert {name: found.get(name) for name in files} == files
    assert found["Makefile"] == b"all:\n"
    names = git(origin, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert sorted(found) == sorted(names)


def test_links_modes_and_submodules(tmp_path: Path, origin: Path) -> None:
    (origin / "link").symlink_to("Kconfig")
    (origin / "run").write_text("#!/bin/sh\n")
    (origin / "run").chmod(0o755)
    sha = git(origin, "rev-parse", "HEAD")
    git(origin, "update-index", "--add", "--cacheinfo", f"160000,{sha},module")
    git(origin, "add", "link", "run")
    git(origin, "commit", "--quiet", "--message=odd")
    with tempfile.TemporaryFile() as stream:
        gitseam.archive(asked(tmp_path, origin, "main"), stream)
        stream.seek(0)
        with tarfile.open(fileobj=stream) as packed:
            members = {member.name: member for member in packed}
    assert members["link"].issym()
    assert members["link"].linkname == "Kconfig"
    assert members["run"].mode & 0o100
    assert not members["Kconfig"].mode & 0o100
    assert members["module"].isdir()


def test_variables_of_a_surrounding_repository_do_not_count(
    tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    other = repositories.new(tmp_path / "other")
    commit(other, "other", {"Kconfig": "other\n"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert entered(asked(tmp_path, origin, "main"))["Kconfig"] == b"two\n"


def test_hooks_and_monitors_are_not_run(tmp_path: Path, origin: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/planted\n")
    script.chmod(0o755)
    git(origin, "config", "core.fsmonitor", str(script))
    git(origin, "config", "core.pager", str(script))
    git(origin, "config", "diff.external", str(script))
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc"):
        shutil.copy(script, origin / ".git" / "hooks" / name)
    entered(asked(tmp_path, origin, "main"))
    entered(asked(tmp_path, f"file://{origin}", "main"))
    gitseam.patches(origin, "older/one..main")
    assert not (tmp_path / "planted").exists()


def test_a_mirror_is_reused_and_follows_a_branch(tmp_path: Path, origin: Path) -> None:
    url = f"file://{origin}"
    first = asked(tmp_path, url, "main")
    made = mirror(tmp_path).stat().st_ino
    commit(origin, "three", {"Kconfig": "three\n"})
    second = asked(tmp_path, url, "main")
    assert second.sha == git(origin, "rev-parse", "main") != first.sha
    assert entered(second)["Kconfig"] == b"three\n"
    assert entered(first)["Kconfig"] == b"two\n"
    assert mirror(tmp_path).stat().st_ino == made


def test_a_branch_that_was_rewritten(tmp_path: Path, origin: Path) -> None:
    asked(tmp_path, f"file://{origin}", "main")
    git(origin, "reset", "--quiet", "--hard", "older/one")
    commit(origin, "other two", {"Kconfig": "other\n"})
    assert entered(asked(tmp_path, f"file://{origin}", "main"))["Kconfig"] == b"other\n"


def test_a_commit_that_is_kept_needs_no_network(tmp_path: Path, origin: Path) -> None:
    url, sha = f"file://{origin}", git(origin, "rev-parse", "main")
    asked(tmp_path, url, sha)
    origin.rename(tmp_path / "gone")
    assert entered(asked(tmp_path, url, sha))["Kconfig"] == b"two\n"
    with pytest.raises(UserError):
        asked(tmp_path, url, sha, fresh=True)


def test_the_history_stays_where_it_is(tmp_path: Path, origin: Path) -> None:
    asked(tmp_path, f"file://{origin}", "main")
    assert git(mirror(tmp_path), "rev-list", "--count", "--all") == "1"


def test_two_refs_of_one_url_at_the_same_time(tmp_path: Path, origin: Path) -> None:
    refs = [f"b{number}" for number in range(8)]
    for ref in refs:
        git(origin, "branch", ref, "older/one")
    found: list[Commit] = []
    threads = [
        threading.Thread(target=lambda ref=ref: found.append(asked(tmp_path, f"file://{origin}", ref))) for ref in refs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(refs)


def test_a_fetch_that_was_killed_does_not_lock_the_mirror(tmp_path: Path, origin: Path) -> None:
    asked(tmp_path, f"file://{origin}", "older/one")
    (mirror(tmp_path) / "shallow.lock").touch()
    assert entered(asked(tmp_path, f"file://{origin}", "main"))["Kconfig"] == b"two\n"
