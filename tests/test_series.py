"""Patches as people have them: files, folders by name or by quilt's series, mailboxes, ranges; and what is refused."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import os
import quopri
import subprocess
from typing import TYPE_CHECKING

import pytest

from pipeline import series
from pipeline.errors import UserError
from pipeline.model import DirectorySource, GitRange, Variant
from tests import repositories
from tests.mails import COMMIT, DIFF, GOLDEN, diff, mail

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.series import Patch


def read(folder: Path, *given: Path | GitRange) -> tuple[Patch, ...]:
    source = DirectorySource(name="s", path=folder)
    return series.read(Variant(name="mine", source=source, patches=given))


def refused(folder: Path, *given: Path | GitRange) -> UserError:
    with pytest.raises(UserError) as caught:
        read(folder, *given)
    return caught.value


def files(folder: Path, **texts: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.patch").write_bytes(text)
    return folder


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    text = b"A word about it.\r\n\n" + DIFF
    (tmp_path / "one.patch").write_bytes(text)
    (patch,) = read(tmp_path, tmp_path / "one.patch")
    assert (patch.name, patch.text, patch.where) == ("one.patch", text, str(tmp_path / "one.patch"))


def test_no_patches_are_none(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


def test_a_folder_by_name(tmp_path: Path) -> None:
    folder = files(tmp_path / "p", b=diff("b"), a=diff("a"), c=diff("c"))
    (folder / "README").write_text("no patch")
    (folder / "d.diff").write_bytes(diff("d"))
    assert [patch.name for patch in read(tmp_path, folder)] == ["a.patch", "b.patch", "c.patch", "d.diff"]


def test_a_folder_by_its_quilt_series(tmp_path: Path) -> None:
    folder = files(tmp_path / "p", b=diff("b"), a=diff("a"), c=diff("c"))
    (folder / "fixes").mkdir()
    (folder / "fixes" / "d").write_bytes(diff("d"))
    listing = "# in this order\n\nc.patch   # the first\nfixes/d -p1\n  a.patch -pab # last\n#b.patch\n"
    (folder / "series").write_text(listing)
    assert [patch.text for patch in read(tmp_path, folder)] == [diff("c"), diff("d"), diff("a")]


@pytest.mark.parametrize("options", ["-p0", "-p2", "-R", "-p1 -R", "-p 1"])
def test_what_quilt_would_apply_in_another_way(tmp_path: Path, options: str) -> None:
    folder = files(tmp_path / "p", a=DIFF)
    (folder / "series").write_text(f"a.patch {options}\n")
    error = refused(tmp_path, folder)
    assert f"{folder}/series: a.patch {options}: only -p1 is applied" in error.brief
    assert error.hint


def test_a_series_cannot_name_what_is_outside(tmp_path: Path) -> None:
    folder = files(tmp_path / "p", a=DIFF)
    (tmp_path / "secret").write_bytes(DIFF)
    (folder / "link.patch").symlink_to(tmp_path / "secret")
    for name in ("../secret", "/etc/passwd", "a/../../secret", "link.patch"):
        (folder / "series").write_text(f"{name}\n")
        assert "outside its folder" in refused(tmp_path, folder).brief
    (folder / "series").unlink()
    assert f"{folder}/link.patch is outside its folder" in refused(tmp_path, folder).brief


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = files(tmp_path / "p", a=DIFF)
    os.mkfifo(folder / "b.patch")
    assert f"{folder}/b.patch is no file" in refused(tmp_path, folder).brief
    (folder / "b.patch").unlink()
    (folder / "b.patch").symlink_to("b.patch")
    assert f"{folder}/b.patch cannot be read" in refused(tmp_path, folder).brief


def test_a_series_that_names_what_is_not_there(tmp_path: Path) -> None:
    folder = files(tmp_path / "p", a=DIFF)
    (folder / "series").write_text("a.patch\nb.patch\n")
    assert f"{folder}/b.patch cannot be read: No such file" in refused(tmp_path, folder).brief


@pytest.mark.parametrize("listing", [None, "", "# a.patch\n"])
def test_a_folder_without_a_patch(tmp_path: Path, listing: str | None) -> None:
    folder = files(tmp_path / "p")
    (folder / "README").write_text("no patch")
    if listing is not None:
        (folder / "series").write_text(listing)
    error = refused(tmp_path, folder)
    assert error.brief == f"variants: mine: no patch in {folder}"
    assert ".patch" in error.hint


def test_a_mailbox_gives_its_series_in_order(tmp_path: Path) -> None:
    box = mail("[PATCH 2/2] two", diff("two")) + mail("[PATCH 1/2] one", diff("one"))
    (tmp_path / "x.mbox").write_bytes(box)
    first, second = read(tmp_path, tmp_path / "x.mbox")
    assert (first.name, second.name) == ("[PATCH 1/2] one", "[PATCH 2/2] two")
    assert diff("one") in first.text
    assert first.where == f"{tmp_path}/x.mbox: [PATCH 1/2] one"


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["thread.mbox", "am.mbx"])
def test_a_packed_mailbox_is_the_same(tmp_path: Path, suffix: str, pack: object, name: str) -> None:
    assert callable(pack)
    (tmp_path / f"{name}.{suffix}").write_bytes(pack((GOLDEN / name).read_bytes()))
    found = read(tmp_path, tmp_path / f"{name}.{suffix}")
    assert [patch.text for patch in found] == [patch.text for patch in read(tmp_path, GOLDEN / name)]
    assert len(found) == 3


def test_a_packed_patch(tmp_path: Path) -> None:
    (tmp_path / "one.patch.gz").write_bytes(gzip.compress(DIFF))
    (patch,) = read(tmp_path, tmp_path / "one.patch.gz")
    assert (patch.name, patch.text) == ("one.patch.gz", DIFF)


def test_a_damaged_mailbox(tmp_path: Path) -> None:
    (tmp_path / "x.mbox.gz").write_bytes(gzip.compress((GOLDEN / "thread.mbox").read_bytes())[:-400])
    assert f"{tmp_path}/x.mbox.gz: damaged gzip data" in refused(tmp_path, tmp_path / "x.mbox.gz").brief


def test_a_mailbox_with_a_part_missing(tmp_path: Path) -> None:
    (tmp_path / "x.mbox").write_bytes(mail("[PATCH 2/2] two"))
    assert "lacks 1/2" in refused(tmp_path, tmp_path / "x.mbox").brief


@pytest.mark.parametrize("line", ["Content-Transfer-Encoding: quoted-printable", "content-transfer-encoding: Base64"])
def test_a_saved_mail_is_decoded(tmp_path: Path, line: str) -> None:
    body = (quopri.encodestring if "quoted" in line else base64.encodebytes)(diff("a=b"))
    head = f"From: a@example.org\nSubject: [PATCH] one\nMIME-Version: 1.0\n{line}\n\n"
    (tmp_path / "one.eml").write_bytes(head.encode() + body)
    (patch,) = read(tmp_path, tmp_path / "one.eml")
    assert diff("a=b") in patch.text


def test_a_folder_that_git_format_patch_wrote(tmp_path: Path) -> None:
    origin = repositories.new(tmp_path / "origin")
    repositories.commit(origin, "base", {"file": "0\n"})
    texts = [f"{number}\n" * number for number in (1, 2, 3)]
    for number, text in enumerate(texts, 1):
        body = f'part {number}\n\nAbout it:\n@@ -1,2 +3,4 @@ is quoted\n\nFixes: 012345678901 ("base")'
        repositories.commit(origin, body, {"file": text, f"new{number}": text})
    words = ["--quiet", "--cover-letter", "--output-directory", "../out", "HEAD~3"]
    repositories.git(origin, "format-patch", *words)
    assert (tmp_path / "out" / "0000-cover-letter.patch").is_file()
    found = read(tmp_path, tmp_path / "out")
    assert [patch.name for patch in found] == [f"000{number}-part-{number}.patch" for number in (1, 2, 3)]
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "file").write_text("0\n")
    for patch in found:
        subprocess.run(["git", "apply", "-"], cwd=tmp_path / "copy", input=patch.text, check=True)
    assert (tmp_path / "copy" / "file").read_text() == texts[-1]
    assert (tmp_path / "copy" / "new3").read_text() == texts[-1]
    (alone,) = read(tmp_path, tmp_path / "out" / "0002-part-2.patch")
    assert alone.text == found[1].text


def test_a_file_of_several_commits_is_a_series(tmp_path: Path) -> None:
    box = mail("[PATCH 1/2] one", diff("one"), sender=COMMIT) + mail("[PATCH 2/2] two", diff("two"), sender=COMMIT)
    (tmp_path / "x.patch").write_bytes(box)
    assert [patch.name for patch in read(tmp_path, tmp_path / "x.patch")] == ["[PATCH 1/2] one", "[PATCH 2/2] two"]


def test_a_range_of_a_repository(tmp_path: Path) -> None:
    origin = repositories.new(tmp_path / "origin")
    repositories.commit(origin, "base", {"file": "0\n"})
    sha = repositories.commit(origin, "one: a change", {"file": "1\n"})
    (patch,) = read(tmp_path, GitRange(origin, "HEAD~1..HEAD"))
    assert patch.name == f"{sha[:12]} one: a change"
    assert patch.where == f"{origin} {sha[:12]} one: a change"
    assert b"-0\n+1\n" in patch.text


def test_all_kinds_keep_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    origin = repositories.new(tmp_path / "origin")
    repositories.commit(origin, "base", {"file": "0\n"})
    repositories.commit(origin, "from git", {"file": "1\n"})
    folder = files(tmp_path / "p", a=diff("a"), b=diff("b"))
    (tmp_path / "x.mbox").write_bytes(mail("[PATCH] from a mail"))
    found = read(tmp_path, folder / "b.patch", GitRange(origin, "HEAD~1.."), folder, tmp_path / "x.mbox")
    assert [patch.name.split(" ")[-1] for patch in found] == ["b.patch", "git", "a.patch", "b.patch", "x.mbox"]


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "big.patch").open("wb") as stream:
        stream.truncate(series.FILE_LIMIT + 1)
    assert "is larger than" in refused(tmp_path, tmp_path / "big.patch").brief


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.patch").touch(mode=0)
    assert "Permission denied" in refused(tmp_path, tmp_path / "secret.patch").brief
