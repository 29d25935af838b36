from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import console
from pipeline.console import Timers
from pipeline.errors import HostError
from pipeline.model import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Timers(silence=1.5, cap=6)


@contextmanager
def guest(script: str) -> Iterator[socket.socket]:
    """A shell script at the far end of a socket."""
    ours, theirs = socket.socketpair()
    out = theirs.fileno()
    process = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ("echo 'Kernel panic - not syncing: VFS'", Ending.EXITED),
        ("echo booting; sleep 60", Ending.SILENT),
        ("sleep 60", Ending.SILENT),
        ("while :; do echo tick; sleep 0.3; done", Ending.CAPPED),
        ("while :; do printf .; sleep 0.3; done", Ending.CAPPED),
    ],
)
def test_endings(tmp_path: Path, script: str, ending: Ending) -> None:
    with guest(script) as end:
        assert console.watch(end, log=tmp_path / "log", last_line=b"never", timers=QUICK) is ending
    assert (tmp_path / "log").exists()


def test_every_byte_is_kept(tmp_path: Path) -> None:
    with guest("printf 'one\\r\\ntwo\\033[31m\\r\\nno newline at the end'") as end:
        console.watch(end, log=tmp_path / "log", last_line=b"never", timers=QUICK)
    assert (tmp_path / "log").read_bytes() == b"one\r\ntwo\x1b[31m\r\nno newline at the end"


def test_a_guest_that_stays_after_its_last_line_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(console, "GOODBYE_SECONDS", 0.5)
    started = time.monotonic()
    with guest("echo the end:abc; sleep 60") as end:
        patient = Timers(silence=30, cap=60)
        assert console.watch(end, log=tmp_path / "log", last_line=b"the end", timers=patient) is Ending.EXITED
    assert time.monotonic() - started < 10


def test_a_flood_is_cut_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "FLOOD", 100_000)
    with guest("yes flood") as end:
        found = console.watch(end, log=tmp_path / "log", last_line=b"never", timers=Timers(silence=5, cap=30))
    assert found is Ending.FLOODED
    assert (tmp_path / "log").stat().st_size < 300_000


def test_lines_are_told_as_they_come(tmp_path: Path) -> None:
    told: list[str] = []
    with guest("echo one; echo two") as end:
        console.watch(end, log=tmp_path / "log", last_line=b"never", timers=QUICK, line=told.append)
    assert told == ["one", "two"]


def test_a_disk_that_takes_no_more_is_our_fault() -> None:
    said = "cannot write /dev/full: No space left"
    with guest("echo booting; sleep 60") as end, pytest.raises(HostError, match=said):
        console.watch(end, log=Path("/dev/full"), last_line=b"never", timers=QUICK)


def test_a_console_whose_file_cannot_be_made_is_our_fault(tmp_path: Path) -> None:
    with guest("echo booting") as end, pytest.raises(HostError, match="cannot write"):
        console.watch(end, log=tmp_path / "gone" / "log", last_line=b"never", timers=QUICK)


def test_evidence_is_not_shown_as_what_a_guest_said() -> None:
    said: list[str] = []
    line = console.outside(said.append, "frame:begin", "frame:end:")
    for text in ("Linux version", "frame:begin", "ctCPcVLFias", "frame:end:0123", "reboot: Power down", "frame:end:x"):
        line(text)
    assert said == ["Linux version", "reboot: Power down", "frame:end:x"]
