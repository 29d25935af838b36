"""A run as a report to KernelCI's database: a checkout a variant, a build a kernel, a test a cell.

Pure. The schema is kcidb-io's, which also validates what is written. A status is used as it is defined there: ERROR is
a test that ran and could not say anything, MISS one that did not run because we failed, SKIP one that does not apply.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kcidb_io.schema import LATEST

from pipeline import safe, table
from pipeline.model import Status
from pipeline.reportrun import axis, seen

if TYPE_CHECKING:
    from pipeline.reportrun import Record, Report

ORIGIN = "hvmatrix"
MOST_EXCERPT = 16384  # characters; the schema's own bound
CONFIG_SHOWN = ("outcome", "class", "loudness", "required", "predicted", "observed", "planned", "reached")


def written(run: Report) -> str:
    """The document as JSON."""
    return json.dumps(document(run), indent=1) + "\n"


def document(run: Report) -> dict[str, Any]:
    """The document as a value. Raises ValueError when it is not as the schema says."""
    checkouts = {_checkout_id(one): _checkout(one) for one in run.cells}
    builds = {_build_id(run, one): _build(run, one) for one in run.cells}
    tests = [_test(run, one) for one in run.cells]
    _add_missing(run, checkouts, builds, tests)
    value = {
        "version": {"major": LATEST.major, "minor": LATEST.minor},
        "checkouts": list(checkouts.values()), "builds": list(builds.values()), "tests": tests,
    }  # fmt: skip
    cleaned: dict[str, Any] = safe.tree(value)  # type: ignore[assignment]
    if not LATEST.is_valid_exactly(cleaned):
        raise ValueError("the report does not agree with kcidb-io's schema")
    return cleaned


def status(record: Record) -> str:
    """A cell's status in the schema's words."""
    if record["status"] == Status.ERROR and record["reached"] != record["planned"]:
        return "MISS"
    return str(Status(record["status"]))


def _id(*parts: str) -> str:
    return f"{ORIGIN}:" + "/".join(safe.line(part) for part in parts)


def _checkout_id(record: Record) -> str:
    return _id(hashlib.sha256(f"{record['variant']}\n{record['source']}".encode(errors="replace")).hexdigest())


def _checkout(record: Record) -> dict[str, Any]:
    comment = f"{axis(record, 'variant')}: {safe.line(record['source'])}"
    return {"id": _checkout_id(record), "origin": ORIGIN, "comment": comment, "valid": True}


def _build_id(run: Report, record: Record) -> str:
    """A kernel of a checkout has one id in all runs, as its key is made of all that goes into it; else a run's config.

    Several checkouts can have the same kernel, and a build is of one.
    """
    if record["kernel"]:
        return _id(record["kernel"], _checkout_id(record).partition(":")[2])
    return _id(run.name, *(axis(record, name) for name in ("variant", "config", "policy", "toolchain")))


def _add_missing(
    run: Report, checkouts: dict[str, Any], builds: dict[str, Any], tests: list[dict[str, Any]],
) -> None:  # fmt: skip
    """Add a test for each cell that no record is of, and what it hangs on; nothing is known of its tree."""
    for name in run.missing:
        checkout, build = _id(run.name, name.partition("/")[0]), _id(run.name, name, "build")
        comment = f"{name.partition('/')[0]}: of a cell that is missing"
        checkouts[checkout] = {"id": checkout, "origin": ORIGIN, "comment": comment}
        builds[build] = {"id": build, "checkout_id": checkout, "origin": ORIGIN, "comment": "no run has this cell"}
        tests.append({
            "id": _id(run.name, name), "build_id": build, "origin": ORIGIN, "path": _path(name), "status": "MISS",
            "comment": "no run has this cell", "misc": {"cell": name},
        })  # fmt: skip


def _build(run: Report, record: Record) -> dict[str, Any]:
    built = record["reached"] in {"build", "boot"}
    found: dict[str, Any] = {
        "id": _build_id(run, record), "checkout_id": _checkout_id(record), "origin": ORIGIN, "architecture": "x86_64",
        "config_name": "/".join(axis(record, name) for name in ("config", "policy")),
    }  # fmt: skip
    if compiler := record["tools"].get("compiler"):
        found["compiler"] = safe.line(compiler)
    if record["build_failed"]:
        found |= {"status": "FAIL", "comment": safe.line(record["build_failed"])}
    elif built:
        found |= {"status": "PASS", "duration": record["seconds"].get("build", 0.0)}
    else:
        found["comment"] = "resolved, not built"
    return found


def _test(run: Report, record: Record) -> dict[str, Any]:
    misc = {name: record[name] for name in CONFIG_SHOWN} | {"cell": record["cell"], "seen": seen(record)}
    found: dict[str, Any] = {
        "id": _id(run.name, record["cell"]), "build_id": _build_id(run, record), "origin": ORIGIN,
        "path": _path(str(record["cell"])),
        "comment": safe.line(table.story(record)), "status": status(record), "misc": misc,
        "duration": round(sum(record["seconds"].values()), 3),
        "environment": {"comment": _machine(record), "misc": dict(record["machine"])},
    }  # fmt: skip
    if started := _started(run):
        found["start_time"] = started
    if record["evidence"]:
        found["log_excerpt"] = "\n".join(map(safe.line, record["evidence"]))[:MOST_EXCERPT]
    return found


def _path(cell: str) -> str:
    return ".".join(["hvmatrix", *(_node(part) for part in cell.split("/")[1:])])


def _node(text: str) -> str:
    """A word of a cell's name as the schema lets it stand in a test's path."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)


def _machine(record: Record) -> str:
    accelerator = record["tools"].get("accelerator")
    more = f", accelerator {safe.line(accelerator)}" if accelerator else ""
    return f"QEMU machine {axis(record, 'machine')}{more}"


def _started(run: Report) -> str:
    """When the run began, by its name; nothing for a run that was given another one."""
    try:
        return datetime.strptime(run.name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return ""
