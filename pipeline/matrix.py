"""matrix.yaml -> Matrix: every cell, control and expectation, or every mistake in the file at once.

Never guesses what was meant, and never reads a config, fragment, patch or tree that the file names.
"""

from __future__ import annotations

import difflib
import hashlib
import stat
from itertools import product
from typing import TYPE_CHECKING, Any

from pipeline import intent, matrix_check, matrix_words, yamltext
from pipeline.errors import UserError
from pipeline.gitseam import is_local
from pipeline.matrix_check import AXES, matches
from pipeline.model import (
    Cell,
    Config,
    Control,
    DebianConfig,
    DebianSource,
    DirectorySource,
    Expectation,
    GitRange,
    GitSource,
    Intent,
    Ladder,
    Loudness,
    Machine,
    Matrix,
    Outcome,
    TarballSource,
    Targets,
    Variant,
)
from pipeline.yamlscan import MAX_BYTES, Problem, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Source
    from pipeline.yamltext import Document

MAX_PROBLEMS = 200

_HINT = "mend the lines above; pipeline/matrix.schema.json says what each key takes"


def load(path: Path, *, policies: Collection[str], toolchains: Collection[str]) -> Matrix:
    """Return the matrix that a file holds.

    Takes the file's path and the names of the policies and toolchains that exist.
    Raises UserError if the file cannot be read or anything in it is wrong.
    """
    try:
        text = _bytes(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is no path"
        hint = "name the file with --file, and see that you may read it"
        raise UserError(f"{path}: cannot be read: {reason}", hint=hint) from None
    return parse(text, path, policies=policies, toolchains=toolchains)


def _bytes(path: Path) -> bytes:
    """Return a regular file's bytes, at most one more than are allowed; a FIFO would wait for ever."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise UserError(f"{path}: is {kind}", hint="name a matrix.yaml with --file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse(text: bytes, path: Path, *, policies: Collection[str], toolchains: Collection[str]) -> Matrix:
    """Return the matrix that a text holds.

    Takes the text, the path it is from (files named in it are relative to that one's folder, and must exist)
    and the names of the policies and toolchains that exist. Raises UserError with every problem in `details`.
    """
    document = yamltext.read(text)
    found: dict[Problem, None] = {}
    for problem in _problems(document, path.parent, policies, toolchains):
        found[problem] = None
        if len(found) > MAX_PROBLEMS:
            break
    if found:
        raise _refusal(path, list(found))
    return _Builder(document, path).matrix(hashlib.sha256(text).hexdigest())


def _problems(
    document: Document, folder: Path, policies: Collection[str], toolchains: Collection[str]
) -> Iterator[Problem]:
    yield from document.problems
    if document.whole:
        yield from matrix_words.problems(document)
        yield from matrix_check.problems(document, folder, policies=policies, toolchains=toolchains)


def _refusal(path: Path, found: Sequence[Problem]) -> UserError:
    shown = sorted(found[:MAX_PROBLEMS], key=lambda problem: (problem.line, problem.message))
    more = len(found) > MAX_PROBLEMS
    count = f"more than {MAX_PROBLEMS}" if more else str(len(found))
    lines = [f"{path}:{problem.line}: {problem.message}" for problem in shown]
    return UserError(
        f"{path.name}: {count} problem{'' if len(found) == 1 else 's'}",
        details="\n".join(lines + ["(the rest is not listed)"] * more),
        hint=_HINT,
    )


def select(cells: Iterable[Cell], patterns: str) -> tuple[Cell, ...]:
    """Return the cells whose names, or beginnings of names, one of the globs (with commas) matches, in the order given.

    Raises UserError, with the nearest names, for a glob that matches none.
    """
    given, chosen = tuple(cells), set[str]()
    for pattern in patterns.split(","):
        found = {cell.name for cell in given if matches(cell.name, pattern)}
        if not found:
            raise _no_cell(given, pattern)
        chosen |= found
    return tuple(cell for cell in given if cell.name in chosen)


def _no_cell(given: Iterable[Cell], pattern: str) -> UserError:
    near = [f"  {name}" for name in _near([cell.name for cell in given], pattern[:300])]
    return UserError(
        f"no cell matches '{short(pattern)}'",
        details="\n".join(["the nearest are:", *near]) if near else "there are no cells",
        hint="`./inv plan` lists every cell; quote a glob, so that the shell leaves it alone",
    )


def _near(names: Iterable[str], pattern: str) -> list[str]:
    parts = [name.split("/") for name in names]
    ends = range(1, len(AXES) + 1)
    beginnings = list(dict.fromkeys("/".join(part[:end]) for part in parts for end in ends))
    return difflib.get_close_matches(pattern, beginnings, n=5, cutoff=0.4) or beginnings[:5]


def expectation(cell: Cell, expectations: Iterable[Expectation]) -> Expectation | None:
    """Return the last expectation whose glob matches a cell as `select` would, or None; raises nothing."""
    last = None
    for candidate in expectations:
        if matches(cell.name, candidate.cells):
            last = candidate
    return last


class _Builder:
    """Makes model values of a document in which no problem was found."""

    def __init__(self, document: Document, path: Path) -> None:
        self._document = document
        self._path = path
        data = document.data
        self._sources = {name: self._source(name, entry) for name, entry in data["sources"].items()}
        self._variants = {name: self._variant(name, entry) for name, entry in data["variants"].items()}
        self._configs = {name: self._config(name, entry) for name, entry in data["configs"].items()}
        self._machines = {name: _machine(name, entry) for name, entry in data["machines"].items()}

    def matrix(self, digest: str) -> Matrix:
        data = self._document.data
        return Matrix(
            path=self._path,
            digest=digest,
            cells=tuple(self._cell(*parts) for parts in dict.fromkeys(_product(data["cells"]))),
            expectations=tuple(self._expectation(at, row) for at, row in enumerate(data.get("expect", ()))),
            controls=tuple(
                Control(cell=self._cell(*row["cell"].split("/")), reaches=Ladder(row["reaches"]))
                for row in data["controls"]
            ),
            intent=_intent(data["intent"]) if "intent" in data else None,
            targets=Targets(data.get("targets", Targets.INTENT)), machines=tuple(self._machines.values()),
            variants=tuple(self._variants.values()), configs=tuple(self._configs.values()),
        )  # fmt: skip

    def _paths(self, texts: Iterable[str]) -> tuple[Path, ...]:
        return tuple(self._path.parent / text for text in texts)

    def _source(self, name: str, entry: Mapping[str, Any]) -> Source:
        if "directory" in entry:
            return DirectorySource(name=name, path=self._path.parent / entry["directory"])
        if "git" in entry:
            url = entry["git"]["url"]
            where = str(self._path.parent / url) if is_local(url) else url
            return GitSource(name=name, url=where, ref=entry["git"]["ref"])
        if "tarball" in entry:
            url = entry["tarball"]["url"]
            where = url if "://" in url else str(self._path.parent / url)
            return TarballSource(name=name, location=where, sha256=entry["tarball"]["sha256"])
        debian = entry["debian"]
        requires = tuple(debian.get("requires", ()))
        return DebianSource(name=name, suite=debian["suite"], package=debian["package"], requires=requires)

    def _variant(self, name: str, entry: Mapping[str, Any]) -> Variant:
        patches = tuple(
            GitRange(self._path.parent / one["git"], one["range"]) if isinstance(one, dict) else self._path.parent / one
            for one in entry.get("patches", ())
        )
        return Variant(name=name, source=self._sources[entry["source"]], patches=patches)

    def _config(self, name: str, entry: Mapping[str, Any]) -> Config:
        base = DebianConfig(**entry["debian"]) if "debian" in entry else self._path.parent / entry["base"]
        slim = self._path.parent / entry["slim"] if "slim" in entry else None
        return Config(name=name, base=base, fragments=self._paths(entry.get("fragments", ())), slim=slim)

    def _cell(self, variant: str, config: str, policy: str, toolchain: str, machine: str) -> Cell:
        return Cell(
            variant=self._variants[variant],
            config=self._configs[config],
            policy=policy,
            toolchain=toolchain,
            machine=self._machines[machine],
        )

    def _expectation(self, at: int, row: Mapping[str, Any]) -> Expectation:
        return Expectation(
            cells=row["cells"],
            where=f"{self._path}:{self._document.line(('expect', at))}",
            ladder=Ladder(row["ladder"]) if "ladder" in row else None,
            outcome=Outcome(row["outcome"]) if "outcome" in row else None,
            loudness=Loudness(row["loudness"]) if "loudness" in row else None,
            failure_class=row.get("class"),
        )


def _product(blocks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield the names of each block's cells; repeats go first, for the limit on cells left them out."""
    for block in blocks:
        yield from product(*(dict.fromkeys(block[axis]) for axis in AXES))


def _intent(entry: Mapping[str, Any]) -> Intent:
    symbols = {symbol: Ladder(rung) for symbol, rung in entry.get("symbols", {}).items()}
    if entry["name"] == intent.HYPERV.name:
        symbols = {**dict(intent.HYPERV.symbols), **symbols}
    return Intent(name=entry["name"], symbols=tuple(symbols.items()))


def _machine(name: str, entry: Mapping[str, Any]) -> Machine:
    given = {key: entry[key] for key in ("memory", "cpus", "chipset", "firmware") if key in entry}
    hyperv, devices, cpu = (tuple(entry.get(key, ())) for key in ("hyperv", "devices", "cpu"))
    return Machine(name=name, hyperv=hyperv, devices=devices, cpu=cpu, **given)
