"""What tests of hostile input share: a budget that the suite can afford, and an end to what hangs."""

from __future__ import annotations

import os
import signal
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# HVMATRIX_FUZZ multiplies the examples and draws new ones; the suite's own are the same in every run.
MORE = int(os.environ.get("HVMATRIX_FUZZ", "0"))
HANGS = 10  # seconds; what is tried takes milliseconds


def budget(examples: int, **more: Any) -> settings:
    """The settings of a property: so many examples, the same ones each time unless HVMATRIX_FUZZ is set."""
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(
        max_examples=examples * max(MORE, 1), deadline=None, derandomize=not MORE, database=None,
        suppress_health_check=slow, **more,
    )  # fmt: skip


@contextmanager
def within(seconds: int = HANGS) -> Iterator[None]:
    """Fail when the block takes longer, also where it never comes back to its caller."""

    def late(*_: object) -> None:
        raise AssertionError(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def member(kind: int, size: int, name: str = "dmesg", data: bytes = b"") -> bytes:
    """A header as tar writes it, with any size in it, and what follows it."""
    head = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT)[:512])
    head[156] = kind
    head[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    head[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(head))[0]  # type: ignore[attr-defined]
    return bytes(head) + data + b"\0" * (-len(data) % 512)
