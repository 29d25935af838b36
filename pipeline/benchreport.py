"""How long a run of 2,000 cells takes to be written for its readers, in each format, from its records on disk.

The cells are those of docs/answer's run, each time round of other variants. Writes nothing that stays.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import reporting, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.run import Options

CELLS = 2000
RUN = Path("docs/answer/run.tar.xz")
AGAINST = "json"


def measure(_options: Options, rounds: int) -> dict[str, Any]:
    """Seconds of each format, reading the records included, and sizes. Raises UserError where the run is not there."""
    samples: dict[str, list[float]] = {}
    facts: dict[str, float] = {"cells": CELLS}
    with scratch.folder() as made:
        folder, output = made / "run", made / "report"
        with reporting.opened(RUN) as run:
            write(folder, dict(run.note), list(enlarged(run.cells, CELLS)))
        for kind in sorted(reporting.FORMATS):
            for _ in range(rounds):
                started = time.monotonic()
                reporting.report(folder, kind, output)
                samples.setdefault(kind, []).append(round(time.monotonic() - started, 2))
            facts[f"{kind}: MiB"] = round(output.stat().st_size / 2**20, 2)
    return {"facts": facts, "samples": samples, "against": AGAINST}


def enlarged(cells: Sequence[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    """So many records made of a few."""
    for number in range(count):
        one = cells[number % len(cells)]
        variant = f"{one['variant']}-{number // len(cells)}"
        yield {**one, "variant": variant, "cell": f"{variant}/{one['cell'].partition('/')[2]}"}


def write(folder: Path, note: dict[str, Any], cells: Sequence[dict[str, Any]]) -> None:
    """Put a run of these records into a folder."""
    for one in cells:
        home = folder / "cells" / one["cell"]
        home.mkdir(parents=True)
        (home / "record.json").write_text(json.dumps(one))
    listed = {**note, "cells": [one["cell"] for one in cells], "controls": []}
    (folder / "run.json").write_text(json.dumps(listed))
