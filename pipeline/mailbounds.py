"""What a message may have before Python's email package is let at it.

Pure. That package reads each line once for every multipart around it, and makes an object of every part and header:
a mailbox of some megabytes can keep it busy for hours. Limits are far above what mail programs write of patches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER_LIMIT = 64 * 2**10  # bytes
NESTED_LIMIT = 10  # multiparts and forwarded messages in one message
PARTED_LIMIT = 2 * 2**20  # bytes of all messages of a file that have parts
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_PARTED = re.compile(rb"(?:^|\r)content-type:\s*(?:multipart|message)/", re.MULTILINE | re.IGNORECASE)


def check(messages: Iterable[tuple[str, bytes]]) -> None:
    """Refuse messages (where they are, and their bytes) that would take too long. Raises UserError."""
    hint = "take this message out of the file, or save the patch in it as a file of its own"
    parted = 0
    for where, data in messages:
        end = _HEADER_END.search(data, 0, HEADER_LIMIT)
        if not end and len(data) > HEADER_LIMIT:
            raise UserError(f"{where}: a header of more than {HEADER_LIMIT >> 10} KiB", hint=hint)
        nested = len(_PARTED.findall(data))
        if nested > NESTED_LIMIT:
            raise UserError(f"{where}: {nested} messages in a message, of at most {NESTED_LIMIT}", hint=hint)
        parted += len(data) if nested else 0
        if parted > PARTED_LIMIT:
            raise UserError(f"{where}: attachments of more than {PARTED_LIMIT >> 20} MiB", hint=hint)
