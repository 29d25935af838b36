"""Writes docs/answer.md and the packed run that it is made from, and judges a run from its folder or from such a file.

Never changes the run's folder: what is judged and packed is a copy.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import answer as text
from pipeline import answer_cost, asking, atomic, compactrun, replay, scratch, seal, showing, store
from pipeline.answer_run import Given
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.answer_cost import Patch
    from pipeline.model import Matrix

DOCS, FILE = Path("docs"), Path("matrix.yaml")
DOCUMENT, PACKED = "answer.md", "answer/run.tar.xz"
_LISTED = 5


def judge(place: Path) -> int:
    """Judge a saved run, in its folder or packed, and show it; the exit status. Raises UserError when it is damaged."""
    if place.is_dir():
        return showing.judge(place)
    with compactrun.opened(place) as folder:
        return showing.judge(folder)


def answer(place: Path, docs: Path = DOCS, file: Path = FILE) -> int:
    """Write the document and the packed run below `docs`; 0.

    The verdicts in the packed run are those of the rules of now. Raises UserError when the run is not one of the whole
    of matrix.yaml, is void or unfinished, or does not show what the document says; then nothing is written.
    """
    asked = asking.load(file)
    with _copy(place) as folder:
        if place.is_dir():
            _check_whole(asked, folder)
        written = document(folder, replay.judge_run(folder), patches(asked))
        seal.close(folder)
        compactrun.pack(folder, docs / PACKED)
    atomic.write(docs / DOCUMENT, written)
    size = (docs / PACKED).stat().st_size
    console = Console()
    console.print(f"{docs / DOCUMENT}, from {docs / PACKED} ({size / 1024:.0f} KiB)", highlight=False, soft_wrap=True)
    return 0


@contextmanager
def _copy(place: Path) -> Iterator[Path]:
    """A copy of what is kept of a run, there for as long as the block lasts."""
    if not place.is_dir():
        with compactrun.opened(place) as folder:
            yield folder
        return
    with scratch.folder() as made:
        packed = made / "run.tar.xz"
        compactrun.pack(place, packed)
        with compactrun.told_of(packed, place), compactrun.opened(packed) as folder:
            yield folder


def _check_whole(asked: Matrix, folder: Path) -> None:
    names = [cell.name for cell in asked.cells]
    ran = (atomic.read_json(folder / compactrun.NOTE) or {})["cells"]
    missing = [name for name in names if name not in ran]
    extra = [name for name in ran if name not in names]
    if missing or extra:
        lines = [f"not in the run: {name}" for name in missing[:_LISTED]]
        lines += [f"not in {asked.path}: {name}" for name in extra[:_LISTED]]
        brief = f"the run is not one of the whole of {asked.path}: {len(missing)} cells missing, {len(extra)} too many"
        raise UserError(brief, details="\n".join(lines), hint="./inv matrix, without --cells")


def document(folder: Path, judged: replay.Run, known: Mapping[str, Sequence[Patch]]) -> str:
    """Put the verdicts of an unpacked run into its records, and make the document of them.

    `known` has the patches of each variant. Raises UserError for a variant without, and as answer.document does.
    """
    cells = store.write_verdicts(folder, judged)
    controls = [one.record for one in judged.controls]
    variants = dict.fromkeys(one["variant"] for one in cells)
    if unknown := [name for name in variants if name not in known]:
        raise UserError(f"{unknown[0]}: a variant of the run that matrix.yaml does not have", hint="run matrix.yaml")
    mine = {name: known[name] for name in variants}
    note = atomic.read_json(folder / compactrun.NOTE) or {}
    try:
        return text.document(Given(note=note, cells=cells, controls=controls, void=judged.void, patches=mine))
    except (KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"{folder}: its records are damaged", details=what, hint="run the matrix again") from error


def patches(asked: Matrix) -> dict[str, tuple[Patch, ...]]:
    """The patches of each variant of a matrix. Raises UserError for one that is no file."""
    return {cell.variant.name: tuple(map(_patch, cell.variant.patches)) for cell in asked.cells}


def _patch(place: object) -> Patch:
    if not isinstance(place, Path):
        raise UserError(f"{place}: the answer counts the lines of patches that are files", hint="see kconfig/variants")
    try:
        return answer_cost.patch(place.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{place}: cannot be read", details=str(error), hint="see kconfig/variants") from error
