"""The tree of a variant: patches of every kind on it, and what one that does not apply is told."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import re
import tarfile
from typing import TYPE_CHECKING

import pytest

from pipeline import source
from pipeline.errors import HostError, UserError
from pipeline.model import DirectorySource, GitRange, GitSource, TarballSource, Variant
from tests import repositories
from tests.mails import mail
from tests.storelook import inside, look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.model import Source
    from pipeline.values import Tree

    Take = Callable[..., Tree]

pytestmark = pytest.mark.docker
TEXT = "".join(f"line {number}\n" for number in range(1, 31))


LINKED = (
    b"diff --git a/out b/out\nnew file mode 120000\n--- /dev/null\n+++ b/out\n@@ -0,0 +1 @@\n+/trees\n"
    b"\\ No newline at end of file\n--- /dev/null\n+++ b/out/planted\n@@ -0,0 +1 @@\n+x\n"
)


def diff(old: str, new: str, path: str = "notes") -> bytes:
    """A patch of a file of one line."""
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "linux"
    made.mkdir()
    (made / "Kconfig").write_text("config HYPERV\n")
    (made / "notes").write_text("one\n")
    (made / "text").write_text(TEXT)
    (made / "gone").write_text("gone\n")
    (made / "text.rej").write_text("left by somebody's own attempt\n")
    return made


@pytest.fixture
def take(engine: Engine, toolchain: str, trees: str, tmp_path: Path, folder: Path) -> Take:
    assert trees  # a store of the test's own

    def taken(*patches: Path | GitRange, origin: Source | None = None) -> Tree:
        wanted = Variant(name="v", source=origin or DirectorySource(name="s", path=folder), patches=patches)
        return source.tree(engine, wanted, toolchain, tmp_path / "cache", fresh=False, say=lambda _: None)

    return taken


def test_patches_of_every_kind_are_applied_in_order(engine: Engine, take: Take, tmp_path: Path) -> None:
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    one, two, three, four, five, six, seven = (diff(*pair) for pair in itertools.pairwise(numbers))
    (tmp_path / "one.patch").write_bytes(one)
    for name in ("byname", "quilt"):
        (tmp_path / name).mkdir()
    (tmp_path / "byname" / "2.patch").write_bytes(two)
    (tmp_path / "quilt" / "z.patch").write_bytes(three)
    (tmp_path / "quilt" / "a.patch").write_bytes(four)
    (tmp_path / "quilt" / "series").write_text("z.patch\na.patch\n")
    (tmp_path / "x.mbox").write_bytes(mail("[PATCH 2/2] six", six) + mail("[PATCH 1/2] five", five))
    (tmp_path / "y.mbox.gz").write_bytes(gzip.compress(mail("[PATCH] seven", seven)))
    git = repositories.new(tmp_path / "git")
    repositories.commit(git, "base", {"notes": "eight\n"})
    repositories.commit(git, "to nine", {"notes": "nine\n"})
    given = [tmp_path / name for name in ("one.patch", "byname", "quilt", "x.mbox", "y.mbox.gz")]
    tree = take(*given, GitRange(git, "HEAD~1..HEAD"))
    assert inside(engine, tree, "cat notes") == "nine\n"
    for name in ("one.patch", "2.patch", "z.patch, a.patch", "[PATCH 1/2] five, [PATCH 2/2] six", "to nine"):
        assert name in tree.origin
    assert tree.digest.startswith("patched:")


def test_a_patched_tree_does_not_change_the_plain_one(engine: Engine, take: Take, tmp_path: Path) -> None:
    git = repositories.new(tmp_path / "git")
    repositories.commit(git, "base", {"Kconfig": "config HYPERV\n", "notes": "one\n", "text": TEXT, "gone": "gone\n"})
    (git / "text").chmod(0o755)
    (git / "notes").rename(git / "moved")
    repositories.commit(git, "all", {"gone": None, "text": TEXT.replace("line 3\n", "three\n"), "new/file": "new\n"})
    plain = take()
    script = "find . -type f -printf '%m %i ' -exec sha256sum {} + | sort -k 4"
    before = inside(engine, plain, script)
    patched = take(GitRange(git, "HEAD~1..HEAD"))
    assert inside(engine, plain, script) == before
    assert inside(engine, patched, "ls; sed -n 3p text; stat -c %a text; cat new/file moved").split() == [
        "Kconfig", "moved", "new", "text", "text.rej", "three", "755", "new", "one",
    ]  # fmt: skip
    number = "stat -c %i Kconfig"
    assert inside(engine, plain, number) == inside(engine, patched, number)  # what is alike is there once


def test_the_same_patches_by_other_names_are_one_tree(
    engine: Engine, toolchain: str, take: Take, tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "a.patch").write_bytes(diff("one", "two"))
    (tmp_path / "b.patch").write_bytes(diff("one", "two"))
    first, second = take(tmp_path / "a.patch"), take(tmp_path / "b.patch")
    assert (first.mount, first.digest) == (second.mount, second.digest)
    assert first.origin.endswith(" + a.patch")
    assert second.origin.endswith(" + b.patch")
    assert len(look(engine, toolchain, "ls -A").split()) == 2


def test_order_and_content_make_other_trees(take: Take, tmp_path: Path) -> None:
    (tmp_path / "a.patch").write_bytes(b"--- a/text\n+++ b/text\n@@ -1,2 +1,2 @@\n-line 1\n+a\n line 2\n")
    (tmp_path / "b.patch").write_bytes(diff("one", "b"))
    (tmp_path / "c.patch").write_bytes(diff("one", "c"))
    a, b, c = (tmp_path / f"{name}.patch" for name in "abc")
    assert len({take(*given).digest for given in ((), (a,), (b,), (c,), (a, b), (b, a))}) == 6


def test_a_patch_that_does_not_apply_names_file_and_hunk(
    engine: Engine, toolchain: str, take: Take, tmp_path: Path,
) -> None:  # fmt: skip
    hunks = "".join(
        f"@@ -{at},3 +{at},3 @@\n line {at}\n-{'line' if at != 14 else 'Line'} {at + 1}\n+new {at}\n line {at + 2}\n"
        for at in (2, 14, 25)
    )
    (tmp_path / "bad.patch").write_text(f"--- a/text\n+++ b/text\n{hunks}")
    plain = take()
    before = inside(engine, plain, "sha256sum *")
    with pytest.raises(UserError) as caught:
        take(tmp_path / "bad.patch")
    assert f"variants: v: {tmp_path}/bad.patch does not apply to " in caught.value.brief
    assert "error: patch failed: text:14" in caught.value.details
    assert "Rejected hunk #2." in caught.value.details
    assert "#1" not in caught.value.details
    assert "rebase the patch" in caught.value.hint
    assert inside(engine, plain, "sha256sum *") == before  # and so is the .rej file that was there
    assert len(look(engine, toolchain, "ls -A").split()) == 1


def test_the_second_of_a_series_is_the_one_that_is_named(take: Take, tmp_path: Path) -> None:
    box = mail("[PATCH 1/2] good", diff("one", "two")) + mail("[PATCH 2/2] bad", diff("one", "three"))
    (tmp_path / "x.mbox").write_bytes(box)
    with pytest.raises(UserError) as caught:
        take(tmp_path / "x.mbox")
    assert f"{tmp_path}/x.mbox: [PATCH 2/2] bad does not apply" in caught.value.brief


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"no patch at all\n", "No valid patches in input"),
        (diff("x", "y", "nowhere"), "nowhere: No such file or directory"),
        (diff("one", "two")[:-3], "corrupt patch"),
        (b"--- /dev/null\n+++ b/../../planted\n@@ -0,0 +1 @@\n+x\n", "invalid path"),
        (b"--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n", "invalid path"),
        (LINKED, "beyond a symbolic link"),
    ],
)  # fmt: skip
def test_what_git_does_not_take(
    engine: Engine, toolchain: str, take: Take, tmp_path: Path, text: bytes, why: str,
) -> None:  # fmt: skip
    (tmp_path / "bad.patch").write_bytes(text)
    with pytest.raises(UserError, match="does not apply") as caught:
        take(tmp_path / "bad.patch")
    assert why in caught.value.details
    assert len(look(engine, toolchain, "ls -A").split()) == 1


def test_settings_that_a_tree_carries_run_nothing(engine: Engine, toolchain: str, take: Take, tmp_path: Path) -> None:
    hostile = '[core]\nrepositoryformatversion = 0\n[filter "x"]\nclean = touch /trees/planted; cat\nrequired = true\n'
    files = {
        "Kconfig": "config HYPERV\n", "notes": "one\n", ".gitattributes": "* filter=x\n", ".git/config": hostile,
        ".git/HEAD": "ref: refs/heads/main\n", ".git/objects/x": "", ".git/refs/x": "",
    }  # fmt: skip
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            made = tarfile.TarInfo(f"linux/{name}")
            made.size = len(text)
            archive.addfile(made, io.BytesIO(text.encode()))
    (tmp_path / "linux.tar").write_bytes(buffer.getvalue())
    (tmp_path / "a.patch").write_bytes(diff("one", "two"))
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    tree = take(
        tmp_path / "a.patch", origin=TarballSource(name="s", location=str(tmp_path / "linux.tar"), sha256=digest)
    )
    assert inside(engine, tree, "cat notes") == "two\n"
    assert "planted" not in look(engine, toolchain, "ls -A")


def test_a_patch_on_a_commit(engine: Engine, take: Take, tmp_path: Path) -> None:
    git = repositories.small(tmp_path / "git")
    (tmp_path / "a.patch").write_bytes(diff("two", "three", "Kconfig"))
    tree = take(tmp_path / "a.patch", origin=GitSource(name="s", url=f"file://{git}", ref="main"))
    assert inside(engine, tree, "cat Kconfig") == "three\n"
    assert re.search(r" main \(commit [0-9a-f]{12}\) \+ a\.patch$", tree.origin)


def test_a_plain_tree_that_is_gone_meanwhile_is_our_error(
    engine: Engine, toolchain: str, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "a.patch").write_bytes(diff("one", "two"))
    plain = take()
    look(engine, toolchain, "rm -rf *")
    monkeypatch.setattr(source, "_plain", lambda *_, **__: plain)
    with pytest.raises(HostError, match="cannot copy the tree"):
        take(tmp_path / "a.patch")
