"""The pipeline itself as `bench build` measures it: from nothing, with one patch changed, and with nothing changed.

It runs what `./inv matrix --through build` runs, in a cache and a results folder that are gone afterwards.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import atomic, benchpatch, ccache, images, objecttrees, progress, run, series, session
from pipeline.benchsamples import timed
from pipeline.benchsums import OURS, Sample
from pipeline.errors import HostError
from pipeline.showing import FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from pipeline.benchsamples import Ledger
    from pipeline.model import Matrix, Variant
    from pipeline.run import Options

CHANGED = ("first-posted", "pre-split")  # one patch touches a Kconfig file and no more, one a header, too
# The notes of what is there already: trees in the engine, and configs of packages.
SEED = ("sources", "trees", "configs", "folders")
REPOSITORIES = "git"  # too large to be copied; nothing is fetched into them here
REMARK = "changed to measure what that takes"


def code() -> str:
    """A digest of the pipeline itself, and of how it is measured here: samples of another are of no use."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, images.CONTAINERS / "base", images.CONTAINERS / "toolchain"):
        for path in sorted(folder.iterdir()):
            other = path.name.startswith("bench") and path.name != Path(__file__).name
            if path.is_file() and not other:
                digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def measure(matrix: Matrix, options: Options, changed: Sequence[str], ledger: Ledger, number: int) -> None:
    """Measure one round, whole or not at all: an edit costs what it does only right after what went before.

    Raises HostError when a run cannot be finished.
    """
    if ledger.of(f"{OURS}, cold", number):
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.cache) as name, _forgotten(options):
        own = replace(options, cache=Path(name) / "cache", results=Path(name) / "results", fresh=False, remote=None)
        _seed(options.cache, own.cache)
        found = [
            _ran(matrix, replace(own, through="resolve"), "cold", "resolve", number),
            _ran(matrix, replace(own, through="build"), "cold", "build", number),
        ]
        for variant in _variants(matrix, changed):
            edited, file = changed_matrix(matrix, variant, Path(name) / variant.name)
            title = f"{variant.name} changed ({file})"
            found.append(_ran(edited, replace(own, through="build"), title, "whole", number))
        found.append(_ran(matrix, replace(own, through="build"), "nothing changed", "whole", number))
    ledger.add(*found)


def _seed(known: Path, cache: Path) -> None:
    """Trees, configs and images are there at the start; nothing that was made of them is."""
    for name in SEED:
        if (known / name).is_dir():
            shutil.copytree(known / name, cache / name)
    cache.mkdir(exist_ok=True)
    if (known / REPOSITORIES).is_dir():
        (cache / REPOSITORIES).symlink_to(known / REPOSITORIES)


@contextmanager
def _forgotten(options: Options) -> Iterator[None]:
    """No compiler cache and no object tree before; no object tree afterwards, as nobody's notes would name it."""

    def forget(*owners: ModuleType) -> None:
        with progress.view(plain=options.plain) as view, session.session(view, options.cache) as engine:
            for owner in owners:
                owner.forget(engine)

    forget(objecttrees, ccache)
    try:
        yield
    finally:
        forget(objecttrees)


def _variants(matrix: Matrix, changed: Sequence[str]) -> list[Variant]:
    """Those variants of a name that have patches and cells."""
    there = {cell.variant.name: cell.variant for cell in matrix.cells}
    return [there[name] for name in changed if name in there and there[name].patches]


def changed_matrix(matrix: Matrix, variant: Variant, folder: Path) -> tuple[Matrix, str]:
    """The matrix with a comment line more in a patch of one variant, and the file in which it stands.

    The patches are written into `folder`. Raises UserError for a variant whose patches write to no file.
    """
    texts = [patch.text.decode(errors="surrogateescape") for patch in series.read(variant)]
    file = benchpatch.chosen("".join(texts))
    place = next(number for number, text in enumerate(texts) if file in benchpatch.touched(text))
    texts[place] = benchpatch.commented(texts[place], file, REMARK)
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number:04}.patch")
        atomic.write(paths[-1], text.encode(errors="surrogateescape"))
    edited = replace(variant, patches=tuple(paths))
    cells = tuple(replace(cell, variant=edited) if cell.variant == variant else cell for cell in matrix.cells)
    return replace(matrix, cells=cells), file


def _ran(matrix: Matrix, options: Options, title: str, part: str, number: int) -> Sample:
    """One run of the pipeline, with the number of kernels that it built."""
    whole = replace(options, cells="")
    spent, status = timed(_run(matrix, whole))
    if status == run.INTERRUPTED:
        raise KeyboardInterrupt
    if status not in {PASSED, FAILED}:
        raise HostError(f"bench build: the pipeline's own run ended with {status} ({title})", hint="its table says why")
    built = _built(options.results / "latest") if part != "resolve" else 0
    return Sample(series=f"{OURS}, {title}", round=number, name=part, kind=part, spent=spent, built=built)


def _run(matrix: Matrix, options: Options) -> Callable[[], int]:
    return lambda: run.of(matrix, options)


def _built(folder: Path) -> int:
    """How many kernels a run built and did not find."""
    note: Any = atomic.read_json(folder / "run.json") or {"cells": ()}
    records: list[Any] = [atomic.read_json(folder / "cells" / name / "record.json") for name in note["cells"]]
    return len({one["kernel"] for one in records if one and one["kernel"] and not one["reused"]["build"]})
