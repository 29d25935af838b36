from __future__ import annotations

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import mbox
from pipeline.errors import UserError
from tests.mails import DIFF, THREAD, diff, mail, refused, texts


@pytest.mark.parametrize(("mails", "words"), [
    ([b""], "an empty file"),
    ([b" \n\n"], "an empty file"),
    ([b"<!doctype html>\n<title>wait</title>"], "a web page, not a mailbox"),
    ([b"just words"], "no patch in it"),
    ([bytes(range(256)) * 9], "no patch in it"),
    ([gzip.compress(THREAD)[:-20]], "damaged gzip data"),
    ([gzip.compress(b"#" * mbox.SIZE_LIMIT + b"#")], "more than 64 MiB"),
    ([b"#" * (mbox.SIZE_LIMIT + 1)], "too large"),
    ([mail("[PATCH] a")] * (mbox.MESSAGE_LIMIT + 1), "1001 messages, of at most 1000"),
    ([mail("[PATCH 0/1] a")], "no patch in it\nsome.mbox: message 1: [PATCH 0/1] a"),
    ([mail("[PATCH] a", b"no diff")], "no patch in it"),
    ([mail("[PATCH 1/3] a"), mail("[PATCH 0/3] c")], "lacks 2/3, 3/3\nthere is\nsome.mbox: message 2: [PATCH 0/3] c"),
    ([mail("[PATCH 1/2] a"), mail("[PATCH 2/2] b", b"gone")], "lacks 2/2\nthere is"),
    ([mail("[PATCH 1/2] a"), mail("[PATCH 2/2] b", b"gone")], "message 2, no diff: [PATCH 2/2] b"),
    ([mail("[PATCH 1/1] a"), mail("[PATCH v2 0/2] b", b"cover")], "lacks 1/2, 2/2\n"),
    ([mail("[PATCH 1/99] a")], "19/99, 20/99, 21/99, ... and 78 more\n"),
    ([b"Subject: [PATCH 2/3] a\n\n" + DIFF], "lacks 1/3, 3/3\n"),
    ([mail("[PATCH 1/1] a"), mail("[PATCH 2/1] b")], "message 2: a part beyond the last: [PATCH 2/1] b"),
    ([DIFF, mail("[PATCH] a")], "a diff before its first message"),
    ([mail("[PATCH] a", head="Content-Type: message/rfc822\n\n" * 3000)], "message 1: 3000 messages in a message"),
    ([mail("[PATCH] a", head="Content-Type: message/rfc822\r\r" * 500)], "message 1: 500 messages in a message"),
])  # fmt: skip
def test_what_is_refused_and_why(mails: list[bytes], words: str) -> None:
    assert words in refused(*mails)


@pytest.mark.parametrize(("one", "other"), [
    (["[PATCH 1/1] a"], ["[PATCH 1/1] b"]),
    (["[PATCH v2 1/2] a", "[PATCH v2 2/2] b"], ["[PATCH v2 1/2] c", "[PATCH v2 2/2] d"]),
    (["[PATCH 0/2] a", "[PATCH 1/2] a"], ["[PATCH 0/2] b", "[PATCH 2/2] b"]),
    (["[PATCH 1/1] a"], ["[PATCH 1/2] b", "[PATCH 2/2] b"]),
    (["[PATCH] a"], ["[PATCH] b"]),
    (["[PATCH v2 1/1] a"], ["[PATCH v2.1 1/1] b"]),
])  # fmt: skip
def test_two_series_are_refused_by_name(one: list[str], other: list[str]) -> None:
    mails = [mail(subject, diff(subject[-1]), ident=subject) for subject in one + other]
    said = refused(*mails)
    assert "two series, and neither is a newer version" in said
    assert f"message 1: {one[0]}\n" in said
    assert f": {other[0]}\n" in said


@given(st.permutations([0, 1, 2, 3, 4, 5]), st.lists(st.integers(0, 5)))
def test_no_order_and_no_copy_changes_a_series(order: list[int], again: list[int]) -> None:
    mails = [mail(f"[PATCH v2 {number}/5] t", diff(str(number)), ident=str(number)) for number in range(6)]
    assert texts(*(mails[number] for number in order + again)) == texts(*mails)


@given(st.lists(st.integers(1, 6), min_size=1, unique=True))
def test_a_series_is_whole_or_refused(numbers: list[int]) -> None:
    mails = b"".join(mail(f"[PATCH {number}/6] t", diff(str(number))) for number in numbers)
    if len(numbers) == 6:
        assert len(mbox.series(mails, "x")) == 6
    else:
        lacking = ", ".join(f"{number}/6" for number in range(1, 7) if number not in numbers)
        assert f"lacks {lacking}\n" in refused(mails)


@given(st.binary())
def test_any_bytes_are_refused_at_most(data: bytes) -> None:
    starts = (b"", b"\x1f\x8b\x08", b"Subject: ", mail("[PATCH] a", head="Content-Type: ")[:-1], mail("a") + b"From ")
    for start in starts:
        with suppress(UserError):
            mbox.series(start + data, "x")


TAGS = st.text(st.sampled_from("[]PATCHv12/ :=?qbRe\u00e9\x00\r"), max_size=30)
HEADS = st.lists(st.sampled_from([
    "Content-Type: multipart/mixed; boundary=b", "Content-Type: text/plain; charset=\u00e9",
    "Content-Type: message/rfc822", "Content-Type: text/html",
    "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable", "Message-ID: <\udc80>",
    "Content-Transfer-Encoding: x-uuencode", "Subject: =?utf-8?b?a?=", "Content-Type: ;;=", " folded", "no header",
]), max_size=4)  # fmt: skip
LINES = [DIFF, b"--b\n", b"--b--\n", b"@@ -1 +1 @@\n", b"begin 644 x\n", b"\xff\0=ZZ\n", b"> "]
BODIES = st.lists(st.sampled_from(LINES), max_size=6)


@given(st.lists(st.tuples(TAGS, HEADS, BODIES), max_size=4))
def test_any_messages_are_refused_at_most(drawn: list[tuple[str, list[str], list[bytes]]]) -> None:
    start = b"From a@z Thu Jan  1 00:00:00 1970\nSubject: "
    heads = ["\n".join([tags, *head]).encode("utf-8", "surrogateescape") for tags, head, _ in drawn]
    data = b"".join(start + head + b"\n\n" + b"".join(body) for head, (_, _, body) in zip(heads, drawn, strict=True))
    with suppress(UserError):
        for patch in mbox.series(data, "x"):
            assert patch.subject.isprintable()
            assert patch.subject
            assert DIFF.strip() in patch.text


@given(st.data())
def test_real_mailboxes_cut_and_damaged_are_refused_at_most(data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(THREAD)))
    for damaged in (THREAD[:end], THREAD[:end] + data.draw(st.binary(min_size=1, max_size=9)) + THREAD[end + 1 :]):
        with suppress(UserError):
            assert len(mbox.series(damaged, "x")) <= 3
