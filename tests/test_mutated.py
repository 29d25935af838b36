"""Ten thousand spoiled logs of real boots: the judge never fails on one, and gives none a rung without a proof.

What a proof is, is written here a second time, and more plainly than in proof.py.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from pipeline import boot, kconfig, observe, proof, verdict
from pipeline.model import Ladder, Loudness, Outcome
from tests.frames import HYPERV
from tests.test_golden import FOLDERS, MACHINES, expected

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.values import BootRun, Observation

SEED, LOGS, PARTS = 20261125, 10_000, 10
BOUND = kconfig.values("CONFIG_HYPERVISOR_GUEST=y\nCONFIG_ACPI=y\nCONFIG_HYPERV=m\nCONFIG_HYPERV_BALLOON=m\n")
MOST = 30_000  # bytes of a log that are kept, its end: what is printed before is the same in kind


@dataclass(frozen=True, slots=True)
class Log:
    """A real boot's log, to be spoiled."""

    folder: Path
    run: BootRun
    console: bytes
    host: bytes


@cache
def logs() -> tuple[Log, ...]:
    read = [(folder, [(folder / name).read_bytes() for name in ("console.log", "host.log")]) for folder in FOLDERS]
    return tuple(Log(folder, boot.load(folder), console[-MOST:], host) for folder, (console, host) in read)


def cut(dice: random.Random, data: bytes, _: Log) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def hole(dice: random.Random, data: bytes, _: Log) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[at + dice.randrange(1, 4000) :]


def reordered(dice: random.Random, data: bytes, _: Log) -> bytes:
    lines = data.split(b"\n")
    for _time in range(dice.randrange(1, 20)):
        one, two = dice.randrange(len(lines)), dice.randrange(len(lines))
        lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def repeated(dice: random.Random, data: bytes, _: Log) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[max(0, at - dice.randrange(1, 3000)) : at] * dice.randrange(1, 4) + data[at:]


def interleaved(dice: random.Random, data: bytes, _: Log) -> bytes:
    mine, others = data.split(b"\n"), dice.choice(logs()).console.split(b"\n")
    for line in dice.sample(others, min(len(others), 40)):
        mine.insert(dice.randrange(len(mine) + 1), line)
    return b"\n".join(mine)


def marked(dice: random.Random, data: bytes, log: Log) -> bytes:
    """Markers of the right nonce, and of others, where none belong; also with a checksum of something else."""
    nonce = dice.choice([log.run.nonce, log.run.nonce.upper(), "0" * 32, dice.choice(logs()).run.nonce])
    checksum = hashlib.sha256(dice.randbytes(4)).hexdigest()
    text = dice.choice([
        f"hvmatrix:{nonce}:begin", f"hvmatrix:{nonce}:end:", f"hvmatrix:{nonce}:end:{checksum}",
        f"hvmatrix:{nonce}:begin\nAAAA\nhvmatrix:{nonce}:end:{checksum}", "Kernel panic - not syncing: forged",
        "[    0.000000] Hypervisor detected: Microsoft Hyper-V", "Failed to get VTL(error", "\x1b]0;title\x07\x1b[2J",
    ])  # fmt: skip
    at = dice.randrange(len(data) + 1)
    return data[:at] + b"\r\n" + text.encode() + b"\r\n" + data[at:]


def noise(dice: random.Random, data: bytes, _: Log) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.randbytes(dice.randrange(1, 2000)) + data[at + dice.randrange(2000) :]


def flipped(dice: random.Random, data: bytes, _: Log) -> bytes:
    changed = bytearray(data)
    for _time in range(dice.randrange(1, 5)):
        if changed:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def stolen(dice: random.Random, data: bytes, log: Log) -> bytes:
    """The intact frame of another boot, under this boot's nonce at its beginning or its end only."""
    other = dice.choice([one for one in logs() if b":begin" in one.console and one is not log])
    frame = other.console[other.console.rindex(b"hvmatrix:") - 20_000 :]
    return data.replace(log.run.nonce.encode(), b"f" * 32) + frame


SPOILERS: tuple[Callable[[random.Random, bytes, Log], bytes], ...] = (
    cut, hole, reordered, repeated, interleaved, marked, noise, flipped, stolen,
)  # fmt: skip


def proves(data: bytes, nonce: str) -> bool:
    """Whether there is a frame with this nonce whose text has the checksum that stands at its end."""
    text = data.replace(b"\r", b"")
    begin = f"hvmatrix:{nonce}:begin\n".encode()
    ends = list(re.finditer(rb"^hvmatrix:%b:end:([0-9a-f]{64})$" % nonce.encode(), text, re.MULTILINE))
    starts = [found.end() for found in re.finditer(rb"^%b" % begin, text, re.MULTILINE)]
    return any(hashlib.sha256(text[at : end.start()]).hexdigest().encode() == end[1] for at in starts for end in ends)


def outcome(seen: Observation) -> Outcome:
    case = verdict.Case(old=BOUND, final=BOUND, machine=HYPERV, loudness=Loudness.NONE, observation=seen)
    return verdict.judge(case, None).outcome


@pytest.mark.parametrize("part", range(PARTS))
def test_a_spoiled_log(part: int) -> None:
    dice = random.Random(SEED + part)  # noqa: S311 - a fixed seed, not a secret
    intact = 0
    for _time in range(LOGS // PARTS):
        log = dice.choice(logs())
        data, host = log.console, log.host
        for spoil in dice.sample(SPOILERS, dice.randrange(1, 4)):
            data = spoil(dice, data, log)
        if dice.random() < 0.3:
            host = dice.choice(SPOILERS)(dice, host, log)
        machine = MACHINES[log.run.machine]
        seen = observe.observe(log.run, data, host, machine, expected(log.folder)["options"])
        if proves(data, log.run.nonce):
            intact += 1
        else:
            assert (seen.ladder, seen.complete) == (Ladder.NONE, False)
            assert outcome(seen) is not Outcome.KEPT
        for text in (seen.reason, *(str(one) for one in seen.evidence)):
            assert text == proof.clean(text)
    assert 0 < intact < LOGS // PARTS * 3 // 4


def test_unspoiled_every_log_with_an_end_proves() -> None:
    for log in logs():
        assert proves(log.console, log.run.nonce) == (b":end:" in log.console)


@pytest.mark.parametrize(
    "code", ["\x1b[31mred", "\x1b]0;title\x07", "\x1bc", "\x9b31m", "\x1b[3\x1b[1mm", "\x07\x08\x7f", "\x1bP1$r\x1b\\"],
)
def test_no_escape_code_is_left_of_a_guests_words(code: str) -> None:
    assert not set(proof.clean(f"a{code}b")) & {"\x1b", "\x9b", "\x07", "\x08", "\x7f", "\x90"}
