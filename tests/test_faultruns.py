"""The checks of the disturbed runs (faults.py): what they must not let pass."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests import faultpage, faults
from tests.faultkinds import BEFORE, FAULTS, STAGES, damage
from tests.faultpage import Ledger, Tried
from tests.faultplace import Place
from tests.faultruns import BEGINS, HEARD, WAITS, Done

if TYPE_CHECKING:
    from pathlib import Path

PASS = {
    "status": "PASS", "outcome": "kept", "class": "", "loudness": "none", "observed": "bound",
    "artifacts": {"bzImage": "12"}, "reason": "", "kernel": "k",
}  # fmt: skip
OURS = {**PASS, "status": "ERROR", "outcome": "unknown", "observed": None, "artifacts": {}, "reason": "disk full"}
FINE = Done(0, 10.0, "all well\n", None)
ENDS = frozenset({0, 69})


def wrong(*, whole: bool, done: Done = FINE, **got: dict[str, Any]) -> list[str]:
    return faults.wrong({"a": PASS, "b": PASS}, got, done, ENDS, whole=whole)


def test_the_same_verdicts_are_right() -> None:
    assert wrong(whole=True, a=PASS, b=PASS) == []
    assert wrong(whole=False, a=PASS) == []
    assert wrong(whole=False, a=PASS, b=OURS, done=replace(FINE, status=69)) == []


@pytest.mark.parametrize(("key", "value"), [
    ("status", "FAIL"), ("outcome", "lost"), ("class", "NO_BOOT"), ("loudness", "silent"), ("observed", "booted"),
    ("artifacts", {"bzImage": "13"}),
])  # fmt: skip
def test_another_verdict_is_wrong_in_any_run(key: str, value: object) -> None:
    for whole in (True, False):
        (found,) = wrong(whole=whole, a={**PASS, key: value}, b=PASS)
        assert found == f"a: {key} {value}"


def test_an_undisturbed_run_may_leave_nothing_out() -> None:
    assert wrong(whole=True, a=PASS) == ["b: missing"]
    assert "b: status ERROR" in wrong(whole=True, a=PASS, b=OURS)


def test_a_cell_that_nobody_asked_for_is_wrong() -> None:
    assert wrong(whole=False, c=PASS)


@pytest.mark.parametrize(("done", "told"), [
    (replace(FINE, status=1), "exit 1"), (replace(FINE, status=-9), "exit -9"),
    (replace(FINE, text="Traceback (most recent call last):\n"), "a traceback"),
])  # fmt: skip
def test_an_end_that_may_not_be(done: Done, told: str) -> None:
    assert wrong(whole=False, a=PASS, b=PASS, done=done) == [told]


def test_an_error_has_a_cause() -> None:
    assert wrong(whole=False, a={**OURS, "reason": ""}) == ["a: ERROR without a cause"]


def test_each_fault_is_done_where_it_can_be() -> None:
    assert set(BEGINS) == set(WAITS) == set(STAGES)
    assert all(set(fault.stages) <= {BEFORE, *STAGES} for fault in FAULTS.values())
    assert all(1 not in fault.exits for fault in FAULTS.values())


def test_each_fault_has_its_turn() -> None:
    dice = random.Random(1)  # noqa: S311 - to be repeated
    found = faults.asked(["a", "b", "c"], 7, dice)
    assert [sorted(found[:3]), sorted(found[3:6])] == [["a", "b", "c"]] * 2
    assert len(found) == 7


def test_a_judge_has_begun_when_four_boots_are_over() -> None:
    line = "[  9s] boot v6.12/off-n on hyperv: nested, proof in 5 s\n[  9s] boot v6.12/off-n on bare: started\n"
    assert BEGINS["judge"].search(line * 4)
    assert not BEGINS["judge"].search(line * 3)


def test_a_damaged_file_is_another(tmp_path: Path) -> None:
    at = Place(tmp_path, random.Random(7))  # noqa: S311 - to be repeated
    path = tmp_path / "file"
    seen = set()
    for _ in range(50):
        path.write_bytes(b"0123456789")
        damage(at, path)
        seen.add(path.read_bytes())
    assert b"0123456789" not in seen
    assert {0, 10} < {len(data) for data in seen}


def test_the_page_counts_what_was_wrong() -> None:
    one = Tried("SIGINT", "build", 1.5, replace(FINE, status=130), FINE, 900, [])
    two = replace(one, wrong=["a: outcome lost"])
    ledger = Ledger(60.0, 800, done=[one, two])
    text = faultpage.page(ledger)
    assert faultpage.page(faultpage.loaded(json.loads(json.dumps(faultpage.saved(ledger))))) == text
    assert "2 runs, 1 of them not right" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| SIGINT |")]
    assert "1 of 2" in row
    assert "| 2 | SIGINT | build + 1.5 s | 130 after 10 s | 10 s | 900 MiB | a: outcome lost |" in text


def test_a_fault_that_finds_nothing_says_so(tmp_path: Path) -> None:
    at = Place(tmp_path, random.Random(1))  # noqa: S311 - to be repeated
    for name in ("a container is killed", "QEMU is killed", "memory limit", "kill -9 of the engine", "SIGINT"):
        assert not FAULTS[name].do(at), name


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler on this machine")
def test_a_jump_moves_the_wall_clock_alone(tmp_path: Path) -> None:
    at = Place(tmp_path, random.Random(1))  # noqa: S311 - to be repeated
    at.tell("-86400")
    code = "import time; a = time.monotonic(); time.sleep(0.05); print(time.monotonic() - a < 5, time.time())"
    moved = {**os.environ, "LD_PRELOAD": str(at.preload()), "HVMATRIX_CLOCK": str(at.clock)}
    done = subprocess.run([sys.executable, "-c", code], env=moved, capture_output=True, text=True, check=True)
    slept, now = done.stdout.split()
    assert slept == "True"
    assert abs(float(now) + 86400 - time.time()) < 60


def test_signals_are_heard_also_where_a_shell_had_them_ignored() -> None:
    code = "import signal; print(*[signal.getsignal(one) is signal.SIG_IGN for one in (1, 2, 15)])"
    deaf = ["env", "--ignore-signal=INT,HUP,TERM", *HEARD, sys.executable, "-c", code]
    assert subprocess.run(deaf, capture_output=True, text=True, check=True).stdout == "False False False\n"
