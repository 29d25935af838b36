"""What one format has to itself: commands in a mail, checkouts in kcidb, the end of a log in KTAP, missing cells."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from pipeline import report_kcidb, report_mail, reporting
from pipeline.errors import UserError
from tests import reportruns

if TYPE_CHECKING:
    from pathlib import Path

MISSING = ("merged/gone/olddefconfig/gcc/hyperv", "other/gone/olddefconfig/gcc/hyperv")
LINES = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
WORD = st.text(st.characters(codec="utf-8"), max_size=200).filter(lambda text: not LINES.search(text))


@given(st.lists(WORD | st.sampled_from(["--config", "~/linux", "https://a.example/" + "b/" * 60]), max_size=6))
def test_a_command_of_a_mail_can_be_pasted(words: list[str]) -> None:
    lines = list(report_mail._command(["./inv", *words]))
    assert max(map(len, lines)) <= report_mail.WIDTH
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == ["./inv", *words]


def test_a_test_of_kcidb_is_of_its_own_variants_checkout() -> None:
    value = report_kcidb.document(reportruns.real())
    variants = {one["id"]: one["comment"].partition(":")[0] for one in value["checkouts"]}
    built = {one["id"]: variants[one["checkout_id"]] for one in value["builds"]}
    assert {built[one["build_id"]] for one in value["tests"]} == set(variants.values())
    assert all(built[one["build_id"]] == one["misc"]["cell"].partition("/")[0] for one in value["tests"])


def test_the_kernels_parser_finds_no_end_of_the_log() -> None:
    lines = reporting.rendered(reportruns.mixed(), "ktap").splitlines()
    ends = [text for text in reportruns.HOSTILE if text.startswith(("List", "Kernel", "reboot"))]
    assert len(ends) == 3
    assert not [line for line in lines for text in ends if text in line]
    assert all(text.replace(":", " :") in "\n".join(lines) for text in ends)


def test_a_missing_cell_is_an_error_in_every_format_that_counts() -> None:
    run = reportruns.mixed()
    run = replace(run, note={**run.note, "missing": list(MISSING)})
    junit = JUnitXml.fromstring(reporting.rendered(run, "junit").encode())
    before = JUnitXml.fromstring(reporting.rendered(reportruns.mixed(), "junit").encode())
    assert (junit.errors, junit.tests) == (before.errors + 2, before.tests + 2)
    lines = reporting.rendered(run, "ktap").splitlines()
    assert lines[1] == "1..26"
    assert [line for line in lines if line.startswith(("not ok 25 ", "not ok 26 "))] == [
        f"not ok {number} {name} # ERROR no run has this cell" for number, name in enumerate(MISSING, 25)
    ]
    tests = json.loads(reporting.rendered(run, "kcidb"))["tests"]
    assert [one["misc"]["cell"] for one in tests if one["comment"] == "no run has this cell"] == list(MISSING)
    assert {one["status"] for one in tests[-2:]} == {"MISS"}


@pytest.mark.parametrize(("missing", "said"), [(["../x"], "no cell's name"), (3, "no list"), ("ab", "no list")])
def test_names_of_missing_cells_are_names_of_cells(missing: object, said: str, tmp_path: Path) -> None:
    folder = reportruns.write(reportruns.mixed(), tmp_path / "run")
    note = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**note, "missing": missing}))
    with pytest.raises(UserError, match=said):
        reporting.report(folder, "md", None)
