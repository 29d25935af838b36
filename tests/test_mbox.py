from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import quopri
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pipeline import mbox
from tests.mails import COMMIT, DIFF, GOLDEN, THREAD, diff, mail, refused, subjects, texts

if TYPE_CHECKING:
    from pathlib import Path

TITLES = [
    "drivers: hv: Kconfig: Make HYPERV a bool", "drivers: hv: Add CONFIG_HYPERV_VMBUS",
    "drivers: hv: Let the drivers depend on the bus",
]  # fmt: skip


@pytest.mark.parametrize("name", ["thread.mbox", "am.mbx", "format-patch.mbox"])
def test_git_applies_what_each_tool_wrote(name: str, tmp_path: Path) -> None:
    patches = mbox.series((GOLDEN / name).read_bytes(), name)
    assert [patch.subject for patch in patches] == [f"[PATCH v2 {n}/3] {title}" for n, title in enumerate(TITLES, 1)]
    shutil.copytree(GOLDEN / "tree", tmp_path, dirs_exist_ok=True)
    for patch in patches:
        subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch.text, check=True)
    after = GOLDEN / "after" / "drivers" / "hv"
    for path in (tmp_path / "drivers" / "hv").iterdir():
        assert path.read_bytes() == (after / path.name).read_bytes()
    assert (tmp_path / "drivers" / "hv" / "logo.bin").read_bytes() == b"\0\1\xffbus\n"


def test_a_thread_has_its_messages_in_any_order() -> None:
    where = [patch.where for patch in mbox.series(THREAD, "t.mbox")]
    assert where == ["t.mbox: message 9", "t.mbox: message 11", "t.mbox: message 8"]


def test_the_commit_message_stays_as_it_was_written() -> None:
    first, second, _ = texts(THREAD)
    assert b"\n\nFrom now on a configuration with HYPERV=m is not valid.\n" in first
    assert "which Žofie asked for".encode() in second
    assert b"\r" not in second


def test_an_older_version_stands_alone_once_the_newer_one_is_gone() -> None:
    kept = [part for part in re.split(rb"(?m)^(?=From mboxrd)", THREAD) if b"\nMessage-ID: <v2-" not in part]
    assert subjects(*kept) == [f"[PATCH {n}/3] {title}" for n, title in enumerate(TITLES, 1)]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_packed_mailbox(pack: type[bytes]) -> None:
    assert texts(pack(THREAD)) == texts(THREAD)


def test_a_mailbox_with_carriage_returns() -> None:
    unpacked = [text for text in texts(THREAD) if b"GIT binary" not in text]
    assert [text for text in texts(THREAD.replace(b"\n", b"\r\n")) if b"GIT binary" not in text] == unpacked


def test_a_patch_of_a_file_with_carriage_returns_keeps_them() -> None:
    body = DIFF.replace(b"new\n", b"new\r\n")
    assert texts(mail("[PATCH] a", body)) == [body + b"\n"]
    assert texts(body) == [body]
    assert texts(DIFF.replace(b"\n", b"\r\n")) == [DIFF]


@pytest.mark.parametrize("subject", [
    "[PATCH] a title", "[PATCH v2] a title", "[PATCH 1/1] a title", "a title", "[RFC] a title", "[PATCHv3] a title",
    "[PATCH net-next v10 RESEND 1/1] a title", "[hyperv] [PATCH] a title", "[PATCH 6.1/6.12] a title",
    "[PATCH] sv: a title", "[PATCH] hv: [a] title",
])  # fmt: skip
def test_a_series_of_one(subject: str) -> None:
    assert subjects(mail(subject)) == [subject]


@pytest.mark.parametrize("form", [
    "[PATCH {}/12] t", "[PATCH v2 RESEND {}/12] t", "[RFC PATCH net-next {}/12] t", "[PATCH v3 {:02}/12] t",
    "[v2,{}/12] t", "[PATCH 6.1 {:03}/012] t", "[RFC][PATCH {}/12] t",
])  # fmt: skip
def test_the_forms_of_a_number(form: str) -> None:
    mails = [mail(form.format(number), diff(str(number))) for number in range(12, -1, -1)]
    assert subjects(*mails) == [form.format(number) for number in range(1, 13)]


@pytest.mark.parametrize(("older", "newer"), [
    ("[PATCH] a", "[PATCH v2] a"), ("[PATCH v9] a", "[PATCH v10] a"), ("[PATCH V2] a", "[PATCHv3] a"),
    ("[PATCH] ipv6: v9 a", "[RFC v2] a"), ("[PATCH ipv6] a", "[PATCH-v2] a"), ("[v2,1/1] a", "[v3,1/1] a"),
])  # fmt: skip
def test_the_highest_version_counts(older: str, newer: str) -> None:
    assert subjects(mail(older), mail(newer)) == [newer]
    assert subjects(mail(newer), mail(older)) == [newer]


def test_what_was_sent_again_counts_over_what_was_sent_before() -> None:
    again = mail("[PATCH RESEND 2/2] b", diff("again"), ident="3")
    thread = [mail("[PATCH 1/2] a", ident="1"), mail("[PATCH 2/2] b", ident="2"), again]
    assert subjects(*thread) == ["[PATCH 1/2] a", "[PATCH RESEND 2/2] b"]


def test_of_the_same_message_twice_the_first_counts() -> None:
    footer = DIFF + b"-- \n2.39.5\n\n___\nthe list's own words\n"
    patches = mbox.series(mail("[PATCH] a", ident="1") + mail("[PATCH] a", footer, ident="1"), "x")
    assert [patch.where for patch in patches] == ["x: message 1"]
    assert subjects(mail("[PATCH] a", DIFF + b"-- \n2.39.5\n", ident="1"), mail("[PATCH] a", footer)) == ["[PATCH] a"]


@pytest.mark.parametrize("subject", ["Re: [PATCH] a", "RE: a", "Aw: [PATCH] a", "Fwd: [PATCH] a", "[X] Re: [PATCH] a"])
def test_a_reply_is_no_patch(subject: str) -> None:
    assert subjects(mail("[PATCH] a"), mail(subject, diff("other"))) == ["[PATCH] a"]
    assert "no patch in it" in refused(mail(subject))


def test_a_quoted_diff_is_no_patch() -> None:
    quoted = b"".join(b"> " + line + b"\n" for line in DIFF.splitlines())
    assert "no patch in it" in refused(mail("[PATCH] a", b"On Monday Ada wrote:\n" + quoted))


def test_a_message_without_a_subject_is_a_series_of_one() -> None:
    assert subjects(mail("").replace(b"Subject: \n", b"To: all\n")) == ["(no subject)"]


def test_a_bot_that_sends_the_diff_is_no_series() -> None:
    assert subjects(mail("[PATCH 1/1] a"), mail("[tip: x86/hyperv] a", diff("other")), mail("a is in the tree")) == [
        "[PATCH 1/1] a"
    ]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_encodings(encoding: str, charset: str) -> None:
    body = "Grüße\n\n".encode(charset) + diff("größer = 1").decode().encode(charset)
    encode = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(encoding, bytes)
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n"
    assert [text.rstrip() for text in texts(mail("[PATCH] a", encode(body), head=head))] == [body.rstrip()]


def test_a_body_that_cannot_be_decoded_is_no_patch() -> None:
    broken = mail("[PATCH 1/2] a", DIFF + b"-b\n", head="Content-Transfer-Encoding: base64\n")
    assert "lacks 1/2\nthere is\nsome.mbox: message 1, no diff: [PATCH 1/2] a" in refused(broken, mail("[PATCH 2/2] b"))


def test_a_subject_in_several_lines_and_encodings() -> None:
    folded = "=?utf-8?q?=5BPATCH_1/1=5D_Gr=C3=BC?=\n =?iso-8859-1?q?=DFe?=\n and more"
    assert subjects(mail(folded)) == ["[PATCH 1/1] Grüße and more"]
    assert subjects(mail("[PATCH] Grüße")) == ["[PATCH] Grüße"]
    assert subjects(mail("[PATCH] =?klingon?q?a?= \x1b[31m")) == ["[PATCH] =?klingon?q?a?= [31m"]


def test_an_attached_patch_counts_and_html_does_not() -> None:
    head = 'Content-Type: multipart/mixed; boundary="b"\n'
    html = b"--b\nContent-Type: text/html\n\n" + diff("html") + b"\n"
    attached = b"--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
    body = b"--b\n\nsee below\n" + html + attached + base64.encodebytes(DIFF) + b"--b--\n"
    assert texts(mail("[PATCH] a", body, head=head)) == [b"see below\n" + DIFF]


def test_a_hunk_in_the_message_does_not_stop_git(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    (text,) = texts(mail("[PATCH] a", b"It was\n@@ -1 +1 @@\n-older\n+old\nbefore.\n---\n" + DIFF))
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=text, check=True)
    assert (tmp_path / "a").read_text() == "new\n"


@pytest.mark.parametrize("line", [b">From here", b">>From there", b"From now on, 12:30", b"From a Jan 1 00:00:00 1970"])
def test_a_line_that_looks_like_a_separator(line: bytes) -> None:
    (text,) = texts(mail("[PATCH] a", line + b"\n\n" + DIFF))
    assert text.startswith(line.removeprefix(b">") + b"\n")


@pytest.mark.parametrize(("above", "subject"), [
    (b"", "fix.patch"), (b"\n A fix\nfor all\n---\n", "A fix"), (b"Description: a fix\n", "Description: a fix"),
    (b"From: Ada\nSubject: [PATCH] a fix\n\n", "[PATCH] a fix"), (b"Index: a\n====\n", "Index: a"),
])  # fmt: skip
def test_a_patch_file_is_a_series_of_one(above: bytes, subject: str) -> None:
    (patch,) = mbox.series(above + DIFF, "fix.patch")
    assert (patch.subject, patch.where) == (subject, "fix.patch")
    assert patch.text.endswith(DIFF)


def test_a_patch_without_git_s_own_line() -> None:
    plain = DIFF.partition(b"\n")[2]
    assert texts(plain) == [plain]
    assert "no patch in it" in refused(plain.partition(b"@@")[0])


def test_commits_without_numbers_are_in_their_order() -> None:
    mails = [mail(f"[PATCH] {word}", diff(word), sender=COMMIT) for word in ("first", "second", "last")]
    assert subjects(*mails) == ["[PATCH] first", "[PATCH] second", "[PATCH] last"]
    kept = [mail(word, diff(word), sender=COMMIT) for word in ("hv: a", "[PATCH] hv: b", "re: c")]
    assert subjects(*kept) == ["hv: a", "[PATCH] hv: b", "re: c"]
    said = refused(*(one.replace(b"Sep 17", b"Sep 18") for one in mails))
    assert "message 1: [PATCH] first\n" in said
    assert "message 2: [PATCH] second\n" in said
