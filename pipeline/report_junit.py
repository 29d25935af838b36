"""A run as JUnit XML: a suite a variant, a case a cell.

Pure. `failure` is a FAIL, `error` an ERROR (we failed), `skipped` a SKIP; junitparser writes the XML.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from pipeline import safe, table
from pipeline.model import Status
from pipeline.reportrun import axis, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.reportrun import Record, Report

RESULTS = {Status.FAIL: Failure, Status.ERROR: Error, Status.SKIP: Skipped}


def written(run: Report) -> str:
    """The XML document."""
    document = JUnitXml(f"hvmatrix {run.name}")
    variants = dict.fromkeys(axis(one, "variant") for one in run.cells)
    for variant in variants:
        document.add_testsuite(_suite(run, variant, [one for one in run.cells if axis(one, "variant") == variant]))
    if run.controls:
        document.add_testsuite(_suite(run, "controls", run.controls))
    if run.missing:
        document.add_testsuite(_missing(run))
    document.update_statistics()  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    document.write(buffer, pretty=True)
    return buffer.getvalue().decode()


def _suite(run: Report, name: str, records: Sequence[Record]) -> TestSuite:
    suite = TestSuite(name)
    for text in run.heads:
        suite.add_property("note", text)
    if records and name != "controls":
        suite.add_property("source", safe.line(records[0]["source"]))
    suite.add_testcases([_case(one, f"hvmatrix.{name}") for one in records])
    return suite


def _missing(run: Report) -> TestSuite:
    suite = TestSuite("missing")
    for name in run.missing:
        case = TestCase(name, classname="hvmatrix.missing")
        case.result = [Error("no run has this cell", "missing")]
        suite.add_testcase(case)
    return suite


def _case(record: Record, classname: str) -> TestCase:
    case = TestCase(safe.line(record["cell"]), classname=classname, time=round(sum(record["seconds"].values()), 3))
    status = Status(record["status"])
    if status in RESULTS:
        result = RESULTS[status](safe.line(table.story(record)), safe.line(record["class"] or record["outcome"]))
        if status is not Status.SKIP:
            result.text = safe.block(record["reason"])
        case.result = [result]
    facts = {
        "status": status, "outcome": record["outcome"], "class": record["class"], "required": record["required"],
        "seen": seen(record), "told": record["loudness"], "kernel": record["kernel"] or "",
    }  # fmt: skip
    properties = Properties()  # type: ignore[no-untyped-call]
    for key, value in facts.items():
        properties.add_property(Property(key, safe.line(value)))
    case.append(properties)  # type: ignore[no-untyped-call]
    if record["evidence"]:
        case.system_out = "\n".join(map(safe.line, record["evidence"]))
    return case
