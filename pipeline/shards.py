"""Writes how a matrix is split among machines, as GitHub, GitLab or a program of one's own takes it; does nothing else.

What a part costs is estimated as for a machine that has nothing yet.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from pipeline import asking, estimates, foreseeing, run, sharding
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Matrix
    from pipeline.record import State
    from pipeline.run import Options
    from pipeline.sharding import Shard, Unit

FORMATS = ("github", "gitlab", "json")
MOST, DIGITS = 256, 3  # jobs of one GitHub matrix
SCHEMA = 1


def show(options: Options, count: str, kind: str) -> int:
    """Print the parts; 0. Raises UserError for a bad matrix, count or format."""
    if kind not in FORMATS:
        raise UserError(f"--format {kind}: no such format", hint=f"one of {', '.join(FORMATS)}")
    if not (count.isdecimal() and len(count) <= DIGITS and 1 <= int(count) <= MOST):
        raise UserError(f"{count}: not a number of machines", hint=f"a number from 1 to {MOST}")
    run.check(options)
    asked = asking.load(options.file)
    states = foreseeing.states(asked, asking.select(asked, options.cells), options.cache)
    parts = sharding.split(units(asked, states, options), int(count))
    text = {"github": github, "gitlab": gitlab, "json": as_json}[kind](parts, options)
    print(text)  # noqa: T201 - it is what the command is for
    return 0


def units(asked: Matrix, states: Sequence[State], options: Options) -> list[Unit]:
    """The variants with what each costs on a machine of its own."""
    of_all = [cell.variant.name for cell in asked.cells]
    found = []
    for variant in dict.fromkeys(state.cell.variant for state in states):
        mine = [state for state in states if state.cell.variant == variant]
        first, seconds = _cost(variant.name, mine, options)
        found.append(sharding.Unit(
            variant=variant.name, source=variant.source.name, cells=tuple(state.cell.name for state in mine),
            seconds=seconds, first=first, whole=len(mine) == of_all.count(variant.name),
        ))  # fmt: skip
    return found


def _cost(variant: str, states: Sequence[State], options: Options) -> tuple[float, float]:
    """Seconds for the first variant of a source, and in any case. What is not resolved yet counts as a kernel each."""
    cache = options.cache
    first = estimates.about(cache, "tree", variant)
    seconds = len(states) * estimates.about(cache, "resolve", "one")
    if options.through == "resolve":
        return first, seconds
    kernels = {state.kernel.key if state.kernel else state.cell.name for state in states if state.going}
    first += estimates.from_nothing(cache)
    seconds += len(kernels) * estimates.rates(cache).of(estimates.STEP)
    if options.through == "boot":
        seconds += len(kernels) * estimates.about(cache, "boot", "nested")
    return first, seconds


def github(parts: Sequence[Shard], _: Options) -> str:
    """One line for `strategy: matrix: ${{ fromJSON(...) }}`."""
    include = [
        {"shard": part.number, "cells": part.pattern, "minutes": round(part.seconds / 60)} for part in parts
    ]  # fmt: skip
    return json.dumps({"include": include}, separators=(",", ":"))


def gitlab(parts: Sequence[Shard], options: Options) -> str:
    """A child pipeline whose jobs are those of docs/ci/gitlab-shard.yml with their cells."""
    jobs: dict[str, Any] = {"include": [{"local": "docs/ci/gitlab-shard.yml"}], "stages": ["shards", "collect"]}
    for part in parts:
        variables = {"HVMATRIX_CELLS": part.pattern, "HVMATRIX_THROUGH": options.through}
        jobs[f"shard-{part.number}"] = {"extends": ".hvmatrix-shard", "variables": variables}
    needs = [f"shard-{part.number}" for part in parts]
    jobs["collect"] = {"extends": ".hvmatrix-collect", "needs": needs}
    return yaml.safe_dump(jobs, sort_keys=False, width=10_000).rstrip("\n")


def as_json(parts: Sequence[Shard], options: Options) -> str:
    """All that is known of the parts, for a program."""
    listed = [
        {"shard": part.number, "cells": part.pattern, "names": part.cells, "seconds": round(part.seconds, 1),
         "variants": [unit.variant for unit in part.units]}
        for part in parts
    ]  # fmt: skip
    return json.dumps({"schema": SCHEMA, "through": options.through, "shards": listed}, indent=1)
