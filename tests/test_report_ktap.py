"""The kernel's own parser reads what is written for it; it is executed where a tree's scripts are, in a container."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from pipeline import reporting, treestore
from pipeline.container import Limits
from tests import reportruns

if TYPE_CHECKING:
    from pipeline.engine import Engine
    from pipeline.reportrun import Report

pytestmark = pytest.mark.boot  # after the tests that bring a kernel tree
# Newer trees hand a printer in; the older ones have one of their own, which prints to the standard output.
SCRIPT = """\
import inspect, json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import kunit_parser, kunit_printer
lines = open("/work/out.ktap", encoding="utf-8").read().splitlines()
words = inspect.signature(kunit_parser.parse_run_tests).parameters
more = [kunit_printer.Printer(sys.stderr)] if len(words) > 1 else []
found = kunit_parser.parse_run_tests(lines, *more)
tests = [[one.name, one.status.name] for one in found.subtests]
print("\\n" + json.dumps({"tests": tests, "errors": found.counts.errors}))
"""
STATUS = {"PASS": "SUCCESS", "SKIP": "SKIPPED", "FAIL": "FAILURE", "ERROR": "FAILURE"}


def parsed(engine: Engine, toolchain: str, run: Report) -> tuple[dict[str, str], int]:
    """What the kernel's parser makes of a report: a status a test, and how many errors it found in the format."""
    made = engine.volume(treestore.VOLUME)
    volumes = {treestore.VOLUME: {"bind": "/trees", "mode": "ro"}}
    if made is None:
        pytest.skip("no kernel tree is here yet; ./inv resolve brings one")
    with engine.container(toolchain, limits=Limits(seconds=120), volumes=volumes) as box:
        folders = box.run(["sh", "-c", "ls -d /trees/*/tools/testing/kunit"]).stdout.split()
        if not folders:
            pytest.skip("no kernel tree is here yet; ./inv resolve brings one")
        box.put("/work", packed({"out.ktap": reporting.rendered(run, "ktap"), "read.py": SCRIPT}))
        done = box.run(["python3", "/work/read.py", folders[-1]])
    assert done.exit_status == 0, done.log
    found = json.loads(done.stdout.splitlines()[-1])
    return dict(found["tests"]), found["errors"]


def packed(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o644
            out.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.mark.parametrize("which", ["real", "mixed"])
def test_the_kernels_parser_reads_the_same_verdicts(which: str, engine: Engine, toolchain: str) -> None:
    run = reportruns.mixed() if which == "mixed" else reportruns.real()
    wanted = {one["cell"]: STATUS[str(one["status"])] for one in run.cells}
    wanted |= {f"control {one['cell']}": STATUS[str(one["status"])] for one in run.controls}
    assert parsed(engine, toolchain, run) == (wanted, 0)
