"""A mailbox as b4 and mailing-list archives give it -> the ordered patches of the one series in it.

Pure: bytes in, values out. Never picks between two series, and never gives one of which a part is missing.
"""

from __future__ import annotations

import email
import re
from contextlib import suppress
from dataclasses import dataclass
from email import errors, header
from typing import TYPE_CHECKING

from pipeline import mailbounds, unpacked
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from email.message import Message

SIZE_LIMIT = 64 * 2**20
MESSAGE_LIMIT = 1000
# A separator has a time and a year, by which git mailsplit too tells it from a sentence, and a header follows it.
_FROM = re.compile(rb"^From (?=[^\n]{,200}\d:\d\d[^\n]{,40} \d{4})([^\n]{,300})\n(?=[!-9;-~]{1,80}:)", re.MULTILINE)
_COMMIT = re.compile(rb"[0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\s*")  # git-format-patch(1): the date is always this
_MANGLED = re.compile(rb"^>(>*From )", re.MULTILINE)  # mboxrd, and mboxo, of which it is the first step
_HEADER = re.compile(rb"[!-9;-~]{1,80}:[ \t]")
_DIFF = re.compile(rb"^(?:diff --git \S|--- [^\n]+\n\+\+\+ [^\n]+\n@@ -\d)", re.MULTILINE)
_HUNK = re.compile(rb"^(?=@@ -)", re.MULTILINE)
_BRACKETS = re.compile(r"\s*((?:\[[^\]]*\]\s*)+)")
_REPLY = re.compile(r"\s*(?:re|aw|fwd?|antw|sv)(?:\[\d+\])?\s*:", re.IGNORECASE)
_TAG = re.compile(r"patch|rfc|resend", re.IGNORECASE)
_VERSION = re.compile(r"(?<![a-z0-9])(?:patch|rfc)?[-_]?v(\d{1,4})(?!\w)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w./])(\d{1,4})/(\d{1,4})(?![\w./])")
_FIELD, _SHOWN = 2000, 200  # letters of a header that are decoded, and shown
_LISTED = 20
_UNNAMED = "(no subject)"
_HINT = "give the file that `b4 am MESSAGE-ID` writes, or the mbox.gz of the series' thread"


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch of a series: its subject with [PATCH ...], what `git apply` takes, and the message it came from."""

    subject: str
    text: bytes
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mail:
    """A message: its decoded text, where the diff in it begins (-1: none), and what its subject says."""

    where: str
    subject: str
    ident: str
    text: bytes
    diff: int
    committed: bool
    reply: bool
    tagged: bool
    resent: bool
    version: int
    number: int
    total: int  # 0: the subject has no number


def series(data: bytes, name: str) -> tuple[Patch, ...]:
    """The patches of the one series in a mailbox or a patch file, in their order; the name is for messages.

    Read are what `b4 am` and `git format-patch` write, a thread with its replies and its older versions, one message,
    and a patch without a header; as they are, or in gzip, xz, zstd or bzip2. Of several versions the highest counts, of
    several messages with one Message-ID the first. Texts are decoded from their transfer encoding and their charset is
    kept, as in git-mailinfo(1). Raises UserError, and nothing but it, when the file holds no patch, when parts are
    missing, and for two series of which neither is the newer one.
    """
    data = _opened(data, name)
    marks = list(_FROM.finditer(data))
    if len(marks) > MESSAGE_LIMIT:
        raise UserError(f"{name}: {len(marks)} messages, of at most {MESSAGE_LIMIT}", hint=_HINT)
    if not marks:
        return _patches([_alone(data, name)], name)
    if _DIFF.search(data, 0, marks[0].start()):
        raise UserError(f"{name}: a diff before its first message", hint="give that patch as a file of its own")
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    bodies = [data[mark.end() : end] for mark, end in zip(marks, ends, strict=True)]
    spans = [(f"{name}: message {number}", body) for number, body in enumerate(bodies, 1)]
    mailbounds.check(spans)
    commits = (bool(_COMMIT.fullmatch(mark[1])) for mark in marks)
    return _patches([_mail(text, at, committed=next(commits)) for at, text in spans], name)


def _opened(data: bytes, name: str) -> bytes:
    if packing := unpacked.kind(data):
        data = unpacked.whole(data, packing, SIZE_LIMIT, name)
    if len(data) > SIZE_LIMIT:
        raise UserError(f"{name}: {len(data)} bytes is too large for a mailbox", hint=_HINT)
    if not data.strip():
        raise UserError(f"{name}: an empty file", hint=_HINT)
    if data.lstrip().startswith(b"<"):
        raise UserError(f"{name}: a web page, not a mailbox", hint=_HINT)
    return data


def _alone(data: bytes, name: str) -> _Mail:
    """A file without separators: a message as it was saved, or a patch with or without text above it."""
    if _HEADER.match(data):
        mailbounds.check([(name, data)])
        mail = _mail(data, name)
        if mail.subject != _UNNAMED:
            return mail
    text = _unix(data)
    diff = _DIFF.search(text)
    lines = text[: diff.start() if diff else 0].decode("utf-8", "replace").splitlines()
    subject = next((shown for line in lines if (shown := _shown(line))), name)
    return _read(subject, text, where=name, ident="", committed=False)


def _mail(data: bytes, where: str, *, committed: bool = False) -> _Mail:
    if data.partition(b"\n")[0].endswith(b"\r"):  # so lines ended on the way; git mailsplit drops it, too
        data = data.replace(b"\r\n", b"\n")
    try:
        message = email.message_from_bytes(_MANGLED.sub(rb"\1", data))
        subject, ident, text = _field(message, "subject") or _UNNAMED, _field(message, "message-id"), _body(message)
    except (errors.MessageError, LookupError, ValueError, RecursionError) as error:
        hint = "take this message out of the file, or have it sent once more"
        raise UserError(f"{where}: it cannot be decoded", details=str(error), hint=hint) from error
    return _read(subject, _unix(text), where=where, ident=ident, committed=committed)


def _read(subject: str, text: bytes, *, where: str, ident: str, committed: bool) -> _Mail:
    """What a subject says: [PATCH v2 RESEND 02/13], in the brackets that it begins with."""
    match = _BRACKETS.match(subject)
    tags = match[1] if match else ""
    number = _NUMBER.search(tags)
    total = int(number[2]) if number else 0
    version = _VERSION.search(tags)
    tagged = bool(total or _TAG.search(tags))
    diff = _DIFF.search(text)
    return _Mail(
        where=where, subject=subject, ident=ident, text=text, diff=diff.start() if diff else -1, committed=committed,
        reply=not tagged and bool(_REPLY.match(subject, len(tags))), tagged=tagged, resent="resend" in tags.lower(),
        version=int(version[1]) if version else 1, number=int(number[1]) if number and total else 1, total=total,
    )  # fmt: skip


def _field(message: Message, name: str) -> str:
    """A header's text, decoded as far as it can be; empty when the message has none."""
    raw = next((str(value)[:_FIELD] for key, value in message.raw_items() if key.lower() == name), "")
    text = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    with suppress(errors.MessageError, LookupError, ValueError):  # what is no encoding is shown as it stands
        text = str(header.make_header(header.decode_header(text)))
    return _shown(text)


def _shown(text: str) -> str:
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(words.split())[:_SHOWN]


def _body(message: Message) -> bytes:
    """The text of a message and the patches attached to it, decoded, without its HTML."""
    bodies = []
    for part in message.walk():
        body = part.get_payload(decode=True)
        # of base64 that it cannot decode, the library returns the letters
        whole = not any(isinstance(defect, errors.InvalidBase64LengthDefect) for defect in part.defects)
        if isinstance(body, bytes) and whole and part.get_content_subtype() != "html":
            bodies += [body] if part.get_content_maintype() == "text" or _DIFF.search(body) else []
    return b"\n".join(bodies)


def _unix(text: bytes) -> bytes:
    """The text with LF alone, when each of its lines ends with CR and LF; a patch of such a file has both kinds."""
    return text.replace(b"\r\n", b"\n") if text.count(b"\r\n") == text.count(b"\n") else text


def _patches(mails: Sequence[_Mail], name: str) -> tuple[Patch, ...]:
    return tuple(Patch(mail.subject, _text(mail), mail.where) for mail in _ordered(_newest(mails, name), name))


def _text(mail: _Mail) -> bytes:
    """What git apply takes: a hunk that the message quotes above the first diff is indented, or it would be refused."""
    text = _HUNK.sub(b" ", mail.text[: mail.diff]) + mail.text[mail.diff :]
    return text if text.endswith(b"\n") else text + b"\n"


def _newest(mails: Sequence[_Mail], name: str) -> list[_Mail]:
    """The messages of the highest version, without replies; bots send diffs, too, but no [PATCH]."""
    own = [mail for mail in mails if (mail.committed or not mail.reply) and (mail.total or mail.diff >= 0)]
    own = [mail for mail in own if mail.committed or mail.tagged] or own
    if not any(mail.number and mail.diff >= 0 for mail in own):
        details = _list(f"{mail.where}: {mail.subject}" for mail in mails if mail.where != name)
        raise UserError(f"{name}: no patch in it", details=details, hint=_HINT)
    version = max(mail.version for mail in own)
    return [mail for mail in own if mail.version == version]


def _ordered(mails: Sequence[_Mail], name: str) -> list[_Mail]:
    """One message for each number of the series."""
    total = mails[0].total
    other = next((mail for mail in mails if mail.total != total), None)
    if other:
        raise _two(mails[0], other, name)
    if not total and all(mail.committed for mail in mails):
        return list(mails)  # git format-patch --no-numbered writes commits in their order
    numbers = sorted({mail.number for mail in mails})
    chosen = {number: _one([mail for mail in mails if mail.number == number], name) for number in numbers}
    last = total or 1
    beyond = next((mail for number, mail in chosen.items() if number > last), None)
    if beyond:
        raise UserError(f"{beyond.where}: a part beyond the last: {beyond.subject}", hint="take it out of the file")
    missing = [number for number in range(1, last + 1) if number not in chosen or chosen[number].diff < 0]
    if missing:
        there = [f"{mail.where}{', no diff' * (mail.diff < 0)}: {mail.subject}" for mail in chosen.values()]
        lacking = _list((f"{number}/{total}" if total else "a diff" for number in missing), ", ")
        hint = "let `b4 am MESSAGE-ID` put it together, or give one patch without its mail's header to try that alone"
        raise UserError(f"{name}: its series lacks {lacking}", details=f"there is\n{_list(there)}", hint=hint)
    return [chosen[number] for number in range(1, last + 1)]


def _one(mails: Sequence[_Mail], name: str) -> _Mail:
    """Of the messages with one number the one that counts: sent again, with a diff, the first."""
    found = [mail for mail in mails if mail.resent] or mails
    found = [mail for mail in found if mail.diff >= 0] or found
    other = next((mail for mail in found if not _same(mail, found[0])), None)
    if other:
        raise _two(found[0], other, name)
    return found[0]


def _same(one: _Mail, other: _Mail) -> bool:
    if one.ident and one.ident == other.ident:
        return True
    if one.number and one.diff >= 0:
        first, second = (mail.text[mail.diff :].partition(b"\n-- \n")[0] for mail in (one, other))
        return first == second
    return one.subject == other.subject


def _two(one: _Mail, other: _Mail, name: str) -> UserError:
    details = _list(f"{mail.where}: {mail.subject}" for mail in (one, other))
    return UserError(f"{name}: two series, and neither is a newer version", details=details, hint=_HINT)


def _list(words: Iterable[str], between: str = "\n") -> str:
    found = list(words)
    more = [f"... and {len(found) - _LISTED} more"] * (len(found) > _LISTED)
    return between.join(found[:_LISTED] + more)
