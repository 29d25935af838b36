"""A run folder made by the store from real boots, and judged from its files alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import boot, intent, kconfig, record, replay, showing, store
from pipeline.errors import UserError
from pipeline.model import Cell, Config, DirectorySource, Expectation, Intent, Ladder, Machine, Outcome, Variant
from pipeline.record import State
from pipeline.values import Artifact, Change, Resolution
from tests.frames import BARE, HYPERV

GOLDEN = Path(__file__).resolve().parent / "golden" / "boots"


def resolved(old: str, final: str, *changes: Change, declared: tuple[str, ...] = ()) -> Resolution:
    return Resolution(
        old=old, final=final, commands=(), stdout="", stderr="", exit_status=0, seconds=1.0, changes=changes,
        declared=declared,
    )  # fmt: skip


def state(golden: str, machine: Machine, ladder: Ladder, outcome: Outcome | None = None) -> State:
    """A finished cell whose boot is a real one."""
    options = json.loads((GOLDEN / golden / "expect.json").read_text())["options"]
    text = "".join(f"{kconfig.line(symbol, value)}\n" for symbol, value in options.items())
    source = DirectorySource(name="s", path=Path("/nowhere"))
    cell = Cell(
        variant=Variant(name=golden, source=source), config=Config(name="c", base=Path("x")), policy="olddefconfig",
        toolchain="gcc", machine=machine,
    )  # fmt: skip
    claim = Expectation(cells="*", where="here:1", ladder=ladder, outcome=outcome)
    made = State(cell=cell, expectation=claim, old=text)
    made.resolution = resolved(text, text)
    made.boot = boot.load(GOLDEN / golden)
    made.artifact = Artifact(image=Path("bzImage"), release=made.boot.release, modules={})
    return made


def controls() -> list[State]:
    return [
        state("v6.12-distro-m", HYPERV, Ladder.BOUND), state("v6.12-builtin-y-bare", BARE, Ladder.BOOTED),
        state("v6.12-off-n", HYPERV, Ladder.DETECTED),
    ]  # fmt: skip


def write(folder: Path, cells: list[State], checks: list[State], planned: str = "boot") -> None:
    store.write_run(folder, cells, checks, {"exit_status": None})
    for kind, states in (("cells", cells), ("controls", checks)):
        for one in states:
            store.write_cell(folder / kind / one.cell.name, one, planned)


def test_a_good_run(tmp_path: Path) -> None:
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND, Outcome.KEPT)], controls())
    found = replay.judge_run(tmp_path)
    assert found.void == ""
    assert found.cells[0].verdict.outcome is Outcome.KEPT
    records = store.write_verdicts(tmp_path, found)
    assert showing.exit_status(records) == 0
    assert showing.judge(tmp_path) == 0
    dmesg = tmp_path / "cells/v7.3-builtin-y/c/olddefconfig/gcc/hyperv/dmesg.txt"
    number = int(records[0]["evidence"][0].split(":")[1])
    assert "Hypervisor detected: Microsoft Hyper-V" in dmesg.read_text().splitlines()[number - 1]


def test_a_bare_control_that_shows_hyperv_voids(tmp_path: Path) -> None:
    checks = controls()
    checks[1] = state("v6.12-distro-m", BARE, Ladder.BOOTED)
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], checks)
    assert "must reach booted and shows bound" in replay.judge_run(tmp_path).void


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_each_wrong_control_voids(tmp_path: Path, wrong: int) -> None:
    checks = controls()
    checks[wrong].expectation = Expectation(cells="*", where="controls", ladder=Ladder.OFFERED)
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], checks)
    found = replay.judge_run(tmp_path)
    assert "must reach offered" in found.void
    assert showing.judge(tmp_path) == 69


def test_a_control_that_was_not_booted_voids(tmp_path: Path) -> None:
    checks = controls()
    checks[0].boot = None
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], checks)
    assert "not finished" in replay.judge_run(tmp_path).void


def test_a_cell_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    cut = state("v7.3-builtin-y", HYPERV, Ladder.BOUND, Outcome.KEPT)
    cut.boot = cut.artifact = None
    write(tmp_path, [cut], controls())
    found = replay.judge_run(tmp_path).cells[0].verdict
    assert (found.status, found.outcome) == ("ERROR", "unknown")
    assert "not finished: the run ended after resolve stage, boot was planned" in found.reason


def test_what_changed_after_the_run_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], controls())
    store.write_verdicts(tmp_path, replay.judge_run(tmp_path))
    note = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**note, "exit_status": 0}))
    console = tmp_path / "cells/v7.3-builtin-y/c/olddefconfig/gcc/hyperv/console.log"
    console.write_bytes(console.read_bytes().replace(b":end:", b":fin:"))
    assert showing.judge(tmp_path) == 69
    assert "DIFFERS from the saved verdicts" in capfd.readouterr().out


CELL = "cells/v7.3-builtin-y/c/olddefconfig/gcc/hyperv"


@pytest.mark.parametrize("spoil", ["run.json", f"{CELL}/record.json", f"{CELL}/boot.json"])
@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"cells": [], "controls": 3}'])
def test_a_damaged_record_is_one_clear_error(tmp_path: Path, spoil: str, text: str) -> None:
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], controls())
    (tmp_path / spoil).write_text(text)
    with pytest.raises(UserError):
        showing.judge(tmp_path)


def test_a_log_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], controls())
    (tmp_path / CELL / "console.log").unlink()
    with pytest.raises(UserError, match="its boot is damaged"):
        showing.judge(tmp_path)


def test_a_record_says_what_it_must(tmp_path: Path) -> None:
    one = state("v7.3-builtin-y", HYPERV, Ladder.BOUND)
    write(tmp_path, [one], controls())
    found = json.loads((tmp_path / "cells" / one.cell.name / "record.json").read_text())
    wanted = (
        "schema cell source variant config policy toolchain machine requested resolved declared changes intent lost "
        "loudness refused slim kernel reused planned reached predicted required observed outcome class status reason "
        "evidence seconds tools"
    )
    assert set(wanted.split()) <= set(found)
    assert found["status"] == "ERROR"  # until it is judged


def test_reached() -> None:
    one = state("v7.3-builtin-y", HYPERV, Ladder.BOUND)
    assert one.reached == "boot"
    assert replace(one, boot=None).reached == "build"
    assert record.State(cell=one.cell, expectation=None).reached == ""


NET = Change(symbol="HYPERV_NET", asked="m", got="-", kind="dependency", cause="depends on X", parents=("X",))
SPLIT = ("HYPERV", "HYPERV_VMBUS")


def only(folder: Path, one: State, planned: str = "boot") -> replay.Judged:
    write(folder, [one], [], planned)
    return replay.judge_run(folder).cells[0]


def test_an_option_that_is_lost_is_so_on_replay_too(tmp_path: Path) -> None:
    one = state("v7.3-builtin-y", HYPERV, Ladder.BOUND)
    one.resolution = resolved(one.old, one.old, NET)
    one.options = {"HYPERV_NET": kconfig.Option("HYPERV_NET", "m", "base.config:7")}
    found = only(tmp_path, one)
    assert (found.verdict.outcome, found.verdict.failure_class) == (Outcome.LOST, "OPTION_LOST")
    assert (found.record["lost"], found.record["loudness"]) == (["HYPERV_NET"], "silent")
    (change,) = found.record["changes"]
    assert (change["asked_at"], change["parents"], change["kind"]) == ("base.config:7", ["X"], "dependency")
    assert found.record["intent"] == {"name": "hyperv", "symbols": dict(intent.HYPERV.symbols)}


def test_another_intent_is_replayed_as_it_was_meant(tmp_path: Path) -> None:
    one = state("v7.3-builtin-y", HYPERV, Ladder.BOUND)
    one.resolution = resolved(one.old, one.old, NET)
    one.intent = Intent(name="own", symbols=(("HYPERV", Ladder.CORE),))
    found = only(tmp_path, one)
    assert (found.record["lost"], found.verdict.outcome, found.verdict.required) == ([], Outcome.KEPT, Ladder.CORE)


@pytest.mark.parametrize(("declared", "rung"), [(SPLIT, Ladder.CORE), (SPLIT[:1], Ladder.OFFERED)])
def test_what_the_tree_declares_and_hides_is_off(tmp_path: Path, declared: tuple[str, ...], rung: Ladder) -> None:
    one = state("v7.3-builtin-y", HYPERV, Ladder.BOUND)
    one.boot = one.artifact = None
    one.resolution = resolved(one.old, "CONFIG_HYPERVISOR_GUEST=y\nCONFIG_ACPI=y\nCONFIG_HYPERV=y\n", declared=declared)
    assert only(tmp_path, one, "resolve").verdict.predicted is rung


def test_a_policy_that_left_no_config_is_refused_on_replay_too(tmp_path: Path) -> None:
    one = state("v7.3-builtin-y", HYPERV, Ladder.BOUND)
    one.boot = one.artifact = None
    one.resolution = replace(resolved(one.old, ""), exit_status=1)
    found = only(tmp_path, one)
    assert (found.verdict.outcome, found.verdict.failure_class) == (Outcome.LOST, "REFUSED")
    assert found.record["loudness"] == "refused"


WRONG: dict[str, list[object]] = {
    "changes": [None, 3, "x", [{}], {"x": 1}], "intent": [None, 3, "x", {"name": "x", "symbols": {"A": "high"}}],
    "lost": [None, 3], "declared": [None, 3], "machine": [None, {}, {"x": 1}], "loudness": [None, "loud"],
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_record_with_another_value_in_it_is_one_clear_error(tmp_path: Path, key: str, value: object) -> None:
    write(tmp_path, [state("v7.3-builtin-y", HYPERV, Ladder.BOUND)], [])
    path = tmp_path / CELL / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError, match="damaged"):
        showing.judge(tmp_path)
