from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import mbox
from pipeline.errors import UserError

GOLDEN = Path(__file__).parent / "golden" / "mbox"
THREAD = (GOLDEN / "thread.mbox").read_bytes()
DIFF = b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-old\n+new\n"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def mail(subject: str, body: bytes = DIFF, *, ident: str = "", head: str = "", sender: str = "mboxrd@z") -> bytes:
    """One message of a mailbox, as an archive has it; from a commit it has the date that git gives to all."""
    date = "Mon Sep 17 00:00:00 2001" if sender == COMMIT else "Thu Jan  1 00:00:00 1970"
    ident = f"Message-ID: <{ident}>\n" if ident else ""
    return f"From {sender} {date}\n{ident}Subject: {subject}\n{head}\n".encode() + body + b"\n"


def diff(word: str) -> bytes:
    return DIFF.replace(b"new", word.encode())


def subjects(*mails: bytes) -> list[str]:
    return [patch.subject for patch in mbox.series(b"".join(mails), "x")]


def texts(*mails: bytes) -> list[bytes]:
    return [patch.text for patch in mbox.series(b"".join(mails), "x")]


def refused(*mails: bytes, name: str = "some.mbox") -> str:
    with pytest.raises(UserError) as caught:
        mbox.series(b"".join(mails), name)
    assert caught.value.hint
    assert name in caught.value.brief
    return str(caught.value)
