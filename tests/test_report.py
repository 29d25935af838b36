"""Every format tells the same verdicts, whatever a guest or a config says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from pipeline import report_kcidb, reporting, reportrun
from pipeline.errors import UserError
from pipeline.reportrun import seen
from tests import reportruns

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.reportrun import Report

Verdicts = Mapping[str, tuple[str, ...]]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")
JUNIT = {"failure": "FAIL", "error": "ERROR", "skipped": "SKIP"}


def by_json(text: str) -> Verdicts:
    return {one["cell"]: (one["status"], one["outcome"], seen(one)) for one in json.loads(text)["records"]}


def by_junit(text: str) -> Verdicts:
    found = {}
    for case in ET.fromstring(text).iter("testcase"):  # noqa: S314 - written here
        said = [JUNIT[child.tag] for child in case if child.tag in JUNIT] or ["PASS"]
        properties = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
        assert said == [properties["status"]]
        kind = "control " if case.attrib["classname"] == "hvmatrix.controls" else ""
        found[kind + case.attrib["name"]] = (said[0], properties["outcome"], properties["seen"])
    return found


def by_ktap(text: str) -> Verdicts:
    found, said = {}, ("", "")
    for line in text.splitlines():
        if match := re.fullmatch(r"# verdict: (\S+) \S+ required=\S+ seen=(\S+)", line):
            said = (match[1], match[2])
        elif match := re.fullmatch(r"(ok|not ok) \d+ ([^#]*?)(?: # (SKIP|ERROR).*)?", line):
            found[match[2]] = (match[3] or {"ok": "PASS", "not ok": "FAIL"}[match[1]], *said)
    return found


def by_kcidb(text: str) -> Verdicts:
    found = {}
    for test in json.loads(text)["tests"]:
        status = "ERROR" if test["status"] == "MISS" else test["status"]
        found[test["misc"]["cell"]] = (status, test["misc"]["outcome"], test["misc"]["seen"])
    return found


def by_md(text: str) -> Verdicts:
    table = text.partition("<summary>Every cell</summary>")[2].partition("</details>")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): (row[1], row[2].split()[1], row[4].partition("/")[2]) for row in rows}


def by_mail(text: str) -> Verdicts:
    found, variant, said = {}, "", ("", "", "")
    listed = text.partition("All cells: ")[2].partition("\n\nTrees\n")[0]
    head, _, _ = listed.partition("\n\n")
    shared = re.findall(r"(?:policy|toolchain|machine) ([^\s,]+)", head.partition("each with")[2])
    for line in listed.partition("\n\n")[2].splitlines():
        if match := re.match(r"  (PASS|FAIL|ERROR|SKIP)\s+(\S+)\s+\S+/(\S+)\s*(\S*)$", line):
            said = (match[1], match[2], match[3])
            name = match[4]
        elif line.endswith(":") and not line.startswith(" "):
            variant, name = line[:-1], ""
        else:
            name = line.strip()
        if name:
            found["/".join([variant, name, *shared])] = said
    return found


READERS: dict[str, Callable[[str], Verdicts]] = {
    "json": by_json, "junit": by_junit, "ktap": by_ktap, "kcidb": by_kcidb, "md": by_md, "mail": by_mail,
}  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("which", ["real", "mixed"])
def test_every_format_tells_the_same_verdicts(kind: str, which: str) -> None:
    run = reportruns.mixed() if which == "mixed" else reportruns.real()
    told = [(one["cell"], one) for one in run.cells]
    if kind in {"junit", "ktap"}:  # which have the controls as tests of their own
        told += [(f"control {one['cell']}", one) for one in run.controls]
    wanted = {name: (str(one["status"]), str(one["outcome"]), seen(one)) for name, one in told}
    assert READERS[kind](reporting.rendered(run, kind)) == wanted


def test_the_readers_notice_another_verdict() -> None:
    run = reportruns.mixed()
    for kind, reader in READERS.items():
        text = reporting.rendered(run, kind)
        changed = re.sub("kept", "lost", text)
        assert reader(changed) != reader(text), kind


@pytest.mark.parametrize("kind", reporting.FORMATS)
def test_no_control_character_of_a_guest_comes_through(kind: str) -> None:
    text = reporting.rendered(reportruns.mixed(), kind)
    assert not CONTROL.search(text)
    text.encode()


def test_a_mail_has_72_columns() -> None:
    for run in (reportruns.mixed(), reportruns.many(300)):
        assert max(map(len, reporting.rendered(run, "mail").splitlines())) <= 72


def test_a_mail_with_the_longest_names_has_72_columns() -> None:
    run = reportruns.mixed()
    for number, one in enumerate(run.cells):
        parts = ["v" * 40, f"c{number}".ljust(40, "c"), "p" * 40, "t" * 40, f"m{number % 2}".ljust(40, "m")]
        names = dict(zip(("variant", "config", "policy", "toolchain"), parts, strict=False))
        one |= {**names, "machine": {**one["machine"], "name": parts[4]}, "cell": "/".join(parts)}
    assert max(map(len, reporting.rendered(run, "mail").splitlines())) <= 72


def test_what_was_asked_alone_is_done_again_as_it_was_asked() -> None:
    run = reportruns.mixed()
    words = ["./inv", "resolve", "--config", "my config", "--source", "~/linux"]
    alone = replace(run, note={**run.note, "command": words}, text=lambda *_: "")
    typed = "./inv resolve --config 'my config' --source '~/linux'"
    for kind in ("mail", "md", "html"):
        assert typed in reporting.rendered(alone, kind).replace("\\u0027", "'"), kind
    assert "--cells" in reporting.rendered(run, "mail").partition("How to reproduce")[2]
    assert "--cells" not in reporting.rendered(alone, "mail").partition("How to reproduce")[2]


def test_ktap_has_a_line_for_each_cell_and_no_other_result() -> None:
    run = reportruns.mixed()
    lines = reporting.rendered(run, "ktap").splitlines()
    results = [line for line in lines if line.startswith(("ok ", "not ok "))]
    assert [re.findall(r"\d+", line)[0] for line in results] == [str(number) for number in range(1, 25)]
    assert max(line.count("#") for line in results) == 1
    assert lines[:2] == ["KTAP version 1", "1..24"]
    assert all(line.startswith(("# verdict: ", "# reason: ", "# evidence: ", "ok ", "not ok ")) for line in lines[2:])


def test_kcidb_tells_what_did_not_run_from_what_could_not_say() -> None:
    assert set(map(report_kcidb.status, reportruns.mixed().cells)) == {"PASS", "FAIL", "ERROR", "MISS", "SKIP"}


def test_kcidb_is_refused_when_it_is_not_as_the_schema_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_kcidb, "status", lambda _: "GOOD")
    with pytest.raises(UserError, match="kcidb-io's schema"):
        reporting.rendered(reportruns.mixed(), "kcidb")


class Elements(HTMLParser):
    """What a browser would make of a text: its elements and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(kind: str) -> list[tuple[str, dict[str, str | None]]]:
    parser, text = Elements(), reporting.rendered(reportruns.mixed(), kind)
    parser.feed(MarkdownIt("commonmark").enable("table").render(text) if kind == "md" else text)
    return parser.found


@pytest.mark.parametrize("kind", ["md", "html"])
def test_no_element_of_a_guest_comes_through(kind: str) -> None:
    found = elements(kind)
    assert len(found) > 10
    assert not {tag for tag, _ in found} & {"img", "svg", "failure"}
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]


def test_markdown_of_a_guest_is_not_taken_up() -> None:
    tags = [tag for tag, _ in elements("md")]
    assert not {"a", "script"} & set(tags)
    assert tags.count("h2") == 1
    cells = reportruns.mixed().cells
    tools = [value for values in reportrun.tools(cells).values() for value in values]
    assert len(tools) == 9, "of each that a record can spoil two, and what the run was built and booted with"
    assert tags.count("tr") == 1 + len(cells) + 1 + len(reportrun.sources(cells)) + 11 + len(tools)


def test_a_summary_that_github_would_refuse_is_cut() -> None:
    text = reporting.rendered(reportruns.many(12000), "md")
    assert len(text.encode()) < 2**20
    assert "too many for this page" in text


def written(tmp_path: Path) -> tuple[Path, Report]:
    run = reportruns.mixed()
    return reportruns.write(run, tmp_path / "run"), run


def test_a_report_goes_to_a_file_or_to_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, run = written(tmp_path)
    assert reporting.report(folder, "json", None) == 0
    told = capsys.readouterr().out
    assert reporting.report(folder, "json", tmp_path / "a" / "out.json") == 0
    assert (tmp_path / "a" / "out.json").read_text() == told
    assert len(json.loads(told)["records"]) == len(run.cells)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"status": "GOOD"}, "'GOOD' is not a valid Status"),
        ({"seconds": None}, "its records are damaged"),
        ({"cell": "other/cell/a/b/c"}, "is the record of"),
    ],
)
def test_a_damaged_record_is_one_clear_error(spoilt: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder, run = written(tmp_path)
    path = folder / "cells" / run.cells[0]["cell"] / "record.json"
    path.write_text(json.dumps({**run.cells[0], **spoilt}))
    with pytest.raises(UserError, match=re.escape(said)):
        reporting.report(folder, "junit", tmp_path / "out.xml")
    assert not (tmp_path / "out.xml").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"cells": ["../../../../etc"]}', '{"cells": ["a/b/c/d/../../e"]}'])
def test_what_is_no_run_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"no run.json|no cell's name"):
        reporting.report(tmp_path, "md", None)


def test_wrong_words_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such format"):
        reporting.report(tmp_path, "pdf", None)
    with pytest.raises(UserError, match="no such run"):
        reporting.report(tmp_path / "nothing", "md", None)
    with pytest.raises(UserError, match="is a folder"):
        reporting.report(tmp_path, "md", tmp_path)
