from __future__ import annotations

import base64
import gzip
import hashlib
import random
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import observe, proof
from pipeline.model import Ending, Ladder
from tests import frames
from tests.frames import BOUND, HOST_LOG, HYPERV, NONCE, OPTIONS

OTHER = "f" * 32


def test_round_trip() -> None:
    found = proof.extract(frames.console(), NONCE)
    assert found
    assert not found.damaged
    assert found.lines("vmbus") == (BOUND["vmbus"].strip(),)
    assert found.lines("nothing") == ()


def test_a_frame_with_another_nonce_is_noise() -> None:
    assert proof.extract(frames.console(nonce=OTHER), NONCE) is None


def test_a_forged_frame_before_the_real_one_changes_nothing() -> None:
    forged = frames.frame({**BOUND, "vmbus": "forged\n"}, OTHER)
    found = proof.extract(forged + frames.console(), NONCE)
    assert found
    assert "forged" not in found.lines("vmbus")


@pytest.mark.parametrize("forged", [f"hvmatrix:{NONCE}:begin", f"x hvmatrix:{NONCE}:begin", "hvmatrix::begin"])
def test_markers_alone_prove_nothing(forged: str) -> None:
    text = f"{forged}\nhvmatrix:{NONCE}:end:{'0' * 64}\n".encode()
    found = proof.extract(text, NONCE)
    assert found is None or found.damaged


def test_damage_is_named() -> None:
    good = frames.console()
    broken_off = proof.extract(good[: good.rindex(b"hvmatrix:")], NONCE)
    interleaved = proof.extract(good.replace(b":begin\r\n", b":begin\r\n[ 5.0] a late message\r\n"), NONCE)
    assert broken_off
    assert "breaks off" in broken_off.damaged
    assert interleaved
    assert "checksum" in interleaved.damaged


def test_all_that_the_guest_gathers_is_kept() -> None:
    script = (Path(__file__).resolve().parent.parent / "containers" / "guest" / "init").read_text()
    assert set(re.findall(r"\$e/(\w+)", script)) == proof.NAMES


def test_a_bomb_is_refused() -> None:
    text = base64.encodebytes(gzip.compress(b"\0" * (proof.EVIDENCE_LIMIT + 1)))
    lines = f"hvmatrix:{NONCE}:begin\n".encode() + text
    lines += f"hvmatrix:{NONCE}:end:{hashlib.sha256(text).hexdigest()}\n".encode()
    found = proof.extract(lines, NONCE)
    assert found
    assert "larger" in found.damaged


def _framed(members: list[tarfile.TarInfo]) -> proof.Proof:
    """What is taken of an archive with these members, each without its data, in a frame that is right."""
    data = b"".join(member.tobuf(tarfile.GNU_FORMAT) for member in members) + bytes(2 * tarfile.BLOCKSIZE)
    text = base64.encodebytes(gzip.compress(data))
    end = f"hvmatrix:{NONCE}:end:{hashlib.sha256(text).hexdigest()}\n".encode()
    found = proof.extract(f"hvmatrix:{NONCE}:begin\n".encode() + text + end, NONCE)
    assert found
    return found


def _member(kind: bytes) -> tarfile.TarInfo:
    made = tarfile.TarInfo("dmesg")
    made.type = kind
    return made


@pytest.mark.parametrize("kind", [
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
])  # fmt: skip
def test_a_header_that_speaks_of_the_next_member_is_refused(kind: bytes) -> None:
    found = _framed([_member(kind), _member(tarfile.REGTYPE)])
    assert "cannot be read" in found.damaged
    assert f"type {kind!r}" in found.damaged


@pytest.mark.parametrize("kind", [
    tarfile.GNUTYPE_SPARSE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE,
])  # fmt: skip
def test_only_a_plain_file_is_evidence(kind: bytes) -> None:
    assert "dmesg" not in _framed([_member(kind)]).files
    assert _framed([_member(tarfile.REGTYPE)]).files == {"dmesg": ()}


def test_only_known_files_are_taken_and_escapes_removed() -> None:
    found = proof.extract(frames.console({"../../etc/passwd": "x", "dmesg": "\x1b[31mred\x1b[0m\x07\n"}), NONCE)
    assert found
    assert list(found.files) == ["dmesg"]
    assert found.lines("dmesg") == ("red",)


def _mutated(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    kind = chance.randrange(6)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:
        chance.shuffle(lines)
    elif kind == 2:
        lines.insert(at, f"hvmatrix:{chance.choice([NONCE, OTHER])}:{chance.choice(['begin', 'end:0'])}".encode())
    elif kind == 3:
        lines[at] = chance.randbytes(20)
    elif kind == 4:
        del lines[at]
    else:
        lines[at] = lines[at][::-1]
    return b"\n".join(lines)


@pytest.mark.parametrize("block", range(5))
def test_no_mutated_log_raises_or_climbs(block: int) -> None:
    good = frames.console()
    whole = frames.frame(BOUND).strip()
    for seed in range(block * 400, block * 400 + 400):
        data = _mutated(good, seed)
        found = observe.observe(frames.boot_run(ending=Ending.EXITED), data, HOST_LOG, HYPERV, OPTIONS)
        intact = whole.replace(b"\r", b"") in data.replace(b"\r", b"")
        assert found.ladder is Ladder.NONE or intact, f"seed {seed}: {found}"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_no_proof(data: bytes) -> None:
    found = observe.observe(frames.boot_run(), data, HOST_LOG, HYPERV, OPTIONS)
    assert found.ladder is Ladder.NONE
    assert not found.complete


def test_a_frame_whose_first_line_is_torn_was_begun_all_the_same() -> None:
    begin = f"hvmatrix:{frames.NONCE}:begin".encode()
    torn = frames.console().replace(begin, begin[:20] + b"[    5.0] a message\r\n" + begin[20:])
    found = proof.extract(torn, frames.NONCE)
    assert found
    assert found.damaged == "the guest's evidence has no beginning"
    assert proof.extract(torn.replace(frames.NONCE.encode(), b"another"), frames.NONCE) is None


def test_halves_of_surrogate_pairs_reach_no_terminal() -> None:
    assert proof.clean("a\udcff\ud800b") == "ab"
