"""A run as one JSON document: run.json, and every record as it is.

Pure. Every control character and everything that is not ASCII is escaped by JSON itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.reportrun import Report

SCHEMA = 1


def written(run: Report) -> str:
    """The document; `records` and `control_records` are in the order of the run."""
    document = {
        "schema": SCHEMA, "run": dict(run.note), "records": list(run.cells), "control_records": list(run.controls),
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"
