"""Takes each rule of the judge away, or turns it round, and finds the test that notices.

    python -m tests.mutants [MODULE ...]    writes docs/mutants.md, or tells of some modules alone

A rule is a condition, one operand of an `and` or `or`, or a row of a table. A mutant that no test notices is a rule
that could go, or a test that is missing.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mutants.md"
JUDGE = ("verdict", "observe", "postmortem", "proof", "dmesg", "flags", "hyperv", "intent")
TESTS = tuple(f"tests/test_{name}.py" for name in (
    "golden", "verdict", "observe", "observe_rules", "postmortem", "flags", "hyperv", "intent", "proof", "machines",
    "artifact", "hostile_frames", "verdict_causes",
))  # fmt: skip
SECONDS = 120  # a mutant may loop for ever; that is noticed too
SHOWN = 100
SURVIVED = "no test"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one rule changed: its name, the rule's line and text, what was done to it, and the new text."""

    module: str
    line: int
    rule: str
    change: str
    text: str


def mutants(module: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a module's text; each differs from it in one rule."""
    tree = ast.parse(text)
    for node in list(ast.walk(tree)):
        for rule, change in _changes(node):
            line = getattr(node, "lineno", 0) or getattr(getattr(node, "target", None), "lineno", 0)
            yield Mutant(module, line, rule, change, ast.unparse(ast.fix_missing_locations(tree)))


def _changes(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Change a node in each way, and tell of it while it is so; in the end it is as it was."""
    if isinstance(node, ast.If | ast.IfExp):
        test = node.test
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            return
        for change, other in (("never", ast.Constant(value=False)), ("inverted", ast.UnaryOp(ast.Not(), test))):
            node.test = other
            yield ast.unparse(test), change
        node.test = test
    rows = _rows(node)
    for index in range(len(rows[0]) if rows else 0):
        taken = [row.pop(index) for row in rows]
        yield ": ".join(ast.unparse(one) for one in taken), "without"
        for row, one in zip(rows, taken, strict=True):
            row.insert(index, one)


def _rows(node: ast.AST) -> list[list[ast.expr]]:
    """The lists in a node of which one item may go: of a dict, its keys and its values."""
    if isinstance(node, ast.BoolOp):
        return [node.values]
    if isinstance(node, ast.comprehension):
        return [node.ifs]
    if isinstance(node, ast.Set):
        return [node.elts]
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        return [[key for key in node.keys if key], node.values] if all(node.keys) else []
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        return [node.elts] if all(isinstance(one, ast.Tuple) and one.elts for one in node.elts) else []
    return []


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a mutant to whoever imports its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Of the one module alone."""
        return importlib.util.spec_from_loader(name, self) if name == f"pipeline.{self.mutant.module}" else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed text."""
        exec(compile(self.mutant.text, f"{self.mutant.module} (mutant)", "exec"), module.__dict__)  # noqa: S102 - ours


class _First:
    """Notes the first test that failed."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test."""
        if report.failed and not self.name:
            self.name = report.nodeid.replace("tests/", "", 1)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot even be imported."""
        if report.failed and not self.name:
            self.name = f"{report.nodeid.replace('tests/', '', 1)}, at its import"


def noticed(mutant: Mutant, tests: Sequence[str] = TESTS) -> str:
    """The first test that fails with a mutant; SURVIVED where none does. Run in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _run(mutant, tests, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"no end within {SECONDS} s" if os.WTERMSIG(status) == signal.SIGALRM else "the death of the tests"
    return told


def _run(mutant: Mutant, tests: Sequence[str], writing: int) -> None:
    """The child: all that was imported of the pipeline is forgotten, so that everyone gets the mutant."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    for name in [name for name in sys.modules if name.partition(".")[0] in {"pipeline", "tests"}]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changed(mutant))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    first = _First()
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=[first])
    told = first.name or (SURVIVED if status == pytest.ExitCode.OK else f"pytest's status {int(status)}")
    os.write(writing, told.encode())
    os._exit(0)


def main(modules: Sequence[str]) -> int:
    """Try all mutants of some modules; of all, write the page. 1 when one survived."""
    rows, survivors = [], 0
    every = [
        one
        for module in modules or JUDGE
        for one in mutants(module, (ROOT / "pipeline" / f"{module}.py").read_text(encoding="utf-8"))
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # each waits for a process
        for one, by in zip(every, pool.map(noticed, every), strict=True):
            survivors += by == SURVIVED
            rows.append(row(one, by))
            sys.stdout.write(f"{one.module}.py:{one.line}: {one.change}: {one.rule[:SHOWN]}: {by}\n")
            sys.stdout.flush()
    if not modules:
        PAGE.write_text(page(rows, survivors), encoding="utf-8")
    sys.stdout.write(f"{len(rows)} mutants, {survivors} survived\n")
    return int(survivors > 0)


def row(one: Mutant, by: str) -> str:
    """A row of the page's table."""
    rule = one.rule if len(one.rule) <= SHOWN else f"{one.rule[:SHOWN]}..."
    shown = rule.replace("|", "\\|").replace("`", "'")
    return f"| {one.module} | `{shown}` | {one.change} | {by.partition('[')[0]} |"


def page(rows: Sequence[str], survivors: int) -> str:
    """The page with all rows."""
    head = (
        "# The judge's rules, each taken away or turned round\n\n"
        "Written by `.venv/bin/python -m tests.mutants`. A rule is a condition, one operand of an `and` or `or`,\n"
        "or a row of a table. `never` makes a condition false, `inverted` turns it round, `without` takes an\n"
        "operand or a row out. The last column is the first test that failed then.\n"
        f"{len(rows)} mutants, {survivors} of them noticed by no test.\n\n"
        "| module | rule | change | noticed by |\n|---|---|---|---|\n"
    )
    return head + "".join(f"{row}\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
