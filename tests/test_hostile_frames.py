"""Evidence that a hostile guest frames with its nonce and a right checksum: it may say anything, and break nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import lzma
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import compactrun, observe, postmortem, proof
from pipeline.errors import UserError
from pipeline.model import Ending, Ladder
from tests import frames
from tests.hostile import budget, member, within

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.values import Observation

MIB = 2**20
KINDS = b"0123457gxXLKSVDMN\0"
SIZES = st.sampled_from([0, 1, 512, -1, -512, -1024, -1536, -2048, 2**33, 2**62, 2**63, 2**80])
NAMES = st.sampled_from([*sorted(proof.NAMES), "x", "../dmesg", "/etc/passwd", "", "dmesg/", "a" * 99])


def framed(packed: bytes) -> bytes:
    """What a guest would print of these bytes, whatever they are."""
    text = base64.encodebytes(packed)
    start = f"\nhvmatrix:{frames.NONCE}:begin\n".encode()
    return start + text + f"hvmatrix:{frames.NONCE}:end:{hashlib.sha256(text).hexdigest()}\n".encode()


def judged(console: bytes) -> Observation:
    with within():
        run = frames.boot_run(ending=Ending.EXITED)
        return observe.observe(run, console, frames.HOST_LOG, frames.HYPERV, frames.OPTIONS)


PAX = st.sampled_from([
    b"13 size=-512\n", b"20 GNU.sparse.map=1\n", b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n", b"9 path=a\n",
    b"-1 a=b\n", b"0 =\n", b"99999999999999999999 a=b\n", b"14 mtime=inf\n", b"25 GNU.sparse.realsize=-9\n", b"\xff\n",
])  # fmt: skip
MEMBERS = st.lists(
    st.builds(member, st.sampled_from(KINDS), SIZES, NAMES, st.one_of(PAX, st.binary(max_size=600))), max_size=5,
)  # fmt: skip


@budget(300)
@given(MEMBERS)
@example([member(ord("0"), 0, "uname"), member(ord("0"), -512)])  # tarfile read the second header for ever
@example([member(ord("0"), 0, "uname"), member(ord("V"), -512)])  # the same, and the list of members filled the memory
@example([member(ord("0"), 2**80)])  # OverflowError
@example([member(ord("S"), 2**63)])  # OverflowError, in a seek
@example([member(ord("x"), 13, "pax", b"13 size=-512\n"), member(ord("0"), 0)])
def test_any_members_are_evidence_or_damage(members: list[bytes]) -> None:
    found = judged(framed(gzip.compress(b"".join(members) + bytes(1024), 1)))
    assert found.ladder in {Ladder.NONE, Ladder.BOOTED}  # a real kernel's words are in none of them
    assert found.complete is not (found.failure_class == "EVIDENCE_DAMAGED")


@budget(200)
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=2000).map(lambda data: gzip.compress(data, 1))))
def test_any_bytes_in_a_right_frame_are_damage(data: bytes) -> None:
    found = judged(framed(data))
    assert found.ladder in {Ladder.NONE, Ladder.BOOTED}


@budget(150)
@given(st.data())
def test_a_real_archive_with_bytes_changed_never_climbs_beyond_it(data: st.DataObject) -> None:
    packed = bytearray(gzip.decompress(base64.b64decode(b"".join(frames.frame(frames.BOUND).split(b"\r\n")[2:-2]))))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(packed) - 1), st.integers(0, 255)), max_size=8)):
        packed[at] = value
    found = judged(framed(gzip.compress(bytes(packed), 1)))
    assert Ladder.BOUND.reaches(found.ladder)


@budget(150)
@given(st.lists(st.one_of(
    st.binary(max_size=80), st.sampled_from(frames.console().split(b"\n")),
    st.sampled_from([b"hvmatrix:", b":begin", b":end:", frames.NONCE.encode(), b"Kernel panic - not syncing: x"]),
), max_size=40), st.sampled_from([b"\n", b"", b"\r\n"]))  # fmt: skip
def test_pieces_of_a_real_console_in_any_order_prove_nothing(pieces: list[bytes], between: bytes) -> None:
    console = between.join(pieces)
    found = judged(console)
    proved = proof.extract(console, frames.NONCE)
    assert found.ladder is Ladder.NONE or (proved is not None and not proved.damaged)


@pytest.mark.parametrize("text", [b"a\n", b"\n", b"Linux version ", b"[ ", b"\x1b[", b"x: ", b"Oops: ", b"\x1b[0m\xff"])
def test_a_flood_is_read_in_time(text: bytes) -> None:
    flood = text * (4 * MIB // len(text))
    with within(60):  # 3 s on two cores of 2026; by the square of its length it would take hours
        run = frames.boot_run(ending=Ending.FLOODED)
        found = postmortem.examine(run, flood, b"host: start\n" + flood[:MIB], proof.extract(flood, frames.NONCE))
    assert (found.ladder, found.complete) == (Ladder.NONE, False)


@budget(150)
@given(MEMBERS)
@example([member(ord("0"), 2**80, "run.json")])  # OverflowError
@example([member(ord("0"), 0, "run.json"), member(ord("0"), -512, "cells/v/c/p/t/m/record.json")])
def test_a_packed_run_of_any_members_is_refused(tmp_path: Path, members: list[bytes]) -> None:
    path = tmp_path / "run.tar.xz"
    path.write_bytes(lzma.compress(b"".join(members) + bytes(1024), preset=0))
    with within(), pytest.raises(UserError), compactrun.opened(path):
        pass


def test_the_archive_that_a_guest_writes_is_still_read() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name, kind in (("dmesg", tarfile.REGTYPE), ("paths", tarfile.DIRTYPE), ("acpi", tarfile.SYMTYPE)):
            one = tarfile.TarInfo(name)
            one.type, one.size = kind, 3 if kind == tarfile.REGTYPE else 0
            made.addfile(one, io.BytesIO(b"a\nb"))
    found = proof.extract(framed(gzip.compress(buffer.getvalue())), frames.NONCE)
    assert found == proof.Proof({"dmesg": ("a", "b")})
